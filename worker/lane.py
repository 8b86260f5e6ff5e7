"""One lane of the worker: everything that is done for one provider, in threads of its own.

A provider that is down pauses its own lane only, and a kind of request that fails only itself.
One that moved, or redirects an order, stops its lane, until an operator has looked.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from tqdm import tqdm

from models import Provider as ProviderRow
from panel.orders import dispatch, status_sync
from panel.orders.refusal import Refusal
from panel.providers import registry
from panel.providers.policy import USUAL, SyncPolicy
from upstream import vocabulary
from upstream.provider import (
    OutcomeUnknown,
    Provider,
    ProviderMoved,
    ProviderRejected,
    ProviderUnreachable,
    RedirectedUnclear,
)
from worker import account, outages, poll, send
from worker.backoff import Backoff
from worker.contact import Contact
from worker.failing import EVERYTHING, Failing
from worker.outages import Record
from worker.throttle import Throttle
from worker.vitals import Pulse

log = logging.getLogger("panel.worker")

CONNECTIONS = 4
"""Orders that are sent at once to each provider, and lists of statuses that are asked for."""
SENDS_A_ROUND = 16
BATCHES_A_ROUND = 8
IDLE_S = 1
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 300
OUTAGE_PAUSE_S = 2
BALANCE_EVERY_S = 600
FUNDS_EVERY_S = 60
"""How often the balance is read while orders wait for it to rise."""
MOST_WITHOUT_FUNDS = 3
"""So many refusals for lack of funds in a row end a release of orders that wait for them."""
ACCOUNT_FIRST_S = 5
"""So long everything else waits for the first reading of the account."""
WANTED_PRICES_EVERY_S = 15
"""Prices that orders' answers put in doubt are read at once, but not more often than this."""


class Pace(NamedTuple):
    """How often things are done, in which currency, and by which rules.

    hold_s: how long an order waits for the operator after a refusal that is not known.
    """

    poll_every_s: int
    sync_prices_every_s: int
    currency: str = "USD"
    policy: SyncPolicy = USUAL
    hold_s: int = 2 * 3600


class Kind(StrEnum):
    """The kinds of requests, each with pauses of its own."""

    ADD = "add"
    STATUS = "status"
    CANCEL = "cancel"
    REFILL = "refill"
    REFILL_STATUS = "refill_status"
    BALANCE = "balance"
    SERVICES = "services"


STOPPED_BY_REDIRECT = (Kind.ADD, Kind.BALANCE)
"""What every provider answers, and without a redirect: where one stands, all of it is in doubt."""

NEW = (Kind.ADD, Kind.CANCEL, Kind.REFILL)
"""What waits while an operator has the provider paused."""

Task = Callable[[], bool]
"""A share of the work of one kind; whether more may be due."""


class _Round:
    """What is under way of one kind of requests, and until when nothing is due."""

    def __init__(self) -> None:
        self.backoff = Backoff()
        self.tasks: list[Future[bool]] = []
        self.rests_until = 0.0

    def under_way(self) -> list[Future[bool]]:
        """The tasks that have not ended."""
        return [task for task in self.tasks if not task.done()]

    def left_s(self) -> float:
        """How long the next round is still off, if no task is under way."""
        return 0 if self.tasks else max(self.rests_until - time.monotonic(), 0)

    def begin(self, begin_tasks: Callable[[], list[Future[bool]]]) -> None:
        """Begin the next round if it is time; one that brought nothing is followed by a rest."""
        if self.under_way():
            return
        brought = any(task.result() for task in self.tasks)
        if self.tasks and not brought:
            self.rests_until = time.monotonic() + IDLE_S
        self.tasks = []
        if time.monotonic() < self.rests_until:
            return
        self.tasks = begin_tasks()
        if not self.tasks:
            self.rests_until = time.monotonic() + IDLE_S


