"""The lists that an operator looks through: paged to their end, and read by an index."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.plans import plans

from panel import (
    account_queries,
    ledger_queries,
    paging,
    queries,
    reports,
    service_queries,
    services,
)
from panel.ledger_queries import LedgerFilter
from panel.orders import events


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
