"""The present time as the tables store it."""

import time


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())


AHEAD_S = 60
"""A recorded time is ahead of the clock by more than this only where the clock was put back."""


def past(seconds: int | None) -> int | None:
    """A recorded time; None for one in the future, which says nothing: the clock was ahead."""
    return None if seconds is None or seconds > now() + AHEAD_S else seconds
