"""Importing a provider's services, with a markup on their cost."""

from typing import Any

import pytest
from support.catalogue import (
    OTHERS,
    QUARTER,
    cost,
    import_from,
    listing,
    service,
    sync,
)
from support.orders import everything

from models import Source
from panel import services
from panel.errors import OperatorError
from panel.money import MICROS, marked_up
from panel.providers import import_services, pending, sources
from panel.providers.changes import CatalogueChange, Kind, Price, describe
from panel.providers.listing import Listing


def test_a_service_is_taken_over_with_its_cost_range_and_flags(upstream: int) -> None:
    changes = import_from(upstream, listing(type="Package", min=1, max=1, cancel=True))
    added = CatalogueChange(1, "7", "Likes 7", Kind.ADDED, None, Price(1_000_000, 800_000))
    assert changes == [added]
    assert describe(added) == "added at 1.00, cost 0.80"
    taken = service()
    assert (taken.name, taken.category, taken.type) == ("Likes 7", "Social", "Package")
    assert (taken.rate_micros, taken.min, taken.max) == (1_000_000, 1, 1)
    assert (taken.refill, taken.cancel, taken.active) == (True, True, True)
    assert (taken.markup_ppm, taken.round_micros) == (QUARTER, 1)
    (source,) = sources.sources(1)
    assert (source["provider_name"], source["provider_service"]) == ("upstream", "7")
    assert (source["source_rank"], source["cost_micros"]) == (1, 800_000)


@pytest.mark.parametrize(
    ("cost", "markup", "step", "rate"),
    [
        (800_000, 250_000, 1, 1_000_000),
        (800_000, 0, 1, 800_000),
        (800_000, 0, 10_000, 800_000),
        (800_001, 0, 10_000, 810_000),
        (900_000, 250_000, 10_000, 1_130_000),
        (900_000, 250_000, 500_000, 1_500_000),
        (1, 250_000, 1, 2),
        (3, 333_333, 1, 4),
        (1, 1, 10_000, 10_000),
        (0, 250_000, 10_000, 0),
        (800_000, 100_000_000, 1, 80_800_000),
        (123_456, 125_000, 1, 138_888),
    ],
)
def test_a_rate_is_the_cost_and_the_markup_rounded_up(
    cost: int, markup: int, step: int, rate: int
) -> None:
    assert marked_up(cost, markup, step) == rate


def test_taking_over_again_updates_and_adds_nothing(upstream: int) -> None:
    import_from(upstream, listing(), listing("8"))
    changed = listing(
        rate=900_000, name="⭐ LIKES 7 ⭐", category="social", min=20, max=30, cancel=True
    )
    changes = import_from(upstream, changed, markup_ppm=MICROS, round_micros=500_000)
    assert changes[0] == CatalogueChange(1, "7", "⭐ LIKES 7 ⭐", Kind.COST, 800_000, 900_000)
    assert [describe(change) for change in changes] == [
        "cost 0.80 → 0.90", "rate 1.00 → 2.00", "markup 25% → 100%", "step none → 0.50",
        "min 10 → 20", "max 5000 → 30", "cancel no → yes", "name 'Likes 7' → '⭐ LIKES 7 ⭐'",
        "category 'Social' → 'social'",
    ]  # fmt: skip
    assert len(services.listing()) == 2
    taken = service()
    assert (taken.name, taken.category, taken.cancel) == ("⭐ LIKES 7 ⭐", "social", True)
    assert (taken.rate_micros, taken.min, taken.max) == (2_000_000, 20, 30)
    assert (cost(1), cost(2)) == (900_000, 800_000)


@pytest.mark.parametrize(
    ("field", "now"),
    [("name", listing(name="Likes 7!")), ("category", listing(category="Social!"))],
)
def test_our_own_name_and_category_stay_and_the_new_ones_of_theirs_are_told(
    upstream: int, field: str, now: Listing
) -> None:
    import_from(upstream, listing())
    services.edit(1, **{field: "Ours"})
    before = getattr(listing(), field)
    (change,) = import_from(upstream, now)
    assert describe(change) == f"their {field} '{before}' → '{before}!'"
    assert getattr(service(), field) == "Ours"
    assert getattr(Source.get(), field) == f"{before}!"


def test_a_name_of_which_nobody_knows_who_gave_it_stays(upstream: int) -> None:
    import_from(upstream, listing())
    Source.update(name="", category="").execute()
    import_from(upstream, listing(name="⭐ LIKES 7 ⭐", category="social"))
    assert (service().name, service().category) == ("Likes 7", "Social")


def test_another_type_is_told(upstream: int) -> None:
    import_from(upstream, listing())
    changes = import_from(upstream, listing(type="Package", min=1, max=1))
    assert [describe(change) for change in changes] == [
        "min 10 → 1", "max 5000 → 1", "type Default → Package", "drip-feed yes → no",
    ]  # fmt: skip


