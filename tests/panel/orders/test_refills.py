"""Refills: which orders have them, and which status may follow which."""

from types import SimpleNamespace

import pytest
from support.orders import (
    Place,
    account_id,
    assert_changes_nothing,
    everything,
    offer_of,
)

from models import Refill
from panel.errors import (
    CANNOT_REFILL,
    INCORRECT_ORDER_ID,
    REFILL_NOT_FOUND,
    OperatorError,
    Problem,
    RequestRejected,
)
from panel.orders import refills, transition
from panel.orders.place import OrderRequest, place_order

pytestmark = pytest.mark.usefixtures("cast")


def request_refill(order_id: int) -> int | Problem:
    (number,) = refills.request(account_id(), [order_id])
    return number


@pytest.mark.parametrize(
    "status", ["Pending", "Processing", "In progress", "Completed", "Partial", "Canceled"]
)
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
        account_id(), offer_of(cast.views), OrderRequest("https://a.example/", 100)
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
        account_id("bob"), offer_of(cast.followers), OrderRequest("https://b.example/", 10)
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
