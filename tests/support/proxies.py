"""What the tests of the proxies' recipes share: a panel that fails as it is told, and clients."""

import json
import os
import re
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple
from urllib.parse import urlencode

from support.apps import PATIENCE_S, Server

NO_HEADERS: dict[str, str] = {}
FORM = "Content-Type: application/x-www-form-urlencoded"
ADD = {"key": "k", "action": "add", "service": "1", "link": "https://a.b/c", "quantity": "10"}
DOWN = (503, {"error": "Service Unavailable"})
KEY = "0123456789abcdef" * 3
_ENCODED = "".join(f"%{ord(letter):02x}" for letter in KEY)
KEY_IN_PATH = [f"/api/v2/{name}" for name in (KEY, _ENCODED, _ENCODED.replace("%", "%25"))]
"""Paths that a customer may ask for who takes the key for a part of the address."""
BODY = urlencode(ADD)
SLOW = 40
"""How many slow clients there are of each kind."""
ENDS_BADLY = {
    "is closed before the request is read",
    "is closed when half of the request is read",
    "is closed after the request",
    "is reset after the request",
    "is closed within the answer",
    "stays silent",
}


class Arrival(NamedTuple):
    """A request that reached the upstream, or the part of it that was read."""

    connection: int
    text: str


class Upstream:
    """A panel that answers everything, and lets a connection end badly where it is told to."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.next_end = ""
        self._open: list[socket.socket] = []
        self.accepted = 0
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._listener.close()
        self.close_kept()

    def close_kept(self) -> None:
        """Close the kept connections, and wait until the proxy has closed its ends too."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
        while self._open:
            time.sleep(0.01)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(30)
                self.accepted += 1
                Thread(target=self._serve, args=(connection, self.accepted), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.append(connection)
        with connection, suppress(OSError):
            while connection.recv(1, socket.MSG_PEEK):
                end, self.next_end = self.next_end, ""
                text = _read(connection, end)
                self.arrivals.append(Arrival(number, text))
                if end:
                    _end(connection, end)
                    break
                _answer(connection, b'{"order":1}')
        with self._lock:
            self._open.remove(connection)


def _read(connection: socket.socket, end: str) -> str:
    if end == "is closed before the request is read":
        return ""
    if end == "is closed when half of the request is read":
        return connection.recv(20).decode()
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


def _end(connection: socket.socket, end: str) -> None:
    if end == "is reset after the request":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif end == "is closed within the answer":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    elif end == "stays silent":
        connection.recv(1)  # until the proxy gives up and closes


def _answer(connection: socket.socket, body: bytes) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )


def changed(recipe: str, changes: dict[str, str]) -> str:
    """The recipe with other places in it, for a machine that is not the deployed one."""
    for pattern, replacement in changes.items():
        recipe, count = re.subn(pattern, replacement, recipe)
        assert count, f"the recipe has no {pattern}"
    return recipe


class Proxy(NamedTuple):
    """A running proxy, by its ports for HTTPS and HTTP."""

    port: int
    plain_port: int

    def connect(self) -> ssl.SSLSocket:
        """A connection over HTTPS that waits for what is sent."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        return _trusting().wrap_socket(plain, server_hostname="localhost")

    def send(self, method: str, fields: dict[str, str]) -> tuple[int, object]:
        """Send an API request over HTTPS: the status and the decoded answer."""
        sent = urlencode(fields)
        if method == "GET":
            return self.request("GET", f"/api/v2?{sent}")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.request("POST", "/api/v2", sent.encode(), form)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] = NO_HEADERS,
    ) -> tuple[int, object]:
        """Send a request over HTTPS: the status and the decoded answer."""
        connection = HTTPSConnection("localhost", timeout=30)
        connection.sock = self.connect()
        return _answer_of(connection, method, path, body, headers)

    def send_plainly(self, path: str) -> tuple[int, object]:
        """Send a GET over HTTP: the status and the decoded answer."""
        connection = HTTPConnection("localhost", timeout=30)
        connection.sock = socket.create_connection(("127.0.0.1", self.plain_port), timeout=30)
        return _answer_of(connection, "GET", path, None, {})

    @contextmanager
    def slow_clients(self) -> Iterator[list[ssl.SSLSocket]]:
        """Clients that have sent half a body, which are given, beside as many with half a head."""
        head = "POST /api/v2 HTTP/1.1\r\nHost: localhost\r\nContent-Le"
        body = f"{head}ngth: {len(BODY)}\r\n{FORM}\r\n\r\n{BODY[:10]}"
        with ExitStack() as open_ones:
            clients = [open_ones.enter_context(self.connect()) for _ in range(2 * SLOW)]
            for client in clients[:SLOW]:
                client.sendall(body.encode())
            for client in clients[SLOW:]:
                client.sendall(head.encode())
            time.sleep(0.5)  # until what the proxy passes on at once has been passed on
            yield clients[:SLOW]


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _answer_of(
    connection: HTTPConnection, method: str, path: str, body: bytes | None, headers: dict[str, str]
) -> tuple[int, object]:
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@contextmanager
def running(command: list[str | Path], log: Path, proxy: Proxy, **environ: str) -> Iterator[Proxy]:
    """A proxy's process, from when it can be connected to."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stderr=output, env={**os.environ, **environ})
    try:
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None:
            with suppress(OSError), proxy.connect():
                break
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        assert process.poll() is None, log.read_text()
        yield proxy
    finally:
        process.terminate()
        process.wait()


def assert_slow_clients_hold_nobody_up(proxy: Proxy, panel: Server) -> None:
    """Beside slow clients, another one of a real panel is answered."""
    key = panel.flask("user", "add", "alice", "--balance", "5").stdout.strip()
    with proxy.slow_clients():
        for _ in range(10):
            answer = proxy.send("POST", {"key": key, "action": "balance"})
            assert answer == (200, {"balance": "5.0000", "currency": "USD"})


def assert_only_whole_requests_are_passed_on(proxy: Proxy, upstream: Upstream) -> None:
    """The panel sees nothing of a request before the whole of it has arrived."""
    upstream.close_kept()
    upstream.arrivals.clear()
    before = upstream.accepted
    with proxy.slow_clients() as clients:
        assert (upstream.accepted, upstream.arrivals) == (before, [])
        clients[-1].sendall(BODY[10:].encode())
        assert clients[-1].recv(12) == b"HTTP/1.1 200"
    (arrival,) = upstream.arrivals
    assert arrival.text.endswith(f"\r\n\r\n{BODY}")
