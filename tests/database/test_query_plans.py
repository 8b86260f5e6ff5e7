"""Every hot query is an index look-up, whatever the table's size: the query plans are read."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.orders import account_id, new_order

import panel
import settings
from database.compiled_query import CompiledQuery
from database.connection import database
from database.driver import sqlite3
from panel import ledger_queries
from panel.alerts import conditions
from panel.ledger_queries import LedgerFilter
from panel.orders import cancels, refills, restored, transition, waiting

KEYS = (
    "rowid=?",
    "id=?",
    "key_hash=?",
    "order_id=?",
    "order_id=? AND kind=?",
    "parent_id=?",
    "account_id=? AND key=?",
    "account_id=? AND rowid=?",
    "account_id=? AND id=? AND rowid=?",
    "account_id=? AND service_id=?",
    "service_id=? AND source_rank=?",
    "service_id=? AND link=?",
    "provider_id=? AND send_at<?",
    "provider_id=? AND poll_at<?",
    "provider_id=? AND provider_order=?",
    "provider_id=? AND action=?",
    "provider_id=? AND kind=?",
    "provider_id=? AND kind=? AND word=?",
    "held_because=?",
    "held_because=? AND provider_id=?",
)
"""What finds a few rows. By account alone would be a walk through all that it ever ordered."""

LOOKUP = re.compile(
    r"SEARCH \w+ USING ((INTEGER )?PRIMARY KEY|(COVERING )?INDEX \w+) "
    rf"\(({'|'.join(map(re.escape, KEYS))})\)( LEFT-JOIN)?"
)
NO_TABLE = (
    "SCAN CONSTANT ROW",
    "SCALAR SUBQUERY 1",
    "SCALAR SUBQUERY 2",
    "CORRELATED SCALAR SUBQUERY 2",
    "SEARCH t3 USING PRIMARY KEY (account_id=?)",  # whether a caller has one own rate
    "SCAN sqlite_sequence",  # has a row a table; asked every few seconds for the state file
)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "count": (1, 100),
    "columns": (("status", "remains"), ("dispatch_state", "send_at", "poll_at")),
}
"""With what the functions that build queries are called, by the name of their parameter."""


def queries() -> Iterator[Any]:
    """All compiled queries of panel/, and those that its cached functions build."""
    for info in pkgutil.walk_packages(panel.__path__, "panel."):
        for name, found in vars(importlib.import_module(info.name)).items():
            if isinstance(found, CompiledQuery):
                yield pytest.param(f"{info.name}.{name}", found, id=f"{info.name}.{name}")
            if isinstance(found, _lru_cache_wrapper) and found.__module__ == info.name:
                signature = inspect.signature(found)
                if signature.return_annotation is not CompiledQuery:
                    continue
                (parameter,) = signature.parameters
                for argument in ARGUMENTS[parameter]:
                    label = f"{info.name}.{name}({argument})"
                    yield pytest.param(label, found(argument), id=label)


def plan(sql: str, parameters: tuple[Any, ...] = ()) -> list[str]:
    """What SQLite would do, a line a step."""
    rows = database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)
    return [detail for *_, detail in rows]


def assert_lookups(steps: list[str]) -> None:
    wrong = [step for step in steps if step not in NO_TABLE and not LOOKUP.fullmatch(step)]
    assert wrong == [], steps


def test_the_scan_of_the_modules_finds_the_queries() -> None:
    found = [param.values[0] for param in queries()]
    assert len(found) == len(set(found))
    assert {
        "panel.accounts._FIND",
        "panel.ledger._MOVE",
        "panel.orders.lookup._FIND",
        "panel.orders.lookup._find_many(1)",
        "panel.orders.lookup._find_many(100)",
        "panel.orders.refills._find_many(100)",
        "panel.orders.transition._update(('status', 'remains'))",
        "panel.pricing._ALL",
    } <= set(found)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(("name", "query"), list(queries()))
def test_a_query_is_an_index_lookup(name: str, query: CompiledQuery) -> None:
    sql, parameters = query.built()
    steps = plan(sql, (1,) * len(parameters))
    if name == "panel.pricing._ALL":
        # The answer of action=services is the table itself.
        assert steps.pop(0) == "SCAN t1 USING INDEX services_by_sort_order"
        assert_lookups(steps)
    else:
        assert steps or sql.startswith("INSERT ")
        assert_lookups(steps)


def test_what_the_triggers_ask_is_an_index_lookup(app: Flask) -> None:
    triggers = database.execute_sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
    asked = [sql for (text,) in triggers for sql in re.findall(r"\((SELECT [^()]+)\)", text)]
    assert len(asked) == 6
    for sql in asked:
        assert_lookups(plan(re.sub(r"NEW\.\w+", "1", sql)))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM orders WHERE link = 'l'",
        "SELECT 1 FROM orders WHERE account_id = 1",
        "SELECT 1 FROM orders WHERE status = 'Pending'",
        "SELECT 1 FROM orders ORDER BY id DESC LIMIT 1",
        "UPDATE cancels SET status = 'accepted' WHERE id IN (SELECT id FROM orders)",
    ],
)
def test_a_walk_through_a_table_would_be_seen(app: Flask, sql: str) -> None:
    with pytest.raises(AssertionError):
        assert_lookups(plan(sql))


@pytest.fixture
def traced(client: FlaskClient) -> Iterator[list[str]]:
    """All that SQLite is given to run, with its values written out."""
    seen: list[str] = []
    connection: sqlite3.Connection = database.connection()
    connection.set_trace_callback(seen.append)
    yield seen
    connection.set_trace_callback(None)


@pytest.fixture
def ordered(cast: SimpleNamespace) -> list[int]:
    """Alice's orders: 1 waits for its cancel, 2 for its refill, 3 is new, 4 is completed."""
    numbers = [new_order(cast.followers) for _ in range(4)]
    transition.change(numbers[0], status="In progress")
    transition.change(numbers[1], status="Completed")
    transition.change(numbers[3], status="Completed")
    cancels.request(account_id(), [numbers[0]])
    refills.request(account_id(), [numbers[1]])
    return numbers


