"""A signed-in operator, and orders for it to see."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from support import every_state
from support.dashboard import PASSWORD, SCRIPT, Operator, place
from support.faulty import FaultyProvider

from panel import operators


@pytest.fixture
def olga(cast: SimpleNamespace, client: FlaskClient) -> Operator:
    operators.add("olga", PASSWORD)
    return Operator(client)


@pytest.fixture
def order_id(cast: SimpleNamespace) -> int:
    """Alice's order of 100 followers for 0.50, with a script in its link."""
    return place(cast, "alice", SCRIPT)


@pytest.fixture(scope="session")
def _every_state(
    tmp_path_factory: pytest.TempPathFactory, faulty_server: FaultyProvider
) -> tuple[Path, every_state.Panel]:
    path = tmp_path_factory.mktemp("every_state") / "panel.db"
    return path, every_state.build(path, faulty_server.url)


@pytest.fixture(scope="session")
def every_state_file(_every_state: tuple[Path, every_state.Panel]) -> Path:
    """The database in which everything has happened, made once and copied from then on."""
    return _every_state[0]


@pytest.fixture(scope="session")
def every_state_panel(_every_state: tuple[Path, every_state.Panel]) -> every_state.Panel:
    """The numbers of its orders and services."""
    return _every_state[1]
