"""Lists in pages: each page begins where the one before ended, and nothing is counted."""

from typing import Any, NamedTuple

from peewee import fn

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


def first_from(table: Any, moment: int) -> int:
    """A number below which all of a table's rows were written before a moment.

    Rows are numbered in the order of their time. So it is found by halving, without an index of
    the times, which every order would have to write.

    :param table: with columns id and created_at.
    """
    below, last = 0, table.select(fn.MAX(table.id)).scalar() or 0
    while below < last:
        middle = (below + last) // 2
        query = table.select(table.id, table.created_at).where(table.id > middle)
        number, written_at = query.order_by(table.id).limit(1).tuples().first()
        if written_at >= moment:
            last = middle
        else:
            below = number
    return below + 1


def window(table: Any, since: int | None, until: int | None) -> list[Any]:
    """The conditions on a table's numbers that a range of time comes to.

    :param until: the first moment that is no longer wanted.
    """
    conditions = []
    if since is not None:
        conditions.append(table.id >= first_from(table, since))
    if until is not None:
        conditions.append(table.id < first_from(table, until))
    return conditions
