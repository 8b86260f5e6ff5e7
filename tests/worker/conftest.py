"""A panel that buys from the faulty provider, and lanes that serve it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.apps import make_app
from support.faulty import FaultyProvider
from support.shop import OpenLane, open_shop

from database.connection import close_database
from panel import accounts, ledger
from panel.money import MICROS
from upstream import http
from worker import lane as lanes_module
from worker.lane import Lane, Pace


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One panel for all of these tests; each looks only at the orders that it placed."""
    path = tmp_path_factory.mktemp("faulty") / "panel.db"
    make_app(path, PANEL_SYNCHRONOUS="OFF")
    accounts.add("alice", 10**6 * MICROS)
    yield path
    close_database()


@pytest.fixture
def shop(
    panel: Path, faulty: FaultyProvider, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """A service that is bought from the faulty provider."""
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1_000_000)
    yield open_shop(faulty.url)
    assert list(ledger.check()) == []


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes that pause for no time."""
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 0)
    monkeypatch.setattr(lanes_module, "IDLE_S", 0.01)


@pytest.fixture
def open_lane() -> Iterator[OpenLane]:
    """Open lanes, each with the event that stops it; all end with the test."""
    lanes: list[tuple[threading.Event, Lane]] = []

    def open_one(shop: SimpleNamespace) -> tuple[threading.Event, Lane]:
        stop = threading.Event()
        lane = Lane(shop.row, shop.client, Pace(15, 0), stop)
        lanes.append((stop, lane))
        return lanes[-1]

    yield open_one
    for stop, lane in lanes:
        stop.set()
        lane.join()
