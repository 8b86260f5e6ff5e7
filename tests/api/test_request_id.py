"""X-Request-Id: in every answer, taken when it is well formed, kept with what was asked for."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.commands import shown

from actions import ACTIONS
from panel.orders import lookup, transition

ID = "a-client.s_own-id-1"
ORDER = {"action": "add", "service": 1, "link": "https://a.b/c", "quantity": 100}


def request_id(client: FlaskClient, method: str, path: str, sent: str | None = None) -> str:
    headers = {} if sent is None else {"X-Request-Id": sent}
    with client.open(path, method=method, headers=headers) as answer:
        told = answer.headers.getlist("X-Request-Id")
    assert len(told) == 1
    return told[0]


EVERYWHERE = [
    ("GET", "/"), ("GET", "/static/style.css"), ("GET", "/openapi.json"), ("GET", "/healthz"),
    ("GET", "/admin"), ("GET", "/admin/orders/1"), ("GET", "/nowhere"), ("HEAD", "/api/v2"),
    ("BREW", "/api/v2"), ("POST", "/api/v2"), ("GET", "/api/v2?action=balance"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), EVERYWHERE)
def test_every_answer_has_an_id(client: FlaskClient, method: str, path: str) -> None:
    made = {request_id(client, method, path) for _ in range(3)}
    assert len(made) == 3
    assert all(len(one) == 24 and one.isalnum() for one in made)
    assert request_id(client, method, path, ID) == ID


def test_an_unforeseen_error_has_an_id(
    client: FlaskClient, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTIONS, "balance", ACTIONS["balance"]._replace(run=lambda *_: 1 / 0))
    answer = client.post(
        "/api/v2", data={"key": cast.alice, "action": "balance"}, headers={"X-Request-Id": ID}
    )
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, ID)


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 65, "with blanks 1", 'quoted"quoted', "two,two,two", "umlaut-äöü"]
)
def test_an_id_that_is_not_well_formed_is_replaced(client: FlaskClient, sent: str) -> None:
    told = request_id(client, "GET", "/healthz", sent)
    assert told != sent
    assert len(told) == 24


def test_an_id_that_looks_like_a_key_is_not_taken(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    for sent in (cast.alice, cast.alice.upper(), f"key-{cast.alice}", f"{cast.alice}.1"):
        told = request_id(client, "GET", "/healthz", sent)
        assert cast.alice not in told.lower()
        assert len(told) == 24
    digests = ("0" * 32, "a1" * 20, "f" * 64, "00-" + "a1" * 16 + "-" + "b7" * 8 + "-01")
    for sent in digests:  # of other lengths, such as a trace's
        assert request_id(client, "GET", "/healthz", sent) == sent


@pytest.fixture
def call(client: FlaskClient, cast: SimpleNamespace) -> Callable[..., Any]:
    """Send an action of alice's under an id."""

    def send(request_id: str, **values: Any) -> Any:
        return client.post(
            "/api/v2", data={"key": cast.alice, **values}, headers={"X-Request-Id": request_id}
        )

    return send


def test_an_order_and_what_is_asked_about_it_keep_their_requests_ids(
    app: Flask, call: Callable[..., Any], cast: SimpleNamespace
) -> None:
    call("request-add", **ORDER)
    call("request-cancel", action="cancel", orders="1")  # nobody has begun it: canceled at once
    call("request-add-2", **ORDER)
    transition.change(2, status="Completed")
    call("request-refill", action="refill", order="2")
    call("request-refill-2", action="refill", order="2")  # refused: one is open
    with app.app_context():
        told = [
            [(line["what"], line["text"]) for line in shown(app.test_cli_runner(), n)["events"]]
            for n in (1, 2)
        ]
    assert told == [
        [
            ("placed", "request request-add"),
            ("cancel", "asked to cancel (request request-cancel)"),
        ],
        [
            ("placed", "request request-add-2"),
            ("refill", "asked for a refill (request request-refill)"),
        ],
    ]


def test_a_repeated_add_keeps_the_first_requests_id_and_says_that_it_is_repeated(
    app: Flask, call: Callable[..., Any]
) -> None:
    answers = [call(f"request-{n}", **ORDER, idempotency_key="once") for n in range(3)]
    assert [answer.json for answer in answers] == [{"order": 1}] * 3
    replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
    assert replayed == [None, "true", "true"]
    with app.app_context():
        (placed,) = shown(app.test_cli_runner(), 1)["events"]
    assert placed["text"] == "request request-0"


def test_nothing_else_says_that_it_is_repeated(
    call: Callable[..., Any], cast: SimpleNamespace
) -> None:
    call(ID, **ORDER, idempotency_key="once")
    others = [
        call(ID, **ORDER),
        call(ID, **{**ORDER, "quantity": 101}, idempotency_key="once"),
        call(ID, action="balance"),
        call(ID, action="status", order="1"),
    ]
    assert [answer.headers.get("Idempotent-Replayed") for answer in others] == [None] * 4
    assert json.loads(others[1].data)["error"].startswith("Idempotency key was used")
    assert lookup.get(2).status == "Pending"
