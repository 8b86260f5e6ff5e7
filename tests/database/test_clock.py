"""Times that were recorded while the clock was ahead."""

import pytest
from support.clock import Clock

from database.clock import past


@pytest.mark.parametrize(
    ("ahead_s", "is_known"), [(-86400, True), (0, True), (60, True), (61, False), (10**8, False)]
)
def test_a_time_in_the_future_says_nothing(clock: Clock, ahead_s: int, is_known: bool) -> None:
    recorded = clock.seconds + ahead_s
    assert past(recorded) == (recorded if is_known else None)
    assert past(None) is None
