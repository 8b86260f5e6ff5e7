"""Connections: how they are set up, that each ends with its thread, and one file for a process."""

import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from support.apps import ROOT, make_app
from werkzeug.serving import make_server

import settings
from database import connection as connections
from database import transactions
from database.connection import DatabaseError, PanelDatabase, close_database, database
from database.driver import sqlite3
from database.migrate import open_database
from panel import accounts
from panel.money import MICROS


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
    expected = {
        "journal_mode": "wal",
        "synchronous": number,
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "mmap_size": 2_000_000_000,
        "journal_size_limit": 64 * 1024 * 1024,
        "recursive_triggers": 0,
        "secure_delete": 1,
    }

    def in_force() -> dict[str, Any]:
        return {name: database.pragma(name) for name in expected}

    assert in_force() == expected
    # Each thread has a connection of its own, and so has each one after a close.
    others: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: others.append(in_force()))
    thread.start()
    thread.join()
    close_database()
    assert [*others, in_force()] == [expected, expected]


# A thread's connection ends with it


def is_closed(connection: sqlite3.Connection) -> bool:
    try:
        assert connection.total_changes >= 0  # may be asked by any thread
    except sqlite3.ProgrammingError as error:
        return "closed database" in str(error)
    return False


def open_locks() -> int:
    """How many lock files of the write queue this process has open."""
    lock, found = os.stat(f"{database.database}.lock"), 0
    for number in os.listdir("/dev/fd"):
        with suppress(OSError):  # of the listing itself
            found += os.path.samestat(os.fstat(int(number)), lock)
    return found


@pytest.fixture
def opened(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """All connections that are opened from now on, kept from the garbage collector."""
    opened: list[sqlite3.Connection] = []
    connect = PanelDatabase.connect

    def noting(self: PanelDatabase, reuse_if_open: bool = False) -> bool:
        is_new = connect(self, reuse_if_open)
        opened.append(self.connection())
        return is_new

    monkeypatch.setattr(PanelDatabase, "connect", noting)
    return opened


def write() -> None:
    with transactions.immediate():
        database.execute_sql("UPDATE accounts SET name = name")


def in_a_thread() -> None:
    thread = threading.Thread(target=write)
    thread.start()
    thread.join()


def in_a_pool() -> None:
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(write) for _ in range(9)]:
            future.result()


def in_a_thread_that_fails() -> None:
    def fail() -> None:
        with transactions.immediate():
            raise ZeroDivisionError

    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(fail).exception(), ZeroDivisionError)


def in_a_thread_that_leaves_a_transaction_open() -> None:
    def leave() -> None:
        write()
        database.begin("IMMEDIATE")
        database.execute_sql("DELETE FROM heartbeats")

    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()


@pytest.mark.parametrize(
    "use",
    [in_a_thread, in_a_pool, in_a_thread_that_fails, in_a_thread_that_leaves_a_transaction_open],
)
def test_a_connection_is_closed_at_the_end_of_its_thread(
    opened: list[sqlite3.Connection], use: Callable[[], None]
) -> None:
    write()
    use()
    mine, *others = opened
    assert others
    assert [is_closed(connection) for connection in others] == [True] * len(others)
    assert not is_closed(mine)
    assert open_locks() == 1
    write()


def test_a_connection_is_closed_at_the_end_of_its_request(
    app: Flask, opened: list[sqlite3.Connection]
) -> None:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    for _ in range(5):
        url = f"http://127.0.0.1:{server.server_port}/healthz"
        with urllib.request.urlopen(url) as answer:
            assert answer.status == 200
    server.shutdown()
    thread.join()
    server.server_close()
    assert len(opened) == 5
    deadline = time.monotonic() + 20  # Werkzeug waits for no thread
    while not all(is_closed(connection) for connection in opened):
        assert time.monotonic() < deadline
        time.sleep(0.001)


