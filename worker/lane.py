"""One lane of the worker: everything that is done for one provider, in threads of its own.

A provider that is down pauses its own lane only.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from tqdm import tqdm

from models import Provider as ProviderRow
from panel.errors import OperatorError
from panel.orders import dispatch, status_sync
from panel.providers import currency, price_sync, registry
from panel.providers.changes import describe
from panel.providers.policy import USUAL, SyncPolicy
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
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 300
BALANCE_EVERY_S = 600


class Pace(NamedTuple):
    """How often things are done, in which currency, and how far prices are followed."""

    poll_every_s: int
    sync_prices_every_s: int
    currency: str = "USD"
    policy: SyncPolicy = USUAL


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
        self._prices_at = time.monotonic() + pace.sync_prices_every_s
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
                if not self._is_paused():
                    try:
                        busy = self._cycle(pool)
                    except Exception:
                        # The lane lives on: an unforeseen error must not end the other work.
                        log.exception("%s: an internal error in the worker", self.row.name)
                        self._pause("an internal error")
                if not busy:
                    self._stop.wait(IDLE_S)

    def _cycle(self, pool: ThreadPoolExecutor) -> bool:
        """Do a share of everything that is due; tell whether more may be."""
        batches = self._due_batches()
        tasks = self._chores() + [self._send_some] * CONNECTIONS
        tasks += [self._send_cancels, self._send_refill, self._poll_refills]
        tasks += [lambda batch=batch: self._poll(batch) for batch in batches]  # type: ignore[misc]
        results = pool.map(self._guarded, tasks)
        # A bar for whoever watches a terminal; silent anywhere else.
        bar = tqdm(results, self.row.name, len(tasks), leave=False, disable=None, delay=1)
        return any(list(bar))

    def _due_batches(self) -> list[list[tuple[int, str]]]:
        due = status_sync.due_for_status(self.row.id, poll.BATCH * BATCHES_A_CYCLE)
        return [due[n : n + poll.BATCH] for n in range(0, len(due), poll.BATCH)]

    def _guarded(self, task: Callable[[], bool]) -> bool:
        """Do a task unless the lane pauses; what the provider does wrong pauses the lane."""
        if self._is_paused() or self._stop.is_set():
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
            if self._is_paused() or not dispatch.any_to_send(self.row.id):
                return sent > 0
            if not self._throttle.wait():
                return False
            order = dispatch.claim(self.row.id)
            if order is None:
                return sent > 0
            send.send(self._provider, order, self._pace.poll_every_s, FIRST_PAUSE_S)
        return True

    def _send_cancels(self) -> bool:
        return send.send_cancels(self._provider, self.row.id, self._pace.poll_every_s) > 0

    def _send_refill(self) -> bool:
        return send.send_refill(self._provider, self.row.id, self._pace.poll_every_s)

    def _poll_refills(self) -> bool:
        return poll.poll_refills(self._provider, self.row.id, self._pace.poll_every_s) > 0

    def _poll(self, batch: list[tuple[int, str]]) -> bool:
        if not self._throttle.wait():
            return False
        poll.poll_statuses(self._provider, batch, self._pace.poll_every_s)
        return True

    def _chores(self) -> list[Callable[[], bool]]:
        """What is done once in a while."""
        chores: list[Callable[[], bool]] = []
        if time.monotonic() >= self._balance_at:
            self._balance_at = time.monotonic() + BALANCE_EVERY_S
            chores.append(self._record_balance)
        if self._pace.sync_prices_every_s and time.monotonic() >= self._prices_at:
            self._prices_at = time.monotonic() + self._pace.sync_prices_every_s
            chores.append(self._sync_prices)
        return chores

    def _record_balance(self) -> bool:
        if self._throttle.wait():
            self._record_account()
        return False

    def _record_account(self) -> None:
        registry.record_account(self.row.id, self._provider.account(), self._pace.currency)

    def _sync_prices(self) -> bool:
        if self._throttle.wait():
            self._record_account()
        if self._throttle.wait():
            try:
                currency.require(self.row.id, self._pace.currency)
                listings = self._provider.services()
                changes = price_sync.sync_prices(self.row.id, listings, self._pace.policy)
            except OperatorError as error:
                log.warning("%s: %s", self.row.name, error)
                return False
            for change in changes:
                log.info("%s: service %s: %s", self.row.name, change.service_id, describe(change))
        return False

    def _is_paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def _pause(self, why: str) -> None:
        """Leave the provider alone for a while: longer each time, and not in step with others."""
        with self._lock:
            if self._is_paused():
                return
            pause = min(FIRST_PAUSE_S * 2**self._failures, LONGEST_PAUSE_S)
            pause_s = pause * random.uniform(0.5, 1.5)  # noqa: S311
            self._failures = min(self._failures + 1, 10)
            self._paused_until = time.monotonic() + pause_s
        log.warning("%s: %s; next try in %d s", self.row.name, why, round(pause_s))
