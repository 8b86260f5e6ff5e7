"""Lists in pages: each page begins where the one before ended, and nothing is counted."""

from typing import Any, NamedTuple

from database.compiled_query import rows

PAGE = 50
"""The rows of a page."""


class Page(NamedTuple):
    """A part of a list; `next` tells where the next part begins, None at the end."""

    rows: list[dict[str, Any]]
    next: int | None


def newest_first(query: Any, table: Any, before: int | None) -> Page:
    """A page of a query that is ordered by the table's id, the newest row first.

    :param before: only rows with a smaller id than this one.
    """
    if before is not None:
        query = query.where(table.id < before)
    return cut(rows(query.limit(PAGE + 1).dicts()))


def cut(found: list[dict[str, Any]]) -> Page:
    """A page of rows that were read with a limit of PAGE + 1."""
    return Page(found[:PAGE], found[PAGE - 1]["id"] if len(found) > PAGE else None)
