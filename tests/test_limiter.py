"""The limiter while its storage is down: the panel goes on, and each worker counts by itself."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import make_app
from flask.testing import FlaskClient

import models
from panel import accounts
from panel.ratelimit import MappedStorage

NOW = 1_800_000_000.25


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until a test moves it."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    return clock


def ask(client: FlaskClient, key: str) -> tuple[int, str, str | None]:
    """The status, what remains in the window, and how long to wait."""
    answer = client.post("/api/v2", data={"key": key, "action": "balance"})
    headers = answer.headers
    return answer.status_code, headers["X-RateLimit-Remaining"], headers.get("Retry-After")


FOUR = [(200, "2", None), (200, "1", None), (200, "0", None), (429, "0", "60")]
"""Four requests where three are allowed."""


def test_without_its_file_it_counts_by_itself_and_with_it_the_file_counts_again(
    tmp_path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_app(tmp_path / "panel.db", PANEL_RATE_LIMIT="3").test_client()
    key = accounts.add("alice")
    storage = MappedStorage(f"mapped:///{tmp_path / 'panel-ratelimit.counters'}")
    with monkeypatch.context() as patched:
        patched.setattr("panel.ratelimit.fcntl.flock", broken)
        assert [ask(client, key) for _ in range(4)] == FOUR
    assert storage.reset() == 0

    clock.now = NOW + 3600  # the limiter looks after it again and again, ever less often
    assert [ask(client, key) for _ in range(4)] == FOUR
    assert storage.reset() == 1
    assert [ask(client, key) for _ in range(4)] == FOUR
    models.close_database()


def broken(*args: object) -> None:
    raise OSError("Input/output error")
