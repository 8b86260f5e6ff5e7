"""flask order: the orders in review."""

import json
from types import SimpleNamespace

import pytest
from flask.testing import FlaskCliRunner
from support.commands import Call, FlaskCommand, audit, bad, good
from support.orders import new_order

from database.transactions import immediate
from models import AuditLine, Refill, Service
from panel import accounts, queries
from panel.orders import cancels, dispatch, lookup, status_sync, transition
from panel.orders.exchanges import Exchange
from panel.orders.refusal import Refusal
from panel.orders.status_sync import ProviderStatus
from panel.providers import registry


def test_orders_in_doubt_are_listed_with_what_is_known(flask: FlaskCommand, reviewed: int) -> None:
    (row,) = json.loads(good(flask("order", "review", "--json")))
    assert (row["id"], row["user"], row["forward"]) == (reviewed, "alice", "review")
    assert list(row) == list(json.loads(good(flask("order", "list", "--json")))[0])
    assert (row["link"], row["quantity"]) == ("https://a.example/1", 100)
    assert row["warning"] == "no whole answer (ReadTimeoutError)"
    assert "no whole answer (ReadTimeoutError)" in good(flask("order", "review", "--wide"))
    shown = json.loads(good(flask("order", "show", reviewed, "--json")))
    assert [(event["what"], event["text"]) for event in shown["events"]] == [
        ("sending", "as service 1"), ("unknown", "no whole answer (ReadTimeoutError)")
    ]  # fmt: skip


def test_without_orders_in_doubt_nothing_is_listed(flask: FlaskCommand) -> None:
    assert good(flask("order", "review")) == "No order needs review.\n"
    assert good(flask("order", "review", "--json")) == "[]\n"


def test_an_order_in_doubt_is_sent_again(flask: FlaskCommand, reviewed: int) -> None:
    assert good(flask("order", "resend", reviewed)) == f"Order {reviewed} will be sent again.\n"
    assert lookup.get(reviewed).dispatch_state == "waiting"
    assert bad(flask("order", "resend", reviewed)) == f"order {reviewed} does not need review"


def test_a_number_that_begins_with_a_minus_is_no_option(
    flask: FlaskCommand, reviewed: int
) -> None:
    assert good(flask("order", "attach", reviewed, "-NxYz_1a2B")) == (
        f"Order {reviewed} is the provider's order -NxYz_1a2B.\n"
    )


def test_an_order_in_doubt_is_attached(flask: FlaskCommand, reviewed: int) -> None:
    assert good(flask("order", "attach", reviewed, "4711")) == (
        f"Order {reviewed} is the provider's order 4711.\n"
    )
    row = json.loads(good(flask("order", "show", reviewed, "--json")))
    assert (row["forward"], row["provider_order"], row["cost"]) == ("sent", "4711", "0.09")
    assert good(flask("order", "review")) == "No order needs review.\n"


def test_an_order_in_doubt_is_given_up(flask: FlaskCommand, reviewed: int) -> None:
    assert good(flask("order", "fail", reviewed)) == (
        f"Order {reviewed} is Canceled, 0.50 refunded.\n"
    )
    assert accounts.get("alice").balance_micros == 100_000_000
    assert good(flask("ledger", "check")).startswith("The ledger is consistent")


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["resend", "99"], "there is no order 99"),
        (["attach", "99", "5"], "there is no order 99"),
        (["fail", "99"], "there is no order 99"),
        (["resend"], "Give the orders' numbers, or --with-word."),
        (["attach", "1"], "the argument PROVIDER_ORDER is missing"),
        (["attach", "1", "not a number"], "cannot be a provider's order number"),
        (["fail", "-1"], "IDS: -1 is not from"),
        (["fail", "x"], "'x' is not a whole number"),
        (["fail", "0"], "0 is not from"),
        (["review", "1"], "more than the command takes"),
    ],
    ids=str,
)
def test_what_cannot_be_settled_changes_nothing(
    flask: FlaskCommand, reviewed: int, args: list[str], text: str
) -> None:
    before = queries.order_details(reviewed)
    assert text in bad(flask("order", *args))
    assert queries.order_details(reviewed) == before


