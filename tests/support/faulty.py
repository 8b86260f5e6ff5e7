"""A provider that does everything wrong on demand: a small WSGI app behind a real server.

It keeps the orders that it took, so that a test can hold them against what the panel believes.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain, repeat
from socket import SHUT_RDWR, socket
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from werkzeug.serving import WSGIRequestHandler, make_server

from panel.providers.currency import Exchange

KEY = "5ecre7" * 8
"""Our key at this provider, which nothing may ever show."""

DOLLARS = Exchange("USD", "USD")
"""A shop and a provider that both count in dollars."""

PATIENT_S = 30
"""Longer than any answer takes on a machine that is busy otherwise."""

SERVICES: list[dict[str, Any]] = [
    {"service": 1, "name": "Followers", "category": "Social", "type": "Default", "rate": "0.90",
     "min": 10, "max": 5000, "refill": True, "cancel": True, "dripfeed": False},
    {"service": 2, "name": "Views", "category": "Video", "type": "Default", "rate": "0.0033",
     "min": 100, "max": 1000000, "refill": False, "cancel": False, "dripfeed": False},
    {"service": 3, "name": "Starter pack", "category": "Video", "type": "Package", "rate": "3.00",
     "min": 1, "max": 1, "refill": False, "cancel": True, "dripfeed": False},
    {"service": 4, "name": "Poll votes", "category": "Social", "type": "Live Views",
     "rate": "1.00", "min": 10, "max": 100, "refill": False, "cancel": False, "dripfeed": False},
]  # fmt: skip

AS_TEXTS = ("min", "max", "start_count", "remains")
"""What the dialect `perfectpanel` writes as texts."""


class Call(NamedTuple):
    """One request: its connection, how to begin an answer, and the right one.

    `ended` is set when nobody waits for the answer any more.
    """

    ended: threading.Event
    connection: socket
    start: Callable[..., Any]
    status: int
    answer: Any


class Fault(NamedTuple):
    """One way to answer a request, after taking what was asked for or without that."""

    reply: Callable[[Call], Iterable[bytes]]
    takes: bool = False


class FaultyProvider:
    """A provider in this process, on a port of its own; it works well until told otherwise.

    `orders` holds what it took, by number: a test may move an order on there.
    forms: how it can be asked about orders and refills: with lists, and alone.
    spoils: how it answers every request that names one of these numbers.
    funds: the balance that it tells. keys: whose requests it answers.
    """

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self.renew()
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v2"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def renew(self, dialect: str = "sns") -> None:
        """End every answer that is still being given, and forget all that was."""
        self.ended.set()
        self.ended = threading.Event()
        self.dialect = dialect
        self.services = [dict(service) for service in SERVICES]
        self.orders: dict[int, dict[str, Any]] = {}
        self.refills: dict[int, str] = {}
        self.requests: list[dict[str, str]] = []
        self.forms = {"list", "alone"}
        self.spoils: dict[str, Fault] = {}
        self.funds = "12.5000"
        self.keys = {KEY}
        self._faults: dict[str, Iterator[Fault | None]] = {}

    def close(self) -> None:
        """End the server, and every answer that is still being given."""
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def plan(self, action: str, *faults: Fault | None, forever: bool = False) -> None:
        """Answer the next requests of an action so, or all of them; None is the right answer."""
        self._faults[action] = chain(faults, repeat(faults[-1] if forever else None))

    def sent(self, action: str) -> list[dict[str, str]]:
        """The requests of an action that arrived, oldest first."""
        return [request for request in self.requests if request.get("action") == action]

    def await_sent(self, action: str, number: int) -> None:
        """Wait until so many requests of an action arrived: their clients may have given up."""
        deadline = time.monotonic() + PATIENT_S
        while len(self.sent(action)) < number:
            assert time.monotonic() < deadline, f"only {len(self.sent(action))} {action} arrived"
            time.sleep(0.01)

    def taken(self) -> Counter[str]:
        """How many orders it took for each link."""
        with self._lock:
            return Counter(order["link"] for order in self.orders.values())

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        request = dict(parse_qsl(environ["wsgi.input"].read(length).decode()))
        with self._lock:
            self.requests.append(request)
            fault = next(self._faults.get(request.get("action", ""), repeat(None)))
            fault = fault or self._spoiled(request)
            status, answer = (200, {"order": 77})
            if fault is None or fault.takes:
                status, answer = self._do(request)
        call = Call(self.ended, environ["werkzeug.socket"], start, status, answer)
        return (fault.reply if fault else honest)(call)

    def _spoiled(self, request: dict[str, str]) -> Fault | None:
        asked = [*_numbers(request, "order"), *_numbers(request, "refill")]
        return next((self.spoils[number] for number in asked if number in self.spoils), None)

    def _do(self, request: dict[str, str]) -> tuple[int, Any]:
        if request.get("key") not in self.keys:
            return self._error(401, "Invalid API key")
        form = "list" if {"orders", "refills"} & request.keys() else "alone"
        if request["action"] in ("status", "cancel", "refill_status") and form not in self.forms:
            return self._error(422, "Incorrect request")
        action = getattr(self, f"_{request['action']}")
        status, answer = action(request)
        return status, _as_texts(answer) if self.dialect == "perfectpanel" else answer

    def _error(self, status: int, text: str) -> tuple[int, Any]:
        return (200 if self.dialect == "perfectpanel" else status), {"error": text}

    def _services(self, request: dict[str, str]) -> tuple[int, Any]:
        return 200, self.services

    def _balance(self, request: dict[str, str]) -> tuple[int, Any]:
        return 200, {"balance": self.funds, "currency": "USD"}

    def _add(self, request: dict[str, str]) -> tuple[int, Any]:
        if request["service"] not in {str(service["service"]) for service in self.services}:
            return self._error(404, "Incorrect service ID")
        number = len(self.orders) + 1
        self.orders[number] = {
            "link": request.get("link", ""),
            "charge": "0.500000",
            "start_count": 0,
            "status": "Pending",
            "remains": int(request.get("quantity", 1)),
            "currency": "USD",
        }
        return 200, {"order": number}

    def _status(self, request: dict[str, str]) -> tuple[int, Any]:
        if "order" in request:
            state = self._state(request["order"])
            return self._error(404, state["error"]) if "error" in state else (200, state)
        return 200, {sent: self._state(sent) for sent in _numbers(request, "order")}

    def _state(self, sent: str) -> dict[str, Any]:
        order = self.orders.get(int(sent)) if sent.isdigit() else None
        if order is None:
            return {"error": "Incorrect order ID"}
        return {name: value for name, value in order.items() if name != "link"}

    def _cancel(self, request: dict[str, str]) -> tuple[int, Any]:
        answers: dict[str, Any] = {}
        for sent in _numbers(request, "order"):
            known = int(sent) in self.orders
            answers[sent] = {"cancel": "requested"} if known else {"error": "Incorrect order ID"}
        if "order" in request:
            return 200, answers[request["order"]]
        if self.dialect != "perfectpanel":
            return 200, answers
        return 200, [
            {"order": int(sent), "cancel": 1 if "cancel" in answer else answer}
            for sent, answer in answers.items()
        ]

    def _refill(self, request: dict[str, str]) -> tuple[int, Any]:
        (order,) = _numbers(request, "order")
        if int(order) not in self.orders:
            return self._error(404, "Incorrect order ID")
        number = len(self.refills) + 1
        self.refills[number] = "pending"
        return 200, {"refill": str(number) if self.dialect == "perfectpanel" else number}

    def _refill_status(self, request: dict[str, str]) -> tuple[int, Any]:
        if "refill" in request:
            return 200, {"status": self.refills[int(request["refill"])]}
        answers = []
        for sent in _numbers(request, "refill"):
            status: Any = self.refills.get(int(sent), {"error": "Refill not found"})
            if self.dialect == "perfectpanel" and isinstance(status, str):
                status = status.capitalize()
            answers.append({"refill": int(sent), "status": status})
        return 200, answers


def _numbers(request: dict[str, str], name: str) -> list[str]:
    """The numbers that a request names, alone or in a list."""
    sent = request.get(f"{name}s") or request.get(name) or ""
    return sent.split(",") if sent else []


def _as_texts(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_as_texts(entry) for entry in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: str(value) if name in AS_TEXTS and type(value) is int else _as_texts(value)
        for name, value in answer.items()
    }


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the tests look at what the panel logs."""


