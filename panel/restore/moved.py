"""Saying that a database was moved on purpose, with everything that happened."""

from contextlib import closing
from pathlib import Path

from database import numbers, replace, state_file
from database.connection import DatabaseError, close_database
from database.driver import sqlite3
from database.migrate import open_database
from database.state_file import DAMAGED, State
from panel.errors import OperatorError
from panel.operations import audit
from panel.operations.audit import Actor
from panel.restore import before
from panel.restore.mark import is_behind, new_identity
from panel.restore.notice import notice


def moved(actor: Actor, live: Path, synchronous: str) -> None:
    """Take the database as it is: nothing that it does not know of happened.

    To be called while this process has no database open.

    :param synchronous: SQLite's setting of that name.
    :raises OperatorError: if the database is in use, cannot be read, or knows less than its state
        file; nothing was changed then.
    """
    close_database()
    if not live.is_file():
        raise OperatorError(f"there is no database {live}")
    try:
        with state_file.alone(live) as descriptor:
            _vouch(live, descriptor)
        # Not inside: it holds the file itself.
        open_database(live, synchronous)
        notice()
        audit.record(actor, "the database was moved here")
    except BlockingIOError:
        raise OperatorError(
            f"{live} is in use: stop the server, the worker and every other command first"
        ) from None
    except (OSError, sqlite3.Error) as error:
        raise OperatorError(f"cannot use the database {live}: {error}") from None
    except DatabaseError as error:
        raise OperatorError(str(error)) from None


def _vouch(live: Path, descriptor: int) -> None:
    """Write the state file anew from what a database knows."""
    with closing(replace.open_unused(live)) as connection:
        panel, given = before.panel_of(connection), numbers.given_in(connection)
    known = state_file.read(descriptor)
    if known is not None and known is not DAMAGED:
        if panel and known.panel and known.panel != panel:
            raise OperatorError(
                f"{state_file.path_of(live)} is another panel's: remove it, if this is the right "
                "database"
            )
        if is_behind(given, known.numbers):
            raise OperatorError(
                f"{live} knows less than {state_file.path_of(live)}: it is an older copy, or "
                f"{live}-wal was not copied with it"
            )
    name = panel or (known.panel if known else "") or new_identity()
    state_file.write(descriptor, State(name, given), durably=True)
    state_file.sync_folder(live.parent)
