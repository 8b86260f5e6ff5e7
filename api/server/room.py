"""Memory for large requests: there is only so much, and who finds none waits in a queue."""

from collections import deque

from api.server.client import Connection, Phase

SMALL_BYTES = 64 * 1024
"""A request up to this length needs no room."""
ROOM_BYTES = 64 * 1024 * 1024


class Room:
    """The room of one process."""

    def __init__(self, room_bytes: int = ROOM_BYTES) -> None:
        self._free_bytes = room_bytes
        self._queue: deque[Connection] = deque()

    def enter(self, conn: Connection) -> bool:
        """Reserve room for the request that is being received, if it is large.

        :returns: False if there is none: leave() of another connection will name this one.
        """
        # What was only announced takes none: else a few heads would fill the room.
        if conn.reserved_bytes or len(conn.sock.received) <= SMALL_BYTES:
            return True
        if self._queue or not self._reserve(conn):
            self._queue.append(conn)
            return False
        return True

    def leave(self, conn: Connection) -> list[Connection]:
        """Free a connection's room; gives those that have room now, and had to wait before."""
        self._free_bytes += conn.reserved_bytes
        conn.reserved_bytes = 0
        admitted = []
        while self._queue:
            first = self._queue[0]
            if first.phase is Phase.RESTING:  # or it was given up meanwhile
                if not self._reserve(first):
                    break
                admitted.append(first)
            self._queue.popleft()
        return admitted

    def _reserve(self, conn: Connection) -> bool:
        needed = conn.framing.total_bytes or conn.framing.max_bytes
        if needed > self._free_bytes:
            return False
        self._free_bytes -= needed
        conn.reserved_bytes = needed
        return True