# Ways to answer


def says(
    answer: Any, status: int = 200, type: str = "application/json", **headers: str
) -> Callable[[Call], Iterable[bytes]]:
    """Answer this: bytes as they are, anything else as JSON."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def reply(call: Call) -> Iterable[bytes]:
        call.start(
            f"{status} Something",
            [("Content-Type", type), ("Content-Length", str(len(body))), *headers.items()],
        )
        return [body]

    return reply


def honest(call: Call) -> Iterable[bytes]:
    """The right answer."""
    return says(call.answer, call.status)(call)


def cut(call: Call) -> Iterable[bytes]:
    """Close the connection without a word."""
    call.connection.shutdown(SHUT_RDWR)
    raise ConnectionResetError


def hang(call: Call) -> Iterable[bytes]:
    """Say nothing until the test ends."""
    call.ended.wait(30)
    return cut(call)


def trickle(call: Call) -> Iterable[bytes]:
    """The right answer, but a byte now and then, and never the end of it."""
    call.start("200 OK", [("Content-Type", "application/json"), ("Content-Length", "100000")])
    return _now_and_then(call)


def _now_and_then(call: Call) -> Iterator[bytes]:
    for byte in chain(json.dumps(call.answer).encode(), repeat(32)):
        yield bytes([byte])
        if call.ended.wait(0.02):
            return


def trickle_the_head(call: Call) -> Iterable[bytes]:
    """An answer whose head never ends."""
    call.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not call.ended.wait(0.02):
        call.connection.sendall(b"a")
    return cut(call)


def truncated(call: Call) -> Iterable[bytes]:
    """Half of the right answer, as though it were the whole."""
    body = json.dumps(call.answer).encode()
    return says(body[: len(body) // 2])(call)


def cut_in_the_middle(call: Call) -> Iterable[bytes]:
    """Half of the right answer, and then the connection closes."""
    body = json.dumps(call.answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    call.start("200 OK", headers)
    return [body[: len(body) // 2]]


def huge(call: Call) -> Iterable[bytes]:
    """The right answer behind more blanks than anybody should read."""
    return says(b" " * 2_000_000 + json.dumps(call.answer).encode())(call)


HTML = b"<!doctype html><title>Just a moment...</title>"

WRONG_TYPES: list[Any] = [
    {"order": None}, {"order": [1]}, {"order": {"id": 1}}, {"order": 0}, {"order": "0"},
    {"order": "00"}, {"order": "-5"}, {"order": -5}, {"order": 1.5}, {"order": ""},
    {"order": True}, {"order": False}, {"order": float("nan")}, {"order": "12 34"},
    {"order": "9" * 65}, {"order": "5,6"}, {"order": "null"}, {}, {"id": 5}, [],
    [{"order": 5}], "text", "123", 5, -1.5, True, None, {"data": {"order": 5}},
    {"status": "success"}, {"status": "success", "message": "Your order was placed"},
    {"order": None, "error": None},
]  # fmt: skip
"""Answers to `add` that are JSON, but neither an order's number nor a refusal."""

