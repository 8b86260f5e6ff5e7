"""Following a provider's prices and ranges."""

import pytest
from support.catalogue import (
    OTHERS,
    QUARTER,
    boundless,
    cost,
    import_from,
    listing,
    service,
    sync,
)
from support.orders import everything

from models import Provider
from panel import services
from panel.errors import OperatorError
from panel.money import MICROS
from panel.providers import sources
from panel.providers.listing import Listing


def test_nothing_changes_where_nothing_changed(upstream: int) -> None:
    import_from(upstream, listing(), listing("8"))
    before = everything()
    assert sync(upstream, listing(), listing("8"), listing("9")) == []
    Provider.update(prices_at=None).execute()
    assert everything() == before


def test_a_cost_that_changes_moves_the_rate_by_the_markup(upstream: int) -> None:
    import_from(upstream, listing(), round_micros=10_000)
    assert sync(upstream, listing(rate=900_000)) == ["cost 0.80 → 0.90", "rate 1.00 → 1.13"]
    assert (service().rate_micros, cost()) == (1_130_000, 900_000)
    assert sync(upstream, listing(rate=800_000)) == ["cost 0.90 → 0.80", "rate 1.13 → 1.00"]


def test_ranges_and_flags_are_followed_but_not_names(upstream: int) -> None:
    import_from(upstream, listing())
    moved = listing(min=50, max=60, refill=False, cancel=True, name="LIKES 7!", category="social")
    assert sync(upstream, moved) == [
        "their name 'Likes 7' → 'LIKES 7!'", "their category 'Social' → 'social'",
        "min 10 → 50", "max 5000 → 60", "refill yes → no", "cancel no → yes",
    ]  # fmt: skip
    assert (service().name, service().category) == ("Likes 7", "Social")


def test_a_rate_that_was_set_by_hand_stays(upstream: int) -> None:
    import_from(upstream, listing())
    services.edit(1, rate_micros=1_500_000)
    assert sync(upstream, listing(rate=900_000)) == ["cost 0.80 → 0.90"]
    assert service().rate_micros == 1_500_000


def test_a_rate_that_was_set_by_hand_follows_again_after_it_was_taken_over_again(
    upstream: int,
) -> None:
    import_from(upstream, listing())
    services.edit(1, rate_micros=1_500_000)
    import_from(upstream, listing())
    sync(upstream, listing(rate=1_600_000))
    assert service().rate_micros == 2_000_000


def test_a_rate_never_moves_past_what_the_panel_can_hold(upstream: int) -> None:
    import_from(upstream, listing())
    boundless(upstream, listing(rate=10**12))
    assert service().rate_micros == 10**12


GONE = "disabled: the provider no longer offers it as it was"


@pytest.mark.parametrize(
    "gone",
    [
        [],
        [listing(type="Subscriptions")],
        [listing(type="Package")],
        [listing(min=0)],
        [listing(rate=10**12 + 1)],
    ],
    ids=["left out", "of a type not sold", "of another type", "without a range", "too dear"],
)
def test_a_service_that_vanished_is_disabled_and_enabled_when_it_returns(
    upstream: int, gone: list[Listing]
) -> None:
    import_from(upstream, listing(), listing("8"))
    assert sync(upstream, OTHERS, listing("8"), *gone) == [GONE]
    assert [service.active for service in services.listing()] == [False, True]
    assert (service().rate_micros, cost()) == (1_000_000, 800_000)
    assert sync(upstream, OTHERS, listing("8"), *gone) == []

    returned = sync(upstream, listing(rate=1_000_000), listing("8"))
    assert returned == [
        "cost 0.80 → 1.00", "rate 1.00 → 1.25", "enabled: the provider offers it again"
    ]  # fmt: skip
    assert service().active


def test_a_service_that_was_disabled_by_hand_stays_disabled(upstream: int) -> None:
    import_from(upstream, listing())
    services.edit(1, active=False)
    for offered in ([OTHERS], [listing()], [listing(rate=10)], [listing()]):
        sync(upstream, *offered, disable=True)
        assert (service().active, service().inactive_because) == (False, "")


def test_a_service_that_was_disabled_by_hand_after_it_vanished_does_not_return(
    upstream: int,
) -> None:
    import_from(upstream, listing())
    sync(upstream, OTHERS)
    services.edit(1, active=False)
    sync(upstream, listing())
    assert not service().active


