"""The numbers that a database gave to its rows, and writing them down beside it.

No number is given twice, even after an older copy was put back: panel/restore.py sees to that.
"""

import logging
import time

from peewee import PeeweeException

from database import state_file
from database.connection import database
from database.driver import sqlite3
from database.state_file import State

log = logging.getLogger("panel.database")

TABLES = (
    "orders",
    "refills",
    "cancels",
    "ledger_entries",
    "order_events",
    "audit_lines",
    "sandbox_orders",
)
"""Whatever leaves for a provider, moves money or is done by an operator adds a row to one."""

NOTE_EVERY_S = 1.0

_noted_at = float("-inf")


def given() -> dict[str, int]:
    """The highest number that was given in each table; 0 where none was."""
    return _numbers(database.execute_sql(_SEQUENCES).fetchall())


def given_in(connection: sqlite3.Connection) -> dict[str, int]:
    """The numbers of another database."""
    return _numbers(connection.execute(_SEQUENCES).fetchall())


_SEQUENCES = "SELECT name, seq FROM sqlite_sequence"


def _numbers(found: list[tuple[str, int]]) -> dict[str, int]:
    return {table: dict(found).get(table, 0) for table in TABLES}


def note(at_once: bool = False) -> None:
    """Write the numbers down, if that was not done just now; after a commit, in the write queue.

    What cannot be written is logged: the commit stands. A file that was removed is made again.

    :param at_once: also if it was: what is committed leaves for a provider now.
    """
    global _noted_at
    moment = time.monotonic()
    panel = state_file.panel()
    if not panel or not (at_once or moment - _noted_at >= NOTE_EVERY_S):
        return
    _noted_at = moment
    try:
        state_file.put_back()
        state_file.write(state_file.descriptor(), State(panel, given()))
    except (OSError, PeeweeException, sqlite3.Error) as error:
        log.warning("the state file was not written: %s", error)


def raise_to(numbers: dict[str, int]) -> None:
    """Go on after these numbers, where the database is not beyond them; inside a transaction."""
    for table, number in numbers.items():
        updated = database.execute_sql(
            "UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?", (number, table)
        )
        if updated.rowcount == 0:
            database.execute_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, number))