UNCLEAR: dict[str, Callable[[Call], Iterable[bytes]]] = {
    "times out": hang,
    "trickles": trickle,
    "trickles its head": trickle_the_head,
    "cuts the connection": cut,
    "cuts it in the middle": cut_in_the_middle,
    "500": says(b"Internal Server Error", 500, "text/plain"),
    "500 with an error in JSON": says({"error": "Incorrect service ID"}, 500),
    "500 with a number": says({"order": 77}, 500),
    "502 of a proxy": says(HTML, 502, "text/html"),
    "an error that refuses nothing": says({"error": "Something went wrong, try again later"}, 422),
    "503 with maintenance": says({"error": "Maintenance, try again later"}, 503),
    "HTML": says(HTML, 200, "text/html"),
    "403 of a firewall": says(HTML, 403, "text/html"),
    "429 of a proxy": says(HTML, 429, "text/html"),
    "302": says(HTML, 302, "text/html", Location="/api/v2"),
    "307 to itself": says(b"", 307, "text/html", Location="/api/v2"),
    "nothing": says(b""),
    "204": says(b"", 204),
    "truncated JSON": truncated,
    "not UTF-8": says(b'{"order": "\xff\xfe'),
    "deep JSON": says(b"[" * 100_000),
    "two answers": says(b'{"order": 1}{"order": 2}'),
    "a warning before it": says(b'<b>Warning</b>: in line 3 {"order": 1}'),
    "huge": huge,
    **{f"the wrong type {json.dumps(answer)}": says(answer) for answer in WRONG_TYPES},
}
"""Answers to `add` from which nobody can tell whether the order was taken."""

SLOW = ("times out", "trickles", "trickles its head")
"""Those that end with the client's patience."""

FAULTS = {
    f"{name}, {'after' if takes else 'before'} taking it": Fault(reply, takes)
    for name, reply in UNCLEAR.items()
    for takes in (False, True)
}


def patience_s(name: str) -> float:
    """How long to wait for the answer of a fault: for one that comes, as long as it takes."""
    return 0.2 if name.startswith(SLOW) else PATIENT_S


class Forgetful:
    """A provider that closes each kept connection just as a second request arrives there."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _OneAnswerEach)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v2"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _OneAnswerEach(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answered = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.answered:
            self.close_connection = True
            return
        self.answered = True
        self.close_connection = False  # whatever the client wished
        body = b'{"order": 123, "balance": "1.00"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""
