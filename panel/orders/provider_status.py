"""What a provider says of an order, as plain data."""

from typing import NamedTuple


class Charge(NamedTuple):
    """What a provider says it took for an order, converted into our currency.

    micros: rounded up; None where its currency cannot be converted.
    step_micros: one unit of its last digit, which is what the provider's own rounding may hide.
    is_named: whether its currency stood beside it.
    text: the amount as the provider wrote it, with its currency.
    is_amount: whether it can be read at all.
    """

    micros: int | None
    step_micros: int = 1
    is_named: bool = True
    text: str = ""
    is_amount: bool = True


class ProviderStatus(NamedTuple):
    """What a provider says of an order; None where it says nothing that can be read.

    status: one of ours, None for a word that is not known; word: the provider's own.
    odd: what could not be read.
    posts: of a subscription: the provider's order number and the quantity of each.
    children: the provider's numbers of a subscription's posts, where it tells no quantities, or
        of a drip-feed's runs.
    runs: of a drip-feed: how many the provider says it has begun.
    quantity: where the provider repeats it.
    unread: which of its posts, orders or runs stand there and cannot be read; "" for none.
    has_unread_remains: whether remains stand there that cannot be read, or cannot be.
    """

    status: str | None = None
    start_count: int | None = None
    remains: int | None = None
    charge: Charge | None = None
    odd: str = ""
    posts: tuple[tuple[str, int], ...] = ()
    word: str = ""
    children: tuple[str, ...] = ()
    runs: int | None = None
    quantity: int | None = None
    unread: str = ""
    has_unread_remains: bool = False
