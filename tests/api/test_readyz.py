"""/readyz says in fixed words what keeps the panel from its work."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import health as api_health
from database.driver import sqlite3
from models import Heartbeat
from panel import heartbeat

READY = (200, {"status": "ready"})


def ready(client: FlaskClient) -> tuple[int, Any]:
    response = client.get("/readyz")
    return response.status_code, response.json


def not_ready(*problems: str) -> tuple[int, Any]:
    return 503, {"status": "not ready", "problems": list(problems)}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is found out anew, and a write has little time."""
    monkeypatch.setattr(api_health, "KEPT_S", -1)
    monkeypatch.setattr(api_health, "WRITE_S", 0.1)


@pytest.fixture
def held(panel_file: Path) -> Iterator[sqlite3.Connection]:
    """An outside process that holds SQLite's write lock."""
    other = sqlite3.connect(panel_file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    if other.in_transaction:
        other.execute("ROLLBACK")
    other.close()
    for thread in threading.enumerate():
        if thread.name == "write test":
            thread.join()


def test_a_panel_that_does_its_work_is_ready(client: FlaskClient, cast: SimpleNamespace) -> None:
    heartbeat.record_alive()
    assert ready(client) == READY


def test_a_late_worker_is_told(client: FlaskClient) -> None:
    heartbeat.record_alive()
    Heartbeat.update(seen_at=Heartbeat.seen_at - 61).execute()
    assert ready(client) == not_ready("the worker is late")
    heartbeat.record_alive()
    assert ready(client) == READY


def test_a_database_that_cannot_be_written_is_told_without_waiting_for_it(
    client: FlaskClient, held: sqlite3.Connection
) -> None:
    assert ready(client) == not_ready("the database cannot be written")
    assert client.get("/healthz").status_code == 200
    # No second write is begun while one waits.
    assert ready(client) == not_ready("the database cannot be written")
    assert [t.name for t in threading.enumerate()].count("write test") == 1


def test_a_nearly_full_disk_is_told(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Any) -> Any:
        return SimpleNamespace(f_bavail=9, f_blocks=100, f_frsize=4096)

    monkeypatch.setattr(os, "statvfs", full)
    assert ready(client) == not_ready("the disk is nearly full")


def test_the_answer_is_kept_so_that_nobody_has_the_database_written_at_will(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_health, "KEPT_S", 60)
    assert ready(client) == READY
    Heartbeat.delete().execute()
    for _ in range(20):
        assert ready(client) == READY
    assert Heartbeat.select().count() == 0
