"""While the database cannot be written, what writes is answered 503, and what reads goes on."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from peewee import OperationalError
from support.apps import Server, make_app
from support.databases import refusing_writes
from support.disks import FullDisk, empty_the_log, small_disk
from support.orders import new_order

from actions import ACTIONS
from api.refusals import Refusals
from database import unavailable
from database.connection import close_database, database
from database.driver import sqlite3
from database.unavailable import TransactionLostError
from panel import accounts, ledger
from panel.money import MICROS
from panel.orders import transition

UNAVAILABLE = {"error": "Service Unavailable"}
FULL = "the database cannot be written: database or disk is full"
ORDER = {"action": "add", "service": 1, "link": "https://a.b/c", "quantity": 100}


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else writes, for longer than anybody waits."""
    with closing(sqlite3.connect(database.database)) as other:
        other.execute("BEGIN IMMEDIATE")
        database.execute_sql("PRAGMA busy_timeout = 1")
        yield
        other.rollback()


CAUSES: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "the database cannot be written: attempt to write a readonly database": refusing_writes,
    "the database cannot be written: database is locked": locked,
}


@pytest.fixture
def completed(cast: SimpleNamespace) -> int:
    """An order that can be refilled."""
    number = new_order(cast.followers)
    transition.change(number, status="Completed")
    return number


@pytest.mark.parametrize("told", CAUSES)
@pytest.mark.parametrize("dialect", ["sns", "perfectpanel"])
def test_what_writes_is_refused_in_both_dialects_and_what_reads_goes_on(
    client: FlaskClient,
    cast: SimpleNamespace,
    completed: int,
    caplog: pytest.LogCaptureFixture,
    told: str,
    dialect: str,
) -> None:
    accounts.set_dialect("alice", dialect)
    pending = new_order(cast.followers)
    before = accounts.get("alice").balance_micros

    def call(**values: Any) -> Any:
        return client.post("/api/v2", data={"key": cast.alice, **values})

    writing = [
        ORDER,
        {**ORDER, "idempotency_key": "once"},
        {"action": "refill", "order": completed},
        {"action": "cancel", "orders": pending},
    ]
    with CAUSES[told]():
        refused = [call(**values) for values in writing]
        read = [
            call(action=name, **{"order": completed} if name == "status" else {})
            for name in ("balance", "status", "services")
        ]
    for answer in refused:
        assert (answer.status_code, answer.json) == (503, UNAVAILABLE)
        assert answer.headers["Retry-After"] == "30"
    assert [answer.status_code for answer in read] == [200] * 3
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == [f"{told} (1 request was refused since this was last told)"]
    assert "Traceback" not in caplog.text

    assert accounts.get("alice").balance_micros == before
    assert list(ledger.check()) == []
    database.execute_sql("PRAGMA busy_timeout = 30000")
    assert call(**ORDER).status_code == 200


def test_another_error_of_the_database_is_unforeseen(
    client: FlaskClient,
    cast: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        database.execute_sql("SELECT * FROM nothing")

    monkeypatch.setitem(ACTIONS, "balance", ACTIONS["balance"]._replace(run=fail))
    answer = client.post("/api/v2", data={"key": cast.alice, "action": "balance"})
    assert (answer.status_code, answer.json) == (500, {"error": "Internal Server Error"})
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert "Traceback" in caplog.text


def test_where_even_reading_fails_the_dashboard_answers_without_the_database(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise TransactionLostError("gone")

    monkeypatch.setattr("panel.operators.any_exists", fail)
    answer = app.test_client().get("/admin")
    assert (answer.status_code, answer.json) == (503, UNAVAILABLE)


# Which errors they are


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "cannot be written: No space left on device"),
        (OSError(30, "Read-only file system"), "cannot be written: Read-only file system"),
        (OSError(2, "No such file"), None),
        (ConnectionResetError(104, "reset"), None),
        (TransactionLostError("it was undone"), "cannot be written: it was undone"),
        (
            caused(TransactionLostError("shared"), OSError(28, "No space left on device")),
            "cannot be written: No space left on device",
        ),
        (caused(RuntimeError("no room"), OSError(5, "I/O error")), "cannot be written: I/O error"),
        (OperationalError("no such table: x"), None),
        (ValueError("x"), None),
    ],
)
def test_an_error_says_that_the_database_cannot_be_used(
    error: Exception, told: str | None
) -> None:
    assert unavailable.reason(error) == (told and f"the database {told}")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as raised:
        sqlite3.connect(tmp_path / "nowhere" / "panel.db")
    told = unavailable.reason(raised.value)
    assert told == "the database cannot be opened: unable to open database file"


# How often it is told


def test_each_reason_is_told_once_a_minute_with_how_often_it_came(clock: SimpleNamespace) -> None:
    refusals = Refusals()
    assert [refusals.count("one") for _ in range(3)] == [1, 0, 0]
    assert [refusals.count("other") for _ in range(2)] == [1, 0]
    clock.now += 61
    assert [refusals.count("one") for _ in range(3)] == [3, 0, 0]
    clock.now += 61
    assert [refusals.count("one"), refusals.count("other")] == [3, 2]


# A real server


@pytest.mark.server
def test_a_full_disk_is_told_once_by_all_processes_of_a_server(
    tmp_path: Path, make_server: Callable[..., Server]
) -> None:
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk") as disk:
        if not isinstance(disk, FullDisk):
            pytest.skip("no file system may be mounted here")
        path = disk.folder / "panel.db"
        make_app(path)
        key = accounts.add("alice", 100 * MICROS)
        close_database()
        server = make_server(PANEL_DATABASE=f"sqlite:///{path}", WEB_CONCURRENCY="2")
        server.flask("service", "add", "--name", "S", "--category", "C", "--rate", "5",
                     "--min", "10", "--max", "1000")  # fmt: skip
        order = {"service": "1", "link": "https://a.b/c", "quantity": "100"}
        for _ in range(10):  # each process has a connection
            assert server.call(key, "balance")[0] == 200
        empty_the_log(path)
        disk.fill()
        assert [server.call(key, "add", **order) for _ in range(20)] == [(503, UNAVAILABLE)] * 20
        assert server.call(key, "balance") == (200, {"balance": "100.0000", "currency": "USD"})
        command = server.flask("user", "fund", "alice", "5", check=False)
        assert command.returncode == 1
        assert command.stderr.endswith(
            "the database cannot be written: database or disk is full\n"
        )
        assert command.stderr.count("\n") == 1
        disk.free()
        assert server.call(key, "add", **order) == (200, {"order": 1})
        log = server.log.read_text()
        assert log.count(f"panel: {FULL} (") == 1
        assert "Traceback" not in log
        server.stop()
