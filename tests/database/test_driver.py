"""One copy of SQLite for the whole process, and what is told of one that has a bug."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from flask import Flask
from support.apps import ROOT

from database import driver
from database.backup import backup
from database.compiled_query import CompiledQuery
from database.connection import database
from database.driver import sqlite3
from models import Account


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def sources() -> Iterator[Path]:
    """Every module of the project and of its tests."""
    for entry in ROOT.iterdir():
        if entry.is_dir() and not entry.name.startswith("."):
            yield from entry.rglob("*.py")
        elif entry.suffix == ".py":
            yield entry


def test_nothing_else_imports_an_sqlite_of_its_own() -> None:
    # Two copies in one process undo each other's locks on the same file.
    files = {str(path.relative_to(ROOT)): imported(path) for path in sources()}
    assert {"app.py", "models.py", "bench/database.py", "tests/conftest.py"} <= files.keys()
    found = {name for name, names in files.items() if names & {"sqlite3", "pysqlite3"}}
    assert found == {"database/driver.py"}


def test_the_panel_uses_the_newest_sqlite_that_is_installed(app: Flask) -> None:
    standard = importlib.import_module("sqlite3")
    assert isinstance(database.connection(), sqlite3.Connection)
    assert sqlite3.sqlite_version_info >= standard.sqlite_version_info
    (version,) = database.execute_sql("SELECT sqlite_version()").fetchone()
    assert version == sqlite3.sqlite_version


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
        ((4, 0, 0), False),
    ],
)
def test_a_version_with_the_wal_reset_bug_is_told(
    version: tuple[int, int, int], affected: bool
) -> None:
    told = driver.fault(version)
    assert ("WAL-reset bug" in told) is affected
    assert "\n" not in told
    assert not told or ".".join(map(str, version)) in told


WITHOUT = """
import sys
sys.modules["pysqlite3"] = None
from database.driver import sqlite3
from pathlib import Path
from database import driver
from database.backup import backup, damage, read_only
from database.connection import close_database, database
from database.migrate import open_database
from panel import accounts, ledger
assert driver.sqlite3 is sqlite3
path = Path(sys.argv[1])
print(len(open_database(path)))
accounts.add("alice", 5)
backup(path.with_name("copy.db"))
with read_only(path.with_name("copy.db")) as copy:
    print(damage(copy), list(ledger.check(copy.execute)), copy.execute(
        "SELECT name, balance_micros FROM accounts").fetchall())
close_database()
"""


def test_without_pysqlite3_the_standard_module_serves(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, tmp_path / "panel.db"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n[] [] [('alice', 5)]\n", "")


# Its errors are those that Peewee and our code know


BROKEN = {
    "a constraint": (
        "INSERT INTO accounts (name, key_hash, status, created_at) "
        "VALUES ('', zeroblob(32), 'active', 0)",
        peewee.IntegrityError,
    ),
    "a table that is not there": ("SELECT 1 FROM nowhere", peewee.OperationalError),
    "too few parameters": ("SELECT ?", peewee.ProgrammingError),
}


@pytest.mark.parametrize("case", BROKEN)
def test_errors_become_those_of_peewee(app: Flask, case: str) -> None:
    sql, kind = BROKEN[case]
    with pytest.raises(kind):
        database.execute_sql(sql)
    query = CompiledQuery(lambda: Account.select())
    query._built = (sql, ())
    with pytest.raises(kind) as raised:
        query.run()
    assert isinstance(raised.value.__context__, sqlite3.Error)


def test_errors_beside_peewee_are_those_of_the_driver(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        database.connection().execute("SELECT 1 FROM nowhere")
    (tmp_path / "a folder").mkdir()
    with pytest.raises((sqlite3.Error, OSError)):
        backup(tmp_path / "a folder")
