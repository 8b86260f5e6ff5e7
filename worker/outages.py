"""The database cannot be used for now, mostly because the disk is full: waiting, and telling it.

What a provider has answered is kept in memory meanwhile, and recorded as soon as that is possible.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from database import unavailable

log = logging.getLogger("panel.worker")

T = TypeVar("T")

TOLD_EVERY_S = 60
RETRY_S = 1


class Record(Protocol):
    """Runs the write that records what came of a request; `told` says that for the log."""

    def __call__(self, write: Callable[[], T], told: str) -> T:
        """Run the write, and return what it returned."""


class _Told:
    """What was logged lately, and how often each reason came since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next_at: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def count(self, reason: str) -> int:
        """Count it: how often it came since it was told, if it is to be told now, else 0."""
        with self._lock:
            count = self._counts[reason] = self._counts.get(reason, 0) + 1
            if time.monotonic() < self._next_at.get(reason, 0):
                return 0
            self._next_at[reason] = time.monotonic() + TOLD_EVERY_S
            self._counts[reason] = 0
            return count


_told = _Told()


def survive(error: Exception, what: str) -> bool:
    """Log an error after which the worker goes on: each once a minute, whatever repeats it.

    To be called where the error is handled.

    :param what: what failed, for an error that nobody foresaw.
    :returns: whether the database cannot be used for now, so that a pause is all that helps.
    """
    reason = unavailable.reason(error)
    if reason is not None:
        if count := _told.count(reason):
            tries = "1 try" if count == 1 else f"{count} tries"
            log.error("%s (%s since this was last told); the worker waits", reason, tries)
    elif _told.count(f"{what}: {error!r}"):
        log.exception("%s: an internal error in the worker", what)
    return reason is not None


def at_once(write: Callable[[], T], told: str) -> T:
    """Record without waiting for anything."""
    return write()


def patiently(stop: threading.Event) -> Record:
    """Record as soon as the database can be written, until `stop` is set and one more try fails.

    What could not be recorded then is in the log; its order is in doubt at the next start.
    """

    def record(write: Callable[[], T], told: str) -> T:
        while True:
            is_last = stop.is_set()
            try:
                return write()
            except Exception as error:
                if unavailable.reason(error) is None:
                    raise
                survive(error, told)
                if is_last:
                    log.error("not recorded, for the worker is stopped: %s", told)
                    raise
            stop.wait(RETRY_S)

    return record
