"""The worker: sends what waits, asks for what is due, one lane a provider.

A provider that is down pauses its own lane only. A second worker on the same database waits
until the first one ends.
"""

import fcntl
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from database.connection import close_database
from models import Provider as ProviderRow
from panel import heartbeat
from panel.errors import OperatorError
from panel.orders import dispatch, dripfeed, status_sync
from panel.providers import price_sync, registry
from panel.providers.changes import describe
from upstream import vocabulary
from upstream.provider import OutcomeUnknown, Provider, ProviderRejected, ProviderUnreachable
from worker import poll, send

log = logging.getLogger("panel.worker")

CONNECTIONS = 4
"""Requests under way at once, for each provider."""
SENDS_A_CYCLE = 16
BATCHES_A_CYCLE = 8
"""So much of each kind before the others have their turn again."""
IDLE_S = 1
NEWS_S = 2
"""How often new and removed providers are looked for, and drip-feeds moved on."""
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 300
BALANCE_EVERY_S = 600


class Pace(NamedTuple):
    """How often things are done."""

    ask_every_s: int
    follow_prices_every_s: int
    disable_below_cost: bool


class Throttle:
    """Keeps a provider's requests apart by its rate limit."""

    def __init__(self, requests_per_minute: int, stop: threading.Event) -> None:
        self._gap_s = 60 / requests_per_minute
        self._stop = stop
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def wait(self) -> bool:
        """Wait for the next free moment; False if the worker was stopped meanwhile."""
        with self._lock:
            moment = max(self._next, time.monotonic())
            self._next = moment + self._gap_s
        return not self._stop.wait(max(moment - time.monotonic(), 0))


