"""One client's connection: a socket that never lets a thread wait, and how long it may take."""

import select
import socket
from collections import deque
from enum import Enum, auto
from typing import Any

from gunicorn.workers.gthread import TConn

from api.server.framing import Framing

RECEIVE_BYTES = 64 * 1024
MAX_UNSENT_BYTES = 8 * 1024 * 1024
"""A thread waits with an answer of which more than this was not sent yet; exports are so long."""

FAIR_BYTES_PER_S = 500
"""Who moves bytes at this rate may take longer than others."""
MAX_WINDOWS = 12
"""But not longer than so many times the time that everybody has."""


class Pace:
    """How long something may take: a window of time, and another one for who moves on fairly."""

    def __init__(self, now: float, window_s: float) -> None:
        self._window_s = window_s
        self._ends = now + window_s
        self._last = now + MAX_WINDOWS * window_s
        self._moved = 0

    def move(self, count: int) -> None:
        """Count bytes that were received or sent."""
        self._moved += count

    def end_by(self, moment: float) -> None:
        """Allow no time after this moment."""
        self._last = min(self._last, moment)
        self._ends = min(self._ends, moment)

    def is_over(self, now: float) -> bool:
        """Whether the time is up; begins another window where it is not."""
        if now < self._ends:
            return False
        if now >= self._last or self._moved < FAIR_BYTES_PER_S * self._window_s:
            return True
        self._ends = min(now + self._window_s, self._last)
        self._moved = 0
        return False


class ClientSocket(socket.socket):
    """A client's socket, of which gunicorn's parser reads what has come, and writes what will go.

    Nothing here waits for the client. The main thread calls receive() and send_more() when the
    client is ready for them.
    """

    def __init__(self, accepted: socket.socket) -> None:
        kind = (accepted.family, accepted.type, accepted.proto)
        super().__init__(*kind, fileno=accepted.detach())
        super().setblocking(False)
        self.received = bytearray()
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0

    def setblocking(self, flag: bool) -> None:
        """Do nothing: gunicorn asks for a blocking socket before it reads."""

    def settimeout(self, value: float | None) -> None:
        """Do nothing, likewise."""

    def receive(self) -> int:
        """Take what has come from the client: so many bytes, 0 at the end.

        :raises BlockingIOError: if nothing has come.
        :raises OSError: if the connection is broken.
        """
        data = super().recv(RECEIVE_BYTES)
        self.received += data
        return len(data)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """Give the parser what has been received; nothing means that there will be no more."""
        data = bytes(self.received[:bufsize])
        del self.received[:bufsize]
        return data

    def put_back(self, data: bytes) -> None:
        """Take back what the parser has read too far."""
        self.received[:0] = data

    @property
    def has_unsent(self) -> bool:
        """Whether a part of the answer is still to be sent."""
        return bool(self._unsent)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send what the connection takes at once, and keep the rest for send_more().

        :raises OSError: if the connection is broken.
        """
        self._unsent.append(memoryview(data))
        self._unsent_bytes += len(data)
        if len(self._unsent) == 1:
            self.send_more()
        while self._unsent_bytes > MAX_UNSENT_BYTES:
            self._wait_for_room()
            self.send_more()

    def send_more(self) -> int:
        """Send what the connection takes of the rest; returns how many bytes that were.

        :raises OSError: if the connection is broken.
        """
        before = self._unsent_bytes
        while self._unsent:
            part = self._unsent[0]
            try:
                sent = super().send(part)
            except BlockingIOError:
                break
            self._unsent_bytes -= sent
            if sent < len(part):
                self._unsent[0] = part[sent:]
                break
            self._unsent.popleft()
        return before - self._unsent_bytes

    def _wait_for_room(self) -> None:
        poll = select.poll()
        poll.register(self, select.POLLOUT)
        if not poll.poll(10_000):
            raise TimeoutError("the client does not read its answer")


class Phase(Enum):
    """What a connection that no thread works on waits for."""

    IDLE = auto()
    """For a request."""
    RECEIVING = auto()
    """For the rest of one."""
    RESTING = auto()
    """For room: its request is large, and others are being received."""
    SENDING = auto()
    """For the client to read its answer."""
    CLOSING = auto()
    """For the client to close it too."""
    CLOSED = auto()
    """For nothing any more."""


class Connection(TConn):
    """A client, and how far its request has come.

    is_whole: whether the request that was handed over is all there.
    is_kept: whether another request may follow the answer.
    reserved_bytes: the room that is kept for its large request.
    """

    sock: ClientSocket

    def __init__(self, cfg: Any, sock: ClientSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.data_ready = True  # gunicorn's own waiting for the first byte is over
        self.phase = Phase.IDLE
        self.pace = Pace(0, 0)
        self.framing = Framing(0)
        self.told_to_continue = False
        self.is_polled = False
        self.is_whole = True
        self.is_kept = False
        self.reserved_bytes = 0

    def begin_request(self, max_body_bytes: int) -> None:
        """Forget the last request."""
        self.framing = Framing(max_body_bytes)
        self.told_to_continue = False
