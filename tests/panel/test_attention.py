"""The list of what waits for an operator: what is on it, in which words, and when not."""

import shlex
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from support.apps import listed
from support.clock import Clock
from support.orders import new_order
from support.trouble import (
    add_up,
    became_dearer,
    cancel_by_hand,
    change,
    in_review,
    paused,
    provider,
    refill_by_hand,
    refill_without_number,
    refused,
    restored,
    says,
    sent,
    subscription,
    waits_long,
)

import settings
from database.connection import database
from models import Service, Source
from panel import attention, services
from panel.attention import Item, Kind
from panel.money import ONE_PPT
from panel.orders import dispatch, transition
from panel.orders.refusal import Refusal
from panel.providers import pending, registry, sources, words
from panel.providers.pending import PendingKind

SETTINGS = settings.read({"PANEL_EXCHANGE_DAYS": "90"})


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    return add_up(cast)


def waiting(limit: int = 100) -> list[Item]:
    return attention.everything(SETTINGS, limit).items


def only() -> Item:
    """The one thing that waits."""
    (item,) = waiting()
    return item


class Case(NamedTuple):
    """What happens, the line that it makes, and the commands beside it.

    page: what the line is about: a provider's name, service 1, or order 1.
    """

    happens: Callable[[SimpleNamespace], Any]
    kind: Kind
    text: str
    commands: tuple[str, ...]
    page: str


