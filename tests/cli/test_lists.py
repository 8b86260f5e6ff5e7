"""Lists fit 100 columns of a terminal; --wide has every column whole, and --json everything."""

import json
import re
import sys
from types import SimpleNamespace
from typing import Any

import click
import pytest
from flask import Flask
from support.commands import Call
from support.orders import account_id

from cli.tables import display_width, shortened, table, wrapped
from models import Account, Alert, Operator, Order, Provider, Service
from panel import accounts, reports
from panel.operations import words
from panel.operations.audit import Actor
from panel.orders import dispatch
from panel.providers import registry, sources
from panel.providers.listing import Listing
from panel.sign_in import sessions

NAME = "x" * 64
LONG = "Followers, real and 的 slow, with a name that goes on and on 🚀 " * 8
LINK = "https://example.com/" + "a-very-long-path/" * 100

LISTS = (
    "user list",
    "service list",
    f"service list --provider {NAME}",
    "order list",
    "order list --warnings",
    "order review",
    "refill list",
    "cancel list",
    "ledger list",
    f"ledger list {NAME}",
    "notify list",
    "operator list",
    f"operator sessions {NAME}",
    "restored list",
    "report",
    "report --by user",
    "report --by provider",
    "report --by day",
    "attention",
    "audit list",
    "provider list",
    f"provider services {NAME}",
    f"provider words {NAME}",
    f"provider import {NAME} --markup 25 --dry-run",
    f"provider import {NAME} --markup 25",
    "service markup 50 --id 1",
)
"""Every command that lists, in a panel where all that can be long is long."""

ELSEWHERE = {"provider sync", "provider confirm", "provider exchange", "service confirm"}
"""What prints the table of changes, as `provider import` and `service markup` do."""


@pytest.fixture
def crammed(filled: SimpleNamespace) -> SimpleNamespace:
    """Everything is as long as can be: names, links, amounts, notes."""
    accounts.fund("alice", 10**14 + 1, LONG[:200])
    provider = registry.get("shop")
    words.teach(Actor("olga"), "shop", "Success " * 30, "Completed")
    listing = Listing("1", LONG, LONG, "Default", 900_000, 10, 50_000, True, True)
    sources.set_source(filled.followers, provider.id, listing, 1)
    dispatch.claim(provider.id)
    Account.update(
        name=NAME, balance_micros=10**15 - 1, discount_ppm=123_456
    ).where(Account.id == account_id("alice")).execute()  # fmt: skip
    Service.update(name=LONG, category=LONG, rate_micros=10**12, max=10**9).execute()
    Order.update(
        link=LINK, warning=LONG, quantity=10**9, charge_micros=10**14 - 1, remains=10**9,
        cost_micros=10**14 - 3, provider=provider.id, provider_order="9" * 60,
    ).execute()  # fmt: skip
    Order.update(dispatch_state="review").where(Order.id == 1).execute()
    Operator.update(name=NAME).execute()
    sessions.begin(Operator.get(), "2001:db8:1234:5678:9abc:def0:1234:5678", "a device " * 30)
    Alert.update(text=LONG).execute()
    Provider.update(
        name=NAME, balance="12.50 USD", currency="USD", stopped_because=LONG[:300]
    ).execute()  # fmt: skip
    return filled


def commands(group: Any, path: str = "") -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{path}{name} ")
        else:
            found[f"{path}{name}"] = command
    return found


def test_every_list_is_tested(app: Flask) -> None:
    can_be_wide = {
        name
        for name, command in commands(app.cli).items()
        if any("--wide" in parameter.opts for parameter in command.params)
    }
    tested = {name for name in can_be_wide for line in LISTS if f"{line} ".startswith(f"{name} ")}
    assert can_be_wide == tested | ELSEWHERE
    assert {name for name in commands(app.cli) if name.endswith(" list")} <= can_be_wide


@pytest.mark.parametrize("line", LISTS, ids=lambda line: line.replace(NAME, "NAME"))
def test_a_list_fits_a_hundred_columns(crammed: SimpleNamespace, call: Call, line: str) -> None:
    result = call(line)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    lines = result.stdout.splitlines()
    assert lines
    for text in lines:
        if line == "attention" and (text.startswith("    flask") or " " not in text.strip()):
            continue  # a command is to be pasted, and a word is never cut
        assert display_width(text) <= 100, text
    if "…" in result.stdout:
        again = call(f"{line} --wide")
        assert "…" not in again.stdout
        assert max(map(display_width, again.stdout.splitlines())) > 100


