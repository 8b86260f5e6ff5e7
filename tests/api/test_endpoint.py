"""Which error is reported when a request is wrong in several ways.

The order is: rate limit, key, account, action, parameters, existence, range, funds. Each ladder
begins wrong in every way and repairs one fault a rung; no rung but the last changes anything.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from support.apps import make_app
from support.wire import Answer, Send, as_json, form, multipart, query, through
from support.world import (
    ALICE,
    BOBS_DONE,
    BOBS_REFILL,
    CATALOGUE,
    DONE,
    DONE_WITHOUT_REFILL,
    FOLLOWERS,
    HIDDEN,
    LINK,
    MALLORY,
    NOBODY,
    PACK,
    PENDING,
    POOR,
    REFILLING,
    UNKNOWN,
    World,
    books,
)

Asked = dict[str, Any]


class Rung(NamedTuple):
    """What is repaired (None takes a parameter away), and what is told then."""

    repair: Asked
    status: int
    told: Any


def error(text: str) -> dict[str, str]:
    return {"error": text}


def first_rungs(action: str, key: str = ALICE) -> list[Rung]:
    """The rungs that all actions share, after which only the action's own faults are left."""
    return [
        Rung({}, 429, error("Too many requests")),
        Rung({"limited": None}, 401, error("Invalid API key")),
        Rung({"key": MALLORY}, 403, error("Account suspended")),
        Rung({"key": key}, 422, error("Incorrect request")),
        Rung({"action": action}, 422, error("Incorrect request")),
    ]


START = {"limited": True, "key": NOBODY, "action": "buy"}
"""Over the rate limit, an unknown key, an unknown action."""

LADDERS: dict[str, tuple[Asked, list[Rung]]] = {
    "services": (START, [
        *first_rungs("services")[:-1],
        Rung({"action": "services"}, 200, CATALOGUE),
    ]),
    "balance": (START, [
        *first_rungs("balance", POOR)[:-1],
        Rung({"action": "balance"}, 200, {"balance": "0.0000", "currency": "USD"}),
    ]),
    "add": ({**START, "service": HIDDEN, "link": ""}, [
        *first_rungs("add", POOR),
        Rung({"quantity": "many"}, 422, error("Incorrect link")),
        Rung({"link": LINK}, 422, error("Incorrect quantity")),
        Rung({"quantity": 1}, 404, error("Incorrect service ID")),
        Rung({"service": UNKNOWN}, 404, error("Incorrect service ID")),
        Rung({"service": FOLLOWERS}, 422, error("Quantity less than minimal 10")),
        Rung({"quantity": 1001}, 422, error("Quantity more than maximum 1000")),
        Rung({"quantity": 1000}, 402, error("Not enough funds on balance")),
        Rung({"key": ALICE}, 200, {"order": 24}),
    ]),
    "add, a Package": ({**START, "service": PACK, "quantity": "many"}, [
        *first_rungs("add", POOR),
        Rung({"link": "\0"}, 422, error("Incorrect link")),
        Rung({"link": LINK}, 402, error("Not enough funds on balance")),
        Rung({"key": ALICE}, 200, {"order": 24}),
    ]),
    "status": ({**START, "order": UNKNOWN, "orders": DONE}, [
        *first_rungs("status"),
        Rung({"orders": None}, 404, error("Incorrect order ID")),
        Rung({"order": BOBS_DONE}, 404, error("Incorrect order ID")),
        Rung({"order": DONE}, 200, {"charge": "5.000000", "start_count": 7,
                                    "status": "Completed", "remains": 0, "currency": "USD"}),
    ]),
    "status of many": ({**START, "orders": ",".join(["0"] * 101)}, [
        *first_rungs("status"),
        Rung({"orders": f"{BOBS_DONE},{UNKNOWN},0"}, 200,
             {str(number): error("Incorrect order ID") for number in (BOBS_DONE, UNKNOWN, 0)}),
    ]),
    "refill": ({**START, "order": UNKNOWN, "orders": DONE}, [
        *first_rungs("refill"),
        Rung({"orders": None}, 404, error("Incorrect order ID")),
        Rung({"order": BOBS_DONE}, 404, error("Incorrect order ID")),
        Rung({"order": DONE_WITHOUT_REFILL}, 422, error("Cannot refill")),
        Rung({"order": PENDING}, 422, error("Cannot refill")),
        Rung({"order": REFILLING}, 422, error("Cannot refill")),
        Rung({"order": DONE}, 200, {"refill": 7}),
    ]),
    "refill of many": ({**START, "orders": ",".join(["0"] * 101)}, [
        *first_rungs("refill"),
        Rung({"orders": f"{BOBS_DONE},{PENDING}"}, 200, [
            {"order": BOBS_DONE, "refill": error("Incorrect order ID")},
            {"order": PENDING, "refill": error("Cannot refill")}]),
        Rung({"orders": DONE}, 200, [{"order": DONE, "refill": 7}]),
    ]),
    "refill_status": ({**START, "refill": UNKNOWN, "refills": 3}, [
        *first_rungs("refill_status"),
        Rung({"refills": None}, 404, error("Refill not found")),
        Rung({"refill": BOBS_REFILL}, 404, error("Refill not found")),
        Rung({"refill": 3}, 200, {"status": "completed"}),
    ]),
    "refill_status of many": ({**START, "refills": ","}, [
        *first_rungs("refill_status"),
        Rung({"refills": f"{BOBS_REFILL},3"}, 200, [
            {"refill": BOBS_REFILL, "status": error("Refill not found")},
            {"refill": 3, "status": "completed"}]),
    ]),
    "cancel": ({**START, "order": DONE, "orders": PENDING}, [
        *first_rungs("cancel"),
        Rung({"order": None, "orders": f"{BOBS_DONE},{DONE}"}, 200, {
            str(BOBS_DONE): error("Incorrect order ID"), str(DONE): error("Cannot cancel")}),
        Rung({"orders": PENDING}, 200, {str(PENDING): {"cancel": "requested"}}),
    ]),
}  # fmt: skip
"""What is asked at first, and the rungs from there."""

