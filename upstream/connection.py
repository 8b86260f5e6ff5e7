"""Connections to providers that bound how long a whole answer takes.

A socket's own time-out is for each piece that arrives: a provider that sends a byte now and then
would never reach it.
"""

import http.client
import io
import socket
import time
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection


def pools(connections: int, keep: bool = True) -> PoolManager:
    """Pools whose read time-out is for a whole answer, its head included; nothing is retried.

    :param keep: whether a connection may be used again.
    """
    headers = {} if keep else {"Connection": "close"}
    manager = PoolManager(maxsize=connections, retries=False, headers=headers)
    manager.pool_classes_by_scheme = (
        {"http": _HTTPPool, "https": _HTTPSPool}
        if keep
        else {"http": _UnkeptHTTPPool, "https": _UnkeptHTTPSPool}
    )
    return manager


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until the socket's time-out has passed since this was made."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._received = sock.makefile("rb", buffering=0)
        timeout_s = sock.gettimeout()
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._end is not None:
            left_s = self._end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left_s)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedReader(sock))


class _HTTP(HTTPConnection):
    response_class = _Response


class _HTTPS(HTTPSConnection):
    response_class = _Response


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPS


class _UnkeptPool(HTTPConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        # urllib3 closes only where the server says so, and not every server does.
        if conn is not None:
            conn.close()
        super()._put_conn(conn)


class _UnkeptHTTPPool(_UnkeptPool, _HTTPPool):
    pass


class _UnkeptHTTPSPool(_UnkeptPool, _HTTPSPool):
    pass