STOP = "it redirects to https://new.example/api/v2"
CASES = {
    "what waits since a restore": Case(
        restored,
        Kind.RESTORED,
        "The database was restored from a copy, and 1 refill and 1 cancel request are in "
        "doubt: what waited then may have been sent since. Look at the provider first: what it "
        "has is to be attached or set, and the rest released.",
        ("flask restored list", "flask restored release --all"),
        "",
    ),
    "a provider that moved": Case(
        provider(stopped_because=STOP, moved_to="https://new.example/api/v2"),
        Kind.STOPPED,
        "Nothing is sent to up: it redirects to https://new.example/api/v2. It may have moved to "
        "https://new.example/api/v2: confirm that address, or keep ours.",
        ("flask provider resume up --url https://new.example/api/v2", "flask provider resume up"),
        "up",
    ),
    "an address that a shell would read": Case(
        provider(stopped_because="moved", moved_to="https://new.example/;reboot"),
        Kind.STOPPED,
        "Nothing is sent to up: moved. It may have moved to https://new.example/;reboot: confirm "
        "that address, or keep ours.",
        ("flask provider resume up --url 'https://new.example/;reboot'",
         "flask provider resume up"),
        "up",
    ),
    "a stopped provider": Case(
        provider(stopped_because="an unclear redirect"),
        Kind.STOPPED,
        "Nothing is sent to up: an unclear redirect.",
        ("flask provider resume up",),
        "up",
    ),
    "a paused provider": Case(
        paused,
        Kind.PAUSED,
        "up is paused since 1970-01-02 00:00 UTC, and nothing new is sent there. 2 orders and 1 "
        "refill wait.",
        ("flask provider resume up",),
        "up",
    ),
    "a provider that fails": Case(
        provider(failing_because="status: HTTP 502", failing_since=86_400),
        Kind.FAILING,
        "up fails since 1970-01-02 00:00 UTC: status: HTTP 502.",
        ("flask provider balance up",),
        "up",
    ),
    "prices that could not be read for a day": Case(
        provider(prices_at=86_400),
        Kind.FAILING,
        "The prices of up could not be read since 1970-01-02 00:00 UTC: what is bought there is "
        "sold on at the present rates.",
        ("flask provider sync up",),
        "up",
    ),
    "an order that waits for more than an hour": Case(
        waits_long,
        Kind.FAILING,
        "Order 1 waits for more than an hour to be sent to up: Invalid API key.",
        ("flask order show 1",),
        "up",
    ),
    "no currency": Case(
        provider(currency=""),
        Kind.CURRENCY,
        "up does not name the currency of its prices; ours is USD.",
        ("flask provider currency up CODE",),
        "up",
    ),
    "another currency": Case(
        provider(currency="INR"),
        Kind.CURRENCY,
        "The prices of up are in INR and ours in USD, and there is no rate of exchange.",
        ("flask provider exchange up RATE",),
        "up",
    ),
    "a sign for a currency": Case(
        provider(currency="$"),
        Kind.CURRENCY,
        "The prices of up are in $ and ours in USD, and there is no rate of exchange. "
        "If its $ is USD, the rate is 1.",
        ("flask provider exchange up 1", "flask provider exchange up RATE"),
        "up",
    ),
    "a currency that changed to a sign": Case(
        change(PendingKind.CURRENCY, "USD", "$"),
        Kind.CURRENCY,
        "up: its prices are in $ now, and were in USD: nothing is sold from there. If its $ is "
        "USD, the rate is 1. 1 service is held.",
        ("flask provider exchange up 1", "flask provider exchange up RATE"),
        "up",
    ),
    "an old rate of exchange": Case(
        provider(currency="INR", exchange_ppt=ONE_PPT // 83, exchange_at=86_400),
        Kind.CURRENCY,
        "The rate of exchange of up, USD for 1 INR, is of 1970-01-02: it may be out of date.",
        ("flask provider exchange up RATE",),
        "up",
    ),
    "a currency that changed": Case(
        change(PendingKind.CURRENCY, "USD", "INR"),
        Kind.CURRENCY,
        "up: its prices are in INR now, and were in USD: nothing is sold from there. "
        "1 service is held.",
        ("flask provider exchange up RATE",),
        "up",
    ),
    "a currency that changed to ours": Case(
        change(PendingKind.CURRENCY, "INR", "USD"),
        Kind.CURRENCY,
        "up: its prices are in USD now, and were in INR: nothing is sold from there. "
        "1 service is held.",
        ("flask provider currency up USD",),
        "up",
    ),
    "a catalogue that shrank": Case(
        change(PendingKind.LOSS, "100", "1"),
        Kind.PROVIDER,
        "up: of 100 services that are bought there it lists 1: the others stay on sale until you "
        "confirm it, or for a day.",
        ("flask provider confirm up",),
        "up",
    ),
    "a catalogue that moved": Case(
        change(PendingKind.MOVED, "", "50"),
        Kind.PROVIDER,
        "up: 50 names stand under other numbers there: nothing is sold from there until you "
        "confirm it. 1 service is held.",
        ("flask provider confirm up",),
        "up",
    ),
    "another name": Case(
        change(PendingKind.NAME, "Instagram Followers", "TikTok Views"),
        Kind.SERVICE,
        "Service 1 Followers: up: not sold from there until you confirm it: their name "
        "'Instagram Followers' → 'TikTok Views'.",
        ("flask service confirm 1", "flask service disable 1"),
        "service 1",
    ),
    "another category": Case(
        change(PendingKind.CATEGORY, "Instagram", "TikTok"),
        Kind.SERVICE,
        "Service 1 Followers: up: not sold from there until you confirm it: their category "
        "'Instagram' → 'TikTok'.",
        ("flask service confirm 1", "flask service disable 1"),
        "service 1",
    ),
    "a cost that fell": Case(
        change(PendingKind.FALL, "900000", "0"),
        Kind.SERVICE,
        "Service 1 Followers: up: not followed until you confirm it: cost 0.90 → 0.00.",
        ("flask service confirm 1", "flask service disable 1"),
        "service 1",
    ),
    "a cost that rose": Case(
        change(PendingKind.RISE, "900000", "90000000"),
        Kind.SERVICE,
        "Service 1 Followers: up: not sold from there until you confirm it: cost 0.90 → 90.00.",
        ("flask service confirm 1", "flask service disable 1"),
        "service 1",
    ),
    "a charge above the cost": Case(
        change(PendingKind.CHARGE, "900000", "3600000"),
        Kind.SERVICE,
        "Service 1 Followers: up: an order that should have cost 0.90 was charged 3.60.",
        ("flask service confirm 1", "flask service disable 1"),
        "service 1",
    ),
    "a rate of nothing": Case(
        lambda up: Service.update(rate_micros=0).execute(),
        Kind.SERVICE,
        "Service 1 Followers is not sold: its rate is 0, and it costs 0.90.",
        ("flask service edit 1 --rate RATE",),
        "service 1",
    ),
    "lack of funds": Case(
        lambda up: (provider(balance="0.05 USD")(up),
                    refused(up, "Insufficient wallet", Refusal.FUNDS)),
        Kind.FUNDS,
        "Order 1 waits for funds at up, where we have 0.05 USD. Add funds there: the orders go "
        "out when the balance has risen.",
        ("flask provider resume up",),
        "up",
    ),
    "an order in doubt": Case(
        in_review,
        Kind.REVIEW,
        "Nobody knows whether up has order 1: no whole answer (ReadTimeoutError). Look it up "
        "there.",
        ("flask order attach 1 NUMBER", "flask order resend 1", "flask order fail 1"),
        "order 1",
    ),
    "an order that became dearer": Case(
        became_dearer,
        Kind.COST,
        "Order 1 is not sent to up: it costs 0.90 now, and was sold for 0.50.",
        ("flask order resend 1", "flask order fail 1"),
        "order 1",
    ),
    "a status that is not known": Case(
        lambda up: says(sent(up, "500"), word="Success"),
        Kind.WORD,
        "up tells a status that is not known: “Success”. Order 1 waits until you say what it "
        "means.",
        ("flask provider word up Success STATUS",),
        "up",
    ),
    "a status that a shell would read": Case(
        lambda up: says(sent(up, "500"), word="-x; 'rm'\n-rf"),
        Kind.WORD,
        "up tells a status that is not known: “-x; 'rm' -rf”. Order 1 waits until you say what "
        "it means.",
        ("flask provider word -- up " + shlex.quote("-x; 'rm' -rf") + " STATUS",),
        "up",
    ),
    "a status that contradicts itself": Case(
        lambda up: says(sent(up, "500"), status="Partial", word="Partial"),
        Kind.STATUS,
        "What up says of order 1 is not clear: Partial, without remains to pay back: set the "
        "order by hand (flask order set).",
        ("flask order set 1 --status STATUS --remains N", "flask order show 1"),
        "order 1",
    ),
    "posts without a quantity": Case(
        lambda up: says(subscription(up), status="Active", children=("901",)),
        Kind.POSTS,
        "Posts of order 1 at up cannot be charged: post 901: its quantity is not known.",
        ("flask order post 1 QUANTITY --theirs NUMBER", "flask order show 1"),
        "order 1",
    ),
    "a refill without a number": Case(
        refill_without_number,
        Kind.REFILL,
        "Refill 1 of order 1 is pending: up gave no number for it, 2 times.",
        ("flask refill set 1 --status STATUS",),
        "order 1",
    ),
    "a refill by hand": Case(
        refill_by_hand,
        Kind.REFILL,
        "Refill 1 of order 1 is pending: it is fulfilled by hand.",
        ("flask refill set 1 --status STATUS",),
        "order 1",
    ),
    "a cancel request by hand": Case(
        cancel_by_hand,
        Kind.CANCEL,
        "A customer asks to cancel order 1, which is fulfilled by hand.",
        ("flask cancel accept 1", "flask cancel reject 1"),
        "order 1",
    ),
    "something odd about an order that goes on": Case(
        lambda up: says(sent(up, "500"), status="In progress", odd="remains 'some'"),
        Kind.WARNING,
        "1 order at up, open or of the last 7 days, has a warning; the newest is 1.",
        ("flask order list --warnings", "flask order show 1"),
        "order 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_waits_is_told_with_what_to_do(up: SimpleNamespace, case: Case) -> None:
    case.happens(up)
    item = only()
    assert item.text == case.text
    assert (item.kind, item.commands) == (case.kind, case.commands)
    about = f"order {item.order_id}" if item.order_id else f"service {item.service_id}"
    assert case.page == (about if item.order_id or item.service_id else item.provider)


def test_every_kind_has_a_case() -> None:
    # A refusal's line tells a time, and has a test of its own.
    assert {case.kind for case in CASES.values()} == set(Kind) - {Kind.REFUSAL}


def test_a_panel_without_trouble_asks_for_nothing(up: SimpleNamespace) -> None:
    says(sent(up, "500"), status="In progress", remains=10)
    new_order(up.followers)
    new_order(up.views)
    assert waiting() == []


def test_orders_that_wait_with_the_same_words_are_one_line(up: SimpleNamespace) -> None:
    for number in ("500", "501", "502"):
        says(sent(up, number), word="Success")
    says(sent(up, "503"), word=" success ")
    says(sent(up, "504"), word="Done!")
    assert [(item.kind, item.orders) for item in waiting()] == [(Kind.WORD, 4), (Kind.WORD, 1)]
    assert waiting()[0].text == (
        "up tells a status that is not known: “Success”. 4 orders, the oldest of them 1, wait "
        "until you say what it means."
    )


def test_refusals_that_are_not_known_are_one_line_whatever_their_numbers(
    clock: Clock, up: SimpleNamespace
) -> None:
    for n in (3, 4):
        refused(up, f"Daily limit {n} reached")
    item = only()
    assert (item.kind, item.orders, item.provider) == (Kind.REFUSAL, 2, "up")
    assert item.text == (
        "up refused with words that are not known: “Daily limit 3 reached”. 2 orders, the oldest "
        "of them 1, wait for you until 2027-01-15 10:00 UTC, and are then canceled and paid back."
    )
    assert item.commands == (
        "flask provider word up 'Daily limit 3 reached' wait",
        "flask provider word up 'Daily limit 3 reached' cancel",
        "flask order resend --provider up --with-word='Daily limit 3 reached'",
        "flask order fail --provider up --with-word='Daily limit 3 reached'",
    )


def test_one_order_that_was_refused_is_settled_by_its_number(up: SimpleNamespace) -> None:
    refused(up, "Daily limit reached")
    assert only().commands[2:] == ("flask order resend 1", "flask order fail 1")


def test_what_was_taught_is_asked_no_more(up: SimpleNamespace) -> None:
    says(sent(up, "500"), word="Success")
    refused(up, "Daily limit reached")
    for item in waiting():
        line = item.commands[0].replace("STATUS", "Completed").removeprefix("flask ")
        words.teach(*_taught(line))
    assert dispatch.settle_refused(up.id) == 1
    assert [item.kind for item in waiting()] == [Kind.WORD], "until it is asked for again"
    says(1, word="Success")
    assert waiting() == []


def _taught(line: str) -> tuple[str, str, str]:
    """The arguments of `provider word`, as a shell would split them."""
    _, _, name, word, meaning = shlex.split(line)
    return name, word, meaning


def test_several_changes_of_a_service_are_one_line(up: SimpleNamespace) -> None:
    change(PendingKind.NAME, "Followers", "Views")(up)
    change(PendingKind.CATEGORY, "Instagram", "TikTok")(up)
    change(PendingKind.RISE, "900000", "1900000")(up)
    item = only()
    assert item.commands == ("flask service confirm 1", "flask service disable 1")
    for told in ("'Followers' → 'Views'", "'Instagram' → 'TikTok'", "0.90 → 1.90"):
        assert told in item.text


def bought(up: SimpleNamespace, count: int) -> list[int]:
    """More services that are bought there, with another name since."""
    numbers = []
    for n in range(count):
        number = services.add(name=f"S{n}", category="C", rate_micros=2_000_000, min=1, max=9)
        sources.set_source(number, up.id, listed(f"s{n}", 900_000), 1)
        source = Source.get(Source.service == number)
        pending.add(up.id, PendingKind.NAME, f"Their {n}", f"Other {n}", source.id)
        numbers.append(number)
    return numbers


@pytest.mark.parametrize(("count", "lines"), [(5, 5), (6, 1), (50, 1)])
def test_many_services_that_changed_at_one_provider_are_one_line(
    up: SimpleNamespace, count: int, lines: int
) -> None:
    bought(up, count)
    found = waiting()
    assert len(found) == lines
    assert attention.of_provider(SETTINGS, "up") == found
    assert attention.of_provider(SETTINGS, "other") == []


def test_the_line_of_many_services_names_the_first_and_what_to_do(up: SimpleNamespace) -> None:
    first, *others = bought(up, 7)
    services.edit(others.pop(), active=False)
    item = only()
    changed = "up: not sold from there until you confirm it: their name"
    assert item.text == (
        f"6 services changed at up. Service {first} S0: {changed} 'Their 0' → 'Other 0'. "
        f"Service {first + 1} S1: {changed} 'Their 1' → 'Other 1'. "
        f"Service {first + 2} S2: {changed} 'Their 2' → 'Other 2'; and 3 more."
    )
    assert item.commands == ("flask service confirm --provider up", "flask service list")
    assert (item.kind, item.provider, item.service_id) == (Kind.SERVICE, "up", None)
    assert sorted(pending.to_decide(up.id)) == [first, *others]


def test_many_services_of_one_provider_hide_none_of_another(up: SimpleNamespace) -> None:
    bought(up, 6)
    other = registry.add("other", "https://other.example/api/v2", "key", 60, currency="USD")
    sources.set_source(up.views, other.id, listed("1", 900_000), 1)
    source = Source.get(Source.service == up.views)
    pending.add(other.id, PendingKind.FALL, "900000", "0", source.id)
    Service.update(rate_micros=1_000_000).where(Service.id == up.views).execute()
    found = {item.provider: item.service_id for item in waiting()}
    assert found == {"up": None, "other": up.views}


def test_a_service_that_was_disabled_by_hand_waits_for_nobody(up: SimpleNamespace) -> None:
    change(PendingKind.NAME, "Followers", "Views")(up)
    Service.update(active=False, inactive_because="below cost").execute()
    assert only().service_id == up.followers
    services.edit(up.followers, active=False)
    assert waiting() == []
    services.edit(up.followers, active=True)
    assert only().service_id == up.followers


def test_of_each_kind_no_more_are_listed_than_asked_for(up: SimpleNamespace) -> None:
    for number in ("500", "501", "502"):
        says(sent(up, number), status="Partial", word="Partial")
    change(PendingKind.FALL, "900000", "0")(up)
    found, cut = attention.everything(SETTINGS, 2)
    assert [item.kind for item in found] == [Kind.SERVICE, Kind.STATUS, Kind.STATUS]
    assert [item.order_id for item in found] == [None, 1, 2]
    assert cut == [Kind.STATUS]
    assert attention.everything(SETTINGS, 3).cut == []


def test_what_has_ended_waits_for_nobody(up: SimpleNamespace) -> None:
    in_review(up)
    says(sent(up, "501"), word="Success")
    refused(up, "Daily limit reached")
    assert len(waiting()) == 3
    for order_id in (1, 2, 3):
        transition.change(order_id, status="Canceled")
    assert waiting() == []


def test_control_characters_of_a_provider_reach_no_terminal(up: SimpleNamespace) -> None:
    says(sent(up, "500"), word="Done\x1b[2J\u202eevil")
    item = only()
    assert item.text.isprintable()
    assert all(command.isprintable() for command in item.commands)


def test_the_list_is_found_by_the_indexes_of_what_waits(up: SimpleNamespace) -> None:
    asked: list[str] = []
    database.connection().set_trace_callback(asked.append)
    try:
        waiting()
    finally:
        database.connection().set_trace_callback(None)
    of_orders = [sql for sql in asked if 'FROM "orders"' in sql]
    assert len(of_orders) >= 4
    for sql in of_orders:
        steps = [row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}")]
        of_few = {f"SCAN {step.split()[1]}" for step in steps if step.startswith("CO-ROUTINE")}
        walks = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
        walks = [step for step in walks if step not in of_few]
        assert walks == [], sql