class Lane:
    """The work for one provider, in threads of its own."""

    def __init__(
        self, row: ProviderRow, provider: Provider, pace: Pace, stop: threading.Event
    ) -> None:
        self.row = row
        self._provider = provider
        self._pace = pace
        self._stop = stop
        self._throttle = Throttle(row.requests_per_minute, stop)
        self._failures = 0
        self._paused_until = 0.0
        self._balance_at = 0.0
        self._prices_at = time.monotonic() + pace.follow_prices_every_s
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=row.name)
        self._thread.start()

    def join(self) -> None:
        """Wait until the requests under way are recorded."""
        self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix=self.row.name) as pool:
            while not self._stop.is_set():
                busy = False
                if not self._paused():
                    try:
                        busy = self._cycle(pool)
                    except Exception:
                        # The lane lives on: an unforeseen fault must not end the other work.
                        log.exception("%s: a fault in the worker", self.row.name)
                        self._pause("a fault of our own")
                if not busy:
                    self._stop.wait(IDLE_S)
        close_database()

    def _cycle(self, pool: ThreadPoolExecutor) -> bool:
        """Do a share of everything that is due; tell whether more may be."""
        batches = self._due_batches()
        tasks = self._chores() + [self._send_some] * CONNECTIONS
        tasks += [self._pass_on_cancels, self._pass_on_refill, self._ask_refills]
        tasks += [lambda batch=batch: self._ask(batch) for batch in batches]  # type: ignore[misc]
        results = pool.map(self._guarded, tasks)
        # A bar for whoever watches a terminal; silent anywhere else.
        bar = tqdm(results, self.row.name, len(tasks), leave=False, disable=None, delay=1)
        return any(list(bar))

    def _due_batches(self) -> list[list[tuple[int, str]]]:
        due = status_sync.due_for_status(self.row.id, poll.BATCH * BATCHES_A_CYCLE)
        return [due[n : n + poll.BATCH] for n in range(0, len(due), poll.BATCH)]

    def _guarded(self, task: Callable[[], bool]) -> bool:
        """Do a task unless the lane pauses; what the provider does wrong pauses the lane."""
        if self._paused() or self._stop.is_set():
            return False
        try:
            done = task()
        except (ProviderUnreachable, OutcomeUnknown) as error:
            self._pause(str(error))
            return False
        except ProviderRejected as error:
            if vocabulary.is_temporary(str(error)):
                self._pause(str(error))
            else:  # what it does not offer is no reason to stop the rest
                log.warning("%s: %s", self.row.name, error)
            return False
        if done:
            self._failures = 0
        return done

    def _send_some(self) -> bool:
        for sent in range(SENDS_A_CYCLE):
            if self._paused() or not dispatch.any_to_send(self.row.id):
                return sent > 0
            if not self._throttle.wait():
                return False
            order = dispatch.claim(self.row.id)
            if order is None:
                return sent > 0
            send.send(self._provider, order, self._pace.ask_every_s, FIRST_PAUSE_S)
        return True

    def _pass_on_cancels(self) -> bool:
        return send.send_cancels(self._provider, self.row.id, self._pace.ask_every_s) > 0

    def _pass_on_refill(self) -> bool:
        return send.send_refill(self._provider, self.row.id, self._pace.ask_every_s)

    def _ask_refills(self) -> bool:
        return poll.poll_refills(self._provider, self.row.id, self._pace.ask_every_s) > 0

    def _ask(self, batch: list[tuple[int, str]]) -> bool:
        if not self._throttle.wait():
            return False
        poll.poll_statuses(self._provider, batch, self._pace.ask_every_s)
        return True

    def _chores(self) -> list[Callable[[], bool]]:
        """What is done once in a while."""
        chores: list[Callable[[], bool]] = []
        if time.monotonic() >= self._balance_at:
            self._balance_at = time.monotonic() + BALANCE_EVERY_S
            chores.append(self._note_balance)
        if self._pace.follow_prices_every_s and time.monotonic() >= self._prices_at:
            self._prices_at = time.monotonic() + self._pace.follow_prices_every_s
            chores.append(self._follow_prices)
        return chores

    def _note_balance(self) -> bool:
        if self._throttle.wait():
            registry.record_balance(self.row.id, self._provider.balance())
            if self._provider.idempotent:
                registry.record_idempotent(self.row.id)
        return False

    def _follow_prices(self) -> bool:
        if self._throttle.wait():
            listings = self._provider.services()
            try:
                changes = price_sync.sync_prices(
                    self.row.id, listings, self._pace.disable_below_cost
                )
            except OperatorError as error:
                log.warning("%s: %s", self.row.name, error)
                return False
            for change in changes:
                log.info("%s: service %s: %s", self.row.name, change.service_id, describe(change))
        return False

    def _paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def _pause(self, why: str) -> None:
        """Leave the provider alone for a while: longer each time, and not in step with others."""
        with self._lock:
            if self._paused():
                return
            pause = min(FIRST_PAUSE_S * 2**self._failures, LONGEST_PAUSE_S)
            pause_s = pause * random.uniform(0.5, 1.5)  # noqa: S311
            self._failures = min(self._failures + 1, 10)
            self._paused_until = time.monotonic() + pause_s
        log.warning("%s: %s; next try in %d s", self.row.name, why, round(pause_s))


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
    with _only_worker(database, stop) as first:
        if not first:
            return
        if left := dispatch.recover_interrupted():
            log.warning("%d orders were being sent when a worker ended", left)
        log.info("the worker is ready")
        lanes: dict[int, tuple[Lane, threading.Event]] = {}
        try:
            while not stop.is_set():
                heartbeat.record_alive()
                _open_and_close(lanes, make, pace)
                dripfeed.run_due(pace.ask_every_s)
                stop.wait(NEWS_S)
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
    fields = ("url", "key", "requests_per_minute")
    return any(getattr(row, name) != getattr(other, name) for name in fields)


@contextmanager
def _only_worker(database: Path, stop: threading.Event) -> Iterator[bool]:
    """Hold the database's worker lock; wait for it, as long as nobody stops us."""
    with Path(f"{database}.worker").open("w") as lock:
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
