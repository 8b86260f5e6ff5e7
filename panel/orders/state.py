"""The states of an order: status and dispatch state, as tables, with the predicates on both.

The status is what customers see. The dispatch state is how far an order is on its way to a
provider. docs/architecture.md draws both state machines.
"""

from typing import Any

from database.compiled_query import literal
from models import Order

# Status

UNTOUCHED = ("Pending", "Active")
"""Nobody has begun, as far as the status tells."""
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
    # Only subscriptions have these.
    "Active": ("Paused", "Completed", "Expired", "Canceled"),
    "Paused": ("Active", "Completed", "Expired", "Canceled"),
    "Expired": (),
}
"""Which status may follow which. Nothing returns to Pending: that means "nobody has begun"."""

SUBSCRIPTION_ONLY = ("Active", "Paused", "Expired")

MAX_START_COUNT = 10**15

# Dispatch state

NOT_FORWARDED = ""
"""Fulfilled by hand."""
WAITING = "waiting"
SENDING = "sending"
"""A request may be under way."""
SENT = "sent"
"""The provider has the order, under its own number."""
IN_REVIEW = "review"
"""Nobody knows whether the provider has the order: a person must look."""
FAILED = "failed"
"""No provider accepted the order."""
IN_PARTS = "parts"
"""A drip-feed that is sent part by part, each part an order of its own."""

DISPATCH_FOLLOWS: dict[str, tuple[str, ...]] = {
    NOT_FORWARDED: (),
    # A post of a subscription is at the provider already when we learn of it.
    WAITING: (NOT_FORWARDED, SENDING, SENT, IN_REVIEW, FAILED, IN_PARTS),
    # After a restore, a drip-feed may be in parts already.
    SENDING: (NOT_FORWARDED, WAITING, SENT, IN_REVIEW, FAILED, IN_PARTS),
    SENT: (),
    IN_REVIEW: (WAITING, SENT, FAILED, IN_PARTS),
    FAILED: (),
    IN_PARTS: (),
}
"""Which dispatch state may follow which."""

AT_PROVIDER = (SENDING, SENT, IN_REVIEW, IN_PARTS)

# Predicates


def is_open(status: str) -> bool:
    """Whether an order with this status still goes on."""
    return status in OPEN


def is_refunded(status: str) -> bool:
    """Whether this status has paid back what was not delivered; nothing can follow it."""
    return status in REFUNDED


def is_subscription(quantity: int) -> bool:
    """Whether an order is a subscription: its posts have the quantities."""
    return quantity == 0


def is_untouched(status: str) -> bool:
    """Whether nobody has begun, as far as the status tells."""
    return status in UNTOUCHED


def may_be_at_provider(dispatch_state: str, may_be_at_provider: bool | int) -> bool:
    """Whether a provider may have an order, or a part of it.

    :param may_be_at_provider: the order's column of that name: an earlier try is in doubt.
    """
    return bool(may_be_at_provider) or dispatch_state in AT_PROVIDER


def may_follow(status: str, before: str) -> bool:
    """Whether an order may have this status after that one; to stay is no change."""
    return status == before or status in FOLLOWS[before]


def open_orders() -> Any:
    """The condition that an order is open, as the indexes of open orders have it."""
    return Order.status.in_([literal(status) for status in OPEN])


def orders_in_doubt() -> Any:
    """The condition that an order is in flight or in review, as its index has it."""
    return Order.dispatch_state.in_([literal(SENDING), literal(IN_REVIEW)])
