"""Database files as any program sees them, beside the panel's own connections."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from database import state_file
from database.backup import backup
from database.connection import database
from database.driver import sqlite3


def copy_open(target: Path) -> None:
    """Copy the open database, with a state file that is its own, as after `flask moved`."""
    backup(target)
    known = state_file.read(state_file.descriptor())
    if known is not None:
        with state_file.alone(target) as descriptor:
            state_file.write(descriptor, known)


def run(path: Path, script: str) -> None:
    """Run statements on a database file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def order_numbers(path: Path) -> list[int]:
    """The numbers of all orders in a database file."""
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT id FROM orders ORDER BY id")]


def dump(connection: sqlite3.Connection) -> list[str]:
    """Everything in a database: each table, index and trigger, each row, and the version."""
    lines = [
        f"{name}: {sql}"
        for name, sql in connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
    ]
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
    ).fetchall()
    for (table,) in tables:
        rows = connection.execute(f"SELECT * FROM {table}")
        lines += sorted(f"{table}: {tuple(map(_shown, row))}" for row in rows)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return [*lines, f"version {version}"]


def _shown(value: Any) -> Any:
    """A value as SQL writes it, where it is bytes."""
    return f"X'{value.hex().upper()}'" if isinstance(value, bytes) else value


def dump_file(path: Path) -> list[str]:
    """The same of a file; of one that is no database its bytes, of none nothing."""
    if not path.is_file():
        return []
    try:
        with closing(sqlite3.connect(path)) as connection:
            return dump(connection)
    except sqlite3.DatabaseError:
        return [repr(path.read_bytes())]


@contextmanager
def refusing_writes() -> Iterator[None]:
    """This thread's connection reads, and refuses to write as on a file system for reading."""
    database.execute_sql("PRAGMA query_only = 1")
    try:
        yield
    finally:
        database.execute_sql("PRAGMA query_only = 0")
