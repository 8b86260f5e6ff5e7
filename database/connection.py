"""The one database object: which file it is, and each thread's connection to it."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from peewee import PeeweeException, SqliteDatabase

from database import state_file

BUSY_TIMEOUT_MS = 30_000
"""How long a statement waits for a writer that does not queue, such as the sqlite3 shell."""

MAPPED_BYTES = 2_000_000_000
"""How much of the database file is read from memory that all connections share."""

WAL_LIMIT_BYTES = 64 * 1024 * 1024
"""To this size the write-ahead log is cut again after it grew beside a long reader."""


class DatabaseError(Exception):
    """The database cannot be used; the text says why, in one line."""


class AtThreadEnd:
    """Calls a function at the end of the thread that keeps this object in a threading.local.

    Python releases a thread's locals in the thread itself, before a join() of it returns.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._thread = threading.get_ident()

    def __del__(self) -> None:
        # After a fork the child releases the locals of its parent's other threads: not ours.
        if threading.get_ident() == self._thread:
            self._call()


class PanelDatabase(SqliteDatabase):
    """SQLite with a connection for each thread, which is closed when its thread ends."""

    def __init__(self) -> None:
        super().__init__(None)
        self._at_thread_end = threading.local()

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Open this thread's connection; queries do so by themselves."""
        is_new = super().connect(reuse_if_open)
        if is_new:
            self._at_thread_end.connection = AtThreadEnd(self.connection().close)
        return is_new

    def rollback(self) -> None:
        """Roll back, unless SQLite has done so by itself, as it does when the disk is full.

        Then an error would hide the one that says what happened.
        """
        if self.connection().in_transaction:
            super().rollback()


database = PanelDatabase()

_in_use: Path | None = None
"""The file that this process works on."""


def configure(path: Path, synchronous: str) -> None:
    """Point the models at a database file; threads connect to it at their first query.

    :param synchronous: SQLite's setting of that name.
    :raises DatabaseError: if this process works on another file already. Models and
        connections belong to the process: an app on that file would go on with this one.
    """
    global _in_use
    if _in_use not in (None, path.resolve()):
        raise DatabaseError(f"cannot use {path} in a process that works on {_in_use}")
    disconnect()
    database.init(
        str(path),
        pragmas=[
            ("busy_timeout", BUSY_TIMEOUT_MS),  # first: the next ones may already have to wait
            ("journal_mode", "wal"),
            ("synchronous", synchronous),
            ("foreign_keys", 1),
            ("cache_size", -16_000),
            # All threads read the same pages, not each a copy of its own.
            ("mmap_size", MAPPED_BYTES),
            ("journal_size_limit", WAL_LIMIT_BYTES),
            # The rest is set because the builds of SQLite have different defaults.
            ("recursive_triggers", 0),
            ("secure_delete", 1),  # a provider's old key does not stay in a free page
        ],
        timeout=BUSY_TIMEOUT_MS // 1000,
    )
    _in_use = path.resolve()


def disconnect() -> None:
    """Close this thread's connection; its next query opens another."""
    if not database.deferred and not database.is_closed():
        database.close()


def fold_log() -> None:
    """Have SQLite bring the log into the file, as its last connection does when it closes.

    The threads of a server end without closing theirs. Where others use the database still, it is
    left to them.
    """
    with suppress(PeeweeException):
        if not database.deferred:
            database.execute_sql("SELECT 1 FROM sqlite_master").fetchone()
            disconnect()


def close_database() -> None:
    """Close this thread's connection, and let the process open another file."""
    global _in_use
    disconnect()
    state_file.release()
    _in_use = None
