"""How gunicorn serves the panel: gunicorn -c gunicorn.conf.py 'app:create_app()'."""

import os
from pathlib import Path

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

wsgi_app = "app:create_app()"
bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT', '8000')}"

# Two processes use the second core where there is one. Of eight threads, some answer while the
# others wait for the disk; slow clients occupy none of them.
worker_class = "api.server.worker.PanelWorker"
workers = int(os.environ.get("WEB_CONCURRENCY") or "2")
if workers < 1:
    raise SystemExit(
        f"panel: WEB_CONCURRENCY is {workers}: write the number of processes, 1 or more"
    )
threads = 8
keepalive = 15

# Loaded once: a wrong setting is told once, and the workers share the code's memory and the
# counters of the rate limit.
preload_app = True
# A stopped server finishes the requests in flight.
graceful_timeout = 30
timeout = 60
# An answer is sent from memory, piece by piece as the client reads it.
sendfile = False
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True

# A GET may carry a link of 2048 characters, percent-encoded.
limit_request_line = 8190

logger_class = "api.logs.TextLogger"
if os.environ.get("PANEL_LOG_FORMAT") == "json":
    logger_class = "api.logs.JsonLogger"
accesslog = "-"
# The path without the query, for the query may hold a key; no header either, but the request's id,
# which is well formed. Then the number of the account that asked.
access_log_format = (
    '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s %(L)ss %({panel.request_id}e)s %({panel.account}e)s'
)


# The panel's modules can be imported only when gunicorn has gone into their folder.


def on_starting(server: Arbiter) -> None:
    """Keep keys out of both logs, and HTML out of the answers."""
    from api.server import hooks

    hooks.protect_output()


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Let a worker that has only just begun obey a stop, and tell it who opened the socket."""
    from api.server import hooks

    hooks.obey_early_stop(server, worker)
    worker.keeps_listening = server.systemd


def post_worker_init(worker: Worker) -> None:
    """Look at the panel's worker from here: one that ended cannot tell so itself."""
    from api import watch

    watch.start_for(worker.wsgi)


def on_exit(server: Arbiter) -> None:
    """Leave the database in one file, which can be copied and moved."""
    from database.connection import fold_log

    fold_log()
