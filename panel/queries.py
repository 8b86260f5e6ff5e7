"""The lists that an operator looks through: narrowed, and paged by key.

No list is counted, and no page reads more than SCAN candidates, however many rows there are.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import SQL, fn

from database.compiled_query import rows
from models import (
    Account,
    AuditLine,
    Cancel,
    LedgerEntry,
    Order,
    Provider,
    Refill,
    Service,
    Source,
)
from panel.orders import state
from panel.orders.lookup import get
from panel.providers import registry
from panel.services import IN_ORDER


def order_details(order_id: int) -> dict[str, Any]:
    """One order with the names of its account and service.

    :raises OperatorError: if there is none.
    """
    get(order_id)
    (row,) = with_names().where(Order.id == order_id).dicts()
    return row


def order_listing(
    account_id: int | None = None, status: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """The newest orders with the names of their account and service."""
    query = with_names().order_by(Order.id.desc()).limit(limit)
    if account_id is not None:
        query = query.where(Order.account == account_id)
    if status is not None:
        query = query.where(Order.status == status)
    return rows(query.dicts())


def with_names() -> Any:
    """A query of orders with the names of their account and service, to narrow and to run."""
    return (
        Order.select(Order, Account.name.alias("account_name"), Service.name.alias("service_name"))
        .join(Account)
        .switch(Order)
        .join(Service)
    )


def orders_in_review(limit: int | None = None) -> list[dict[str, Any]]:
    """The orders of which nobody knows whether a provider has them, with what is known."""
    query = (
        with_names()
        .where(
            state.orders_in_doubt(), Order.dispatch_state == "review", Order.status.in_(state.OPEN)
        )
        .order_by(Order.id)
        .limit(limit)
    )
    return rows(query.dicts())


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


PAGE = 50


SCAN = 10_000
"""How many candidates a page looks at before it offers to look further."""


FOUND = 200
"""The most orders that a search gives."""


_COLUMNS = {
    "status": Order.status,
    "account_id": Order.account,
    "service_id": Order.service,
    "provider_id": Order.provider + SQL("0"),  # as the index orders_of_provider has it
}


class Page(NamedTuple):
    """A part of a list; `next` is where the next part begins, None at the end."""

    rows: list[dict[str, Any]]
    next: int | None


class OrderFilter(NamedTuple):
    """Which orders to list; None and "" narrow nothing.

    Times are seconds since 1970; `until` is the first that is no longer wanted.
    """

    status: str = ""
    account_id: int | None = None
    service_id: int | None = None
    provider_id: int | None = None
    since: int | None = None
    until: int | None = None
    text: str = ""


def order_page(wanted: OrderFilter, before: int | None = None) -> Page:
    """Orders, newest first.

    :param before: only orders before this one.
    """
    if wanted.text:
        conditions = [_COLUMNS[name] == value for name, value in _narrowing(wanted)]
        found = _search(wanted.text)
        if not found:
            return Page([], None)
        conditions += [Order.id.in_(found), *_times(wanted)]
        return Page(_orders_where(conditions, FOUND), None)
    window = _window(wanted, before)
    if len(_narrowing(wanted)) > 1:
        return _narrowed_page(_narrowing(wanted), window)
    conditions = [_COLUMNS[name] == value for name, value in _narrowing(wanted)]
    page = _orders_where([*conditions, *window], PAGE + 1)
    return Page(page[:PAGE], page[PAGE - 1]["id"] if len(page) > PAGE else None)


def _narrowed_page(narrowing: list[tuple[str, Any]], window: list[Any]) -> Page:
    """A page by several conditions, which may have little in common.

    Only so many orders of the first are judged by the others; then whoever looks is offered to
    look further.
    """
    (name, value), *others = narrowing
    columns = (Order.id, Order.status, Order.account, Order.service, Order.provider)
    ids = Order.select(*columns).where(_COLUMNS[name] == value, *window).order_by(Order.id.desc())
    candidate = ids.limit(SCAN).alias("candidate")
    query = (
        Order.select(candidate.c.id)
        .from_(candidate)
        .where(*[getattr(candidate.c, name) == value for name, value in others])
        .order_by(candidate.c.id.desc())
        .limit(PAGE + 1)
    )
    chosen = [row[0] for row in rows(query.tuples())]
    page = _orders_where([Order.id.in_(chosen[:PAGE])], PAGE)
    if len(chosen) > PAGE:
        return Page(page, chosen[PAGE - 1])
    last = rows(ids.select(Order.id).offset(SCAN - 1).limit(1).tuples())
    return Page(page, last[0][0] if last else None)


def _narrowing(wanted: OrderFilter) -> list[tuple[str, Any]]:
    """The columns that must have a value; the one that leaves the fewest orders comes first."""
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
    """The number of the first order from this time on; past the last one, if there is none."""
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
    query = with_names().order_by(Order.id.desc()).limit(limit)
    if conditions:
        query = query.where(*conditions)
    return rows(query.dicts())


def order_story(order_id: int) -> dict[str, list[dict[str, Any]]]:
    """What belongs to an order beside itself: its ledger entries, refills and cancel requests."""
    story = {}
    for name, table in (("entries", LedgerEntry), ("refills", Refill), ("cancels", Cancel)):
        query = table.select().where(table.order == order_id).order_by(table.id)
        story[name] = rows(query.dicts())
    return story


def account_page(text: str = "", before: int | None = None) -> Page:
    """Accounts, newest first; with a text, those whose name begins with it."""
    query = Account.select().order_by(Account.id.desc())
    if text:
        query = query.where(Account.name >= text, Account.name < text + "\U0010ffff")
    return _by_id(query, Account, before)


def ledger_page(account_id: int, before: int | None = None) -> Page:
    """An account's entries, newest first, each with the balance that it left."""
    query = LedgerEntry.select().where(LedgerEntry.account == account_id)
    return _by_id(query.order_by(LedgerEntry.id.desc()), LedgerEntry, before)


