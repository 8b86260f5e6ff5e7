"""Whatever a provider answers: money, purchases and attention stay right.

A machine sends orders of every kind, and lets the provider answer anything: known words and
others, numbers, missing, extra and wrong fields, lists for objects. After each step the panel
holds what must always hold.
"""

import json
import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from database.connection import close_database, database
from database.migrate import open_database
from database.transactions import immediate
from models import Order, Provider, Source
from panel import accounts, ledger, pricing, queries, services
from panel.errors import OperatorError, RequestRejected
from panel.money import MICROS
from panel.orders import cancels, dispatch, dripfeed, lookup, state, status_sync, subscriptions
from panel.orders.lookup import StoredOrder
from panel.orders.place import OrderRequest, place_order
from panel.orders.provider_status import ProviderStatus
from panel.orders.refusal import Refusal
from panel.providers import pending, registry, sources, words
from panel.providers.currency import Exchange
from panel.providers.listing import Listing
from panel.providers.pending import PendingKind
from panel.providers.registry import ProviderAccount
from upstream.provider import OutcomeUnknown
from upstream.statuses import read_statuses

HOLD_S = 7200
EXCHANGE = Exchange("USD", "USD")

PLAIN, DRIP, PACK, POSTS, FIXED = range(1, 6)
WANTED = {
    PLAIN: OrderRequest("l", 100),
    DRIP: OrderRequest("l", 20, runs=5, interval=1),
    PACK: OrderRequest("l"),
    POSTS: OrderRequest("", details={"username": "u", "min": 10, "max": 50, "delay": 0}),
    FIXED: OrderRequest("", details={"username": "u", "min": 20, "max": 20, "delay": 0}),
}

kinds = st.sampled_from(sorted(WANTED))
which = st.integers(0, 30)

statuses = st.sampled_from(
    ["Pending", "Processing", "In progress", "Completed", "Partial", "Canceled", "Active",
     "Paused", "Expired", "canceled", "Success", "2", "Error", "", "refunds"]
)  # fmt: skip
numbers = st.integers(-5, 120) | st.sampled_from([10**15, 10**19]) | st.floats(-2, 120)
amounts = st.sampled_from(
    ["0", "0.00", "0.09", "0.045", "0.9", "3.60", "5400", "-1", "free", "1e3", "", "0.0001"]
)
ids = st.sampled_from(["901", "902", "deadbeef", "n1", "n2", "0", "-3", "null", ""])
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
posts = st.lists(
    st.fixed_dictionaries({"order": ids | numbers, "quantity": numbers}) | ids, max_size=4
)
entries = st.fixed_dictionaries(
    {},
    optional={
        "status": statuses | anything,
        "remains": numbers | numbers.map(str) | anything,
        "start_count": numbers | anything,
        "charge": amounts | numbers | anything,
        "currency": st.sampled_from(["USD", "usd", "INR", "", None]),
        "posts": posts | anything,
        "orders": st.lists(ids, max_size=6) | anything,
        "runs": numbers | anything,
        "quantity": numbers | anything,
        "error": st.sampled_from(["Incorrect order ID", None, ""]),
        "extra": anything,
    },
)
reported = st.builds(
    ProviderStatus,
    status=st.none() | st.sampled_from(list(state.FOLLOWS)),
    remains=st.none() | st.integers(-5, 120),
    charge=st.none()
    | st.builds(
        status_sync.Charge,
        st.none() | st.sampled_from([0, 1, 45_000, 90_000, 3_600_000]),
        st.sampled_from([1, 10_000]),
        st.booleans(),
        st.just("a charge"),
    ),
    odd=st.sampled_from(["", "remains 'x'"]),
    posts=st.lists(st.tuples(ids, st.integers(0, 60)), max_size=3).map(tuple),
    word=statuses,
    children=st.lists(ids, max_size=6).map(tuple),
    runs=st.none() | st.integers(-1, 6),
    quantity=st.none() | st.integers(0, 120),
)


