"""The parts of a drip-feed and the posts of a subscription, as an operator looks through them."""

from collections.abc import Collection
from typing import Any, NamedTuple

from peewee import fn

from database.compiled_query import rows, unindexed
from models import Order
from panel.orders import state
from panel.paging import Page

PAGE = 10
MOST_SUMMED = 10_000
"""So many parts are summed up; a drip-feed has no more, a subscription may."""


class PartSums(NamedTuple):
    """What the parts of an order are together.

    total: how many there are, up to MOST_SUMMED; is_more: whether there are more than that.
    statuses: how many have each status.
    """

    total: int
    is_more: bool
    statuses: dict[str, int]
    quantity: int
    remains: int
    charge_micros: int
    refunded_micros: int
    cost_micros: int


def part_sums(order_id: int) -> PartSums:
    """The sums of an order's parts."""
    part = (
        Order.select(
            Order.status,
            Order.quantity,
            Order.remains,
            Order.charge_micros,
            Order.refunded_micros,
            Order.cost_micros,
        )
        .where(Order.parent == order_id)
        .order_by(Order.id.desc())
        .limit(MOST_SUMMED)
        .alias("part")
    )
    names = ("quantity", "remains", "charge_micros", "refunded_micros", "cost_micros")
    query = (
        Order.select(
            part.c.status, fn.COUNT(1), *(fn.SUM(getattr(part.c, name)) for name in names)
        )
        .from_(part)
        .group_by(part.c.status)
    )
    found = rows(query.tuples())
    total = sum(row[1] for row in found)
    sums = [sum(row[2 + n] for row in found) for n in range(len(names))]
    is_more = total == MOST_SUMMED and bool(part_page(order_id, None, MOST_SUMMED).rows)
    return PartSums(total, is_more, {row[0]: row[1] for row in found}, *sums)


def part_page(order_id: int, before: int | None, skip: int = 0) -> Page:
    """Parts, newest first.

    :param before: only those before this one.
    :param skip: not so many of them.
    """
    query = Order.select().where(Order.parent == order_id).order_by(Order.id.desc())
    if before is not None:
        query = query.where(Order.id < before)
    found: list[dict[str, Any]] = rows(query.limit(PAGE + 1).offset(skip).dicts())
    return Page(found[:PAGE], found[PAGE - 1]["id"] if len(found) > PAGE else None)


def with_open_parts(order_ids: Collection[int]) -> set[int]:
    """Those of some orders of which a part is at a provider, or will be sent to one."""
    if not order_ids:
        return set()
    # The parts of an order are few beside all the open ones: only their index is of use.
    query = Order.select(Order.parent).where(
        Order.parent.in_(order_ids),
        unindexed(Order.status).in_(state.OPEN),
        unindexed(Order.dispatch_state).in_((state.WAITING, *state.AT_PROVIDER)),
    )
    return {row[0] for row in rows(query.distinct().tuples())}
