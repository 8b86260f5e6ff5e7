"""Clients that do not send, or do not read: nobody else waits for them, and they are sent away."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.apps import PLENTY, ROOT, Server
from support.clients import add
from support.databases import order_numbers
from support.servers import at_the_desk
from support.wire import FORM

from bench.slow_clients import KINDS, SlowClients
from database.transactions import immediate
from models import Service
from panel import accounts, services
from panel.money import MICROS

pytestmark = pytest.mark.server

REQUEST_S = 2
PATIENCE_S = 20
HEAD = (
    b"POST /api/v2 HTTP/1.1\r\nHost: panel\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where a request has 2 seconds to arrive, and 4,000 services are sold."""
    folder = tmp_path_factory.mktemp("slow")
    server = Server(
        folder,
        {
            "PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}",
            "PANEL_RATE_LIMIT": PLENTY,
            "PANEL_REQUEST_SECONDS": str(REQUEST_S),
        },
    )
    server.start()
    yield server
    server.kill()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def key(server: Server) -> str:
    with at_the_desk(server):
        services.add(
            name="Followers", category="Social", rate_micros=5 * MICROS, min=10, max=10**6
        )
        row = {
            "name": "x" * 60, "category": "Social", "type": "Default", "rate_micros": 1,
            "min": 1, "max": 10,
        }  # fmt: skip
        with immediate():
            for _ in range(40):
                Service.insert_many([row] * 100).execute()
        return accounts.add("alice", 1000 * MICROS)


def ask(server: Server, key: str, action: str = "balance", **params: object) -> int:
    """Ask as another client does, on a connection of its own: the status."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
    with closing(connection):
        connection.request(
            "POST", "/api/v2", urlencode({"key": key, "action": action, **params}), FORM
        )
        response = connection.getresponse()
        response.read()
        return response.status


@pytest.mark.parametrize("kind", KINDS)
def test_forty_slow_clients_hold_up_nobody(server: Server, key: str, kind: str) -> None:
    with SlowClients(server.port, kind, 40, key):
        assert [ask(server, key) for _ in range(5)] == [200] * 5


@pytest.mark.parametrize("kind", ["nothing", "half a body"])
def test_four_hundred_slow_clients_hold_up_nobody(server: Server, key: str, kind: str) -> None:
    with SlowClients(server.port, kind, 400):
        assert [ask(server, key) for _ in range(5)] == [200] * 5


def test_slow_clients_of_all_kinds_at_once_hold_up_nobody(server: Server, key: str) -> None:
    large = {"comments": "x" * 300_000, "service": 1, "link": "https://a.b/c", "quantity": 10}
    with ExitStack() as held:
        for kind in KINDS:
            held.enter_context(SlowClients(server.port, kind, 20, key))
        assert [ask(server, key) for _ in range(5)] == [200] * 5
        assert ask(server, key, "services") == 200
        assert ask(server, key, "add", **large) == 200


def send(server: Server, *parts: bytes, pause_s: float = 0) -> socket.socket:
    """Send a request in parts."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in parts:
        client.sendall(part)
        time.sleep(pause_s)
    return client


