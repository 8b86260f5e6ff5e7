"""What a provider changes and we do not follow until an operator confirms it."""

import pytest
from support.catalogue import OTHERS, cost, import_from, listing, service, sync
from support.clock import Clock
from support.orders import everything

import settings
from models import Source
from panel import services
from panel.errors import OperatorError
from panel.money import MICROS
from panel.providers import confirm, explain, pending, policy, registry, sources
from panel.providers.changes import describe
from panel.providers.listing import NO_CATEGORY, Listing
from panel.providers.pending import PendingKind
from panel.providers.policy import USUAL, SyncPolicy


def waiting(service_id: int = 1) -> list[tuple[str, str, str]]:
    return [(item.kind, item.before, item.after) for item in pending.of_service(service_id)]


def confirmed(*service_ids: int, followed: SyncPolicy = USUAL) -> list[str]:
    return [describe(change) for change in confirm.confirm_services(service_ids, followed)]


def charged(upstream: int, before: str, after: str) -> None:
    """An order of service 1 cost more than it should have."""
    source = Source.get(Source.service == 1)
    pending.add(upstream, PendingKind.CHARGE, before, after, source.id)


# Costs


@pytest.mark.parametrize("rate", [0, 1, 8_000, 399_999], ids=["0", "dust", "a hundredth", "half"])
def test_a_cost_that_falls_too_far_is_not_followed_and_the_service_sells_on(
    upstream: int, rate: int
) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=rate, min=20))
    assert (service().rate_micros, cost()) == (1_000_000, 800_000)
    assert (service().active, service().held) == (True, False)
    assert service().min == 20  # the rest is followed
    assert waiting() == [("fall", "800000", str(rate))]


@pytest.mark.parametrize("rate", [1_600_001, 75 * MICROS])
def test_a_cost_that_rises_too_far_holds_the_service(upstream: int, rate: int) -> None:
    import_from(upstream, listing(), listing("8"))
    sync(upstream, listing(rate=rate), listing("8"))
    assert (service().rate_micros, cost()) == (1_000_000, 800_000)
    assert [row.held for row in services.listing()] == [True, False]
    assert waiting() == [("rise", "800000", str(rate))]


@pytest.mark.parametrize("rate", [400_000, 1_600_000])
def test_a_cost_within_the_limits_is_followed(upstream: int, rate: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=rate))
    assert (service().rate_micros, cost()) == (rate * 5 // 4, rate)
    assert waiting() == []


def test_the_limits_are_settings(upstream: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=720_000), fall_percent=9)
    assert waiting() == [("fall", "800000", "720000")]
    sync(upstream, listing(rate=880_001), rise_percent=10)
    assert waiting() == [("rise", "800000", "880001")]
    sync(upstream, listing(rate=720_000), fall_percent=10)
    assert (cost(), waiting()) == (720_000, [])


def test_the_settings_give_the_limits() -> None:
    assert policy.from_settings(settings.read({})) == USUAL
    variables = {
        "PANEL_BELOW_COST": "disable", "PANEL_COST_FALL": "1", "PANEL_COST_RISE": "2",
        "PANEL_CATALOGUE_LOSS": "3",
    }  # fmt: skip
    assert policy.from_settings(settings.read(variables)) == SyncPolicy(True, 1, 2, 3)


def test_a_service_that_cost_nothing_is_held_when_it_costs_something(upstream: int) -> None:
    import_from(upstream, listing())
    Source.update(cost_micros=0).execute()
    sync(upstream, listing(rate=1))
    assert service().held
    assert waiting() == [("rise", "0", "1")]


def test_what_comes_back_by_itself_waits_no_longer(upstream: int) -> None:
    import_from(upstream, listing())
    assert sync(upstream, listing(rate=8 * MICROS)) == [
        "not sold from there until you confirm it: cost 0.80 → 8.00"
    ]
    assert sync(upstream, listing(rate=9 * MICROS)) == [
        "not sold from there until you confirm it: cost 0.80 → 9.00"
    ]
    assert sync(upstream, listing(rate=900_000)) == [
        "settled: not sold from there until you confirm it: cost 0.80 → 9.00",
        "cost 0.80 → 0.90",
        "rate 1.00 → 1.125",
    ]
    assert not service().held
    assert waiting() == []


