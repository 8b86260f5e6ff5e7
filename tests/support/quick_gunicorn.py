"""gunicorn.conf.py, with a look at the worker each second."""

import runpy
from pathlib import Path

from gunicorn.workers.base import Worker

globals().update(runpy.run_path(str(Path(__file__).parent.parent.parent / "gunicorn.conf.py")))


def post_worker_init(worker: Worker) -> None:
    from api import watch
    from api.context import current_settings
    from panel.alerts.book import Pace

    with worker.wsgi.app_context():
        watch.start(current_settings(), 1, Pace(every_s=1, settle_s=1, gone_s=2))