FORK = """
import os, sys, threading
from pathlib import Path
from database import transactions
from database.connection import close_database, database
from database.migrate import open_database
open_database(Path(sys.argv[1]))
ready, end = threading.Event(), threading.Event()
def work():
    with transactions.immediate():
        database.execute_sql("INSERT INTO heartbeats VALUES ('a', 1)")
    ready.set()
    end.wait()
    with transactions.immediate():
        database.execute_sql("INSERT INTO heartbeats VALUES ('b', 1)")
thread = threading.Thread(target=work)
thread.start()
ready.wait()
child = os.fork()
if child == 0:
    with transactions.immediate():
        database.execute_sql("INSERT INTO heartbeats VALUES ('c', 1)")
    close_database()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
end.set()
thread.join()
print(database.execute_sql("SELECT COUNT(*) FROM heartbeats").fetchone()[0])
close_database()
"""


@pytest.mark.server
def test_a_fork_leaves_the_connections_of_other_threads_alone(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK, path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("0\n3\n", "")


# One process works on one file


def test_a_second_app_on_another_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = make_app(tmp_path / "first.db")
    with first.app_context():
        accounts.add("alice", MICROS)
    capsys.readouterr()
    with pytest.raises(SystemExit) as refused:
        make_app(tmp_path / "second.db")
    assert refused.value.code == 2
    assert capsys.readouterr().err == (
        f"panel: cannot use {tmp_path / 'second.db'} in a process that works on "
        f"{tmp_path / 'first.db'}\n"
    )
    assert not (tmp_path / "second.db").exists()
    # The first app goes on as if nothing had been.
    assert accounts.get("alice").balance_micros == MICROS
    assert first.test_client().get("/healthz").status_code == 200


def test_two_apps_may_share_a_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    make_app(tmp_path / "panel.db")
    accounts.add("alice", MICROS)
    make_app(tmp_path / "link" / "panel.db")
    assert accounts.get("alice").balance_micros == MICROS


def test_another_file_may_be_opened_after_a_close(tmp_path: Path) -> None:
    for name in ("first.db", "second.db", "first.db"):
        make_app(tmp_path / name)
        assert Path(database.database).name == name
        close_database()


def test_a_file_that_cannot_be_used_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        open_database(tmp_path / "nowhere" / "panel.db")
    assert open_database(tmp_path / "panel.db") != []


# The file


def test_what_was_deleted_is_not_left_in_the_file(path: Path) -> None:
    open_database(path)
    key = "a key that is no longer used"
    for statement, is_there in (
        ("INSERT INTO heartbeats VALUES (?, 1)", True),
        ("DELETE FROM heartbeats WHERE name = ?", False),
    ):
        database.execute_sql(statement, (key,))
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        assert (key.encode() in path.read_bytes()) is is_there


def test_a_log_that_grew_beside_a_reader_shrinks_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 200_000
    monkeypatch.setattr(connections, "WAL_LIMIT_BYTES", limit)
    open_database(path, "OFF")
    log = path.with_name("panel.db-wal")

    def write(name: str) -> None:
        with transactions.immediate():
            database.execute_sql("REPLACE INTO heartbeats VALUES (?, 1)", (name,))

    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM heartbeats").fetchall()
        for number in range(100):
            write(f"{number:050000}")
        grown = log.stat().st_size
    # The next commit copies the log into the database, the one after it begins anew.
    for number in range(3):
        write(f"{number}")
    assert log.stat().st_size <= limit < grown // 10


# A file that is a symbolic link


def test_a_linked_database_has_its_files_in_one_place_by_either_name(tmp_path: Path) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "folder"
    disk.mkdir()
    folder.mkdir()
    real, link = disk / "real.db", folder / "panel.db"
    link.symlink_to(real)  # also before there is a file
    for name in (link, real, link):
        environ = {"PANEL_DATABASE": f"sqlite:///{name}"}
        assert settings.read(environ).database == real
        make_app(name)
        with transactions.immediate():
            pass
        close_database()
    assert [file.name for file in folder.iterdir()] == ["panel.db"]
    assert {"real.db", "real.db.state", "real.db.lock"} <= {file.name for file in disk.iterdir()}


def test_a_linked_folder_keeps_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    file = link / "panel.db"
    assert settings.read({"PANEL_DATABASE": f"sqlite:///{file}"}).database == file
