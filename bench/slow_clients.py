"""Clients that hold connections and do not go on, each in a way of its own."""

import socket
import threading
from collections import deque
from contextlib import suppress
from typing import Self

LOOK_S = 5
"""How long it takes to look after all connections once."""

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
POST = b"POST /api/v2 HTTP/1.1\r\nHost: panel\r\n" + FORM

ASK = b"GET /api/v2?action=services&key=KEY HTTP/1.1\r\nHost: panel\r\n\r\n"

KINDS: dict[str, bytes] = {
    "nothing": b"",
    "half a head": POST + b"X-Half: a",
    "half a body": POST + b"Content-Length: 100\r\n\r\nkey=012345",
    "a body that is asked for": POST + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    "half of a large body": POST + b"Content-Length: 200000\r\n\r\n" + b"a" * 100_000,
    "half of a chunked body": POST + b"Transfer-Encoding: chunked\r\n\r\n10\r\nkey=0",
    "half of a large chunked body": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n30d40\r\n" + b"a" * 100_000
    ),
    "a second request, half": b"GET /healthz HTTP/1.1\r\nHost: panel\r\n\r\n" + POST,
    "a large answer that is not read": ASK,
    "an answer that is not read, and no end": (
        b"GET /healthz HTTP/1.1\r\nHost: panel\r\nConnection: close\r\n\r\n"
    ),
}
"""What each kind sends before it stops; KEY stands for a customer's key."""


class SlowClients:
    """So many connections of one kind, opened anew where the server closes them, while inside."""

    def __init__(self, port: int, kind: str, count: int, key: str = "") -> None:
        self._address = ("127.0.0.1", port)
        self._sent = KINDS[kind].replace(b"KEY", key.encode())
        self._reads = "not read" not in kind
        self._clients: deque[socket.socket] = deque()
        self._count = count
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._renew)
        self.opened = 0

    def __enter__(self) -> Self:
        for _ in range(self._count):
            self._open()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()
        for client in self._clients:
            client.close()

    def _open(self) -> None:
        client = socket.socket()
        if not self._reads:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(60)
        self._clients.append(client)
        with suppress(OSError):  # it may be stopping, or have closed the connection already
            client.connect(self._address)
            client.settimeout(0)
            self.opened += 1
            client.send(self._sent)

    def _renew(self) -> None:
        """Look at each connection every few seconds, and open another for one that has ended.

        Who does not read does not see the end: these are all opened anew.
        """
        while not self._is_over.wait(LOOK_S / self._count):
            client = self._clients.popleft()
            if self._reads and not _has_ended(client):
                self._clients.append(client)
            else:
                client.close()
                self._open()


def _has_ended(client: socket.socket) -> bool:
    try:
        return not client.recv(65536)
    except BlockingIOError:
        return False
    except OSError:
        return True
