"""The one database object, and how a database file is opened and closed."""

from peewee import SqliteDatabase

BUSY_TIMEOUT_MS = 30_000
"""How long a statement waits for a writer that does not queue, such as the sqlite3 shell."""

MAPPED_BYTES = 2_000_000_000
"""How much of the database file is read from memory that all connections share."""

database = SqliteDatabase(None)


class DatabaseError(Exception):
    """The database cannot be used; the text says why, in one line."""


def close_database() -> None:
    """Close this thread's connection."""
    if not database.deferred and not database.is_closed():
        database.close()
