"""What providers say of orders: what is applied, what is a warning, and that money stays right."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from flask.testing import FlaskCliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.apps import listed
from support.commands import shown
from support.faulty import DOLLARS, KEY, Fault, FaultyProvider, says
from support.orders import new_order, refunds, stored_order

from database.connection import database
from database.transactions import immediate
from models import Cancel, Order, Service
from panel import accounts, ledger, queries
from panel.money import MICROS, format_exact
from panel.orders import cancels, dispatch, lookup, status_sync, transition
from panel.orders.interpret import interpret
from panel.orders.lookup import StoredOrder
from panel.orders.status_sync import POLL_SLOWEST_S, Charge
from panel.orders.status_sync import ProviderStatus as Status
from panel.providers import pending, registry, sources, words
from upstream.http import HttpProvider
from upstream.provider import OutcomeUnknown, ProviderRejected, ProviderUnreachable
from worker import poll
from worker.contact import Contact


def took(micros: int | None, step_micros: int = 10_000, is_named: bool = True) -> Charge:
    """A charge with two decimals, in our currency."""
    return Charge(micros, step_micros, is_named, "" if micros is None else format_exact(micros))


OPEN = ("Pending", "Processing", "In progress")
FINAL = ("Partial", "Canceled")

# What a report means. Each order has a quantity of 100, a start count of 5, and 60 remain.


class Standing(NamedTuple):
    """What a status of a provider can change of an order."""

    status: str
    start_count: int
    remains: int
    warning: str
    held_because: str = ""


def stands(status: str = "In progress", remains: int = 60, warning: str = "") -> Standing:
    return Standing(status, 5, remains, warning)


def is_now(status: str, remains: int, warning: str = "", start_count: int = 5) -> Standing:
    return Standing(status, start_count, remains, warning)


BY_HAND = ": set the order by hand (flask order set)"


def is_held(warning: str, odd: str = "") -> Standing:
    """An order of which it is not clear what is to be paid back."""
    return Standing("In progress", 5, 60, f"{warning}{BY_HAND}{odd}", "status")


@pytest.mark.parametrize(
    ("order", "report", "verdict"),
    [
        # As it should be.
        (stands("Pending", 100), Status("Processing", 7, 100), is_now("Processing", 100, "", 7)),
        (stands("Pending", 100), Status("In progress", 7, 90), is_now("In progress", 90, "", 7)),
        (stands(), Status("In progress", 5, 40), is_now("In progress", 40)),
        (stands(), Status("Processing", 5, 40), is_now("Processing", 40)),
        (stands(), Status("Completed", 5, 0), is_now("Completed", 0)),
        (stands("Pending", 100), Status("Completed"), is_now("Completed", 0)),
        (stands(), Status("Partial", 5, 30), is_now("Partial", 30)),
        (stands(), Status("Partial", 5, 100), is_now("Partial", 100)),
        (stands(), Status("Canceled", 5, 100), is_now("Canceled", 100)),
        (stands("Completed", 0), Status("Partial", 5, 30), is_now("Partial", 30)),
        (stands("Completed", 0), Status("Canceled", 5, 30), is_now("Canceled", 30)),
        # What is left out stays as it is.
        (stands(), Status("In progress"), is_now("In progress", 60)),
        (stands(), Status("In progress", 9), is_now("In progress", 60, "", 9)),
        (stands(), Status("In progress", None, 20), is_now("In progress", 20)),
        # Late, repeated and out of order.
        (stands(), Status("Pending", 0, 100), stands()),
        (stands("Pending", 100), Status("Pending", 9, 100), stands("Pending", 100)),
        (stands(), Status("In progress", 5, 60), stands()),
        (stands(), Status("In progress", 5, 80), is_now("In progress", 80)),
        (stands("Completed", 0), Status("In progress", 5, 40), stands("Completed", 0)),
        (stands("Completed", 0), Status("Pending", 5, 100), stands("Completed", 0)),
        (stands("Completed", 0), Status("Completed", 5, 0), stands("Completed", 0)),
        (stands("Partial", 30), Status("Partial", 5, 30), stands("Partial", 30)),
        (stands("Partial", 30), Status("Partial", 5, 70), stands("Partial", 30)),
        (stands("Partial", 30), Status("In progress", 5, 70), stands("Partial", 30)),
        (stands("Canceled", 60), Status("Canceled", 5, 100), stands("Canceled", 60)),
        (stands("Canceled", 60), Status("Processing", 5, 100), stands("Canceled", 60)),
        # A provider that changes its mind after the money went back.
        (
            stands("Partial", 30),
            Status("Canceled", 5, 100),
            stands("Partial", 30, "the provider now says Canceled"),
        ),
        (
            stands("Partial", 30),
            Status("Completed", 5, 0),
            stands("Partial", 30, "the provider now says Completed"),
        ),
        (
            stands("Canceled", 60),
            Status("Completed", 5, 0),
            stands("Canceled", 60, "the provider now says Completed"),
        ),
        # Numbers that make no sense.
        (stands(), Status("In progress", 5, 101), stands(warning="101 remain of 100")),
        (stands(), Status("In progress", 5, -1), stands(warning="-1 remain of 100")),
        (stands(), Status("In progress", -5, 40), is_now("In progress", 40, "start count -5")),
        (
            stands(),
            Status("In progress", 10**16, -1),
            stands(warning=f"start count {10**16}; -1 remain of 100"),
        ),
        (stands(), Status("Completed", 5, -1), is_now("Completed", 0, "-1 remain of 100")),
        (stands(), Status("Completed", 5, 101), is_now("Completed", 0, "101 remain of 100")),
        # Words that say nothing.
        (
            stands(),
            Status(None, 5, 40, odd="status 'Fail'"),
            is_now("In progress", 40, "status 'Fail'"),
        ),
        (stands(), Status(odd="the provider says: no"), stands(warning="the provider says: no")),
        (
            stands("Pending", 100),
            Status(None, 9, 40, odd="status '?'"),
            stands("Pending", 100, "status '?'"),
        ),
        (stands(warning="status '?'"), Status("In progress", 5, 60), stands()),
        # Partial needs the remains, for they are the refund.
        (stands(), Status("Partial"), is_held("Partial, without remains to pay back")),
        (
            stands(),
            Status("Partial", 5, 101),
            is_held("Partial, without remains to pay back", "; 101 remain of 100"),
        ),
        (
            stands(),
            Status("Partial", 5, -1),
            is_held("Partial, without remains to pay back", "; -1 remain of 100"),
        ),
        (
            stands(),
            Status("Partial", 5, 0),
            is_now("Completed", 0, "Partial, but nothing remains"),
        ),
        # Canceled: by its remains; without them, by what was delivered or charged.
        (stands(), Status("Canceled", 5, 30), is_now("Canceled", 30)),
        (stands(), Status("Canceled", 5), is_now("Canceled", 60)),
        (stands(), Status("Canceled", 5, None, took(0)), is_now("Canceled", 100)),
        (
            stands(),
            Status("Canceled", 5, None, took(700)),
            is_held("Canceled, with a charge but without remains to pay back"),
        ),
        (stands(), Status("Canceled", 5, 0, took(0)), is_now("Canceled", 100)),
        (
            stands(),
            Status("Canceled", 5, 0, took(700)),
            is_held("Canceled, but nothing remains to pay back"),
        ),
        (stands("Pending", 100), Status("Canceled"), is_now("Canceled", 100)),
        (
            stands("Pending", 100),
            Status("Canceled", 0, 0, took(0)),
            is_now("Canceled", 100, "", 0),
        ),
        (
            stands(),
            Status("Canceled", 5, 101),
            is_held("Canceled, without remains to pay back", "; 101 remain of 100"),
        ),
        (
            stands(),
            Status("Canceled", 5, -1, took(0)),
            is_now("Canceled", 100, "-1 remain of 100"),
        ),
    ],
    ids=str,
)  # fmt: skip
def test_a_providers_status_is_interpreted(
    order: Standing, report: Status, verdict: Standing
) -> None:
    stored = stored_order(quantity=100, cost_micros=COST, **order._asdict())
    after = {**stored._asdict(), **interpret(stored, report)}
    assert Standing(*(after[name] for name in Standing._fields)) == verdict


# In a panel

QUANTITY = 100
CHARGE = 500_000
"""What 100 followers cost the customer, at 5.00 per 1000."""
COST = 90_000
"""What they cost us, at 0.90."""

Place = Callable[[], int]


@pytest.fixture
def shop(cast: SimpleNamespace, faulty: FaultyProvider) -> SimpleNamespace:
    """Followers are bought from a provider that tells whatever the test wants."""
    provider = registry.add("upstream", faulty.url, KEY, 600)
    sources.set_source(cast.followers, provider.id, listed("1", 900_000), 1)
    return SimpleNamespace(
        **vars(cast),
        provider=provider.id,
        client=HttpProvider(faulty.url, KEY, DOLLARS),
    )


@pytest.fixture
def place(shop: SimpleNamespace) -> Place:
    """Place Alice's order of 100 followers; the provider has it under 1000 and its number."""

    def place() -> int:
        order_id = new_order(shop.followers, QUANTITY)
        assert dispatch.claim(shop.provider) is not None
        dispatch.record_accepted(order_id, str(1000 + order_id), 0)
        return order_id

    return place


