"""What a provider's clear refusal of an order means for the order."""

from enum import StrEnum


class Refusal(StrEnum):
    """A refusal's kind, and in the comments what becomes of the order."""

    TEMPORARY = "temporary"  # passes by itself: the order is sent again later
    FUNDS = "funds"  # our funds there are used up: it is sent again when there are more
    FINAL = "final"  # it is canceled and paid back
    RANGE = "range"  # final, and the service's range is read again: ours is another
    UNKNOWN = "unknown"  # it waits for the operator, and is canceled if nobody comes
