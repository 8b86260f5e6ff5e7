"""Copies of the database, and what came of making them; the audit has nothing of it."""

from contextlib import suppress
from pathlib import Path

from peewee import PeeweeException

from database.backup import backup, damage, read_only
from database.driver import sqlite3
from panel import ledger, tasks
from panel.errors import OperatorError
from panel.tasks import Task, TaskFailedError


def back_up(file: Path) -> None:
    """Write a checked copy of the database to a new file, and record what came of it.

    :raises OperatorError: if the file exists, which changes nothing, or cannot be written.
    :raises TaskFailedError: if the copy is not sound; it is not kept.
    """
    if _exists(file):
        raise OperatorError(f"{file} exists already; a backup never overwrites")
    try:
        _write(file)
    except (TaskFailedError, OperatorError) as error:
        with suppress(PeeweeException):  # a full disk takes no record either
            tasks.record_failure(Task.BACKUP, str(error))
        raise
    tasks.record_success(Task.BACKUP)


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise OperatorError(f"cannot write {file}: {error.strerror}") from None


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
        raise OperatorError(f"cannot write {file}: {error.strerror}") from None


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