def entries(account_id: int) -> Iterator[dict[str, Any]]:
    """All entries of an account, oldest first, read in parts."""
    last = 0
    while True:
        query = LedgerEntry.select().where(
            LedgerEntry.account == account_id, LedgerEntry.id > last
        )
        part = rows(query.order_by(LedgerEntry.id).limit(1000).dicts())
        if not part:
            return
        yield from part
        last = part[-1]["id"]


def audit_page(operator: str = "", before: int | None = None) -> Page:
    """What operators did, newest first."""
    query = AuditLine.select().order_by(AuditLine.id.desc())
    if operator:
        query = query.where(AuditLine.operator == operator)
    return _by_id(query, AuditLine, before)


def _by_id(query: Any, table: Any, before: int | None) -> Page:
    if before is not None:
        query = query.where(table.id < before)
    page = rows(query.limit(PAGE + 1).dicts())
    return Page(page[:PAGE], page[PAGE - 1]["id"] if len(page) > PAGE else None)


def service_page(category: str = "", text: str = "", after: int | None = None) -> Page:
    """Services in the catalogue's order, with where they are bought and their dearest cost.

    :param after: the service that the page before ended with.
    """
    query = Service.select()
    if category:
        query = query.where(Service.category == category)
    if text:
        query = query.where(Service.name.contains(text))
    if after is not None and (last := Service.get_or_none(Service.id == after)):
        later = (Service.sort_order == last.sort_order) & (Service.id > last.id)
        query = query.where((Service.sort_order > last.sort_order) | later)
    page = rows(query.order_by(*IN_ORDER).limit(PAGE + 1).dicts())
    shown = page[:PAGE]
    sources = _sources([row["id"] for row in shown])
    for row in shown:
        row["sources"] = sources.get(row["id"], [])
        row["cost_micros"] = max((s["cost_micros"] for s in row["sources"]), default=None)
    return Page(shown, shown[-1]["id"] if len(page) > PAGE else None)


def _sources(service_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    query = (
        Source.select(Source, Provider.name.alias("provider_name"))
        .join(Provider)
        .where(Source.service.in_(service_ids))
        .order_by(Source.service, Source.source_rank)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows(query.dicts()):
        found.setdefault(row["service"], []).append(row)
    return found


def categories() -> list[str]:
    """The categories that services have."""
    query = Service.select(Service.category).distinct().order_by(Service.category)
    return [row[0] for row in rows(query.tuples())]


def provider_names() -> dict[int, str]:
    """The providers' names by number."""
    return {provider.id: provider.name for provider in registry.listing()}


SHOWN = 10
"""The most lines that a list of the overview shows."""


def needing_review() -> list[dict[str, Any]]:
    """Orders of which nobody knows whether the provider has them: one more than is shown."""
    return orders_in_review(SHOWN + 1)


def with_warning() -> list[dict[str, Any]]:
    """The newest orders with something that an operator should know: one more than is shown."""
    query = with_names().where(Order.warning != "", Order.dispatch_state != "review")
    return rows(query.order_by(Order.id.desc()).limit(SHOWN + 1).dicts())


def below_cost() -> list[dict[str, Any]]:
    """Services that are sold below what they cost: one more than is shown."""
    query = (
        Service.select(
            Service.id, Service.name, Service.rate_micros, fn.MAX(Source.cost_micros).alias("cost")
        )
        .join(Source)
        .where(Service.active, Service.rate_micros < Source.cost_micros)
        .group_by(Service.id)
        .order_by(Service.id)
        .limit(SHOWN + 1)
    )
    return rows(query.dicts())