class Border(RuleBasedStateMachine):
    """One customer, two providers, and whatever they say."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        open_database(self.folder / "panel.db", "OFF")
        self.bought: Counter[int] = Counter()
        self.number = 0

    def teardown(self) -> None:
        close_database()
        shutil.rmtree(self.folder)

    @initialize(keys=st.booleans(), second=st.booleans(), whole=st.booleans())
    def open(self, keys: bool, second: bool, whole: bool) -> None:
        for type_name in ("Default", "Default", "Package", "Subscriptions", "Subscriptions"):
            most = 1 if type_name == "Package" else 1000
            services.add(
                name="S", category="C", type=type_name, rate_micros=5 * MICROS, min=1, max=most,
                cancel=True, dripfeed=type_name == "Default",
            )  # fmt: skip
        accounts.add("alice", 1000 * MICROS)
        self.providers = [
            registry.add(name, f"https://{name}.example/", "k" * 32, 600).id
            for name in ("first", "second")
        ]
        listing = Listing("7", "S", "C", "Default", 900_000, 1, 1000, True, True, whole)
        for number in WANTED:
            sources.set_source(number, self.providers[0], listing, 1)
            if second and number != POSTS:
                sources.set_source(number, self.providers[1], listing, 2)
        if keys:
            registry.record_account(self.providers[0], ProviderAccount("", True), "USD")
        for number in WANTED:
            self.place(number)
        for _ in range(2):  # once more for the first part of a drip-feed
            while self._take(0):
                pass
            dripfeed.run_due(0)

    # What the customer and the clock do

    @rule(kind=kinds)
    def place(self, kind: int) -> None:
        caller = accounts.caller(accounts.get("alice").id)
        offer = pricing.find_offer(caller, kind)
        if offer is not None:
            place_order(caller.id, offer, WANTED[kind])

    @rule(chosen=which)
    def ask_to_cancel(self, chosen: int) -> None:
        if order := self._pick(chosen):
            cancels.request(order.account_id, [order.id])

    @rule()
    def time_passes(self) -> None:
        Order.update(send_at=0, poll_at=0, created_at=Order.created_at - 100).execute()
        dripfeed.run_due(0)

    # What the provider answers to `add`

    def _claim(self, provider: int) -> int | None:
        outgoing = dispatch.claim(self.providers[provider])
        return outgoing.order_id if outgoing else None

    @rule(provider=st.integers(0, 1), fresh=st.integers(0, 9))
    def take(self, provider: int, fresh: int) -> None:
        self._take(provider, fresh)

    def _take(self, provider: int, fresh: int = 1) -> bool:
        order_id = self._claim(provider)
        if order_id is None:
            return False
        was_in_doubt = lookup.get(order_id).may_be_at_provider
        self.number += fresh > 0  # now and then a number that was given before
        dispatch.record_accepted(order_id, f"n{self.number}", 0)
        self.bought[order_id] += 1
        # Under one key a provider takes an order once: to ask again is to buy once.
        if was_in_doubt:
            self.bought[order_id] = 1
        return True

    @rule(
        provider=st.integers(0, 1),
        refusal=st.sampled_from(Refusal),
        why=st.sampled_from(["Incorrect link", "Daily limit 5 reached", "Insufficient wallet"]),
        hold_s=st.sampled_from([0, HOLD_S]),
    )
    def refuse(self, provider: int, refusal: Refusal, why: str, hold_s: int) -> None:
        if order_id := self._claim(provider):
            # What it took under a key, a provider does not refuse under the same key.
            kind = Refusal.TEMPORARY if self.bought[order_id] else refusal
            dispatch.record_rejected(order_id, why, kind, hold_s)

    @rule(provider=st.integers(0, 1), took=st.booleans())
    def leave_in_doubt(self, provider: int, took: bool) -> None:
        if order_id := self._claim(provider):
            self.bought[order_id] = max(self.bought[order_id], int(took))
            dispatch.mark_in_doubt(order_id, "no whole answer")

    @rule(provider=st.integers(0, 1))
    def be_away(self, provider: int) -> None:
        if order_id := self._claim(provider):
            dispatch.record_not_sent(order_id, "not reached", 0)

    @rule(provider=st.integers(0, 1))
    def have_more_funds(self, provider: int) -> None:
        dispatch.release_for_funds(self.providers[provider])

    # What it answers to `status`

    def _pick(self, chosen: int, sent: bool = False) -> StoredOrder | None:
        query = Order.select(Order.id)
        if sent:
            query = query.where(Order.dispatch_state == state.SENT)
        numbers = [row.id for row in query]
        return lookup.get(numbers[chosen % len(numbers)]) if numbers else None

    def _apply(self, order: StoredOrder, said: ProviderStatus) -> None:
        status_sync.apply_statuses({order.id: said}, 15)
        after = lookup.get(order.id)
        charge = said.charge
        if charge is None or charge.micros == 0 or not state.is_open(order.status):
            return
        posts = sum(post.cost_micros for post in lookup.parts_of(order.id))
        # What we owe is the cost, or a warning names it; half a unit may be rounding.
        visible = charge.micros is not None and (
            after.cost_micros + posts + charge.step_micros // 2 + order.cost_micros // 100
            >= charge.micros
        )
        named = charge.text in after.warning or charge.text in after.held_text
        unpaid = after.status == "Paused"
        assert visible or named or unpaid, (order, said, after)

    @rule(chosen=which, said=reported)
    def tell(self, chosen: int, said: ProviderStatus) -> None:
        if order := self._pick(chosen, sent=True):
            self._apply(order, said)

    @rule(chosen=which, entry=entries | anything)
    def answer(self, chosen: int, entry: Any) -> None:
        order = self._pick(chosen, sent=True)
        if order is None or order.provider_order is None:
            return
        text = json.dumps({order.provider_order: entry})
        raw = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        try:
            said = read_statuses(raw, [order.provider_order], EXCHANGE)
        except OutcomeUnknown:
            status_sync.poll_later([order.id], 15)
            return
        silent = ProviderStatus(odd="the provider says nothing of this order")
        self._apply(order, said.get(order.provider_order, silent))

    @rule(chosen=which, again=st.booleans())
    def settle_by_hand(self, chosen: int, again: bool) -> None:
        order = self._pick(chosen)
        # A person looks first: what the provider has is not sent again.
        if order is None or (again and self.bought[order.id]):
            return
        with suppress(OperatorError):
            (dispatch.resend if again else dispatch.fail)(order.id)

    @rule(
        word=st.sampled_from(["Success", "2", "refunds", "daily limit # reached", "Error"]),
        meaning=st.sampled_from([*state.FOLLOWS, "wait", "cancel"]),
    )
    def teach(self, word: str, meaning: str) -> None:
        words.teach("first", word, meaning)
        dispatch.settle_refused(self.providers[0])
        status_sync.poll_taught(self.providers[0])

    @rule(number=kinds, kind=st.sampled_from(["name", "rise", "fall"]), ends=st.booleans())
    def change_a_service(self, number: int, kind: str, ends: bool) -> None:
        source = Source.get(Source.service == number, Source.source_rank == 1)
        with immediate():
            if ends:
                pending.remove_all_of_source(source.id)
            else:
                pending.add(source.provider_id, PendingKind(kind), "1", "2", source.id)

    @rule(chosen=which, quantity=st.integers(1, 60), number=ids)
    def charge_a_post_by_hand(self, chosen: int, quantity: int, number: str) -> None:
        if order := self._pick(chosen):
            before = accounts.get("alice").balance_micros
            try:
                subscriptions.add_post(order.id, quantity, number)
            except (OperatorError, RequestRejected):
                assert accounts.get("alice").balance_micros == before

    # What holds after each of them

    @invariant()
    def the_books_are_right(self) -> None:
        assert list(ledger.check()) == []

    @invariant()
    def no_order_is_paid_back_more_than_its_charge_or_twice(self) -> None:
        rows = database.execute_sql(
            "SELECT orders.id, charge_micros, refunded_micros, COUNT(e.id), "
            "COALESCE(SUM(e.amount_micros), 0) FROM orders LEFT JOIN ledger_entries AS e "
            "ON e.order_id = orders.id AND e.kind = 'refund' GROUP BY orders.id"
        )
        for _, charged, refunded, count, entered in rows:
            assert count <= 1
            assert entered == refunded <= charged

    @invariant()
    def no_order_is_bought_twice(self) -> None:
        assert all(times <= 1 for times in self.bought.values())

    @invariant()
    def what_is_over_is_held_no_more(self) -> None:
        over = Order.select().where(Order.status.not_in(state.OPEN), Order.held_because != "")
        assert not over.exists()

    @invariant()
    def what_did_not_end_is_asked_for_again_or_waits_for_the_operator(self) -> None:
        if not Provider.select().exists():
            return
        database.execute_sql("SAVEPOINT look")
        Order.update(send_at=0, poll_at=0).execute()
        listed = {row["id"] for row in queries.orders_in_review()}
        listed |= {row["id"] for row in queries.order_listing(held=True)}
        asked = {
            number
            for provider in self.providers
            for number, _ in status_sync.due_for_status(provider, 1000)
        }
        database.execute_sql("ROLLBACK TO look")
        database.execute_sql("RELEASE look")
        for row in Order.select().where(Order.status.in_(state.OPEN)):
            goes_on = row.dispatch_state == state.WAITING and row.provider_id is not None
            in_parts = row.dispatch_state == state.IN_PARTS
            assert goes_on or in_parts or row.id in asked | listed, row.__data__


TestBorder = Border.TestCase
TestBorder.settings = settings(max_examples=40, stateful_step_count=30)