class Lane:
    """The work for one provider, in threads of its own."""

    def __init__(
        self,
        row: ProviderRow,
        provider: Provider,
        pace: Pace,
        stop: threading.Event,
        record: Record = outages.at_once,
    ) -> None:
        """Begin.

        :param record: runs the writes that record what was answered.
        """
        self.row = row
        self.pulse = Pulse()
        self._provider = provider
        self._pace = pace
        self._stop = stop
        throttle = Throttle(row.requests_per_minute, stop)
        self._contact = Contact(row.id, provider, throttle.wait, {}, record)
        self._rounds = {kind: _Round() for kind in Kind}
        self._everything = Backoff()
        self._outage = Backoff()
        self._is_stopped = False
        self._is_paused = row.paused_at is not None
        self._sync_wanted = False
        self._add_answers = False
        self._refresh_at = 0.0
        self._balance_read_at: float | None = None
        self._account_asked = False
        self._without_funds = 0
        self._failing = Failing(row.id, row.failing_because)
        self._in_doubt_since: float | None = None
        self._others_from = time.monotonic() + ACCOUNT_FIRST_S
        self._prices_at = time.monotonic() + pace.sync_prices_every_s
        self._wanted_prices_at = 0.0
        self._lock = threading.Lock()
        self._bar = tqdm(desc=row.name, unit=" tasks", leave=False, disable=None, delay=1)
        self._thread = threading.Thread(target=self._run, name=row.name)
        self._thread.start()

    def join(self) -> None:
        """Wait until the requests under way are recorded."""
        self._thread.join()

    def _run(self) -> None:
        threads = 2 * CONNECTIONS + len(Kind) - 2
        with self._bar, ThreadPoolExecutor(threads, self.row.name) as pool:
            while not self._stop.is_set():
                self.pulse.turn()
                try:
                    self._begin_rounds(pool)
                    self.pulse.went_well(EVERYTHING)
                except Exception as error:
                    # The lane lives on: an unforeseen error must not end the other work.
                    if not self._survive(error, EVERYTHING):
                        self._pause_everything("an internal error")
                    self._stop.wait(IDLE_S)
                self._wait_for_work()

    def _begin_rounds(self, pool: ThreadPoolExecutor) -> None:
        """Begin a round of each kind of which none is under way."""
        self._refresh()
        for kind, this in self._rounds.items():
            this.begin(partial(self._begin_tasks, pool, kind))

    def _begin_tasks(self, pool: ThreadPoolExecutor, kind: Kind) -> list[Future[bool]]:
        tasks = self._due(kind) if self._may_ask(kind) else []
        return [pool.submit(self._guarded, kind, task) for task in tasks]

    def _wait_for_work(self) -> None:
        """Wait until a task ends, or a rest is over."""
        under_way = [task for this in self._rounds.values() for task in this.under_way()]
        idle = [this.left_s() for this in self._rounds.values() if not this.under_way()]
        wait_s = min([IDLE_S, *idle])
        if under_way:
            futures.wait(under_way, wait_s, futures.FIRST_COMPLETED)
        else:
            self._stop.wait(wait_s)

    def _refresh(self) -> None:
        """Read again whether the provider was stopped, paused or resumed."""
        if time.monotonic() < self._refresh_at:
            return
        self._refresh_at = time.monotonic() + IDLE_S
        self._failing.forget_old()
        with self._lock:  # not between the two halves of a stop
            row = ProviderRow.get_by_id(self.row.id)
            self._is_stopped = bool(row.stopped_because)
            self._is_paused = row.paused_at is not None
            self._sync_wanted = row.sync_wanted

    def _may_ask(self, kind: Kind) -> bool:
        """Whether a kind may go on. The account comes first: its currency may hold what waits."""
        waits = not self._account_asked and time.monotonic() < self._others_from
        if waits and kind is not Kind.BALANCE:
            return False
        if kind is Kind.ADD and self._in_doubt_since is not None:
            return False
        if self._is_paused and kind in NEW:
            return False
        all_rest = self._everything.is_paused() or self._outage.is_paused()
        rests = all_rest or self._rounds[kind].backoff.is_paused()
        return not (rests or self._is_stopped or self._stop.is_set())

    def _due(self, kind: Kind) -> list[Task]:
        """The tasks of the next round of a kind."""
        match kind:
            case Kind.ADD:
                return self._due_sends()
            case Kind.STATUS:
                return self._due_batches()
            case Kind.CANCEL:
                return [self._send_cancels]
            case Kind.REFILL:
                return [self._send_refill]
            case Kind.REFILL_STATUS:
                return [self._poll_refills]
            case Kind.BALANCE:
                return [self._read_account] if self._is_balance_due() else []
            case Kind.SERVICES:
                return [self._sync_prices] if self._are_prices_due() else []

    def _guarded(self, kind: Kind, task: Task) -> bool:
        """Do a task unless its kind rests, and let it rest after any other error."""
        if not self._may_ask(kind):
            return False
        try:
            return self._try(kind, task)
        except Exception as error:
            if not self._survive(error, kind):
                self._pause(kind, "an internal error")
            return False

    def _try(self, kind: Kind, task: Task) -> bool:
        """Do a task; what the provider does wrong makes its kind rest."""
        try:
            done = self._run_task(kind, task)
        except (ProviderUnreachable, ProviderRejected, OutcomeUnknown) as error:
            self.pulse.went_well(kind)
            self._react(kind, error)
            return False
        self.pulse.went_well(kind)
        if done:
            self._succeeded(kind)
            self._everything.succeeded()
        self._bar.update()
        return done

    def _survive(self, error: Exception, kind: str) -> bool:
        """Log an error; where the database cannot be used for now, the whole lane rests.

        :param kind: the work that it ended.
        :returns: whether it was that, and no fault of this kind of request's.
        """
        self.pulse.failed(kind)
        is_outage = outages.survive(error, self.row.name)
        if is_outage:
            self._outage.pause(OUTAGE_PAUSE_S, OUTAGE_PAUSE_S)
        return is_outage

    def _succeeded(self, kind: Kind) -> None:
        self._rounds[kind].backoff.succeeded()
        self._failing.ended(kind)

    def _react(
        self, kind: Kind, error: ProviderUnreachable | ProviderRejected | OutcomeUnknown
    ) -> None:
        """Rest after an answer that was none, as far as it tells of the provider."""
        redirected = isinstance(error, RedirectedUnclear) and kind in STOPPED_BY_REDIRECT
        if isinstance(error, ProviderMoved) or redirected:
            address = error.address if isinstance(error, ProviderMoved) else ""
            self._stop_lane(str(error), address)
        elif isinstance(error, ProviderUnreachable):
            self._pause_everything(str(error))
        else:
            if kind is Kind.ADD and isinstance(error, OutcomeUnknown):
                self._doubt()
            self._pause(kind, str(error))

    def _doubt(self) -> None:
        """Send nothing more until the balance was read: is the provider itself still there?"""
        self._in_doubt_since = time.monotonic()
        self._rounds[Kind.BALANCE].backoff.end()

    def _run_task(self, kind: Kind, task: Task) -> bool:
        try:
            return task()
        finally:
            self._account_asked = self._account_asked or kind is Kind.BALANCE

    def _due_sends(self) -> list[Task]:
        """Several orders at once, but one alone until the provider has answered one clearly."""
        if not dispatch.any_to_send(self.row.id):
            return []
        if self._add_answers:
            return [partial(self._send, SENDS_A_ROUND)] * CONNECTIONS
        return [partial(self._send, 1)]

    def _send(self, most: int) -> bool:
        for sent in range(most):
            if not self._may_ask(Kind.ADD) or not dispatch.any_to_send(self.row.id):
                return sent > 0
            if not self._contact.wait():
                return False
            order = dispatch.claim(self.row.id)
            if order is None:
                return sent > 0
            pace = self._pace
            refusal = send.send(
                self._provider,
                order,
                pace.poll_every_s,
                FIRST_PAUSE_S,
                pace.hold_s,
                self._contact.record,
            )
            self._count_for_funds(refusal)
            self._add_answers = self._may_ask(Kind.ADD)
        return True

    def _count_for_funds(self, refusal: Refusal | None) -> None:
        """End a release of orders that waited for funds, where funds are used up again."""
        with self._lock:
            self._without_funds = self._without_funds + 1 if refusal == Refusal.FUNDS else 0
            if self._without_funds < MOST_WITHOUT_FUNDS:
                return
            self._without_funds = 0
        dispatch.stop_release(self.row.id)

    def _send_cancels(self) -> bool:
        return send.send_cancels(self._contact, self._pace.poll_every_s) > 0

    def _send_refill(self) -> bool:
        return send.send_refill(self._contact, self._pace.poll_every_s)

    def _poll_refills(self) -> bool:
        return poll.poll_refills(self._contact, self._pace.poll_every_s) > 0

    def _due_batches(self) -> list[Task]:
        due = status_sync.due_for_status(self.row.id, poll.BATCH * BATCHES_A_ROUND)
        batches = [due[n : n + poll.BATCH] for n in range(0, len(due), poll.BATCH)]
        shares = [batches[n::CONNECTIONS] for n in range(CONNECTIONS)]
        return [partial(self._poll, share) for share in shares if share]

    def _poll(self, batches: list[list[tuple[int, str]]]) -> bool:
        for batch in batches:
            if self._may_ask(Kind.STATUS):
                poll.poll_statuses(self._contact, batch, self._pace.poll_every_s)
        return True

    def _is_balance_due(self) -> bool:
        if self._balance_read_at is None or self._in_doubt_since is not None:
            return True
        age_s = time.monotonic() - self._balance_read_at
        if age_s < FUNDS_EVERY_S:
            return False
        return age_s >= BALANCE_EVERY_S or dispatch.waits_for_funds(self.row.id)

    def _read_account(self) -> bool:
        asked_at = time.monotonic()
        try:
            account.read_account(self._contact, self.row.name, self._pace.currency)
        except ProviderRejected as error:
            if not vocabulary.is_temporary(str(error)):
                # Some providers tell no balance: that is an answer, too.
                self._end_doubt(asked_at)
                self._rest(Kind.BALANCE, str(error))
                return False
            raise
        self._end_doubt(asked_at)
        self._balance_read_at = time.monotonic()
        self._succeeded(Kind.BALANCE)
        return False

    def _end_doubt(self, asked_at: float) -> None:
        """The provider answered clearly what it was asked then: it is itself."""
        if self._in_doubt_since is not None and self._in_doubt_since < asked_at:
            self._in_doubt_since = None

    def _are_prices_due(self) -> bool:
        moment = time.monotonic()
        if self._sync_wanted and moment >= self._wanted_prices_at:
            return True
        return bool(self._pace.sync_prices_every_s) and moment >= self._prices_at

    def _sync_prices(self) -> bool:
        account.sync_prices(self._contact, self.row, self._pace.currency, self._pace.policy)
        self._prices_at = time.monotonic() + self._pace.sync_prices_every_s
        self._wanted_prices_at = time.monotonic() + WANTED_PRICES_EVERY_S
        self._succeeded(Kind.SERVICES)
        return False

    def _pause(self, kind: Kind, why: str) -> None:
        """Leave one kind of requests alone for a while, and let operators see why."""
        self._rest(kind, why)
        self._failing.began(kind, why)

    def _rest(self, kind: Kind, why: str) -> None:
        """Leave one kind of requests alone for a while."""
        if kind == Kind.ADD:
            self._add_answers = False
        pause_s = self._rounds[kind].backoff.pause(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        if pause_s is not None:
            log.warning("%s: %s: %s; next try in %d s", self.row.name, kind, why, round(pause_s))

    def _pause_everything(self, why: str) -> None:
        """Leave the provider alone for a while."""
        self._add_answers = False
        pause_s = self._everything.pause(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        self._failing.began(EVERYTHING, why)
        if pause_s is not None:
            log.warning("%s: %s; next try in %d s", self.row.name, why, round(pause_s))

    def _stop_lane(self, why: str, address: str) -> None:
        """Send and ask nothing more until an operator resumes the provider; told once.

        :param address: where it moved to; "" where it does not say.
        """
        with self._lock:
            self._add_answers = False
            if self._is_stopped:
                return
            self._is_stopped = True
            if not registry.stop(self.row.id, why, address, self.row.url):
                return  # it has another address by now: another lane begins
        resume = f"flask provider resume {self.row.name}" + (
            f" --url {address}" if address else ""
        )
        log.error(
            "%s: %s; orders wait, and nothing is asked until you have looked and say: %s",
            self.row.name,
            why,
            resume,
        )
