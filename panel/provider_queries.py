"""What waits and what is under way at each provider, for its pages: bounded, and by index."""

from typing import Any, NamedTuple

from peewee import fn

from database.compiled_query import literal, rows
from models import Cancel, Order, Provider, Refill
from panel import paging
from panel.orders import state
from panel.orders.refills import OPEN_REFILLS
from panel.paging import Page

MOST = 10_000
"""Nothing is counted further."""


class Work(NamedTuple):
    """How much of each there is at a provider; MOST + 1 for more than that.

    open: orders that it has, and that go on. waiting: orders that are to be sent there.
    cancels, refills: requests that are to be passed on.
    """

    open: int
    waiting: int
    cancels: int
    refills: int


def work_of(provider_id: int) -> Work:
    """What is under way and what waits at a provider."""
    mine = Order.provider == provider_id
    at_it = Order.select(Order.id).where(
        mine, Order.dispatch_state == literal(state.SENT), state.open_orders()
    )
    waiting = Order.select(Order.id).where(mine, Order.dispatch_state == literal(state.WAITING))
    cancels = (
        Cancel.select(Cancel.id)
        .join(Order)
        .where(Cancel.status == literal("pending"), Cancel.passed_on == 0, Cancel.restored == 0)
        .where(mine, Order.dispatch_state == state.SENT)
    )
    refills = (
        Refill.select(Refill.id)
        .join(Order)
        .where(Refill.status.in_([literal(status) for status in OPEN_REFILLS]))
        .where(Refill.status == "pending", Refill.provider_refill.is_null())
        .where(Refill.warning == "", Refill.restored == 0)
        .where(mine, Order.dispatch_state == state.SENT)
    )
    return Work(*(_count(query) for query in (at_it, waiting, cancels, refills)))


def _count(query: Any) -> int:
    """How many rows a query has, up to MOST + 1."""
    few = query.limit(MOST + 1).alias("few")
    ((found,),) = rows(few.select_from(fn.COUNT(few.c.id)).tuples())
    return found


def provider_page(after: int | None = None) -> Page:
    """Providers, the oldest first."""
    query = Provider.select().where(Provider.active).order_by(Provider.id)
    if after is not None:
        query = query.where(Provider.id > after)
    return paging.cut(rows(query.limit(paging.PAGE + 1).dicts()))


def count_text(count: int) -> str:
    """A count as a person reads it."""
    return f"more than {MOST}" if count > MOST else str(count)
