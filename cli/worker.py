"""flask worker: the process that sends orders to providers and polls their status."""

import contextlib
import logging
import os
import signal
import threading
import time
from functools import partial
from typing import Any

import click
from tqdm.contrib.logging import logging_redirect_tqdm

from api import logs
from api.context import current_settings
from cli.common import Command
from database import unavailable
from database.connection import DatabaseError, close_database, database
from database.migrate import open_database
from panel.providers import policy
from settings import Settings
from upstream import connect
from worker import outages
from worker.beside import beside
from worker.lane import Pace
from worker.loop import run

log = logging.getLogger("panel.worker")

RETRY_S = 2
NICENESS = 5
"""On a busy machine the server comes first: a customer waits for its answer."""


class _PatientCommand(Command):
    """A command that logs, and waits for a database that cannot be used for now."""

    def invoke(self, ctx: click.Context) -> Any:
        """Wait until the database can be opened, as it cannot be on a disk that is quite full."""
        settings = current_settings()
        logs.configure(settings.log_format, settings.command)
        while database.deferred and not _can_open(settings):
            time.sleep(RETRY_S)
        return super().invoke(ctx)


def _can_open(settings: Settings) -> bool:
    """Whether the database can be opened, or can not for a reason that waiting does not end."""
    try:
        for line in open_database(settings.database, settings.synchronous):
            log.info(line)
    except DatabaseError as error:
        is_outage = unavailable.reason(error) is not None and outages.survive(error, "a start")
        return not is_outage
    finally:
        close_database()
        database.init(None)  # the app opens it, and tells what is wrong with it otherwise
    return True


@click.command("worker", cls=_PatientCommand)
def command() -> None:
    """Send orders to providers and follow them, until stopped.

    After SIGTERM or Ctrl-C it finishes and records the requests under way, then ends.
    """
    settings = current_settings()
    with contextlib.suppress(OSError):  # where it may not, as under systemd, the unit says so
        os.nice(NICENESS)
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
