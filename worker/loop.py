"""The worker's main loop: one lane for each provider, and what concerns no provider.

A second worker on the same database waits until the first one ends.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO

from database import driver, unavailable
from models import Provider as ProviderRow
from panel import heartbeat
from panel.orders import dispatch, dripfeed, exchanges
from panel.providers import registry
from upstream.provider import Provider
from worker import outages
from worker.lane import Lane, Pace
from worker.outages import Record
from worker.vitals import Pulse, Vitals

log = logging.getLogger("panel.worker")

OpenLane = tuple[Lane, threading.Event]
"""A lane, and what stops it."""

LOOP_S = 2
"""How often new and removed providers are looked for, drip-feeds moved on, and orders given up
whose refusal nobody decided on in time."""

FORGET_EVERY_S = 3600
"""How often what was sent and answered long ago is deleted."""

Beside = Callable[[threading.Event, Vitals], AbstractContextManager[None]]
"""Does things beside the lanes, until the event is set or the context ends."""


def run(
    database: Path,
    make: Callable[[ProviderRow], Provider],
    pace: Pace,
    stop: threading.Event,
    beside: Beside = lambda stop, vitals: nullcontext(),
) -> None:
    """Serve all providers until `stop` is set, then finish the requests under way.

    :param database: the file, whose worker is to be the only one.
    :param make: gives the provider behind a row.
    :param beside: what is done meanwhile, by the only worker alone.
    """
    with _as_only_worker(database, stop) as first:
        if not first:
            return
        if fault := driver.fault():
            log.warning(fault)
        # A lane that is closed before the worker is stopped waits until its answers are recorded.
        record = outages.patiently(stop)
        open_lane = partial(_open, make, pace, record)
        lanes: dict[int, OpenLane] = {}
        vitals = Vitals()
        # What a worker left is seen to before this one sends anything.
        while not (_try("recovery", _recover, vitals.loop) or stop.is_set()):
            stop.wait(LOOP_S)
        steps: dict[str, Callable[[], object]] = {
            "heartbeat": heartbeat.record_alive,
            "lanes": partial(_open_and_close, lanes, open_lane),
            "drip-feeds": partial(dripfeed.run_due, pace.poll_every_s),
            "held orders": dispatch.expire_held,
            "old answers": Seldom(exchanges.forget_old, FORGET_EVERY_S),
        }
        log.info("the worker is ready")
        try:
            with beside(stop, vitals):
                while not stop.is_set():
                    for name, step in steps.items():
                        _try(name, step, vitals.loop)
                    vitals.turn({lane.row.name: lane.pulse for lane, _ in lanes.values()})
                    stop.wait(LOOP_S)
        finally:
            for _, lane_stop in lanes.values():
                lane_stop.set()
            for lane, _ in lanes.values():
                lane.join()
        log.info("the worker has stopped")


class Seldom:
    """A step of the loop that is taken now and then, and at once again until nothing is left."""

    def __init__(self, step: Callable[[], int], every_s: int) -> None:
        """Begin.

        :param step: tells how much it did.
        """
        self._step = step
        self._every_s = every_s
        self._next_at = 0.0

    def __call__(self) -> None:
        """Take the step if it is time."""
        if time.monotonic() >= self._next_at and not self._step():
            self._next_at = time.monotonic() + self._every_s


def _try(name: str, step: Callable[[], object], pulse: Pulse) -> bool:
    """Do one step of the loop, which goes on whatever comes of it; tell whether it was done."""
    try:
        step()
    except Exception as error:
        pulse.failed(name)
        outages.survive(error, name)
        return False
    pulse.went_well(name)
    return True


def _recover() -> None:
    if left := dispatch.recover_interrupted():
        log.warning("%d orders were being sent when a worker ended", left)


def _open(
    make: Callable[[ProviderRow], Provider], pace: Pace, record: Record, row: ProviderRow
) -> OpenLane:
    stop = threading.Event()
    return Lane(row, make(row), pace, stop, record), stop


def _open_and_close(
    lanes: dict[int, OpenLane], open_lane: Callable[[ProviderRow], OpenLane]
) -> None:
    """A lane for each provider that there is now, with its present address and key."""
    rows = {row.id: row for row in registry.listing()}
    for provider_id, (lane, lane_stop) in list(lanes.items()):
        if rows.get(provider_id) is None or _differ(rows[provider_id], lane.row):
            lane_stop.set()
            lane.join()
            del lanes[provider_id]
    for provider_id, row in rows.items():
        if provider_id not in lanes:
            lanes[provider_id] = open_lane(row)


def _differ(row: ProviderRow, other: ProviderRow) -> bool:
    fields = ("name", "url", "key", "requests_per_minute", "currency", "exchange_ppt")
    return any(getattr(row, name) != getattr(other, name) for name in fields)


@contextmanager
def _as_only_worker(database: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the database's worker lock; wait for it, as long as nobody stops us."""
    lock = _open_lock(Path(f"{database}.worker"), stop)
    if lock is None:
        yield False
        return
    with lock:
        yield _take(lock, stop)


def _open_lock(path: Path, stop: threading.Event) -> IO[str] | None:
    """The file of the lock; None if `stop` is set before the disk has room for it."""
    while not stop.is_set():
        try:
            private = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            return os.fdopen(private, "w")
        except OSError as error:
            if unavailable.reason(error) is None:
                raise
            outages.survive(error, "the worker's lock")
            stop.wait(LOOP_S)
    return None


def _take(lock: IO[str], stop: threading.Event) -> bool:
    """Wait for the lock until it is ours, or `stop` is set."""
    told = False
    while not stop.is_set():
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                log.warning("another worker serves this database; waiting for its end")
                told = True
            stop.wait(1)
        else:
            return True
    return False
