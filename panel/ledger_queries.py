"""The lists of ledger entries: of one customer or of all, as an operator looks through them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import SQL

from database.compiled_query import literal, rows
from models import Account, LedgerEntry
from panel.paging import Page, newest_first, window

KINDS = ("deposit", "withdrawal", "charge", "refund")

PART = 1000
"""How many entries are read at once."""


class LedgerFilter(NamedTuple):
    """Which entries to list; None and "" narrow nothing.

    Times are seconds since 1970; `until` is the first that is no longer wanted.
    """

    account_id: int | None = None
    kind: str = ""
    since: int | None = None
    until: int | None = None
    order_id: int | None = None


def page(wanted: LedgerFilter, before: int | None = None) -> Page:
    """Entries, newest first, each with the balance that it left and its account's name."""
    return newest_first(_entries(wanted).order_by(LedgerEntry.id.desc()), LedgerEntry, before)


def newest(wanted: LedgerFilter, limit: int) -> list[dict[str, Any]]:
    """The newest entries."""
    return rows(_entries(wanted).order_by(LedgerEntry.id.desc()).limit(limit).dicts())


def entries(wanted: LedgerFilter) -> Iterator[dict[str, Any]]:
    """All entries, oldest first, read in parts: a ledger may not fit into memory."""
    last, query = 0, _entries(wanted).order_by(LedgerEntry.id).limit(PART)
    while part := rows(query.where(LedgerEntry.id > last).dicts()):
        yield from part
        last = part[-1]["id"]


def _entries(wanted: LedgerFilter) -> Any:
    query = LedgerEntry.select(LedgerEntry, Account.name.alias("account_name")).join(Account)
    conditions = window(LedgerEntry, wanted.since, wanted.until)
    account: Any = LedgerEntry.account
    if wanted.kind:
        conditions.append(LedgerEntry.kind == wanted.kind)
    if wanted.kind and wanted.kind != "charge":
        # As the indexes of the rarer kinds have it; SQLite does not conclude it by itself.
        conditions.append(LedgerEntry.kind != literal("charge"))
        account = account + SQL("0")
    if wanted.account_id is not None:
        conditions.append(account == wanted.account_id)
    if wanted.order_id is not None:
        conditions.append(LedgerEntry.order == wanted.order_id)
    return query.where(*conditions) if conditions else query