def told(order_id: int, *reports: Status) -> StoredOrder:
    for report in reports:
        status_sync.apply_statuses({order_id: report}, 15)
    assert list(ledger.check()) == []
    return lookup.get(order_id)


@pytest.mark.parametrize(
    ("reports", "status", "remains", "refunded", "cost"),
    [
        ([Status("Completed", 5, 0)], "Completed", 0, 0, COST),
        ([Status("Completed", 5, 0, took(95_000))], "Completed", 0, 0, 95_000),
        ([Status("Partial", 5, 40)], "Partial", 40, 200_000, 54_000),
        ([Status("Partial", 5, 40, took(60_000))], "Partial", 40, 200_000, 60_000),
        ([Status("Canceled", 5, 100, took(0))], "Canceled", 100, CHARGE, 0),
        ([Status("Canceled")], "Canceled", 100, CHARGE, 0),
        ([Status("In progress", 5, 30), Status("Canceled")], "Canceled", 30, 150_000, 63_000),
        ([Status("Completed"), Status("Partial", 5, 40)], "Partial", 40, 200_000, 54_000),
        # Repeated and contradicted: paid back once, and the cost is not lowered again.
        ([Status("Partial", 5, 40)] * 3, "Partial", 40, 200_000, 54_000),
        ([Status("Canceled", 5, 40)] * 3, "Canceled", 40, 200_000, 54_000),
        (
            [Status("Partial", 5, 40), Status("Canceled", 5, 100, took(0)), Status("Completed")],
            "Partial", 40, 200_000, 54_000,
        ),
        ([Status("Partial", 5, 40), Status("Partial", 5, 90)], "Partial", 40, 200_000, 54_000),
        # Nonsense: nothing is paid back, nothing ends.
        ([Status("Partial", 5, 101)], "Pending", 100, 0, COST),
        ([Status("Partial")], "Pending", 100, 0, COST),
        ([Status("Partial", 5, -1)], "Pending", 100, 0, COST),
        ([Status("Canceled", 5, 101)], "Pending", 100, 0, COST),
        ([Status("In progress", -1, 101)], "In progress", 100, 0, COST),
        ([Status("Completed"), Status("Canceled")], "Completed", 0, 0, COST),
    ],
    ids=str,
)  # fmt: skip
def test_reports_move_an_order_and_its_money(
    place: Place,
    reports: list[Status],
    status: str,
    remains: int,
    refunded: int,
    cost: int,
) -> None:
    before = accounts.get("alice").balance_micros
    order = told(place(), *reports)
    assert (order.status, order.remains) == (status, remains)
    assert refunds(order.id) == ([refunded] if refunded else [])
    assert accounts.get("alice").balance_micros == before - CHARGE + refunded
    assert order.cost_micros == cost


