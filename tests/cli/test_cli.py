"""The operator's commands: what each prints and does, and that a wrong call changes nothing."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner
from support.apps import ROOT, make_app
from support.databases import dump

from database.backup import read_only
from database.connection import close_database, database
from database.driver import sqlite3
from panel import accounts, ledger, operators, pricing
from panel.money import MICROS
from panel.orders import cancels, refills, transition
from panel.orders.place import OrderRequest, place_order
from panel.providers import registry

Call = Callable[..., Result]


@pytest.fixture
def call(app: Flask, runner: FlaskCliRunner) -> Iterator[Call]:
    """Run a command as a shell would split it."""

    def call(line: str, *more: str) -> Result:
        return runner.invoke(args=[*shlex.split(line), *more])

    with app.app_context():  # the flask command pushes it too
        yield call


@pytest.fixture
def filled(cast: SimpleNamespace) -> SimpleNamespace:
    """The cast, with Alice's orders 1 (new), 2 (waits for cancel 1), 3 (for refill 1); 4 is Bob's.

    Alice has 92.50 left, after three orders of 500 followers.
    """
    alice, bob = accounts.get("alice").id, accounts.get("bob").id
    followers = pricing.find_offer(accounts.caller(alice), cast.followers)
    assert followers is not None
    for name, account_id, quantity in (
        ("one", alice, 500), ("two", alice, 500), ("three", alice, 500), ("four", bob, 10),
    ):  # fmt: skip
        wanted = OrderRequest(f"https://a.example/{name}?x=1&y=2", quantity)
        place_order(account_id, followers, wanted)
    transition.change(2, status="In progress", start_count=70, remains=200)
    transition.change(3, status="Completed")
    cancels.request(alice, [2])
    refills.request(alice, [3])
    registry.add("shop", registry.SANDBOX_URL, "", 60)
    operators.add("olga", "correct horse battery")
    return cast


def everything() -> list[str]:
    """All that the database holds."""
    return dump(database.connection())


def read(call: Call, line: str) -> Any:
    """What a list or show prints with --json."""
    result = call(line, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


# What each command does


@pytest.mark.parametrize(
    ("line", "printed", "then", "shown"),
    [
        ("user suspend alice", "alice is suspended.", "user show alice", {"status": "suspended"}),
        ("user activate mallory", "mallory is active.", "user show mallory", {"status": "active"}),
        ("user activate alice", "alice is active.", "user show alice", {"status": "active"}),
        ("user fund alice 7.50", "alice now has 100.00.",
         "user show alice", {"balance": "100.00"}),
        ("user fund alice 0.000001 --note 'a gift'", "alice now has 92.500001.",
         "user show alice", {"balance": "92.500001"}),
        ("user fund alice -92.5", "alice now has 0.00.", "user show alice", {"balance": "0.00"}),
        ("user fund --note back alice -- -2.5", "alice now has 90.00.",
         "user show alice", {"balance": "90.00"}),
        ("user fund mallory 1", "mallory now has 101.00.",
         "user show mallory", {"balance": "101.00", "status": "suspended"}),
        ("service add --name N --category C --rate 0.015 --min 1 --max 1000000000", "5",
         "service show 5", {"name": "N", "category": "C", "rate": "0.015", "type": "Default",
                            "refill": False, "cancel": False, "active": True}),
        ("service add --name N --category C --rate 3 --min 1 --max 1 --type Package --refill "
         "--cancel", "5", "service show 5", {"type": "Package", "refill": True, "cancel": True}),
        ("service edit 1 --rate 6 --name 'A new name'", "Service 1 is changed.",
         "service show 1", {"rate": "6.00", "name": "A new name", "min": 10, "refill": True}),
        ("service edit 1 --min 20 --max 30 --category D --no-refill --no-cancel",
         "Service 1 is changed.", "service show 1",
         {"min": 20, "max": 30, "category": "D", "refill": False, "cancel": False}),
        ("service edit 2 --refill --cancel", "Service 2 is changed.",
         "service show 2", {"refill": True, "cancel": True}),
        ("service disable 1", "Service 1 is disabled.", "service show 1", {"active": False}),
        ("service enable 4", "Service 4 is enabled.", "service show 4", {"active": True}),
        ("order set 1 --status Processing", "Order 1 is Processing, 500 remain, 0.00 refunded.",
         "order show 1", {"status": "Processing", "remains": 500, "refunded": "0.00"}),
        ("order set 1 --status Partial --remains 200",
         "Order 1 is Partial, 200 remain, 1.00 refunded.",
         "order show 1", {"status": "Partial", "charge": "2.50", "refunded": "1.00"}),
        ("order set 1 --start-count 77", "Order 1 is Pending, 500 remain, 0.00 refunded.",
         "order show 1", {"start_count": 77, "status": "Pending"}),
        ("order set 2 --remains 100 --start-count 71",
         "Order 2 is In progress, 100 remain, 0.00 refunded.",
         "order show 2", {"remains": 100, "start_count": 71}),
        ("order set 1 --status Pending", "Order 1 is Pending, 500 remain, 0.00 refunded.",
         "order show 1", {"status": "Pending"}),
        ("order set 2 --status Canceled", "Order 2 is Canceled, 200 remain, 1.00 refunded.",
         "user show alice", {"balance": "93.50"}),
        ("refill set 1 --status 'in progress'", "Refill 1 is in progress.",
         "refill list", [{"status": "in progress"}]),
        ("refill set 1 --status completed", "Refill 1 is completed.",
         "refill list", [{"status": "completed"}]),
        ("cancel accept 1", "Cancel request 1 is accepted; the order is Canceled.",
         "order show 2", {"status": "Canceled", "refunded": "1.00"}),
        ("cancel reject 1", "Cancel request 1 is rejected; the order goes on.",
         "cancel list", [{"status": "rejected"}]),
    ],
)  # fmt: skip
def test_a_command(
    filled: SimpleNamespace, call: Call, line: str, printed: str, then: str, shown: Any
) -> None:
    result = call(line)
    assert (result.exit_code, result.stdout, result.stderr) == (0, printed + "\n", "")
    rows, wanted = read(call, then), shown
    if isinstance(shown, dict):
        rows, wanted = [rows], [shown]
    assert [{**row, **want} for row, want in zip(rows, wanted, strict=True)] == rows
    assert list(ledger.check()) == []


def test_a_deposit_keeps_its_note(filled: SimpleNamespace, call: Call) -> None:
    call("user fund alice -0.25 --note 'invoice 17, paid back'")
    (entry,) = read(call, "ledger list alice --limit 1")
    assert {**entry, "created": ""} == {
        "id": 9, "user": "alice", "kind": "withdrawal", "amount": "-0.25", "balance": "92.25",
        "order": None, "note": "invoice 17, paid back", "created": "",
    }  # fmt: skip


# Lists and shows

TABLE_OF_ORDERS = (
    "id user service link quantity charge refunded status remains forward warning created"
)
"""What fits a line of a terminal."""
USER = "id name status balance discount dialect created"
SERVICE = "id name category type rate min max refill cancel dripfeed one_per_link active cost note"
ORDER = (
    "id user service service_name link quantity charge refunded status start_count remains "
    "forward provider_order cost warning parameters runs interval part_of created updated"
)
KEYS = {
    "user list": USER,
    "user show alice": f"{USER} rates",
    "service list": SERVICE,
    "service show 1": f"{SERVICE} bought_from created",
    "order list": ORDER,
    "order show 2": f"{ORDER} events",
    "refill list": "id order user service link status created updated",
    "cancel list": "id order user service link status created updated",
    "ledger list": "id user kind amount balance order note created",
    "ledger list alice": "id user kind amount balance order note created",
    "provider list": "name url requests_per_minute balance balance_at added",
    "provider show shop": "name url requests_per_minute balance balance_at added",
    "operator list": "name added",
}
"""Every list and show, and what its JSON holds."""


@pytest.mark.parametrize("line", KEYS)
def test_json_has_the_same_keys_for_ever(filled: SimpleNamespace, call: Call, line: str) -> None:
    found = read(call, line)
    rows = found if isinstance(found, list) else [found]
    assert isinstance(found, list) == (" list" in line)
    assert rows
    assert {" ".join(row) for row in rows} == {KEYS[line]}
    for name, value in (item for row in rows for item in row.items()):
        if name in ("created", "updated"):
            assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ", value)
        if name in ("balance", "rate", "charge", "refunded", "amount"):
            unheard = "provider" in line and value == ""  # nobody has asked it yet
            exact = re.fullmatch(r"-?\d+\.\d{2,6}", value)
            assert exact or unheard, "an amount is text, not a float"


@pytest.mark.parametrize("line", KEYS)
def test_without_json_the_same_is_a_table(filled: SimpleNamespace, call: Call, line: str) -> None:
    found = read(call, line)
    result = call(line)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    if isinstance(found, list):
        names = TABLE_OF_ORDERS if line == "order list" else KEYS[line]
        assert lines[0].split() == names.split()
        shown = [
            (text, [row[name] for name in names.split()])
            for text, row in zip(lines[2:], found, strict=True)
        ]
    else:
        # A thing's story follows below, as a table of its own.
        names = KEYS[line].removesuffix(" events")
        assert [text.split()[0] for text in lines] == names.split()
        shown = [(text, [found[name]]) for text, name in zip(lines, names.split(), strict=True)]
    for text, values in shown:
        for value in values:
            if value in ([], {}):
                continue  # shown as nothing
            assert {"True": "yes", "False": "no", "None": ""}.get(str(value), str(value)) in text


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("user list", [1, 2, 3, 4]),
        ("service list", [1, 2, 3, 4]),
        ("order list", [4, 3, 2, 1]),
        ("order list --limit 2", [4, 3]),
        ("order list --user alice", [3, 2, 1]),
        ("order list --user alice --limit 1", [3]),
        ("order list --user mallory", []),
        ("order list --status Pending", [4, 1]),
        ("order list --status 'In progress' --user bob", []),
        ("refill list", [1]),
        ("refill list --status pending", [1]),
        ("refill list --status error", []),
        ("cancel list", [1]),
        ("cancel list --status pending --limit 1", [1]),
        ("cancel list --status accepted", []),
        ("ledger list", [8, 7, 6, 5, 4, 3, 2, 1]),
        ("ledger list bob", [8, 2]),
        ("ledger list bob --limit 1", [8]),
    ],
)
def test_a_list_is_chosen_and_limited(
    filled: SimpleNamespace, call: Call, line: str, ids: list[int]
) -> None:
    assert [row["id"] for row in read(call, line)] == ids


@pytest.mark.parametrize(
    ("line", "nothing"),
    [
        ("user list", "No users yet."),
        ("service list", "No services yet."),
        ("order list", "No such orders."),
        ("refill list", "No such refills."),
        ("cancel list", "No such cancel requests."),
        ("ledger list", "No entries yet."),
    ],
)
def test_an_empty_list_says_so(call: Call, line: str, nothing: str) -> None:
    assert call(line).stdout == nothing + "\n"
    assert read(call, line) == []


# Wrong calls

LONG = "x" * 501
BIG = str(10**30)

WRONG = {
    "user nope": "No such command 'nope'",
    "user --nope": "No such option '--nope'",
    "user add": "Missing argument 'NAME'",
    "user add ''": "the name '' cannot be used",
    "user add 'two words'": "the name 'two words' cannot be used",
    "user add åsa": "the name 'åsa' cannot be used",
    "user add .hidden": "cannot be used",
    "user add $'a\\nb'": "cannot be used",
    f"user add {'x' * 65}": "cannot be used",
    "user add alice": "there is a user alice already",
    "user add carol dave": "unexpected extra argument",
    "user add carol --balance -1": "the first balance cannot be negative",
    "user add carol --balance abc": "'abc' is not an amount",
    "user add carol --balance 1.0000001": "at most 6 decimals",
    "user add carol --balance 1e3": "is not an amount",
    "user add carol --balance nan": "is not an amount",
    "user add carol --balance 1000000001": "1000000001 is more than 1000000000",
    "user add carol --balance": "requires an argument",
    "user add carol --key secret": "No such option '--key'",
    "user list extra": "unexpected extra argument",
    "user show": "Missing argument 'NAME'",
    "user show nobody": "there is no user nobody",
    "user show ALICE": "there is no user ALICE",
    "user show ''": "there is no user",
    "user show 'a\udcff'": "not valid UTF-8",
    "user suspend nobody": "there is no user nobody",
    "user activate nobody": "there is no user nobody",
    "user rotate-key nobody": "there is no user nobody",
    "user fund alice": "Missing argument 'AMOUNT'",
    "user fund nobody 5": "there is no user nobody",
    "user fund alice 0": "an amount of zero changes nothing",
    "user fund alice -0.000000": "an amount of zero changes nothing",
    "user fund alice 0.0000001": "at most 6 decimals",
    "user fund alice 1,5": "is not an amount",
    "user fund alice \u0661": "is not an amount",
    "user fund alice +5": "is not an amount",
    "user fund alice --5": "is not an amount",
    "user fund alice -92.500001": "alice has only 92.50",
    "user fund alice 5 extra": "unexpected extra argument",
    "user fund alice 5 --notes x": "unexpected extra argument",
    "user fund alice 5 --note 'a\udcff'": "not valid UTF-8",
    "service add": "Missing option '--name'",
    "service add --name N --category C --rate 1 --min 1": "Missing option '--max'",
    "service add --name '' --category C --rate 1 --min 1 --max 2": "the name must be 1 to 500",
    "service add --name ' ' --category C --rate 1 --min 1 --max 2": "the name must be 1 to 500",
    "service add --name N --category '' --rate 1 --min 1 --max 2": "the category must be 1 to",
    "service add --name 'a\nb' --category C --rate 1 --min 1 --max 2": "printable characters",
    f"service add --name {LONG} --category C --rate 1 --min 1 --max 2": "the name must be 1 to",
    "service add --name 'a\udcff' --category C --rate 1 --min 1 --max 2": "printable characters",
    "service add --name N --category C --rate -1 --min 1 --max 2": "the rate must be from 0",
    "service add --name N --category C --rate x --min 1 --max 2": "'x' is not an amount",
    "service add --name N --category C --rate 1000001 --min 1 --max 2": "the rate must be from 0",
    "service add --name N --category C --rate 1 --min 0 --max 2": "1 <= min <= max <= 1000000000",
    "service add --name N --category C --rate 1 --min 3 --max 2": "1 <= min <= max <= 1000000000",
    "service add --name N --category C --rate 1 --min 1.5 --max 2": "not a valid integer",
    "service add --name N --category C --rate 1 --min 1 --max 1000000001": "min <= max <=",
    f"service add --name N --category C --rate 1 --min 1 --max {BIG}": "min <= max <=",
    "service add --name N --category C --rate 1 --min 1 --max 2 --type Poll2": "no type 'Poll2'",
    "service add --name N --category C --rate 1 --min 1 --max 2 --type default": "there are: Def",
    "service show 9999": "there is no service 9999",
    "service show x": "'x' is not a valid integer",
    "service edit 1": "nothing to change was given",
    "service edit 9999 --rate 1": "there is no service 9999",
    "service edit 1 --name ''": "the name must be 1 to 500",
    "service edit 1 --min 1001": "1 <= min <= max",
    "service edit 1 --max 9": "1 <= min <= max",
    "service edit 1 --rate -0.01": "the rate must be from 0",
    "service edit 1 --type Nope": "there is no type 'Nope'",
    "service edit 1 --refill --cancel=yes": "does not take a value",
    "service disable 9999": "there is no service 9999",
    "service enable 0": "0 is not in the range",
    f"service enable {BIG}": "is not in the range",
    "order list --user nobody": "there is no user nobody",
    "order list --status pending": "'pending' is not one of",
    "order list --limit 0": "0 is not in the range",
    "order list --limit x": "not a valid integer",
    f"order list --limit {BIG}": "is not in the range",
    "order show": "Missing argument 'ID'",
    "order show 9999": "there is no order 9999",
    "order show -- -1": "-1 is not in the range",
    f"order show {BIG}": "is not in the range",
    "order set 1": "Give --status, --start-count or --remains.",
    "order set 9999 --status Completed": "there is no order 9999",
    "order set 1 --status Done": "there is no status 'Done'; there are: Pending, Processing",
    "order set 1 --status pending": "there is no status 'pending'",
    "order set 1 --status Cancelled": "there is no status 'Cancelled'",
    "order set 2 --status Pending": "order 2 is In progress and cannot become Pending",
    "order set 3 --status Processing": "order 3 is Completed and cannot become Processing",
    "order set 3 --status Partial": "Partial needs the remains",
    "order set 1 --remains 501": "the remains must be from 0 to the order's quantity, 500",
    "order set 1 --remains -1": "the remains must be from 0",
    "order set 1 --remains 1.5": "not a valid integer",
    f"order set 1 --remains {BIG}": "the remains must be from 0",
    "order set 1 --start-count -1": "the start count must be from 0",
    f"order set 1 --start-count {BIG}": "the start count must be from 0",
    "order set 1 --status Completed --remains 501": "the remains must be from 0",
    "refill list --status Pending": "'Pending' is not one of",
    "refill set 1": "Missing option '--status'",
    "refill set 1 --status Completed": "there is no status 'Completed'; there are: pending",
    "refill set 9999 --status completed": "there is no refill 9999",
    "refill set x --status completed": "'x' is not a valid integer",
    "cancel list --status done": "'done' is not one of",
    "cancel accept 9999": "there is no cancel request 9999",
    "cancel accept x": "'x' is not a valid integer",
    "cancel reject 9999": "there is no cancel request 9999",
    "cancel reject": "Missing argument 'ID'",
    "ledger list nobody": "there is no user nobody",
    f"ledger list alice --limit {BIG}": "is not in the range",
    "ledger check extra": "unexpected extra argument",
    "backup": "Missing argument 'FILE'",
    "backup /nowhere/at/all.db": "cannot write /nowhere/at/all.db: No such file or directory",
    f"backup {LONG}": "File name too long",
    "backup /": "/ exists already; a backup never overwrites",
    "backup ''": "exists already; a backup never overwrites",
    "init-db extra": "unexpected extra argument",
    "demo extra": "unexpected extra argument",
}


@pytest.mark.parametrize("line", WRONG, ids=lambda line: ascii(line[:60]))
def test_a_wrong_call_says_why_in_one_line_and_changes_nothing(
    filled: SimpleNamespace, call: Call, line: str
) -> None:
    before = everything()
    result = call(line.replace("$'a\\nb'", "'a\nb'"))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert re.fullmatch(r"Error: [^\n]+\n", result.stderr)
    assert WRONG[line] in result.stderr
    assert everything() == before


@pytest.mark.parametrize("line", ["cancel accept 1", "cancel reject 1"])
def test_a_cancel_request_is_answered_once(filled: SimpleNamespace, call: Call, line: str) -> None:
    assert call(line).exit_code == 0
    before = everything()
    for again in ("cancel accept 1", "cancel reject 1"):
        result = call(again)
        assert (result.exit_code, result.stdout) == (2, "")
        assert re.fullmatch(r"Error: cancel request 1 was \w+ already\n", result.stderr)
    assert everything() == before


@pytest.mark.parametrize("group", ["user", "service", "order", "refill", "cancel", "ledger"])
def test_a_group_alone_shows_its_commands(filled: SimpleNamespace, call: Call, group: str) -> None:
    before = everything()
    result = call(group)
    assert result.exit_code == 2
    assert "Commands:" in result.stderr
    assert everything() == before


def test_the_database_itself_refuses_in_one_line(filled: SimpleNamespace, call: Call) -> None:
    database.execute_sql("DROP TABLE cancels")
    result = call("cancel list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: the database refused: no such table: cancels\n"


# Help


def commands(group: Any, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


COMMANDS = {
    "user": "add list show suspend activate rotate-key fund",
    "service": "add list show edit disable enable",
    "order": "list show set",
    "refill": "list set",
    "cancel": "list accept reject",
    "ledger": "list check",
}


def test_every_command_is_there(app: Flask) -> None:
    wanted = {f"{group} {name}" for group, names in COMMANDS.items() for name in names.split()}
    assert {name for name, _ in commands(app.cli)} >= wanted | {"backup", "init-db", "demo"}


def test_every_command_and_every_option_has_help(app: Flask) -> None:
    for name, command in commands(app.cli):
        assert command.help, name
        assert command.get_short_help_str(200).endswith("."), name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.opts[0]}"


def test_every_list_and_show_has_json(app: Flask) -> None:
    found = {
        name: "--json" in [text for option in command.params for text in option.opts]
        for name, command in commands(app.cli)
        if name.endswith((" list", " show"))
    }
    assert found
    assert set(found.values()) == {True}
    assert found.keys() == {" ".join(line.split()[:2]) for line in KEYS}


# Keys


@pytest.mark.parametrize("line", ["user add carol --balance 3", "user rotate-key alice"])
def test_a_key_is_printed_once_and_only_its_hash_is_kept(
    cast: SimpleNamespace, call: Call, tmp_path: Path, line: str
) -> None:
    result = call(line)
    assert result.exit_code == 0
    assert re.fullmatch(r"[0-9a-f]{48}\n", result.stdout)
    assert "shown only now" in result.stderr
    key = result.stdout.strip()
    name = line.split()[2]
    caller = accounts.find(key)
    assert caller is not None and caller.id == accounts.get(name).id

    for again in ("user list", f"user show {name}", "ledger list", "user list --json"):
        assert key not in call(again).output
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert hashlib.sha256(key.encode()).digest() in kept
    for form in (key.encode(), bytes.fromhex(key), key.encode("utf-16-le")):
        assert form not in kept


def test_a_rotated_key_replaces_the_old_one(cast: SimpleNamespace, call: Call) -> None:
    new = call("user rotate-key alice").stdout.strip()
    newer = call("user rotate-key alice").stdout.strip()
    assert len({cast.alice, new, newer}) == 3
    assert accounts.find(cast.alice) is None
    assert accounts.find(new) is None
    assert accounts.find(newer) is not None


def test_a_first_balance_is_a_deposit(call: Call) -> None:
    assert call("user add carol --balance 25.5").exit_code == 0
    assert call("user add dave").exit_code == 0
    assert [(row["user"], row["kind"], row["amount"]) for row in read(call, "ledger list")] == [
        ("carol", "deposit", "25.50")
    ]
    assert read(call, "user show dave")["balance"] == "0.00"


# ledger check


def tamper(sql: str) -> None:
    """Change the database behind everybody's back: the triggers are away for a moment."""
    with closing(sqlite3.connect(database.database)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = dict(triggers.fetchall())
        for name in kept:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(sql).rowcount == 1
        for trigger in kept.values():
            connection.execute(trigger)
        connection.commit()


RIGHT = "The ledger is right: every balance and every order agrees with its entries.\n"


def test_the_ledger_is_right(filled: SimpleNamespace, call: Call) -> None:
    for line in ("cancel accept 1", "order set 3 --status Partial --remains 1", "ledger check"):
        result = call(line)
        assert result.exit_code == 0
    assert (result.stdout, result.stderr) == (RIGHT, "")


def test_an_empty_ledger_is_right(call: Call) -> None:
    assert call("ledger check").stdout == RIGHT


WRONG_BALANCE = "account {}: balance {}, its entries sum to {}, the last one left {}"
WRONG_ORDER = "order {}: charge {}, refunded {}; entered for its account: {} and {}"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("UPDATE accounts SET balance_micros = balance_micros + 1 WHERE name = 'alice'",
         [WRONG_BALANCE.format("alice", "92.500001", "92.50", "92.50")]),
        ("UPDATE accounts SET balance_micros = 0 WHERE name = 'mallory'",
         [WRONG_BALANCE.format("mallory", "0.00", "100.00", "100.00")]),
        ("UPDATE ledger_entries SET amount_micros = 99999999 WHERE id = 1",
         [WRONG_BALANCE.format("alice", "92.50", "92.499999", "92.50")]),
        ("UPDATE ledger_entries SET balance_micros = 1 WHERE id = 8",
         [WRONG_BALANCE.format("bob", "99.95", "99.95", "0.000001")]),
        ("DELETE FROM ledger_entries WHERE id = 2",
         [WRONG_BALANCE.format("bob", "99.95", "-0.05", "99.95")]),
        ("DELETE FROM ledger_entries WHERE id = 3",
         [WRONG_BALANCE.format("poor", "0.000001", "0.00", "0.00")]),
        ("DELETE FROM ledger_entries WHERE id = 8",
         [WRONG_BALANCE.format("bob", "99.95", "100.00", "100.00"),
          WRONG_ORDER.format(4, "0.05", "0.00", "0.00", "0.00")]),
        ("UPDATE orders SET charge_micros = 1 WHERE id = 1",
         [WRONG_ORDER.format(1, "0.000001", "0.00", "-2.50", "0.00")]),
        ("UPDATE orders SET refunded_micros = 1, status = 'Partial' WHERE id = 1",
         [WRONG_ORDER.format(1, "2.50", "0.000001", "-2.50", "0.00")]),
        ("UPDATE orders SET account_id = 2 WHERE id = 1",
         [WRONG_ORDER.format(1, "2.50", "0.00", "0.00", "0.00")]),
        ("INSERT INTO ledger_entries VALUES (99, 1, 'refund', 5, 92500000, 1, '', 0)",
         [WRONG_BALANCE.format("alice", "92.50", "92.500005", "92.50"),
          WRONG_ORDER.format(1, "2.50", "0.00", "-2.50", "0.000005")]),
        ("INSERT INTO orders (id, account_id, service_id, link, quantity, charge_micros, "
         "status, remains, created_at, updated_at) "
         "VALUES (99, 1, 1, 'l', 1, 0, 'Pending', 1, 0, 0)",
         [WRONG_ORDER.format(99, "0.00", "0.00", "0.00", "0.00")]),
    ],
)  # fmt: skip
def test_a_ledger_that_was_tampered_with_is_told_row_by_row(
    filled: SimpleNamespace, call: Call, sql: str, rows: list[str]
) -> None:
    tamper(sql)
    before = everything()
    result = call("ledger check")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == rows
    assert everything() == before


