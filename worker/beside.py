"""What the worker does beside its lanes, each in a thread of its own: they never wait for it."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from peewee import PeeweeException

from panel import ledger_check, sums
from panel.alerts import notify
from panel.alerts.book import Pace
from panel.alerts.rounds import Teller
from panel.operations import backups
from panel.orders import link_index
from settings import Settings
from worker import ping
from worker.ping import Pinger
from worker.vitals import Vitals

log = logging.getLogger("panel.worker")

LOOK_EVERY_S = 5
"""How often it is looked whether a task of the panel's own is due, or asked for."""
PAUSE_S = 0.5
"""How long others may write between two weeks that are summed up."""
INDEX_EVERY_S = 5
"""How often it is looked which links the search does not have yet."""
INDEX_PAUSE_S = 0.05
"""For so long others write between two batches of links: there are many after an upgrade."""
AFTER_ERROR_S = 60
LOWEST_PRIORITY = 19

Turn = Callable[[threading.Event], float]
"""Does something once; after how many seconds it is to be done again."""


@contextlib.contextmanager
def beside(
    settings: Settings,
    stop: threading.Event,
    vitals: Vitals,
    pace: Pace = Pace(),  # noqa: B008
    ping_every_s: float = ping.EVERY_S,
    late_s: float = ping.LATE_S,
) -> Iterator[None]:
    """Tell alerts, ping, index links, and check the ledger at night, until `stop` is set.

    :param late_s: a loop that did not turn for longer hangs, beside the time of one request.
    """
    if settings.notify and not notify.is_installed():
        log.warning(notify.MISSING)
    # A message under way is finished and recorded, or it would be sent again.
    tell = _start("alerts", Teller(settings, pace).run_round, stop)
    _start("own tasks", partial(_do_own_tasks, settings.database), stop)
    index = _start("link search", _index_links, stop)
    if settings.ping_url:
        problem = partial(vitals.problem, late_s + settings.provider_timeout)
        _start("ping", Pinger(settings.ping_url, problem, ping_every_s).turn, stop)
    try:
        yield
    finally:
        stop.set()
        tell.join()
        index.join()
        ledger_check.remove_copy(settings.database)


def _start(name: str, turn: Turn, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=_repeat, args=(name, turn, stop), name=name, daemon=True)
    thread.start()
    return thread


def _repeat(name: str, turn: Turn, stop: threading.Event) -> None:
    """Do something again and again until `stop` is set, whatever goes wrong with it."""
    while not stop.is_set():
        try:
            wait_s = turn(stop)
        except PeeweeException as error:
            log.warning("%s: the database refused: %s", name, error)
            wait_s = AFTER_ERROR_S
        except Exception:
            log.exception("%s: an internal error", name)
            wait_s = AFTER_ERROR_S
        stop.wait(wait_s)


def _do_own_tasks(database: Path, stop: threading.Event) -> float:
    """Check the ledger, write a copy, and sum up what is over, as far as each is due.

    SQLite lets other threads run meanwhile.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
    ledger_check.remove_copy(database)
    ledger_check.run_if_due(database)
    backups.back_up_if_wanted(database)
    is_more = sums.sum_next()
    return PAUSE_S if is_more else LOOK_EVERY_S


def _index_links(stop: threading.Event) -> float:
    """Add links to the search's index; soon again where more of them wait."""
    return INDEX_PAUSE_S if link_index.index_next() else INDEX_EVERY_S
