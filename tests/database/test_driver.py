"""One copy of SQLite for the whole process, and what is told of one that has a bug."""

import ast
import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import peewee
import pytest
from flask import Flask
from support.apps import ROOT, make_app

from database import driver
from database.backup import backup
from database.compiled_query import CompiledQuery
from database.connection import close_database, database
from database.driver import sqlite3
from models import Account, Provider
from panel import heartbeat
from upstream.sandbox import SandboxProvider
from worker import loop
from worker.lane import Pace


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


@pytest.mark.server
def test_without_pysqlite3_the_standard_module_serves(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT, tmp_path / "panel.db"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n[] [] [('alice', 5)]\n", "")


BUG = "SQLite 3.7.0 has a bug"


@pytest.mark.parametrize("fault", ["", BUG])
def test_the_server_tells_of_a_bug_at_its_start(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    monkeypatch.setattr(driver, "fault", lambda: fault)
    make_app(tmp_path / "panel.db")
    close_database()
    created, *others = capsys.readouterr().err.splitlines()
    assert created.startswith("panel: created the database")
    assert others == ([f"panel: {fault}"] if fault else [])


@pytest.mark.parametrize("fault", ["", BUG])
def test_the_worker_tells_of_a_bug_at_its_start(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    def no_provider(row: Provider) -> SandboxProvider:
        raise AssertionError

    stop = threading.Event()
    monkeypatch.setattr(driver, "fault", lambda: fault)
    monkeypatch.setattr(heartbeat, "record_alive", stop.set)
    with caplog.at_level("WARNING", "panel.worker"):
        loop.run(Path(database.database), no_provider, Pace(1, 0), stop)
    assert [record.getMessage() for record in caplog.records] == ([fault] if fault else [])


COMMAND = f"""
from database import driver
driver.fault = lambda: "{BUG}"
from flask.cli import cli
cli.main(["order", "list", "--json"])
"""


@pytest.mark.server
def test_a_command_does_not_tell_of_a_bug(tmp_path: Path) -> None:
    environ = {**os.environ, "PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND], env=environ, cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert done.stderr == f"panel: created the database {tmp_path / 'panel.db'}\n"


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
