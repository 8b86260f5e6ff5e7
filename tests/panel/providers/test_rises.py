"""How far a price rose within a day."""

import pytest
from support.catalogue import boundless, import_from, listing

from models import Source
from panel.providers import rises
from panel.providers.rises import after_step

NOW = 1_800_000_000
DAY = 86400


@pytest.mark.parametrize(
    ("cost", "after", "kept", "expected"),
    [
        (100, 120, (None, None), (100, NOW)),
        (120, 130, (100, NOW - DAY + 1), (100, NOW)),
        (120, 130, (100, NOW - DAY), (120, NOW)),
        (120, 110, (100, NOW - 60), (100, NOW - 60)),
        (120, 100, (100, NOW - 60), (None, None)),
        (120, 90, (100, NOW - 60), (None, None)),
        (120, 120, (100, NOW - 60), (100, NOW - 60)),
        (120, 120, (100, NOW - DAY), (None, None)),
        (100, 90, (None, None), (None, None)),
        (0, 90, (None, None), (0, NOW)),
    ],
)
def test_what_a_price_was_is_kept_until_a_day_after_its_last_rise(
    cost: int, after: int, kept: tuple[int | None, int | None], expected: tuple[int, int]
) -> None:
    assert after_step(cost, after, *kept, NOW) == expected


def test_a_price_that_an_operator_takes_over_is_no_rise(upstream: int) -> None:
    import_from(upstream, listing())
    boundless(upstream, listing(rate=1_600_000))
    (rise,) = rises.listing(99)
    assert (rise.before_micros, rise.after_micros) == (800_000, 1_600_000)
    assert rises.listing(100) == []
    import_from(upstream, listing(rate=1_700_000))
    assert rises.listing(1) == []
    assert Source.get().risen_at is None
