"""Bad input of every kind gets a 4xx of the contract in JSON, and changes nothing.

The table is sent to the app. What has to do with bodies and bytes is sent to a real server too,
together with what no client library would send.
"""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.apps import Server
from support.servers import assert_sound
from support.wire import (
    FORM,
    JSON,
    MULTIPART,
    Answer,
    Message,
    Send,
    as_json,
    form,
    multipart,
    through,
)
from support.world import ALICE, BOBS, DONE, FOLLOWERS, LINK, PENDING, World, books

from panel import ledger

MEBIBYTE = 2**20
ORDER = {"action": "add", "service": FOLLOWERS, "link": LINK, "quantity": 10}


class Row(NamedTuple):
    """A message that is refused, and how."""

    name: str
    message: Message
    status: int
    error: str


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:30]}… of {len(text)}"


def raw(body: bytes, content_type: str | None) -> Message:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Message(body=body, headers=headers)


def part(head: bytes, text: bytes = b"x") -> bytes:
    return b"--edge\r\n%s\r\n\r\n%s\r\n" % (head, text)


def named(name: bytes) -> bytes:
    return b'Content-Disposition: form-data; name="%s"' % name


UNREADABLE = [
    *(
        (f"JSON {short(body)}", raw(body, "application/json"))
        for body in (
            b"{", b"}", b"[]", b"[1]", b'[{"action": "balance"}]', b'"action=balance"', b"1",
            b"null", b"true", b"NaN", b" ", b"\0", b'{"a": 1}{', b'{"a": 1,}', b"{'a': 1}",
            b'{"a": }', b'{a: 1}', b'{"a": "\\u12"}', b'{"a": "\\ud8"}', b'{"a": "\n"}',
            b'{"a": "\xff"}', b'{"a": 01}', b'{"a": +1}', b'{"a": 1.}', b"\xff\xfe",
            b"[" * 200_000, b'{"a": ' * 100_000, b'{"a": ' + b"[" * 200_000,
            b"action=balance", b"<order/>",
        )
    ),
    *(
        (f"a body as {media}", raw(body, media))
        for media in (None, "", "text/plain", "text/json", "application/xml", "nonsense", ";",
                      "application/octet-stream", "application/x-www-form-urlencodedx",
                      "multipart/mixed; boundary=edge")
        for body in (b'{"action": "balance"}',)
    ),
    *(
        (f"multipart: {name}", raw(body, media))
        for name, media, body in (
            ("no boundary", "multipart/form-data", part(named(b"x")) + b"--edge--\r\n"),
            ("an empty boundary", "multipart/form-data; boundary=", part(named(b"x"))),
            ("another boundary", "multipart/form-data; boundary=rim", part(named(b"x"))),
            ("not ASCII", "multipart/form-data; boundary=\xe9", part(named(b"x"))),
            ("no end", MULTIPART["Content-Type"], part(named(b"x"))),
            ("cut off in a part", MULTIPART["Content-Type"], part(named(b"x"))[:-5]),
            ("cut off in a head", MULTIPART["Content-Type"], part(named(b"x"))[:20]),
            ("no disposition", MULTIPART["Content-Type"], part(b"X: y") + b"--edge--\r\n"),
            ("no name", MULTIPART["Content-Type"],
             part(b"Content-Disposition: form-data") + b"--edge--\r\n"),
            ("a head that is no UTF-8", MULTIPART["Content-Type"],
             part(named(b"\xff")) + b"--edge--\r\n"),
            ("no part at all", MULTIPART["Content-Type"], b"x"),
        )
    ),
]  # fmt: skip
"""Bodies that cannot be read, each sent with a whole good order in the query."""

TOO_LARGE = [
    ("a form", form({**ORDER, "x": "x" * MEBIBYTE})),
    ("JSON", as_json({**ORDER, "x": "x" * MEBIBYTE})),
    ("multipart", multipart({**ORDER, "x": "x" * MEBIBYTE})),
    ("multipart, a file", raw(
        part(named(b"x") + b'; filename="x"', b"x" * MEBIBYTE) + b"--edge--\r\n",
        MULTIPART["Content-Type"])),
    ("no media type", raw(b"x" * (MEBIBYTE + 1), None)),
    ("a GET", form({**ORDER, "x": "x" * MEBIBYTE})._replace(method="GET")),
    ("1001 parts", multipart([*ORDER.items(), *((f"x{n}", "") for n in range(1001))])),
]  # fmt: skip

