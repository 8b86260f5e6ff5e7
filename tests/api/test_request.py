"""From HTTP to texts: parameters in every form, lists, and which of several values counts.

Every table of messages is sent to the app, and once to a real server.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.apps import Server
from support.wire import (
    FORM,
    JSON,
    Message,
    Send,
    as_json,
    form,
    multipart,
    over_http,
    query,
    through,
)
from support.world import (
    ALICE,
    BOB,
    DONE,
    FOLLOWERS,
    MALLORY,
    NOBODY,
    PARTIAL,
    PENDING,
    POOR,
    UNKNOWN,
    World,
    books,
)

Asked = dict[str, Any]
LINK = "https://例え.jp/p?q=a+b%20c&x=1,2#'\";--"


def flat(asked: Asked) -> dict[str, str]:
    """The parameters as texts, a list separated by commas."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in asked.items()
    }


def halves(key: str, asked: Asked) -> Message:
    """The action in the query, all else in the body."""
    rest = {name: value for name, value in flat(asked).items() if name != "action"}
    return form({"key": key, **rest}).asking({"action": asked["action"]})


FORMS: dict[str, Callable[[str, Asked], Message]] = {
    "POST, a form": lambda key, asked: form({"key": key, **flat(asked)}),
    "POST, multipart": lambda key, asked: multipart({"key": key, **flat(asked)}),
    "POST, JSON": lambda key, asked: as_json({"key": key, **asked}),
    "POST, JSON of texts": lambda key, asked: as_json({"key": key, **flat(asked)}),
    "POST, a query": lambda key, asked: query({"key": key, **flat(asked)})._replace(method="POST"),
    "POST, the action in the query": halves,
    "GET, a query": lambda key, asked: query({"key": key, **flat(asked)}),
    "GET, a form": lambda key, asked: form({"key": key, **flat(asked)})._replace(method="GET"),
    "bearer, a form": lambda key, asked: form(flat(asked)).bearing(key),
    "bearer, multipart": lambda key, asked: multipart(flat(asked)).bearing(key),
    "bearer, JSON": lambda key, asked: as_json(asked).bearing(key),
    "bearer, GET": lambda key, asked: query(flat(asked)).bearing(key),
}

NO_ORDER, NO_CANCEL = {"error": "Incorrect order ID"}, {"error": "Cannot cancel"}
BALANCE = {"balance": "99.9484", "currency": "USD"}
ORDER = {"action": "add", "service": FOLLOWERS, "link": LINK, "quantity": 42}
ASKED: list[tuple[str, Asked, int, Any]] = [
    (BOB, {"action": "balance"}, 200, BALANCE),
    (ALICE, {"action": "refill_status", "refill": 3}, 200, {"status": "completed"}),
    (ALICE, {"action": "refill_status", "refills": [3, 1]}, 200, [
        {"refill": 3, "status": "completed"}, {"refill": 1, "status": "pending"}]),
    (ALICE, {"action": "status", "order": UNKNOWN}, 404, NO_ORDER),
    (ALICE, {"action": "status", "orders": ["x", UNKNOWN]}, 200, {"x": NO_ORDER, "999": NO_ORDER}),
    (ALICE, {"action": "refill", "order": PENDING}, 422, {"error": "Cannot refill"}),
    (ALICE, {"action": "cancel", "order": DONE}, 200, {str(DONE): NO_CANCEL}),
    (ALICE, {"action": "cancel", "orders": [PARTIAL, DONE]}, 200, {
        str(PARTIAL): NO_CANCEL, str(DONE): NO_CANCEL}),
    (POOR, ORDER, 402, {"error": "Not enough funds on balance"}),
    (MALLORY, ORDER, 403, {"error": "Account suspended"}),
    (NOBODY, ORDER, 401, {"error": "Invalid API key"}),
    (ALICE, {"action": "buy"}, 422, {"error": "Incorrect request"}),
]  # fmt: skip


class Row(NamedTuple):
    """A message, and exactly what is answered; it changes nothing."""

    name: str
    message: Message
    status: int
    answer: Any


def _every_form() -> Iterator[Row]:
    for name, build in FORMS.items():
        for key, asked, status, answer in ASKED:
            message = build(key, asked)
            slash = message._replace(target=message.target.replace("/api/v2", "/api/v2/"))
            label = f"{name}: {status} {asked}"
            yield Row(label, message, status, answer)
            yield Row(f"{label}, a trailing slash", slash, status, answer)


