"""`flask worker` with alerts and pings in seconds instead of minutes; run as a program."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from flask.cli import main

import cli.worker
from panel.alerts.book import Pace
from worker.beside import beside

QUICK = Pace(every_s=1, settle_s=1, gone_s=1, longest_gone_s=2, first_pause_s=1, longest_pause_s=1)

if __name__ == "__main__":
    quick = partial(beside, pace=QUICK, ping_every_s=0.2, late_s=3)
    cli.worker.beside = quick  # type: ignore[attr-defined]
    sys.argv = ["flask", "worker"]
    main()