def test_wide_has_every_column_whole_and_json_has_them_too(
    crammed: SimpleNamespace, call: Call
) -> None:
    rows = json.loads(call("service list --json").stdout)
    assert rows[0]["name"] == LONG
    heading, _, first, *_ = call("service list --wide").stdout.splitlines()
    assert heading.split() == list(rows[0])
    assert LONG in first
    assert "one_per_link" not in call("service list").stdout


def test_a_name_is_cut_before_what_is_wrong_with_it(crammed: SimpleNamespace, call: Call) -> None:
    Service.update(active=False, inactive_because="vanished").where(Service.id == 1).execute()
    heading, _, *rows = call("service list").stdout.splitlines()
    assert heading.split() == [
        "id", "name", "category", "rate", "min", "max", "cost", "active", "note",
    ]  # fmt: skip
    assert re.search(r"… .*…  1000000\.00 +10  1000000000 ", rows[0])


# The table itself


def test_a_table_has_a_heading_and_numbers_stand_right() -> None:
    rows = [
        {"id": 7, "name": "one", "amount": "0.50", "share": "5%", "note": None},
        {"id": 12, "name": "a\nb", "amount": "-12.345678", "share": "12.5%", "note": True},
    ]
    assert table(rows).splitlines() == [
        "id  name      amount  share  note",
        "--  ----  ----------  -----  ----",
        " 7  one         0.50     5%",
        "12  a b   -12.345678  12.5%  yes",
    ]


def test_the_widest_column_is_cut_first_and_figures_are_never_cut() -> None:
    row = {"id": 1, "name": "n" * 60, "link": "l" * 200, "created": "2026-01-31 10:00:00Z"}
    (line,) = table([row]).splitlines()[2:]
    assert display_width(line) == 100
    name, link = line.split()[1:3]
    assert len(name) == len(link) or len(name) + 1 == len(link)
    assert name.endswith("…") and link.endswith("…")
    assert line.endswith("2026-01-31 10:00:00Z")


def test_what_is_cut_last_stays_while_it_can() -> None:
    row = {"name": "n" * 200, "change": "c" * 60}
    (line,) = table([row], cut_last=("change",)).splitlines()[2:]
    assert line.endswith("  " + "c" * 60)
    assert display_width(line) == 100


def test_columns_are_chosen_but_not_where_everything_is_wanted() -> None:
    row = {"a": "1", "b": "x" * 200, "c": "3"}
    assert table([row], columns=("a", "c")).splitlines()[0] == "a  c"
    assert table([row], columns=("a", "c"), is_whole=True).splitlines()[2] == f"1  {'x' * 200}  3"


def test_a_table_that_is_too_wide_even_so_is_cut_at_its_end() -> None:
    row = {f"a{number}": 10**12 for number in range(20)}
    for line in table([row]).splitlines():
        assert display_width(line) == 100
        assert line.endswith("…")


@pytest.mark.parametrize(
    ("terminal", "width"), [(None, 100), (60, 100), (100, 100), (180, 180)], ids=str
)
def test_a_wider_terminal_is_used(
    monkeypatch: pytest.MonkeyPatch, terminal: int | None, width: int
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal is not None, raising=False)
    monkeypatch.setenv("COLUMNS", str(terminal or 300))
    (line,) = table([{"name": "n" * 500}]).splitlines()[2:]
    assert display_width(line) == width


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("的的的", 6, "的的的"),
        ("的的的", 5, "的的…"),
        ("的的的", 4, "的…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
    ],
)
def test_a_text_is_cut_by_the_columns_that_it_takes(text: str, width: int, shown: str) -> None:
    assert shortened(text, width) == shown
    assert display_width(shown) <= width


def test_a_sentence_is_broken_between_words_alone() -> None:
    text = f"service: {LINK} costs more, and {'word ' * 30}"
    lines = wrapped(text, "  ").splitlines()
    assert LINK in [line.strip() for line in lines]
    assert all(display_width(line) <= 100 for line in lines if LINK not in line)
    assert all(line.startswith("  ") for line in lines[1:])


def test_every_grouping_of_the_report_is_tested() -> None:
    assert {line.split()[-1] for line in LISTS if line.startswith("report --by")} | {
        "service"
    } == set(reports.REPORT_GROUPS)
