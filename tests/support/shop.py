"""A service that is bought from the faulty provider, its orders, and the lane that serves them."""

import threading
import time
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

from database.compiled_query import rows
from models import LedgerEntry, Order, OrderEvent
from panel import services
from panel.money import MICROS
from panel.orders import lookup
from panel.providers import registry, sources
from panel.providers.listing import Listing
from support.faulty import DOLLARS, KEY, PATIENT_S
from support.orders import new_order
from upstream.http import HttpProvider
from worker.lane import Lane

SOME = 3
"""How many orders a test places that needs more than one."""

LISTING = Listing("2", "Views", "Video", "Default", 3300, 1, 1000, False, False)
"""The service that is bought, as the faulty provider lists it."""

links = (f"https://a.example/{n}" for n in count())
"""No link is ordered twice here, so each tells how often its order was taken."""
shops = count()


def open_shop(url: str) -> SimpleNamespace:
    """A service, and a provider of its own."""
    row = registry.add(f"upstream-{next(shops)}", url, KEY, 10**6)
    service = services.add(name="Views", category="Video", rate_micros=MICROS, min=1, max=1000)
    sources.set_source(service, row.id, LISTING, 1)
    client = HttpProvider(url, KEY, DOLLARS, timeout_s=PATIENT_S)
    return SimpleNamespace(provider=row.id, row=row, service=service, client=client)


def place(shop: SimpleNamespace, number: int = SOME) -> list[int]:
    """Order so often, each with a link of its own: the orders' numbers."""
    return [new_order(shop.service, link=next(links)) for _ in range(number)]


def come_due(placed: list[int]) -> None:
    """Have orders sent and asked for now."""
    Order.update(send_at=0, poll_at=0).where(Order.id.in_(placed)).execute()


def forwards(placed: list[int]) -> list[str]:
    """How far each order is on its way to the provider."""
    return [lookup.get(order_id).dispatch_state for order_id in placed]


def refunded(placed: list[int]) -> list[int]:
    """Which of these orders were paid back."""
    query = LedgerEntry.select(LedgerEntry.order).where(
        LedgerEntry.order.in_(placed), LedgerEntry.kind == "refund"
    )
    return sorted(number for (number,) in rows(query.tuples()))


OpenLane = Callable[[SimpleNamespace], tuple[threading.Event, Lane]]


def until(true: Callable[[], Any]) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + PATIENT_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def follow_until(placed: list[int], true: Callable[[], Any]) -> None:
    """Have orders sent and asked for now, again and again, until something is true.

    Beside a lane once is not enough: what it was asking just then puts an order off again.
    """

    def asked_again() -> Any:
        come_due(placed)
        return true()

    until(asked_again)


def resumed(shop: SimpleNamespace) -> bool:
    """Let a lane go on that a redirect stopped, as a person does."""
    registry.resume(shop.row.name)
    return True


def none_waits(placed: list[int]) -> bool:
    """Whether every order was sent, or will not be."""
    left = Order.select().where(
        Order.id.in_(placed), Order.dispatch_state.in_(("waiting", "sending"))
    )
    return not left.exists()


def last_event(placed: list[int], kind: str) -> int:
    """The number of the newest event of this kind; 0 for none."""
    query = OrderEvent.select().where(OrderEvent.order.in_(placed), OrderEvent.kind == kind)
    return max((event.id for event in query), default=0)
