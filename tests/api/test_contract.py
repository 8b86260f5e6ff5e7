"""The contract, action by action and error by error, as one table.

Each row is sent to the app, and all of them once to a real server; what they answer and
whether they change anything is compared exactly.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.apps import Server
from support.servers import assert_sound
from support.wire import JSON, Message, Send, form, over_http, through
from support.world import (
    ALICE,
    ASKED_TO_CANCEL,
    BOB,
    BOBS,
    BOBS_DONE,
    BOBS_REFILL,
    CANCELED,
    CANCELED_LATE,
    CATALOGUE,
    DONE,
    DONE_AGAIN,
    DONE_WITHOUT_REFILL,
    DROPS,
    DUST,
    DUSTY,
    FOLLOWERS,
    HIDDEN,
    LINK,
    MALLORY,
    NOBODY,
    PACK,
    PACKED,
    PARTIAL,
    PARTIAL_DROPS,
    PENDING,
    PENDING_AGAIN,
    PENDING_PACK,
    POOR,
    PROCESSING,
    REFILL_FAILED,
    REFILL_REJECTED,
    REFILL_RUNNING,
    REFILLED,
    REFILLING,
    RUNNING,
    RUNNING_AGAIN,
    UNKNOWN,
    VIEWS,
    World,
    books,
)

from panel import ledger

NEXT_ORDER, NEXT_REFILL = "the next order's number", "the next refill's number"


class Case(NamedTuple):
    """What is asked beside the key, and exactly what is answered; whether it changes anything."""

    name: str
    asked: dict[str, Any]
    status: int
    answer: Any
    writes: bool = False
    key: str | None = ALICE


def error(text: str) -> dict[str, str]:
    return {"error": text}


def state(charge: str, start_count: int, status: str, remains: int) -> dict[str, Any]:
    return {"charge": charge, "start_count": start_count, "status": status, "remains": remains,
            "currency": "USD"}  # fmt: skip


def order(**changes: Any) -> dict[str, Any]:
    """A good order, but for these parameters; None leaves one out."""
    asked = {"action": "add", "service": FOLLOWERS, "link": LINK, "quantity": 10, **changes}
    return {name: value for name, value in asked.items() if value is not None}


SERVICES = [
    Case("every active service, by number", {"action": "services"}, 200, CATALOGUE),
]

BALANCE = [
    Case("99.948485, rounded down", {"action": "balance"}, 200,
         {"balance": "99.9484", "currency": "USD"}, key=BOB),
    Case("0.000001, rounded down", {"action": "balance"}, 200,
         {"balance": "0.0000", "currency": "USD"}, key=POOR),
]  # fmt: skip

ORDERED = {"order": NEXT_ORDER}
ADD = [
    Case("the smallest quantity", order(quantity=10), 200, ORDERED, writes=True),
    Case("the largest quantity", order(quantity=1000), 200, ORDERED, writes=True),
    Case("the longest link", order(link="x" * 2048), 200, ORDERED, writes=True),
    Case("a link in another script", order(link="https://例え.jp/ä?q=1,2"), 200, ORDERED,
         writes=True),
    Case("a Package", order(service=PACK, quantity=None), 200, ORDERED, writes=True),
    Case("a Package ignores a quantity", order(service=PACK, quantity="ten"), 200, ORDERED,
         writes=True),
    Case("parameters that nobody knows", order(color="red", note="\0"), 200, ORDERED,
         writes=True),
    Case("a charge that takes all that is left", order(service=DUST, quantity=500), 200,
         ORDERED, writes=True, key=POOR),
    Case("no service", order(service=None), 422, error("Incorrect request")),
    Case("an empty service", order(service=""), 422, error("Incorrect request")),
    Case("no link", order(link=None), 422, error("Incorrect request")),
    Case("no quantity", order(quantity=None), 422, error("Incorrect request")),
    Case("an empty quantity", order(quantity=""), 422, error("Incorrect request")),
    Case("a Package without a link", order(service=PACK, link=None), 422,
         error("Incorrect request")),
    Case("an empty link", order(link=""), 422, error("Incorrect link")),
    Case("a link of blanks", order(link=" \t "), 422, error("Incorrect link")),
    Case("a link of 2049 characters", order(link="x" * 2049), 422, error("Incorrect link")),
    Case("a link with a line break", order(link="a\nb"), 422, error("Incorrect link")),
    Case("a link with a NUL", order(link="a\0b"), 422, error("Incorrect link")),
    Case("a link with a DEL", order(link="a\x7fb"), 422, error("Incorrect link")),
    Case("a link with a C1 control", order(link="a\x85b"), 422, error("Incorrect link")),
    Case("a Package with an empty link", order(service=PACK, link=""), 422,
         error("Incorrect link")),
    *(Case(f"the quantity {text!r}", order(quantity=text), 422, error("Incorrect quantity"))
      for text in ("ten", "10.0", "10.5", "1e2", "-10", "+10", "1_0", "10,", "\u0661\u0660",
                   "0x10", "10 ")),
    Case("an unknown service", order(service=UNKNOWN), 404, error("Incorrect service ID")),
    Case("a service that is not active", order(service=HIDDEN), 404,
         error("Incorrect service ID")),
    *(Case(f"the service {text!r}", order(service=text), 404, error("Incorrect service ID"))
      for text in ("01", "+1", "1.0", "1_", "\u0661", "-1", "0", "one", 10**30)),
    Case("a quantity of zero", order(quantity=0), 422, error("Quantity less than minimal 10")),
    Case("one too few", order(quantity=9), 422, error("Quantity less than minimal 10")),
    Case("one too many", order(quantity=1001), 422, error("Quantity more than maximum 1000")),
    Case("far too many", order(quantity=10**30), 422, error("Quantity more than maximum 1000")),
    Case("a charge over the balance", order(), 402, error("Not enough funds on balance"),
         key=POOR),
    Case("a charge a millionth over it", order(service=DUST, quantity=1500), 402,
         error("Not enough funds on balance"), key=POOR),
    Case("a Package over it", order(service=PACK), 402, error("Not enough funds on balance"),
         key=POOR),
]  # fmt: skip

STATES = {
    PENDING: state("2.500000", 0, "Pending", 500),
    RUNNING: state("5.000000", 120, "In progress", 320),
    PROCESSING: state("0.001515", 0, "Processing", 101),
    DONE: state("5.000000", 7, "Completed", 0),
    PARTIAL: state("3.000000", 0, "Partial", 400),
    PARTIAL_DROPS: state("0.000077", 0, "Partial", 50),
    CANCELED: state("0.000000", 0, "Canceled", 100),
    CANCELED_LATE: state("0.350000", 0, "Canceled", 30),
    PACKED: state("3.900000", 0, "Pending", 1),
    DUSTY: state("0.000001", 0, "Pending", 500),
}
NO_ORDER = error("Incorrect order ID")
STATUS = [
    *(Case(f"order {number}, {known['status']}", {"action": "status", "order": number}, 200, known)
      for number, known in STATES.items()),
    Case("many, in the order asked", {"action": "status", "orders": f"{DONE},{UNKNOWN},{PENDING}"},
         200, {str(DONE): STATES[DONE], str(UNKNOWN): NO_ORDER, str(PENDING): STATES[PENDING]}),
    Case("a list of one", {"action": "status", "orders": DONE}, 200, {str(DONE): STATES[DONE]}),
    Case("a list of what is not there", {"action": "status", "orders": f"x,{BOBS}"}, 200,
         {"x": NO_ORDER, str(BOBS): NO_ORDER}),
    Case("neither order nor orders", {"action": "status"}, 422, error("Incorrect request")),
    Case("both", {"action": "status", "order": DONE, "orders": DONE}, 422,
         error("Incorrect request")),
    Case("an unknown order", {"action": "status", "order": UNKNOWN}, 404, NO_ORDER),
    Case("somebody else's order", {"action": "status", "order": BOBS}, 404, NO_ORDER),
    Case("a list as one order", {"action": "status", "order": f"{DONE},{UNKNOWN}"}, 200,
         {str(DONE): STATES[DONE], str(UNKNOWN): NO_ORDER}),
    Case("a list of one as one order", {"action": "status", "order": f"{DONE},"}, 200,
         {str(DONE): STATES[DONE]}),
    Case("a list of none as one order", {"action": "status", "order": ","}, 422,
         error("Incorrect request")),
    Case("a list as one order beside orders",
         {"action": "status", "order": f"{DONE},{PENDING}", "orders": DONE}, 422,
         error("Incorrect request")),
]  # fmt: skip

NO_REFILL = error("Cannot refill")
REFILL = [
    Case("a completed order", {"action": "refill", "order": DONE}, 200, {"refill": NEXT_REFILL},
         writes=True),
    *(Case(f"a refill after one that is {status}", {"action": "refill", "order": number}, 200,
           {"refill": NEXT_REFILL}, writes=True)
      for number, status in ((REFILLED, "completed"), (REFILL_REJECTED, "rejected"),
                             (REFILL_FAILED, "error"))),
    Case("many, each once",
         {"action": "refill",
          "orders": f"{PENDING},{DONE_AGAIN},{UNKNOWN},{BOBS_DONE},x,{DONE_AGAIN}"}, 200, [
               {"order": PENDING, "refill": NO_REFILL},
               {"order": DONE_AGAIN, "refill": NEXT_REFILL},
               {"order": UNKNOWN, "refill": NO_ORDER},
               {"order": BOBS_DONE, "refill": NO_ORDER},
               {"order": "x", "refill": NO_ORDER}], writes=True),
    Case("many, none of them possible", {"action": "refill", "orders": PARTIAL}, 200,
         [{"order": PARTIAL, "refill": NO_REFILL}]),
    Case("a list as one order", {"action": "refill", "order": f"{PENDING},{UNKNOWN},x"}, 200,
         [{"order": PENDING, "refill": NO_REFILL}, {"order": UNKNOWN, "refill": NO_ORDER},
          {"order": "x", "refill": NO_ORDER}]),
    Case("neither order nor orders", {"action": "refill"}, 422, error("Incorrect request")),
    Case("both", {"action": "refill", "order": DONE, "orders": DONE}, 422,
         error("Incorrect request")),
    Case("an unknown order", {"action": "refill", "order": UNKNOWN}, 404, NO_ORDER),
    Case("somebody else's order", {"action": "refill", "order": BOBS_DONE}, 404, NO_ORDER),
    Case("the service offers none", {"action": "refill", "order": DONE_WITHOUT_REFILL}, 422,
         NO_REFILL),
    *(Case(f"an order that is {status}", {"action": "refill", "order": number}, 422, NO_REFILL)
      for number, status in ((PENDING, "Pending"), (RUNNING, "In progress"), (PARTIAL, "Partial"),
                             (CANCELED, "Canceled"))),
    *(Case(f"a refill of it is {status}", {"action": "refill", "order": number}, 422, NO_REFILL)
      for number, status in ((REFILLING, "pending"), (REFILL_RUNNING, "in progress"))),
]  # fmt: skip

NOT_FOUND = error("Refill not found")
REFILL_STATUS = [
    *(Case(status, {"action": "refill_status", "refill": number}, 200, {"status": status})
      for number, status in enumerate(
          ("pending", "in progress", "completed", "rejected", "error"), start=1)),
    Case("many, in the order asked", {"action": "refill_status", "refills": f"3,{UNKNOWN},1,x"},
         200, [{"refill": 3, "status": "completed"}, {"refill": UNKNOWN, "status": NOT_FOUND},
               {"refill": 1, "status": "pending"}, {"refill": "x", "status": NOT_FOUND}]),
    Case("a list as one refill", {"action": "refill_status", "refill": f"3,{UNKNOWN}"}, 200,
         [{"refill": 3, "status": "completed"}, {"refill": UNKNOWN, "status": NOT_FOUND}]),
    Case("a list with somebody else's", {"action": "refill_status", "refills": BOBS_REFILL}, 200,
         [{"refill": BOBS_REFILL, "status": NOT_FOUND}]),
    Case("neither refill nor refills", {"action": "refill_status"}, 422,
         error("Incorrect request")),
    Case("both", {"action": "refill_status", "refill": 1, "refills": 1}, 422,
         error("Incorrect request")),
    Case("an unknown refill", {"action": "refill_status", "refill": UNKNOWN}, 404, NOT_FOUND),
    Case("somebody else's refill", {"action": "refill_status", "refill": BOBS_REFILL}, 404,
         NOT_FOUND),
]  # fmt: skip

REQUESTED, NO_CANCEL = {"cancel": "requested"}, error("Cannot cancel")
CANCEL = [
    Case("an order that nobody has begun, named twice",
         {"action": "cancel", "orders": f"{PENDING_AGAIN},{PENDING_AGAIN}"}, 200,
         {str(PENDING_AGAIN): REQUESTED}, writes=True),
    Case("one order", {"action": "cancel", "order": PENDING_PACK}, 200,
         {str(PENDING_PACK): REQUESTED}, writes=True),
    Case("many, in the order asked",
         {"action": "cancel", "orders": f"{UNKNOWN},{RUNNING_AGAIN},{DONE},{BOBS},x"}, 200,
         {str(UNKNOWN): NO_ORDER, str(RUNNING_AGAIN): REQUESTED, str(DONE): NO_CANCEL,
          str(BOBS): NO_ORDER, "x": NO_ORDER}, writes=True),
    Case("an order that was asked for already", {"action": "cancel", "orders": ASKED_TO_CANCEL},
         200, {str(ASKED_TO_CANCEL): REQUESTED}),
    *(Case(f"an order that is {status}", {"action": "cancel", "orders": number}, 200,
           {str(number): NO_CANCEL})
      for number, status in ((DONE, "Completed"), (PARTIAL, "Partial"), (CANCELED, "Canceled"))),
    Case("the service offers none", {"action": "cancel", "orders": DUSTY}, 200,
         {str(DUSTY): NO_CANCEL}),
    Case("one unknown order", {"action": "cancel", "order": UNKNOWN}, 200,
         {str(UNKNOWN): NO_ORDER}),
    Case("one order, malformed", {"action": "cancel", "order": f"{PENDING};{RUNNING}"}, 200,
         {f"{PENDING};{RUNNING}": NO_ORDER}),
    Case("a list as one order", {"action": "cancel", "order": f"{DONE},{UNKNOWN}"}, 200,
         {str(DONE): NO_CANCEL, str(UNKNOWN): NO_ORDER}),
    Case("neither order nor orders", {"action": "cancel"}, 422, error("Incorrect request")),
    Case("both", {"action": "cancel", "order": PENDING, "orders": PENDING}, 422,
         error("Incorrect request")),
]  # fmt: skip

GOOD: list[dict[str, Any]] = [
    {"action": "services"},
    {"action": "balance"},
    order(),
    {"action": "status", "order": DONE},
    {"action": "status", "orders": DONE},
    {"action": "refill", "order": DONE},
    {"action": "refill_status", "refill": 1},
    {"action": "cancel", "orders": PENDING},
]
REFUSALS = [
    *(Case(f"{who} asks for {asked['action']}", asked, status, error(text), key=key)
      for who, key, status, text in (
          ("nobody", None, 401, "Invalid API key"),
          ("an empty key", "", 401, "Invalid API key"),
          ("an unknown key", NOBODY, 401, "Invalid API key"),
          ("a key in capitals", ALICE.upper(), 401, "Invalid API key"),
          ("a suspended account", MALLORY, 403, "Account suspended"))
      for asked in GOOD),
    *(Case(f"the action {text!r}", {"action": text}, 422, error("Incorrect request"))
      for text in ("", "buy", "Balance", "balance ", "add,status", "__class__", "*", "\0")),
    Case("no action", {}, 422, error("Incorrect request")),
    Case("a suspended account without an action", {}, 403, error("Account suspended"),
         key=MALLORY),
]  # fmt: skip

TABLE = [
    case._replace(name=f"{group}: {case.name}")
    for group, cases in (
        ("services", SERVICES),
        ("balance", BALANCE),
        ("add", ADD),
        ("status", STATUS),
        ("refill", REFILL),
        ("refill_status", REFILL_STATUS),
        ("cancel", CANCEL),
        ("refused", REFUSALS),
    )
    for case in cases
]


def compact(value: Any) -> str:
    """Exact, unlike ==: the order of keys counts, and 1 is not true and not 1.0."""
    return json.dumps(value, separators=(",", ":"))


def check(case: Case, send: Send, path: Path) -> None:
    before = books(path)
    key = {} if case.key is None else {"key": case.key}
    answer = send(form({**key, **case.asked}))
    expected = compact(case.answer)
    for mark, table in ((NEXT_ORDER, "orders"), (NEXT_REFILL, "refills")):
        expected = expected.replace(f'"{mark}"', str(len(before[table]) + 1))
    assert (answer.status, compact(answer.json)) == (case.status, expected)
    assert answer.headers["Content-Type"] == "application/json"
    assert (books(path) != before) == case.writes


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_the_app_keeps_the_contract(world: World, case: Case) -> None:
    check(case, through(world.app.test_client()), world.path)
    assert list(ledger.check()) == []


def test_a_real_server_keeps_the_whole_contract(world_server: Server) -> None:
    path = world_server.database
    send = over_http(world_server.port)
    broken = []
    for case in TABLE:
        try:
            check(case, send, path)
        except AssertionError as wrong:
            broken.append(f"{case.name}: {wrong}")
    assert broken == []
    assert_sound(world_server)


@pytest.mark.parametrize(
    ("action", "parameter", "foreign"),
    [
        ("status", "order", BOBS),
        ("refill", "order", BOBS_DONE),
        ("refill_status", "refill", BOBS_REFILL),
    ],
)
def test_nobody_learns_of_somebody_elses_ids(
    world: World, action: str, parameter: str, foreign: int
) -> None:
    send = through(world.app.test_client())
    own = send(form({"key": BOB, "action": action, parameter: foreign}))
    assert "Incorrect" not in own.body.decode() and "not found" not in own.body.decode()
    answers = {
        send(form({"key": ALICE, "action": action, parameter: text})).body
        for text in (foreign, UNKNOWN, 10**30, f"0{foreign}", "x")
    }
    assert len(answers) == 1


@pytest.mark.parametrize("action", ["status", "refill", "cancel"])
def test_nobody_learns_of_somebody_elses_ids_from_a_list(world: World, action: str) -> None:
    send = through(world.app.test_client())
    answers = {
        send(form({"key": ALICE, "action": action, "orders": text})).body.replace(text, b"?")
        for text in (b"%d" % BOBS, b"%d" % UNKNOWN)
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("asked", "charge", "balance"),
    [
        (order(quantity=500), "2.500000", "97.4484"),
        (order(service=VIEWS, quantity=101), "0.001515", "99.9469"),
        (order(service=DROPS, quantity=101), "0.000152", "99.9483"),
        (order(service=DUST, quantity=1), "0.000001", "99.9484"),
        (order(service=DUST, quantity=499), "0.000001", "99.9484"),
        (order(service=DUST, quantity=500), "0.000001", "99.9484"),
        (order(service=PACK, quantity=None), "3.900000", "96.0484"),
        (order(service=PACK, quantity=700), "3.900000", "96.0484"),
    ],
    ids=["a plain one", "rate 0.015", "a half goes up", "far under the smallest",
         "under a half", "a half of the smallest", "a Package", "a Package whatever the quantity"],
)  # fmt: skip
def test_what_an_order_costs_is_told_and_taken(
    world: World, asked: dict[str, Any], charge: str, balance: str
) -> None:
    send = through(world.app.test_client())
    number = send(form({"key": BOB, **asked})).json["order"]
    told = send(form({"key": BOB, "action": "status", "order": number})).json
    assert told["charge"] == charge
    left = send(form({"key": BOB, "action": "balance"})).json
    assert left == {"balance": balance, "currency": "USD"}


def test_a_canceled_order_is_paid_back_and_shows_that_nothing_was_kept(world: World) -> None:
    send = through(world.app.test_client())
    number = send(form({"key": BOB, **order(quantity=500)})).json["order"]
    send(form({"key": BOB, "action": "cancel", "orders": number}))
    told = send(form({"key": BOB, "action": "status", "order": number})).json
    assert told == state("0.000000", 0, "Canceled", 500)
    assert send(form({"key": BOB, "action": "balance"})).json["balance"] == "99.9484"


def test_a_link_keeps_every_character(world: World) -> None:
    link = "https://例え.jp/p?q=a+b%20c&x=1,2#'\";--%zz&&="
    through(world.app.test_client())(form({"key": ALICE, **order(link=link)}))
    rows = books(world.path)["orders"]
    assert link in rows[-1]
    assert link not in rows[-2]


def test_json_answers_are_not_sorted(world: World) -> None:
    body = json.dumps({"key": ALICE, "action": "status", "orders": [RUNNING, DONE, PENDING]})
    answer = through(world.app.test_client())(Message(body=body.encode(), headers=JSON))
    assert list(answer.json) == [str(RUNNING), str(DONE), str(PENDING)]
