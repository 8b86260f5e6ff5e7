"""Opening a database file: it is created, or upgraded, where needed."""

import filecmp
import itertools
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from peewee import PeeweeException

from database import permissions, state_file
from database.backup import backup, damage
from database.connection import (
    DatabaseError,
    close_database,
    configure,
    database,
    disconnect,
)
from database.driver import sqlite3
from database.transactions import write_queue

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "schema.sql"
MIGRATIONS = ROOT / "migrations"

FIRST_VERSION = 5
"""The schema of the first release; nothing older can be upgraded."""

PANEL_TABLES = {"accounts", "orders", "ledger_entries"}
"""What a database has that is a panel's."""


def open_database(path: Path, synchronous: str = "FULL") -> list[str]:
    """Point the models at a database file; create or upgrade it where needed.

    No connection stays open, so that a server can fork afterwards. Each thread connects by
    itself at its first query.

    :param synchronous: SQLite's setting of that name.
    :returns: what was done, a line each; mostly nothing.
    :raises DatabaseError: if the file cannot be used, or this process works on another one
        that close_database() has not closed.
    """
    configure(path, synchronous)
    try:
        # Nobody copies the log into the database between the two.
        is_odd = state_file.hold(path) and _is_older_than_the_database(path)
        _make_private(path)
        with write_queue():
            if is_odd:
                _check_whole(path)
            return _create(path) or upgrade(path)
    except DatabaseError:
        close_database()
        raise
    except BlockingIOError:
        close_database()
        raise DatabaseError(f"{path} is just being restored from a copy") from None
    except (OSError, PeeweeException, sqlite3.Error) as error:
        close_database()
        raise DatabaseError(f"cannot use the database {path}: {_why(error)}") from error
    finally:
        disconnect()


def _why(error: Exception) -> str:
    """An error in words; where something is not permitted, with who asked for it."""
    if not isinstance(error, OSError) or not permissions.is_denied(error):
        return str(error)
    what = f"{error.filename}: {error.strerror}"
    return f"{what}; this runs as the user {permissions.user()}"


def _make_private(path: Path) -> None:
    """Create a database's file for its owner alone, whatever the umask.

    SQLite gives the files beside it the same mode. One that exists keeps its own, and is not
    touched: to close it would end the locks that this process has on it.
    """
    with suppress(OSError):  # SQLite itself says what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _is_older_than_the_database(path: Path) -> bool:
    """Whether a log lies beside the database that was not written since the database was.

    So it is after a crash at a certain moment, or where a copy was put in place beside the log of
    what was there before: SQLite would mix the two.
    """
    path = Path(os.path.realpath(path))  # SQLite has the log there
    try:
        log = path.with_name(f"{path.name}-wal").stat()
        return log.st_size > 0 and path.stat().st_ctime_ns > log.st_ctime_ns
    except FileNotFoundError:
        return False


def _check_whole(path: Path) -> None:
    if wrong := damage(database.connection()):
        raise DatabaseError(
            f"{path} is damaged ({wrong[0]}), perhaps because a copy was put there beside the log "
            f"of another database, {path}-wal: use flask restore"
        )


def schema_version() -> int:
    """The number of the schema that this code works with."""
    return max((number for number, _ in _migrations()), default=FIRST_VERSION)


def _migrations() -> list[tuple[int, Path]]:
    return sorted((int(path.name.split("_")[0]), path) for path in MIGRATIONS.glob("[0-9]*.sql"))


def _create(path: Path) -> list[str]:
    if database.pragma("user_version") != 0:
        return []
    if database.get_tables():
        raise DatabaseError(f"{path} is a database of something else")
    _execute([(schema_version(), SCHEMA)])
    return [f"created the database {path}"]


def upgrade(path: Path, keep: bool = True) -> list[str]:
    """Run the migrations that this database has not seen, in the write queue.

    All of them or none: after a failure the release that made the database can still serve it.

    :param keep: whether a copy of it is kept beside it before.
    :returns: what was done, a line each; mostly nothing.
    :raises DatabaseError: if it is no panel's database, or this code does not know its schema.
    """
    if not set(database.get_tables()) >= PANEL_TABLES:
        raise DatabaseError(f"{path} is a database of something else")
    found = database.pragma("user_version")
    if found > schema_version():
        raise DatabaseError(f"{path} was made by a newer version of the panel")
    if found < FIRST_VERSION:
        raise DatabaseError(
            f"{path} has schema version {found}; only versions from {FIRST_VERSION} on can be "
            "upgraded"
        )
    steps = [(number, step) for number, step in _migrations() if number > found]
    if not steps:
        return []
    done = [_keep(path, found)] if keep else []
    _execute(steps)
    return done + [
        f"upgraded the database to version {number} ({step.stem})" for number, step in steps
    ]


def _keep(path: Path, version: int) -> str:
    """Keep a copy of the database beside it; one that is there already is not replaced."""
    part = path.with_name(f"{path.name}.version-{version}.part")
    part.unlink(missing_ok=True)
    try:
        backup(part)
        kept = _place_for(part)
        part.replace(kept)
    finally:
        part.unlink(missing_ok=True)
    return f"kept a copy of the database before its upgrade: {kept}"


def _place_for(part: Path) -> Path:
    """The name of a whole copy: the first that is free, or that of the same copy.

    An upgrade that failed left one, and so did the way back to an older release.
    """
    first = part.with_suffix("")
    names = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    return next(
        place
        for place in itertools.chain([first], names)
        if not place.exists() or filecmp.cmp(part, place, shallow=False)
    )


def _execute(scripts: list[tuple[int, Path]]) -> None:
    """Run scripts and set the schema's version to each one's number, all or nothing.

    Statement by statement: sqlite3's executescript() would commit the transaction first. The
    foreign keys are off meanwhile, as SQLite requires where a table is rebuilt, and are checked
    at the end.
    """
    database.pragma("foreign_keys", 0)
    try:
        with database.atomic("IMMEDIATE"):
            for version, script in scripts:
                for statement in _statements(script.read_text()):
                    database.execute_sql(statement)
                database.execute_sql(f"PRAGMA user_version = {version}")
            if broken := database.execute_sql("PRAGMA foreign_key_check").fetchall():
                raise DatabaseError(f"the upgrade would break references: {broken[:3]}")
    finally:
        database.pragma("foreign_keys", 1)


def _statements(script: str) -> Iterator[str]:
    """A script's statements; each begins on a line of its own."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    yield statement  # what no semicolon ends is a comment, or a statement all the same