def test_a_report_of_an_order_that_was_moved_by_hand_meanwhile_pays_nothing_twice(
    place: Place,
) -> None:
    order_id = place()
    transition.change(order_id, status="Partial", remains=10)
    told(order_id, Status("Canceled", 5, 100, took(0)))
    assert refunds(order_id) == [50_000]


def test_the_end_of_an_order_settles_its_cancel_request(place: Place) -> None:
    ended, canceled = place(), place()
    for order_id in (ended, canceled):
        cancels.request(accounts.get("alice").id, [order_id])
    told(ended, Status("Completed"))
    told(canceled, Status("Canceled"))
    listed = {row["order"]: row["status"] for row in queries.request_listing(Cancel)}
    assert listed == {ended: "rejected", canceled: "accepted"}


NOW = 2_000_000_000


@pytest.mark.parametrize(
    ("age", "pause"),
    [
        (0, 15),
        (300, 15),
        (600, 30),
        (3600, 180),
        (36_000, POLL_SLOWEST_S),
        (10**7, POLL_SLOWEST_S),
    ],
)
def test_an_old_order_is_asked_for_less_often(
    place: Place, monkeypatch: pytest.MonkeyPatch, age: int, pause: int
) -> None:
    order_id = place()
    monkeypatch.setattr(status_sync, "now", lambda: NOW)
    Order.update(created_at=NOW - age).where(Order.id == order_id).execute()
    assert told(order_id, Status("In progress")).poll_at == NOW + pause


