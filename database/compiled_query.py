"""Queries that Peewee builds once, and that are run many times as SQL."""

from collections.abc import Callable
from typing import Any, NamedTuple

from peewee import SQL, AsIs, Query, Value, WrappedNode
from peewee import __exception_wrapper__ as _as_peewee_errors  # type: ignore[attr-defined]

from database.connection import database
from database.driver import sqlite3


def rows(query: Any) -> list[Any]:
    """A query's rows as a list; Peewee's type hints do not know of .dicts() and .tuples()."""
    return list(query)


class _Param(NamedTuple):
    name: str


def param(name: str) -> Value:
    """A named parameter of a CompiledQuery, whose value is given at each run."""
    return AsIs(_Param(name), converter=False)


def literal(text: str) -> SQL:
    """A constant that is written into the SQL instead of being passed as a parameter.

    SQLite uses a partial index only where it can read the index's condition in the query.
    """
    return SQL(f"'{text}'")


class _Unindexed(WrappedNode):
    """An expression that no index is used for."""

    def __sql__(self, ctx: Any) -> Any:
        return ctx.literal("+").sql(self.node)


def unindexed(column: Any) -> Any:
    """A column, written so that SQLite does not look for it in an index.

    For where few rows are found by another column, and SQLite would begin with this one.
    """
    return _Unindexed(column)


class CompiledQuery:
    """A query that is built once and run with other values each time.

    Building a Peewee query takes several times as long as SQLite takes to run it, so the
    queries of a request are kept as SQL. Booleans come back as 0 and 1.
    """

    def __init__(self, build: Callable[[], Query]) -> None:
        self._build = build
        self._built: tuple[str, tuple[Any, ...]] | None = None

    def run(self, **values: Any) -> sqlite3.Cursor:
        """Run with the parameters' values; the cursor's rows are plain tuples.

        :raises peewee.DatabaseError: as Peewee's own queries do.
        """
        sql, parameters = self._built or self.built()
        filled = [values[p.name] if type(p) is _Param else p for p in parameters]
        try:  # execute_sql() would take twice as long
            return database.connection().execute(sql, filled)
        except sqlite3.Error:
            with _as_peewee_errors:
                raise

    def row(self, **values: Any) -> Any:
        """Run, and return the only row as a tuple, or None."""
        return self.run(**values).fetchone()

    def built(self) -> tuple[str, tuple[Any, ...]]:
        """Build the query: its SQL, and its parameters, of which the named ones have no value."""
        sql, parameters = self._build().sql()
        self._built = (sql, tuple(parameters))
        return self._built
