"""Our catalogue against a provider's, prices per customer, and what is earned."""

from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.apps import listed
from support.databases import dump

from database.connection import database
from models import Order, Service, Source
from panel import accounts, ledger, pricing, reports, services
from panel.errors import OperatorError
from panel.money import MICROS, marked_up
from panel.orders import dispatch, lookup, status_sync, transition
from panel.orders.status_sync import ProviderStatus
from panel.providers import import_services, price_sync, registry, sources
from panel.providers.import_services import CatalogueChange
from panel.providers.listing import Listing

QUARTER = 250_000
"""A markup of 25 %."""
UPSTREAM_KEY = "u5" * 16


def listing(service: str = "7", rate: int = 800_000, **changes: Any) -> Listing:
    plain = Listing(service, f"Likes {service}", "Social", "Default", rate, 10, 5000, True, False)
    return plain._replace(**changes)


@pytest.fixture
def upstream(app: Any) -> int:
    return registry.add("upstream", "https://panel.example/api/v2", UPSTREAM_KEY, 600).id


@pytest.fixture
def elsewhere(app: Any) -> int:
    return registry.add("elsewhere", "https://other.example/api/v2", "k" * 32, 600).id


def take_over(upstream: int, *listings: Listing, **options: Any) -> list[CatalogueChange]:
    options = {"markup_ppm": QUARTER, **options}
    return import_services.import_services(upstream, listings, **options)


def follow(upstream: int, *listings: Listing, disable: bool = False) -> list[str]:
    return [change.what for change in price_sync.sync_prices(upstream, listings, disable)]


def everything() -> list[str]:
    """All that the database holds."""
    return dump(database.connection())


def service(number: int = 1) -> Service:
    return services.get(number)


def cost(number: int = 1) -> int:
    return sources.costs()[number]


# Taking over


def test_a_service_is_taken_over_with_its_cost_range_and_flags(upstream: int) -> None:
    changes = take_over(upstream, listing(type="Package", min=1, max=1, cancel=True))
    assert changes == [CatalogueChange(1, "7", "Likes 7", "added at 1.00, cost 0.80")]
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
    take_over(upstream, listing(), listing("8"))
    changed = listing(
        rate=900_000, name="Better likes", category="New", min=20, max=30, cancel=True
    )
    changes = take_over(upstream, changed, markup_ppm=MICROS, round_micros=500_000)
    assert changes == [CatalogueChange(1, "7", "Better likes", "updated at 2.00, cost 0.90")]
    assert len(services.listing()) == 2
    taken = service()
    assert (taken.name, taken.category, taken.cancel) == ("Better likes", "New", True)
    assert (taken.rate_micros, taken.min, taken.max) == (2_000_000, 20, 30)
    assert (cost(1), cost(2)) == (900_000, 800_000)


def test_what_another_provider_sells_under_the_same_number_is_another_service(
    upstream: int, elsewhere: int
) -> None:
    take_over(upstream, listing())
    assert take_over(elsewhere, listing())[0].what.startswith("added")
    assert len(services.listing()) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": "Live Views"}, "the type 'Live Views' is not sold here"),
        ({"type": ""}, "the type '' is not sold here"),
        ({"min": 0}, "its range, 0 to 5000, cannot be"),
        ({"min": 5001}, "its range, 5001 to 5000, cannot be"),
        ({"max": 10**9 + 1}, "its range, 10 to 1000000001, cannot be"),
        ({"rate_micros": 10**12 + 1}, "its rate is too high"),
        ({"rate_micros": 10**12}, "its rate with the markup is too high"),
    ],
    ids=str,
)
def test_what_cannot_be_sold_is_left_out_and_named(
    upstream: int, changes: dict[str, Any], why: str
) -> None:
    done = take_over(upstream, listing("6", **changes), listing())
    assert done[0] == CatalogueChange(None, "6", "Likes 6", f"left out: {why}")
    assert [service.name for service in services.listing()] == ["Likes 7"]


