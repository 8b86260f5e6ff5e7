"""Consistent copies of the database, and what SQLite finds wrong with one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from database.connection import database
from database.driver import sqlite3


def backup(target: Path) -> None:
    """Write a consistent copy of the database to a new file, while it is being served.

    :raises OSError, sqlite3.Error: if it cannot be written; a part of it may remain.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    copy = sqlite3.connect(target)
    try:
        database.connection().backup(copy)
        copy.execute("PRAGMA journal_mode = delete")  # the copy is one file
    finally:
        copy.close()


@contextmanager
def read_only(path: Path, untouched: bool = False) -> Iterator[sqlite3.Connection]:
    """Open another database file, such as a copy, for reading.

    :param untouched: leave a log beside it as it is, which the last connection would bring into
        the file. SQLite skips the CHECKs of a file that it must not write to.
    """
    mode = "ro" if untouched else "rw"
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)
    try:
        connection.execute("PRAGMA query_only = 1")
        yield connection
    finally:
        connection.close()


def damage(connection: sqlite3.Connection) -> list[str]:
    """What SQLite itself finds wrong with a database, a line each."""
    lines = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    return [line for line in lines if line != "ok"] + [f"broken reference: {r}" for r in broken]
