"""What is under way and what waits at each provider: counted by index, and not without an end."""

import re
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from support.orders import account_id, new_order
from support.trouble import add_up, paused, restored, sent

from database.connection import database
from database.driver import sqlite3
from models import Provider
from panel import paging, provider_queries
from panel.orders import cancels, transition
from panel.provider_queries import Work, count_text, provider_page, work_of
from panel.providers import registry


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    return add_up(cast)


def test_what_is_there_and_what_waits_is_counted(up: SimpleNamespace) -> None:
    assert work_of(up.id) == Work(0, 0, 0, 0)
    running = sent(up, "501")
    transition.change(running, status="In progress")
    cancels.request(account_id(), [running])
    paused(up)  # an ended order with a refill, and two that wait
    assert work_of(up.id) == Work(1, 2, 1, 1)
    other = registry.add("other", registry.SANDBOX_URL, "", 60)
    assert work_of(other.id) == Work(0, 0, 0, 0)


def test_what_waits_for_a_person_since_a_restore_is_not_for_the_provider(
    up: SimpleNamespace,
) -> None:
    restored(up)
    assert work_of(up.id)[2:] == (0, 0)


def test_counting_ends_somewhere(up: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_queries, "MOST", 3)
    for _ in range(6):
        new_order(up.followers)
    assert work_of(up.id).waiting == 4
    assert [count_text(n) for n in (0, 3, 4)] == ["0", "3", "more than 3"]


def test_orders_are_counted_by_the_indexes_of_the_worker(
    client: FlaskClient, up: SimpleNamespace
) -> None:
    seen: list[str] = []
    connection: sqlite3.Connection = database.connection()
    connection.set_trace_callback(seen.append)
    work_of(up.id)
    connection.set_trace_callback(None)
    steps = {
        detail
        for sql in seen
        if sql.startswith("SELECT")
        for *_, detail in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}")
    }
    orders = [step for step in steps if re.search(r"orders_", step)]
    assert any("orders_to_poll (provider_id=?)" in step for step in orders)
    assert any("orders_to_send (provider_id=?)" in step for step in orders)
    assert not [step for step in steps if step.startswith("SCAN") and "few" not in step]
    assert not [step for step in steps if "TEMP B-TREE" in step]


def test_providers_come_in_pages(up: SimpleNamespace) -> None:
    for number in range(paging.PAGE + 3):
        registry.add(f"p{number}", registry.SANDBOX_URL, "", 60)
    first = provider_page()
    rest = provider_page(first.next)
    assert (len(first.rows), len(rest.rows), rest.next) == (paging.PAGE, 4, None)
    names = [row["name"] for row in (*first.rows, *rest.rows)]
    assert names == [row.name for row in Provider.select().order_by(Provider.id)]
