"""Restarts and stops: nobody is refused, nobody is reset, and no slow client holds one up."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.apps import PLENTY, Server
from support.clients import add
from support.databases import order_numbers
from support.servers import at_the_desk, wait_until

from bench.busy_clients import BusyClients
from bench.slow_clients import KINDS, POST, SlowClients
from panel import accounts, services
from panel.money import MICROS

pytestmark = pytest.mark.server

REQUEST_S = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that opens its own socket."""
    environ = {
        "PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}",
        "PANEL_RATE_LIMIT": PLENTY,
        "PANEL_REQUEST_SECONDS": str(REQUEST_S),
        "WEB_CONCURRENCY": "2",
    }
    server = Server(tmp_path, environ)
    yield server
    server.kill()
    assert "Traceback" not in server.log.read_text()


def start(server: Server) -> str:
    """Start it, and give the key of a customer who can order service 1."""
    server.start()
    with at_the_desk(server):
        services.add(name="Followers", category="Social", rate_micros=MICROS, min=10, max=1000)
        return accounts.add("alice", 10**6 * MICROS)


def test_a_restart_refuses_nobody_and_resets_nobody(server: Server) -> None:
    with closing(socket.create_server(("127.0.0.1", server.port), backlog=128)) as listener:
        server.listener = listener
        key = start(server)
        with BusyClients(server.port, key, 8) as clients:
            for _ in range(2):
                wait_for_orders(clients)
                server.stop()
                server.start()
            wait_for_orders(clients)
    assert (clients.refused, clients.reset, clients.others) == (0, 0, [])
    assert sorted(clients.orders) == order_numbers(server.database)


def wait_for_orders(clients: BusyClients) -> None:
    enough = len(clients.orders) + 50
    wait_until(lambda: len(clients.orders) >= enough)


def test_who_connects_while_no_server_runs_is_answered_by_the_next_one(server: Server) -> None:
    with closing(socket.create_server(("127.0.0.1", server.port))) as listener:
        server.listener = listener
        start(server)
        server.stop()
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as client:
            client.request("GET", "/healthz")
            server.start()
            assert client.getresponse().status == 200


def test_a_server_that_stops_refuses_at_once_and_finishes_what_was_begun(server: Server) -> None:
    key = start(server)
    body = urlencode(add(key)).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as begun:
        begun.sendall(POST + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert begun.recv(1024).startswith(b"HTTP/1.1 100 ")
        begun.sendall(body[:-1])
        assert server.process is not None
        server.process.terminate()
        wait_until(lambda: refuses(server))
        assert server.process.poll() is None
        begun.sendall(body[-1:])
        answer = b"".join(iter(lambda: begun.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b'{"order":1}\n')
    server.stop()
    assert order_numbers(server.database) == [1]


def refuses(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=30).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False
    return False


def test_slow_clients_hold_up_no_stop(server: Server) -> None:
    key = start(server)
    with ExitStack() as held:
        for kind in KINDS:
            held.enter_context(SlowClients(server.port, kind, 10, key))
        server.stop()
    log = server.log.read_text()
    assert log.count("Worker exiting") == 2, "a worker had to be killed"
