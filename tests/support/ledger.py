"""Ledgers that were tampered with, and what `flask ledger check` says of a sound one."""

from contextlib import closing

from database.connection import database
from database.driver import sqlite3

CONSISTENT = "The ledger is consistent: every balance and every order matches its entries.\n"


def tamper(sql: str) -> None:
    """Change the database behind everybody's back: the triggers are away for a moment."""
    with closing(sqlite3.connect(database.database)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = dict(triggers.fetchall())
        for name in kept:
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(sql).rowcount == 1
        for trigger in kept.values():
            connection.execute(trigger)
        connection.commit()
