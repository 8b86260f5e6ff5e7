"""A provider's name, address, key and rate limit are changed, and nothing goes wrong by that."""

from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import listed
from support.commands import audit
from support.orders import new_order
from support.trouble import add_up, sent

from database.transactions import immediate
from models import Alert, AskedSingly, Provider
from panel.alerts.kinds import ALL, NOT_OF_PROVIDERS, Kind
from panel.errors import OperatorError, ProviderFailed
from panel.operations import providers
from panel.operations.audit import Actor
from panel.providers import abilities, pending, registry, sources
from panel.providers.edit import ProviderEdit, is_same_place
from panel.providers.pending import PendingKind
from panel.providers.registry import ProviderAccount

OLGA = Actor("olga", "10.0.0.9")
SECRET = "the-new-secret-key"
HERE = "https://up.example/api/v2"
THERE = "https://new.example/api/v2"


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    """A provider that answers, and that our first service is bought from."""
    up = add_up(cast)
    Provider.update(url=HERE, key="old-key").where(Provider.id == up.id).execute()
    return up


@pytest.fixture
def bare(cast: SimpleNamespace) -> Provider:
    """A provider of which nothing is bought yet."""
    return registry.add("bare", HERE, "old-key", 60)


asked: list[Provider] = []


@pytest.fixture(autouse=True)
def _nobody_was_asked() -> None:
    asked.clear()


def answers(row: Provider) -> ProviderAccount:
    asked.append(row)
    return ProviderAccount("7.00 USD", True, "USD")


def fails(row: Provider) -> ProviderAccount:
    asked.append(row)
    raise ProviderFailed(row.name, "Invalid API key", "Check the key.")


def edit(of: str, /, ask: Any = answers, how: dict[str, bool] | None = None, **wanted: Any) -> Any:
    return providers.edit(OLGA, of, ProviderEdit(**wanted), ask, "USD", **(how or {}))


