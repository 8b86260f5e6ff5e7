"""A signed-in operator, and orders for it to see."""

from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from support.dashboard import PASSWORD, SCRIPT, Operator, place

from panel import operators


@pytest.fixture
def olga(cast: SimpleNamespace, client: FlaskClient) -> Operator:
    operators.add("olga", PASSWORD)
    return Operator(client)


@pytest.fixture
def order_id(cast: SimpleNamespace) -> int:
    """Alice's order of 100 followers for 0.50, with a script in its link."""
    return place(cast, "alice", SCRIPT)
