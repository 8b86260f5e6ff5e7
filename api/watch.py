"""The server's look at the worker: one that is late cannot tell so itself.

Each of gunicorn's worker processes has a thread that looks. While the worker is late, one of them
does its rounds of alerts: panel/alerts/rounds.py sees to it that only one does.
"""

import logging
import threading
import time

from peewee import PeeweeException

from api.context import settings_of
from database.connection import disconnect
from panel import health
from panel.alerts.book import Pace
from panel.alerts.rounds import Teller
from settings import Settings

log = logging.getLogger("panel.watch")

EVERY_S = 30
USUAL = Pace()


def start_for(app: object) -> None:
    """Begin to look, on the settings of the app that gunicorn serves, if it is the panel."""
    if (settings := settings_of(app)) is not None:
        start(settings)


def start(
    settings: Settings, every_s: float = EVERY_S, pace: Pace = USUAL
) -> tuple[threading.Thread, threading.Event]:
    """Begin to look, in a thread that ends with the process, or when the event is set."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_watch, args=(settings, every_s, pace, stop), name="watch", daemon=True
    )
    thread.start()
    return thread, stop


def _watch(settings: Settings, every_s: float, pace: Pace, stop: threading.Event) -> None:
    teller = Teller(settings, pace)
    began = time.monotonic()
    wait_s = every_s
    while not stop.wait(wait_s):
        wait_s = every_s
        try:
            if health.is_worker_late(int(time.monotonic() - began)):
                wait_s = min(teller.run_round(stop), every_s)
        except PeeweeException as error:
            log.warning("the worker was not looked at: the database refused: %s", error)
        except Exception:
            log.exception("the worker was not looked at: an internal error")
        finally:
            disconnect()
