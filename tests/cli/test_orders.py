"""flask order: the orders in review."""

import json

import pytest
from support.commands import Call, FlaskCommand, bad, good

from panel import accounts, queries
from panel.orders import lookup


def test_orders_in_doubt_are_listed_with_what_is_known(flask: FlaskCommand, reviewed: int) -> None:
    (row,) = json.loads(good(flask("order", "review", "--json")))
    assert (row["id"], row["user"], row["forward"]) == (reviewed, "alice", "review")
    assert list(row) == list(json.loads(good(flask("order", "list", "--json")))[0])
    assert (row["link"], row["quantity"]) == ("https://a.example/1", 100)
    assert row["warning"] == "no whole answer (ReadTimeoutError)"
    assert "no whole answer (ReadTimeoutError)" in good(flask("order", "review"))
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
        (["attach", "1"], "Missing argument 'PROVIDER_ORDER'"),
        (["attach", "1", "not a number"], "cannot be a provider's order number"),
        (["fail", "-1"], "No such option"),
        (["fail", "x"], "'x' is not a valid integer"),
        (["fail", "0"], "0 is not in the range"),
        (["review", "1"], "unexpected extra argument"),
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
