"""The lists that an operator looks through: paged to their end, and read by an index."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.dashboard import place

from database.connection import database
from models import Order
from panel import (
    account_queries,
    accounts,
    ledger_queries,
    paging,
    queries,
    reports,
    service_queries,
    services,
)
from panel.ledger_queries import LedgerFilter
from panel.orders import events, transition


def test_long_lists_are_paged_to_their_end(
    monkeypatch: pytest.MonkeyPatch, cast: SimpleNamespace
) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    monkeypatch.setattr(queries, "SCAN", 3)
    numbers = [place(cast, "alice") for _ in range(9)]
    for number in (numbers[0], numbers[4]):
        transition.change(number, status="Canceled")
    Order.update(warning="odd").where(Order.id.in_(numbers[2:7])).execute()
    Order.update(held_because="word").where(Order.id.in_(numbers[3:6])).execute()
    alice = accounts.get("alice").id
    for wanted, expected in (
        (queries.OrderFilter(only="warning"), numbers[6:1:-1]),
        (queries.OrderFilter(only="warning", status="Canceled"), [numbers[4]]),
        (queries.OrderFilter(only="held"), numbers[5:2:-1]),
        (queries.OrderFilter(only="held", account_id=alice, service_id=cast.views), []),
        (queries.OrderFilter(), numbers[::-1]),
        (queries.OrderFilter(account_id=alice), numbers[::-1]),
        (queries.OrderFilter(account_id=alice, status="Canceled"), [numbers[4], numbers[0]]),
        (queries.OrderFilter(account_id=alice, service_id=cast.followers), numbers[::-1]),
    ):
        found, before = [], None
        while True:
            page = queries.order_page(wanted, before)
            assert len(page.rows) <= 2
            found += [row["id"] for row in page.rows]
            if page.next is None:
                break
            assert before is None or page.next < before
            before = page.next
        assert found == expected
    searched = queries.order_page(queries.OrderFilter(only="held", text="https://t.me/x"))
    assert [row["id"] for row in searched.rows] == numbers[5:2:-1]


def test_services_customers_and_entries_are_paged_to_their_end(
    monkeypatch: pytest.MonkeyPatch, cast: SimpleNamespace
) -> None:
    monkeypatch.setattr(paging, "PAGE", 3)
    services.move(cast.pack, cast.followers)
    first = service_queries.service_page()
    rest = service_queries.service_page(after=first.next)
    assert [row["id"] for row in first.rows + rest.rows] == [
        cast.pack, cast.followers, cast.views, cast.hidden,
    ]  # fmt: skip
    newest = account_queries.account_page()
    oldest = account_queries.account_page(before=newest.next)
    names = [row["name"] for row in newest.rows + oldest.rows]
    assert names == ["mallory", "poor", "bob", "alice"]
    assert [row["name"] for row in account_queries.account_page("po").rows] == ["poor"]


INDEXES = {
    "orders_by_status": queries.OrderFilter(status="Completed"),
    "orders_by_account": queries.OrderFilter(account_id=1),
    "orders_by_service": queries.OrderFilter(service_id=1),
    "orders_of_provider": queries.OrderFilter(provider_id=1),
    "orders_by_time": queries.OrderFilter(since=1, until=2),
    "orders_by_link": queries.OrderFilter(text="https://t.me/x"),
    "orders_by_provider": queries.OrderFilter(text="4711"),
    "orders_held": queries.OrderFilter(only="held"),
    "orders_with_warning": queries.OrderFilter(only="warning", status="Pending", account_id=1),
}


def plans(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> list[list[str]]:
    """How SQLite goes about each query that is run."""
    asked: list[tuple[str, Any]] = []
    execute = database.execute_sql

    def keep(sql: str, params: Any = None) -> Any:
        asked.append((sql, params))
        return execute(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(database, "execute_sql", keep)
        run()
    return [
        [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params)] for sql, params in asked
    ]


@pytest.mark.parametrize("index", INDEXES)
def test_a_list_of_orders_is_read_by_an_index(
    index: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plans(monkeypatch, lambda: queries.order_page(INDEXES[index], before=100))
    steps = [step for plan in found for step in plan]
    assert any(f"INDEX {index} " in f"{step} " for step in steps), steps
    assert not any(step.startswith("SCAN t1") and "INDEX" not in step for step in steps), steps


@pytest.mark.parametrize(
    ("index", "run"),
    [
        ("ledger_entries_by_account", lambda: ledger_queries.page(LedgerFilter(1), 9)),
        ("order_events_by_order", lambda: events.events(1)),
        ("ledger_entries_by_order", lambda: queries.order_records(1)),
        ("orders_in_doubt", lambda: queries.orders_in_review(11)),
        ("orders_with_warning", lambda: queries.with_warning(11)),
        ("orders_held", lambda: queries.held_with_word("Success", 1)),
        ("orders_held", lambda: queries.order_listing(limit=11, held=True)),
        ("orders_with_warning", lambda: queries.order_listing(limit=11, with_warning=True)),
        ("PRIMARY KEY", lambda: reports.sums(reports.RANGES["90"])),
        ("PRIMARY KEY", lambda: reports.statuses(reports.RANGES["90"])),
        ("services_by_sort_order", service_queries.service_page),
    ],
    ids=[
        "ledger",
        "events",
        "records",
        "review",
        "warnings",
        "words",
        "held list",
        "warnings list",
        "sums",
        "statuses",
        "services",
    ],
)
def test_what_a_page_shows_is_read_by_an_index(
    index: str, run: Callable[[], Any], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [step for plan in plans(monkeypatch, run) for step in plan]
    assert any(f"{index}" in step for step in steps), steps
