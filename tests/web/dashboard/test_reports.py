"""The dashboard's reports and the ledger of all."""

import csv
import io
import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.apps import listed
from support.clock import Clock
from support.dashboard import Operator, place

from panel import accounts, ledger, reports
from panel.money import MICROS, format_exact
from panel.operations import customers
from panel.operations.audit import Actor
from panel.orders import dispatch, transition
from panel.providers import registry, sources
from panel.reports import DAY_S

TODAY = 1_800_000_000 // DAY_S * DAY_S
"""2027-01-15, at midnight."""


@pytest.fixture
def sold(clock: Clock, cast: SimpleNamespace) -> SimpleNamespace:
    """Orders of the last 40 days, one each five days: some paid back, some at a provider."""
    provider = registry.add("up", registry.SANDBOX_URL, "", 60).id
    sources.set_source(cast.followers, provider, listed("1", MICROS), 1)
    for ago in range(40, -1, -5):
        clock.seconds = TODAY - ago * DAY_S + 60
        order_id = place(cast, "alice" if ago % 2 else "bob")
        if ago % 3:
            assert dispatch.claim(provider) is not None
            dispatch.record_accepted(order_id, str(order_id), 0)
        if ago % 4 == 0:
            transition.change(order_id, status="Partial", remains=30)
    clock.seconds = TODAY + 3600
    return cast


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def by_command(app: Flask, *options: str) -> list[dict[str, Any]]:
    with app.app_context():
        result = app.test_cli_runner().invoke(args=["report", "--json", *options])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("by", reports.REPORT_GROUPS)
@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-12-06", "2027-01-15"), ("2026-12-11", "2027-01-05"), ("2027-01-15", "2027-01-15")],
)
def test_the_page_the_file_and_the_command_tell_the_same(
    sold: SimpleNamespace, olga: Operator, app: Flask, by: str, first: str, last: str
) -> None:
    path = f"?by={by}&from={first}&to={last}"
    head = "customer" if by == "user" else by
    file = csv_rows(olga.client.get(f"/admin/reports.csv{path}").text)
    told = by_command(app, "--by", by, "--since", first, "--until", last)
    assert told
    for row in told:
        row[head] = row.pop(by)
        row["orders"] = str(row["orders"])
    assert sorted(file, key=str) == sorted(({n: row[n] for n in file[0]} for row in told), key=str)

    page = olga.text(f"/admin/reports{path}")
    for row in file:
        assert row[head] in page
    total = page.partition("<tfoot>")[2]
    for name in ("revenue", "refunds", "cost", "profit"):
        exact = sum(ledger_micros(row[name]) for row in file)
        assert re.search(rf">{re.escape(format_exact(exact))}0*<", total), name


def ledger_micros(text: str) -> int:
    units, _, decimals = text.partition(".")
    micros = int(units.lstrip("-")) * MICROS + int(decimals.ljust(6, "0"))
    return -micros if text.startswith("-") else micros


def test_the_report_of_a_week_agrees_with_the_overview(
    sold: SimpleNamespace, olga: Operator
) -> None:
    sums = reports.sums(reports.RANGES["7"])
    total = {name: sum(row[name] for row in sums) for name in ("orders", "revenue", "profit")}
    week = reports.earnings("user", TODAY - 6 * DAY_S, TODAY + DAY_S)
    assert {name: sum(row[name] for row in week) for name in total} == total
    page = olga.text("/admin/reports?range=7")
    assert f"<dt>Orders</dt><dd>{total['orders']}</dd>" in page
    assert f'<data value="{format_exact(total["profit"])}"' in page


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", "2026-12-17", "2027-01-15"),
        ("?range=1", "2027-01-15", "2027-01-15"),
        ("?range=7", "2027-01-09", "2027-01-15"),
        ("?range=90", "2026-10-18", "2027-01-15"),
        ("?range=365", "2026-01-16", "2027-01-15"),
        ("?range=month", "2027-01-01", "2027-01-15"),
        ("?range=last-month", "2026-12-01", "2026-12-31"),
        ("?range=nothing", "2026-12-17", "2027-01-15"),
        ("?from=2026-12-24", "2026-12-24", "2027-01-15"),
        ("?to=2026-12-24", "2026-11-25", "2026-12-24"),
        ("?from=2026-12-24&to=2026-12-24", "2026-12-24", "2026-12-24"),
    ],
)
def test_a_range_is_a_preset_or_two_days(
    clock: Clock, query: str, first: str, last: str, olga: Operator
) -> None:
    clock.seconds = TODAY + 5
    olga = Operator(olga.client)
    page = olga.text(f"/admin/reports{query}")
    assert f'name="from" type="date" value="{first}"' in page
    assert f'name="to" type="date" value="{last}"' in page


