"""Figures of the whole panel for its monitoring, quick however many orders there are."""

from pathlib import Path

from peewee import fn

from database.clock import now
from database.compiled_query import literal, rows
from models import Order, OrderHour, Service, Source
from panel.orders import state


def orders_by_status() -> dict[str, int]:
    """How many orders have each status, from the sums that the database keeps by the hour."""
    query = OrderHour.select(OrderHour.status, fn.SUM(OrderHour.orders)).group_by(OrderHour.status)
    found = dict(rows(query.tuples()))
    return {status: found.get(status, 0) for status in state.FOLLOWS}


def orders_in_review() -> int:
    """How many open orders are in review."""
    return (
        Order.select()
        .where(
            state.orders_in_doubt(),
            Order.dispatch_state == state.IN_REVIEW,
            Order.status.in_(state.OPEN),
        )
        .count()
    )


def oldest_waiting_ages_s() -> dict[int, int]:
    """For how many seconds the oldest order waits to be sent, by its provider's number."""
    oldest = (
        Order.select(fn.MIN(Order.id))
        .where(Order.dispatch_state == literal(state.WAITING), Order.provider.is_null(False))
        .group_by(Order.provider)
    )
    query = Order.select(Order.provider, Order.created_at).where(Order.id.in_(oldest))
    return {provider: max(now() - at, 0) for provider, at in rows(query.tuples())}


def services_below_cost() -> int:
    """How many services on sale cost more than they are sold for."""
    dearer = Source.select(Source.service).where(
        Source.service == Service.id, Source.cost_micros > Service.rate_micros
    )
    return Service.select().where(Service.active, fn.EXISTS(dearer)).count()


def database_bytes(path: Path) -> int:
    """The size of the database with its write-ahead log."""
    files = (path, Path(f"{path}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
