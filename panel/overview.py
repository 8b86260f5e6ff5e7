"""What an operator sees first: sums by the hour or day, and what needs a person."""

import re
from typing import Any, NamedTuple

from peewee import OP, Expression, fn

from models import Heartbeat, Order, OrderHour, Provider, Service, Source, immediate, now, rows
from panel import forwarding, money, orders

HOUR_S = 3600
DAY_S = 24 * HOUR_S
SHOWN = 10
"""The most lines that a list of the overview shows."""

WORKER = "worker"
_SUMS = ("orders", "revenue", "refunds", "cost")


class Range(NamedTuple):
    """A time to look at: how long it is, and how long the steps of its charts are."""

    label: str
    hours: int
    step: int


RANGES = {
    "today": Range("Today", 24, 1),
    "7": Range("7 days", 7 * 24, 24),
    "30": Range("30 days", 30 * 24, 24),
    "90": Range("90 days", 90 * 24, 24),
}


def first_hour(span: Range) -> int:
    """The hour since 1970 in which a range begins: a midnight (UTC)."""
    midnight = now() // DAY_S * 24
    return midnight + 24 - span.hours


def sums(span: Range) -> list[dict[str, int]]:
    """Orders placed, and what they brought in micros, one row a step; oldest first.

    The same figures as panel.report.earnings, from the sums that are kept by the hour.
    """
    first = first_hour(span)
    since = OrderHour.hour - first
    begins = OrderHour.hour - Expression(since, OP.MOD, span.step)
    query = (
        OrderHour.select(
            begins.alias("begins"),
            fn.SUM(OrderHour.orders).alias("orders"),
            fn.SUM(OrderHour.charge_micros).alias("revenue"),
            fn.SUM(OrderHour.refunded_micros).alias("refunds"),
            fn.SUM(OrderHour.cost_micros).alias("cost"),
        )
        .where(OrderHour.hour >= first)
        .group_by(begins)
    )
    found = {row["begins"]: row for row in rows(query.dicts())}
    table = []
    for hour in range(first, first + span.hours, span.step):
        row = {name: found.get(hour, {}).get(name, 0) for name in _SUMS}
        row["at"] = hour * HOUR_S
        row["profit"] = row["revenue"] - row["refunds"] - row["cost"]
        table.append(row)
    return table


def statuses(span: Range) -> dict[str, int]:
    """How many of the range's orders have which status now."""
    query = (
        OrderHour.select(OrderHour.status, fn.SUM(OrderHour.orders))
        .where(OrderHour.hour >= first_hour(span))
        .group_by(OrderHour.status)
    )
    found = dict(rows(query.tuples()))
    return {status: found.get(status, 0) for status in orders.FOLLOWS}


def needs_review() -> list[dict[str, Any]]:
    """Orders of which nobody knows whether the provider has them: one more than is shown."""
    return forwarding.in_review(SHOWN + 1)


def warnings() -> list[dict[str, Any]]:
    """The newest orders with something that an operator should know: one more than is shown."""
    query = orders.with_names().where(Order.warning != "", Order.forward != "review")
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


def is_low(provider: Provider, threshold_micros: int) -> bool:
    """Whether a provider said that our funds there are under a threshold."""
    amount = re.match(r"-?[0-9]{1,10}(\.[0-9]{1,6})?", provider.balance)
    return amount is not None and money.parse(amount[0]) < threshold_micros


def worker_alive() -> None:
    """Write down that the worker is at work."""
    with immediate():
        Heartbeat.replace(name=WORKER, seen_at=now()).execute()


def worker_seen_at() -> int | None:
    """When the worker was last alive; None if it never was."""
    beat = Heartbeat.get_or_none(Heartbeat.name == WORKER)
    return beat.seen_at if beat else None
