"""The life of an order: which status may follow which, what that pays back, and what else ends."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import IntegrityError

from database import transactions
from database.connection import database
from models import Cancel, LedgerEntry, Order, Refill
from panel import accounts, ledger, pricing, services
from panel.errors import (
    CANNOT_CANCEL,
    CANNOT_REFILL,
    INCORRECT_ORDER_ID,
    NOT_ENOUGH_FUNDS,
    REFILL_NOT_FOUND,
    OperatorError,
    Problem,
    RequestRejected,
    quantity_above,
    quantity_below,
)
from panel.money import MICROS
from panel.orders import cancels as cancel_requests
from panel.orders import lookup, refills, transition
from panel.orders.lookup import OrderState
from panel.orders.place import OrderRequest, place_order
from panel.orders.state import FOLLOWS

pytestmark = pytest.mark.usefixtures("cast")

STATUSES = ("Pending", "Processing", "In progress", "Completed", "Partial", "Canceled")
MAY_FOLLOW = {
    "Pending": {"Processing", "In progress", "Completed", "Partial", "Canceled"},
    "Processing": {"In progress", "Completed", "Partial", "Canceled"},
    "In progress": {"Processing", "Completed", "Partial", "Canceled"},
    "Completed": {"Partial", "Canceled"},
    "Partial": set(),
    "Canceled": set(),
}
SUBSCRIPTIONS = {
    "Active": {"Paused", "Completed", "Expired", "Canceled"},
    "Paused": {"Active", "Completed", "Expired", "Canceled"},
    "Expired": set(),
}
"""A subscription's own life; every other order never comes to these."""
CHARGE = 2_500_000
"""What 500 followers cost, at 5.00 per 1000."""

Place = Callable[..., int]


def account_id(name: str = "alice") -> int:
    return accounts.get(name).id


def balance(name: str = "alice") -> int:
    return accounts.get(name).balance_micros


def offer(service_id: int) -> pricing.Offer:
    found = pricing.find_offer(accounts.caller(account_id()), service_id)
    assert found is not None
    return found


@pytest.fixture
def place(cast: SimpleNamespace) -> Place:
    """Place Alice's order of 500 followers and move it to a status; half of it is delivered."""

    def place(status: str = "Pending", remains: int = 250, service: int | None = None) -> int:
        bought = offer(service or cast.followers)
        order_id = place_order(
            account_id(), bought, OrderRequest("https://a.example/", min(500, bought.max))
        )
        if status != "Pending":
            remains = 0 if status == "Completed" else min(remains, bought.max)
            transition.change(order_id, status=status, remains=remains)
        return order_id

    return place


def told(order_id: int) -> tuple[int, int, str, int]:
    """What the customer is told: charge, start count, status, remains."""
    return state(order_id)[:4]


def state(order_id: int) -> OrderState:
    return lookup.find(account_id(), order_id)


def everything() -> list[str]:
    """All that the database holds, as SQL."""
    return list(database.connection().iterdump())


def refunds(order_id: int) -> list[int]:
    """The refunds of an order in the ledger."""
    query = LedgerEntry.select().where(LedgerEntry.order == order_id, LedgerEntry.kind == "refund")
    return [entry.amount_micros for entry in query]


def assert_changes_nothing(action: Callable[[], Any], error: type[Exception], text: str) -> None:
    before = everything()
    with pytest.raises(error) as refused:
        action()
    assert str(refused.value) == text
    assert everything() == before


# Placing


def test_a_placed_order_is_charged_at_once(place: Place) -> None:
    order_id = place()
    assert told(order_id) == (CHARGE, 0, "Pending", 500)
    assert balance() == 100 * MICROS - CHARGE
    (entry,) = ledger.listing(account_id(), 1)
    assert (entry["kind"], entry["order"]) == ("charge", order_id)
    assert (entry["amount_micros"], entry["balance_micros"]) == (-CHARGE, balance())
    assert list(ledger.check()) == []