def test_only_open_orders_that_are_due_are_asked_for(shop: SimpleNamespace, place: Place) -> None:
    first, second, ended, waiting, elsewhere = (place() for _ in range(5))
    Order.update(poll_at=2**40).where(Order.id == waiting).execute()
    other = registry.add("other", "https://other.example/api/v2", KEY, 600)
    Order.update(provider=other.id).where(Order.id == elsewhere).execute()
    told(ended, Status("Completed"))
    Order.update(poll_at=0).where(Order.id == ended).execute()
    assert status_sync.due_for_status(shop.provider, 10) == [
        (first, str(1000 + first)),
        (second, str(1000 + second)),
    ]
    assert status_sync.due_for_status(shop.provider, 1) == [(first, str(1000 + first))]


# Any sequence of reports

said_words = st.sampled_from([None, *OPEN, "Completed", *FINAL])
counts = st.none() | st.integers(-5, QUANTITY + 5) | st.sampled_from([10**15, 10**18, -(10**18)])
charges = st.none() | st.builds(
    took, st.none() | st.sampled_from([0, 1, COST, CHARGE, 10**15]), is_named=st.booleans()
)
reports = st.builds(
    Status,
    said_words,
    counts,
    counts,
    charges,
    st.sampled_from(["", "status '?'", "remains 'x'"]),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(said=st.lists(st.tuples(st.integers(0, 2), reports), max_size=12))
def test_no_sequence_of_reports_breaks_the_books(
    place: Place, said: list[tuple[int, Status]]
) -> None:
    database.pragma("synchronous", 0)  # no power fails here
    accounts.fund("alice", MICROS * 2)
    placed = [place() for _ in range(3)]
    paid: dict[int, list[int]] = {order_id: [] for order_id in placed}
    for which, report in said:
        others = [order_id for n, order_id in enumerate(placed) if n != which]
        before = [queries.order_details(order_id) for order_id in others]
        status_sync.apply_statuses({placed[which]: report, 10**9: report}, 15)
        order = lookup.get(placed[which])
        entered = refunds(order.id)
        assert [queries.order_details(order_id) for order_id in others] == before
        assert len(entered) <= 1
        assert entered[: len(paid[order.id])] == paid[order.id]
        assert sum(entered) == order.refunded_micros <= order.charge_micros == CHARGE
        assert bool(entered) <= (order.status in FINAL)
        assert 0 <= order.remains <= QUANTITY
        assert order.cost_micros >= 0
        paid[order.id] = entered
    assert list(ledger.check()) == []


# One order that cannot be handled


def test_one_order_that_cannot_be_handled_stops_only_itself(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    placed = [place() for _ in range(5)]
    bad = placed[2]

    def failing(order: StoredOrder, reported: Status) -> Any:
        if order.id == bad:
            raise ZeroDivisionError("with a secret")
        return interpret(order, reported)

    monkeypatch.setattr("panel.orders.status_sync.interpret", failing)
    before = accounts.get("alice").balance_micros
    status_sync.apply_statuses(dict.fromkeys(placed, Status("Partial", 5, 40)), 15)

    moved = [lookup.get(order_id) for order_id in placed if order_id != bad]
    assert [(order.status, order.remains) for order in moved] == [("Partial", 40)] * 4
    assert accounts.get("alice").balance_micros == before + 4 * 200_000
    order = lookup.get(bad)
    assert order.warning == "its status cannot be applied: an internal error (ZeroDivisionError)"
    assert (order.status, refunds(bad)) == ("Pending", [])
    assert order.poll_at > 0
    assert f"order {bad}: its status cannot be applied" in caplog.text
    assert list(ledger.check()) == []

    monkeypatch.undo()
    assert told(bad, Status("Completed")).warning == ""


# From what a provider answers


def ask(shop: SimpleNamespace, *order_ids: int) -> None:
    contact = Contact(shop.provider, shop.client, lambda: True, {})
    poll.poll_statuses(contact, [(number, str(1000 + number)) for number in order_ids], 15)


STATE = {"charge": "0.09", "start_count": 3, "status": "Completed", "remains": 0}


def test_an_order_that_was_not_asked_for_changes_nothing(
    shop: SimpleNamespace, place: Place, faulty: FaultyProvider
) -> None:
    asked, other = place(), place()
    before = queries.order_details(other)
    answer = {str(1000 + n): STATE for n in (asked, other, 10**6)} | {str(other): STATE}
    faulty.plan("status", Fault(says(answer)))
    ask(shop, asked)
    assert lookup.get(asked).status == "Completed"
    assert queries.order_details(other) == before


def test_an_order_of_which_the_provider_says_nothing_gets_a_warning(
    shop: SimpleNamespace, place: Place, faulty: FaultyProvider
) -> None:
    told_of, silent = place(), place()
    faulty.plan("status", Fault(says({str(1000 + told_of): STATE})), Fault(says([])), forever=True)
    ask(shop, told_of, silent)
    assert lookup.get(told_of).status == "Completed"
    order = lookup.get(silent)
    warning = "an answer that was not understood: []"
    assert (order.status, order.warning) == ("Pending", warning)
    assert order.poll_at > 0


def test_a_batch_that_is_clearly_refused_gives_a_warning_each(
    shop: SimpleNamespace, place: Place, faulty: FaultyProvider
) -> None:
    placed = [place(), place()]
    faulty.plan("status", Fault(says({"error": "Incorrect order ID"}, 404)))
    ask(shop, *placed)
    for order_id in placed:
        order = lookup.get(order_id)
        assert (order.status, order.warning) == (
            "Pending",
            "the provider says: Incorrect order ID",
        )


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says({"error": "Too many requests"}, 429), ProviderRejected),
        (says({"error": "Invalid API key"}, 401), ProviderRejected),
        (says(b"<html>", 200, "text/html"), OutcomeUnknown),
        (says({}), OutcomeUnknown),
    ],
    ids=["rate limit", "key", "HTML", "an empty object"],
)
def test_an_answer_that_tells_of_no_order_changes_none(
    shop: SimpleNamespace,
    place: Place,
    faulty: FaultyProvider,
    answer: Any,
    error: type[Exception],
) -> None:
    order_id = place()
    before = queries.order_details(order_id)
    faulty.plan("status", Fault(answer), forever=True)
    with pytest.raises(error):
        ask(shop, order_id)
    assert_only_put_off(order_id, before)