def test_a_rise_is_confirmed_with_its_markup(upstream: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=8 * MICROS))
    assert confirmed(1) == ["cost 0.80 → 8.00", "rate 1.00 → 10.00"]
    assert (service().held, waiting()) == (False, [])
    assert registry.get("upstream").sync_wanted
    assert sync(upstream, listing(rate=8 * MICROS)) == []


@pytest.mark.parametrize(
    ("disable", "active"), [(False, True), (True, False)], ids=["flag", "disable"]
)
def test_a_rise_above_a_rate_by_hand_is_sold_as_the_policy_says(
    fixed: int, disable: bool, active: bool
) -> None:
    sync(fixed, listing(rate=8 * MICROS))
    told = confirmed(1, followed=SyncPolicy(disable))
    assert "its rate 1.00 is below its cost 8.00" in told
    assert (service().held, service().active) == (False, active)


def test_a_fall_to_nothing_can_be_confirmed_and_makes_the_service_not_free(upstream: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=0))
    assert confirmed(1) == ["cost 0.80 → 0.00"]
    assert service().rate_micros == 1_000_000


def test_what_does_not_wait_cannot_be_confirmed_and_nothing_is_changed(upstream: int) -> None:
    import_from(upstream, listing(), listing("8"))
    sync(upstream, listing(rate=8 * MICROS), listing("8"))
    before = everything()
    for wrong in ((), (2,), (1, 2), (99,)):
        with pytest.raises(OperatorError):
            confirm.confirm_services(wrong, USUAL)
    assert everything() == before


def test_a_second_source_is_judged_too_and_holds_nothing(upstream: int, elsewhere: int) -> None:
    import_from(upstream, listing())
    sources.set_source(1, elsewhere, listing("70", 700_000), 2)
    sync(elsewhere, listing("70", 7 * MICROS))
    assert (service().held, waiting()) == (False, [("rise", "700000", "7000000")])


def test_a_service_that_vanished_is_judged_anew_when_it_returns(upstream: int) -> None:
    import_from(upstream, listing(), listing("8"))
    sync(upstream, listing(rate=8 * MICROS), listing("8"))
    sync(upstream, listing("8"))
    assert (service().active, service().held, waiting()) == (False, False, [])
    sync(upstream, listing(rate=8 * MICROS), listing("8"))
    assert (service().active, service().held) == (True, True)


# Charges


def test_a_cost_that_explains_a_charge_ends_its_warning(upstream: int) -> None:
    import_from(upstream, listing())
    charged(upstream, "800000", "1500000")
    sync(upstream, listing(rate=1_200_000))
    assert waiting() == [("charge", "800000", "1500000")]
    confirmed(1)
    charged(upstream, "1200000", "1800000")
    sync(upstream, listing(rate=1_800_000))
    assert waiting() == []


@pytest.mark.parametrize(
    ("disable", "active"), [(False, True), (True, False)], ids=["flag", "disable"]
)
def test_a_charge_above_the_rate_is_sold_as_the_policy_says_whatever_the_list_says(
    upstream: int, disable: bool, active: bool
) -> None:
    import_from(upstream, listing())
    charged(upstream, "80000", "360000")
    assert "its rate 1.00 is below its cost 3.60" in sync(upstream, listing(), disable=disable)
    assert service().active == active
    confirmed(1)
    sync(upstream, listing(), disable=disable)
    assert service().active


# Names and categories


def test_another_service_under_the_same_number_is_not_sold(upstream: int) -> None:
    import_from(upstream, listing(name="Instagram Followers | Real"))
    now = listing(name="TikTok Views", rate=700_000, min=77)
    assert sync(upstream, now) == [
        "not sold from there until you confirm it: their name 'Instagram Followers | Real' → "
        "'TikTok Views'"
    ]
    assert (service().held, service().min, cost()) == (True, 10, 800_000)
    assert sync(upstream, now) != []  # it is told until it is settled
    assert confirmed(1) == ["their name 'Instagram Followers | Real' → 'TikTok Views'"]
    assert not service().held
    assert sync(upstream, now) == ["cost 0.80 → 0.70", "rate 1.00 → 0.875", "min 10 → 77"]


def test_another_category_holds_too(upstream: int) -> None:
    import_from(upstream, listing(category="Instagram"))
    sync(upstream, listing(category="TikTok"))
    assert waiting() == [("category", "Instagram", "TikTok")]
    assert service().held
    sync(upstream, listing(category="⭐ instagram"))
    assert (service().held, waiting()) == (False, [])


