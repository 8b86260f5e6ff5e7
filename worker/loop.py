"""The worker's main loop: one lane for each provider, and what concerns no provider.

A second worker on the same database waits until the first one ends.
"""

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from database import driver
from models import Provider as ProviderRow
from panel import heartbeat
from panel.orders import dispatch, dripfeed
from panel.providers import registry
from upstream.provider import Provider
from worker.lane import Lane, Pace

log = logging.getLogger("panel.worker")

LOOP_S = 2
"""How often new and removed providers are looked for, drip-feeds moved on, and orders given up
whose refusal nobody decided on in time."""


def run(
    database: Path,
    make: Callable[[ProviderRow], Provider],
    pace: Pace,
    stop: threading.Event,
) -> None:
    """Serve all providers until `stop` is set, then finish the requests under way.

    :param database: the file, whose worker is to be the only one.
    :param make: gives the provider behind a row.
    """
    with _as_only_worker(database, stop) as first:
        if not first:
            return
        if left := dispatch.recover_interrupted():
            log.warning("%d orders were being sent when a worker ended", left)
        if fault := driver.fault():
            log.warning(fault)
        log.info("the worker is ready")
        lanes: dict[int, tuple[Lane, threading.Event]] = {}
        try:
            while not stop.is_set():
                heartbeat.record_alive()
                _open_and_close(lanes, make, pace)
                dripfeed.run_due(pace.poll_every_s)
                dispatch.expire_held()
                stop.wait(LOOP_S)
        finally:
            for _, lane_stop in lanes.values():
                lane_stop.set()
            for lane, _ in lanes.values():
                lane.join()
        log.info("the worker has stopped")


def _open_and_close(
    lanes: dict[int, tuple[Lane, threading.Event]],
    make: Callable[[ProviderRow], Provider],
    pace: Pace,
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
            lane_stop = threading.Event()
            lanes[provider_id] = (Lane(row, make(row), pace, lane_stop), lane_stop)


def _differ(row: ProviderRow, other: ProviderRow) -> bool:
    fields = ("url", "key", "requests_per_minute", "currency", "exchange_ppt")
    return any(getattr(row, name) != getattr(other, name) for name in fields)


@contextmanager
def _as_only_worker(database: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the database's worker lock; wait for it, as long as nobody stops us."""
    private = os.open(f"{database}.worker", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(private, "w") as lock:
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
                yield True
                return
        yield False
