"""The schema: the models agree with it, and it defends the rules by itself."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from peewee import AutoField, BlobField, CompositeKey, ForeignKeyField, IntegerField, TextField
from support.databases import dump

import models
from database.driver import sqlite3
from database.migrate import SCHEMA

Sql = sqlite3.Connection


@pytest.fixture
def schema() -> Iterator[Sql]:
    """An empty database of the present schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.read_text())
        connection.row_factory = sqlite3.Row
        yield connection


# The models agree with schema.sql

TABLES = {model._meta.table_name: model for model in models.TABLES}
each_table = pytest.mark.parametrize("table", sorted(TABLES))


def columns(schema: Sql, table: str) -> dict[str, sqlite3.Row]:
    return {row["name"]: row for row in schema.execute(f"PRAGMA table_info({table})")}


def fields_by_name(table: str) -> dict[str, str]:
    """The column of each field, by the name that Python has for it."""
    return {name: field.column_name for name, field in TABLES[table]._meta.fields.items()}


def fields(table: str) -> dict[str, Any]:
    return {field.column_name: field for field in TABLES[table]._meta.sorted_fields}


def column_type(field: Any) -> str:
    names = ((TextField, "TEXT"), (BlobField, "BLOB"))
    return next((name for kind, name in names if isinstance(field, kind)), "INTEGER")


def test_every_table_has_a_model_and_is_strict(schema: Sql) -> None:
    found = {
        row["name"]: row["strict"]
        for row in schema.execute("PRAGMA table_list")
        # The index of links is SQLite's own affair, behind database/link_index.py.
        if row["type"] == "table" and not row["name"].startswith("sqlite_")
    }
    assert found == dict.fromkeys(TABLES, 1)


def is_rowid(field: Any) -> bool:
    return field.primary_key and isinstance(field, IntegerField)


@each_table
def test_the_model_has_the_columns_of_its_table(schema: Sql, table: str) -> None:
    found = columns(schema, table)
    assert {name: (row["type"], bool(row["notnull"])) for name, row in found.items()} == {
        # A number that is a primary key is never null, though SQLite does not call it so.
        name: (column_type(field), not field.null and not is_rowid(field))
        for name, field in fields(table).items()
    }


@each_table
def test_the_model_has_the_defaults_of_its_table(schema: Sql, table: str) -> None:
    in_schema = {
        name: row["dflt_value"].strip("'")
        for name, row in columns(schema, table).items()
        if row["dflt_value"] is not None
    }
    in_model = {
        name: str(int(field.default) if isinstance(field.default, bool) else field.default)
        for name, field in fields(table).items()
        if field.default is not None and not callable(field.default)
    }
    assert in_schema == in_model