def test_decoration_is_told_once_and_followed(upstream: int) -> None:
    import_from(upstream, listing())
    decorated = listing(name="🔥 Likes 7 [10K/Day]")
    assert sync(upstream, decorated) == ["their name 'Likes 7' → '🔥 Likes 7 [10K/Day]'"]
    assert sync(upstream, decorated) == []
    assert (service().name, service().held) == ("Likes 7", False)


def test_a_catalogue_without_categories_says_nothing_of_them(upstream: int) -> None:
    import_from(upstream, listing(category="Instagram"))
    assert sync(upstream, listing(category=NO_CATEGORY)) == []
    sync(upstream, listing(category="TikTok"))
    sync(upstream, listing(category=NO_CATEGORY))
    assert service().held
    import_from(upstream, listing("8", category=NO_CATEGORY))
    sync(upstream, listing(category="Instagram"), listing("8", category="Telegram"))
    assert Source.get(Source.service == 2).category == "Telegram"
    assert [row.held for row in services.listing()] == [False, False]


def test_names_from_before_they_were_kept_are_taken_where_they_are_ours(upstream: int) -> None:
    import_from(upstream, listing())
    Source.update(name="", category="").execute()
    assert sync(upstream, listing(name="LIKES \u2764 7", category="TikTok")) == []
    assert (Source.get().name, Source.get().category) == ("LIKES \u2764 7", "TikTok")
    assert (service().held, pending.listing()) == (False, [])


def test_another_name_from_before_they_were_kept_is_asked_about_once_and_holds_nothing(
    upstream: int,
) -> None:
    import_from(upstream, listing())
    Source.update(name="", category="").execute()
    other = listing(name="TikTok Views", category="TikTok")
    assert sync(upstream, other) == ["their name 'Likes 7' \u2192 'TikTok Views'"]
    assert sync(upstream, other) == []
    (item,) = pending.listing()
    assert (item.kind, item.stops_sale, service().held) == ("name", False, False)
    assert "is it the same service?" in explain.describe_pending(item)
    confirm.confirm_services([1], USUAL)
    assert (Source.get().name, service().name, pending.listing()) == (
        "TikTok Views",
        "Likes 7",
        [],
    )
    sync(upstream, other._replace(name="Likes 7"))
    assert service().held, "from now on it is known what it was called"


def test_the_cost_of_a_service_under_another_name_is_confirmed_with_it(upstream: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(rate=80_000))
    sync(upstream, listing(name="TikTok Views", rate=8_000_000))
    assert cost() == 800_000
    confirm.confirm_services([1], USUAL)
    assert (cost(), service().held) == (8_000_000, False)
    sync(upstream, listing(name="TikTok Views", rate=80_000))
    sync(upstream, listing(name="Likes 7", rate=8_000_000))
    confirm.confirm_services([1], USUAL)
    assert cost() == 8_000_000, "a figure that is none any more is not taken over"


def test_a_link_to_another_service_ends_what_was_pending(upstream: int, elsewhere: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(name="TikTok Views"))
    sources.set_source(1, elsewhere, listing("70"), 1)
    assert (service().held, pending.listing()) == (False, [])


def test_a_provider_is_removed_with_what_was_pending(upstream: int) -> None:
    import_from(upstream, listing())
    sync(upstream, listing(name="TikTok Views"))
    pending.add(upstream, PendingKind.CURRENCY, "USD", "INR")
    registry.remove("upstream")
    assert (service().held, pending.listing()) == (False, [])


# A whole catalogue


def many(count: int, first: int = 1, shift: int = 0) -> list[Listing]:
    """Services whose names tell their first numbers, shifted to others."""
    return [
        listing(str(number + shift), name=f"Service no. {number}")
        for number in range(first, first + count)
    ]


MOVED_TEXT = (
    "{} names stand under other numbers there: nothing is sold from there until you confirm it"
)


@pytest.mark.parametrize("shift", [1, 1000], ids=["by one", "to new numbers"])
def test_a_catalogue_that_moved_is_one_alarm_and_nothing_is_followed(
    upstream: int, shift: int
) -> None:
    import_from(upstream, *many(10))
    moved = [item._replace(rate_micros=900_000) for item in many(10, shift=shift)]
    assert sync(upstream, *moved) == [MOVED_TEXT.format(10)]
    assert all(row.held and row.active for row in services.listing())
    assert [item.kind for item in pending.listing()] == ["moved"]
    assert {source.cost_micros for source in Source.select()} == {800_000}


