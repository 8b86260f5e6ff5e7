"""One round: look what is wrong, write it down, and tell each address what is news to it."""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import PeeweeException

from database.clock import now
from panel.alerts import book, conditions, message, notify, record
from panel.alerts.book import Alert, Pace, Report
from panel.alerts.kinds import Look
from panel.alerts.message import Message
from settings import Settings

log = logging.getLogger("panel.alerts")

Send = Callable[[str, Message], str]
"""Sends a message to an address; why it was not taken, or ""."""


def _seconds() -> int:
    return time.monotonic_ns() // 10**9


class Teller:
    """Tells the addresses of the settings, and lets those rest that take nothing.

    clock: in seconds, for the pauses: one that nobody puts forward or back.
    """

    def __init__(
        self,
        settings: Settings,
        pace: Pace,
        send: Send = notify.send,
        clock: Callable[[], int] = _seconds,
    ) -> None:
        self._settings = settings
        self._pace = pace
        self._send = send
        self._clock = clock
        self._serving_since = clock()
        self._failures: dict[str, int] = {}
        self._rests_until: dict[str, int] = {}
        self._unrecorded_again_at: int | None = None

    def run_round(self, stop: threading.Event) -> int:
        """Look and tell, unless another process is doing so.

        :param stop: once it is set, no further address is told.
        :returns: after how many seconds the next round is due.
        :raises PeeweeException: if nothing can be recorded; that was told then.
        """
        with _alone(self._settings.database) as alone:
            if not alone:
                return self._pace.every_s
            look = conditions.look(self._settings, self._clock() - self._serving_since)
            try:
                record.correct_times()
                known = record.known(self._pace)
                record.write(book.changes(known, look, now(), self._pace))
                known = record.known(self._pace)
            except PeeweeException as error:
                self._tell_unrecorded(look, str(error), stop)
                raise
            for address in self._settings.notify:
                if not stop.is_set():
                    self._tell(address, known)
        moment = now()
        settles = [a for a in known if a.ended_at is None and not self._is_settled(a, moment)]
        return self._pace.settle_s if settles else self._pace.every_s

    def _is_settled(self, alert: Alert, moment: int) -> bool:
        return alert.began_at <= moment - self._pace.settle_s

    def _tell_unrecorded(self, look: Look, why: str, stop: threading.Event) -> None:
        """Tell once a day that nothing can be recorded, as on a full disk, and what is wrong."""
        again_at = self._unrecorded_again_at
        if again_at is not None and self._clock() < again_at:
            return
        self._unrecorded_again_at = self._clock() + self._pace.again_s
        news = message.write_unrecorded(self._settings, look.conditions, why)
        for address in self._settings.notify:
            if not stop.is_set() and (problem := self._send(address, news)):
                log.warning("%s took no message: %s", notify.label(address), problem)

    def _tell(self, address: str, known: list[Alert]) -> None:
        """Tell an address what is news to it, unless it rests."""
        rests_until = self._rests_until.get(address)
        if rests_until is not None and self._clock() < rests_until:
            return
        news = self._news(address, known)
        if not news:
            return
        if problem := self._send(address, message.write(self._settings, news)):
            self._pause(address, problem)
            return
        record.write_told(address, news)
        if self._failures.pop(address, 0):
            log.info("%s takes messages again", notify.label(address))

    def _news(self, address: str, known: list[Alert]) -> list[Report]:
        tellings = record.tellings(address)
        found = []
        for alert in known:
            telling = tellings.get(alert.id)
            if news := book.news(alert, telling, now(), self._pace, not tellings):
                more = alert.arrivals - telling.arrivals if telling else 0
                found.append(Report(alert, news, more))
        return found

    def _pause(self, address: str, problem: str) -> None:
        failures = self._failures.get(address, 0) + 1
        pause_s = book.pause_s(failures, self._pace)
        self._failures[address] = failures
        self._rests_until[address] = self._clock() + pause_s
        log.warning(
            "%s took no message: %s; next try in %d s", notify.label(address), problem, pause_s
        )


@contextmanager
def _alone(database: Path) -> Iterator[bool]:
    """Whether no other process tells anything now; none does while this is held."""
    lock = os.open(f"{database}.alerts", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)
