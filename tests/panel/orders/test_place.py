"""Placing an order: what it is charged, and what is refused."""

from types import SimpleNamespace

import pytest
from support.orders import (
    CHARGE,
    Place,
    account_id,
    assert_changes_nothing,
    balance,
    offer_of,
    refunds,
    told,
)

from panel import accounts, ledger, pricing, services
from panel.errors import (
    NOT_ENOUGH_FUNDS,
    Problem,
    RequestRejected,
    quantity_above,
    quantity_below,
)
from panel.money import MICROS
from panel.orders import lookup, transition
from panel.orders.place import OrderRequest, place_order

pytestmark = pytest.mark.usefixtures("cast")


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
        account_id(), offer_of(cast.pack), OrderRequest("https://a.example/", None)
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
    followers = offer_of(cast.followers)
    assert_changes_nothing(
        lambda: place_order(
            account_id(name), followers, OrderRequest("https://a.example/", quantity)
        ),
        RequestRejected,
        problem.text,
    )


@pytest.mark.parametrize("quantity", [10, 1000])
def test_the_range_of_a_service_holds_its_ends(cast: SimpleNamespace, quantity: int) -> None:
    place_order(
        account_id(), offer_of(cast.followers), OrderRequest("https://a.example/", quantity)
    )
    assert balance() == 100 * MICROS - quantity * 5000


def test_a_balance_can_be_spent_to_its_last_micro(cast: SimpleNamespace) -> None:
    accounts.add("exact", 50_000)
    place_order(
        account_id("exact"), offer_of(cast.followers), OrderRequest("https://a.example/", 10)
    )
    assert balance("exact") == 0
    accounts.add("short", 49_999)
    assert_changes_nothing(
        lambda: place_order(account_id("short"), offer_of(cast.followers), OrderRequest("l", 10)),
        RequestRejected,
        "Not enough funds on balance",
    )


def test_an_order_of_a_free_service_costs_nothing(cast: SimpleNamespace) -> None:
    free = services.add(name="Free", category="C", rate_micros=0, min=1, max=5, cancel=True)
    order_id = place_order(
        account_id("poor"), offer_of(free), OrderRequest("https://a.example/", 5)
    )
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