def assert_only_put_off(order_id: int, before: dict[str, Any]) -> None:
    """It is asked for later, so that it does not stand before the others; all else stays."""
    after = queries.order_details(order_id)
    assert after["poll_at"] > before["poll_at"]
    assert {**after, "poll_at": 0} == {**before, "poll_at": 0}


def test_nothing_changes_while_the_provider_cannot_be_reached(
    shop: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    before = queries.order_details(order_id)
    shop.client = HttpProvider("http://127.0.0.1:1/api/v2", KEY, DOLLARS, timeout_s=0.5)
    with pytest.raises(ProviderUnreachable):
        ask(shop, order_id)
    assert_only_put_off(order_id, before)


# What the operator sees


@pytest.mark.parametrize(
    ("entry", "warning"),
    [
        ({"status": "Fail"}, "status 'Fail' is not known: teach it (flask provider word)"),
        ({"remains": "4"}, "no status"),
        ({"status": "In progress", "remains": "101"}, "101 remain of 100"),
        ({"status": "In progress", "remains": "-4"}, "-4 remain of 100"),
        ({"status": "In progress", "remains": "some"}, "remains 'some'"),
        ({"status": "Partial"}, f"Partial, without remains to pay back{BY_HAND}"),
        ({"status": "Partial", "remains": 0}, "Partial, but nothing remains"),
        ("Incorrect order ID", "the provider says: Incorrect order ID"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_shown_to_the_operator_once(
    shop: SimpleNamespace,
    place: Place,
    faulty: FaultyProvider,
    runner: FlaskCliRunner,
    entry: Any,
    warning: str,
) -> None:
    order_id = place()
    faulty.plan("status", Fault(says({str(1000 + order_id): entry})), forever=True)
    for _ in range(3):
        ask(shop, order_id)
    order = shown(runner, order_id)
    assert order["warning"] == warning
    warnings = [event["text"] for event in order["events"] if event["what"] == "warning"]
    assert warnings == [warning]
    table = runner.invoke(args=["order", "show", str(order_id)]).stdout
    assert warning in table
    assert list(ledger.check()) == []


def test_a_warning_goes_when_the_provider_makes_sense_again(
    shop: SimpleNamespace, place: Place, runner: FlaskCliRunner
) -> None:
    order_id = place()
    told(order_id, Status("In progress", 5, 101))
    assert shown(runner, order_id)["warning"] == "101 remain of 100"
    told(order_id, Status("In progress", 5, 50))
    order = shown(runner, order_id)
    assert order["warning"] == ""
    assert [event["text"] for event in order["events"] if event["what"] == "warning"] == [
        "101 remain of 100"
    ]


def test_a_rate_that_changes_meanwhile_changes_no_refund(
    shop: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    Service.update(rate_micros=1).where(Service.id == shop.followers).execute()
    told(order_id, Status("Canceled", 5, 100))
    assert refunds(order_id) == [CHARGE]


# Words that are not known


def test_a_word_that_is_taught_is_applied_to_the_orders_that_wait_with_it_and_to_later_ones(
    shop: SimpleNamespace, place: Place, faulty: FaultyProvider
) -> None:
    waiting, other, later = place(), place(), place()
    told(waiting, Status(word="Success"))
    told(other, Status(word="Reversed"))
    assert lookup.get(waiting).poll_at > 0
    words.teach("upstream", "SUCCESS", "Completed")
    assert status_sync.poll_taught(shop.provider) == 1
    assert lookup.get(other).poll_at > 0
    assert status_sync.due_for_status(shop.provider, 1) == [(waiting, str(1000 + waiting))]

    for order_id in (waiting, later):
        faulty.plan("status", Fault(says({str(1000 + order_id): {"status": "Success"}})))
        ask(shop, order_id)
        order = lookup.get(order_id)
        assert (order.status, order.held_because, order.warning) == ("Completed", "", "")


def test_what_was_taught_goes_before_what_a_word_seems_to_mean(
    shop: SimpleNamespace, place: Place
) -> None:
    words.teach("upstream", "Completed", "In progress")
    assert told(place(), Status("Completed", word="Completed")).status == "In progress"


def test_a_word_that_is_taught_to_pay_back_needs_what_every_refund_needs(
    shop: SimpleNamespace, place: Place
) -> None:
    words.teach("upstream", "Refunds", "Partial")
    order = told(place(), Status(word="Refunds"))
    assert (order.status, order.held_because, refunds(order.id)) == ("Pending", "status", [])
    order = told(order.id, Status(word="Refunds", remains=40))
    assert (order.status, order.held_because, refunds(order.id)) == ("Partial", "", [200_000])


def test_a_held_order_that_is_settled_by_hand_is_held_no_more(place: Place) -> None:
    order_id = place()
    told(order_id, Status(word="Success"))
    assert [row["id"] for row in queries.order_listing(held=True)] == [order_id]
    transition.change(order_id, status="Completed")
    order = lookup.get(order_id)
    assert (order.held_because, order.held_text) == ("", "")
    assert queries.order_listing(held=True) == []


def test_a_held_order_is_asked_for_again(shop: SimpleNamespace, place: Place) -> None:
    order_id = place()
    told(order_id, Status("Canceled", remains=100, charge=took(COST)))
    assert (lookup.get(order_id).held_because, refunds(order_id)) == ("status", [])
    assert lookup.get(order_id).held_text == "Canceled, remains 100, charge 0.09"
    Order.update(poll_at=0).where(Order.id == order_id).execute()
    assert status_sync.due_for_status(shop.provider, 1) != []
    order = told(order_id, Status("Canceled", remains=100, charge=took(0)))
    assert (order.held_because, refunds(order_id)) == ("", [CHARGE])


# Charges


def test_a_charge_that_is_too_high_questions_the_price_at_once(
    shop: SimpleNamespace, place: Place
) -> None:
    order = told(place(), Status("In progress", remains=100, charge=took(360_000)))
    assert (order.status, order.cost_micros) == ("In progress", 360_000)
    assert order.warning == "the provider charges 0.36 for what should cost 0.09"
    assert registry.get("upstream").sync_wanted
    (change,) = pending.listing()
    assert (change.kind, change.service_id) == ("charge", shop.followers)
    assert (change.before, change.after, change.stops_sale) == (str(COST), "360000", 0)


def test_the_prices_are_read_again_once_for_many_such_charges(
    shop: SimpleNamespace, place: Place
) -> None:
    told(place(), Status("In progress", charge=took(360_000)))
    with immediate():
        registry.want_sync(shop.provider, False)
    told(place(), Status("In progress", charge=took(370_000)))
    assert not registry.get("upstream").sync_wanted
    assert [change.after for change in pending.listing()] == ["370000"]


def test_a_charge_in_another_currency_has_the_account_read_once(
    shop: SimpleNamespace, place: Place
) -> None:
    order = told(place(), Status("In progress", charge=took(None)))
    assert pending.listing() == []
    assert registry.get("upstream").sync_wanted
    with immediate():
        registry.want_sync(shop.provider, False)
    told(order.id, Status("In progress", charge=took(None)))
    assert not registry.get("upstream").sync_wanted


@pytest.mark.parametrize(
    "charge",
    [took(COST), took(90_900), took(0), took(5_400_000_000, is_named=False)],
)
def test_any_other_charge_questions_no_price(place: Place, charge: Charge) -> None:
    told(place(), Status("In progress", charge=charge))
    assert pending.listing() == []
    assert not registry.get("upstream").sync_wanted


@pytest.mark.parametrize(
    ("charge", "cost", "named"),
    [
        (took(3_600_000), 3_600_000, "3.60"),
        (took(5_400_000_000, is_named=False), COST, "5400.00"),
        (Charge(None, text="75 INR"), COST, "75 INR"),
    ],
)
def test_a_charge_is_in_the_report_or_named_in_a_warning(
    place: Place, charge: Charge, cost: int, named: str
) -> None:
    for status in ("Pending", "In progress", "Completed"):
        order = told(place(), Status(status, charge=charge))
        assert order.cost_micros == cost
        assert named in order.warning
        assert order.id in {row["id"] for row in queries.order_listing(with_warning=True)}
