"""A storage for the `limits` package: counters in a SQLite file, shared by all processes."""

import fcntl
import os
import sqlite3
import threading
import time
from typing import Any

from limits.storage import Storage

PURGE_EVERY = 10_000
"""Hits of one thread between two removals of what has expired."""

_TABLE = """
CREATE TABLE IF NOT EXISTS hits (
    key TEXT PRIMARY KEY,
    count INTEGER NOT NULL,
    expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID
"""
_HIT = """
INSERT INTO hits (key, count, expires_at) VALUES (:key, :amount, :now + :expiry)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN expires_at <= :now THEN 0 ELSE count END + :amount,
    expires_at = CASE WHEN expires_at <= :now THEN :now + :expiry ELSE expires_at END
RETURNING count, expires_at
"""
_WINDOW = "SELECT count, expires_at FROM hits WHERE key = ?"


class _Turn:
    """One thread's place in the queue of a file's writers.

    SQLite's own waiting sleeps and wakes without order: the longest waits were many times
    longer with it.
    """

    def __init__(self, lock: int) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def __exit__(self, *error: object) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def __del__(self) -> None:
        os.close(self._lock)


class SQLiteStorage(Storage):
    """Fixed windows that begin with a key's first hit.

    The counters live for a window only, so the file may forget them in a power cut
    (`synchronous=OFF`), and it is not the money's file: counting never waits for an order.
    """

    STORAGE_SCHEME = ["sqlite"]

    def __init__(self, uri: str, wrap_exceptions: bool = False, **options: Any) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        self._path = uri.removeprefix("sqlite:///")
        self._local = threading.local()
        with self._turn(), self._connect() as connection:
            # One at a time: the change to WAL does not wait for others by itself.
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute(_TABLE)
        connection.close()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """What the storage may raise."""
        return sqlite3.Error, OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count a hit and give the window's count; a new window lasts `expiry` seconds."""
        connection = self._connection()
        self._local.hits += 1
        values = {"key": key, "amount": amount, "expiry": expiry, "now": time.time()}
        with self._local.turn:
            if self._local.hits % PURGE_EVERY == 0:
                connection.execute("DELETE FROM hits WHERE expires_at <= ?", (time.time(),))
            count, expires_at = connection.execute(_HIT, values).fetchone()
        self._local.counted = key, expires_at
        return count

    def get(self, key: str) -> int:
        """The hits of a key's present window."""
        return self._live(key)[0]

    def get_expiry(self, key: str) -> float:
        """When a key's window ends, in seconds since 1970; now, if there is none.

        A thread that has just counted a hit knows it, and tells it once: the headers of the
        same request ask for it, and the file need not be read for them.
        """
        counted = getattr(self._local, "counted", None)
        self._local.counted = None
        if counted is not None and counted[0] == key and counted[1] > time.time():
            return counted[1]
        return self._live(key)[1]

    def check(self) -> bool:
        """Whether the file can be read."""
        try:
            self._live("")
        except self.base_exceptions:
            return False
        return True

    def reset(self) -> int:
        """Forget everything, and tell how many keys there were."""
        self._local.counted = None
        return self._connection().execute("DELETE FROM hits").rowcount

    def clear(self, key: str) -> None:
        """Forget one key."""
        self._local.counted = None
        self._connection().execute("DELETE FROM hits WHERE key = ?", (key,))

    def _live(self, key: str) -> tuple[int, float]:
        now = time.time()
        row = self._connection().execute(_WINDOW, (key,)).fetchone()
        return row if row and row[1] > now else (0, now)

    def _connection(self) -> sqlite3.Connection:
        """This thread's own connection, opened at its first hit (hence after a fork)."""
        if not hasattr(self._local, "connection"):
            self._local.turn = self._turn()
            self._local.connection = self._connect()
            self._local.hits = 0
        return self._local.connection

    def _turn(self) -> _Turn:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        return _Turn(os.open(f"{self._path}.lock", flags, 0o600))

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        connection.execute("PRAGMA synchronous = off")
        return connection
