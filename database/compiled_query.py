"""Queries that are built once by Peewee and run many times as SQL."""

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from peewee import SQL, AsIs, Query, Value
from peewee import __exception_wrapper__ as _as_peewee_errors  # type: ignore[attr-defined]

from database.connection import database


def rows(query: Any) -> list[Any]:
    """A query's rows; what each is, .dicts() or .tuples() decides, which Peewee's hints omit."""
    return list(query)


class _Param(NamedTuple):
    name: str


def param(name: str) -> Value:
    """A place in a CompiledQuery's query that is filled by name at each run."""
    return AsIs(_Param(name), converter=False)


def literal(text: str) -> SQL:
    """A constant that is written into a query, and not passed beside it.

    SQLite uses a partial index only where it can read the index's condition in the query.
    """
    return SQL(f"'{text}'")


class CompiledQuery:
    """A query that is built once and run with other values each time.

    Building a Peewee query costs several times what SQLite takes to run it, so the queries of
    a request are kept as SQL. Booleans come back as 0 and 1.
    """

    def __init__(self, build: Callable[[], Query]) -> None:
        self._build = build
        self._built: tuple[str, tuple[Any, ...]] | None = None

    def run(self, **values: Any) -> sqlite3.Cursor:
        """Run with the slots' values and give the cursor, whose rows are plain tuples."""
        sql, parameters = self._built or self.built()
        filled = [values[p.name] if type(p) is _Param else p for p in parameters]
        try:  # what execute_sql() does besides takes as long as the query
            return database.connection().execute(sql, filled)
        except sqlite3.Error:
            with _as_peewee_errors:
                raise

    def row(self, **values: Any) -> Any:
        """Run, and give the only row as a tuple, or None."""
        return self.run(**values).fetchone()

    def built(self) -> tuple[str, tuple[Any, ...]]:
        """The SQL and its parameters, slots among them."""
        sql, parameters = self._build().sql()
        self._built = (sql, tuple(parameters))
        return self._built
