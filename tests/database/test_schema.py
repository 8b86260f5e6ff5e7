"""The schema: the models agree with it, it defends the rules by itself, and it can be upgraded."""

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from peewee import (
    AutoField,
    BlobField,
    CompositeKey,
    ForeignKeyField,
    IntegerField,
    IntegrityError,
    TextField,
)
from support.apps import ROOT, make_app

import models
from database import migrate, transactions
from database.backup import damage, read_only
from database.connection import DatabaseError, close_database, database
from database.migrate import SCHEMA, open_database, schema_version
from panel import accounts, ledger
from panel.money import MICROS

OLDEST = ROOT / "tests" / "schemas" / "version_1.sql"
"""The schema of the first release; it stays as it was, whatever schema.sql becomes."""

Sql = sqlite3.Connection


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_database()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "panel.db"


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
        if not row["name"].startswith("sqlite_")
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
    if keys == ["id"] and table != "catalogue":  # that one is a table of one row
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
    "refills": "id, order_id, status, created_at, updated_at",
    "cancels": "id, order_id, status, created_at, updated_at",
}
"""The columns that the rows below give; the others have defaults."""


def named(sql: str) -> str:
    for table, columns in FIRST_COLUMNS.items():
        sql = sql.replace(f"INTO {table} VALUES", f"INTO {table} ({columns}) VALUES")
    return sql


@pytest.fixture
def filled(schema: Sql) -> Sql:
    """Alice (1) with 97.50 after order 1; Bob (2) with order 2, refunded, and 3, not charged."""
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
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_the_schema_refuses(filled: Sql, case: str) -> None:
    sql, why = REFUSED[case]
    before = list(filled.iterdump())
    with pytest.raises(sqlite3.IntegrityError, match=why):
        filled.execute(named(sql))
    filled.rollback()
    assert list(filled.iterdump()) == before


def test_an_order_is_charged_and_refunded_once_without_the_triggers_too(filled: Sql) -> None:
    filled.execute("DROP TRIGGER ledger_entries_are_not_replaced")
    for sql in (entry("'charge'", "-1", order="1"), entry("'refund'", "1", "0", "2", "2")):
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            filled.execute(sql)


def run(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def dump(path: Path) -> list[str]:
    """Everything in a database and its version; of a file that is none, its bytes."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            return [f"version {version}", *connection.iterdump()]
    except sqlite3.DatabaseError:
        return [repr(path.read_bytes())]


def normal(sql: str) -> str:
    """A statement without comments, needless blanks and quotes of names."""
    text = re.sub(r"--[^\n]*", " ", sql).replace('"', "")
    return re.sub(r"\s*([(),])\s*", r"\1", " ".join(text.split()))


def parts(sql: str) -> tuple[str, list[str], str]:
    """A CREATE TABLE as its beginning, its columns and constraints, and its end.

    Sorted, for ALTER TABLE adds columns behind the constraints.
    """
    begin, _, rest = normal(sql).partition("(")
    body, _, end = rest.rpartition(")")
    found, depth = [""], 0
    for character in body:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return begin, sorted(part.strip() for part in found), end.strip()


def structure(connection: Sql) -> dict[str, Any]:
    """All tables, indexes and triggers of a database, however they came to be."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL")
    return {
        f"{kind} {name}": parts(sql) if kind == "table" else normal(sql)
        for kind, name, sql in rows
        if not name.startswith("sqlite_")
    }


MADE = """
CREATE TABLE t (
    id INTEGER PRIMARY KEY,
    -- why, though
    added TEXT NOT NULL DEFAULT 'a, b' CHECK (added IN ('a', 'b')),
    n INTEGER NOT NULL,
    CHECK (n > 0)
) STRICT;
CREATE INDEX by_n ON t (n, added) WHERE n > 1;
"""
ALTERED = """
CREATE TABLE old (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, CHECK (n > 0)) STRICT;
ALTER TABLE old ADD COLUMN added TEXT NOT NULL DEFAULT 'a, b' CHECK (added IN ('a', 'b'));
ALTER TABLE old RENAME TO t;
CREATE INDEX by_n ON t (n,added)
WHERE n > 1;
"""


