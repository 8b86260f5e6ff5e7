"""One thing that waits for an operator, and the phrases that such lines are made of."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

MAX_SAID = 300
"""The most characters of what a provider said that a line repeats."""


class Kind(StrEnum):
    """What waits; in the order of the list."""

    RESTORED = "restored"
    STOPPED = "stopped"
    PAUSED = "paused"
    FAILING = "failing"
    CURRENCY = "currency"
    PROVIDER = "provider"
    SERVICE = "service"
    FUNDS = "funds"
    REVIEW = "review"
    COST = "cost"
    REFUSAL = "refusal"
    WORD = "word"
    STATUS = "status"
    POSTS = "posts"
    REFILL = "refill"
    CANCEL = "cancel"
    WARNING = "warning"


class Item(NamedTuple):
    """One thing that waits for an operator.

    text: what happened, with the provider's own words.
    commands: what to do; each one of them settles it.
    orders: how many orders it is about, where it stands for several.
    newest: a number that is higher when something is new about it, as that of the newest
        order.
    provider, service_id, order_id: what it is about; the most precise of them has a page where
        the same can be done.
    """

    kind: Kind
    text: str
    commands: tuple[str, ...]
    orders: int = 1
    provider: str = ""
    service_id: int | None = None
    order_id: int | None = None
    newest: int = 0


def said(text: str) -> str:
    """What a provider said, as part of a sentence."""
    return line(text)[:MAX_SAID].rstrip(".")


def line(text: str) -> str:
    """A text as one printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def count_of(count: int, one: str, several: str) -> str:
    """So many things: with the word for one or for several."""
    return f"{count} {one if count == 1 else several}"


def orders_that(count: int, first_order: int, waits: str, wait: str) -> str:
    """One order or several as the subject of a sentence, with its verb."""
    if count == 1:
        return f"Order {first_order} {waits}"
    return f"{count} orders, the oldest of them {first_order}, {wait}"


def listed(parts: list[str]) -> str:
    """Several things as a part of a sentence: with commas, and "and" before the last."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def is_are(count: int) -> str:
    """The verb for so many."""
    return "is" if count == 1 else "are"


def moment(seconds: int) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def day(seconds: int) -> str:
    """A day in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
