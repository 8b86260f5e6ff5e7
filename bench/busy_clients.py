"""Clients that order all the time, through a restart, and the socket that systemd would hold."""

import json
import socket
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Self
from urllib.parse import urlencode

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATIENCE_S = 60
PAUSE_S = 0.01

_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def activated(command: list[str], listener: socket.socket) -> list[str]:
    """The command, run with an open socket as systemd hands it over; pass the socket on to it."""
    return [sys.executable, "-c", _ACTIVATE, str(listener.fileno()), *command]


class BusyClients:
    """Clients that add one order after the other, while inside: every second keeps its connection.

    orders: the numbers that were answered. refused, reset: how many requests were not answered,
    because no connection was made, or because it broke. others: every other answer.
    """

    def __init__(self, port: int, key: str, count: int) -> None:
        self._port = port
        self._body = urlencode({
            "key": key, "action": "add", "service": 1, "link": "https://a.b/c", "quantity": 10,
        })  # fmt: skip
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._order, args=(bool(number % 2),))
            for number in range(count)
        ]
        self.orders: list[int] = []
        self.refused = 0
        self.reset = 0
        self.others: list[str] = []
        self.worst_s = 0.0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _order(self, is_kept: bool) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)) as connection:
            while not self._is_over.is_set():
                begun = time.monotonic()
                try:
                    self._order_once(connection)
                except ConnectionRefusedError:
                    self.refused += 1
                    connection.close()
                    time.sleep(PAUSE_S)
                except (OSError, HTTPException):
                    self.reset += 1
                    connection.close()
                self.worst_s = max(self.worst_s, time.monotonic() - begun)
                if not is_kept:
                    connection.close()

    def _order_once(self, connection: HTTPConnection) -> None:
        connection.request("POST", "/api/v2", self._body, FORM)
        response = connection.getresponse()
        body = response.read()
        if response.status == 200:
            self.orders.append(json.loads(body)["order"])
        else:
            self.others.append(f"{response.status} {body!r}")