def test_what_waited_and_ends_with_an_import_is_told(upstream: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=1_600_001), OTHERS)
    assert service().held
    for options in ({"dry_run": True}, {}):
        (change,) = import_from(upstream, listing(), **options)
        assert describe(change) == (
            "settled: not sold from there until you confirm it: cost 0.80 → 1.600001"
        )
    assert not service().held


def test_what_is_unchanged_is_told_last(upstream: int) -> None:
    import_from(upstream, listing(), listing("8"))
    changes = import_from(upstream, listing(), listing("8", min=11), listing("9"))
    assert [describe(change) for change in changes] == [
        "min 10 → 11", "added at 1.00, cost 0.80", "unchanged",
    ]  # fmt: skip


def test_what_another_provider_sells_under_the_same_number_is_another_service(
    upstream: int, elsewhere: int
) -> None:
    import_from(upstream, listing())
    assert import_from(elsewhere, listing())[0].kind == Kind.ADDED
    assert len(services.listing()) == 2


@pytest.mark.parametrize(
    ("changes", "kind", "after", "why"),
    [
        (
            {"type": "Live Views"},
            Kind.SKIPPED_TYPE,
            "Live Views",
            "the type 'Live Views' is not supported",
        ),
        ({"type": ""}, Kind.SKIPPED_TYPE, "", "the type '' is not supported"),
        ({"min": 0}, Kind.SKIPPED_RANGE, (0, 5000), "the range 0 to 5000 is not valid"),
        ({"min": 5001}, Kind.SKIPPED_RANGE, (5001, 5000), "the range 5001 to 5000 is not valid"),
        (
            {"max": 10**9 + 1},
            Kind.SKIPPED_RANGE,
            (10, 10**9 + 1),
            "the range 10 to 1000000001 is not valid",
        ),
        (
            {"rate_micros": 10**12 + 8},
            Kind.SKIPPED_RATE,
            1_250_000_000_010,
            "the rate 1250000.00001 is above the maximum, 1000000",
        ),
        (
            {"rate_micros": 10**12},
            Kind.SKIPPED_RATE,
            1_250_000_000_000,
            "the rate 1250000.00 is above the maximum, 1000000",
        ),
        (
            {"rate_micros": 0},
            Kind.SKIPPED_FREE,
            None,
            "its cost is 0, and nothing is sold at 0",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_sold_is_skipped_and_named(
    upstream: int, changes: dict[str, Any], kind: Kind, after: Any, why: str
) -> None:
    done = import_from(upstream, listing("6", **changes), listing())
    assert done[0] == CatalogueChange(None, "6", "Likes 6", kind, None, after)
    assert describe(done[0]) == f"skipped: {why}"
    assert [change.skipped for change in done] == [True, False]
    assert [service.name for service in services.listing()] == ["Likes 7"]


def test_a_dry_run_changes_nothing(upstream: int) -> None:
    import_from(upstream, listing(), listing("9"))
    before = everything()
    again, far, new = listing(rate=800_001), listing("9", rate=1), listing("8")
    dry = import_from(upstream, again, far, new, dry_run=True)
    assert everything() == before
    assert [(change.service_id, describe(change)) for change in dry] == [
        (1, "cost 0.80 → 0.800001"),
        (1, "rate 1.00 → 1.000002"),
        (2, "skipped: not followed until you confirm it: cost 0.80 → 0.000001"),
        (None, "added at 1.00, cost 0.80"),
    ]


@pytest.mark.parametrize("markup", [(-1, 1), (1, 0)], ids=["negative", "no step"])
def test_a_markup_that_cannot_be_is_refused(markup: tuple[int, int], cast: Any) -> None:
    with pytest.raises(OperatorError):
        import_services.mark_up([cast.followers], *markup)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (
            listing(rate=399_999),
            "skipped: not followed until you confirm it: cost 0.80 → 0.399999",
        ),
        (listing(rate=0), "skipped: not followed until you confirm it: cost 0.80 → 0.00"),
        (
            listing(rate=1_600_001),
            "held until you confirm it: cost 0.80 → 1.600001",
        ),
        (
            listing(name="Comments 7"),
            "held until you confirm it: their name 'Likes 7' → 'Comments 7'",
        ),
        (
            listing(name="Comments 7", rate=1),
            "held until you confirm it: their name 'Likes 7' → 'Comments 7'; cost 0.80 → 0.000001",
        ),
    ],
    ids=["a fall", "to nothing", "a rise", "another service", "another at a fall"],
)
def test_an_import_takes_over_nothing_that_a_sync_would_not_follow(
    upstream: int, now: Listing, why: str
) -> None:
    import_from(upstream, listing())
    before = service().__data__
    (change,) = import_from(upstream, now)
    assert (change.service_id, describe(change)) == (1, why)
    assert service().held == why.startswith("held")
    assert {**service().__data__, "held": False} == before
    assert pending.of_service(1)


def test_a_markup_makes_no_service_free(upstream: int) -> None:
    import_from(upstream, listing())
    Source.update(cost_micros=0).execute()
    (change,) = import_services.mark_up([1], QUARTER)
    assert describe(change) == "skipped: its cost is 0, and nothing is sold at 0"
    assert service().rate_micros == 1_000_000
