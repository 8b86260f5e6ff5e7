"""Copies of the database, and what came of making them; the audit has nothing of it."""

import errno
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from peewee import PeeweeException

from database import permissions
from database.backup import backup, damage, read_only
from database.clock import now
from database.connection import database
from database.driver import sqlite3
from panel import ledger, ledger_check, tasks
from panel.errors import OperatorError
from panel.tasks import Task, TaskFailedError


class BadFileError(OperatorError):
    """The name of the file is wrong: nothing could be written there at any time."""


WRONG_NAME = {
    errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR,
    errno.EPERM, errno.EROFS,
}  # fmt: skip
"""The system's errors that the name of a file is to blame for, and not the disk."""


def back_up(file: Path, is_nightly: bool = False) -> None:
    """Write a checked copy of the database to a new file, and record what came of it.

    :param is_nightly: whether a wrong name is recorded as a failure, too. Otherwise it is the
        operator's, who is told of it at once.
    :raises BadFileError: for a name of the file that is wrong, such as one that exists.
    :raises OperatorError: if it cannot be written.
    :raises TaskFailedError: if the copy is not sound; it is not kept.
    """
    try:
        _check_is_new(file)
        _write(file)
    except (TaskFailedError, OperatorError) as error:
        if is_nightly or not isinstance(error, BadFileError):
            with suppress(PeeweeException):  # a full disk takes no record either
                tasks.record_failure(Task.BACKUP, str(error))
        raise
    tasks.record_success(Task.BACKUP)


def folder(database: Path) -> Path:
    """Where the copies are that are made for a press of a button: beside the database."""
    return database.with_name("backups")


def back_up_if_wanted(database: Path) -> bool:
    """Write the copy that an operator asked for in the dashboard; whether one was asked for.

    Its name is one of the nightly ones, so that it goes when they do. What came of it is recorded.
    """
    if not tasks.is_wanted(tasks.last(Task.BACKUP)):
        return False
    moment = datetime.fromtimestamp(now(), UTC)
    file = folder(database).joinpath(f"panel-{moment:%Y%m%d-%H%M%S}.db")
    with suppress(TaskFailedError, OperatorError):  # recorded
        _make_room(database, file)
        back_up(file, is_nightly=True)
    return True


def _make_room(database: Path, file: Path) -> None:
    """:raises OperatorError: without a folder for the file, or room for it on the disk."""
    problem = ""
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        problem = ledger_check.room_problem(database)
    except OSError as error:
        problem = f"cannot write {file}: {error.strerror}"
    if problem:
        tasks.record_failure(Task.BACKUP, problem)
        raise OperatorError(problem)


def _check_is_new(file: Path) -> None:
    try:
        if file.exists():
            raise BadFileError(f"{file} exists already; a backup never overwrites")
    except OSError as error:
        raise _cannot_write(file, error) from None


def _cannot_write(file: Path, error: OSError) -> OperatorError:
    kind = BadFileError if error.errno in WRONG_NAME else OperatorError
    why = f"cannot write {file}: {error.strerror}"
    if permissions.is_denied(error):
        why += f"; {permissions.where_to_write(file, Path(database.database))}"
    return kind(why)


def _write(file: Path) -> None:
    part = file.with_name(file.name + ".part")
    try:
        part.unlink(missing_ok=True)
        try:
            _write_sound_copy(part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(file, error) from None


def _write_sound_copy(target: Path) -> None:
    try:
        backup(target)
    except sqlite3.Error as error:
        raise TaskFailedError(f"the copy is not sound, and was removed: {error}") from None
    if wrong := what_is_wrong(target):
        raise TaskFailedError(f"the copy is not sound, and was removed: {wrong}")


def what_is_wrong(file: Path) -> str:
    """The first thing that is wrong with a copy: the file, or its books; "" if nothing is."""
    try:
        with read_only(file) as copy:
            return next(iter([*damage(copy), *ledger.check(copy.execute)]), "")
    except sqlite3.Error as error:
        return str(error)