@pytest.mark.parametrize(
    ("wanted", "acts"),
    [
        ({"name": "dear"}, "name dear"),
        ({"requests_per_minute": 7}, "7 requests per minute"),
        ({"key": SECRET}, "another key"),
        ({"url": "https://up.example/v3"}, "address https://up.example/v3"),
        ({"url": "https://up.example/v3", "key": SECRET, "name": "dear"},
         "name dear, address https://up.example/v3, another key"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_is_changed_is_changed_alone_and_audited_without_the_key(
    up: SimpleNamespace, wanted: dict[str, Any], acts: str
) -> None:
    before = Provider.get_by_id(up.id).__data__
    edited = edit("up", **wanted)
    after = Provider.get_by_id(up.id).__data__
    is_asked = bool({"url", "key"} & wanted.keys())
    told = {"balance", "balance_at", "idempotent", "sync_wanted"} if is_asked else set()
    assert {n for n in after if after[n] != before[n]} - told == set(wanted)
    assert edited == (wanted.get("name", "up"), "7.00 USD" if is_asked else None)
    assert [row.url for row in asked] == [after["url"]] * is_asked
    assert [row.key for row in asked] == [after["key"]] * is_asked
    assert audit() == [("olga", "10.0.0.9", f"provider up: edit {acts}", "done")]


@pytest.mark.parametrize("wanted", [{"key": SECRET}, {"url": "https://up.example/v3"}])
def test_what_the_provider_does_not_answer_to_is_not_taken(
    up: SimpleNamespace, wanted: dict[str, Any]
) -> None:
    before = Provider.get_by_id(up.id).__data__
    with pytest.raises(providers.NotChanged) as refused:
        edit("up", fails, **wanted)
    assert str(refused.value) == "up is not changed: Invalid API key. Check the key."
    assert refused.value.field == next(iter(wanted))
    assert Provider.get_by_id(up.id).__data__ == before
    assert audit()[0][3].startswith("failed: up is not changed")
    assert SECRET not in str(audit())


def test_unchecked_nobody_is_asked(up: SimpleNamespace) -> None:
    assert edit("up", fails, {"unchecked": True}, key=SECRET).balance is None
    assert asked == []
    assert Provider.get_by_id(up.id).key == SECRET
    assert audit()[0][2] == "provider up: edit another key, unchecked"


@pytest.mark.parametrize(
    ("wanted", "told", "field"),
    [
        ({}, "nothing to change", ""),
        ({"name": "up", "url": HERE, "key": "old-key"}, "nothing to change", ""),
        ({"name": "twin"}, "there is a provider twin already", "name"),
        ({"name": "gone"}, "gone is the name of a provider that was removed", "name"),
        ({"name": "no good"}, "the name 'no good' cannot be used", "name"),
        ({"url": SECRET}, "the address cannot be used", "url"),
        ({"url": "https://user:pw@a.example/"}, "the address cannot be used", "url"),
        ({"key": "two words"}, "the key must be", "key"),
        ({"key": "ключ"}, "the key must be", "key"),
        ({"requests_per_minute": 0}, "from 1 to 1000000", "requests_per_minute"),
        ({"requests_per_minute": 10**6 + 1}, "from 1 to 1000000", "requests_per_minute"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field_before_anybody_is_asked(
    up: SimpleNamespace, wanted: dict[str, Any], told: str, field: str
) -> None:
    registry.add("twin", HERE, "key", 60)
    registry.add("gone", HERE, "key", 60)
    registry.remove("gone")
    before = Provider.get_by_id(up.id).__data__
    with pytest.raises(OperatorError, match=told) as refused:
        edit("up", **wanted)
    assert refused.value.field == field
    assert asked == []
    assert Provider.get_by_id(up.id).__data__ == before
    assert SECRET not in str(audit())


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (HERE, "https://up.example/other", True),
        (HERE, "http://up.example/api/v2", True),
        (HERE, "https://UP.example:443/api/v2", True),
        ("http://up.example:80/", "https://up.example/", True),
        (HERE, "https://up.example:8443/api/v2", False),
        (HERE, THERE, False),
        (HERE, "https://www.up.example/api/v2", False),
        (HERE, "sandbox:", False),
        ("sandbox:", "sandbox:", True),
    ],
)
def test_a_place_is_a_host_and_a_port(one: str, other: str, same: bool) -> None:
    assert is_same_place(one, other) is is_same_place(other, one) is same


def has_open_order(up: SimpleNamespace) -> None:
    sent(up, "500")


def has_order_of_before(up: SimpleNamespace) -> None:
    sent(up, "500")
    with immediate():
        sources.remove(up.followers, 1)


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        (lambda up: None, "services are bought there"),
        (has_open_order, "it has orders of ours"),
        (has_order_of_before, "it has orders of ours"),
    ],
    ids=["services", "an open order", "an order of before"],
)
def test_another_host_is_taken_only_as_the_same_panel(
    up: SimpleNamespace, happens: Any, told: str
) -> None:
    happens(up)
    with pytest.raises(OperatorError, match=told) as refused:
        edit("up", url=THERE)
    assert "--same-panel" in str(refused.value)
    assert asked == []  # the key does not go there before it is said to be the same
    edit("up", how={"same_panel": True}, url=THERE, key=SECRET)
    assert Provider.get_by_id(up.id).url == THERE
    assert audit()[-1][2] == f"provider up: edit address {THERE}, another key, the same panel"


def test_a_provider_that_was_never_used_may_move_anywhere(bare: Provider) -> None:
    edit("bare", url=THERE, key=SECRET)
    assert registry.get("bare").url == THERE


@pytest.mark.parametrize("how", [{}, {"unchecked": True}, {"same_panel": True}], ids=str)
def test_a_stored_key_goes_to_no_host_that_it_was_not_given_for(
    bare: Provider, how: dict[str, bool]
) -> None:
    """Or whoever may change an address could read it, by an address of their own."""
    with pytest.raises(OperatorError, match="give the key again: the address is") as refused:
        edit("bare", how=how, url=THERE)
    assert refused.value.field == "key"
    assert asked == []
    assert registry.get("bare").url == HERE
    edit("bare", how=how, url=THERE, key="old-key")  # the same one will do
    assert (registry.get("bare").url, registry.get("bare").key) == (THERE, "old-key")


def test_the_sandbox_needs_no_key(bare: Provider) -> None:
    edit("bare", url="sandbox:")
    with pytest.raises(OperatorError, match="give the key again") as refused:
        edit("bare", url=HERE)
    assert refused.value.field == "key"


@pytest.mark.parametrize("url", ["https://up.example:port/", "https://[::1/", "https://a:99999/"])
def test_an_address_that_no_request_can_go_to_is_another_host(bare: Provider, url: str) -> None:
    with pytest.raises(OperatorError, match="give the key again"):
        edit("bare", url=url)


def test_an_order_that_comes_while_the_provider_is_asked_counts(
    bare: Provider, cast: SimpleNamespace
) -> None:
    def answers_late(row: Provider) -> ProviderAccount:
        sources.set_source(cast.followers, bare.id, listed("1", 1), 1)
        return answers(row)

    with pytest.raises(OperatorError, match="services are bought there"):
        edit("bare", answers_late, url=THERE, key=SECRET)
    assert registry.get("bare").url == HERE


def test_a_new_address_is_got_to_know_from_the_beginning(up: SimpleNamespace) -> None:
    abilities.learn(up.id, "status")
    Provider.update(
        moved_to=THERE, failing_because="everything: HTTP 502", failing_since=1, idempotent=True
    ).where(Provider.id == up.id).execute()
    edit("up", how={"same_panel": True, "unchecked": True}, url=THERE, key=SECRET)
    row = Provider.get_by_id(up.id)
    assert (row.idempotent, row.moved_to, row.sync_wanted) == (False, "", True)
    assert row.failing_because == "everything: HTTP 502"  # it was not asked
    assert AskedSingly.select().count() == 0
    edit("up", url=f"{THERE}/more")
    row = Provider.get_by_id(up.id)
    assert (row.failing_because, row.failing_since, row.idempotent) == ("", None, True)


def test_another_currency_at_the_new_address_holds_what_is_bought_there(
    up: SimpleNamespace,
) -> None:
    def answers_in_euros(row: Provider) -> ProviderAccount:
        return ProviderAccount("7.00 EUR", True, "EUR")

    edit("up", answers_in_euros, key=SECRET)
    change = pending.find(up.id, PendingKind.CURRENCY)
    assert change is not None
    assert (change.before, change.after) == ("USD", "EUR")


def test_a_provider_that_was_stopped_stays_so_until_it_is_resumed(up: SimpleNamespace) -> None:
    registry.stop(up.id, "it redirects", THERE)
    edit("up", how={"same_panel": True}, url=THERE, key=SECRET)
    assert registry.get("up").stopped_because == "it redirects"
    registry.pause("up")
    providers.resume(OLGA, "up")
    row = registry.get("up")
    assert (row.stopped_because, row.paused_at) == ("", None)


def test_what_the_old_address_answers_late_stops_nothing(up: SimpleNamespace) -> None:
    edit("up", how={"same_panel": True}, url=THERE, key=SECRET)
    assert not registry.stop(up.id, "it redirects", "https://third.example/", HERE)
    assert registry.get("up").stopped_because == ""
    assert registry.stop(up.id, "it redirects", "https://third.example/", THERE)


def test_alerts_stand_on_under_the_new_name(up: SimpleNamespace) -> None:
    of_panel = {kind for kind in ALL if kind in NOT_OF_PROVIDERS}
    assert {Kind.WORKER, Kind.BACKUP, Kind.VANISHED} <= of_panel
    for kind in ALL:
        Alert.create(kind=kind, subject="up", text="x", began_at=5)
    Alert.create(kind=Kind.BALANCE, subject="up", text="x", began_at=1, ended_at=2)
    Alert.create(kind=Kind.BALANCE, subject="dear", text="x", began_at=1)
    edit("up", name="dear")
    named = {(row.kind, row.subject, row.ended_at) for row in Alert.select()}
    for kind in set(ALL) - of_panel - {Kind.BALANCE}:
        assert (kind, "dear", None) in named
    assert all((kind, "up", None) in named for kind in of_panel)
    # One was open under that name already.
    assert {item for item in named if item[0] == Kind.BALANCE} == {
        (Kind.BALANCE, "up", None), (Kind.BALANCE, "dear", None), (Kind.BALANCE, "dear", 2),
    }  # fmt: skip


def test_orders_are_found_under_the_new_name(up: SimpleNamespace) -> None:
    order_id = new_order(up.followers)
    edit("up", name="dear")
    assert sources.sources(up.followers)[0]["provider_name"] == "dear"
    with pytest.raises(OperatorError, match="there is no provider up"):
        registry.get("up")
    assert order_id


def test_a_key_that_was_given_meanwhile_for_another_host_does_not_go_along(
    up: SimpleNamespace,
) -> None:
    registry.stop(up.id, "it redirects", THERE)

    def answers_late(row: Provider) -> ProviderAccount:
        Provider.update(url="https://third.example/", key=SECRET).execute()
        return answers(row)

    with pytest.raises(OperatorError, match="the key of up was changed meanwhile"):
        resume_at("up", THERE, answers_late)
    assert registry.get("up").url == "https://third.example/"


# Moved


def resume_at(of: str, url: str, ask: Any = answers) -> int:
    return providers.resume_at(OLGA, of, url, ask, "USD")


@pytest.mark.parametrize("url", [THERE, f"{THERE}/more", "http://new.example/"])
def test_a_provider_is_resumed_where_it_redirected_to_with_its_key(
    up: SimpleNamespace, url: str
) -> None:
    abilities.learn(up.id, "status")
    registry.stop(up.id, "it redirects", THERE)
    resume_at("up", url)
    row = Provider.get_by_id(up.id)
    assert (row.url, row.key, row.stopped_because, row.moved_to) == (url, "old-key", "", "")
    assert (row.sync_wanted, row.balance) == (True, "7.00 USD")
    assert [(row.url, row.key) for row in asked] == [(url, "old-key")]
    assert AskedSingly.select().count() == 0
    assert audit() == [("olga", "10.0.0.9", f"provider up: resume at {url}", "done")]


def test_it_stays_stopped_where_it_does_not_answer_there(up: SimpleNamespace) -> None:
    registry.stop(up.id, "it redirects", THERE)
    with pytest.raises(providers.NotChanged) as refused:
        resume_at("up", THERE, fails)
    assert refused.value.field == "url"
    row = Provider.get_by_id(up.id)
    assert (row.url, row.stopped_because, row.moved_to) == (HERE, "it redirects", THERE)


@pytest.mark.parametrize(
    ("moved_to", "url"),
    [
        (THERE, "https://evil.example/api/v2"),
        (THERE, "https://new.example:8443/api/v2"),
        ("", THERE),
        (THERE, "sandbox:"),
    ],
)
def test_no_other_host_is_resumed_at(bare: Provider, moved_to: str, url: str) -> None:
    registry.stop(bare.id, "it redirects", moved_to)
    before = Provider.get_by_id(bare.id).__data__
    with pytest.raises(OperatorError, match="bare did not redirect to that host") as refused:
        resume_at("bare", url)
    assert "flask provider edit bare --url ADDRESS" in str(refused.value)
    assert asked == []
    assert Provider.get_by_id(bare.id).__data__ == before


@pytest.mark.parametrize("happens", ["nothing", "paused"])
def test_a_provider_that_is_not_stopped_is_not_moved_so(bare: Provider, happens: str) -> None:
    if happens == "paused":
        registry.pause("bare")
    with pytest.raises(OperatorError, match="flask provider edit bare --url ADDRESS") as refused:
        resume_at("bare", f"{HERE}/more")
    assert refused.value.field == "url"
    assert asked == []
    resume_at("bare", HERE)  # it says nothing new
    assert registry.get("bare").paused_at is None


def test_another_path_at_the_same_host_is_resumed_at(up: SimpleNamespace) -> None:
    registry.stop(up.id, "it redirects", "")
    resume_at("up", f"{HERE}/more")
    assert registry.get("up").url == f"{HERE}/more"


# Paused


def test_a_provider_is_paused_once(up: SimpleNamespace) -> None:
    providers.pause(OLGA, "up")
    since = registry.get("up").paused_at
    with pytest.raises(OperatorError, match="up is paused already"):
        providers.pause(OLGA, "up")
    assert registry.get("up").paused_at == since
    assert [line[2:] for line in audit()] == [
        ("provider up: pause", "done"),
        ("provider up: pause", "refused: provider up is paused already"),
    ]


def test_a_removed_provider_comes_back_working(cast: SimpleNamespace) -> None:
    registry.add("back", HERE, "key", 60)
    registry.pause("back")
    registry.remove("back")
    assert registry.add("back", HERE, "key", 60).paused_at is None
