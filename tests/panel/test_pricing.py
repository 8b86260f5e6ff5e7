"""What each customer pays."""

from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from support.apps import listed
from support.orders import assert_changes_nothing, balance
from support.pricing import ask

from database.transactions import immediate
from panel import accounts, ledger, pricing, services
from panel.errors import OperatorError
from panel.money import MICROS
from panel.orders import lookup, transition
from panel.providers import pending, registry, sources
from panel.providers.pending import PendingKind


def rates(client: FlaskClient, key: str) -> dict[str, str]:
    return {offer["name"]: offer["rate"] for offer in ask(client, key, "services")}


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
        (50_000, 1, "0.000001", 1),
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


# Nothing that costs something is given away, and nothing is sold that is held


@pytest.fixture
def bought(cast: SimpleNamespace) -> SimpleNamespace:
    """The cast; the followers are bought at a cost."""
    cast.shop = registry.add("shop", "https://p.example/api/v2", "key", 60).id
    sources.set_source(cast.followers, cast.shop, listed("1", 1), 1)
    return cast


def is_sold(client: FlaskClient, cast: SimpleNamespace) -> bool:
    """Whether Alice is shown the followers; whether she can order them is the same."""
    shown = "Followers" in rates(client, cast.alice)
    wanted = {"service": cast.followers, "quantity": 100, "link": "https://a.example"}
    answer = ask(client, cast.alice, "add", **wanted)
    assert answer.get("error") == (None if shown else "Incorrect service ID")
    return shown


def test_a_discount_of_everything_gives_away_nothing_that_costs_something(
    client: FlaskClient, bought: SimpleNamespace
) -> None:
    accounts.set_discount("alice", MICROS)
    assert not is_sold(client, bought)
    assert "Views" in rates(client, bought.alice)
    assert "Followers" in rates(client, bought.bob)
    accounts.set_discount("alice", MICROS - 1)
    assert is_sold(client, bought)


@pytest.mark.parametrize("source_rank", [1, 2])
def test_a_rate_of_0_is_not_sold_from_when_on_it_costs_something(
    client: FlaskClient, cast: SimpleNamespace, source_rank: int
) -> None:
    services.edit(cast.followers, rate_micros=0)
    shop = registry.add("shop", "https://p.example/api/v2", "key", 60).id
    sources.set_source(cast.followers, shop, listed("1", 0), 1)
    assert is_sold(client, cast)
    sources.set_source(cast.followers, shop, listed("2", 1), source_rank)
    assert not is_sold(client, cast)


def test_a_rate_of_0_is_refused_for_what_costs_something(bought: SimpleNamespace) -> None:
    alice = accounts.get("alice").id
    for act in (
        lambda: services.edit(bought.followers, rate_micros=0),
        lambda: pricing.set_account_rate(alice, bought.followers, 0),
    ):
        assert_changes_nothing(
            act, OperatorError, "service 1 costs something, and is not sold at 0"
        )
    services.edit(bought.followers, rate_micros=1)
    services.edit(bought.views, rate_micros=0)
    pricing.set_account_rate(alice, bought.views, 0)


def test_what_is_held_is_not_sold_until_it_is_no_longer(
    client: FlaskClient, bought: SimpleNamespace
) -> None:
    assert is_sold(client, bought)
    with immediate():
        pending.add(bought.shop, PendingKind.CURRENCY, "USD", "INR")
    assert not is_sold(client, bought)
    with immediate():
        pending.remove(bought.shop, (PendingKind.CURRENCY,))
    assert is_sold(client, bought)