GOOD: list[dict[str, Any]] = [
    ORDER,
    {"action": "status", "order": DONE},
    {"action": "status", "orders": DONE},
    {"action": "refill", "order": DONE},
    {"action": "refill", "orders": DONE},
    {"action": "refill_status", "refill": 1},
    {"action": "refill_status", "refills": 1},
    {"action": "cancel", "orders": PENDING},
    {"action": "cancel", "order": PENDING},
]
REQUEST, KEY = (422, "Incorrect request"), (401, "Invalid API key")
TOLD = {
    "key": KEY,
    "action": REQUEST,
    "service": (404, "Incorrect service ID"),
    "link": (422, "Incorrect link"),
    "quantity": (422, "Incorrect quantity"),
    "order": (404, "Incorrect order ID"),
    "orders": REQUEST,
    "refill": (404, "Refill not found"),
    "refills": REQUEST,
}
"""What is told of a parameter whose value no kind of parameter can be."""

KINDS: list[Any] = [
    True, False, [], {}, [[]], [{}], [True], [None], {"0": 1}, {"order": 1}, [[[[[[[[1]]]]]]]],
    {"a": {"b": {"c": [1, {"d": None}]}}}, [1.5, {"a": "b"}], "\0",
]  # fmt: skip
"""JSON values that are nothing: a NUL alone is none either."""


def wrong_kinds() -> list[Row]:
    """Each of the kinds in the place of each parameter of each good request."""
    return [
        Row(f"{asked['action']}: {name} = {short(value)}",
            as_json({**asked, name: value}).bearing(ALICE),
            *(REQUEST if asked["action"] == "cancel" and name == "order" else TOLD[name]))
        for asked in GOOD for name in ["key", *asked] for value in KINDS
    ]  # fmt: skip


JUNK = [
    "\0", "0\0", "\ud800", "\udfff\ud800", "\ufffd", "\u0661", "-1", "1;1", "%00", "%zz", "%",
    "\x7f", "\r\nX: y", "{}", "[]", "../../etc", "1'--", "\U0010ffff",
]  # fmt: skip
NO_LINK = ["\0", "0\0", "\ud800", "\udfff\ud800", "\ufffd", "\x7f", "\r\nX: y"]


def junk_texts() -> list[Row]:
    """Each junk text as each parameter that is one text, as a form and as JSON."""
    return [
        Row(f"{asked['action']}: {name} = {short(text)}, {build.__name__}",
            build({**asked, name: text}).bearing(ALICE), *TOLD[name])
        for asked in (ORDER, GOOD[1], GOOD[3], GOOD[5])
        for name in ["key", *asked]
        for text in (NO_LINK if name == "link" else JUNK)
        for build in (form, as_json)
    ]  # fmt: skip


def body(text: str, headers: dict[str, str] = FORM) -> Message:
    return Message(body=text.encode("latin-1"), headers=headers).bearing(ALICE)


NUMBERS = [
    *(Row(f"JSON quantity {short(text)}",
          body(json.dumps(ORDER).replace('"quantity": 10', f'"quantity": {text}'), JSON),
          422, told)
      for text, told in (
          ("NaN", "Incorrect quantity"), ("Infinity", "Incorrect quantity"),
          ("-Infinity", "Incorrect quantity"), ("1e400", "Incorrect quantity"),
          ("-0", "Incorrect quantity"), ("-0.0", "Incorrect quantity"),
          ("10.5", "Incorrect quantity"), ("1e-1", "Incorrect quantity"),
          ("-10.0", "Incorrect quantity"), ("-10", "Incorrect quantity"),
          ("\"10.0\"", "Incorrect quantity"), ("9.0", "Quantity less than minimal 10"),
          ("1e4", "Quantity more than maximum 1000"),
          ("true", "Incorrect quantity"), ("null", "Incorrect request"),
          ("0", "Quantity less than minimal 10"),
          ("9" * 100_000, "Quantity more than maximum 1000"),
          ("1" + "0" * 30, "Quantity more than maximum 1000"))),
    *(Row(f"{name} {short(text)}, {build.__name__}",
          build({"action": action, **asked, name: text}).bearing(ALICE), status, told)
      for action, asked, name, status, told in (
          ("add", ORDER, "quantity", 422, "Quantity more than maximum 1000"),
          ("add", ORDER, "service", 404, "Incorrect service ID"),
          ("status", {}, "order", 404, "Incorrect order ID"),
          ("refill", {}, "order", 404, "Incorrect order ID"),
          ("refill_status", {}, "refill", 404, "Refill not found"))
      for text in ("9" * 100_000, "1" + "0" * 100_000, str(10**30), str(2**63), str(2**64 + 4))
      for build in (form, as_json, multipart)),
]  # fmt: skip