def assert_all_lookups(traced: list[str]) -> None:
    asked = [sql for sql in traced if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))]
    assert asked
    for sql in asked:
        assert_lookups(plan(sql))


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("balance", {}),
        ("add", {"service": "1", "link": "https://a.example/", "quantity": "100"}),
        ("status", {"order": "1"}),
        ("status", {"orders": "1,2,3,9999"}),
        ("refill", {"order": "4"}),
        ("refill", {"orders": "1,2,3"}),
        ("refill_status", {"refill": "1"}),
        ("refill_status", {"refills": "1,2,3"}),
        ("cancel", {"order": "1"}),
        ("cancel", {"orders": "1,2,3"}),
    ],
)
def test_all_that_a_request_asks_is_an_index_lookup(
    client: FlaskClient,
    cast: SimpleNamespace,
    traced: list[str],
    action: str,
    params: dict[str, str],
) -> None:
    traced.clear()
    answer = client.post("/api/v2", data={"key": cast.alice, "action": action, **params})
    assert answer.status_code == 200, answer.json
    assert_all_lookups(traced)


def test_orders_that_do_not_move_are_found_by_an_index_of_their_own(
    ordered: list[int], traced: list[str]
) -> None:
    traced.clear()
    waiting.unmoved(2**40, 100)
    (sql,) = [sql for sql in traced if sql.startswith("SELECT")]
    first, *others = plan(sql)  # no sorting, either
    assert first == "SEARCH t1 USING INDEX orders_unmoved (status=? AND updated_at<?)"
    assert_lookups(others)


WALKS = re.compile(
    r"SCAN (?!t\d USING (COVERING )?INDEX orders_(held|with_warning|to_send|in_doubt|restored))|"
    r"orders_by_time \(created_at<|orders_by_status \(status=\?\)$"
)


@pytest.mark.usefixtures("ordered")
def test_what_is_looked_at_each_minute_walks_through_no_old_and_no_open_orders(
    traced: list[str],
) -> None:
    traced.clear()
    assert conditions.look(settings.read({}), 0).unknown == frozenset()
    steps = [
        (sql, step)
        for sql in traced
        if re.search('(FROM|JOIN) "orders"', sql)
        for step in plan(sql)
    ]
    assert len(steps) > 20
    of_orders = [(sql, step) for sql, step in steps if re.search("orders_|ROWID|rowid", step)]
    assert [(sql, step) for sql, step in of_orders if WALKS.search(step)] == []
    assert not [sql for sql, _ in steps if "MIN(" in sql and "created_at" in sql and ">=" in sql]


