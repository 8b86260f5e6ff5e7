"""Opening a file: it is created, refused with one line, or upgraded without loss."""

import re
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from peewee import IntegrityError
from support.apps import ROOT, make_app
from support.databases import dump_file, run
from support.servers import go_together

from database import migrate
from database.backup import damage, read_only
from database.connection import DatabaseError, close_database, database
from database.driver import sqlite3
from database.migrate import SCHEMA, open_database, schema_version
from models import Provider
from panel import accounts, ledger, operators, queries, reports
from panel.money import MICROS
from panel.operations import audit
from panel.orders import cancels, dispatch, dripfeed, refills, state, status_sync
from panel.orders.place import Retry, placed_before

FIRST = ROOT / "tests" / "schemas" / "version_5.sql"
"""A database of the first release, made by its own code: orders, refills and cancels in every
state, and whatever else there can be. It stays as it is."""

Sql = sqlite3.Connection
Row = dict[str, Any]


def test_a_new_database_has_the_schema_and_its_version(path: Path) -> None:
    assert open_database(path) == [f"created the database {path}"]
    assert database.pragma("user_version") == schema_version() >= 1
    close_database()
    assert has_the_schema(path)
    assert open_database(path) == []


def test_an_open_database_can_be_opened_again_while_it_is_used(app: Flask, path: Path) -> None:
    accounts.add("alice", MICROS)
    assert open_database(path) == []
    assert accounts.get("alice").balance_micros == MICROS


def not_sqlite(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)


def of_something_else(path: Path) -> None:
    run(path, "CREATE TABLE recipes (id INTEGER)")


def of_something_else_with_a_version(path: Path) -> None:
    run(path, "CREATE TABLE recipes (id INTEGER); PRAGMA user_version = 1")


def newer(path: Path) -> None:
    run(path, FIRST.read_text() + "PRAGMA user_version = 999")


def older(path: Path) -> None:
    run(path, FIRST.read_text() + "PRAGMA user_version = 4")


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (not_sqlite, "not a database"),
        (of_something_else, "a database of something else"),
        (of_something_else_with_a_version, "a database of something else"),
        (newer, "made by a newer version of the panel"),
        (older, "has schema version 4; only versions from 5 on can be upgraded"),
        (a_folder, "cannot use the database"),
    ],
)
def test_a_database_that_is_not_ours_is_refused(path: Path, make: Any, why: str) -> None:
    make(path)
    before = dump_file(path)
    with pytest.raises(DatabaseError, match=why) as refused:
        open_database(path)
    assert "\n" not in str(refused.value)
    assert dump_file(path) == before
    assert not kept(path).exists()


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="cannot use the database"):
        open_database(tmp_path / "nowhere" / "panel.db")
    assert not (tmp_path / "nowhere").exists()


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
    found = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL")
    return {
        f"{kind} {name}": (parts(sql), columns(connection, name))
        if kind == "table"
        else normal(sql)
        for kind, name, sql in found.fetchall()
        if not name.startswith("sqlite_")
    }


def has_the_schema(path: Path) -> bool:
    """Whether a database has the very tables, indexes and triggers of schema.sql."""
    with closing(sqlite3.connect(path)) as found, closing(sqlite3.connect(":memory:")) as made:
        made.executescript(SCHEMA.read_text())
        return structure(found) == structure(made)