def test_an_empty_catalogue_is_taken_for_a_fault(upstream: int) -> None:
    import_from(upstream, listing())
    before = everything()
    with pytest.raises(OperatorError, match="empty catalogue"):
        sync(upstream)
    assert everything() == before


BELOW = "its rate 1.00 is below its cost 1.50"


def test_a_service_below_its_cost_is_told_of_each_time(fixed: int) -> None:
    assert sync(fixed, listing(rate=1_500_000)) == ["cost 0.80 → 1.50", BELOW]
    assert sync(fixed, listing(rate=1_500_000)) == [BELOW]
    assert service().active


def test_a_service_below_its_cost_is_disabled_where_that_is_set_until_it_ends(fixed: int) -> None:
    assert sync(fixed, listing(rate=1_500_000), disable=True) == [
        "cost 0.80 → 1.50", "disabled: its rate is below its cost", BELOW
    ]  # fmt: skip
    assert sync(fixed, listing(rate=1_500_000), disable=True) == [BELOW]
    assert sync(fixed, listing(rate=MICROS), disable=True) == [
        "cost 1.50 → 1.00", "enabled: its rate is no longer below its cost"
    ]  # fmt: skip
    assert service().active


def test_a_service_below_its_cost_is_enabled_by_a_better_rate(fixed: int) -> None:
    sync(fixed, listing(rate=1_500_000), disable=True)
    services.edit(1, rate_micros=1_500_000)
    assert sync(fixed, listing(rate=1_500_000), disable=True) == [
        "enabled: its rate is no longer below its cost"
    ]  # fmt: skip


def test_a_service_below_its_cost_that_vanishes_returns_only_when_it_is_sold_again(
    fixed: int,
) -> None:
    sync(fixed, listing(rate=1_500_000), disable=True)
    assert sync(fixed, OTHERS, disable=True) == [
        "stays disabled: the provider no longer offers it as it was",
        BELOW,
    ]
    services.edit(1, rate_micros=2 * MICROS)
    sync(fixed, OTHERS, disable=True)
    assert not service().active
    sync(fixed, listing(rate=1_500_000), disable=True)
    assert service().active


def test_a_service_that_returns_below_its_cost_is_not_enabled(fixed: int) -> None:
    sync(fixed, OTHERS, disable=True)
    sync(fixed, listing(rate=1_500_000), disable=True)
    assert (service().active, service().inactive_because) == (False, "below cost")


def test_the_dearest_source_is_the_cost_of_a_service(fixed: int, elsewhere: int) -> None:
    sources.set_source(1, elsewhere, listing("70", 1_500_000), 2)
    assert cost() == 1_500_000
    assert sync(fixed, listing(), disable=True) == [
        "disabled: its rate is below its cost",
        BELOW,
    ]
    # What one source costs less does not matter while the other is too dear.
    assert sync(fixed, listing(rate=700_000), disable=True) == ["cost 0.80 → 0.70", BELOW]
    assert not service().active
    assert sync(elsewhere, listing("70", 900_000), disable=True) == [
        "cost 1.50 → 0.90", "enabled: its rate is no longer below its cost"
    ]  # fmt: skip


def test_a_dear_first_source_is_not_forgotten_for_a_cheap_second(
    fixed: int, elsewhere: int
) -> None:
    sources.set_source(1, elsewhere, listing("70", 700_000), 2)
    sync(fixed, listing(rate=1_500_000), disable=True)
    assert sync(elsewhere, listing("70", 600_000), disable=True) == ["cost 0.70 → 0.60", BELOW]
    assert not service().active


def test_a_second_source_decides_neither_range_nor_life(upstream: int, elsewhere: int) -> None:
    import_from(upstream, listing())
    sources.set_source(1, elsewhere, listing("70", 700_000), 2)
    assert sync(elsewhere, listing("70", 700_000, min=1, max=2, cancel=True)) == []
    assert sync(elsewhere, OTHERS) == []
    assert service().active


def test_both_sources_may_be_at_one_provider(fixed: int) -> None:
    sources.set_source(1, fixed, listing("8", 700_000), 2)
    services.edit(1, markup_ppm=QUARTER)
    whats = sync(fixed, listing(rate=1_600_000, min=50), listing("8", 600_000))
    assert whats == ["cost 0.80 → 1.60", "rate 1.00 → 2.00", "min 10 → 50", "cost 0.70 → 0.60"]
    assert (service().rate_micros, service().min) == (2_000_000, 50)
    sync(fixed, listing("8", 9 * MICROS), disable=True)
    assert (service().active, service().inactive_because) == (False, "vanished")
