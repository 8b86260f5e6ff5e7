"""Orders to work with, and a provider's lane."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.clock import Clock
from support.orders import Place, new_order, offer_of
from support.recorder import Lane, Recorder, http_lane

from panel.orders import transition


@pytest.fixture
def call(client: FlaskClient, cast: SimpleNamespace) -> Callable[..., Any]:
    """Alice calls the API, or who has another key."""

    def call(action: str, key: str = cast.alice, **params: Any) -> Any:
        return client.post("/api/v2", data={"key": key, "action": action, **params}).json

    return call


@pytest.fixture
def service(cast: SimpleNamespace) -> int:
    """What the lane's provider sells; a module may have another."""
    return cast.followers


@pytest.fixture
def lane(recorder: Recorder, clock: Clock, service: int) -> Lane:
    """The lane of a provider that sells the service."""
    lane = http_lane(recorder.url)
    lane.sells(service)
    return lane


@pytest.fixture
def place(cast: SimpleNamespace) -> Place:
    """Place Alice's order of 500 followers and move it to a status; half of it is delivered."""

    def place(status: str = "Pending", remains: int = 250, service: int | None = None) -> int:
        most = offer_of(service or cast.followers).max
        order_id = new_order(service or cast.followers, min(500, most))
        if status != "Pending":
            remains = 0 if status == "Completed" else min(remains, most)
            transition.change(order_id, status=status, remains=remains)
        return order_id

    return place