OF_WARNINGS = r"SCAN t3 USING (COVERING )?INDEX orders_with_warning"
FEW = [
    ("with_warnings", (0,), OF_WARNINGS),
    ("waiting_long", (2**40,), OF_WARNINGS),
    ("refills_to_settle", (5,), "SCAN t1 USING INDEX refills_open"),
    ("cancels_to_answer", (5,), r"SEARCH t1 USING INDEX cancels_by_status \(status=\?\)"),
]
"""What the overview looks for, and by what it is found: however many are open or ended."""


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize(("name", "arguments", "first"), FEW, ids=[name for name, *_ in FEW])
def test_what_waits_is_found_by_an_index_of_few_orders_and_no_other(
    traced: list[str], name: str, arguments: tuple[int, ...], first: str
) -> None:
    traced.clear()
    getattr(waiting, name)(*arguments)
    (sql,) = [sql for sql in traced if sql.startswith("SELECT")]
    steps = plan(sql)
    assert len([step for step in steps if re.fullmatch(first, step)]) == 1, steps
    others = [
        step
        for step in steps
        if not re.fullmatch(first, step)
        if not step.startswith(("CO-ROUTINE", "SCALAR SUBQUERY", "USE TEMP B-TREE"))
        if step != "SCAN t2"  # the few rows of the co-routine
        if "orders_by_time (created_at>?)" not in step
    ]
    assert_lookups(others)
    sorts = [step for step in steps if step == "USE TEMP B-TREE FOR ORDER BY"]
    assert not sorts or "CO-ROUTINE t2" in steps  # of a few providers


def test_what_is_in_doubt_since_a_restore_is_counted_in_indexes_of_its_own(
    traced: list[str], ordered: list[int]
) -> None:
    traced.clear()
    restored.counts()
    steps = [step for sql in traced for step in plan(sql)]
    found = [re.search(r"INDEX (\w+)$", step) for step in steps]
    names = [match[1] for match in found if match]
    assert names == ["orders_restored", "refills_restored", "cancels_restored"], steps


OF_KIND = r"SEARCH t1 USING INDEX ledger_entries_by_kind \(kind=\?( AND id<\?)?\)"
OF_ACCOUNT_AND_KIND = (
    r"SEARCH t1 USING INDEX ledger_entries_by_account_and_kind "
    r"\(<expr>=\? AND kind=\?( AND id<\?)?\)"
)
LEDGERS = [
    *((LedgerFilter(None, kind), OF_KIND) for kind in ("deposit", "withdrawal", "refund")),
    *(
        (LedgerFilter(1, kind), OF_ACCOUNT_AND_KIND)
        for kind in ("deposit", "withdrawal", "refund")
    ),
    (LedgerFilter(1), r"SEARCH t1 USING INDEX ledger_entries_by_account \(account_id=\?.*\)"),
]


@pytest.mark.usefixtures("ordered")
@pytest.mark.parametrize("before", [None, 5])
@pytest.mark.parametrize(("wanted", "index"), LEDGERS)
def test_a_page_of_the_ledger_walks_through_no_other_entries(
    traced: list[str], wanted: LedgerFilter, index: str, before: int | None
) -> None:
    traced.clear()
    ledger_queries.page(wanted, before)
    (sql,) = [sql for sql in traced if sql.startswith("SELECT")]
    steps = [step for step in plan(sql) if " t1 " in step or "TEMP B-TREE" in step]
    assert len(steps) == 1 and re.fullmatch(index, steps[0]), steps


def test_moving_an_order_on_is_index_lookups(ordered: list[int], traced: list[str]) -> None:
    traced.clear()
    cancels.accept(1)
    transition.change(ordered[1], status="Partial", remains=40)
    refills.set_status(1, "completed")
    for table in ("orders", "cancels", "refills", "ledger_entries", "accounts"):
        assert any(f'"{table}"' in sql for sql in traced)
    assert_all_lookups(traced)