def test_a_dry_run_changes_nothing(upstream: int) -> None:
    take_over(upstream, listing())
    before = everything()
    dry = take_over(upstream, listing(rate=1), listing("8"), dry_run=True)
    assert everything() == before
    assert [(change.service_id, change.what) for change in dry] == [
        (1, "updated at 0.000002, cost 0.000001"),
        (None, "added at 1.00, cost 0.80"),
    ]


# Following


def test_nothing_changes_where_nothing_changed(upstream: int) -> None:
    take_over(upstream, listing(), listing("8"))
    before = everything()
    assert follow(upstream, listing(), listing("8"), listing("9")) == []
    assert everything() == before


def test_a_cost_that_changes_moves_the_rate_by_the_markup(upstream: int) -> None:
    take_over(upstream, listing(), round_micros=10_000)
    assert follow(upstream, listing(rate=900_000)) == ["cost 0.80 → 0.90", "rate 1.00 → 1.13"]
    assert (service().rate_micros, cost()) == (1_130_000, 900_000)
    assert follow(upstream, listing(rate=800_000)) == ["cost 0.90 → 0.80", "rate 1.13 → 1.00"]


def test_ranges_and_flags_are_followed_but_not_names(upstream: int) -> None:
    take_over(upstream, listing())
    moved = listing(min=50, max=60, refill=False, cancel=True, name="Other", category="Other")
    assert follow(upstream, moved) == [
        "min 10 → 50", "max 5000 → 60", "refill True → False", "cancel False → True"
    ]  # fmt: skip
    assert (service().name, service().category) == ("Likes 7", "Social")


def test_a_rate_that_was_set_by_hand_stays(upstream: int) -> None:
    take_over(upstream, listing())
    services.edit(1, rate_micros=1_500_000)
    assert follow(upstream, listing(rate=900_000)) == ["cost 0.80 → 0.90"]
    assert service().rate_micros == 1_500_000


def test_a_rate_that_was_set_by_hand_follows_again_after_it_was_taken_over_again(
    upstream: int,
) -> None:
    take_over(upstream, listing())
    services.edit(1, rate_micros=1_500_000)
    take_over(upstream, listing())
    follow(upstream, listing(rate=1_600_000))
    assert service().rate_micros == 2_000_000


def test_a_rate_never_moves_past_what_the_panel_can_hold(upstream: int) -> None:
    take_over(upstream, listing())
    follow(upstream, listing(rate=10**12))
    assert service().rate_micros == 10**12


OTHERS = listing("99")


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
    take_over(upstream, listing(), listing("8"))
    assert follow(upstream, OTHERS, listing("8"), *gone) == ["disabled", "because it vanished"]
    assert [service.active for service in services.listing()] == [False, True]
    assert (service().rate_micros, cost()) == (1_000_000, 800_000)
    assert follow(upstream, OTHERS, listing("8"), *gone) == []

    returned = follow(upstream, listing(rate=1_000_000), listing("8"))
    assert returned == [
        "cost 0.80 → 1.00", "rate 1.00 → 1.25", "enabled", "because: all is well"
    ]  # fmt: skip
    assert service().active


def test_a_service_that_was_disabled_by_hand_stays_disabled(upstream: int) -> None:
    take_over(upstream, listing())
    services.edit(1, active=False)
    for offered in ([OTHERS], [listing()], [listing(rate=10)], [listing()]):
        follow(upstream, *offered, disable=True)
        assert (service().active, service().inactive_because) == (False, "")


def test_a_service_that_was_disabled_by_hand_after_it_vanished_does_not_return(
    upstream: int,
) -> None:
    take_over(upstream, listing())
    follow(upstream, OTHERS)
    services.edit(1, active=False)
    follow(upstream, listing())
    assert not service().active


def test_an_empty_catalogue_is_taken_for_a_fault(upstream: int) -> None:
    take_over(upstream, listing())
    before = everything()
    with pytest.raises(OperatorError, match="empty catalogue"):
        follow(upstream)
    assert everything() == before


# Below cost

BELOW = "its rate 1.00 is below its cost 1.50"


