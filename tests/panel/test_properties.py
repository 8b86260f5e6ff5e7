"""The life of orders as a state machine: no sequence of events breaks the books.

The machine keeps a model of its own, plain numbers, written from the contract and not from the
code. After each step the database must hold what the model holds, and nothing else.
"""

import shutil
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from database.connection import close_database, database
from database.migrate import open_database
from panel import accounts, ledger, pricing, services
from panel.errors import (
    CANNOT_CANCEL,
    CANNOT_REFILL,
    INCORRECT_ORDER_ID,
    OperatorError,
    RequestRejected,
)
from panel.orders import cancels, lookup, refills, transition
from panel.orders.lookup import OrderState
from panel.orders.place import OrderRequest, place_order

OPEN = ("Pending", "Processing", "In progress")
FINAL = ("Partial", "Canceled")
STATUSES = (*OPEN, "Completed", *FINAL)

OPEN_REFILL = ("pending", "in progress")
REFILL_STATUSES = (*OPEN_REFILL, "completed", "rejected", "error")

NAMES = ("alice", "bob")
SERVICES: tuple[dict[str, Any], ...] = (
    {"rate_micros": 333_333, "min": 1, "max": 40, "refill": True, "cancel": True},
    {"rate_micros": 50_000_000, "min": 10, "max": 50},
    {"rate_micros": 1_500_001, "min": 1, "max": 1, "type": "Package", "cancel": True},
)

names = st.sampled_from(NAMES)
numbers = st.integers(1, len(SERVICES))
amounts = st.integers(1, 3_000_000)
counts = st.integers(0, 10) | st.integers(-1, 51)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def rows(sql: str) -> list[tuple[Any, ...]]:
    return database.execute_sql(sql).fetchall()


@dataclass
class Bought:
    """What the model knows of one order."""

    name: str
    service: int
    quantity: int
    charge: int
    remains: int
    refunded: int = 0
    status: str = "Pending"
    start_count: int = 0