# Backups


def test_a_backup_is_the_whole_database_in_one_private_file(
    filled: SimpleNamespace, call: Call, tmp_path: Path
) -> None:
    before = everything()
    file = tmp_path / "copies" / "100% of it?#1.db"
    file.parent.mkdir()
    result = call("backup", str(file))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"Wrote {file} ({file.stat().st_size} bytes), checked.\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    with read_only(file) as copy:
        assert dump(copy) == before

    close_database()
    runner = make_app(file).test_cli_runner()
    assert runner.invoke(args=["ledger", "check"]).stdout == RIGHT


def test_a_backup_holds_what_is_committed_while_others_write(
    filled: SimpleNamespace, call: Call, tmp_path: Path
) -> None:
    before = everything()
    file = tmp_path / "copy.db"
    with closing(sqlite3.connect(database.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE services SET name = 'half done'")
        assert call("backup", str(file)).exit_code == 0
        other.execute("ROLLBACK")
    with read_only(file) as copy:
        assert dump(copy) == before


def test_a_backup_never_overwrites(filled: SimpleNamespace, call: Call, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    result = call("backup", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {file} exists already; a backup never overwrites\n"
    assert file.read_text() == "precious"
    own = call("backup", database.database)
    assert (own.exit_code, "exists already" in own.stderr) == (2, True)


def broken_books(path: Path) -> None:
    tamper("UPDATE accounts SET balance_micros = 1 WHERE name = 'alice'")


def broken_rule(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("UPDATE services SET min = 0 WHERE id = 1")
        connection.commit()


def broken_reference(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM services WHERE id = 1")  # foreign keys are off here
        connection.commit()


def broken_page(path: Path) -> None:
    """Write zeros over the root page of an index, as a bad disk would."""
    close_database()
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'orders_by_status'"
        (page,) = connection.execute(sql).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (broken_books, "account alice: balance 0.000001"),
        (broken_rule, "CHECK constraint failed in services"),
        (broken_reference, "broken reference"),
        (broken_page, "orders_by_status|malformed|Tree|page"),
    ],
)
def test_a_backup_that_is_not_sound_is_not_kept(
    filled: SimpleNamespace, call: Call, tmp_path: Path, harm: Callable[[Path], None], why: str
) -> None:
    harm(Path(database.database))
    file = tmp_path / "copies" / "copy.db"
    file.parent.mkdir()
    result = call("backup", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        f"Error: the copy is not sound, and was removed: [^\n]*({why})[^\n]*\n", result.stderr
    )
    assert list(file.parent.iterdir()) == []


# A new database


def test_the_demo_fills_an_empty_database_once(call: Call, monkeypatch: Any) -> None:
    monkeypatch.delenv("BIND", raising=False)
    monkeypatch.setenv("PORT", "9123")
    result = call("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    found = re.search(r"Its key, shown only now: ([0-9a-f]{48})\n", result.stdout)
    assert found is not None
    caller = accounts.find(found[1])
    assert caller is not None and caller.balance_micros == 100 * MICROS
    assert f"curl http://127.0.0.1:9123/api/v2 -d key={found[1]} -d action=add" in result.stdout
    assert [row["id"] for row in read(call, "service list")] == [1, 2, 3, 4, 5, 6]
    assert call("ledger check").stdout == RIGHT

    before = everything()
    again = call("demo")
    assert (again.exit_code, again.output) == (0, "")
    assert everything() == before


def test_the_demos_first_order_is_taken(call: Call, app: Flask) -> None:
    line = next(text for text in call("demo").stdout.splitlines() if "curl" in text)
    _, _, *words = shlex.split(line)
    answer = app.test_client().post("/api/v2", data=dict(w.split("=", 1) for w in words[1::2]))
    assert (answer.status_code, answer.json) == (200, {"order": 1})


@pytest.mark.parametrize(
    "line", ["user add mine", "service add --name N --category C --rate 1 --min 1 --max 2"]
)
def test_the_demo_leaves_an_operators_own_database_alone(call: Call, line: str) -> None:
    assert call(line).exit_code == 0
    before = everything()
    result = call("demo")
    assert (result.exit_code, result.output) == (0, "")
    assert everything() == before


def flask(database: Path, *args: str) -> tuple[int, str, str]:
    """The command as an operator types it, in the project's folder and without --app."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *args],
        cwd=ROOT, env={**os.environ, "PANEL_DATABASE": f"sqlite:///{database}"},
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_flask_command_finds_the_panel(tmp_path: Path) -> None:
    database = tmp_path / "panel.db"
    ready = f"The database {database} is ready.\n"
    created = f"panel: created the database {database}\n"
    assert flask(database, "init-db") == (0, ready, created)
    assert flask(database, "init-db") == (0, ready, "")
    assert flask(database, "user", "show", "nobody") == (
        2, "", "Error: there is no user nobody\n",
    )  # fmt: skip