@pytest.fixture
def fixed(upstream: int) -> int:
    """A service whose rate was set by hand: 1.00 at a cost of 0.80."""
    take_over(upstream, listing())
    services.edit(1, rate_micros=MICROS)
    return upstream


def test_a_service_below_its_cost_is_told_of_each_time(fixed: int) -> None:
    assert follow(fixed, listing(rate=1_500_000)) == ["cost 0.80 → 1.50", BELOW]
    assert follow(fixed, listing(rate=1_500_000)) == [BELOW]
    assert service().active


def test_a_service_below_its_cost_is_disabled_where_that_is_set_until_it_ends(fixed: int) -> None:
    assert follow(fixed, listing(rate=1_500_000), disable=True) == [
        "cost 0.80 → 1.50", "disabled", "because: below cost", BELOW
    ]  # fmt: skip
    assert follow(fixed, listing(rate=1_500_000), disable=True) == [BELOW]
    assert follow(fixed, listing(rate=MICROS), disable=True) == [
        "cost 1.50 → 1.00", "enabled", "because: all is well"
    ]  # fmt: skip
    assert service().active


def test_a_service_below_its_cost_is_enabled_by_a_better_rate(fixed: int) -> None:
    follow(fixed, listing(rate=1_500_000), disable=True)
    services.edit(1, rate_micros=1_500_000)
    assert follow(fixed, listing(rate=1_500_000), disable=True) == [
        "enabled", "because: all is well"
    ]  # fmt: skip


def test_a_service_below_its_cost_that_vanishes_returns_only_when_it_is_sold_again(
    fixed: int,
) -> None:
    follow(fixed, listing(rate=1_500_000), disable=True)
    assert follow(fixed, OTHERS, disable=True) == ["because it vanished", BELOW]
    services.edit(1, rate_micros=2 * MICROS)
    follow(fixed, OTHERS, disable=True)
    assert not service().active
    follow(fixed, listing(rate=1_500_000), disable=True)
    assert service().active


def test_a_service_that_returns_below_its_cost_is_not_enabled(fixed: int) -> None:
    follow(fixed, OTHERS, disable=True)
    follow(fixed, listing(rate=1_500_000), disable=True)
    assert (service().active, service().inactive_because) == (False, "below cost")


# Two sources


def test_the_dearest_source_is_the_cost_of_a_service(fixed: int, elsewhere: int) -> None:
    sources.set_source(1, elsewhere, listed("70", 1_500_000), 2)
    assert cost() == 1_500_000
    assert follow(fixed, listing(), disable=True) == ["disabled", "because: below cost", BELOW]
    # What one source costs less does not matter while the other is too dear.
    assert follow(fixed, listing(rate=700_000), disable=True) == ["cost 0.80 → 0.70", BELOW]
    assert not service().active
    assert follow(elsewhere, listing("70", 900_000), disable=True) == [
        "cost 1.50 → 0.90", "enabled", "because: all is well"
    ]  # fmt: skip


def test_a_dear_first_source_is_not_forgotten_for_a_cheap_second(
    fixed: int, elsewhere: int
) -> None:
    sources.set_source(1, elsewhere, listed("70", 700_000), 2)
    follow(fixed, listing(rate=1_500_000), disable=True)
    assert follow(elsewhere, listing("70", 600_000), disable=True) == ["cost 0.70 → 0.60", BELOW]
    assert not service().active


def test_a_second_source_decides_neither_range_nor_life(upstream: int, elsewhere: int) -> None:
    take_over(upstream, listing())
    sources.set_source(1, elsewhere, listed("70", 700_000), 2)
    assert follow(elsewhere, listing("70", 700_000, min=1, max=2, cancel=True)) == []
    assert follow(elsewhere, OTHERS) == []
    assert service().active


def test_both_sources_may_be_at_one_provider(fixed: int) -> None:
    sources.set_source(1, fixed, listed("8", 700_000), 2)
    services.edit(1, markup_ppm=QUARTER)
    whats = follow(fixed, listing(rate=2 * MICROS, min=50), listing("8", 600_000))
    assert whats == ["cost 0.80 → 2.00", "rate 1.00 → 2.50", "min 10 → 50", "cost 0.70 → 0.60"]
    assert (service().rate_micros, service().min) == (2_500_000, 50)
    follow(fixed, listing("8", 9 * MICROS), disable=True)
    assert (service().active, service().inactive_because) == (False, "vanished")


