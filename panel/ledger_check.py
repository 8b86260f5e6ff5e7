"""The nightly proof of the ledger on a copy of the database, and what came of it."""

import os
from pathlib import Path

from database.backup import backup, read_only
from database.clock import now
from database.driver import sqlite3
from models import TaskRun
from panel import health, ledger
from panel.tasks import Task, is_wanted, last, record_failure, record_success, tried_at

HOUR_S = 3600
DAY_S = 24 * HOUR_S
AT_S = 3 * HOUR_S
"""When in the day it is due, in seconds since midnight, UTC."""

LEFT_FREE_PPM = 50_000
"""A copy leaves at least so much of the disk free."""


def is_due(done: TaskRun | None, moment: int) -> bool:
    """Whether the check has not been tried since the last time that it was due.

    :param done: when it was last done or tried; None for never.
    """
    return tried_at(done) < (moment - AT_S) // DAY_S * DAY_S + AT_S


def run_if_due(database: Path) -> bool:
    """Check the ledger on a copy if it is due or an operator asked for it, and record what came
    of it; whether it was.
    """
    done = last(Task.LEDGER_CHECK)
    if not (is_due(done, now()) or is_wanted(done)):
        return False
    if problem := check_copy(database):
        record_failure(Task.LEDGER_CHECK, problem)
    else:
        record_success(Task.LEDGER_CHECK)
    return True


def settle() -> None:
    """Record that an operator's check found nothing wrong, where the nightly one had failed."""
    done = last(Task.LEDGER_CHECK)
    if done is not None and done.problem:
        record_success(Task.LEDGER_CHECK)


def check_copy(database: Path) -> str:
    """Check the ledger on a copy beside the database, which is removed afterwards.

    On the database itself, the long query would keep its write-ahead log from being cut.

    :returns: what is wrong, without customers' names and amounts: a message tells of it. ""
        where all is right.
    """
    copy = copy_path(database)
    remove_copy(database)
    if problem := room_problem(database):
        return problem
    try:
        backup(copy)
        with read_only(copy) as connection:
            wrong = sum(1 for _ in ledger.check(connection.execute))
    except (OSError, sqlite3.Error) as error:
        return f"the check could not be done: {error}"
    finally:
        remove_copy(database)
    return f"rows that are wrong: {wrong}" if wrong else ""


def room_problem(database: Path) -> str:
    """Why there is no room for a copy of the database on its disk; "" if there is."""
    size = _size(database)
    room = health.disk_room(database)
    if (room.free - size) * 1_000_000 >= room.total * LEFT_FREE_PPM:
        return ""
    return (
        f"there is no room for a copy of the database: it has {size // 1_000_000} MB, and "
        f"{room.free // 1_000_000} MB are free"
    )


def copy_path(database: Path) -> Path:
    """The copy that is checked."""
    return database.with_name(f"{database.name}.ledger-check")


def remove_copy(database: Path) -> None:
    """Remove the copy, also one that a killed process left."""
    for end in ("", "-journal", "-wal", "-shm"):
        Path(f"{copy_path(database)}{end}").unlink(missing_ok=True)


def _size(database: Path) -> int:
    """The bytes of the database with its write-ahead log, which a copy takes at most."""
    wal = Path(f"{database}-wal")
    return os.stat(database).st_size + (os.stat(wal).st_size if wal.exists() else 0)
