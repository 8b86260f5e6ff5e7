"""Putting another file in the place of a database, at once and on the same file system."""

import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

from peewee import PeeweeException

from database.backup import damage, read_only
from database.connection import DatabaseError, close_database, configure, database
from database.driver import sqlite3
from database.migrate import FIRST_VERSION, PANEL_TABLES, schema_version, upgrade
from database.state_file import sync_folder
from database.transactions import write_queue

BESIDE = ("-wal", "-shm", "-journal")
"""The ends of the names of SQLite's files beside a database."""

BUSY_S = 2
"""How long another program may hold the database before it is said to use it."""


def copy_checked(source: Path, target: Path) -> None:
    """Copy a panel's database into a new private file, with what lies in the log beside it.

    :raises DatabaseError: if it is no panel's database, is damaged, or newer than this code.
    :raises OSError, sqlite3.Error: if it cannot be read, or the copy cannot be written.
    """
    with source.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise DatabaseError(f"{source} is no SQLite database")
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    original = open_unused(source)
    copy = sqlite3.connect(target)
    try:
        original.backup(copy)
        copy.execute("PRAGMA journal_mode = delete")
        _check(copy, source)
    finally:
        copy.close()
        original.close()


def open_unused(path: Path) -> sqlite3.Connection:
    """Open a database that nobody uses for reading, and change nothing, also beside it."""
    has_log = any(beside(path, end).exists() for end in BESIDE)
    # A file without a log is read as it is: SQLite makes no file beside it then.
    options = "mode=ro" if has_log else "mode=ro&immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)


def _check(copy: sqlite3.Connection, source: Path) -> None:
    if wrong := damage(copy):
        raise DatabaseError(f"{source} is damaged: {wrong[0]}")
    names = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names >= PANEL_TABLES:
        raise DatabaseError(f"{source} is a database of something else")
    (version,) = copy.execute("PRAGMA user_version").fetchone()
    if version > schema_version():
        raise DatabaseError(f"{source} was made by a newer version of the panel")
    if version < FIRST_VERSION:
        raise DatabaseError(
            f"{source} has schema version {version}; only versions from {FIRST_VERSION} on can be "
            "restored"
        )


def open_copy(path: Path) -> list[str]:
    """Point the models at a copy that nobody serves yet, and upgrade it.

    :returns: what was done, a line each.
    :raises DatabaseError: if it cannot be used.
    """
    configure(path, "OFF")  # put_in_place() has it on disk before it is anything
    try:
        with write_queue():
            return upgrade(path, keep=False)
    except (OSError, PeeweeException, sqlite3.Error) as error:
        raise DatabaseError(f"cannot use the copy: {error}") from error


def close_copy() -> None:
    """Close the copy, whole in one file."""
    database.pragma("journal_mode", "delete")
    close_database()


def remove_copy(path: Path) -> None:
    """Remove a copy and all that was made beside it."""
    close_database()
    for name in (path, *(beside(path, end) for end in (*BESIDE, ".lock"))):
        name.unlink(missing_ok=True)


def quiesce(live: Path) -> bool:
    """Bring a database into its one file; one that is not sound is left as it is.

    :returns: whether it is sound.
    :raises DatabaseError: if any other program has it open.
    """
    try:
        with read_only(live, untouched=True) as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
        connection = sqlite3.connect(live, timeout=BUSY_S, isolation_level=None)
        try:
            # SQLite leaves the write-ahead log only when nobody else has the file open.
            connection.execute("PRAGMA journal_mode = delete")
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise DatabaseError(
                f"another program has {live} open, such as the server, the worker, Litestream or "
                "a sqlite3 shell: stop it first"
            ) from None
        return False
    except sqlite3.DatabaseError:
        return False
    return True


def put_in_place(copy: Path, live: Path, is_sound: bool) -> Path | None:
    """Put a copy in the place of a database, which is kept beside it under another name.

    :param is_sound: whether the present one is whole in its one file, as quiesce() leaves it;
        otherwise it is kept as it is, with SQLite's files beside it.
    :returns: where the one before is now; None if there was none.
    :raises OSError: if it cannot be put there; everything is as it was then.
    """
    _sync(copy)
    kept = _free_name(live)
    existed = live.exists()
    with ExitStack() as undo:
        if existed:  # a second name first, so that there is a database under its own at any moment
            undo.callback(kept.unlink, missing_ok=True)
            _keep_as(kept, live)
        if not is_sound:
            for end in BESIDE:
                if beside(live, end).exists():
                    beside(live, end).rename(beside(kept, end))
                    undo.callback(beside(kept, end).rename, beside(live, end))
        copy.replace(live)
        undo.pop_all()  # it is done
    sync_folder(live.parent)
    return kept if existed else None


def _keep_as(kept: Path, live: Path) -> None:
    """Give a database a second name; where the file system has no hard links, copy it.

    :raises OSError: if neither can be done.
    """
    try:
        os.link(live, kept)
        kept.chmod(0o600)
    except OSError:
        kept.unlink(missing_ok=True)
        os.close(os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        shutil.copyfile(live, kept)
        _sync(kept)


def _free_name(live: Path) -> Path:
    stem = f"{live.name}.before-restore-{time.strftime('%Y%m%d-%H%M%S')}"
    name, count = live.with_name(stem), 1
    while name.exists():
        count += 1
        name = live.with_name(f"{stem}-{count}")
    return name


def beside(path: Path, end: str) -> Path:
    """One of SQLite's files beside a database."""
    return path.with_name(path.name + end)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
