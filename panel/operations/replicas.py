"""Whether the continuous copy of the database can be restored, and how far behind it is."""

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from peewee import PeeweeException

from database import numbers, permissions
from database.backup import read_only
from database.clock import now
from database.driver import sqlite3
from models import LedgerEntry, Order, OrderEvent
from panel import tasks
from panel.operations.backups import what_is_wrong
from panel.tasks import Task, TaskFailedError

PREFIX = ".replica-check-"
"""The folder of the temporary file; one that a killed check left is removed by the next."""


def check_replica(database: Path, litestream: str, config: Path, behind_s: int) -> str:
    """Restore the replica to a temporary file beside the database, and check it.

    What came of it is recorded. The file is removed in any case; the disk needs room for it.

    :param litestream: the program.
    :param behind_s: what is older than this must be in the replica.
    :returns: what was found, in one line.
    :raises TaskFailedError: if it cannot be restored, is not sound, or is too far behind.
    """
    try:
        found = _check(database, litestream, config, behind_s)
    except TaskFailedError as error:
        with suppress(PeeweeException):  # a full disk takes no record either
            tasks.record_failure(Task.REPLICA_CHECK, str(error))
        raise
    tasks.record_success(Task.REPLICA_CHECK)
    return found


def _check(database: Path, litestream: str, config: Path, behind_s: int) -> str:
    try:
        is_there = config.exists()
    except OSError as error:  # such as a name that is too long
        raise TaskFailedError(f"{config} cannot be read: {error.strerror}") from None
    if not is_there:
        raise TaskFailedError(f"there is no {config}, which is to say where the replica is")
    if not permissions.can_read(config):
        raise TaskFailedError(
            f"{config} may not be read: this runs as the user {permissions.user()}"
        )
    must_be_there = _given_before(now() - behind_s)
    for left in database.parent.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=PREFIX, dir=database.parent) as folder:
            copy = Path(folder).joinpath("replica.db")
            _restore(litestream, config, database, copy)
            if wrong := what_is_wrong(copy):
                raise TaskFailedError(f"the replica is not sound: {wrong}")
            given = _given_in(copy)
            size = copy.stat().st_size
    except OSError as error:
        raise TaskFailedError(f"the replica cannot be restored: {_why(error)}") from None
    missing = {
        table: number for table, number in must_be_there.items() if number > given.get(table, 0)
    }
    if missing:
        table, number = next(iter(missing.items()))
        raise TaskFailedError(
            f"the replica is more than {behind_s} s behind: of {table} it has {given[table]}, and "
            f"{number} was given before that"
        )
    return f"The replica can be restored ({size} bytes), and its ledger is consistent."


def _why(error: OSError) -> str:
    """What the system did not do, and to which file; with who asked, if it is not permitted."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if not permissions.is_denied(error):
        return what
    return f"{what}; this runs as the user {permissions.user()}"


def _given_before(moment: int) -> dict[str, int]:
    """The highest numbers of what there was at a time, in seconds since 1970."""
    found = {}
    for model in (Order, OrderEvent, LedgerEntry):
        # From the end: the newest are the few that are younger.
        query = model.select(model.id).where(model.created_at <= moment)
        found[model._meta.table_name] = query.order_by(model.id.desc()).limit(1).scalar() or 0
    return found


def _given_in(copy: Path) -> dict[str, int]:
    try:
        with read_only(copy) as connection:
            return numbers.given_in(connection)
    except sqlite3.Error as error:
        raise TaskFailedError(f"the replica is not sound: {error}") from None


def _restore(litestream: str, config: Path, database: Path, target: Path) -> None:
    """:raises OSError: if the program cannot be run.

    :raises TaskFailedError: if it restores nothing.
    """
    done = subprocess.run(  # noqa: S603  # the operator's own program
        [litestream, "restore", "-config", config, "-o", target, database],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not target.exists():
        said = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise TaskFailedError(f"the replica cannot be restored: {said[-1]}")