@pytest.mark.parametrize("last", ["0001-01-01", "0001-01-29"])
def test_a_range_of_the_first_days_that_there_are_is_one(last: str, olga: Operator) -> None:
    page = olga.text(f"/admin/reports?to={last}")
    assert 'name="from" type="date" value="0001-01-01"' in page
    assert csv_rows(olga.client.get(f"/admin/reports.csv?to={last}").text) == []


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("from=yesterday", "&#39;yesterday&#39; is not a day such as 2026-01-31"),
        ("to=2026-02-30", "&#39;2026-02-30&#39; is not a day such as 2026-01-31"),
        ("from=2026-02-02&to=2026-02-01", "the range ends before it begins"),
    ],
)
def test_a_range_that_cannot_be_is_told(query: str, why: str, olga: Operator) -> None:
    assert why in olga.text(f"/admin/reports?{query}")


def test_the_page_shows_the_largest_and_the_file_has_all(
    sold: SimpleNamespace, olga: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from web.dashboard import reports as page_of_reports

    monkeypatch.setattr(page_of_reports, "TOP", 1)
    page = olga.text("/admin/reports?by=user&sort=orders&range=90")
    assert "These are the first 1; the CSV file has all." in page
    assert "Total of all" in page
    rows = csv_rows(olga.client.get("/admin/reports.csv?by=user&sort=orders&range=90").text)
    assert [int(row["orders"]) for row in rows] == sorted(
        (int(row["orders"]) for row in rows), reverse=True
    )
    assert len(rows) == 2


# The ledger of all


@pytest.fixture
def entered(sold: SimpleNamespace, clock: Clock) -> SimpleNamespace:
    clock.seconds = TODAY + 1800
    customers.fund(Actor("olga"), "bob", -5 * MICROS, "=1+1")
    clock.seconds = TODAY + 3600
    return sold


def entries_of(olga: Operator, query: str) -> list[dict[str, str]]:
    return csv_rows(olga.client.get(f"/admin/ledger.csv?{query}").text)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", lambda row: True),
        ("customer=bob", lambda row: row["account_name"] == "bob"),
        ("kind=refund", lambda row: row["kind"] == "refund"),
        ("kind=charge&customer=alice",
         lambda row: row["kind"] == "charge" and row["account_name"] == "alice"),
        ("kind=withdrawal", lambda row: row["kind"] == "withdrawal"),
        ("order=1", lambda row: row["order"] == 1),
        ("from=2027-01-10", lambda row: row["created_at"] >= TODAY - 5 * DAY_S),
        ("to=2027-01-09", lambda row: row["created_at"] < TODAY - 5 * DAY_S),
        ("from=2027-01-10&to=2027-01-10&kind=refund",
         lambda row: row["kind"] == "refund"
         and TODAY - 5 * DAY_S <= row["created_at"] < TODAY - 4 * DAY_S),
        ("from=2030-01-01", lambda row: False),
    ],
)  # fmt: skip
def test_entries_are_filtered(
    query: str, wanted: Any, entered: SimpleNamespace, olga: Operator
) -> None:
    expected = [str(row["id"]) for row in ledger.listing() if wanted(row)]
    assert [row["entry"] for row in entries_of(olga, query)] == expected[::-1]
    page = olga.text(f"/admin/ledger?{query}")
    assert re.findall(r'<tr id="entry-(\d+)">', page) == expected


def test_an_entry_tells_who_entered_it_and_runs_in_no_spreadsheet(
    entered: SimpleNamespace, olga: Operator
) -> None:
    (row,) = entries_of(olga, "kind=withdrawal")
    assert (row["amount"], row["note"], row["by"]) == ("-5.00", "'=1+1", "olga")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("customer=nobody", "There is no customer nobody."),
        ("from=never", "&#39;never&#39; is not a day such as 2026-01-31."),
        ("from=2026-02-02&to=2026-02-01", "The range ends before it begins."),
    ],
)
def test_a_filter_that_cannot_be_is_told(query: str, why: str, olga: Operator) -> None:
    page = olga.text(f"/admin/ledger?{query}")
    assert page.count(why) == 2  # at the head of the page, and where the entries would be
    assert "No entries found." not in page
    assert olga.client.get(f"/admin/ledger.csv?{query}").status_code == 404


def test_the_command_filters_entries_alike(entered: SimpleNamespace, app: Flask) -> None:
    def read(*options: str) -> list[dict[str, Any]]:
        with app.app_context():
            result = app.test_cli_runner().invoke(args=["ledger", "list", "--json", *options])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert {row["kind"] for row in read("--kind", "refund")} == {"refund"}
    assert {row["order"] for row in read("--order", "1")} == {1}
    assert [row["by"] for row in read("bob", "--since", "2027-01-15", "--kind", "withdrawal")] == [
        "olga"
    ]
    before = accounts.get("alice")
    assert read("alice", "--until", "2026-01-01") == []
    assert before.name == "alice"