@pytest.mark.parametrize(
    ("script", "same"),
    [
        (ALTERED, True),
        (ALTERED.replace("n > 0", "n > 2"), False),
        (ALTERED.replace("NOT NULL DEFAULT", "DEFAULT"), False),
        (ALTERED.replace(" STRICT", ""), False),
        (ALTERED.replace("n > 1", "n > 2"), False),
        (ALTERED.replace("CREATE INDEX", "CREATE UNIQUE INDEX"), False),
        (ALTERED + "CREATE INDEX another ON t (n);", False),
    ],
)
def test_a_structure_is_compared_by_what_it_means(path: Path, script: str, same: bool) -> None:
    run(path, script)
    with closing(sqlite3.connect(path)) as altered, closing(sqlite3.connect(":memory:")) as made:
        made.executescript(MADE)
        assert (structure(altered) == structure(made)) is same


# The database as it is opened


@pytest.mark.parametrize(
    ("variables", "number"),
    [
        ({}, 2),
        ({"PANEL_SYNCHRONOUS": "FULL"}, 2),
        ({"PANEL_SYNCHRONOUS": "normal"}, 1),
        ({"PANEL_SYNCHRONOUS": "OFF"}, 0),
        ({"PANEL_SYNCHRONOUS": "EXTRA"}, 3),
    ],
)
def test_the_pragmas_are_in_force(path: Path, variables: dict[str, str], number: int) -> None:
    make_app(path, **variables)
    expected = {"journal_mode": "wal", "synchronous": number, "foreign_keys": 1}

    def in_force() -> dict[str, Any]:
        return {name: database.pragma(name) for name in expected}

    assert in_force() == expected
    # Each thread has a connection of its own, and so has each one after a close.
    others: list[dict[str, Any]] = []

    def look() -> None:
        others.append(in_force())
        close_database()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    close_database()
    assert [*others, in_force()] == [expected, expected]


def test_a_new_database_has_the_schema_and_its_version(path: Path, schema: Sql) -> None:
    assert open_database(path) == [f"created the database {path}"]
    assert database.pragma("user_version") == schema_version() >= 1
    close_database()
    with closing(sqlite3.connect(path)) as connection:
        assert structure(connection) == structure(schema)
    assert open_database(path) == []


def test_an_open_database_can_be_opened_again_while_it_is_used(app: Flask, path: Path) -> None:
    accounts.add("alice", MICROS)
    assert open_database(path) == []
    assert accounts.get("alice").balance_micros == MICROS


def test_immediate_takes_the_lock_at_its_begin_and_keeps_all_or_nothing(app: Flask) -> None:
    seen: list[str] = []
    database.connection().set_trace_callback(seen.append)
    with transactions.immediate():
        pass
    with pytest.raises(ZeroDivisionError), transactions.immediate():
        models.Service.update(active=False).execute()
        raise ZeroDivisionError
    database.connection().set_trace_callback(None)
    assert [sql for sql in seen if not sql.startswith("UPDATE")] == [
        "BEGIN IMMEDIATE", "COMMIT", "BEGIN IMMEDIATE", "ROLLBACK",
    ]  # fmt: skip


def test_immediate_refuses_to_be_a_savepoint(app: Flask) -> None:
    def nested() -> None:
        with transactions.immediate(), transactions.immediate():
            pass

    with pytest.raises(RuntimeError, match="inside a transaction"):
        nested()
    with database.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        accounts.add("alice")
    assert accounts.listing() == []


def not_sqlite(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)


def of_something_else(path: Path) -> None:
    run(path, "CREATE TABLE recipes (id INTEGER)")


def of_something_else_with_a_version(path: Path) -> None:
    run(path, "CREATE TABLE recipes (id INTEGER); PRAGMA user_version = 1")


def newer(path: Path) -> None:
    run(path, OLDEST.read_text() + "PRAGMA user_version = 999")


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (not_sqlite, "not a database"),
        (of_something_else, "a database of something else"),
        (of_something_else_with_a_version, "a database of something else"),
        (newer, "made by a newer version of the panel"),
        (a_folder, "cannot use the database"),
    ],
)
def test_a_database_that_is_not_ours_is_refused(path: Path, make: Any, why: str) -> None:
    make(path)
    before = dump(path)
    with pytest.raises(DatabaseError, match=why) as refused:
        open_database(path)
    assert "\n" not in str(refused.value)
    assert dump(path) == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot use the database"):
        open_database(tmp_path / "nowhere" / "panel.db")
    assert not (tmp_path / "nowhere").exists()


