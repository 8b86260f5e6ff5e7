"""Orders and the requests about them, as an operator looks at them.

panel/order_lists.py has the list that is filtered and searched.
"""

from typing import Any

from peewee import JOIN, SQL

from database.compiled_query import literal, rows
from models import Account, Cancel, LedgerEntry, Order, Refill, Service
from panel.orders import dispatch, lookup, state
from panel.providers import registry, words

_UNINDEXED_ID = Order.id + SQL("0")
"""Orders rows by number without leading SQLite through all of them: the few are sorted."""


def order_details(order_id: int) -> dict[str, Any]:
    """One order with the names of its account and service.

    :raises OperatorError: if there is none.
    """
    lookup.get(order_id)
    (row,) = with_names().where(Order.id == order_id).dicts()
    return row


def order_listing(
    account_id: int | None = None,
    status: str | None = None,
    limit: int | None = None,
    *,
    with_warning: bool = False,
    held: bool = False,
) -> list[dict[str, Any]]:
    """The newest orders with the names of their account and service.

    :param with_warning: only those with a warning; held: only those that are held.
    """
    newest = (_UNINDEXED_ID if held else Order.id).desc()
    query = with_names().order_by(newest).limit(limit)
    if account_id is not None:
        query = query.where(Order.account == account_id)
    if status is not None:
        query = query.where(Order.status == status)
    if with_warning:
        query = query.where(Order.warning != literal(""))
    if held:
        query = query.where(Order.held_because != literal(""))
    return rows(query.dicts())


def held_with_word(word: str, provider_id: int | None = None) -> list[int]:
    """The orders that are held for one of a provider's words, oldest first.

    :param word: a status or a refusal, compared as panel.providers.words does.
    :param provider_id: only at this provider; None for all.
    """
    query = Order.select(Order.id, Order.held_because, Order.held_text).where(
        Order.held_because != literal("")
    )
    if provider_id is not None:
        query = query.where(Order.provider == provider_id)
    return sorted(
        number for number, because, text in rows(query.tuples()) if _is_word(word, because, text)
    )


def _is_word(word: str, because: str, text: str) -> bool:
    """Whether an order that is held because of a text is held for this word."""
    if because in dispatch.REFUSED:
        return words.plain_refusal(text) == words.plain_refusal(word)
    return words.plain(text) == words.plain(word)


def with_names() -> Any:
    """A query of orders with the names of their account and service, to narrow and to run."""
    return (
        Order.select(Order, Account.name.alias("account_name"), Service.name.alias("service_name"))
        # Outer: an order whose service was deleted behind the panel's back is listed, too.
        .join(Account, JOIN.LEFT_OUTER)
        .switch(Order)
        .join(Service, JOIN.LEFT_OUTER)
    )


def orders_in_review(limit: int | None = None) -> list[dict[str, Any]]:
    """The orders of which it is not known whether a provider has them, oldest first."""
    query = (
        with_names()
        .where(
            state.orders_in_doubt(),
            Order.dispatch_state == state.IN_REVIEW,
            Order.status.in_(state.OPEN),
        )
        .order_by(Order.id)
        .limit(limit)
    )
    return rows(query.dicts())


def with_warning(limit: int) -> list[dict[str, Any]]:
    """The newest orders with a warning, but those that panel.attention lists."""
    in_review = (Order.dispatch_state == state.IN_REVIEW) & Order.status.in_(state.OPEN)
    is_listed = in_review | (Order.held_because != "")
    query = with_names().where(Order.warning != literal(""), ~is_listed)
    return rows(query.order_by(Order.id.desc()).limit(limit).dicts())


def order_records(order_id: int) -> dict[str, list[dict[str, Any]]]:
    """An order's ledger entries, refills and cancel requests, oldest first."""
    records = {}
    for name, table in (("entries", LedgerEntry), ("refills", Refill), ("cancels", Cancel)):
        query = table.select().where(table.order == order_id).order_by(table.id)
        records[name] = rows(query.dicts())
    return records


def request_listing(
    table: type[Refill] | type[Cancel], status: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """The newest refills or cancel requests with their order's account and service."""
    query: Any = (
        table.select(
            table,
            Account.name.alias("account_name"),
            Order.service.alias("service_id"),
            Order.link,
        )
        .join(Order)
        .join(Account)
        .order_by(table.id.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(table.status == status)
    return rows(query.dicts())


def provider_names() -> dict[int, str]:
    """The providers' names by number."""
    return {provider.id: provider.name for provider in registry.listing()}
