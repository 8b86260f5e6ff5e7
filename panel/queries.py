"""The lists of orders and of the requests about them, as an operator looks through them.

No list is counted, and no page looks at more than SCAN candidates, however many rows there are.
"""

from typing import Any, NamedTuple

from peewee import JOIN, SQL

from database.compiled_query import literal, rows
from models import Account, Cancel, LedgerEntry, Order, Provider, Refill, Service
from panel import paging
from panel.orders import dispatch, lookup, state
from panel.paging import Page
from panel.providers import registry, words

SCAN = 10_000
"""How many candidates a page looks at before it offers to continue the search."""
FOUND = 200
"""The most orders that a search finds."""


class OrderFilter(NamedTuple):
    """Which orders to list; None and "" narrow nothing.

    Times are seconds since 1970; `until` is the first that is no longer wanted. `only` is "held"
    for orders that wait for the operator or for funds, or "warning" for those with a warning.
    """

    status: str = ""
    account_id: int | None = None
    service_id: int | None = None
    provider_id: int | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""
    only: str = ""


_UNINDEXED_ID = Order.id + SQL("0")
"""Orders rows by number without leading SQLite through all of them: the few are sorted."""


def order_details(order_id: int) -> dict[str, Any]:
    """One order with the names of its account and service.

    :raises OperatorError: if there is none.
    """
    lookup.get(order_id)
    (row,) = _with_names().where(Order.id == order_id).dicts()
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
    query = _with_names().order_by(newest).limit(limit)
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


def _with_names() -> Any:
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
        _with_names()
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
    query = _with_names().where(Order.warning != literal(""), ~is_listed)
    return rows(query.order_by(Order.id.desc()).limit(limit).dicts())


_COLUMNS = {
    "status": Order.status,
    "account_id": Order.account,
    "service_id": Order.service,
    "provider_id": Order.provider + SQL("0"),  # as the index orders_of_provider has it
}


def order_page(wanted: OrderFilter, before: int | None = None) -> Page:
    """Orders, newest first.

    :param before: only orders before this one.
    """
    if wanted.text:
        conditions = [_COLUMNS[name] == value for name, value in _narrowing(wanted)]
        found = _search(wanted.text)
        if not found:
            return Page([], None)
        conditions += [Order.id.in_(found), *_times(wanted), *_only(wanted)]
        return Page(_orders_where(conditions, FOUND), None)
    window = _window(wanted, before)
    narrowing = _narrowing(wanted)
    conditions = [_COLUMNS[name] == value for name, value in narrowing]
    if only := _only(wanted):
        return _narrowed_page(only[0], narrowing, window)
    if len(narrowing) > 1:
        return _narrowed_page(conditions[0], narrowing[1:], window)
    return paging.cut(_orders_where([*conditions, *window], paging.PAGE + 1))


def _only(wanted: OrderFilter) -> list[Any]:
    """The condition on few orders, written as their indexes have it."""
    if wanted.only == "held":
        few = Order.alias()  # by themselves, or SQLite would walk through all orders by number
        return [Order.id.in_(few.select(few.id).where(few.held_because != literal("")))]
    return [Order.warning != literal("")] if wanted.only == "warning" else []


def _narrowed_page(first: Any, others: list[tuple[str, Any]], window: list[Any]) -> Page:
    """A page by several conditions, which few orders may meet together.

    At most SCAN orders that meet the first condition are checked against the others. After
    them, the page ends, and `next` continues from there.
    """
    columns = (Order.id, Order.status, Order.account, Order.service, Order.provider)
    ids = Order.select(*columns).where(first, *window).order_by(Order.id.desc())
    candidate = ids.limit(SCAN).alias("candidate")
    query = Order.select(candidate.c.id).from_(candidate)
    for name, value in others:
        query = query.where(getattr(candidate.c, name) == value)
    query = query.order_by(candidate.c.id.desc()).limit(paging.PAGE + 1)
    chosen = [row[0] for row in rows(query.tuples())]
    page = _orders_where([Order.id.in_(chosen[: paging.PAGE])], paging.PAGE) if chosen else []
    if len(chosen) > paging.PAGE:
        return Page(page, chosen[paging.PAGE - 1])
    last = rows(ids.select(Order.id).offset(SCAN - 1).limit(1).tuples())
    return Page(page, last[0][0] if last else None)


def _narrowing(wanted: OrderFilter) -> list[tuple[str, Any]]:
    """The columns that must have a value, the one that leaves the fewest orders first."""
    is_open = wanted.status in state.OPEN
    columns = [
        ("status", wanted.status if is_open else ""),
        ("account_id", wanted.account_id),
        ("service_id", wanted.service_id),
        ("provider_id", wanted.provider_id),
        ("status", "" if is_open else wanted.status),
    ]
    return [(name, value) for name, value in columns if value not in (None, "")]


def _window(wanted: OrderFilter, before: int | None) -> list[Any]:
    """The range of numbers that a page is in.

    Orders are numbered in the order of their time, so a range of time is one of numbers.
    """
    window = []
    if wanted.since is not None:
        window.append(Order.id >= _first_from(wanted.since))
    if wanted.until is not None:
        window.append(Order.id < _first_from(wanted.until))
    if before is not None:
        window.append(Order.id < before)
    return window


def _first_from(moment: int) -> int:
    """The number of the first order placed at this time or later; a huge one if there is none."""
    query = Order.select(Order.id).where(Order.created_at >= moment)
    row = query.order_by(Order.created_at, Order.id).limit(1).tuples().first()
    return row[0] if row else 2**62


def _times(wanted: OrderFilter) -> list[Any]:
    since = [] if wanted.since is None else [Order.created_at >= wanted.since]
    return since + ([] if wanted.until is None else [Order.created_at < wanted.until])


def _search(text: str) -> list[int]:
    """The newest orders with this number, provider's number, or link (or its beginning)."""
    numbers = [int(text)] if text.isascii() and text.isdigit() and len(text) <= 18 else []
    known = Provider.select(Provider.id)
    for condition in (
        (Order.provider_order == text) & Order.provider.in_(known),
        Order.link == text,
    ):
        query = Order.select(Order.id).where(condition).order_by(Order.id.desc())
        numbers += [row[0] for row in rows(query.limit(FOUND).tuples())]
    beginning = (Order.link > text) & (Order.link < text + "\U0010ffff")
    if len(text) > 3:
        query = Order.select(Order.id).where(beginning).order_by(Order.link).limit(FOUND)
        numbers += [row[0] for row in rows(query.tuples())]
    return numbers


def _orders_where(conditions: list[Any], limit: int) -> list[dict[str, Any]]:
    query = _with_names().order_by(Order.id.desc()).limit(limit)
    if conditions:
        query = query.where(*conditions)
    return rows(query.dicts())


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
