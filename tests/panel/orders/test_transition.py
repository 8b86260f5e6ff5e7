"""A change of an order: which status may follow which, what is paid back, what else follows."""

from types import SimpleNamespace
from typing import Any

import pytest
from peewee import IntegrityError
from support.orders import (
    CHARGE,
    Place,
    account_id,
    assert_changes_nothing,
    balance,
    everything,
    offer_of,
    refunds,
    told,
    told_state,
)

from database import transactions
from database.connection import database
from models import Order
from panel import accounts, ledger, services
from panel.errors import (
    OperatorError,
)
from panel.money import MICROS
from panel.orders import events, lookup, transition
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
    assert told_state(order_id).remains == 400
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
    assert told_state(order_id).charge_micros == CHARGE - refund
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
        (1, 10, 10, 1, 1),
    ],
)
def test_a_refund_is_rounded_half_up_and_kept_is_the_rest(
    rate_micros: int, quantity: int, remains: int, charge: int, refund: int
) -> None:
    service = services.add(name="S", category="C", rate_micros=rate_micros, min=1, max=10)
    order_id = place_order(
        account_id(), offer_of(service), OrderRequest("https://a.example/", quantity)
    )
    assert told_state(order_id).charge_micros == charge
    transition.change(order_id, status="Partial", remains=remains)
    assert told_state(order_id).charge_micros == charge - refund
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
            "INSERT INTO ledger_entries "
            "(account_id, kind, amount_micros, balance_micros, order_id, created_at) "
            "SELECT account_id, 'refund', 1, "
            "(SELECT balance_micros FROM accounts WHERE id = account_id), id, 0 FROM orders"
        )
    before = everything()
    with pytest.raises(IntegrityError):
        transition.change(order_id, status="Canceled")
    assert everything() == before


# The one writer


def test_a_change_outside_a_transaction_is_a_mistake_of_ours(place: Place) -> None:
    order = lookup.get(place())
    with pytest.raises(RuntimeError, match="outside a transaction"):
        transition.apply_change(order, {"status": "Completed"})
    assert lookup.get(order.id) == order


@pytest.mark.parametrize("dispatch_state", ["waiting", "sending", "sent", "review"])
def test_an_order_that_is_not_forwarded_stays_so(place: Place, dispatch_state: str) -> None:
    order = lookup.get(place())
    with transactions.immediate(), pytest.raises(RuntimeError, match="cannot follow ''"):
        transition.apply_change(order, {"dispatch_state": dispatch_state})
    assert lookup.get(order.id) == order


def test_a_change_is_one_update_of_the_columns_that_change(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lookup.get(place())
    updates: list[tuple[str, ...]] = []
    update = transition._update

    def counting(columns: tuple[str, ...]) -> Any:
        updates.append(columns)
        return update(columns)

    monkeypatch.setattr(transition, "_update", counting)
    with transactions.immediate():
        transition.apply_change(order, {"status": "Partial", "remains": 100, "warning": ""})
        transition.apply_change(lookup.get(order.id), {"remains": 100})
    assert updates == [("refunded_micros", "remains", "status", "updated_at")]
    assert refunds(order.id) == [500_000]


def test_an_event_of_a_change_is_in_the_history(place: Place) -> None:
    order = lookup.get(place())
    with transactions.immediate():
        event = transition.Event("warning", "look at it")
        transition.apply_change(order, {"warning": "look at it"}, event)
    assert [(row["kind"], row["text"]) for row in events.events(order.id)] == [event[:2]]
    assert lookup.get(order.id).warning == "look at it"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["Busy, request 17", "Busy, request 18", "Busy, request 190"], ["Busy, request 17"]),
        (["Busy", "Busy", "Down", "Busy"], ["Busy", "Down", "Busy"]),
        (["Busy 1", "", "Busy 2"], ["Busy 1", "Busy 2"]),
    ],
)
def test_a_warning_that_differs_in_its_numbers_alone_is_told_once(
    place: Place, said: list[str], told: list[str]
) -> None:
    order_id = place()
    for warning in said:
        with transactions.immediate():
            transition.apply_with_warning(lookup.get(order_id), {"warning": warning})
        assert lookup.get(order_id).warning == warning
    assert [row["text"] for row in events.events(order_id)] == told


def test_a_change_that_is_refused_leaves_no_event(place: Place) -> None:
    order = lookup.get(place())
    with transactions.immediate(), pytest.raises(OperatorError):
        event = transition.Event("warning", "never seen")
        transition.apply_change(order, {"remains": 501}, event)
    assert events.events(order.id) == []
    assert lookup.get(order.id) == order