# Upgrades


DATA = """
INSERT INTO accounts VALUES (1, 'alice', zeroblob(32), 'active', 97500000, 1);
INSERT INTO services VALUES (1, 'S', 'C', 'Default', 5000000, 10, 1000, 1, 1, 1, 1);
INSERT INTO orders
VALUES (1, 1, 1, 'https://a.example/?b=1', 500, 2500000, 0, 'Pending', 0, 500, 1, 1);
INSERT INTO ledger_entries SELECT 1, 1, 'deposit', 100000000, 97500000, NULL, 'first', 1;
INSERT INTO ledger_entries SELECT 2, 1, 'charge', -2500000, 97500000, 1, '', 1;
INSERT INTO refills VALUES (1, 1, 'pending', 1, 1);
INSERT INTO cancels VALUES (1, 1, 'pending', 1, 1);
PRAGMA user_version = 1;
"""


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the first release, with an order in it."""
    run(path, OLDEST.read_text() + DATA)
    return path


@pytest.fixture
def migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations in place of the real ones, empty as yet."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    monkeypatch.setattr(migrate, "MIGRATIONS", folder)
    return folder


ADD = "ALTER TABLE accounts ADD COLUMN tier TEXT NOT NULL DEFAULT 'basic';\n"
FILL = "UPDATE accounts SET tier = 'gold'\n    WHERE name = 'alice';\n"


def kept(path: Path) -> Path:
    return path.with_name("panel.db.version-1")


def value(sql: str) -> Any:
    return database.execute_sql(sql).fetchone()[0]


def test_every_oldest_database_becomes_one_of_the_present_schema(old: Path, schema: Sql) -> None:
    open_database(old)
    assert database.pragma("user_version") == schema_version()
    assert list(ledger.check()) == []
    assert accounts.get("alice").balance_micros == 97_500_000
    close_database()
    with closing(sqlite3.connect(old)) as connection:
        assert damage(connection) == []
        assert structure(connection) == structure(schema)


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [number for number, _ in migrate._migrations()]
    assert numbers == list(range(2, len(numbers) + 2))


def test_an_older_database_is_upgraded_step_by_step(old: Path, migrations: Path) -> None:
    # 10 comes after 3, and what has no number is no step.
    (migrations / "010_mark.sql").write_text("UPDATE accounts SET tier = tier || '!';")
    (migrations / "002_add_tier.sql").write_text("-- a tier; for later\n" + ADD)
    (migrations / "003_fill_tier.sql").write_text(FILL + "-- the end")
    (migrations / "README.md").write_text("no SQL")
    before = dump(old)

    assert open_database(old) == [
        f"kept a copy of the database before its upgrade: {kept(old)}",
        "upgraded the database to version 2 (002_add_tier)",
        "upgraded the database to version 3 (003_fill_tier)",
        "upgraded the database to version 10 (010_mark)",
    ]
    assert database.pragma("user_version") == 10
    assert database.pragma("foreign_keys") == 1
    assert value("SELECT tier FROM accounts") == "gold!"
    assert open_database(old) == []
    assert dump(kept(old)) == before
    assert kept(old).stat().st_mode & 0o777 == 0o600


def test_a_new_database_is_born_with_the_last_number(path: Path, migrations: Path) -> None:
    (migrations / "002_add_tier.sql").write_text("THIS IS NOT RUN;")
    assert open_database(path) == [f"created the database {path}"]
    assert database.pragma("user_version") == 2
    assert not kept(path).exists()


def test_a_last_statement_without_a_semicolon_is_run(old: Path, migrations: Path) -> None:
    (migrations / "002_rename.sql").write_text("UPDATE accounts SET name = 'a'\nWHERE id = 1")
    open_database(old)
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("SELECT id FROM accounts WHERE name = 'a'").fetchall() == [(1,)]


REBUILD_ORDERS = """
CREATE TABLE new_orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    service_id INTEGER NOT NULL REFERENCES services (id),
    link TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
