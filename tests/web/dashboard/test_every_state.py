"""The panel of the browser's tests has everything in it, and its books are right.

What there can be is read from the product's own tables: what is new there must come about here.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.apps import ROOT, make_app
from support.every_state import ALICE, CAMPAIGN, HOSTILE, LONG_NAME, MANY, ORDERS, Panel

from database.connection import close_database, database
from panel.money import MICROS
from panel.orders.refills import REFILL_FOLLOWS
from panel.orders.state import DISPATCH_FOLLOWS, FOLLOWS
from panel.providers.pending import PendingKind
from panel.service_types import SERVICE_TYPES

pytestmark = pytest.mark.browser  # it serves the browser's tests, and takes as long as they do


@pytest.fixture(scope="module")
def own_file(tmp_path_factory: pytest.TempPathFactory, every_state_file: Path) -> Path:
    """A copy: an app knows the database that it opened, and takes its copies for restored."""
    path = tmp_path_factory.mktemp("own") / "panel.db"
    shutil.copy(every_state_file, path)
    return path


@pytest.fixture(scope="module", autouse=True)
def _opened(own_file: Path) -> Iterator[None]:
    app = make_app(own_file)
    with app.app_context():
        yield
    close_database()


def values(sql: str) -> set[Any]:
    found = [tuple(row) for row in database.execute_sql(sql).fetchall()]
    return {row[0] if len(row) == 1 else row for row in found}


def allowed(column: str, table: str = "orders") -> set[str]:
    """The texts that the schema allows in a column."""
    _, text = (ROOT / "schema.sql").read_text().split(f"CREATE TABLE {table} (")
    found = re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", text)
    assert found is not None
    return {word.strip().strip("'") for word in found[1].split(",")}


def test_it_has_the_customers_and_the_number_of_orders_that_it_promises() -> None:
    (count,) = values("SELECT COUNT(*) FROM orders")
    assert count == ORDERS
    customers = "SELECT DISTINCT name FROM orders JOIN accounts ON accounts.id = account_id"
    assert values(customers) == {ALICE, LONG_NAME}
    for customer in (ALICE, LONG_NAME):
        (many,) = values(
            "SELECT COUNT(*) FROM orders JOIN accounts ON accounts.id = account_id "
            f"WHERE name = '{customer}'"
        )
        assert many > 50


@pytest.mark.parametrize(
    ("sql", "every"),
    [
        ("SELECT status FROM orders", set(FOLLOWS)),
        ("SELECT dispatch_state FROM orders", set(DISPATCH_FOLLOWS)),
        ("SELECT held_because FROM orders", allowed("held_because")),
        ("SELECT kind FROM order_events", allowed("kind", "order_events")),
        ("SELECT status FROM refills", set(REFILL_FOLLOWS)),
        ("SELECT status FROM cancels", {"pending", "accepted", "rejected"}),
        ("SELECT kind FROM pending_changes", {str(kind) for kind in PendingKind}),
        (
            "SELECT type FROM orders JOIN services ON services.id = service_id",
            set(SERVICE_TYPES),
        ),
        ("SELECT kind FROM ledger_entries", {"deposit", "withdrawal", "charge", "refund"}),
        ("SELECT status FROM accounts", {"active", "suspended"}),
        ("SELECT role FROM operators", {"operator", "viewer"}),
        ("SELECT kind FROM provider_words", {"status", "refusal"}),
        ("SELECT source_rank FROM sources", {1, 2}),
        ("SELECT inactive_because FROM services", {"", "vanished", "below cost"}),
        ("SELECT active FROM services", {0, 1}),
        ("SELECT held FROM services", {0, 1}),
        ("SELECT active FROM providers", {0, 1}),
    ],
    ids=lambda value: value[7:60] if isinstance(value, str) else "",
)
def test_it_has_all_that_there_can_be(sql: str, every: set[Any]) -> None:
    assert values(sql) == every


def test_it_has_every_status_where_it_can_come_about() -> None:
    found = values("SELECT status, dispatch_state FROM orders")
    ends = {(status, "sent") for status in FOLLOWS}
    by_hand = {(status, "") for status in FOLLOWS}
    parts = {(s, "parts") for s in ("Pending", "In progress", "Completed", "Partial", "Canceled")}
    doubt = {(s, "review") for s in ("Pending", "In progress", "Canceled")}
    others = {
        ("Pending", "waiting"), ("Active", "waiting"), ("Pending", "sending"),
        ("In progress", "sending"), ("Canceled", "failed"), ("Completed", "failed"),
    }  # fmt: skip
    assert ends | by_hand | parts | doubt | others == found


@pytest.mark.parametrize(
    "condition",
    [
        "restored = 1 AND dispatch_state = 'review'",
        "restored = 1 AND dispatch_state = 'parts'",
        "restored = 1 AND known_before <> ''",
        "may_be_at_provider = 1 AND dispatch_state = 'waiting'",
        "is_temporary = 0 AND attempts > 0",
        "source_rank = 2 AND dispatch_state = 'waiting'",
        "source_rank = 2 AND dispatch_state = 'sent'",
        "warning <> '' AND held_because = '' AND dispatch_state = 'sent'",
        "runs IS NOT NULL AND dispatch_state = 'sent'",
        "part IS NOT NULL",
        "part IS NULL AND parent_id IS NOT NULL",
        "length(link) >= 2000",
        "charge_micros = 1",
        f"charge_micros = 1000000 * {MICROS}",
        f"refunded_micros = 1000000 * {MICROS}",
        "quantity = 1000000000",
        "request_id = ''",
        "id IN (SELECT order_id FROM refills WHERE warning <> '')",
        "id IN (SELECT order_id FROM refills WHERE restored = 1)",
        "id IN (SELECT order_id FROM cancels WHERE restored = 1)",
        "id IN (SELECT order_id FROM cancels WHERE passed_on = 1 AND status = 'pending')",
        "id IN (SELECT order_id FROM refills GROUP BY order_id HAVING COUNT(*) > 1)",
    ],
)
def test_it_has_orders_of_each_odd_kind(condition: str) -> None:
    assert values(f"SELECT id FROM orders WHERE {condition}")


def test_its_texts_are_as_hostile_as_they_can_be() -> None:
    assert set(HOSTILE) <= values("SELECT link FROM orders")
    assert values("SELECT id FROM services WHERE length(name) = 500 AND name LIKE '%<script>%'")
    assert values("SELECT id FROM ledger_entries WHERE note LIKE '%<script>%'")


def test_enough_orders_go_on_for_an_act_on_many(every_state_panel: Panel) -> None:
    goes_on = f"link LIKE '{CAMPAIGN}%' AND status = 'In progress'"
    assert len(values(f"SELECT id FROM orders WHERE {goes_on}")) == MANY


def test_its_books_are_right(own_file: Path) -> None:
    result = make_app(own_file).test_cli_runner().invoke(args=["ledger", "check"])
    assert (result.exit_code, result.stderr) == (0, "")