class Panel(RuleBasedStateMachine):
    """Customers, the operator and a provider, in any order of events."""

    placed: Bundle[int] = Bundle("placed")
    asked: Bundle[int] = Bundle("asked")
    refilled: Bundle[int] = Bundle("refilled")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        open_database(self.folder / "panel.db", "OFF")
        self.rates: dict[int, int] = {}
        self.ids: dict[str, int] = {}
        self.balances = dict.fromkeys(NAMES, 0)
        self.entries: list[tuple[str, str, int, int | None]] = []
        self.orders: dict[int, Bought] = {}
        self.cancels: dict[int, tuple[int, str]] = {}
        self.refills: dict[int, tuple[int, str]] = {}

    def teardown(self) -> None:
        close_database()
        shutil.rmtree(self.folder)

    @initialize(target=placed, first=amounts)
    def open(self, first: int) -> MultipleResults[int]:
        first += 5_000_000
        for fields in SERVICES:
            number = services.add(name="S", category="C", **fields)
            self.rates[number] = fields["rate_micros"]
        for name in NAMES:
            accounts.add(name, first)
            self.ids[name] = accounts.get(name).id
            self._post(name, "deposit", first)
        placed = [self._place(name, 1, 10) for name in NAMES]
        return multiple(*(order_id for order_id in placed if order_id is not None))

    def _post(self, name: str, kind: str, amount: int, order: int | None = None) -> None:
        self.balances[name] += amount
        self.entries.append((name, kind, amount, order))

    # What customers do

    @rule(target=placed, name=names, number=numbers, quantity=counts)
    def place(self, name: str, number: int, quantity: int) -> int | MultipleResults[int]:
        return self._place(name, number, quantity) or multiple()

    def _place(self, name: str, number: int, quantity: int) -> int | None:
        offer = pricing.find_offer(accounts.caller(self.ids[name]), number)
        assert offer is not None
        package = SERVICES[number - 1].get("type") == "Package"
        charge = self.rates[number]
        if not package:
            charge = half_up(Fraction(charge * quantity, 1000)) or min(charge, 1)
        in_range = package or offer.min <= quantity <= offer.max
        try:
            order_id = place_order(
                self.ids[name], offer, OrderRequest("l", None if package else quantity)
            )
        except RequestRejected:
            assert not in_range or charge > self.balances[name]
            return None
        assert in_range and charge <= self.balances[name]
        quantity = 1 if package else quantity
        self.orders[order_id] = Bought(name, number, quantity, charge, remains=quantity)
        self._post(name, "charge", -charge, order_id)
        return order_id

    @rule(target=asked, order_id=placed, name=names)
    def request_cancel(self, order_id: int, name: str) -> int | MultipleResults[int]:
        order = self.orders[order_id]
        (answer,) = cancels.request(self.ids[name], [order_id])
        if order.name != name:
            assert answer == INCORRECT_ORDER_ID
            return multiple()
        if not SERVICES[order.service - 1].get("cancel") or order.status not in OPEN:
            assert answer == CANNOT_CANCEL
            return multiple()
        assert isinstance(answer, int)
        waiting = [n for n, request in self.cancels.items() if request == (order_id, "pending")]
        assert waiting in ([], [answer])
        self.cancels[answer] = (order_id, "pending")
        if order.status == "Pending":
            self._move(order_id, "Canceled", order.start_count, order.remains)
        return answer

    @rule(target=refilled, order_id=placed, name=names)
    def request_refill(self, order_id: int, name: str) -> int | MultipleResults[int]:
        order = self.orders[order_id]
        (answer,) = refills.request(self.ids[name], [order_id])
        if order.name != name:
            assert answer == INCORRECT_ORDER_ID
            return multiple()
        still_open = any((order_id, status) in self.refills.values() for status in OPEN_REFILL)
        offered = SERVICES[order.service - 1].get("refill")
        if not offered or order.status != "Completed" or still_open:
            assert answer == CANNOT_REFILL
            return multiple()
        assert isinstance(answer, int) and answer not in self.refills
        self.refills[answer] = (order_id, "pending")
        return answer

    # What the operator and the provider do

    @rule(name=names, amount=amounts)
    def deposit(self, name: str, amount: int) -> None:
        assert accounts.fund(name, amount) == self.balances[name] + amount
        self._post(name, "deposit", amount)

    @rule(name=names, amount=amounts)
    def withdraw(self, name: str, amount: int) -> None:
        try:
            accounts.fund(name, -amount)
        except OperatorError:
            assert amount > self.balances[name]
        else:
            assert amount <= self.balances[name]
            self._post(name, "withdrawal", -amount)

    @rule(number=numbers, rate=st.integers(0, 60_000_000))
    def reprice(self, number: int, rate: int) -> None:
        services.edit(number, rate_micros=rate)
        self.rates[number] = rate

    @rule(order_id=placed, status=st.sampled_from(STATUSES))
    def report(self, order_id: int, status: str) -> None:
        self.change(order_id, status, None, None)

    @rule(
        order_id=placed,
        status=st.none() | st.sampled_from(STATUSES),
        start_count=st.none() | counts,
        remains=st.none() | counts,
    )
    def change(
        self, order_id: int, status: str | None, start_count: int | None, remains: int | None
    ) -> None:
        before = self.orders[order_id]
        new_status = status or before.status
        new_start = before.start_count if start_count is None else start_count
        new_remains = before.remains if remains is None else remains
        if remains is None and new_status == "Completed" != before.status:
            new_remains = 0
        same = (new_status, new_start, new_remains) == (
            before.status,
            before.start_count,
            before.remains,
        )
        possible = same or self._possible(before, new_status, new_start, new_remains)
        try:
            transition.change(order_id, status=status, start_count=start_count, remains=remains)
        except OperatorError:
            assert not possible
        else:
            assert possible
            if not same:
                self._move(order_id, new_status, new_start, new_remains)

    @staticmethod
    def _possible(before: Bought, status: str, start_count: int, remains: int) -> bool:
        """The contract's rules: nothing leaves a final status, nothing returns to Pending."""
        if before.status in FINAL or start_count < 0 or not 0 <= remains <= before.quantity:
            return False
        if status != before.status and status == "Pending":
            return False
        if before.status == "Completed" and status in OPEN:
            return False
        pays_back = status == "Partial" or (status, before.status) == ("Canceled", "Completed")
        return remains > 0 or not pays_back

    def _move(self, order_id: int, status: str, start_count: int, remains: int) -> None:
        order = self.orders[order_id]
        order.status, order.start_count, order.remains = status, start_count, remains
        if status in FINAL:
            order.refunded = half_up(Fraction(order.charge * remains, order.quantity))
            if order.refunded:
                self._post(order.name, "refund", order.refunded, order_id)
        if status not in OPEN:
            answer = "accepted" if status in FINAL else "rejected"
            for number, request in self.cancels.items():
                if request == (order_id, "pending"):
                    self.cancels[number] = (order_id, answer)

    @rule(number=asked, accept=st.booleans())
    def settle_cancel(self, number: int, accept: bool) -> None:
        order_id, status = self.cancels[number]
        try:
            (cancels.accept if accept else cancels.reject)(number)
        except OperatorError:
            assert status != "pending"
            return
        assert status == "pending"
        order = self.orders[order_id]
        if accept:
            self._move(order_id, "Canceled", order.start_count, order.remains)
        else:
            self.cancels[number] = (order_id, "rejected")

    @rule(number=refilled, status=st.sampled_from(REFILL_STATUSES))
    def settle_refill(self, number: int, status: str) -> None:
        order_id, before = self.refills[number]
        possible = status == before or (before in OPEN_REFILL and status != "pending")
        try:
            refills.set_status(number, status)
        except OperatorError:
            assert not possible
        else:
            assert possible
            self.refills[number] = (order_id, status)

    # What holds after each of them

    @invariant()
    def the_books_are_right(self) -> None:
        assert list(ledger.check()) == []
        assert all(micros >= 0 for micros in self.balances.values())
        assert sum(self.balances.values()) == sum(amount for _, _, amount, _ in self.entries)

    @invariant()
    def the_database_holds_what_the_model_holds(self) -> None:
        if not self.rates:
            return  # before the machine is opened
        assert dict(rows("SELECT name, balance_micros FROM accounts")) == self.balances
        assert self.entries == rows(
            "SELECT name, kind, amount_micros, order_id FROM ledger_entries AS entry "
            "JOIN accounts ON accounts.id = account_id ORDER BY entry.id"
        )
        found = rows(
            "SELECT orders.id, name, service_id, quantity, charge_micros, remains, "
            "refunded_micros, orders.status, start_count FROM orders "
            "JOIN accounts ON accounts.id = account_id"
        )
        assert {order_id: Bought(*fields) for order_id, *fields in found} == self.orders
        for table, known in (("cancels", self.cancels), ("refills", self.refills)):
            requests = rows(f"SELECT id, order_id, status FROM {table}")
            assert {number: (order_id, status) for number, order_id, status in requests} == known

    @invariant()
    def customers_are_told_what_the_model_holds(self) -> None:
        for name in NAMES if self.orders else ():
            found = lookup.find_many(self.ids[name], self.orders)
            told = {
                order_id: state[:4] if isinstance(state, OrderState) else state
                for order_id, state in found.items()
            }
            assert told == {
                order_id: (o.charge - o.refunded, o.start_count, o.status, o.remains)
                if o.name == name
                else INCORRECT_ORDER_ID
                for order_id, o in self.orders.items()
            }

    @invariant()
    def no_order_is_paid_back_twice_or_above_its_charge(self) -> None:
        for order_id, order in self.orders.items():
            moved = [(kind, amount) for _, kind, amount, of in self.entries if of == order_id]
            assert moved[0] == ("charge", -order.charge)
            assert moved[1:] == ([("refund", order.refunded)] if order.refunded else [])
            assert 0 <= order.refunded <= order.charge


TestPanel = Panel.TestCase
TestPanel.settings = settings(max_examples=40, stateful_step_count=25)
