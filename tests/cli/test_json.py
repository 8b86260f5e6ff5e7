"""--json of the commands that create something or print a number: what a script goes on with."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.commands import Call, FlaskCommand, bad, good
from support.faulty import KEY, FaultyProvider
from support.orders import account_id

from panel import accounts, ledger, pricing
from panel.orders.place import OrderRequest, place_order


def printed(flask: FlaskCommand, *args: Any, typed: str = "") -> Any:
    return json.loads(good(flask(*args, "--json", typed=typed)))


def row_and_key(call: Call, line: str) -> tuple[dict[str, Any], str]:
    """What a command printed of a customer, and the customer's key."""
    result = call(line, "--json")
    assert result.exit_code == 0
    assert result.stderr == "This key is shown only now; the panel keeps only its hash.\n"
    row = json.loads(result.stdout)
    return row, row.pop("key")


@pytest.mark.parametrize("line", ["user add alice --balance 25", "user rotate-key alice"])
def test_a_new_key_stands_beside_what_show_tells(call: Call, line: str) -> None:
    if "rotate" in line:
        accounts.add("alice", 25_000_000)
    row, key = row_and_key(call, line)
    caller = accounts.find(key)
    assert caller is not None
    shown = json.loads(call("user show alice --json").stdout)
    assert {**row, "rates": {}} == shown
    assert (row["name"], row["balance"]) == ("alice", "25.00")


def test_a_deposit_tells_the_new_balance(flask: FlaskCommand, cast: SimpleNamespace) -> None:
    assert printed(flask, "user", "fund", "alice", "0.5") == {"name": "alice", "balance": "100.50"}


def test_a_new_service_is_what_the_list_shows(flask: FlaskCommand) -> None:
    row = printed(
        flask, "service", "add", "--name", "N", "--category", "C", "--rate", "1", "--min", "1",
        "--max", "2", "--refill",
    )  # fmt: skip
    assert (row["id"], row["name"], row["refill"]) == (1, "N", True)
    assert [row] == printed(flask, "service", "list")


def test_a_new_operator_is_what_the_list_shows(flask: FlaskCommand) -> None:
    row = printed(flask, "operator", "add", "olga", typed="correct horse battery\n")
    assert (row["name"], row["role"]) == ("olga", "operator")
    assert [row] == printed(flask, "operator", "list")


def test_a_new_provider_is_what_show_tells(flask: FlaskCommand, faulty: FaultyProvider) -> None:
    row = printed(flask, "provider", "add", "upstream", faulty.url, typed=f"{KEY}\n")
    assert (row["name"], row["balance"], row["currency"]) == ("upstream", "12.5000 USD", "USD")
    assert row == printed(flask, "provider", "show", "upstream")
    assert printed(flask, "provider", "balance", "upstream") == {
        "name": "upstream", "balance": "12.5000 USD",
    }  # fmt: skip


def test_an_import_tells_our_numbers_beside_theirs(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    options = ("--markup", "25%", "--id", "1", "--id", "4")
    preview = printed(flask, "provider", "import", "upstream", *options, "--dry-run")
    assert [(row["service"], row["theirs"]) for row in preview] == [(None, "1"), (None, "4")]
    rows = printed(flask, "provider", "import", "upstream", *options)
    assert rows == [
        {"service": 1, "theirs": "1", "name": "Followers",
         "change": "added at 1.125, cost 0.90"},
        {"service": None, "theirs": "4", "name": "Poll votes",
         "change": "skipped: the type 'Live Views' is not supported"},
    ]  # fmt: skip


def test_what_a_sync_or_a_markup_changes_is_a_list(
    flask: FlaskCommand, upstream: FaultyProvider
) -> None:
    good(flask("provider", "import", "upstream", "--markup", "25%", "--id", "1"))
    assert printed(flask, "provider", "sync", "upstream") == []
    assert printed(flask, "service", "markup", "50%", "--id", "1") == [
        {"service": 1, "theirs": "1", "name": "Followers", "change": "rate 1.125 → 1.35"}
    ]


def test_a_post_is_told_as_an_order(flask: FlaskCommand, cast: SimpleNamespace) -> None:
    number = printed(
        flask, "service", "add", "--name", "N", "--category", "C", "--rate", "1", "--min", "1",
        "--max", "100", "--type", "Subscriptions",
    )["id"]  # fmt: skip
    details = {"username": "someone", "min": 20, "max": 50, "delay": 5}
    caller = accounts.caller(account_id("alice"))
    offer = pricing.find_offer(caller, number)
    assert offer is not None
    order = place_order(caller.id, offer, OrderRequest("", details=details))
    row = printed(flask, "order", "post", order, "25")
    assert (row["part_of"], row["quantity"], row["charge"]) == (order, 25, "0.025")
    shown = printed(flask, "order", "show", row["id"])
    del shown["events"]
    assert row == shown


def test_a_backup_tells_its_file_and_size(
    flask: FlaskCommand, cast: SimpleNamespace, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    assert printed(flask, "backup", file) == {"file": str(file), "bytes": file.stat().st_size}


def test_the_demo_tells_the_key_and_the_services_once(flask: FlaskCommand) -> None:
    row = printed(flask, "demo")
    assert (row["added"], row["services"], row["user"]) == (True, [1, 2, 3, 4, 5, 6], "demo")
    assert accounts.find(row["key"]) is not None
    assert printed(flask, "demo") == {"added": False}
    assert list(ledger.check()) == []


# The numbers of services that were imported, without a tool for JSON.


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], "5\n6\n7\n1\n2\n3\n4\n"),
        (["--provider", "upstream"], "5\n6\n7\n"),
        (["--provider", "upstream", "--their-id", "3"], "7\n"),
        (["--provider", "upstream", "--their-id", "99"], ""),
    ],
    ids=str,
)
def test_services_are_found_by_where_they_are_bought(
    flask: FlaskCommand, cast: SimpleNamespace, upstream: FaultyProvider, options: list[str],
    ids: str,
) -> None:  # fmt: skip
    good(flask("provider", "import", "upstream", "--markup", "25%"))
    found = good(flask("service", "list", *options, "--ids"))
    assert sorted(found.split()) == sorted(ids.split())
    rows = printed(flask, "service", "list", *options)
    assert [str(row["id"]) for row in rows] == found.split()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--their-id", "3"], "--their-id goes with --provider."),
        (["--ids", "--json"], "Give --ids or --json, not both."),
        (["--provider", "nobody"], "there is no provider nobody"),
    ],
    ids=str,
)
def test_a_search_that_cannot_be(flask: FlaskCommand, options: list[str], why: str) -> None:
    assert why in bad(flask("service", "list", *options))