def cancels(*pairs: tuple[str, Any], **more: Any) -> list[tuple[str, Any]]:
    """A cancel of what cannot be canceled: its answer names each id and changes nothing."""
    return [("key", ALICE), ("action", "cancel"), *pairs, *more.items()]


def told(*ids: int | str) -> dict[str, Any]:
    """Its answer: Alice's completed and partial order are there, all other ids are not."""
    there = (DONE, PARTIAL)
    return {str(sent): NO_CANCEL if sent in there else NO_ORDER for sent in ids}


def duplicate(name: str, first: str, second: str) -> bytes:
    """A JSON object that holds a name twice."""
    rest = json.dumps(dict(cancels(orders=DONE)))[1:]
    return f'{{"{name}": {first}, "{name}": {second}, {rest}'.encode()


LISTS = [
    Row("commas", form(cancels(orders=f"{DONE},{PARTIAL}")), 200, told(DONE, PARTIAL)),
    Row("blanks and tabs", form(cancels(orders=f" {DONE} ,\t{PARTIAL}\n")), 200,
        told(DONE, PARTIAL)),
    Row("empty entries", form(cancels(orders=f",{DONE},, ,{PARTIAL},")), 200,
        told(DONE, PARTIAL)),
    Row("a repeated id", form(cancels(orders=f"{DONE},{UNKNOWN},{DONE},{DONE}")), 200,
        told(DONE, UNKNOWN)),
    Row("a number beside its other spelling", form(cancels(orders=f"{DONE},0{DONE}")), 200,
        told(DONE, f"0{DONE}")),
    Row("a single id", form(cancels(orders=DONE)), 200, told(DONE)),
    Row("JSON numbers", as_json(dict(cancels(orders=[DONE, PARTIAL]))), 200, told(DONE, PARTIAL)),
    Row("JSON texts", as_json(dict(cancels(orders=[str(DONE), f" {PARTIAL} "]))), 200,
        told(DONE, PARTIAL)),
    Row("both mixed and repeated", as_json(dict(cancels(orders=[PARTIAL, DONE, str(PARTIAL)]))),
        200, told(PARTIAL, DONE)),
    Row("a JSON number", as_json(dict(cancels(orders=DONE))), 200, told(DONE)),
    Row("a JSON text with commas", as_json(dict(cancels(orders=f"{DONE}, {PARTIAL}"))), 200,
        told(DONE, PARTIAL)),
    *(Row(f"{names[0]}, {names[1]}, {label}", build(cancels(*zip(names, ids, strict=True))), 200,
          told(DONE, PARTIAL))
      for names, ids in (
          (("orders[]", "orders[]"), (DONE, PARTIAL)),
          (("orders[0]", "orders[1]"), (DONE, PARTIAL)),
          (("orders[]", "orders[]", "orders[]"), (DONE, PARTIAL, DONE)))
      for label, build in (("form", form), ("query", query), ("multipart", multipart))),
    Row("100 ids", form(cancels(orders=",".join(map(str, range(1000, 1100))))), 200,
        told(*range(1000, 1100))),
    Row("100 times orders[]", form(cancels(*(("orders[]", n) for n in range(1000, 1100)))), 200,
        told(*range(1000, 1100))),
    *(Row(f"{name} for {action}",
          as_json({"key": ALICE, "action": action, parameter: value}), 422,
          {"error": "Incorrect request"})
      for name, value in (
          ("101 ids", ",".join(map(str, range(1000, 1101)))),
          ("a JSON array of 101", list(range(1000, 1101))),
          ("an empty text", ""), ("commas alone", ",,,"), ("blanks alone", " , "),
          ("an empty array", []), ("an array of nothing", ["", " "]), ("null", None),
          ("true", True), ("an object", {"0": 4}), ("an array in an array", [[4]]),
          ("an object in an array", [{"order": 4}]), ("null in an array", [4, None]))
      for action, parameter in (("status", "orders"), ("refill", "orders"), ("cancel", "orders"),
                                ("refill_status", "refills"))),
]  # fmt: skip

