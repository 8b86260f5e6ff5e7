"""Asking the API for prices."""

from typing import Any

from flask.testing import FlaskClient


def ask(client: FlaskClient, key: str, action: str, **params: Any) -> Any:
    response = client.post("/api/v2", data={"key": key, "action": action, **params})
    return response.get_json()
