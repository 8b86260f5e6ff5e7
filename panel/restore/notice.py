"""Noticing at the start that a database is an older copy, which was put back by hand."""

from collections.abc import Mapping
from pathlib import Path

from peewee import PeeweeException

from database import numbers, state_file
from database.connection import DatabaseError, database, disconnect
from database.driver import sqlite3
from database.state_file import DAMAGED, State
from database.transactions import write_queue
from models import Identity
from panel.operations.audit import Actor
from panel.restore.mark import Context, higher, identity, is_behind, jump, mark, new_identity, told

MARGIN = 10_000
"""So many numbers may have been given that the state file does not know: those of its last
second."""

START = Actor("(start)")
"""Who is audited for what is noticed when the database is opened."""


def notice() -> list[str]:
    """See whether the open database is an older copy, and mark it then; begin to write numbers.

    :returns: what was found, a line each; mostly nothing.
    :raises DatabaseError: if the database or its state file cannot be used.
    """
    try:
        with write_queue():
            return _notice(state_file.descriptor())
    except (OSError, PeeweeException, sqlite3.Error) as error:
        raise DatabaseError(f"cannot use the database {database.database}: {error}") from error
    finally:
        disconnect()  # a server forks next


def _notice(descriptor: int) -> list[str]:
    panel, given, known = identity(), numbers.given(), state_file.read(descriptor)
    was_copied = state_file.was_copied(descriptor)
    why = _doubt(panel, given, known, was_copied)
    if why:
        return _mark_as_copy(descriptor, panel, known, was_copied, why)
    if not panel:
        panel = known.panel if known else new_identity()
        write(descriptor, State(panel, given))
        with database.atomic("IMMEDIATE"):
            Identity.create(id=1, panel=panel)
    elif known is None or known.numbers != given:
        state_file.write(descriptor, State(panel, given))
    state_file.begin(panel)
    return []


def _doubt(panel: str, given: Mapping[str, int], known: State | None, was_copied: bool) -> str:
    """Why a database may be an older copy, or ''.

    :param panel: which panel's it says that it is; "" if it does not say.
    :param known: what its state file says; None if there is none.
    :param was_copied: whether that is a copy itself, as old as the database.
    """
    if known is DAMAGED:
        return "its state file is damaged"
    if known is None:
        has_history = panel and any(given.values())
        return "its state file is gone" if has_history else ""
    if panel not in ("", known.panel):
        return "its state file is another panel's"
    if is_behind(given, known.numbers):
        return "it knows less than its state file"
    is_copy = was_copied and any(given.values())
    return "its state file was copied with it, or changed" if is_copy else ""


def _mark_as_copy(
    descriptor: int, panel: str, known: State | None, was_copied: bool, why: str
) -> list[str]:
    if known is not None and known.panel and panel in ("", known.panel):
        panel = known.panel
        reached = reached_at_most(numbers.given(), known, was_copied)
    else:
        panel, reached = panel or new_identity(), jump(numbers.given())
    found = f"the database is taken for an older copy that was put back: {why}"
    with database.atomic("IMMEDIATE"):
        counts = mark(Context(panel, reached), START, found)
    write(descriptor, State(panel, numbers.given()))
    state_file.begin(panel)
    return [f"{found}; {told(counts) or 'nothing waits that could be sent twice'}"]


def reached_at_most(given: Mapping[str, int], known: State, was_copied: bool) -> dict[str, int]:
    """Numbers that were surely not reached by a panel.

    :param given: those that its database knows.
    :param known: what its state file knows.
    :param was_copied: whether that is a copy, and perhaps as old as the database.
    """
    if was_copied:
        return jump(higher(given, known.numbers))
    return beyond(known.numbers)


def beyond(known: Mapping[str, int]) -> dict[str, int]:
    """Numbers that were surely not reached where the state file knows these."""
    return {table: number + MARGIN for table, number in known.items()}


def write(descriptor: int, state: State) -> None:
    """Write the state file so that a power cut does not take it.

    A database that may lose everything by one, as those of the tests, needs no more either.
    """
    durably = database.pragma("synchronous") != 0
    state_file.write(descriptor, state, durably)
    if durably:
        state_file.sync_folder(Path(database.database).parent)