STRANGE = [
    f"0{DONE}", f"+{DONE}", f"-{DONE}", f"{DONE}_0", f"{DONE}.0", f"{DONE}e0", f"0x{DONE}", "0",
    "\u0664", "\uff14", "\u2463", f"{DONE}\0", f"#{DONE}", f"{DONE};{PARTIAL}", "null", "true",
    str(10**18), str(10**30), "9" * 5000, "4218 4219", "\U0001f600", "' OR 1=1 --",
]  # fmt: skip
"""Texts that no order and no refill has, though int() takes several of them."""

SPELLINGS = [
    *(Row(f"{action} of {text[:20]!r}",
          form({"key": ALICE, "action": action, parameter: text}), 404, {"error": problem})
      for text in STRANGE
      for action, parameter, problem in (
          ("status", "order", "Incorrect order ID"), ("refill", "order", "Incorrect order ID"),
          ("refill_status", "refill", "Refill not found"))),
    *(Row(f"cancel of one, {text[:20]!r}", form(cancels(order=text)), 200, told(text))
      for text in STRANGE),
    Row("a list answers under the spelling that was sent",
        form(cancels(orders=",".join([*STRANGE, str(DONE)]))), 200, told(*STRANGE, DONE)),
    Row("refills answer under the spelling that was sent",
        form({"key": ALICE, "action": "refill", "orders": ",".join([*STRANGE, str(PENDING)])}),
        200, [*({"order": text, "refill": NO_ORDER} for text in STRANGE),
              {"order": PENDING, "refill": {"error": "Cannot refill"}}]),
    Row("refill statuses answer under the spelling that was sent",
        form({"key": ALICE, "action": "refill_status", "refills": ",".join([*STRANGE, "3"])}),
        200, [*({"refill": text, "status": {"error": "Refill not found"}} for text in STRANGE),
              {"refill": 3, "status": "completed"}]),
    *(Row(f"the JSON number {text}",
          Message(body=b'{"action": "status", "order": %s}' % text.encode(),
                  headers=JSON).bearing(ALICE), 404, NO_ORDER)
      for text in (f"{DONE}.5", f"-{DONE}.0", "-0", "-0.0", "1e400", "1e-400", "4e" + "9" * 30,
                   "NaN", "Infinity", "1" + "0" * 30)),
    *(Row(f"the JSON number {text} is {DONE}",
          Message(body=b'{"action": "cancel", "order": %s}' % text.encode(),
                  headers=JSON).bearing(ALICE), 200, told(DONE))
      for text in (f"{DONE}.0", f"{DONE}.000", f"{DONE}e0", f"0.{DONE}E1", f"{DONE}0e-1")),
    Row("a JSON text keeps its spelling", as_json(dict(cancels(orders=["4.0", "4e0"]))), 200,
        told("4.0", "4e0")),
    Row("JSON numbers in a list that are no whole ones keep their spelling",
        Message(body=b'{"action": "cancel", "orders": [4.5, 4e-1, -4, 1e400, 4.0, 4]}',
                headers=JSON).bearing(ALICE), 200, told("4.5", "4e-1", "-4", "1e400", 4)),
]  # fmt: skip