def test_a_package_costs_its_rate_and_counts_as_one(cast: SimpleNamespace) -> None:
    order_id = place_order(
        account_id(), offer(cast.pack), OrderRequest("https://a.example/", None)
    )
    assert told(order_id) == (3_900_000, 0, "Pending", 1)
    assert balance() == 100 * MICROS - 3_900_000


@pytest.mark.parametrize(
    ("name", "quantity", "problem"),
    [
        ("alice", 9, quantity_below(10)),
        ("alice", 0, quantity_below(10)),
        ("alice", 1001, quantity_above(1000)),
        ("alice", 10**18, quantity_above(1000)),
        ("poor", 10, NOT_ENOUGH_FUNDS),
        ("poor", 9, quantity_below(10)),
    ],
)
def test_an_order_that_cannot_be_changes_nothing(
    cast: SimpleNamespace, name: str, quantity: int, problem: Problem
) -> None:
    followers = offer(cast.followers)
    assert_changes_nothing(
        lambda: place_order(
            account_id(name), followers, OrderRequest("https://a.example/", quantity)
        ),
        RequestRejected,
        problem.text,
    )


@pytest.mark.parametrize("quantity", [10, 1000])
def test_the_range_of_a_service_holds_its_ends(cast: SimpleNamespace, quantity: int) -> None:
    place_order(account_id(), offer(cast.followers), OrderRequest("https://a.example/", quantity))
    assert balance() == 100 * MICROS - quantity * 5000


def test_a_balance_can_be_spent_to_its_last_micro(cast: SimpleNamespace) -> None:
    accounts.add("exact", 50_000)
    place_order(account_id("exact"), offer(cast.followers), OrderRequest("https://a.example/", 10))
    assert balance("exact") == 0
    accounts.add("short", 49_999)
    assert_changes_nothing(
        lambda: place_order(account_id("short"), offer(cast.followers), OrderRequest("l", 10)),
        RequestRejected,
        "Not enough funds on balance",
    )


def test_an_order_of_a_free_service_costs_nothing(cast: SimpleNamespace) -> None:
    free = services.add(name="Free", category="C", rate_micros=0, min=1, max=5, cancel=True)
    order_id = place_order(account_id("poor"), offer(free), OrderRequest("https://a.example/", 5))
    transition.change(order_id, status="Canceled")
    assert lookup.find(account_id("poor"), order_id)[:4] == (0, 0, "Canceled", 5)
    assert refunds(order_id) == []
    assert list(ledger.check()) == []


def test_a_service_that_is_disabled_or_not_there_cannot_be_ordered(cast: SimpleNamespace) -> None:
    alice = accounts.caller(account_id())
    assert [pricing.find_offer(alice, number) for number in (cast.hidden, 9999, None)] == [
        None
    ] * 3
    offered = [offer.id for offer in pricing.offers(alice)]
    assert offered == [cast.followers, cast.views, cast.pack]


# Which status may follow which


def test_the_table_names_every_status() -> None:
    assert tuple(FOLLOWS) == (*STATUSES, *SUBSCRIPTIONS)
    follows = {old: set(new) for old, new in FOLLOWS.items()}
    assert follows == MAY_FOLLOW | SUBSCRIPTIONS


@pytest.mark.parametrize("new", STATUSES)
@pytest.mark.parametrize("old", STATUSES)
def test_a_status_follows(place: Place, old: str, new: str) -> None:
    order_id = place(old)
    if new == old:
        before = everything()
        transition.change(order_id, status=new)
        assert everything() == before
    elif new in MAY_FOLLOW[old]:
        transition.change(order_id, status=new, remains=200)
        assert told(order_id)[2:] == (new, 200)
    else:
        final = old in ("Partial", "Canceled")
        assert_changes_nothing(
            lambda: transition.change(order_id, status=new),
            OperatorError,
            f"order {order_id} is {old}, which is final"
            if final
            else f"order {order_id} is {old} and cannot become {new}",
        )
    assert list(ledger.check()) == []