def columns(connection: Sql, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


MADE = """
CREATE TABLE t (
    id INTEGER PRIMARY KEY,
    n INTEGER NOT NULL,
    -- why, though
    added TEXT NOT NULL DEFAULT 'a, b' CHECK (added IN ('a', 'b')),
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
        (
            ALTERED.replace("(id INTEGER PRIMARY KEY, n INTEGER NOT NULL,",
                            "(n INTEGER NOT NULL, id INTEGER PRIMARY KEY,"), False,
        ),
    ],
)  # fmt: skip
def test_a_structure_is_compared_by_what_it_means(path: Path, script: str, same: bool) -> None:
    run(path, script)
    with closing(sqlite3.connect(path)) as altered, closing(sqlite3.connect(":memory:")) as made:
        made.executescript(MADE)
        assert (structure(altered) == structure(made)) is same


# Upgrades


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the first release, in which all that can be has happened."""
    run(path, FIRST.read_text())
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
    return path.with_name("panel.db.version-5")


def value(sql: str) -> Any:
    return database.execute_sql(sql).fetchone()[0]


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [number for number, _ in migrate._migrations()]
    assert numbers == list(range(migrate.FIRST_VERSION + 1, schema_version() + 1))


def test_an_older_database_is_upgraded_step_by_step(old: Path, migrations: Path) -> None:
    # In the order of the numbers, and what has no number is no step.
    (migrations / "0012_mark.sql").write_text("UPDATE accounts SET tier = tier || '!';")
    (migrations / "006_add_tier.sql").write_text("-- a tier; for later\n" + ADD)
    (migrations / "007_fill_tier.sql").write_text(FILL + "-- the end")
    (migrations / "README.md").write_text("no SQL")
    before = dump_file(old)

    assert open_database(old) == [
        f"kept a copy of the database before its upgrade: {kept(old)}",
        "upgraded the database to version 6 (006_add_tier)",
        "upgraded the database to version 7 (007_fill_tier)",
        "upgraded the database to version 12 (0012_mark)",
    ]
    assert database.pragma("user_version") == 12
    assert database.pragma("foreign_keys") == 1
    assert value("SELECT tier FROM accounts WHERE name = 'alice'") == "gold!"
    assert open_database(old) == []
    assert dump_file(kept(old)) == before
    assert kept(old).stat().st_mode & 0o777 == 0o600


def test_a_new_database_is_born_with_the_last_number(path: Path, migrations: Path) -> None:
    (migrations / "006_add_tier.sql").write_text("THIS IS NOT RUN;")
    assert open_database(path) == [f"created the database {path}"]
    assert database.pragma("user_version") == 6
    assert not kept(path).exists()


def test_a_last_statement_without_a_semicolon_is_run(old: Path, migrations: Path) -> None:
    (migrations / "006_rename.sql").write_text("UPDATE accounts SET name = 'a'\nWHERE id = 1")
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
    (migrations / "006_rebuild_orders.sql").write_text(REBUILD_ORDERS)
    open_database(old)
    assert value("SELECT link FROM orders WHERE id = 1") == "https://a.example/?p=Pen&n='quoted'"
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
    (migrations / "006_add_tier.sql").write_text(ADD)
    (migrations / "007_fail.sql").write_text(script)
    before = dump_file(old)
    with pytest.raises(DatabaseError, match=why) as failed:
        open_database(old)
    assert "\n" not in str(failed.value)
    assert dump_file(old) == before == dump_file(kept(old))

    # The release that made it still takes it, and so does a migration that was put right.
    (migrations / "007_fail.sql").write_text(FILL)
    open_database(old)
    assert value("SELECT tier FROM accounts WHERE name = 'alice'") == "gold"
    assert dump_file(kept(old)) == before


def test_an_upgrade_needs_its_copy(old: Path, migrations: Path) -> None:
    (migrations / "006_add_tier.sql").write_text(ADD)
    kept(old).with_name("panel.db.version-5.part").mkdir()
    before = dump_file(old)
    with pytest.raises(DatabaseError, match="cannot use the database"):
        open_database(old)
    assert dump_file(old) == before


def copies(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("panel.db.version-*"))


def test_a_copy_of_an_earlier_upgrade_is_never_replaced(old: Path, migrations: Path) -> None:
    (migrations / "006_add_tier.sql").write_text(ADD)
    kept(old).write_text("the copy of another day")
    second = kept(old).with_name("panel.db.version-5-2")
    second.mkdir()
    third = kept(old).with_name("panel.db.version-5-3")
    before = dump_file(old)
    assert open_database(old)[0].endswith(f": {third}")
    assert kept(old).read_text() == "the copy of another day"
    assert dump_file(third) == before


def test_an_upgrade_that_fails_again_and_again_keeps_one_copy(old: Path, migrations: Path) -> None:
    (migrations / "006_fail.sql").write_text("SELEC 1;")
    kept(old).with_name("panel.db.version-5.part").write_text("of an upgrade that was killed")
    for _ in range(3):
        with pytest.raises(DatabaseError):
            open_database(old)
    assert copies(old) == ["panel.db.version-5"]


def test_a_copy_that_cannot_be_written_whole_leaves_the_one_before(
    old: Path, migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(target: Path) -> None:
        target.write_text("the first half")
        raise OSError("No space left on device")

    (migrations / "006_add_tier.sql").write_text(ADD)
    kept(old).write_text("the copy of another day")
    monkeypatch.setattr(migrate, "backup", full)
    with pytest.raises(DatabaseError, match="No space left"):
        open_database(old)
    assert kept(old).read_text() == "the copy of another day"
    assert copies(old) == ["panel.db.version-5"]


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
    go_together(running)
    outputs = [process.communicate()[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0] * processes
    return sorted(outputs, key=len)


@pytest.mark.server
def test_processes_that_upgrade_at_once_do_it_once(old: Path, migrations: Path) -> None:
    (migrations / "006_add_tier.sql").write_text(ADD)
    (migrations / "007_mark.sql").write_text("UPDATE accounts SET tier = tier || '!';")
    before = dump_file(old)
    *others, first = open_at_once(old, migrations)
    assert others == [["7 wal"]] * 3
    assert len(first) == 4
    open_database(old)
    assert value("SELECT tier FROM accounts WHERE name = 'alice'") == "basic!"
    assert dump_file(kept(old)) == before


@pytest.mark.server
def test_processes_that_create_at_once_do_it_once(path: Path, migrations: Path) -> None:
    *others, first = open_at_once(path, migrations)
    assert others == [["5 wal"]] * 3
    assert first == [f"created the database {path}", "5 wal"]


# From version 5, the first release's


RENAMED: dict[str, dict[str, str]] = {
    "accounts": {"discount_micros": "discount_ppm"},
    "services": {"markup_micros": "markup_ppm", "position": "sort_order"},
    "sources": {"position": "source_rank"},
    "orders": {
        "forward": "dispatch_state",
        "position": "source_rank",
        "may_pass": "is_temporary",
        "maybe_taken": "may_be_at_provider",
    },
    "cancels": {"due_at": "send_at"},
}
STATUSES = {"Pending", "Processing", "In progress", "Completed", "Partial", "Canceled", "Active",
            "Paused", "Expired"}  # fmt: skip
DISPATCH_STATES = {"", "waiting", "sending", "sent", "review", "failed", "parts"}


def contents(path: Path) -> dict[str, list[Row]]:
    """Every row of every table, also of SQLite's own: the numbers that were given out."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            table: sorted(
                (
                    dict(zip(columns(connection, table), row, strict=True))
                    for row in connection.execute(f"SELECT * FROM {table}")
                ),
                key=lambda row: str(next(iter(row.values()))),
            )
            for (table,) in tables.fetchall()
        }


NEW_TABLES = {
    "pending_changes", "provider_words", "asked_singly", "identity", "task_runs", "alerts",
    "recovery_codes", "operator_sessions", "operator_devices", "sign_in_failures",
    "alert_tellings", "submitted_forms", "service_weeks", "account_periods", "summed",
    "exchanges",
}  # fmt: skip
FILLED_TABLES = {"service_weeks", "account_periods", "summed"}
"""The new tables that are made from what there is."""

OF_LINKS = "order_links"
"""The index of links, and the beginning of the names of the tables that FTS5 keeps it in."""
ADDED: dict[str, Row] = {
    "ledger_entries": {"operator": ""},
    "services": {"held": 0, "description": ""},
    "providers": {
        "exchange_ppt": None, "exchange_at": None, "sync_wanted": 0, "stopped_because": "",
        "moved_to": "", "prices_at": None, "failing_because": "", "failing_since": None,
        "paused_at": None,
    },
    "sources": {"name": "", "category": "", "cost_before_micros": None, "risen_at": None},
    "orders": {
        "held_because": "", "held_text": "", "request_id": "", "restored": 0, "known_before": "",
    },
    "refills": {"attempts": 0, "warning": "", "request_id": "", "restored": 0},
    "cancels": {"request_id": "", "restored": 0},
    "operators": {"role": "operator", "totp_secret": "", "totp_step": 0},
}  # fmt: skip


def carried_over(table: str, row: Row) -> Row:
    """A row of version 5 as it is to be now."""
    row = {RENAMED.get(table, {}).get(name, name): value for name, value in row.items()}
    if table in ("orders", "refills"):
        is_to_be_sent = (
            row["dispatch_state"] == "waiting"
            if table == "orders"
            else row["provider_refill"] is None
        )
        due_at = row.pop("due_at")
        row["send_at"], row["poll_at"] = (due_at, 0) if is_to_be_sent else (0, due_at)
    if table == "orders" and row["dispatch_state"] == "waiting" and not row["may_be_at_provider"]:
        row["send_at"] = 0
    return row | added(table, row)


def added(table: str, row: Row) -> Row:
    """The columns that version 5 did not have, as they begin."""
    if table == "providers":
        currency = row["balance"].partition(" ")[2]
        return {**ADDED[table], "currency": currency}
    if table == "audit_lines":
        of_order = re.match(r"order (\d+):", row["act"])
        number = int(of_order[1]) if of_order else None
        return {"order_id": number, "kind": audit.kind_of(row["act"])}
    return ADDED.get(table, {})


def test_there_is_a_row_of_everything_to_carry_over(old: Path) -> None:
    before = contents(old)
    assert min(len(rows) for rows in before.values()) > 0
    orders, refills, cancels = before["orders"], before["refills"], before["cancels"]
    assert {row["status"] for row in orders} == STATUSES
    assert {row["forward"] for row in orders} == DISPATCH_STATES
    assert {row["status"] for row in refills} == {
        "pending", "in progress", "completed", "rejected", "error",
    }  # fmt: skip
    assert {row["status"] for row in cancels} == {"pending", "accepted", "rejected"}
    for flag in ("may_pass", "maybe_taken"):
        assert {row[flag] for row in orders} == {0, 1}
    assert {row["position"] for row in orders} == {row["position"] for row in before["sources"]}
    for forward in ("waiting", "sent", "parts", "failed"):
        assert any(row["due_at"] for row in orders if row["forward"] == forward), forward
    for passed_on in (True, False):
        assert any(r["due_at"] for r in refills if (r["provider_refill"] is not None) == passed_on)
    assert any(row["due_at"] for row in cancels)
    (last,) = [row["seq"] for row in before["sqlite_sequence"] if row["name"] == "services"]
    assert last > max(row["id"] for row in before["services"])  # one was deleted


def test_every_value_of_version_5_is_carried_over(old: Path) -> None:
    before = contents(old)
    assert open_database(old) == [
        f"kept a copy of the database before its upgrade: {kept(old)}",
        "upgraded the database to version 6 (006_rename_columns)",
        "upgraded the database to version 7 (007_nothing_on_a_guess)",
        "upgraded the database to version 8 (008_runs_unattended)",
        "upgraded the database to version 9 (009_daily_work)",
    ]
    close_database()
    assert contents(kept(old)) == before
    after = contents(old)
    new = {table for table in after if table not in before}
    assert {table for table in new if not table.startswith(OF_LINKS)} == NEW_TABLES
    assert after[OF_LINKS] == []
    assert {table for table in NEW_TABLES if after[table]} == FILLED_TABLES
    for table, rows in before.items():
        expected = [carried_over(table, row) for row in rows]
        if table == "accounts":
            expected = [{**row, **ordered_by(row["id"], before["orders"])} for row in expected]
        assert after[table] == expected, table


def ordered_by(account_id: int, orders: list[Row]) -> Row:
    """What an account's row says of its orders."""
    own = [row for row in orders if row["account_id"] == account_id]
    return {
        "orders": sum(row["part"] is None for row in own),
        "spent_micros": sum(row["charge_micros"] - row["refunded_micros"] for row in own),
        "last_order_at": max((row["created_at"] for row in own), default=None),
    }


def test_an_upgraded_database_is_one_of_the_present_schema(old: Path) -> None:
    open_database(old)
    assert database.pragma("user_version") == schema_version()
    close_database()
    assert has_the_schema(old)
    with read_only(old) as connection:
        assert damage(connection) == []


def test_the_books_of_an_upgraded_database_are_right(old: Path) -> None:
    open_database(old)
    assert list(ledger.check()) == []
    sums = """
        SELECT created_at / 3600, status, SUM(part IS NULL), SUM(charge_micros),
            SUM(refunded_micros), SUM(cost_micros)
        FROM orders GROUP BY 1, 2
    """
    kept_sums = "SELECT * FROM order_hours WHERE orders OR charge_micros OR cost_micros"
    assert set(database.execute_sql(kept_sums)) == set(database.execute_sql(sums))


@pytest.mark.parametrize("by", ["service", "user", "provider"])
def test_the_reports_of_an_upgraded_database_are_the_sums_of_its_orders(
    old: Path, by: str
) -> None:
    open_database(old)
    kept_sums = reports.earnings(by)
    database.execute_sql("UPDATE summed SET week = 0, period = 0")  # all from the orders
    assert kept_sums == reports.earnings(by) != []


@pytest.mark.parametrize(
    "act",
    [
        "order 7: refund", "refill 1: set completed", "cancel request 2: accept",
        "customer alice: suspend", "service 1: disable", "services 1, 2: markup 25%",
        "provider up: test", "sign in", "sign in with a one-time password", "sign out",
        "end session 4", "end all other sessions", "new password", "one-time passwords off",
        "begin to set up one-time passwords", "new recovery codes", "operator olga: add",
        "the database was moved here", "ordered by nobody", "restored a copy",
    ],
)  # fmt: skip
def test_lines_of_an_older_audit_get_the_kind_that_a_new_one_has(old: Path, act: str) -> None:
    run(
        old,
        "INSERT INTO audit_lines (operator, address, act, outcome, created_at) "
        f"VALUES ('olga', '', '{act}', 'done', 1)",
    )
    open_database(old)
    kind = value("SELECT kind FROM audit_lines ORDER BY id DESC LIMIT 1")
    assert kind == audit.kind_of(act)


def test_the_worker_goes_on_with_an_upgraded_database(old: Path) -> None:
    before = contents(old)["orders"]

    def ids(provider: int, *states: str, is_open: bool = True) -> set[int]:
        return {
            row["id"]
            for row in before
            if row["forward"] in states and row["provider_id"] == provider
            if not is_open or state.is_open(row["status"])
        }

    open_database(old)
    one, two, _, box = (provider.id for provider in Provider.select().order_by(Provider.id))
    for provider in (one, two, box):
        due = status_sync.due_for_status(provider, 100)
        assert {order_id for order_id, _ in due} == ids(provider, "sent")
        waiting = ids(provider, "waiting")
        assert waiting
        claimed = set()
        while order := dispatch.claim(provider):
            claimed.add(order.order_id)
        assert claimed == waiting
        assert not dispatch.any_to_send(provider)
    listed = {row["id"] for row in queries.orders_in_review()}
    assert listed == {row["id"] for row in before if row["forward"] == "review"}
    in_doubt = len(ids(one, "waiting", "sending") | ids(two, "waiting", "sending")) + 1
    assert dispatch.recover_interrupted() == in_doubt  # what was claimed above, and one before
    dripfeed.run_due(60)
    refill = refills.next_for_provider(one)
    assert refill is not None
    assert [number for _, number in refills.due_for_status(one)] == ["77001"]
    assert len(cancels.due_for_provider(one)) == 2
    assert list(ledger.check()) == []


def test_a_customer_goes_on_with_an_upgraded_database(old: Path) -> None:
    catalogue = sorted(contents(old)["services"], key=lambda row: (row["position"], row["id"]))
    client = make_app(old).test_client()

    def ask(action: str, **parameters: Any) -> Any:
        form = {"key": "a" * 48, "action": action, **parameters}
        return client.post("/api/v2", data=form).json

    balance = Decimal(ask("balance")["balance"])
    offered = [row["service"] for row in ask("services")]
    assert offered == [row["id"] for row in catalogue if row["active"]] != sorted(offered)
    # 100 at alice's own rate of 4.50; no number is given out twice.
    assert ask("add", service=3, link="https://a.example/", quantity=100) == {"order": 65}
    assert Decimal(ask("balance")["balance"]) == balance - Decimal("0.45")
    assert ask("status", order=5)["status"] == "Partial"
    alice = accounts.get("alice")
    assert placed_before(alice.id, Retry("retry-1", bytes(range(32)))) == 10
    assert operators.sign_in("olga", "a long password") is not None
    with pytest.raises(IntegrityError, match="never"):
        database.execute_sql("REPLACE INTO audit_lines SELECT * FROM audit_lines")
    assert list(ledger.check()) == []