# Who sells what


def test_a_second_source_needs_a_first(upstream: int) -> None:
    number = services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    with pytest.raises(OperatorError, match="no first source"):
        sources.set_source(number, upstream, listed("7", 1), 2)
    assert Source.select().count() == 0


def test_a_removed_provider_takes_its_services_with_it_and_its_key(
    upstream: int, elsewhere: int
) -> None:
    take_over(upstream, listing(), listing("8"))
    take_over(elsewhere, listing("9"))
    sources.set_source(3, upstream, listed("7", 1), 2)
    assert registry.remove("upstream") == 2
    assert [service.active for service in services.listing()] == [False, False, True]
    assert [source["source_rank"] for source in sources.sources(3)] == [1]
    assert UPSTREAM_KEY not in "\n".join(everything())
    with pytest.raises(OperatorError, match="no provider upstream"):
        registry.get("upstream")
    assert registry.add("upstream", "https://panel.example/api/v2", "new", 60).id == upstream


# Prices per customer


def ask(client: FlaskClient, key: str, action: str, **params: Any) -> Any:
    response = client.post("/api/v2", data={"key": key, "action": action, **params})
    return response.get_json()


def rates(client: FlaskClient, key: str) -> dict[str, str]:
    return {offer["name"]: offer["rate"] for offer in ask(client, key, "services")}


def balance(name: str = "alice") -> int:
    return accounts.get(name).balance_micros


def charged(client: FlaskClient, cast: SimpleNamespace, service: int, quantity: int = 100) -> int:
    before = balance()
    answer = ask(
        client, cast.alice, "add", service=service, quantity=quantity, link="https://a.example"
    )
    assert "order" in answer
    return before - balance()


@pytest.mark.parametrize(
    ("discount", "own", "shown", "charge"),
    [
        (0, None, "5.00", 500_000),
        (50_000, None, "4.75", 475_000),
        (333_333, None, "3.333335", 333_334),
        (MICROS, None, "0.00", 0),
        (0, 4_000_000, "4.00", 400_000),
        # An own rate is the whole of it: no discount comes on top.
        (50_000, 4_000_000, "4.00", 400_000),
        (50_000, 6_000_000, "6.00", 600_000),
        (50_000, 0, "0.00", 0),
        (50_000, 1, "0.000001", 0),
        (50_000, 15, "0.000015", 2),
    ],
)
def test_a_customer_sees_and_pays_its_own_rate(
    client: FlaskClient,
    cast: SimpleNamespace,
    discount: int,
    own: int | None,
    shown: str,
    charge: int,
) -> None:
    accounts.set_discount("alice", discount)
    if own is not None:
        pricing.set_account_rate(accounts.get("alice").id, cast.followers, own)
    assert rates(client, cast.alice)["Followers"] == shown
    assert charged(client, cast, cast.followers) == charge
    assert rates(client, cast.bob)["Followers"] == "5.00"
    assert list(ledger.check()) == []


