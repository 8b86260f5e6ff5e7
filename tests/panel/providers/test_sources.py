"""Where a service is bought: chosen, replaced, removed, and what follows from that."""

from types import SimpleNamespace

import pytest
from support.apps import listed
from support.orders import new_order
from support.trouble import add_up

from database.transactions import immediate
from models import PendingChange, Service
from panel import services
from panel.errors import OperatorError, ProviderFailed
from panel.operations import services as operations
from panel.operations.audit import Actor
from panel.operations.services import SourceChange
from panel.orders import dispatch, lookup
from panel.providers import import_services, pending, registry, sources
from panel.providers.listing import Listing
from panel.providers.pending import PendingKind

OLGA = Actor("olga", "10.0.0.9")


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    """The provider up, where followers are bought at 0.90, and a spare one."""
    up = add_up(cast)
    up.spare = registry.add("spare", "https://spare.example/api/v2", "key", 60, "USD").id
    return up


def offers(*numbers: str) -> list[Listing]:
    return [listed(number, 1_000_000 * int(number)) for number in numbers]


def ask(row: object) -> list[Listing]:
    return offers("2", "3")


def bought(service_id: int) -> list[tuple[str, str, int]]:
    found = sources.sources(service_id)
    return [(s["provider_name"], s["provider_service"], s["source_rank"]) for s in found]


def test_a_rate_with_a_markup_follows_its_new_source(up: SimpleNamespace) -> None:
    import_services.mark_up([up.followers], 500_000)
    sources.set_source(up.followers, up.spare, listed("2", 2_000_000), 1)
    assert services.get(up.followers).rate_micros == 3_000_000
    sources.set_source(up.followers, up.id, listed("9", 9_000_000), 2)
    assert services.get(up.followers).rate_micros == 3_000_000  # the first decides
    with immediate():
        sources.remove(up.followers, 1)
    assert services.get(up.followers).rate_micros == 13_500_000
    assert bought(up.followers) == [("up", "9", 1)]


def test_a_rate_that_was_set_by_hand_stays(up: SimpleNamespace) -> None:
    sources.set_source(up.followers, up.spare, listed("2", 2_000_000), 1)
    assert services.get(up.followers).rate_micros == 5_000_000


def test_without_a_source_a_service_is_fulfilled_by_hand(up: SimpleNamespace) -> None:
    import_services.mark_up([up.followers], 500_000)
    pending.add(up.id, PendingKind.RISE, "900000", "90000000", up.source)
    assert services.get(up.followers).held
    operations.remove_source(OLGA, up.followers)
    service = services.get(up.followers)
    assert (service.held, service.markup_ppm, service.rate_micros) == (False, None, 1_350_000)
    assert (bought(up.followers), PendingChange.select().count()) == ([], 0)
    with pytest.raises(OperatorError, match="service 1 has no source"):
        operations.remove_source(OLGA, up.followers)
    assert lookup.get(new_order(up.followers)).dispatch_state == ""


def test_an_order_that_waited_for_a_source_that_is_gone_waits_for_a_person(
    up: SimpleNamespace,
) -> None:
    order_id = new_order(up.followers)
    operations.remove_source(OLGA, up.followers)
    assert dispatch.claim(up.id) is None
    order = lookup.get(order_id)
    assert (order.dispatch_state, order.warning) == ("", "the service has no provider any more")


