"""The states of an order: its status, its dispatch state, and the predicates on both."""

from typing import Any

from database.compiled_query import literal
from models import Order

OPEN = ("Pending", "Processing", "In progress", "Active", "Paused")


REFUNDED = ("Partial", "Canceled")


FOLLOWS: dict[str, tuple[str, ...]] = {
    "Pending": ("Processing", "In progress", "Completed", "Partial", "Canceled"),
    "Processing": ("In progress", "Completed", "Partial", "Canceled"),
    "In progress": ("Processing", "Completed", "Partial", "Canceled"),
    # A delivery that turns out bad afterwards is still paid back, once.
    "Completed": ("Partial", "Canceled"),
    "Partial": (),
    "Canceled": (),
    # Subscriptions have a life of their own.
    "Active": ("Paused", "Completed", "Expired", "Canceled"),
    "Paused": ("Active", "Completed", "Expired", "Canceled"),
    "Expired": (),
}
"""Which status may follow which. Nothing returns to Pending: that means "nobody has begun"."""


MAX_START_COUNT = 10**15


def order_is_open() -> Any:
    """Whether an order is open, in the words of the indexes that hold open orders only."""
    return Order.status.in_([literal(status) for status in OPEN])
