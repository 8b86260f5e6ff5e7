"""What all commands have in common: what each prints and does, --json, wrong calls, help."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import click
import pytest
from flask import Flask
from support.commands import Call, all_but_the_audit, audit, read
from support.orders import everything

from database.connection import database
from panel import ledger


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


HEADINGS = {"forward": "dispatch"}
"""Where a table's heading is not the JSON key, which stays as it was in version 0.1."""

USER = "id name status balance discount dialect created orders spent last_order"

SERVICE = "id name category type rate min max refill cancel dripfeed one_per_link active cost note"

PROVIDER = (
    "name url requests_per_minute balance balance_at added currency exchange exchange_at note"
)
ORDER = (
    "id user service service_name link quantity charge refunded status start_count remains "
    "forward provider_order cost warning held held_text parameters runs interval part_of "
    "created updated"
)

KEYS = {
    "user list": USER,
    "user show alice": f"{USER} rates",
    "service list": SERVICE,
    "service show 1": f"{SERVICE} description markup bought_from created to_settle",
    "order list": ORDER,
    "order show 2": f"{ORDER} events",
    "refill list": "id order user service link status created updated",
    "restored list": "kind id order provider provider_order link quantity created warning",
    "cancel list": "id order user service link status created updated",
    "ledger list": "id user kind amount balance order note created by",
    "ledger list alice": "id user kind amount balance order note created by",
    "provider list": PROVIDER,
    "provider show shop": PROVIDER,
    "audit list": "id time operator address action outcome",
    "operator list": "name added role totp seen",
    "notify list": "kind about since told text",
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
    result = call(f"{line} --wide" if isinstance(found, list) else line)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    if isinstance(found, list):
        names = KEYS[line]
        assert lines[0].split() == [HEADINGS.get(name, name) for name in names.split()]
        shown = [
            (text, [row[name] for name in names.split()])
            for text, row in zip(lines[2:], found, strict=True)
        ]
    else:
        # A thing's story follows below, as a table of its own.
        names = KEYS[line].removesuffix(" events")
        headings = [HEADINGS.get(name, name) for name in names.split()]
        assert [text.split()[0] for text in lines] == headings
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


LONG = "x" * 501

BIG = str(10**30)

WRONG = {
    "user nope": "there is no command 'nope'",
    "user --nope": "there is no option --nope",
    "user add": "the argument NAME is missing",
    "user add ''": "the name '' cannot be used",
    "user add 'two words'": "the name 'two words' cannot be used",
    "user add åsa": "the name 'åsa' cannot be used",
    "user add .hidden": "cannot be used",
    "user add $'a\\nb'": "cannot be used",
    f"user add {'x' * 65}": "cannot be used",
    "user add alice": "there is a user alice already",
    "user add carol dave": "more than the command takes",
    "user add carol --balance -1": "the first balance cannot be negative",
    "user add carol --balance abc": "'abc' is not an amount",
    "user add carol --balance 1.0000001": "at most 6 decimals",
    "user add carol --balance 1e3": "is not an amount",
    "user add carol --balance nan": "is not an amount",
    "user add carol --balance 1000000001": "1000000001 is more than 1000000000",
    "user add carol --balance": "needs a value",
    "user add carol --key secret": "there is no option --key",
    "user list extra": "more than the command takes",
    "user show": "the argument NAME is missing",
    "user show nobody": "there is no user nobody",
    "user show ALICE": "there is no user ALICE",
    "user show ''": "there is no user",
    "user show 'a\udcff'": "not valid UTF-8",
    "user suspend nobody": "there is no user nobody",
    "user activate nobody": "there is no user nobody",
    "user rotate-key nobody": "there is no user nobody",
    "user fund alice": "the argument AMOUNT is missing",
    "user fund nobody 5": "there is no user nobody",
    "user fund alice 0": "an amount of zero changes nothing",
    "user fund alice -0.000000": "an amount of zero changes nothing",
    "user fund alice 0.0000001": "at most 6 decimals",
    "user fund alice 1,5": "is not an amount",
    "user fund alice \u0661": "is not an amount",
    "user fund alice +5": "is not an amount",
    "user fund alice --5": "there is no option --5",
    "user fund alice -92.500001": "alice has only 92.50",
    "user fund alice 5 extra": "more than the command takes",
    "user fund alice 5 --notes x": "there is no option --notes; did you mean --note",
    "user fund alice 5 --note 'a\udcff'": "not valid UTF-8",
    "service add": "the option --name is missing",
    "service add --name N --category C --rate 1 --min 1": "the option --max is missing",
    "service add --name '' --category C --rate 1 --min 1 --max 2": "the name must be 1 to 500",
    "service add --name ' ' --category C --rate 1 --min 1 --max 2": "the name must be 1 to 500",
    "service add --name N --category '' --rate 1 --min 1 --max 2": "the category must be 1 to",
    "service add --name 'a\nb' --category C --rate 1 --min 1 --max 2": "printable characters",
    f"service add --name {LONG} --category C --rate 1 --min 1 --max 2": "the name must be 1 to",
    "service add --name 'a\udcff' --category C --rate 1 --min 1 --max 2": "not valid UTF-8",
    "service add --name N --category C --rate -1 --min 1 --max 2": "the rate must be from 0",
    "service add --name N --category C --rate x --min 1 --max 2": "'x' is not an amount",
    "service add --name N --category C --rate 1000001 --min 1 --max 2": "the rate must be from 0",
    "service add --name N --category C --rate 1 --min 0 --max 2": "max from min to 1000000000",
    "service add --name N --category C --rate 1 --min 3 --max 2": "max from min to 1000000000",
    "service add --name N --category C --rate 1 --min 1.5 --max 2": "not a whole number",
    "service add --name N --category C --rate 1 --min 1 --max 1000000001": "max from min to",
    f"service add --name N --category C --rate 1 --min 1 --max {BIG}": "max from min to",
    "service add --name N --category C --rate 1 --min 1 --max 2 --type Poll2": "no type 'Poll2'",
    "service add --name N --category C --rate 1 --min 1 --max 2 --type default": "there are: Def",
    "service show 9999": "there is no service 9999",
    "service show x": "'x' is not a whole number",
    "service edit 1": "nothing to change was given",
    "service edit 9999 --rate 1": "there is no service 9999",
    "service edit 1 --name ''": "the name must be 1 to 500",
    "service edit 1 --min 1001": "min must be 1 or more, and max from min",
    "service edit 1 --max 9": "min must be 1 or more, and max from min",
    "service edit 1 --rate -0.01": "the rate must be from 0",
    "service edit 1 --type Nope": "there is no type 'Nope'",
    "service edit 1 --refill --cancel=yes": "takes no value",
    "service disable 9999": "there is no service 9999",
    "service enable 0": "0 is not from",
    f"service enable {BIG}": "is not from",
    "order list --user nobody": "there is no user nobody",
    "order list --status pending": "there is no 'pending', only",
    "order list --limit 0": "0 is not from",
    "order list --limit x": "not a whole number",
    f"order list --limit {BIG}": "is not from",
    "order show": "the argument ID is missing",
    "order show 9999": "there is no order 9999",
    "order show -- -1": "-1 is not from",
    f"order show {BIG}": "is not from",
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
    "order set 1 --remains 1.5": "not a whole number",
    f"order set 1 --remains {BIG}": "the remains must be from 0",
    "order set 1 --start-count -1": "the start count must be from 0",
    f"order set 1 --start-count {BIG}": "the start count must be from 0",
    "order set 1 --status Completed --remains 501": "the remains must be from 0",
    "refill list --status Pending": "there is no 'Pending', only",
    "refill set 1": "the option --status is missing",
    "refill set 1 --status Completed": "there is no status 'Completed'; there are: pending",
    "refill set 9999 --status completed": "there is no refill 9999",
    "refill set x --status completed": "'x' is not a whole number",
    "cancel list --status done": "there is no 'done', only",
    "cancel accept 9999": "there is no cancel request 9999",
    "cancel accept x": "'x' is not a whole number",
    "cancel reject 9999": "there is no cancel request 9999",
    "cancel reject": "the argument ID is missing",
    "ledger list nobody": "there is no user nobody",
    f"ledger list alice --limit {BIG}": "is not from",
    "ledger check extra": "more than the command takes",
    "backup": "the argument FILE is missing",
    "backup /nowhere/at/all.db": "cannot write /nowhere/at/all.db: No such file or directory",
    f"backup {LONG}": "File name too long",
    "backup /": "/ exists already; a backup never overwrites",
    "backup ''": "exists already; a backup never overwrites",
    "restore": "the argument FILE is missing",
    "restore /nowhere/at/all.db": "there is no /nowhere/at/all.db",
    "restore /": "/ is no file",
    f"restore {LONG}": "File name too long",
    "restored release": "Give the orders' numbers, or --all.",
    "restored release 1 --all": "Give the orders' numbers, or --all.",
    "init-db extra": "more than the command takes",
    "demo extra": "more than the command takes",
}


def without_tasks() -> list[str]:
    """What the database holds, but for the record of a backup that failed."""
    return [row for row in all_but_the_audit() if not row.startswith("task_runs: (")]


@pytest.mark.parametrize("line", WRONG, ids=lambda line: ascii(line[:60]))
def test_a_wrong_call_says_why_in_one_line_and_changes_nothing(
    filled: SimpleNamespace, call: Call, line: str
) -> None:
    before = without_tasks()
    result = call(line.replace("$'a\\nb'", "'a\nb'"))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert re.fullmatch(r"Error: [^\n]+\n", result.stderr)
    assert WRONG[line] in result.stderr
    assert without_tasks() == before
    why = result.stderr.removeprefix("Error: ").rstrip("\n")
    assert {outcome for *_, outcome in audit()} <= {f"refused: {why}"}


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