def test_an_order_that_was_ended_by_hand_is_failed_as_it_is(reviewed: int, call: Call) -> None:
    call(f"order set {reviewed} --status Completed")
    result = call(f"order fail {reviewed}")
    assert (result.exit_code, result.stdout) == (
        0,
        f"Order {reviewed} is Completed, 0.00 refunded.\n",
    )


# Many at once


@pytest.fixture
def held(reviewed: int, cast: SimpleNamespace) -> list[int]:
    """Orders that are held for `Success`, and the last for `Refunds`."""
    provider = registry.get("upstream").id
    placed = [new_order(cast.followers, link=f"https://a.example/{n}") for n in range(3)]
    for order_id in placed:
        dispatch.claim(provider)
        dispatch.record_accepted(order_id, f"n{order_id}", 0)
        word = "Refunds" if order_id == placed[-1] else "Success"
        status_sync.apply_statuses({order_id: ProviderStatus(word=word)}, 15)
    return placed


def test_many_orders_are_set_by_their_numbers(flask: FlaskCommand, held: list[int]) -> None:
    first, second, _ = held
    assert good(flask("order", "set", first, second, "--status", "Completed")) == (
        f"Order {first} is Completed, 0 remain, 0.00 refunded.\n"
        f"Order {second} is Completed, 0 remain, 0.00 refunded.\n"
    )
    assert [act for _, _, act, _ in audit()][-2:] == [
        f"order {first}: set status Completed", f"order {second}: set status Completed"
    ]  # fmt: skip


def test_what_is_refused_stops_no_other_order(flask: FlaskCommand, held: list[int]) -> None:
    first, second, last = held
    flask("order", "set", second, "--status", "Canceled")
    result = flask("order", "set", first, second, 99, last, "--status", "Completed")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"Order {n} is Completed, 0 remain, 0.00 refunded." for n in (first, last)
    ]
    assert result.stderr.splitlines() == [
        f"Error: order {second} is Canceled, which is final",
        "Error: there is no order 99",
        "Error: 2 of 4 orders were refused",
    ]


@pytest.mark.parametrize("provider", [[], ["--provider", "upstream"]])
def test_all_orders_that_wait_with_a_word_are_set(
    flask: FlaskCommand, held: list[int], provider: list[str]
) -> None:
    args = ["--with-word", " SUCCESS ", *provider, "--status", "Completed"]
    assert len(good(flask("order", "set", *args)).splitlines()) == 2
    statuses = [lookup.get(order_id).status for order_id in held]
    assert statuses == ["Completed", "Completed", "Pending"]
    assert bad(flask("order", "set", *args)) == "no order is held for ' SUCCESS '"


def test_orders_that_wait_with_a_refusal_are_sent_again_or_given_up_together(
    flask: FlaskCommand, reviewed: int, cast: SimpleNamespace
) -> None:
    provider = registry.get("upstream").id
    placed = [new_order(cast.followers, link=f"https://a.example/{n}") for n in range(3)]
    for order_id in placed:
        dispatch.claim(provider)
        dispatch.record_rejected(order_id, f"Limit {order_id} reached", Refusal.UNKNOWN, 60)
    told = good(flask("order", "resend", "--with-word", "limit 5 reached"))
    assert told == "".join(f"Order {order_id} will be sent again.\n" for order_id in placed)
    for _ in placed:
        outgoing = dispatch.claim(provider)
        assert outgoing is not None
        dispatch.record_rejected(outgoing.order_id, "Limit 7 reached", Refusal.UNKNOWN, 60)
    told = good(flask("order", "fail", "--with-word", "Limit 7 reached"))
    assert told == "".join(f"Order {n} is Canceled, 0.50 refunded.\n" for n in placed)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["set", "--status", "Completed"], "Give the orders' numbers, or --with-word."),
        (["set", "1", "--with-word", "x", "--status", "Completed"], "Give the orders' numbers"),
        (["set", "1", "--provider", "upstream", "--status", "Completed"], "--provider goes with"),
        (["set", "--with-word", "x", "--provider", "nobody", "--status", "Completed"],
         "there is no provider nobody"),
        (["set", "--with-word", "x"], "Give --status, --start-count or --remains."),
        (["fail", "--with-word", "never said"], "no order is held for 'never said'"),
    ],
    ids=str,
)  # fmt: skip
def test_orders_are_named_in_one_way(
    flask: FlaskCommand, held: list[int], args: list[str], text: str
) -> None:
    assert text in bad(flask("order", *args))
    assert [lookup.get(order_id).status for order_id in held] == ["Pending"] * 3