INSERT INTO new_orders SELECT id, account_id, service_id, link, 'from ' || status FROM orders;
DROP TABLE orders;
ALTER TABLE new_orders RENAME TO orders;
CREATE INDEX orders_by_account ON orders (account_id, id);
"""


def test_a_migration_can_rebuild_a_table_that_others_refer_to(old: Path, migrations: Path) -> None:
    (migrations / "002_rebuild_orders.sql").write_text(REBUILD_ORDERS)
    open_database(old)
    assert value("SELECT link FROM orders WHERE id = 1") == "https://a.example/?b=1"
    assert value("SELECT note FROM orders WHERE id = 1") == "from Pending"
    with read_only(old) as connection:
        assert damage(connection) == []
        tables = {
            row[2]
            for table in ("ledger_entries", "refills", "cancels")
            for row in connection.execute(f"PRAGMA foreign_key_list({table})")
        }
    assert tables == {"accounts", "orders"}
    with pytest.raises(IntegrityError):
        database.execute_sql("DELETE FROM orders WHERE id = 1")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (FILL + "SELEC 1;", "syntax error"),
        (FILL + "UPDATE accounts SET balance_micros = -1;", "CHECK"),
        (FILL + "DELETE FROM ledger_entries;", "never deleted"),
        (FILL + "DELETE FROM services;", "would break references"),
        (FILL + "UPDATE accounts SET unknown = 1", "no such column"),
    ],
    ids=["syntax", "check", "trigger", "reference", "last statement"],
)
def test_an_upgrade_that_fails_changes_nothing(
    old: Path, migrations: Path, script: str, why: str
) -> None:
    (migrations / "002_add_tier.sql").write_text(ADD)
    (migrations / "003_fail.sql").write_text(script)
    before = dump(old)
    with pytest.raises(DatabaseError, match=why) as failed:
        open_database(old)
    assert "\n" not in str(failed.value)
    assert dump(old) == before == dump(kept(old))

    # The release that made it still takes it, and so does a migration that was put right.
    (migrations / "003_fail.sql").write_text(FILL)
    open_database(old)
    assert value("SELECT tier FROM accounts") == "gold"
    assert dump(kept(old)) == before


def test_an_upgrade_needs_its_copy(old: Path, migrations: Path) -> None:
    (migrations / "002_add_tier.sql").write_text(ADD)
    kept(old).mkdir()
    before = dump(old)
    with pytest.raises(DatabaseError, match="cannot use the database"):
        open_database(old)
    assert dump(old) == before


OPEN = """
import sys
from pathlib import Path
from database import migrate
from database.connection import database
migrate.MIGRATIONS = Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for line in migrate.open_database(Path(sys.argv[1])):
    print(line)
print(database.pragma("user_version"), database.pragma("journal_mode"))
"""


def open_at_once(path: Path, migrations: Path, processes: int = 4) -> list[list[str]]:
    """Open the database in several processes at once, and give what each one printed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, path, migrations],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(processes)
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0] * processes
    return sorted(outputs, key=len)


def test_processes_that_upgrade_at_once_do_it_once(old: Path, migrations: Path) -> None:
    (migrations / "002_add_tier.sql").write_text(ADD)
    (migrations / "003_mark.sql").write_text("UPDATE accounts SET tier = tier || '!';")
    before = dump(old)
    *others, first = open_at_once(old, migrations)
    assert others == [["3 wal"]] * 3
    assert len(first) == 4
    open_database(old)
    assert value("SELECT tier FROM accounts") == "basic!"
    assert dump(kept(old)) == before


def test_processes_that_create_at_once_do_it_once(path: Path, migrations: Path) -> None:
    *others, first = open_at_once(path, migrations)
    assert others == [["1 wal"]] * 3
    assert first == [f"created the database {path}", "1 wal"]


FORK = """
import fcntl, os, sys
from pathlib import Path
from database import transactions
from database.connection import close_database
from database.migrate import open_database
open_database(Path(sys.argv[1]))
with transactions.immediate():
    pass
child_has_it, tell_parent = os.pipe()
parent_has_tried, tell_child = os.pipe()
if os.fork() == 0:
    with transactions.write_queue():
        os.write(tell_parent, b".")
        os.read(parent_has_tried, 1)
    os._exit(0)
os.read(child_has_it, 1)
try:
    fcntl.flock(transactions._thread.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("both are in")
except BlockingIOError:
    print("the parent waits")
os.write(tell_child, b".")
os.wait()
close_database()
"""


def test_a_forked_child_queues_by_itself(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("the parent waits\n", "")