BYTES = [
    *(Row(f"{text!r} as a form", body(f"{text}"), *told)
      for text, told in (
          ("", REQUEST), ("&", REQUEST), ("=", REQUEST), ("&=&=&", REQUEST), ("%", REQUEST),
          ("action", REQUEST), ("action=", REQUEST), ("action=%", REQUEST),
          ("action=bal%61nce%", REQUEST), ("action=%ff", REQUEST), ("action=\xff", REQUEST),
          ("%61ction=%62uy", REQUEST), ("action=balance;key=x", REQUEST),
          ("action=balance&key=%ff", KEY), ("action=balance&key=\xff", KEY),
          ("action=balance&key=%00", KEY), ("action=status&order=%", (404, "Incorrect order ID")),
          ("action=status&order=%C0%B4", (404, "Incorrect order ID")),
          ("action=status&order=4%00", (404, "Incorrect order ID")),
          ("action=status&orders=%00", REQUEST), ("action=status&orders[]=", REQUEST),
          ("action=status&orders[%00]=4", REQUEST), ("action=status&order[]=4", REQUEST),
          ("action=status&order=4&orders=4", REQUEST),
          *((f"action=add&service=1&quantity=10&link=a{wrong}", (422, "Incorrect link"))
            for wrong in ("%00", "%0ab", "%0D%0Ab", "+b", "%E2%80%8B", "%1b", "%7F", "%C2%85",
                          "%ff", "%C0%80", "\xff", "%ED%A0%80", "%F5%80%80%80", "%EF%BF%BD")))),
    Row("a link as a file", raw(
        part(named(b"link") + b'; filename="a.txt"') + part(named(b"action"), b"add")
        + part(named(b"service"), b"1") + part(named(b"quantity"), b"10") + b"--edge--\r\n",
        MULTIPART["Content-Type"]).bearing(ALICE), *REQUEST),
    Row("a link that is no UTF-8 in multipart", raw(
        part(named(b"link"), b"a\xff") + part(named(b"action"), b"add")
        + part(named(b"service"), b"1") + part(named(b"quantity"), b"10") + b"--edge--\r\n",
        MULTIPART["Content-Type"]).bearing(ALICE), 422, "Incorrect link"),
    Row("a JSON link of bytes that are a surrogate", body(
        json.dumps(ORDER).replace("https", "\xed\xa0\x80"), JSON), 422, "Incorrect link"),
    Row("a link of half a mebibyte", form({**ORDER, "link": "x" * 2**19}).bearing(ALICE), 422,
        "Incorrect link"),
    Row("200,000 ids", body(f"action=status&orders={'1,' * 200_000}"), *REQUEST),
    Row("100,000 ids in brackets", body("action=status" + "&orders[]=4" * 80_000), *REQUEST),
    Row("a JSON array of 100,000 ids", as_json(
        {"action": "cancel", "orders": list(range(100_000))}).bearing(ALICE), *REQUEST),
    Row("100,000 parameters", body("a=b&" * 100_000), *REQUEST),
]  # fmt: skip

FRAMED = [
    *(Row(name, message.asking(ORDER).bearing(ALICE), *REQUEST) for name, message in UNREADABLE),
    *(Row(f"{name}, no key", message, *KEY) for name, message in UNREADABLE),
    *(
        Row(f"too large: {name}", message.bearing(ALICE), 413, "Request Entity Too Large")
        for name, message in TOO_LARGE
    ),
    *BYTES,
]
TABLE = [*FRAMED, *wrong_kinds(), *junk_texts(), *NUMBERS]


def check(row: Row, send: Send) -> None:
    answer = send(row.message)
    assert (answer.status, answer.json) == (row.status, {"error": row.error})
    assert answer.headers["Content-Type"] == "application/json"