@each_table
def test_the_model_has_the_primary_key_of_its_table(schema: Sql, table: str) -> None:
    keys = [name for name, row in columns(schema, table).items() if row["pk"]]
    model_key: Any = TABLES[table]._meta.primary_key
    if isinstance(model_key, CompositeKey):
        assert keys == [fields_by_name(table)[name] for name in model_key.field_names]
    else:
        assert keys == [model_key.column_name]
    if keys == ["id"] and table not in ("catalogue", "identity", "summed"):  # tables of one row
        assert isinstance(model_key, AutoField)
        (sql,) = schema.execute(
            "SELECT sql FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
        assert "PRIMARY KEY AUTOINCREMENT" in sql  # a number is never given twice


@each_table
def test_the_model_has_the_foreign_keys_of_its_table(schema: Sql, table: str) -> None:
    assert {
        (row["from"], row["table"], row["to"])
        for row in schema.execute(f"PRAGMA foreign_key_list({table})")
    } == {
        (name, field.rel_model._meta.table_name, field.rel_field.column_name)
        for name, field in fields(table).items()
        if isinstance(field, ForeignKeyField)
    }


@each_table
def test_the_model_has_the_unique_columns_of_its_table(schema: Sql, table: str) -> None:
    indexes = [
        [column["name"] for column in schema.execute(f"PRAGMA index_info({row['name']})")]
        for row in schema.execute(f"PRAGMA index_list({table})")
        if row["origin"] == "u"
    ]
    unique = {columns[0] for columns in indexes if len(columns) == 1}
    assert unique == {name for name, field in fields(table).items() if field.unique}


# The schema defends the rules by itself

FIRST_COLUMNS = {
    "accounts": "id, name, key_hash, status, balance_micros, created_at",
    "services": "id, name, category, type, rate_micros, min, max, refill, cancel, active, "
    "created_at",
    "orders": "id, account_id, service_id, link, quantity, charge_micros, refunded_micros, "
    "status, start_count, remains, created_at, updated_at",
    "ledger_entries": "id, account_id, kind, amount_micros, balance_micros, order_id, note, "
    "created_at",
    "refills": "id, order_id, status, created_at, updated_at",
    "cancels": "id, order_id, status, created_at, updated_at",
}
"""The columns that the rows below give; the others have defaults."""


def named(sql: str) -> str:
    for table, columns in FIRST_COLUMNS.items():
        sql = sql.replace(f"INTO {table} VALUES", f"INTO {table} ({columns}) VALUES")
    return sql


@pytest.fixture(params=["off", "on"])
def filled(request: pytest.FixtureRequest, schema: Sql) -> Sql:
    """Alice (1) with 97.50 after order 1; Bob (2) with order 2, refunded, and 3, not charged.

    With both settings of recursive_triggers, whose default depends on the build of SQLite: the
    rules hold for the sqlite3 shell too.
    """
    schema.execute(f"PRAGMA recursive_triggers = {request.param}")
    schema.executescript(
        named("""
        PRAGMA foreign_keys = 1;
        INSERT INTO accounts VALUES (1, 'alice', zeroblob(32), 'active', 97500000, 0);
        INSERT INTO accounts VALUES (2, 'bob', randomblob(32), 'active', 0, 0);
        INSERT INTO services VALUES (1, 'S', 'C', 'Default', 5000000, 10, 1000, 1, 1, 1, 0);
        INSERT INTO orders VALUES (1, 1, 1, 'l', 500, 2500000, 0, 'Pending', 0, 500, 0, 0);
        INSERT INTO orders VALUES (2, 2, 1, 'l', 10, 50000, 50000, 'Canceled', 0, 10, 0, 0);
        INSERT INTO orders VALUES (3, 2, 1, 'l', 10, 0, 0, 'Pending', 0, 10, 0, 0);
        INSERT INTO ledger_entries VALUES (1, 1, 'deposit', 100000000, 97500000, NULL, '', 0);
        INSERT INTO ledger_entries VALUES (2, 1, 'charge', -2500000, 97500000, 1, '', 0);
        INSERT INTO ledger_entries VALUES (3, 2, 'charge', -50000, 0, 2, '', 0);
        INSERT INTO ledger_entries VALUES (4, 2, 'refund', 50000, 0, 2, '', 0);
        INSERT INTO refills VALUES (1, 1, 'pending', 0, 0);
        INSERT INTO cancels VALUES (1, 1, 'pending', 0, 0);
        INSERT INTO audit_lines
        VALUES (1, 'olga', '192.0.2.1', 'order 1: fail', 'done', 0, 1, 'order');
        INSERT INTO audit_lines
        VALUES (2, 'olga', '192.0.2.1', 'order 2: fail', 'begun', 0, 2, 'order');
        """)
    )
    return schema


def account(name: str = "'carol'", key: str = "randomblob(32)", status: str = "'active'",
            balance: str = "0") -> str:  # fmt: skip
    return f"INSERT INTO accounts VALUES (NULL, {name}, {key}, {status}, {balance}, 0)"


def service(name: str = "'S'", category: str = "'C'", rate: str = "1", min: str = "1",
            max: str = "1", flag: str = "1") -> str:  # fmt: skip
    values = f"{name}, {category}, 'Default', {rate}, {min}, {max}, {flag}, {flag}, {flag}, 0"
    return f"INSERT INTO services VALUES (NULL, {values})"


def order(account: str = "1", service: str = "1", quantity: str = "10", charge: str = "5",
          refunded: str = "0", status: str = "'Pending'", start: str = "0",
          remains: str = "10") -> str:  # fmt: skip
    return (
        f"INSERT INTO orders VALUES (NULL, {account}, {service}, 'l', {quantity}, {charge}, "
        f"{refunded}, {status}, {start}, {remains}, 0, 0)"
    )


def entry(kind: str = "'deposit'", amount: str = "1", balance: str = "97500000",
          order: str = "NULL", account: str = "1", note: str = "''") -> str:  # fmt: skip
    return (
        f"INSERT INTO ledger_entries VALUES "
        f"(NULL, {account}, {kind}, {amount}, {balance}, {order}, {note}, 0)"
    )


def refill(order: str = "2", status: str = "'pending'") -> str:
    return f"INSERT INTO refills VALUES (NULL, {order}, {status}, 0, 0)"


def cancel(order: str = "2", status: str = "'pending'") -> str:
    return f"INSERT INTO cancels VALUES (NULL, {order}, {status}, 0, 0)"


@pytest.mark.parametrize(
    "sql",
    [
        account(), account(balance="1000000000000000000"), service(), service(rate="0"), order(),
        "UPDATE audit_lines SET outcome = 'done' WHERE id = 2",
        order(status="'Partial'", refunded="5"), order(charge="0"), order(remains="0"), entry(),
        entry("'withdrawal'", "-1"), entry("'refund'", "1", order="1"), refill(), cancel(),
        refill("1", "'completed'"), cancel("1", "'rejected'"), order(status="'In progress'"),
    ],
)  # fmt: skip
def test_what_the_rules_allow_is_taken(filled: Sql, sql: str) -> None:
    filled.execute(named(sql))
    assert filled.execute("PRAGMA foreign_key_check").fetchall() == []


REFUSED = {
    "a negative balance": (account(balance="-1"), "CHECK"),
    "an update to a negative balance": (
        "UPDATE accounts SET balance_micros = balance_micros - 97500001 WHERE id = 1", "CHECK"
    ),
    "a balance beyond all bounds": (account(balance="1000000000000000001"), "CHECK"),
    "a balance with a fraction": (account(balance="1.5"), "cannot store REAL"),
    "a balance as text": (account(balance="'much'"), "cannot store TEXT"),
    "an empty name": (account("''"), "CHECK"),
    "a name of 65 characters": (account(f"'{'x' * 65}'"), "CHECK"),
    "a name twice": (account("'alice'"), "UNIQUE"),
    "no name": (account("NULL"), "NOT NULL"),
    "a key twice": (account(key="zeroblob(32)"), "UNIQUE"),
    "a key that is no hash": (account(key="zeroblob(31)"), "CHECK"),
    "a key as text": (account(key=f"'{'x' * 32}'"), "cannot store TEXT"),
    "an unknown account status": (account(status="'Active'"), "CHECK"),
    "an empty service name": (service("''"), "CHECK"),
    "an empty category": (service(category="''"), "CHECK"),
    "a negative rate": (service(rate="-1"), "CHECK"),
    "a rate with a fraction": (service(rate="0.5"), "cannot store REAL"),
    "a rate beyond all bounds": (service(rate="1000000000001"), "CHECK"),
    "min of zero": (service(min="0"), "CHECK"),
    "min above max": (service(min="2"), "CHECK"),
    "an update to min above max": ("UPDATE services SET max = 9", "CHECK"),
    "max beyond all bounds": (service(max="1000000001"), "CHECK"),
    "a description beyond all bounds": (
        "UPDATE services SET description = printf('%10001d', 0)", "CHECK"
    ),
    "a flag of 2": (service(flag="2"), "CHECK"),
    "an order of nobody": (order(account="9"), "FOREIGN KEY"),
    "an order of no service": (order(service="9"), "FOREIGN KEY"),
    "a negative quantity": (order(quantity="-1", remains="-1"), "CHECK"),
    "a quantity with a fraction": (order(quantity="10.5"), "cannot store REAL"),
    "a negative charge": (order(charge="-1"), "CHECK"),
    "a charge with a fraction": (order(charge="0.1"), "cannot store REAL"),
    "a negative refund": (order(refunded="-1", status="'Partial'"), "CHECK"),
    "a refund above the charge": (order(refunded="6", status="'Partial'"), "CHECK"),
    "a refund of an open order": (order(refunded="1"), "CHECK"),
    "a refund of a completed order": (order(refunded="1", status="'Completed'"), "CHECK"),
    "a refunded order that goes on": ("UPDATE orders SET status = 'Pending'", "CHECK"),
    "an unknown order status": (order(status="'Cancelled'"), "CHECK"),
    "no order status": (order(status="NULL"), "NOT NULL"),
    "a negative start count": (order(start="-1"), "CHECK"),
    "negative remains": (order(remains="-1"), "CHECK"),
    "remains above the quantity": (order(remains="11"), "CHECK"),
    "an account with orders deleted": ("DELETE FROM accounts WHERE id = 1", "FOREIGN KEY"),
    "a service with orders deleted": ("DELETE FROM services WHERE id = 1", "FOREIGN KEY"),
    "an order with entries deleted": ("DELETE FROM orders WHERE id = 1", "FOREIGN KEY"),
    "an order given to nobody": ("UPDATE orders SET account_id = 9", "FOREIGN KEY"),
    "an entry changed": ("UPDATE ledger_entries SET note = 'x' WHERE id = 1", "never changed"),
    "an entry changed to what it is": ("UPDATE ledger_entries SET note = note", "never changed"),
    "an entry deleted": ("DELETE FROM ledger_entries WHERE id = 4", "never deleted"),
    "all entries deleted": ("DELETE FROM ledger_entries", "never deleted"),
    "an entry replaced by its number": (
        "REPLACE INTO ledger_entries VALUES (1, 1, 'deposit', 1, 97500000, NULL, '', 0)",
        "never replaced",
    ),
    "an entry replaced by its order": (
        "REPLACE INTO ledger_entries VALUES (NULL, 1, 'charge', -1, 97500000, 1, '', 0)",
        "never replaced",
    ),
    "an entry changed by an insert": (
        "INSERT INTO ledger_entries VALUES (NULL, 1, 'charge', -1, 97500000, 1, '', 0) "
        "ON CONFLICT DO UPDATE SET note = 'x'",
        "never",
    ),
    "an entry that leaves another balance": (entry(balance="97500001"), "must leave the balance"),
    "an entry of nobody": (entry(account="9", balance="0"), "FOREIGN KEY"),
    "an entry with a fraction": (entry(amount="0.5"), "cannot store REAL"),
    "an unknown kind of entry": (entry("'gift'"), "CHECK"),
    "a deposit of nothing": (entry(amount="0"), "CHECK"),
    "a deposit that takes": (entry(amount="-1"), "CHECK"),
    "a withdrawal that gives": (entry("'withdrawal'"), "CHECK"),
    "a charge that gives": (entry("'charge'", "1", order="3"), "CHECK"),
    "a refund that takes": (entry("'refund'", "-1", order="3"), "CHECK"),
    "a charge of no order": (entry("'charge'", "-1"), "CHECK"),
    "a deposit of an order": (entry(order="1"), "CHECK"),
    "an entry without a note": (entry(note="NULL"), "NOT NULL"),
    "a refund of an unknown order": (entry("'refund'", order="9"), "FOREIGN KEY"),
    "a second charge of an order": (entry("'charge'", "-1", order="1"), "never replaced"),
    "a second refund of an order": (entry("'refund'", "1", "0", "2", "2"), "never replaced"),
    "a refill of no order": (refill("9"), "FOREIGN KEY"),
    "an unknown refill status": (refill(status="'Pending'"), "CHECK"),
    "a second open refill": (refill("1", "'in progress'"), "UNIQUE"),
    "a cancel of no order": (cancel("9"), "FOREIGN KEY"),
    "an unknown cancel status": (cancel(status="'done'"), "CHECK"),
    "a second waiting cancel": (cancel("1"), "UNIQUE"),
    "an audit line that is over": (
        "UPDATE audit_lines SET outcome = 'x' WHERE id = 1", "never changed"
    ),
    "another act of an open audit line": (
        "UPDATE audit_lines SET act = 'x' WHERE id = 2", "never changed"
    ),
    "another order of an open audit line": (
        "UPDATE audit_lines SET order_id = 1 WHERE id = 2", "never changed"
    ),
    "an audit line of another kind": (
        "UPDATE audit_lines SET kind = 'panel' WHERE id = 2", "never changed"
    ),
    "an audit line deleted": ("DELETE FROM audit_lines WHERE id = 2", "never deleted"),
    "an audit line replaced": (
        "REPLACE INTO audit_lines VALUES (1, 'olga', '', 'x', 'done', 0, 1, 'order')",
        "never replaced",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_the_schema_refuses(filled: Sql, case: str) -> None:
    sql, why = REFUSED[case]
    before = dump(filled)
    with pytest.raises(sqlite3.IntegrityError, match=why):
        filled.execute(named(sql))
    filled.rollback()
    assert dump(filled) == before


def test_an_order_is_charged_and_refunded_once_without_the_triggers_too(filled: Sql) -> None:
    filled.execute("DROP TRIGGER ledger_entries_are_not_replaced")
    for sql in (entry("'charge'", "-1", order="1"), entry("'refund'", "1", "0", "2", "2")):
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            filled.execute(named(sql))


def catalogue_version(filled: Sql) -> int:
    return int(filled.execute("SELECT version FROM catalogue").fetchone()[0])


@pytest.mark.parametrize(
    "sql",
    [
        service(),
        "UPDATE services SET name = 'T'",
        "DELETE FROM services WHERE id = 2",
        "REPLACE INTO services (id, name, category, type, rate_micros, min, max, created_at) "
        "VALUES (2, 'T', 'C', 'Default', 1, 1, 1, 0)",
    ],
)
def test_every_change_of_a_service_changes_the_version_of_the_catalogue(
    filled: Sql, sql: str
) -> None:
    filled.execute(named(service()))
    before = catalogue_version(filled)
    filled.execute(named(sql))
    assert catalogue_version(filled) > before


def test_the_sums_of_an_hour_follow_every_change_of_an_order(filled: Sql) -> None:
    def sums() -> list[tuple[int, ...]]:
        found = filled.execute("SELECT * FROM order_hours WHERE orders > 0 ORDER BY status")
        return [tuple(row) for row in found]

    assert sums() == [(0, "Canceled", 1, 50_000, 50_000, 0), (0, "Pending", 2, 2_500_000, 0, 0)]
    filled.execute("UPDATE orders SET status = 'Completed', cost_micros = 7 WHERE id IN (1, 3)")
    assert sums() == [(0, "Canceled", 1, 50_000, 50_000, 0), (0, "Completed", 2, 2_500_000, 0, 14)]


WEEK_S = 7 * 24 * 3600


def test_an_account_knows_what_it_ordered(filled: Sql) -> None:
    def known() -> list[tuple[int, ...]]:
        query = "SELECT orders, spent_micros, last_order_at FROM accounts ORDER BY id"
        return [tuple(row) for row in filled.execute(query)]

    assert known() == [(1, 2_500_000, 0), (2, 0, 0)]
    filled.execute("UPDATE orders SET status = 'Partial', refunded_micros = 7 WHERE id = 1")
    order = "INSERT INTO orders VALUES (9, 2, 1, 'x', 1, 50, 0, 'Pending', 0, 1, 8, 8)"
    filled.execute(named(order))
    assert known() == [(1, 2_499_993, 0), (3, 50, 8)]
    part = FIRST_COLUMNS["orders"] + ", parent_id, part"
    filled.execute(f"INSERT INTO orders ({part}) VALUES "
                   "(10, 2, 1, 'x', 1, 0, 0, 'Pending', 0, 1, 9, 9, 9, 1)")  # fmt: skip
    assert known() == [(1, 2_499_993, 0), (3, 50, 9)]


@pytest.mark.parametrize("table", ["service_weeks", "account_periods"])
def test_the_sums_of_weeks_that_are_over_follow_every_change_of_an_order(
    filled: Sql, table: str
) -> None:
    key = "service_id, provider_id" if table == "service_weeks" else "account_id"
    by = "service_id, IFNULL(provider_id, 0)" if table == "service_weeks" else "account_id"
    amounts = "charge_micros), SUM(refunded_micros), SUM(cost_micros)"

    def kept() -> list[tuple[int, ...]]:
        query = f"SELECT {key}, SUM(orders), SUM({amounts} FROM {table} GROUP BY {key}"
        found = filled.execute(f"SELECT * FROM ({query}) ORDER BY 1, 2").fetchall()
        return [tuple(row) for row in found if any(tuple(row)[len(key.split(",")) :])]

    def real() -> list[tuple[int, ...]]:
        query = f"SELECT {by}, SUM(part IS NULL), SUM({amounts} FROM orders GROUP BY {by}"
        return [tuple(row) for row in filled.execute(f"{query} ORDER BY 1, 2")]

    filled.execute("UPDATE orders SET created_at = 0")
    filled.execute(f"INSERT INTO {table} SELECT 0, {by}, SUM(part IS NULL), SUM({amounts} "
                   f"FROM orders GROUP BY {by}")  # fmt: skip
    filled.execute("UPDATE summed SET week = 4, period = 1")
    filled.execute(
        "INSERT INTO providers (id, name, url, key, requests_per_minute, created_at) "
        "VALUES (7, 'up', 'sandbox:', '', 60, 0)"
    )
    assert kept() == real() != []
    for change in (
        "UPDATE orders SET provider_id = 7 WHERE id = 1",
        "UPDATE orders SET cost_micros = 9 WHERE id IN (1, 3)",
        "UPDATE orders SET status = 'Partial', refunded_micros = 7 WHERE id = 1",
        "UPDATE orders SET provider_id = NULL, cost_micros = 0 WHERE id = 1",
        "UPDATE orders SET remains = 0, status = 'Completed' WHERE id = 3",
        f"UPDATE orders SET created_at = {2 * WEEK_S} WHERE id = 3",
        named(f"INSERT INTO orders VALUES (9, 2, 1, 'x', 1, 50, 0, 'Pending', 0, 1, {WEEK_S}, 8)"),
    ):
        filled.execute(change)
        assert kept() == real(), change
    later = 4 * WEEK_S  # in a week that is not summed
    filled.execute(
        named(f"INSERT INTO orders VALUES (10, 2, 1, 'x', 1, 50, 0, 'Pending', 0, 1, {later}, 8)")
    )
    assert kept() != real()