def test_held_orders_and_warnings_are_listed(flask: FlaskCommand, held: list[int]) -> None:
    rows = json.loads(good(flask("order", "list", "--held", "--json")))
    assert [(row["id"], row["held"], row["held_text"]) for row in rows] == [
        (held[2], "word", "Refunds"), (held[1], "word", "Success"), (held[0], "word", "Success")
    ]  # fmt: skip
    good(flask("order", "set", held[0], "--status", "Completed"))
    assert len(json.loads(good(flask("order", "list", "--held", "--json")))) == 2
    warned = json.loads(good(flask("order", "list", "--warnings", "--json")))
    assert {row["id"] for row in warned} == {1, *held[1:]}, "who set it has seen its warning"
    assert "Refunds" in good(flask("order", "list", "--held"))
    assert good(flask("order", "list", "--held", "--status", "Canceled")) == "No such orders.\n"


def test_show_has_what_was_sent_and_what_came_back(
    runner: FlaskCliRunner, cast: SimpleNamespace, in_review: int
) -> None:
    answer = Exchange(1, "add", {}, 502, "<html>\x1b[31mBad Gateway</html>")
    with immediate():
        event = transition.Event("unknown", "HTTP 502 again", answer)
        transition.apply_change(lookup.get(in_review), {}, event)
    assert runner.invoke(args=["order", "fail", str(in_review)]).exit_code == 0
    shown = runner.invoke(args=["order", "show", str(in_review), "--json"])
    sending, doubt, again, act = json.loads(shown.stdout)["events"]
    assert (sending["what"], sending["who"], sending["action"]) == ("sending", "worker", "add")
    assert sending["sent"] == {"service": "1", "link": "https://t.me/x", "quantity": "100"}
    assert "sent" not in doubt  # nothing came back
    assert (again["who"], again["provider"], again["http_status"]) == ("sandbox", "sandbox", 502)
    assert again["answer"] == "<html>\\x1b[31mBad Gateway</html>"
    assert (act["what"], act["who"]) == ("operator", "(command line)")
    assert act["text"] == "fail: refunded 0.50 USD"
    table = runner.invoke(args=["order", "show", str(in_review)]).stdout
    assert "(command line)" in table
    assert "\x1b" not in table


OF_AN_ORDER = [
    "order set 1 --status Processing", "order set 999 --status Processing", "order resend 1",
    "order attach 1 77", "order fail 1", "order post 1 5", "cancel accept 1", "cancel reject 1",
    "refill set 1 --status completed", "restored release 1", "order attach 1 77 --part 1",
]  # fmt: skip


@pytest.mark.parametrize("command", OF_AN_ORDER)
def test_the_audit_of_an_order_says_which(
    command: str, runner: FlaskCliRunner, cast: SimpleNamespace, in_review: int
) -> None:
    Service.update(cancel=True).execute()
    transition.change(in_review, status="In progress")
    cancels.request(1, [in_review])
    Refill.create(order=in_review, status="pending")
    runner.invoke(args=command.split())
    (line,) = AuditLine.select().order_by(AuditLine.id.desc()).limit(1)
    assert line.order_id == (999 if "999" in command else in_review)