def test_a_package_is_sold_at_the_customers_rate_too(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    accounts.set_discount("alice", 100_000)
    assert rates(client, cast.alice)["Pack"] == "3.51"
    assert charged(client, cast, cast.pack) == 3_510_000


def test_a_customers_own_rate_can_be_taken_away(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    alice = accounts.get("alice").id
    pricing.set_account_rate(alice, cast.followers, 1)
    pricing.set_account_rate(alice, cast.followers, 2)
    assert pricing.account_rates(alice) == {cast.followers: 2}
    pricing.set_account_rate(alice, cast.followers, None)
    pricing.set_account_rate(alice, cast.followers, None)
    assert rates(client, cast.alice)["Followers"] == "5.00"


@pytest.mark.parametrize("discount", [-1, MICROS + 1])
def test_a_discount_is_from_nothing_to_all(cast: SimpleNamespace, discount: int) -> None:
    with pytest.raises(OperatorError, match="from 0 to 100 percent"):
        accounts.set_discount("alice", discount)
    assert accounts.get("alice").discount_ppm == 0


def test_a_refund_is_of_what_this_customer_paid(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    accounts.set_discount("alice", 100_000)
    charged(client, cast, cast.followers)
    accounts.set_discount("alice", 0)
    transition.change(1, status="Partial", remains=50)
    assert lookup.get(1).refunded_micros == 225_000
    assert list(ledger.check()) == []


# What is earned


@pytest.fixture
def earned(client: FlaskClient, cast: SimpleNamespace, upstream: int) -> SimpleNamespace:
    """Alice's orders with 10 % off, and Bob's: of followers, at a cost of 0.80, and by hand.

    One is completed, one half delivered, one canceled, one refused, and one by hand.
    """
    accounts.set_discount("alice", 100_000)
    sources.set_source(cast.followers, upstream, listed("7", 800_000), 1)
    for key in (cast.alice, cast.alice, cast.bob, cast.bob):
        ask(client, key, "add", service=cast.followers, quantity=100, link="https://a.example")
    ask(client, cast.bob, "add", service=cast.views, quantity=1000, link="https://a.example")
    for order_id in (1, 2, 3):
        dispatch.claim(upstream)
        dispatch.record_accepted(order_id, str(order_id), 0)
    dispatch.claim(upstream)
    dispatch.record_rejected(4, "Incorrect link", is_temporary=False)
    reports = {
        1: ProviderStatus("Completed", 5, 0),
        2: ProviderStatus("Partial", 5, 50, 40_000),
        3: ProviderStatus("Canceled", 5, 100),
    }
    status_sync.apply_statuses(reports, 15)
    Order.update(created_at=86_400).where(Order.id == 1).execute()
    Order.update(created_at=2 * 86_400).where(Order.id > 1).execute()
    return cast


def sums(by: str, since: int = 0) -> dict[str, tuple[int, ...]]:
    return {
        row[by]: tuple(row[n] for n in ("orders", "revenue", "refunds", "cost", "profit"))
        for row in reports.earnings(by, since)
    }


@pytest.mark.parametrize(
    ("by", "since", "expected"),
    [
        (
            "user", 0,
            {
                "alice": (2, 900_000, 225_000, 120_000, 555_000),
                "bob": (3, 1_015_000, 1_000_000, 0, 15_000),
            },
        ),
        (
            "service", 0,
            {
                "1 Followers": (4, 1_900_000, 1_225_000, 120_000, 555_000),
                "2 Views": (1, 15_000, 0, 0, 15_000),
            },
        ),
        (
            "provider", 0,
            {
                "upstream": (4, 1_900_000, 1_225_000, 120_000, 555_000),
                "(by hand)": (1, 15_000, 0, 0, 15_000),
            },
        ),
        (
            "day", 0,
            {
                "1970-01-02": (1, 450_000, 0, 80_000, 370_000),
                "1970-01-03": (4, 1_465_000, 1_225_000, 40_000, 200_000),
            },
        ),
        ("day", 2 * 86_400, {"1970-01-03": (4, 1_465_000, 1_225_000, 40_000, 200_000)}),
        ("day", 2 * 86_400 + 1, {}),
    ],
    ids=str,
)  # fmt: skip
def test_profit_is_what_was_paid_less_what_went_back_and_what_it_cost(
    earned: SimpleNamespace, by: str, since: int, expected: dict[str, tuple[int, ...]]
) -> None:
    assert sums(by, since) == expected


def test_the_report_agrees_with_the_ledger(earned: SimpleNamespace) -> None:
    entries = ledger.listing()
    for kind, name in (("charge", 1), ("refund", 2)):
        entered = sum(abs(row["amount_micros"]) for row in entries if row["kind"] == kind)
        assert sum(row[name] for row in sums("user").values()) == entered
    assert list(ledger.check()) == []