@pytest.mark.parametrize("status", ["pending", "PENDING", "Cancelled", "Inprogress", "", "Error"])
@pytest.mark.parametrize("old", ["Pending", "Canceled"])
def test_there_is_no_other_status(place: Place, old: str, status: str) -> None:
    order_id = place(old)
    assert_changes_nothing(
        lambda: transition.change(order_id, status=status),
        OperatorError,
        f"there is no status {status!r}; there are: {', '.join(FOLLOWS)}",
    )


COUNT = "the start count must be from 0 to 1000000000000000"
REMAINS = "the remains must be from 0 to the order's quantity, 500"
FINAL = "order 1 is {}, which is final"


@pytest.mark.parametrize(
    ("old", "change", "text"),
    [
        ("Pending", {"start_count": -1}, COUNT),
        ("Pending", {"start_count": 10**15 + 1}, COUNT),
        ("Pending", {"remains": -1}, REMAINS),
        ("Pending", {"remains": 501}, REMAINS),
        ("Pending", {"status": "Partial", "remains": 501}, REMAINS),
        ("Pending", {"status": "Processing", "remains": 10**30}, REMAINS),
        ("Pending", {"status": "Partial", "remains": 0},
         "Partial needs the remains that are to be paid back"),
        ("Completed", {"status": "Partial"}, "Partial needs the remains that are to be paid back"),
        ("Completed", {"status": "Canceled"},
         "Canceled needs the remains that are to be paid back"),
        ("Partial", {"remains": 500}, FINAL.format("Partial")),
        ("Partial", {"start_count": 7}, FINAL.format("Partial")),
        ("Partial", {"status": "Partial", "remains": 499}, FINAL.format("Partial")),
        ("Canceled", {"remains": 0}, FINAL.format("Canceled")),
        ("Canceled", {"status": "Completed"}, FINAL.format("Canceled")),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_changes_nothing(
    place: Place, old: str, change: dict[str, Any], text: str
) -> None:
    order_id = place(old)
    assert order_id == 1
    assert_changes_nothing(lambda: transition.change(order_id, **change), OperatorError, text)


def test_an_order_that_is_not_there_cannot_be_changed() -> None:
    for order_id in (0, 9999, 10**18):
        assert_changes_nothing(
            lambda order_id=order_id: transition.change(order_id, status="Completed"),  # type: ignore[misc]
            OperatorError,
            f"there is no order {order_id}",
        )


def test_the_counts_move_while_the_order_is_open(place: Place) -> None:
    order_id = place("In progress", remains=500)
    transition.change(order_id, start_count=1234)
    transition.change(order_id, remains=320)
    assert told(order_id) == (CHARGE, 1234, "In progress", 320)
    transition.change(order_id, remains=400)  # what was lost again is still owed
    assert state(order_id).remains == 400
    transition.change(order_id, status="Completed")
    assert told(order_id) == (CHARGE, 1234, "Completed", 0)
    assert balance() == 100 * MICROS - CHARGE


# What is paid back


@pytest.mark.parametrize(
    ("old", "status", "remains", "refund"),
    [
        ("Pending", "Canceled", None, CHARGE),
        ("Pending", "Canceled", 500, CHARGE),
        ("Pending", "Canceled", 100, CHARGE // 5),
        ("Pending", "Canceled", 0, 0),
        ("Pending", "Partial", None, CHARGE),
        ("Pending", "Partial", 1, 5_000),
        ("Processing", "Canceled", None, CHARGE // 2),
        ("In progress", "Canceled", None, CHARGE // 2),
        ("In progress", "Partial", None, CHARGE // 2),
        ("In progress", "Partial", 499, CHARGE - 5_000),
        ("In progress", "Completed", None, 0),
        ("In progress", "Completed", 10, 0),
        ("Completed", "Partial", 200, 1_000_000),
        ("Completed", "Partial", 500, CHARGE),
        ("Completed", "Canceled", 500, CHARGE),
        ("Completed", "Canceled", 1, 5_000),
    ],
)
def test_what_is_not_delivered_is_paid_back(
    place: Place, old: str, status: str, remains: int | None, refund: int
) -> None:
    order_id = place(old)
    transition.change(order_id, status=status, remains=remains)
    assert refunds(order_id) == ([refund] if refund else [])
    assert balance() == 100 * MICROS - CHARGE + refund
    assert state(order_id).charge_micros == CHARGE - refund
    assert Order.get_by_id(order_id).refunded_micros == refund
    assert list(ledger.check()) == []


@pytest.mark.parametrize(
    ("rate_micros", "quantity", "remains", "charge", "refund"),
    [
        (1_000, 3, 1, 3, 1),
        (1_000, 3, 2, 3, 2),
        (333, 10, 5, 3, 2),
        (500, 1, 1, 1, 1),
        (1_500, 5, 2, 8, 3),
        (1, 10, 10, 0, 0),
    ],
)
def test_a_refund_is_rounded_half_up_and_kept_is_the_rest(
    rate_micros: int, quantity: int, remains: int, charge: int, refund: int
) -> None:
    service = services.add(name="S", category="C", rate_micros=rate_micros, min=1, max=10)
    order_id = place_order(
        account_id(), offer(service), OrderRequest("https://a.example/", quantity)
    )
    assert state(order_id).charge_micros == charge
    transition.change(order_id, status="Partial", remains=remains)
    assert state(order_id).charge_micros == charge - refund
    assert balance() == 100 * MICROS - charge + refund


@pytest.mark.parametrize(
    ("status", "remains", "refund"),
    [("Canceled", 1, 3_900_000), ("Partial", 1, 3_900_000), ("Canceled", 0, 0)],
)
def test_a_package_is_paid_back_whole_or_not(
    cast: SimpleNamespace, place: Place, status: str, remains: int, refund: int
) -> None:
    order_id = place("In progress", remains=1, service=cast.pack)
    transition.change(order_id, status=status, remains=remains)
    assert balance() == 100 * MICROS - 3_900_000 + refund


@pytest.mark.parametrize("status", ["Partial", "Canceled"])
@pytest.mark.parametrize("old", ["Pending", "In progress", "Completed"])
def test_a_report_that_comes_again_pays_back_once(place: Place, old: str, status: str) -> None:
    order_id = place(old)
    transition.change(order_id, status=status, remains=200)
    before = everything()
    for _ in range(3):
        transition.change(order_id, status=status, remains=200)
        transition.change(order_id, status=status)
    assert everything() == before
    assert refunds(order_id) == [1_000_000]


def test_a_later_price_does_not_change_what_is_paid_back(
    cast: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    services.edit(cast.followers, rate_micros=9 * MICROS)
    transition.change(order_id, status="Canceled")
    assert balance() == 100 * MICROS


def test_a_suspended_customer_is_paid_back_too(place: Place) -> None:
    order_id = place()
    accounts.set_status("alice", "suspended")
    transition.change(order_id, status="Canceled")
    assert balance() == 100 * MICROS


def test_a_refund_that_cannot_be_written_leaves_the_order_as_it_was(place: Place) -> None:
    order_id = place()
    with transactions.immediate():
        # Someone has entered the refund already, which no code of the panel does.
        database.execute_sql(
            "INSERT INTO ledger_entries SELECT NULL, account_id, 'refund', 1, "
            "(SELECT balance_micros FROM accounts WHERE id = account_id), id, '', 0 FROM orders"
        )
    before = everything()
    with pytest.raises(IntegrityError):
        transition.change(order_id, status="Canceled")
    assert everything() == before


# Cancel requests


def request_cancel(order_id: int) -> int:
    (number,) = cancel_requests.request(account_id(), [order_id])
    assert isinstance(number, int), number
    return number


def cancels() -> dict[int, str]:
    return {cancel.id: cancel.status for cancel in Cancel.select()}


def test_an_order_that_nobody_began_is_canceled_at_once(place: Place) -> None:
    order_id = place()
    number = request_cancel(order_id)
    assert told(order_id) == (0, 0, "Canceled", 500)
    assert balance() == 100 * MICROS
    assert cancels() == {number: "accepted"}


@pytest.mark.parametrize("status", ["Processing", "In progress"])
def test_a_cancel_of_an_order_that_is_begun_waits(place: Place, status: str) -> None:
    order_id = place(status)
    number = request_cancel(order_id)
    assert request_cancel(order_id) == number
    assert told(order_id) == (CHARGE, 0, status, 250)
    assert cancels() == {number: "pending"}


def test_a_granted_cancel_pays_back_what_remains(place: Place) -> None:
    order_id = place("In progress")
    cancel_requests.accept(request_cancel(order_id))
    assert told(order_id) == (CHARGE // 2, 0, "Canceled", 250)
    assert balance() == 100 * MICROS - CHARGE // 2
    assert set(cancels().values()) == {"accepted"}


def test_a_cancel_that_was_turned_down_can_be_asked_again(place: Place) -> None:
    order_id = place("In progress")
    first = request_cancel(order_id)
    cancel_requests.reject(first)
    assert state(order_id).status == "In progress"
    second = request_cancel(order_id)
    assert cancels() == {first: "rejected", second: "pending"}
    transition.change(order_id, status="Canceled")
    assert cancels() == {first: "rejected", second: "accepted"}  # what was answered stays


@pytest.mark.parametrize(
    ("status", "answer"),
    [("Completed", "rejected"), ("Partial", "accepted"), ("Canceled", "accepted")],
)
def test_a_waiting_cancel_is_settled_when_the_order_ends(
    place: Place, status: str, answer: str
) -> None:
    order_id, other = place("In progress"), place("In progress")
    number, waiting = request_cancel(order_id), request_cancel(other)
    transition.change(order_id, status="Processing")
    assert cancels() == {number: "pending", waiting: "pending"}
    transition.change(order_id, status=status)
    assert cancels() == {number: answer, waiting: "pending"}
    assert list(ledger.check()) == []


@pytest.mark.parametrize("settle", [cancel_requests.accept, cancel_requests.reject])
def test_a_cancel_is_settled_once(place: Place, settle: Callable[[int], None]) -> None:
    accepted, rejected = request_cancel(place("In progress")), request_cancel(place("Processing"))
    cancel_requests.accept(accepted)
    cancel_requests.reject(rejected)
    for number, status in ((accepted, "accepted"), (rejected, "rejected")):
        text = f"cancel request {number} was {status} already"
        assert_changes_nothing(lambda number=number: settle(number), OperatorError, text)  # type: ignore[misc]
    assert_changes_nothing(lambda: settle(9999), OperatorError, "there is no cancel request 9999")


def test_a_list_of_cancels_is_answered_one_by_one(cast: SimpleNamespace, place: Place) -> None:
    others = place_order(
        account_id("bob"), offer(cast.followers), OrderRequest("https://b.example/", 10)
    )
    views = place_order(account_id(), offer(cast.views), OrderRequest("https://a.example/", 100))
    begun, completed, partial, new = (
        place("In progress"), place("Completed"), place("Partial"), place(),
    )  # fmt: skip
    before = balance("bob")
    assert cancel_requests.request(
        account_id(), [others, None, begun, 9999, views, completed, partial, new]
    ) == [
        INCORRECT_ORDER_ID, INCORRECT_ORDER_ID, 1, INCORRECT_ORDER_ID,
        CANNOT_CANCEL, CANNOT_CANCEL, CANNOT_CANCEL, 2,
    ]  # fmt: skip
    assert lookup.find(account_id("bob"), others).status == "Pending"
    assert balance("bob") == before
    assert state(new).status == "Canceled"
    assert cancels() == {1: "pending", 2: "accepted"}


# Refills


def request_refill(order_id: int) -> int | Problem:
    (number,) = refills.request(account_id(), [order_id])
    return number


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_completed_order_is_refilled(place: Place, status: str) -> None:
    order_id = place(status)
    before = everything()
    if status == "Completed":
        assert request_refill(order_id) == 1
        assert refills.status(account_id(), 1) == "pending"
    else:
        assert request_refill(order_id) == CANNOT_REFILL
        assert everything() == before


def test_a_refill_must_be_offered(cast: SimpleNamespace) -> None:
    order_id = place_order(
        account_id(), offer(cast.views), OrderRequest("https://a.example/", 100)
    )
    transition.change(order_id, status="Completed")
    assert request_refill(order_id) == CANNOT_REFILL
    assert list(Refill.select()) == []


REFILL_STATUSES = ("pending", "in progress", "completed", "rejected", "error")
THERE_ARE = f"there are: {', '.join(REFILL_STATUSES)}"
REFILL_MAY_FOLLOW = {
    "pending": {"in progress", "completed", "rejected", "error"},
    "in progress": {"completed", "rejected", "error"},
}


@pytest.mark.parametrize("status", REFILL_STATUSES)
def test_a_second_refill_waits_for_the_end_of_the_first(place: Place, status: str) -> None:
    order_id = place("Completed")
    assert request_refill(order_id) == 1
    refills.set_status(1, status)
    is_open = status in ("pending", "in progress")
    assert request_refill(order_id) == (CANNOT_REFILL if is_open else 2)
    assert request_refill(place("Completed")) == (2 if is_open else 3)  # another order's own


@pytest.mark.parametrize("new", REFILL_STATUSES)
@pytest.mark.parametrize("old", REFILL_STATUSES)
def test_a_refill_status_follows(place: Place, old: str, new: str) -> None:
    assert request_refill(place("Completed")) == 1
    refills.set_status(1, old)
    before = everything()
    if new == old:
        refills.set_status(1, new)
        assert everything() == before
    elif new in REFILL_MAY_FOLLOW.get(old, ()):
        refills.set_status(1, new)
        assert refills.status(account_id(), 1) == new
    else:
        assert_changes_nothing(
            lambda: refills.set_status(1, new),
            OperatorError,
            f"refill 1 is {old} and cannot become {new}",
        )


@pytest.mark.parametrize(
    ("refill_id", "status", "text"),
    [
        (9999, "completed", "there is no refill 9999"),
        (1, "Completed", f"there is no status 'Completed'; {THERE_ARE}"),
        (1, "", f"there is no status ''; {THERE_ARE}"),
    ],
)
def test_a_refill_cannot_become_anything(
    place: Place, refill_id: int, status: str, text: str
) -> None:
    assert request_refill(place("Completed")) == 1
    assert_changes_nothing(lambda: refills.set_status(refill_id, status), OperatorError, text)


def test_a_list_of_refills_is_answered_one_by_one(cast: SimpleNamespace, place: Place) -> None:
    others = place_order(
        account_id("bob"), offer(cast.followers), OrderRequest("https://b.example/", 10)
    )
    transition.change(others, status="Completed")
    completed, begun = place("Completed"), place("In progress")
    assert refills.request(account_id(), [others, completed, None, begun, completed]) == [
        INCORRECT_ORDER_ID, 1, INCORRECT_ORDER_ID, CANNOT_REFILL, CANNOT_REFILL,
    ]  # fmt: skip
    assert refills.statuses(account_id(), [1, 2, None]) == {
        1: "pending", 2: REFILL_NOT_FOUND, None: REFILL_NOT_FOUND,
    }  # fmt: skip
    assert refills.statuses(account_id("bob"), [1]) == {1: REFILL_NOT_FOUND}
    with pytest.raises(RequestRejected, match="Refill not found"):
        refills.status(account_id("bob"), 1)


# Whose order it is


def test_somebody_elses_order_and_no_order_are_the_same(place: Place) -> None:
    order_id = place()
    bob = account_id("bob")
    for number in (order_id, order_id + 1, None):
        with pytest.raises(RequestRejected) as refused:
            lookup.find(bob, number)
        assert refused.value.problem == INCORRECT_ORDER_ID
    assert lookup.find_many(bob, [order_id, None]) == {
        order_id: INCORRECT_ORDER_ID, None: INCORRECT_ORDER_ID,
    }  # fmt: skip
    assert lookup.find_many(account_id(), [9999, order_id]) == {
        9999: INCORRECT_ORDER_ID, order_id: state(order_id),
    }  # fmt: skip
    assert lookup.find_many(account_id(), []) == {}
