"""What tests ask of orders and their money, and rows without a database."""

from collections.abc import Callable
from typing import Any

import pytest

from database.connection import database
from models import LedgerEntry
from panel import accounts, pricing
from panel.orders import lookup
from panel.orders.lookup import OrderState, StoredOrder
from panel.orders.place import OrderRequest, place_order
from support.databases import dump

CHARGE = 2_500_000
"""What 500 followers cost, at 5.00 per 1000."""

LINK = "https://a.example/"

Place = Callable[..., int]

_PLAIN: dict[str, Any] = {
    **dict.fromkeys(StoredOrder._fields, 0),
    "id": 1,
    "account_id": 1,
    "service_id": 1,
    "link": "https://a.example/",
    "quantity": 100,
    "charge_micros": 500_000,
    "status": "Pending",
    "remains": 100,
    "dispatch_state": "sent",
    "provider_id": 1,
    "provider_order": "700",
    "source_rank": 1,
    "warning": "",
    "held_because": "",
    "held_text": "",
    "known_before": "",
    "parameters": "{}",
    "runs": None,
    "interval": None,
    "parent_id": None,
    "part": None,
    "send_key": None,
}


def stored_order(**columns: Any) -> StoredOrder:
    """An order's row as it could be read from the database."""
    return StoredOrder(**{**_PLAIN, **columns})


def account_id(name: str = "alice") -> int:
    return accounts.get(name).id


def balance(name: str = "alice") -> int:
    return accounts.get(name).balance_micros


def offer_of(service_id: int) -> pricing.Offer:
    found = pricing.find_offer(accounts.caller(account_id()), service_id)
    assert found is not None
    return found


def new_order(
    service_id: int, quantity: int | None = 100, link: str = LINK, name: str = "alice"
) -> int:
    """Place a customer's order, as the API does: its number."""
    caller = accounts.caller(account_id(name))
    offer = pricing.find_offer(caller, service_id)
    assert offer is not None
    return place_order(caller.id, offer, OrderRequest(link, quantity))


def told(order_id: int) -> tuple[int, int, str, int]:
    """What the customer is told: charge, start count, status, remains."""
    return told_state(order_id)[:4]


def told_state(order_id: int) -> OrderState:
    return lookup.find(account_id(), order_id)


def everything() -> list[str]:
    """All that the database holds."""
    return dump(database.connection())


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