def test_a_catalogue_that_moves_back_is_sold_again(upstream: int) -> None:
    import_from(upstream, *many(10))
    sync(upstream, *many(10, shift=1))
    assert sync(upstream, *many(10)) == []
    assert not any(row.held for row in services.listing())


def test_a_move_that_is_confirmed_is_followed_to_the_new_numbers(upstream: int) -> None:
    import_from(upstream, *many(10))
    # Of the tenth the name stands nowhere, and of the ninth twice.
    moved = [*many(8, shift=1000), *many(1, 9, 1000), *many(1, 9, 2000), listing("10", name="New")]
    sync(upstream, *moved)
    told = sync(upstream, *moved, confirmed=True)
    assert told[:8] == [f"their number {n} → {n + 1000}" for n in range(1, 9)]
    assert told[8:] == [
        "disabled: the provider no longer offers it as it was",
        "not sold from there until you confirm it: their name 'Service no. 10' → 'New'",
    ]
    found = [source.provider_service for source in Source.select().order_by(Source.id)]
    assert found == [*(str(n + 1000) for n in range(1, 9)), "9", "10"]
    assert [row.held for row in services.listing()] == [False] * 9 + [True]


def test_few_services_that_changed_places_are_asked_of_one_by_one(upstream: int) -> None:
    import_from(upstream, *many(10))
    names = [item.name for item in many(10)]
    swapped = [
        item._replace(name=name)
        for item, name in zip(many(10), names[1:4] + names[:1] + names[4:], strict=True)
    ]
    assert len(sync(upstream, *swapped)) == 4
    assert [row.held for row in services.listing()] == [True] * 4 + [False] * 6


GONE = "disabled: the provider no longer offers it as it was"
KEPT = (
    "of {} services that are bought there it lists {}: the others stay on sale until you confirm "
    "it, or for a day"
)


def test_a_catalogue_that_lost_most_of_itself_is_not_believed(upstream: int) -> None:
    import_from(upstream, *many(20))
    left = many(1)[0]._replace(rate_micros=900_000)
    assert sync(upstream, left) == [
        KEPT.format(20, 1), "cost 0.80 → 0.90", "rate 1.00 → 1.125"
    ]  # fmt: skip
    assert all(row.active and not row.held for row in services.listing())
    assert sync(upstream, left, *many(19, 2)) == []
    assert pending.listing() == []


@pytest.mark.parametrize(
    ("bought", "gone", "believed"),
    [(4, 4, True), (5, 5, False), (20, 6, True), (20, 7, False), (10, 4, True)],
)
def test_a_loss_is_one_of_a_third_and_of_five_at_least(
    upstream: int, bought: int, gone: int, believed: bool
) -> None:
    import_from(upstream, *many(bought))
    sync(upstream, OTHERS, *many(bought - gone))
    assert sum(row.active for row in services.listing()) == (bought - gone if believed else bought)


def test_a_loss_that_is_confirmed_is_followed(upstream: int) -> None:
    import_from(upstream, *many(10))
    services.edit(10, active=False)
    sync(upstream, *many(1))
    assert sync(upstream, *many(1), confirmed=True) == [GONE] * 8
    assert [row.active for row in services.listing()] == [True] + [False] * 9
    assert (service(10).inactive_because, service(9).inactive_because) == ("", "vanished")
    assert pending.listing() == []


def test_a_loss_that_stays_for_a_day_is_followed(upstream: int, clock: Clock) -> None:
    import_from(upstream, *many(10))
    sync(upstream, *many(1))
    clock.move(seconds=86_399)
    sync(upstream, *many(2))
    assert service(10).active
    clock.move(seconds=1)
    assert sync(upstream, *many(2)) == [GONE] * 8


def test_nothing_is_confirmed_where_nothing_waits(upstream: int) -> None:
    import_from(upstream, *many(10))
    before = everything()
    with pytest.raises(OperatorError, match="nothing of upstream as a whole waits"):
        sync(upstream, *many(1), confirmed=True)
    assert everything() == before
