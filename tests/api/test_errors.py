"""Errors that Flask raises, or that nobody foresaw, are answered in JSON like the contract's own.

Each message is sent to the app, and all of them once to a real server.
"""

from pathlib import Path
from typing import Any

import pytest
from support.apps import Server
from support.wire import Message, Send, form, over_http, through
from support.world import ALICE, FOLLOWERS, LINK, World, books

from actions import ACTIONS

ORDER = {"action": "add", "service": FOLLOWERS, "link": LINK, "quantity": 100}

FRAMEWORK: list[tuple[str, int, Message]] = [
    ("another page", 404, Message("GET", "/api")),
    ("another path", 404, Message("POST", "/api/v3")),
    ("below the endpoint", 404, form({"key": ALICE})._replace(target="/api/v2/balance")),
    ("two slashes", 404, form({"key": ALICE})._replace(target="/api/v2//")),
    ("two slashes before", 404, form({"key": ALICE})._replace(target="/api//v2")),
    ("in capitals", 404, form({"key": ALICE})._replace(target="/API/v2")),
    *(
        (f"{method} {target}", 405, Message(method, target).bearing(ALICE).asking(ORDER))
        for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW")
        for target in ("/api/v2", "/api/v2/")
    ),
    ("a body over a mebibyte", 413, form({"key": ALICE, "x": "x" * 2**20})),
]
"""The framework's own errors."""


def check_framework(message: Message, status: int, send: Send, path: Path) -> None:
    before = books(path)
    answer = send(message)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/json"
    if status == 405:
        assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))
    if message.method == "HEAD":
        assert answer.body == b""
    else:
        assert list(answer.json) == ["error"]
        assert isinstance(answer.json["error"], str)
    assert books(path) == before


@pytest.mark.parametrize(
    ("status", "message"), [row[1:] for row in FRAMEWORK], ids=[row[0] for row in FRAMEWORK]
)
def test_the_frameworks_own_errors_are_json(world: World, status: int, message: Message) -> None:
    check_framework(message, status, through(world.app.test_client()), world.path)


def test_a_real_server_answers_them_alike(world_server: Server) -> None:
    path = world_server.database
    send = over_http(world_server.port)
    broken = []
    for name, status, message in FRAMEWORK:
        try:
            check_framework(message, status, send, path)
        except AssertionError as wrong:
            broken.append(f"{name}: {wrong}")
    assert broken == []


def test_an_unforeseen_error_tells_nothing_of_its_cause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret cause")

    broken = ACTIONS["balance"]._replace(run=fail)
    monkeypatch.setitem(ACTIONS, "balance", broken)
    answer = through(world.app.test_client())(form({"key": ALICE, "action": "balance"}))
    assert answer.status == 500
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"error": "Internal Server Error"}