def run(rows: list[Row], send: Send, path: Path) -> list[str]:
    """Send all of these, and tell which were not refused as they should be."""
    before = books(path)
    broken = []
    for row in rows:
        try:
            check(row, send)
        except (AssertionError, ValueError) as wrong:
            broken.append(f"{row.name}: {wrong}")
        if books(path) != before:
            broken.append(f"{row.name}: something was changed")
            before = books(path)
    return broken


@pytest.mark.parametrize(
    "rows",
    [TABLE[start::10] for start in range(10)],
    ids=[f"every tenth from {start}" for start in range(10)],
)
def test_bad_input_is_refused_and_changes_nothing(world: World, rows: list[Row]) -> None:
    assert run(rows, through(world.app.test_client()), world.path) == []
    assert list(ledger.check()) == []


@pytest.mark.parametrize("asked", GOOD, ids=str)
@pytest.mark.parametrize("build", [form, as_json, multipart], ids=lambda build: build.__name__)
def test_the_same_requests_without_the_fault_are_taken(
    world: World, asked: dict[str, Any], build: Callable[[dict[str, Any]], Message]
) -> None:
    """So that the rows above are refused for their fault alone."""
    assert through(world.app.test_client())(build(asked).bearing(ALICE)).status == 200


def exchange(port: int, data: bytes) -> Answer:
    """Send these very bytes, and read the one answer to them.

    A server may answer and close before it has read everything, so sending may break off.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        response = HTTPResponse(connection)
        response.begin()
        return Answer(response.status, dict(response.getheaders()), response.read())


def over_a_socket(port: int) -> Send:
    def send(message: Message) -> Answer:
        lines = [f"{message.method} {message.target} HTTP/1.1", "Host: panel"]
        lines += [f"{name}: {value}" for name, value in message.headers.items()]
        lines += [f"Content-Length: {len(message.body)}", "", ""]
        return exchange(port, "\r\n".join(lines).encode("latin-1") + message.body)

    return send


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    bearer = b"Authorization: Bearer " + ALICE.encode()
    return b"\r\n".join([line, b"Host: panel", bearer, *headers, b"", body])


FORM_LINE = b"Content-Type: application/x-www-form-urlencoded"
CHUNKED = b"Transfer-Encoding: chunked"
POST = b"POST /api/v2 HTTP/1.1"
ADD = b"action=add&service=1&link=x&quantity=10"
BIG_CHUNK = b"10000\r\n%s\r\n" % (b"&" * 0x10000)
RAW = [
    ("no content type", 422, request(POST, b"Content-Length: 39", body=ADD)),
    ("chunks over a mebibyte", 413, request(
        POST, FORM_LINE, CHUNKED, body=b"27\r\n%s\r\n" % ADD + BIG_CHUNK * 16 + b"0\r\n\r\n")),
    ("chunks over twenty mebibytes", 413, request(
        POST, FORM_LINE, CHUNKED, body=b"27\r\n%s\r\n" % ADD + BIG_CHUNK * 320 + b"0\r\n\r\n")),
    ("JSON chunks over a mebibyte", 413, request(
        POST, b"Content-Type: application/json", CHUNKED, body=BIG_CHUNK * 17 + b"0\r\n\r\n")),
    ("a length over twenty mebibytes", 413, request(
        POST, FORM_LINE, b"Content-Length: 20971520", body=ADD + b"&" * (20 * MEBIBYTE - 39))),
    ("a chunk without a size", 400, request(
        POST, FORM_LINE, CHUNKED, body=b"x\r\n%s\r\n0\r\n\r\n" % ADD)),
    ("a chunk longer than its size", 400, request(
        POST, FORM_LINE, CHUNKED, body=b"26\r\n%s\r\n0\r\n\r\n" % ADD)),
    ("no last chunk", 400, request(POST, FORM_LINE, CHUNKED, body=b"27\r\n%s\r\n" % ADD)),
    ("a body that was cut off", 400, request(POST, FORM_LINE, b"Content-Length: 40", body=ADD)),
    ("a length that is no number", 400, request(
        POST, FORM_LINE, b"Content-Length: x", body=ADD)),
    ("a negative length", 400, request(POST, FORM_LINE, b"Content-Length: -1", body=ADD)),
    ("two lengths", 400, request(
        POST, FORM_LINE, b"Content-Length: 39", b"Content-Length: 1", body=ADD)),
    ("a query that is not ASCII", 400, request(b"GET /api/v2?%s&x=\xff HTTP/1.1" % ADD)),
    ("a line over 8190 bytes", 414, request(
        b"GET /api/v2?%s&x=%s HTTP/1.1" % (ADD, b"x" * 9000))),
    ("a header over 8190 bytes", 431, request(
        b"GET /api/v2?%s HTTP/1.1" % ADD, b"X: " + b"x" * 9000)),
    ("a NUL in a header", 400, request(b"GET /api/v2?%s HTTP/1.1" % ADD, b"X: \0")),
    ("no HTTP at all", 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"),
]  # fmt: skip
"""What a client library would not send; each would be an order if it were whole."""

TAKEN = [
    ("a query of 6000 bytes", request(b"GET /api/v2?%s&x=%s HTTP/1.1" % (ADD, b"x" * 6000))),
    ("chunks", request(POST, FORM_LINE, CHUNKED, body=b"27\r\n%s\r\n0\r\n\r\n" % ADD)),
    ("HTTP/1.0", request(
        b"POST /api/v2 HTTP/1.0", FORM_LINE, b"Content-Length: 39", body=ADD)),
]  # fmt: skip


def test_a_real_server_refuses_bad_input_and_changes_nothing(world_server: Server) -> None:
    path, port = world_server.database, world_server.port
    before = books(path)

    assert run(FRAMED, over_a_socket(port), path) == []
    for name, status, data in RAW:
        answer = exchange(port, data)
        assert (name, answer.status) == (name, status)
        assert answer.headers["Content-Type"] == "application/json", name
        assert [*answer.json] == ["error"], name
        assert books(path) == before, name

    for number, (name, data) in enumerate(TAKEN, start=1):
        answer = exchange(port, data)
        assert (name, answer.status, answer.json) == (name, 200, {"order": BOBS + 1 + number})
    assert_sound(world_server)


anything = st.text(st.characters(exclude_categories=()), max_size=12)
plausible = st.sampled_from(
    ["services", "balance", "add", "status", "refill", "refill_status", "cancel", ALICE, LINK,
     "1", "3", "4", "5", "10", "18", "22", "1,4", " 4 ", "0042", "+5", "\0", "", "\u0664"]
)  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | anything | plausible
    | st.integers(1, 30)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(anything | plausible, inner, max_size=3)
    ),
    max_leaves=6,
)
names = anything | st.sampled_from([*TOLD, "orders[]", "orders[0]", "refills[]", "order[]"])
asked = st.sampled_from(GOOD)
texts = anything | plausible | st.integers().map(str)
pairs = st.lists(st.tuples(names, texts), max_size=6)
media = st.sampled_from([FORM, JSON, MULTIPART, {"Content-Type": "text/plain"}, {}])
messages = (
    st.builds(lambda good, more: as_json({**good, **more}), asked,
              st.dictionaries(names, values, max_size=4))
    | st.builds(lambda good, more: form([*more, *good.items()]), asked, pairs)
    | st.builds(lambda good, more: Message("GET").asking([*more, *good.items()]), asked, pairs)
    | st.builds(lambda good, more, seen: form(good).asking([*more, *seen.items()]), asked, pairs,
                asked)
    | st.builds(lambda good, headers, body: Message(body=body, headers=headers).asking(good),
                asked, media, st.binary(max_size=60))
    | st.builds(lambda headers, text: Message(body=text.encode(errors="surrogatepass"),
                                              headers=headers), media, anything)
    | st.builds(lambda value: as_json(value), values)
)  # fmt: skip


def test_no_input_gives_a_5xx_or_moves_money_that_is_not_accounted_for(world: World) -> None:
    send = through(world.app.test_client())

    @given(messages, st.booleans())
    @settings(max_examples=150)
    def holds(message: Message, known: bool) -> None:
        before = books(world.path)
        answer = send(message.bearing(ALICE) if known else message)
        assert answer.status < 500
        assert answer.headers["Content-Type"] == "application/json"
        if answer.status >= 400:
            assert [*answer.json] == ["error"]
            assert isinstance(answer.json["error"], str)
            assert books(world.path) == before
        assert list(ledger.check()) == []

    holds()
