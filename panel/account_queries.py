"""The lists of customers, of their ledgers, and of the audit."""

from collections.abc import Collection, Iterator
from typing import Any

from database.compiled_query import rows
from models import Account, AuditLine, LedgerEntry
from panel.paging import Page, newest_first

PART = 1000
"""How many entries are read at once."""


def account_page(text: str = "", before: int | None = None) -> Page:
    """Accounts, newest first; with a text, those whose name begins with it."""
    query = Account.select().order_by(Account.id.desc())
    if text:
        query = query.where(Account.name >= text, Account.name < text + "\U0010ffff")
    return newest_first(query, Account, before)


def names(account_ids: Collection[int]) -> dict[int, str]:
    """The names of accounts by number."""
    query = Account.select(Account.id, Account.name).where(Account.id.in_(list(account_ids)))
    return dict(rows(query.tuples()))


def ledger_page(account_id: int, before: int | None = None) -> Page:
    """An account's entries, newest first, each with the balance that it left."""
    query = LedgerEntry.select().where(LedgerEntry.account == account_id)
    return newest_first(query.order_by(LedgerEntry.id.desc()), LedgerEntry, before)


def entries(account_id: int) -> Iterator[dict[str, Any]]:
    """All entries of an account, oldest first, read in parts: a ledger may not fit into memory."""
    last = 0
    while True:
        query = LedgerEntry.select().where(
            LedgerEntry.account == account_id, LedgerEntry.id > last
        )
        part = rows(query.order_by(LedgerEntry.id).limit(PART).dicts())
        if not part:
            return
        yield from part
        last = part[-1]["id"]


def audit_page(operator: str = "", before: int | None = None) -> Page:
    """What operators did, newest first."""
    query = AuditLine.select().order_by(AuditLine.id.desc())
    if operator:
        query = query.where(AuditLine.operator == operator)
    return newest_first(query, AuditLine, before)
