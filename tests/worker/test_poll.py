"""Asking for statuses: what a provider answers only in part, or for nobody."""

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from support.faulty import FaultyProvider
from support.orders import account_id, offer_of
from support.shop import LISTING, come_due, place

from models import Order
from panel import services
from panel.money import MICROS
from panel.orders import dispatch, lookup
from panel.orders.lookup import StoredOrder
from panel.orders.place import OrderRequest, place_order
from panel.providers import sources, words
from upstream.provider import OutcomeUnknown, ProviderRejected
from worker import poll
from worker.contact import Contact

POST = {"charge": "0.000165", "start_count": 0, "status": "Completed", "remains": 0,
        "currency": "USD", "quantity": 50}  # fmt: skip


def ask(shop: SimpleNamespace, orders: dict[int, str], times: int = 1) -> None:
    contact = Contact(shop.provider, shop.client, lambda: True, {})
    for _ in range(times):
        come_due(list(orders))
        with suppress(ProviderRejected, OutcomeUnknown):
            poll.poll_statuses(contact, list(orders.items()), 15)


@pytest.fixture
def subscription(shop: SimpleNamespace) -> int:
    """A subscription that the provider has as its order 1."""
    service = services.add(
        name="Likes", category="Posts", rate_micros=MICROS, min=1, max=90, type="Subscriptions"
    )
    sources.set_source(service, shop.provider, LISTING, 1)
    wanted = OrderRequest("", details={"username": "x", "min": 20, "max": 50, "delay": 5})
    order_id = place_order(account_id(), offer_of(service), wanted)
    assert dispatch.claim(shop.provider) is not None
    dispatch.record_accepted(order_id, "1", 0)
    return order_id


def posts_of(order_id: int) -> list[StoredOrder]:
    return lookup.parts_of(order_id)


def test_many_posts_are_charged_one_by_one_and_the_subscription_ends_with_the_last(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    subscription: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    children = [900 + n for n in range(60)]

    def status(request: dict[str, str]) -> tuple[int, Any]:
        if "orders" in request:
            return 200, {"error": "Incorrect request"}
        said = {"status": "Completed", "orders": children}
        return 200, said if request["order"] == "1" else POST

    monkeypatch.setattr(faulty, "_status", status)
    ask(shop, {subscription: "1"})
    assert 0 < len(posts_of(subscription)) < 60
    assert lookup.get(subscription).status == "Active"
    ask(shop, {subscription: "1"}, 3)
    assert len(posts_of(subscription)) == 60
    assert lookup.get(subscription).status == "Completed"


def test_posts_that_cannot_be_asked_for_are_told(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    subscription: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def status(request: dict[str, str]) -> tuple[int, Any]:
        if (request.get("orders") or request["order"]) != "1":
            return 500, {}
        said = {"status": "Completed", "orders": [901, 902]}
        return 200, {"1": said} if "orders" in request else said

    monkeypatch.setattr(faulty, "_status", status)
    ask(shop, {subscription: "1"}, 2)
    order = lookup.get(subscription)
    assert order.status == "Active"
    assert "901" in order.warning


def test_orders_that_a_provider_does_not_know_are_told_though_it_knows_none(
    shop: SimpleNamespace, faulty: FaultyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = place(shop, 12)
    orders = {order_id: f"x{order_id}" for order_id in placed}
    for order_id, number in orders.items():
        assert dispatch.claim(shop.provider) is not None
        dispatch.record_accepted(order_id, number, 0)

    def status(request: dict[str, str]) -> tuple[int, Any]:
        return 200, {"error": "Incorrect order ID"}

    monkeypatch.setattr(faulty, "_status", status)
    ask(shop, orders, 6)
    warned = Order.select().where(Order.id.in_(placed), Order.warning.contains("Incorrect order"))
    assert warned.count() == len(placed)


@pytest.mark.parametrize(
    ("said", "held_text"), [("\0abc", "abc"), ("ab\0c\x1b[1m", "abc[1m"), ("\u202eabc", "abc")]
)
def test_a_word_with_control_characters_is_held_as_one_that_is_not_known(
    shop: SimpleNamespace, faulty: FaultyProvider, said: str, held_text: str
) -> None:
    (order_id,) = place(shop, 1)
    assert dispatch.claim(shop.provider) is not None
    dispatch.record_accepted(order_id, "7", 0)
    faulty.orders[7] = {"status": said, "remains": 5}
    ask(shop, {order_id: "7"})
    order = Order.get_by_id(order_id)
    assert (order.held_because, order.held_text) == ("word", held_text)
    words.teach(shop.row.name, order.held_text, "In progress")
    ask(shop, {order_id: "7"})
    assert lookup.get(order_id).status == "In progress"


def test_a_word_of_control_characters_alone_is_no_status(
    shop: SimpleNamespace, faulty: FaultyProvider
) -> None:
    (order_id,) = place(shop, 1)
    assert dispatch.claim(shop.provider) is not None
    dispatch.record_accepted(order_id, "7", 0)
    faulty.orders[7] = {"status": "\0", "remains": 5}
    ask(shop, {order_id: "7"})
    order = Order.get_by_id(order_id)
    assert order.status == "Pending"
    assert "no status" in order.warning
