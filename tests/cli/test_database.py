"""flask init-db, flask backup and flask demo."""

import errno
import os
import re
import runpy
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from support.apps import ROOT, make_app
from support.commands import Call, read
from support.databases import dump
from support.ledger import CONSISTENT, tamper
from support.orders import everything

import settings
from database.backup import read_only
from database.connection import close_database, database
from database.driver import sqlite3
from panel import accounts, tasks
from panel.money import MICROS
from panel.operations import backups
from panel.tasks import Task


def test_a_backup_is_the_whole_database_in_one_private_file(
    filled: SimpleNamespace, call: Call, tmp_path: Path
) -> None:
    before = everything()
    file = tmp_path / "copies" / "100% of it?#1.db"
    file.parent.mkdir()
    result = call("backup", str(file))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"Wrote {file} ({file.stat().st_size} bytes), checked.\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]
    with read_only(file) as copy:
        assert dump(copy) == before

    close_database()
    runner = make_app(file).test_cli_runner()
    assert runner.invoke(args=["ledger", "check"]).stdout == CONSISTENT


def test_a_backup_holds_what_is_committed_while_others_write(
    filled: SimpleNamespace, call: Call, tmp_path: Path
) -> None:
    before = everything()
    file = tmp_path / "copy.db"
    other = sqlite3.connect(database.database, isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE services SET name = 'half done'")
        # That the backup was made is recorded as soon as the other one lets it.
        ends = threading.Timer(0.3, other.execute, ("ROLLBACK",))
        ends.start()
        assert call("backup", str(file)).exit_code == 0
        ends.join()
    with read_only(file) as copy:
        assert dump(copy) == before


def test_a_backup_never_overwrites(filled: SimpleNamespace, call: Call, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    result = call("backup", str(file))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {file} exists already; a backup never overwrites\n"
    assert file.read_text() == "precious"
    own = call("backup", database.database)
    assert (own.exit_code, "exists already" in own.stderr) == (2, True)


@pytest.mark.parametrize("name", ["none/copy.db", "file/copy.db", "taken.db", "n" * 300, "."])
def test_a_wrong_name_is_a_failed_backup_only_of_the_nightly_one(
    filled: SimpleNamespace, call: Call, tmp_path: Path, name: str
) -> None:
    tmp_path.joinpath("taken.db").touch()
    tmp_path.joinpath("file").touch()
    by_hand = call("backup", str(tmp_path / name))
    assert (by_hand.exit_code, by_hand.stderr.count("\n")) == (2, 1)
    assert tasks.last(Task.BACKUP) is None
    nightly = call("backup", "--nightly", str(tmp_path / name))
    assert (nightly.exit_code, nightly.stderr) == (2, by_hand.stderr)
    last = tasks.last(Task.BACKUP)
    assert last is not None
    assert f"Error: {last.problem}\n" == nightly.stderr
    assert sorted(file.name for file in tmp_path.glob("*.part")) == []


@pytest.mark.parametrize("options", [[], ["--nightly"]], ids=["by hand", "nightly"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_disk_that_takes_no_copy_is_a_failed_backup(
    filled: SimpleNamespace,
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    options: list[str],
) -> None:
    def fail(target: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(backups, "backup", fail)
    file = str(tmp_path / "copy.db")
    result = call("backup", *options, file)
    assert (result.exit_code, result.stdout) == (2, "")
    last = tasks.last(Task.BACKUP)
    assert last is not None
    assert last.problem == f"cannot write {file}: {os.strerror(code)}"


def broken_books(path: Path) -> None:
    tamper("UPDATE accounts SET balance_micros = 1 WHERE name = 'alice'")


def broken_rule(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("UPDATE services SET min = 0 WHERE id = 1")
        connection.commit()


def broken_reference(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM services WHERE id = 1")  # foreign keys are off here
        connection.commit()


def broken_page(path: Path) -> None:
    """Write zeros over the root page of an index, as a bad disk would."""
    close_database()
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'orders_by_status'"
        (page,) = connection.execute(sql).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (broken_books, "account alice: balance 0.000001"),
        (broken_rule, "CHECK constraint failed in services"),
        (broken_reference, "broken reference"),
        (broken_page, "orders_by_status|malformed|Tree|page"),
    ],
)
def test_a_backup_that_is_not_sound_is_not_kept(
    filled: SimpleNamespace, call: Call, tmp_path: Path, harm: Callable[[Path], None], why: str
) -> None:
    harm(Path(database.database))
    file = tmp_path / "copies" / "copy.db"
    file.parent.mkdir()
    result = call("backup", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(
        f"Error: the copy is not sound, and was removed: [^\n]*({why})[^\n]*\n", result.stderr
    )
    assert list(file.parent.iterdir()) == []


@pytest.fixture
def port_9123(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app is made for a server on this port."""
    monkeypatch.delenv("BIND", raising=False)
    monkeypatch.setenv("PORT", "9123")


NOTHING_ADDED = "Nothing is added: there are customers or services already.\n"


@pytest.mark.usefixtures("port_9123")
def test_the_demo_fills_an_empty_database_once(call: Call) -> None:
    result = call("demo")
    assert (result.exit_code, result.stderr) == (0, "")
    found = re.search(r"Its key, shown only now: ([0-9a-f]{48})\n", result.stdout)
    assert found is not None
    caller = accounts.find(found[1])
    assert caller is not None and caller.balance_micros == 100 * MICROS
    assert f"curl http://127.0.0.1:9123/api/v2 -d key={found[1]} -d action=add" in result.stdout
    assert [row["id"] for row in read(call, "service list")] == [1, 2, 3, 4, 5, 6]
    assert call("ledger check").stdout == CONSISTENT

    before = everything()
    again = call("demo")
    assert (again.exit_code, again.output) == (0, NOTHING_ADDED)
    _, *as_make_run_does = runpy.run_path(str(ROOT / "deploy" / "run.py"))["DEMO"]
    at_each_start = call(" ".join(as_make_run_does))
    assert (at_each_start.exit_code, at_each_start.output) == (0, "")
    assert everything() == before


def test_the_demos_first_order_is_taken(call: Call, app: Flask) -> None:
    line = next(text for text in call("demo").stdout.splitlines() if "curl" in text)
    _, _, *words = shlex.split(line)
    answer = app.test_client().post("/api/v2", data=dict(w.split("=", 1) for w in words[1::2]))
    assert (answer.status_code, answer.json) == (200, {"order": 1})


@pytest.mark.parametrize(
    "line", ["user add mine", "service add --name N --category C --rate 1 --min 1 --max 2"]
)
def test_the_demo_leaves_an_operators_own_database_alone(call: Call, line: str) -> None:
    assert call(line).exit_code == 0
    before = everything()
    result = call("demo")
    assert (result.exit_code, result.output) == (0, NOTHING_ADDED)
    assert everything() == before


def flask(database: Path, *args: str) -> tuple[int, str, str]:
    """The command as an operator types it, in the project's folder and without --app."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *args],
        cwd=ROOT, env={**os.environ, "PANEL_DATABASE": f"sqlite:///{database}"},
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.server
def test_the_flask_command_finds_the_panel(tmp_path: Path) -> None:
    database = tmp_path / "panel.db"
    ready = f"The database {database} is ready.\n"
    created = f"panel: created the database {database}\n"
    assert flask(database, "init-db") == (0, ready, created)
    assert flask(database, "init-db") == (0, ready, "")
    assert flask(database, "user", "show", "nobody") == (
        2, "", "Error: there is no user nobody\n",
    )  # fmt: skip


def test_a_database_whose_name_is_too_long_is_told_of_in_one_line() -> None:
    with pytest.raises(settings.SettingsError, match=r"PANEL_DATABASE.* the name of the file is"):
        settings.read({"PANEL_DATABASE": f"sqlite:////tmp/{'9' * 300}"})
