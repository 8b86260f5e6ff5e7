"""flask worker: the process that sends orders to providers and polls their status."""

import contextlib
import logging
import os
import signal
import threading
from functools import partial

import click
from tqdm.contrib.logging import logging_redirect_tqdm

from api.context import current_settings
from cli.common import Command
from panel.providers import policy
from upstream import connect
from worker.beside import beside
from worker.lane import Pace
from worker.loop import run

NICENESS = 5
"""On a busy machine the server comes first: a customer waits for its answer."""


@click.command("worker", cls=Command)
def command() -> None:
    """Send orders to providers and poll their status, until stopped.

    After SIGTERM or Ctrl-C it finishes and records the requests under way, then ends.
    """
    settings = current_settings()
    with contextlib.suppress(OSError):  # where it may not, as under systemd, the unit says so
        os.nice(NICENESS)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    pace = Pace(
        poll_every_s=settings.status_seconds,
        sync_prices_every_s=settings.prices_minutes * 60,
        currency=settings.currency,
        policy=policy.from_settings(settings),
        hold_s=settings.refusal_minutes * 60,
    )
    with logging_redirect_tqdm():
        run(
            settings.database,
            lambda row: connect(row, settings),
            pace,
            stop,
            partial(beside, settings),
        )