GOOD, BAD = {"key": BOB, "action": "balance"}, {"key": NOBODY, "action": "buy"}
PRECEDENCE = [
    *(Row(f"the body wins over the query, {build.__name__}", build(GOOD).asking(BAD), 200, BALANCE)
      for build in (form, multipart, as_json)),
    *(Row(f"the query adds what the body lacks, {build.__name__}",
          build({"key": BOB}).asking({"action": "balance"}), 200, BALANCE)
      for build in (form, multipart, as_json)),
    *(Row(f"empty in the body is not sent, {build.__name__}",
          build({"key": BOB, "action": ""}).asking({"action": "balance"}), 200, BALANCE)
      for build in (form, multipart, as_json)),
    Row("null in the body is not sent",
        as_json({"key": BOB, "action": None}).asking({"action": "balance"}), 200, BALANCE),
    Row("the key wins over the bearer", form(GOOD).bearing(NOBODY), 200, BALANCE),
    Row("even a wrong key does", form({**GOOD, "key": NOBODY}).bearing(BOB), 401,
        {"error": "Invalid API key"}),
    Row("a key in the query does", query(GOOD).bearing(NOBODY), 200, BALANCE),
    Row("a JSON key does", as_json(GOOD).bearing(NOBODY), 200, BALANCE),
    Row("an empty key does not", form({**GOOD, "key": ""}).bearing(BOB), 200, BALANCE),
    Row("a bearer in small letters",
        form({"action": "balance"})._replace(
            headers={**FORM, "authorization": f"bearer {BOB}"}), 200, BALANCE),
    *(Row(f"no bearer but {scheme!r}",
          form({"action": "balance"})._replace(headers={**FORM, "Authorization": scheme}),
          401, {"error": "Invalid API key"})
      for scheme in ("Bearer", BOB, f"Basic {BOB}", f"Token {BOB}", f"Bearer {BOB} {BOB}",
                     "Basic !", "Bearer =", ",")),
    *(Row(f"the first {name} counts, {build.__name__}",
          build([*GOOD.items(), (name, BAD[name])]), 200, BALANCE)
      for name in GOOD for build in (form, query, multipart)),
    *(Row(f"an empty {name} before it does not, {build.__name__}",
          build([(name, ""), *GOOD.items()]), 200, BALANCE)
      for name in GOOD for build in (form, query, multipart)),
    Row("the first in a JSON object counts",
        Message(body=duplicate("orders", f"[{PARTIAL}]", "[1]"), headers=JSON), 200,
        told(PARTIAL)),
    Row("orders twice without brackets", form(cancels(("orders", DONE), ("orders", PARTIAL))),
        200, told(DONE)),
    Row("orders[0] twice", form(cancels(("orders[0]", DONE), ("orders[0]", PARTIAL))), 200,
        told(DONE)),
    Row("an empty order beside orders", form(cancels(order="", orders=DONE)), 200, told(DONE)),
    Row("empty orders beside an order", form(cancels(orders="", order=DONE)), 200, told(DONE)),
    Row("an empty orders[] beside an order", form(cancels(("orders[]", ""), order=DONE)), 200,
        told(DONE)),
    Row("order in the body, orders in the query", form(cancels(order=DONE)).asking(
        {"orders": DONE}), 422, {"error": "Incorrect request"}),
    Row("parameters that nobody knows", form(
        [("x", "1"), ("x[y]", "2"), ("", "3"), ("orders[z]", "4"), *GOOD.items(), ("\0", "\0")]),
        200, BALANCE),
    Row("an unknown JSON parameter of any kind",
        as_json({"x": [[{}]], "y": True, "": None, **GOOD}), 200, BALANCE),
    Row("a charset beside the media type", form(GOOD)._replace(
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}), 200,
        BALANCE),
    Row("JSON of another media type", as_json(GOOD)._replace(
        headers={"Content-Type": "application/vnd.api+json"}), 200, BALANCE),
    Row("JSON behind a byte order mark", as_json(GOOD)._replace(
        body=b"\xef\xbb\xbf" + as_json(GOOD).body), 200, BALANCE),
]  # fmt: skip

TABLE = [*LISTS, *SPELLINGS, *PRECEDENCE]
EVERYTHING = [*_every_form(), *TABLE]


def check(row: Row, send: Send) -> None:
    answer = send(row.message)
    assert (answer.status, json.dumps(answer.json)) == (row.status, json.dumps(row.answer))
    assert answer.headers["Content-Type"] == "application/json"


def check_order(message: Message, send: Send, path: Path) -> None:
    number = len(books(path)["orders"]) + 1
    answer = send(message)
    assert (answer.status, answer.json) == (200, {"order": number})
    assert {number, FOLLOWERS, LINK, 42} <= set(books(path)["orders"][-1])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_what_is_sent_means_what_the_contract_says(world: World, row: Row) -> None:
    before = books(world.path)
    check(row, through(world.app.test_client()))
    assert books(world.path) == before


def test_every_form_gives_the_same_answers(world: World) -> None:
    before = books(world.path)
    send = through(world.app.test_client())
    for row in _every_form():
        check(row, send)
    assert books(world.path) == before


@pytest.mark.parametrize("name", FORMS)
def test_an_order_can_be_placed_in_every_form(world: World, name: str) -> None:
    check_order(FORMS[name](ALICE, ORDER), through(world.app.test_client()), world.path)


def test_a_real_server_takes_every_form(world_server: Server) -> None:
    path = world_server.database
    send = over_http(world_server.port)
    before = books(path)
    broken = []
    for row in EVERYTHING:
        try:
            check(row, send)
        except AssertionError as wrong:
            broken.append(f"{row.name}: {wrong}")
    assert broken == []
    assert books(path) == before
    for build in FORMS.values():
        check_order(build(ALICE, ORDER), send, path)