def test_an_order_that_waited_for_a_source_that_is_gone_goes_to_the_second(
    up: SimpleNamespace,
) -> None:
    sources.set_source(up.followers, up.spare, listed("2", 2_000_000), 2)
    order_id = new_order(up.followers)
    operations.remove_source(OLGA, up.followers)
    assert dispatch.claim(up.id) is None
    outgoing = dispatch.claim(up.spare)
    assert outgoing is not None
    assert (outgoing.order_id, outgoing.parameters["service"]) == (order_id, "2")


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        ([], [SourceChange(1, "up", "2"), SourceChange(2, "spare", "3")],
         [("up", "2", 1), ("spare", "3", 2)]),
        ([SourceChange(2, "spare", "3")], [SourceChange(1), SourceChange(2)], []),
        ([SourceChange(2, "spare", "3")], [SourceChange(1)], [("spare", "3", 1)]),
        ([SourceChange(2, "spare", "3")], [SourceChange(2)], [("up", "7", 1)]),
        ([SourceChange(2, "spare", "3")],
         [SourceChange(1, "spare", "3"), SourceChange(2, "up", "2")],
         [("spare", "3", 1), ("up", "2", 2)]),
        ([SourceChange(2, "spare", "3")], [SourceChange(1, "spare", "3"), SourceChange(2)],
         [("spare", "3", 1)]),
    ],
    ids=["both", "none", "the second moves up", "no second", "exchanged", "the second alone"],
)  # fmt: skip
def test_sources_change_together(
    up: SimpleNamespace,
    first: list[SourceChange],
    then: list[SourceChange],
    left: list[tuple[str, str, int]],
) -> None:
    for changes in (first, then):
        if changes:
            operations.edit(OLGA, up.followers, {}, changes, ask)
    assert bought(up.followers) == left


def test_a_provider_that_fails_changes_nothing_at_all(up: SimpleNamespace) -> None:
    def fails(row: object) -> list[Listing]:
        raise ProviderFailed("spare", "HTTP 502")

    before, count = services.get(up.followers).__data__, Service.select().count()
    wanted = [SourceChange(2, "spare", "3")]
    with pytest.raises(ProviderFailed) as refused:
        operations.edit(OLGA, up.followers, {"name": "Other"}, wanted, fails)
    assert refused.value.field == "second"
    values = {"name": "New", "category": "C", "rate_micros": 1, "min": 1, "max": 9}
    with pytest.raises(ProviderFailed):
        operations.add(OLGA, bought_from=wanted, ask=fails, **values)
    assert services.get(up.followers).__data__ == before
    assert Service.select().count() == count
    assert bought(up.followers) == [("up", "7", 1)]


@pytest.mark.parametrize(
    ("wanted", "told", "field"),
    [
        (SourceChange(1, "nobody", "2"), "there is no provider nobody", "source"),
        (SourceChange(2, "nobody", "2"), "there is no provider nobody", "second"),
        (SourceChange(1, "spare", "99"), "spare has no service 99", "source_theirs"),
        (SourceChange(2, "spare", "99"), "spare has no service 99", "second_theirs"),
    ],
)
def test_a_source_that_cannot_be_names_its_field(
    up: SimpleNamespace, wanted: SourceChange, told: str, field: str
) -> None:
    changes = {"name": "Other"}
    with pytest.raises(OperatorError, match=told) as refused:
        operations.edit(OLGA, up.followers, changes, [wanted], ask)
    assert refused.value.field == field
    assert services.get(up.followers).name == "Followers"


@pytest.mark.parametrize(
    ("first", "then", "field"),
    [
        ([SourceChange(2, "spare", "3")], [SourceChange(1, "spare", "3")], "source_theirs"),
        ([SourceChange(1, "spare", "3")], [SourceChange(2, "spare", "3")], "second_theirs"),
        ([], [SourceChange(1, "spare", "3"), SourceChange(2, "spare", "3")], "second_theirs"),
    ],
)
def test_one_place_is_not_both_sources(
    up: SimpleNamespace, first: list[SourceChange], then: list[SourceChange], field: str
) -> None:
    if first:
        operations.edit(OLGA, up.followers, {}, first, ask)
    before = bought(up.followers)
    with pytest.raises(OperatorError, match="the second source are the same") as refused:
        operations.edit(OLGA, up.followers, {}, then, ask)
    assert refused.value.field == field
    assert bought(up.followers) == before


def test_a_second_source_alone_is_none(up: SimpleNamespace) -> None:
    with pytest.raises(OperatorError, match="has no first source yet"):
        operations.edit(OLGA, up.views, {}, [SourceChange(2, "spare", "3")], ask)


def test_a_value_that_cannot_be_leaves_the_source_as_it_was(up: SimpleNamespace) -> None:
    wanted = [SourceChange(1, "spare", "3")]
    with pytest.raises(OperatorError, match="min must be 1"):
        operations.edit(OLGA, up.followers, {"min": 0}, wanted, ask)
    assert bought(up.followers) == [("up", "7", 1)]
