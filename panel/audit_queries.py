"""The list of what operators did, as one looks through it."""

from typing import Any, NamedTuple

from database.compiled_query import rows
from models import AuditLine
from panel import paging
from panel.paging import Page

SCAN = 10_000
"""How many lines a page looks at for a text before it offers to continue the search."""


class AuditFilter(NamedTuple):
    """Which lines to list; None and "" narrow nothing.

    kind: what the acts are about (panel.operations.audit.Kind). text: a part of the act or of its
    outcome. Times are seconds since 1970; `until` is the first that is no longer wanted.
    """

    operator: str = ""
    kind: str = ""
    since: int | None = None
    until: int | None = None
    text: str = ""


def page(wanted: AuditFilter, before: int | None = None) -> Page:
    """Lines, newest first."""
    query = _lines(wanted).order_by(AuditLine.id.desc())
    if not wanted.text:
        return paging.newest_first(query, AuditLine, before)
    if before is not None:
        query = query.where(AuditLine.id < before)
    candidate = query.limit(SCAN).alias("candidate")
    is_found = candidate.c.act.contains(wanted.text) | candidate.c.outcome.contains(wanted.text)
    found = AuditLine.select(candidate.c.id).from_(candidate).where(is_found)
    limited = found.order_by(candidate.c.id.desc()).limit(paging.PAGE + 1)
    numbers = [row[0] for row in rows(limited.tuples())]
    chosen = AuditLine.select().where(AuditLine.id.in_(numbers)).order_by(AuditLine.id.desc())
    part = paging.cut(rows(chosen.dicts()))
    if part.next is not None:
        return part
    last = rows(query.select(AuditLine.id).offset(SCAN - 1).limit(1).tuples())
    return Page(part.rows, last[0][0] if last else None)


def newest(wanted: AuditFilter, limit: int) -> list[dict[str, Any]]:
    """The newest lines; a text is looked for in all of them."""
    found: list[dict[str, Any]] = []
    before = None
    while len(found) < limit:
        part = page(wanted, before)
        found += part.rows
        before = part.next
        if before is None:
            break
    return found[:limit]


def _lines(wanted: AuditFilter) -> Any:
    conditions = paging.window(AuditLine, wanted.since, wanted.until)
    if wanted.operator:
        conditions.append(AuditLine.operator == wanted.operator)
    if wanted.kind:
        conditions.append(AuditLine.kind == wanted.kind)
    query = AuditLine.select()
    return query.where(*conditions) if conditions else query
