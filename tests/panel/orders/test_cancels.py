"""Cancel requests: at once, waiting, granted, turned down."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from support.orders import (
    CHARGE,
    Place,
    account_id,
    assert_changes_nothing,
    balance,
    offer_of,
    told,
    told_state,
)

from models import Cancel
from panel import ledger
from panel.errors import (
    CANNOT_CANCEL,
    INCORRECT_ORDER_ID,
    OperatorError,
)
from panel.money import MICROS
from panel.orders import cancels as cancel_requests
from panel.orders import lookup, transition
from panel.orders.place import OrderRequest, place_order

pytestmark = pytest.mark.usefixtures("cast")


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
    assert told_state(order_id).status == "In progress"
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
        account_id("bob"), offer_of(cast.followers), OrderRequest("https://b.example/", 10)
    )
    views = place_order(
        account_id(), offer_of(cast.views), OrderRequest("https://a.example/", 100)
    )
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
    assert told_state(new).status == "Canceled"
    assert cancels() == {1: "pending", 2: "accepted"}
