"""The list of customers, as an operator looks through it."""

from collections.abc import Collection
from typing import Any

from peewee import fn

from database.compiled_query import rows
from models import Account
from panel import paging
from panel.paging import Page

SORTS: dict[str, Any] = {
    "newest": Account.id,
    "balance": Account.balance_micros,
    "spent": Account.spent_micros,
    "orders": Account.orders,
    "last": fn.IFNULL(Account.last_order_at, 0),
}
"""What customers can be sorted by, the largest first. Only the first has an index, which an order
would have to write: the others look at all customers, and keep the first page of them.
"""


def account_page(text: str = "", before: int | None = None, sort: str = "newest") -> Page:
    """Accounts whose name has a text in it, whatever its case.

    :param before: the last account of the page before.
    :param sort: one of SORTS.
    """
    column = SORTS[sort]
    query = Account.select().order_by(column.desc(), Account.id.desc())
    if text:
        query = query.where(Account.name.contains(text))
    if before is not None:
        query = query.where(_comes_after(column, before))
    return paging.cut(rows(query.limit(paging.PAGE + 1).dicts()))


def _comes_after(column: Any, before: int) -> Any:
    """The condition of the accounts that come after one, which may have changed since."""
    value = Account.select(column).where(Account.id == before).scalar()
    if value is None:
        return Account.id < before
    return (column < value) | ((column == value) & (Account.id < before))


def names(account_ids: Collection[int]) -> dict[int, str]:
    """The names of accounts by number."""
    query = Account.select(Account.id, Account.name).where(Account.id.in_(list(account_ids)))
    return dict(rows(query.tuples()))
