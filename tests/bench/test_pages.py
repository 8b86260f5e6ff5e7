"""The bench of the dashboard's pages: what it makes is a panel's database, and it measures all."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import addresses, daily_work, database, pages
from bench.addresses import FACTS, LEFT_OUT, PAGES, endpoints, facts
from bench.database import Size
from bench.pages import Visitor
from database.connection import close_database
from database.driver import sqlite3
from panel import order_lists, sums
from panel.order_lists import OrderFilter
from panel.orders import link_index, state

pytestmark = pytest.mark.server  # the panel's commands make the database

SIZE = Size(accounts=100, orders=12_000, of_one=2_400)
"""Large enough that each state occurs."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small database such as the bench makes, whose ledger the panel has checked."""
    path = tmp_path_factory.mktemp("bench") / "made.db"
    daily_work.make(path, SIZE)
    return path


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy for one test."""
    path = tmp_path / "panel.db"
    shutil.copy(made, path)
    yield path
    close_database()


def query(path: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_what_is_made_holds_all_that_the_schema_demands(made: Path) -> None:
    assert query(made, "PRAGMA quick_check") == [("ok",)]
    assert query(made, "PRAGMA foreign_key_check") == []


BY_WORKER = {"service_weeks", "account_periods"}

EMPTIED = {
    "order_hours": "DELETE FROM order_hours",
    "accounts": "UPDATE accounts SET orders = 0, spent_micros = 0, last_order_at = NULL",
}


@pytest.mark.parametrize("table", list(database.BY_TRIGGERS))
def test_what_triggers_keep_is_as_they_would_have_kept_it(copy: Path, table: str) -> None:
    filled = query(copy, f"SELECT * FROM {table} ORDER BY 1, 2")
    connection = sqlite3.connect(copy)
    connection.executescript(
        f"""
        CREATE TEMP TABLE kept AS SELECT * FROM orders;
        {EMPTIED[table]};
        DELETE FROM orders;
        INSERT INTO orders SELECT * FROM kept ORDER BY id;
        """
    )
    connection.close()
    assert filled
    assert query(copy, f"SELECT * FROM {table} ORDER BY 1, 2") == filled


def test_every_table_that_triggers_of_orders_write_is_filled(made: Path) -> None:
    triggers = query(made, "SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    of_orders = [sql for (sql,) in triggers if re.search(r"\bON orders\b", sql)]
    written = {name for sql in of_orders for name in re.findall(r"(?:INTO|UPDATE) (\w+)", sql)}
    assert written - {"OF", "SET"} == set(database.BY_TRIGGERS) | BY_WORKER


def test_what_the_worker_does_beside_is_done_before_pages_are_measured(copy: Path) -> None:
    Visitor(copy)
    assert not link_index.index_next()
    assert link_index.first_unindexed() > SIZE.orders * 9 // 10
    assert not sums.sum_next()
    assert all(query(copy, f"SELECT 1 FROM {table} LIMIT 1") for table in BY_WORKER)


@pytest.mark.parametrize(
    "wanted",
    [
        *(OrderFilter(status=status) for status in state.FOLLOWS),
        *(OrderFilter(only=(name,)) for name in order_lists.ONLY),
        OrderFilter(provider_id=4),
        OrderFilter(account_id=database.ONE),
    ],
)
def test_every_list_of_orders_has_something(copy: Path, wanted: OrderFilter) -> None:
    Visitor(copy)
    assert order_lists.order_page(wanted).rows


@pytest.mark.parametrize(
    ("table", "states"),
    [
        ("orders", {("held_because", because) for because in
                    ("refusal", "funds", "cost", "word", "status", "posts")}),
        ("orders", {("dispatch_state", of) for of in state.DISPATCH_FOLLOWS if of != "sending"}),
        ("orders", {("restored", 1)}),
        ("refills", {("status", of) for of in
                     ("pending", "in progress", "completed", "rejected")} | {("restored", 1)}),
        ("cancels", {("status", of) for of in ("pending", "accepted", "rejected")}),
        ("cancels", {("restored", 1), ("passed_on", 1)}),
        ("order_events", {("kind", kind) for kind in ("sending", "sent", "warning")}),
        ("audit_lines", {("operator", name) for name in daily_work.OPERATORS}),
        ("services", {("held", 1), ("inactive_because", "vanished"), ("dripfeed", 1)}),
        ("alerts", {("ended_at", None)}),
    ],
)  # fmt: skip
def test_every_state_occurs(made: Path, table: str, states: set[tuple[str, Any]]) -> None:
    for column, value in sorted(states, key=str):
        found = query(made, f"SELECT DISTINCT {column} FROM {table}")
        assert (value,) in found, (column, value)


def test_one_customer_has_a_fifth_of_all_orders(made: Path) -> None:
    (row,) = query(made, f"SELECT COUNT(*) FROM orders WHERE account_id = {database.ONE}")
    assert row[0] > SIZE.of_one * 9 // 10  # some are the busy accounts'


def test_every_page_is_measured_or_left_out_for_a_reason(copy: Path) -> None:
    visitor = Visitor(copy)
    known = facts()
    assert set(known) == set(FACTS)
    names = {name.removeprefix("admin.") for name in endpoints(visitor.app)}
    asked = {page.endpoint for page in addresses.pages(visitor.app, known)}
    assert asked == names - set(LEFT_OUT)
    assert set(LEFT_OUT) | set(PAGES) <= names


def test_a_page_is_measured_with_each_of_its_arguments(copy: Path) -> None:
    visitor = Visitor(copy)
    asked = list(addresses.pages(visitor.app, facts()))
    for name, arguments in PAGES.items():
        assert len([page for page in asked if page.endpoint == name]) == len(arguments), name


@pytest.mark.parametrize(("limit_ms", "code", "told"), [(10**9, 0, False), (0, 1, True)])
def test_every_page_answers_and_what_takes_too_long_is_told(
    copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    limit_ms: int,
    code: int,
    told: bool,
) -> None:
    monkeypatch.setattr(pages, "LIMIT_MS", limit_ms)
    monkeypatch.setattr(pages, "LIMITS_MS", {})
    written = copy.with_name("figures.json")
    only = ["--only", "order_page,audit_page"] if told else []
    options = ["--database", str(copy), "--rounds", "1", "--json", str(written), *only]
    assert pages.main(options) == code
    figures = json.loads(written.read_text())
    assert {figure["status"] for figure in figures} == {200}
    assert len(figures) > 5
    assert ("OVER" in capsys.readouterr().out) == told


def test_the_slowest_queries_of_a_page_are_told_with_their_plans(copy: Path) -> None:
    visitor = Visitor(copy)
    (page, *_) = [p for p in addresses.pages(visitor.app, facts()) if p.endpoint == "audit_page"]
    lines = list(visitor.explain(page))
    assert any('FROM "audit_lines"' in line for line in lines)
    assert any("SCAN t1" in line for line in lines)
