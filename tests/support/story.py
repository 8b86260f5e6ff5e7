"""Stories that take turns by a clock of their own: what happens in them has the times of then."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import count

import pytest

from support.clock import Clock

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400

Story = Iterator[int]
"""What happens step by step; each step tells after how many seconds the next one comes."""


def play(stories: Iterable[tuple[int, Story]], until: int) -> None:
    """Let stories happen side by side, each step at its own time.

    :param stories: when each begins, in seconds since 1970.
    :param until: what would happen later does not happen.
    """
    turns = count()
    waiting = [(at, next(turns), story) for at, story in stories]
    heapq.heapify(waiting)
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        while waiting and waiting[0][0] <= until:
            clock.seconds, _, story = heapq.heappop(waiting)
            pause_s = next(story, None)
            if pause_s is not None:
                heapq.heappush(waiting, (clock.seconds + pause_s, next(turns), story))