WRITES = ("add", "add, a Package", "refill", "refill of many", "cancel")


@pytest.fixture
def tight(world: World) -> Send:
    """Sends to a second app on the same world, where a key has one request a day."""
    app = make_app(world.path, PANEL_RATE_LIMIT="1/day")
    return through(app.test_client())


@pytest.mark.parametrize("build", [form, query, multipart, as_json], ids=lambda b: b.__name__)
@pytest.mark.parametrize("name", LADDERS)
def test_the_first_error_of_the_contracts_order_is_reported(
    world: World, tight: Send, name: str, build: Callable[[Asked], Any]
) -> None:
    asked, rungs = dict(LADDERS[name][0]), LADDERS[name][1]
    ample = through(world.app.test_client())
    tight(form({"key": NOBODY}))  # this address has had its one request
    before = books(world.path)
    answers: list[Answer] = []
    for rung in rungs:
        assert books(world.path) == before, "the rung before has changed something"
        asked.update(rung.repair)
        sent = {n: value for n, value in asked.items() if value is not None and n != "limited"}
        answers.append((tight if asked["limited"] else ample)(build(sent)))
    assert [(answer.status, answer.json) for answer in answers] == [
        (rung.status, rung.told) for rung in rungs
    ]
    assert (books(world.path) != before) == (name in WRITES)


@pytest.mark.parametrize(
    ("key", "status"), [(ALICE, 200), (MALLORY, 403), (NOBODY, 401), ("", 401), ("\0", 401)]
)
def test_the_rate_limit_comes_before_every_other_error(
    world: World, tight: Send, key: str, status: int
) -> None:
    before = books(world.path)
    message = form({"key": key, "action": "balance"})
    assert tight(message).status == status
    for asked in ({"action": "balance"}, {"action": "buy"}, {}):
        refused = tight(form({"key": key, **asked}))
        assert (refused.status, refused.json) == (429, error("Too many requests"))
        assert int(refused.headers["Retry-After"]) > 0
    assert books(world.path) == before


def test_a_suspended_account_gets_one_answer_whatever_it_asks(world: World) -> None:
    send = through(world.app.test_client())
    answers = {
        (answer.status, answer.body)
        for answer in (
            send(form({"key": MALLORY, **asked}))
            for asked in ({}, {"action": "balance"}, {"action": "status", "order": DONE})
        )
    }
    assert len(answers) == 1