def read(client: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one answer, and no byte more: status, headers, body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, f"the connection ended behind {head!r}"
        head += byte
    line, *lines = head.decode().strip().split("\r\n")
    headers = dict(text.split(": ", 1) for text in lines)
    body = b""
    while len(body) < int(headers["Content-Length"]):
        body += client.recv(int(headers["Content-Length"]) - len(body))
    return int(line.split()[1]), headers, body


def to_the_end(client: socket.socket) -> bytes:
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_request_that_does_not_arrive_in_time_is_answered_and_closed(server: Server) -> None:
    begun = {kind: send(server, sent) for kind, sent in KINDS.items() if kind.startswith("half")}
    assert len(begun) >= 5
    for kind, client in begun.items():
        head, _, body = to_the_end(client).partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [
            b"HTTP/1.1 408 Request Timeout",
            b"Connection: close",
            b"Content-Type: application/json",
            b"Content-Length: 28",
        ], kind
        assert body == b'{"error":"Request Timeout"}\n'


def test_who_never_says_anything_is_closed_without_a_word(server: Server) -> None:
    assert to_the_end(send(server)) == b""


def test_a_second_request_that_does_not_arrive_is_answered_too(server: Server) -> None:
    with send(server, KINDS["a second request, half"]) as client:
        assert read(client)[0] == 200
        assert to_the_end(client).startswith(b"HTTP/1.1 408 ")


def test_who_sends_a_byte_now_and_then_is_slow(server: Server) -> None:
    request = HEAD + b"Content-Length: 100\r\n\r\n"
    with send(server, request) as client:
        client.settimeout(REQUEST_S / 8)
        answer = b""
        for _ in range(100):
            client.sendall(b"k")
            try:
                answer = client.recv(65536)
                break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def form(key: str, **params: object) -> bytes:
    return urlencode({"key": key, **params}).encode()


def framed(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def test_who_goes_on_at_a_fair_rate_has_more_time(server: Server, key: str) -> None:
    request = framed(form(key, action="balance", padding="x" * 16_000))
    parts = [request[at : at + 500] for at in range(0, len(request), 500)]
    with send(server, *parts, pause_s=1.5 * REQUEST_S / len(parts)) as client:
        assert read(client)[0] == 200


@pytest.mark.parametrize("kind", ["a length", "chunks", "query"])
def test_a_request_in_single_bytes_is_read_as_a_whole(server: Server, key: str, kind: str) -> None:
    body = form(key, action="balance")
    request = {
        "a length": framed(body),
        "chunks": chunked(body, 7),
        "query": b"GET /api/v2?%s HTTP/1.0\r\n\r\n" % body,
    }[kind]
    with send(server, *(request[at : at + 1] for at in range(len(request)))) as client:
        assert read(client)[0] == 200


@pytest.mark.parametrize("size", [60_000, 70_000, 900_000, 1_000_000])
@pytest.mark.parametrize("kind", ["a length", "chunks", "after a word", "as old clients do"])
def test_a_large_body_is_read_as_a_whole(server: Server, key: str, kind: str, size: int) -> None:
    body = form(key, action="balance", padding="x" * size)
    if kind == "chunks":
        client = send(server, chunked(body, 5000))
    elif kind == "after a word":
        client = send(
            server, HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        )
        assert client.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
    elif kind == "as old clients do":
        client = send(server, framed(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
    else:
        client = send(server, framed(body))
    with client:
        status, headers, _ = read(client)
    assert status == 200
    assert headers["Connection"] == ("close" if kind == "as old clients do" else "keep-alive")


@pytest.mark.parametrize("framing", [b"Content-Length: 1048577", b"Content-Length: 99999999999"])
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_body_that_is_too_large_is_refused_before_it_comes(
    server: Server, framing: bytes, expect: bytes
) -> None:
    answer = to_the_end(send(server, HEAD + expect + framing + b"\r\n\r\n" + b"x" * 1000))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_a_chunked_body_that_is_too_large_is_refused(server: Server) -> None:
    with send(server, chunked(b"x" * 1_100_000, 50_000)) as client:
        assert read(client)[0] == 413


def test_requests_that_come_at_once_are_answered_in_turn(server: Server, key: str) -> None:
    asked = [framed(form(key, action="balance")), b"GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n"]
    with send(server, b"".join(asked * 5) + asked[1][:10]) as client:
        answers = [read(client) for _ in range(10)]
        assert [status for status, _, _ in answers] == [200] * 10
        assert [b"balance" in body for _, _, body in answers] == [True, False] * 5
        client.sendall(asked[1][10:])
        assert read(client)[0] == 200


def test_who_closes_his_half_is_answered(server: Server, key: str) -> None:
    with send(server, framed(form(key, action="balance"))) as client:
        client.shutdown(socket.SHUT_WR)
        assert read(client)[0] == 200
        assert client.recv(1) == b""


def test_a_request_that_ends_early_is_not_answered_as_if_it_were_whole(
    server: Server, key: str
) -> None:
    body = form(key, action="balance")
    for sent, answered in [
        (framed(body)[:-1], b"HTTP/1.1 400 "),
        (chunked(body, 5)[:-1], b"HTTP/1.1 400 "),
        (framed(body)[:50], b""),
    ]:
        client = send(server, sent)
        client.shutdown(socket.SHUT_WR)
        assert to_the_end(client)[:13] == answered


def test_a_malformed_head_is_refused_before_it_is_whole(server: Server) -> None:
    for head, status in [
        (b"GET / HTTP/9.7\r\n", b"400"),
        (b"GET /?" + b"x" * 9000, b"414"),
        (HEAD + b"no colon here\r\nContent-Length: 100\r\n\r\nkey", b"400"),
        (HEAD + b"A: " + b"x" * 1_100_000, b"431"),
        (HEAD + b"A: b\nC: d", b"400"),
    ]:
        assert to_the_end(send(server, head))[9:12] == status, head[:100]


def test_an_answer_is_whole_however_it_is_read(server: Server, key: str) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE_S)
        client.connect(("127.0.0.1", server.port))
        client.sendall(framed(form(key, action="services")))
        time.sleep(REQUEST_S / 2)
        status, headers, body = read(client)
        assert status == 200
        assert len(json.loads(body)) == 4001
        assert headers["Connection"] == "keep-alive"
        client.sendall(framed(form(key, action="balance")))
        assert read(client)[0] == 200


def test_a_large_request_waits_for_room_and_is_answered(server: Server, key: str) -> None:
    begun = HEAD + b"Content-Length: 1000000\r\n\r\n" + b"x" * 70_000
    held = [send(server, begun) for _ in range(150)]  # more than both workers have room for
    assert ask(server, key, padding="x" * 300_000) == 200
    for client in held:
        client.close()


LOCK = """
import sys
from database.driver import sqlite3
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def test_readers_go_on_while_writers_wait_for_another_program(server: Server, key: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, str(server.database)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        before = order_numbers(server.database)
        adders = [send(server, framed(form(**add(key)))) for _ in range(60)]
        reads = [("balance", {}), ("status", {"order": 1}), ("services", {})]
        asked = [ask(server, key, action, **params) for action, params in reads * 5]
        assert set(asked) <= {200, 404}
        with ThreadPoolExecutor(20) as others:
            assert set(others.map(lambda _: ask(server, key), range(40))) == {200}
        assert order_numbers(server.database) == before
        other.stdin.write("\n")
        other.stdin.flush()
        answers = [read(client) for client in adders]
        for client in adders:
            client.close()
    assert [status for status, _, _ in answers] == [200] * 60
    placed = sorted(json.loads(body)["order"] for _, _, body in answers)
    assert placed == sorted(set(order_numbers(server.database)) - set(before))


def test_a_flood_of_connections_makes_room_for_who_asks(tmp_path: Path) -> None:
    few = tmp_path / "few.conf.py"
    few.write_text(
        "from pathlib import Path\n"
        "exec(Path('gunicorn.conf.py').read_text())\n"
        "workers, worker_connections = 1, 20\n"
    )
    server = Server(tmp_path, {"PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}"})
    server.configuration = str(few)
    server.start()
    try:
        with SlowClients(server.port, "half a head", 100):
            assert [server.request("GET", "/healthz")[0] for _ in range(5)] == [200] * 5
        send_beside_newcomers(server)
        assert server.process is not None
        server.process.terminate()
        # Whoever was counted twice would be waited for until graceful_timeout (30 s) is over.
        server.process.wait(timeout=20)
        server.process = None
    finally:
        server.kill()


def send_beside_newcomers(server: Server) -> None:
    """In the same turn of the worker, clients take the places of others, who go on just then."""
    (worker,) = map(int, re.findall(r"Booting worker with pid: (\d+)", server.log.read_text()))
    with ExitStack() as clients:

        def connect(count: int) -> list[socket.socket]:
            address = ("127.0.0.1", server.port)
            made = (socket.create_connection(address) for _ in range(count))
            return [clients.enter_context(client) for client in made]

        for _ in range(5):
            old = connect(20)
            for client in old:
                client.sendall(b"GET /healthz")
            assert server.request("GET", "/healthz")[0] == 200  # all of them are received
            os.kill(worker, signal.SIGSTOP)
            connect(5)
            for client in old:
                with suppress(OSError):
                    client.sendall(b" HTTP")
            os.kill(worker, signal.SIGCONT)
            assert server.request("GET", "/healthz")[0] == 200
