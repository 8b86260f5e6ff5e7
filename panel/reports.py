"""What was earned: sums by service, customer, provider or day, and by the hour for charts."""

from typing import Any, NamedTuple

from peewee import JOIN, OP, Expression, fn

from database.clock import now
from database.compiled_query import rows
from models import Account, Order, OrderHour, Provider, Service
from panel.orders import state

HOUR_S = 3600
DAY_S = 24 * HOUR_S
_SUMS = ("orders", "revenue", "refunds", "cost")


class Range(NamedTuple):
    """A period to report on, and the steps of its charts, both in hours."""

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
    """The hour since 1970 in which a range begins; it begins at midnight (UTC)."""
    midnight = now() // DAY_S * 24
    return midnight + 24 - span.hours


def sums(span: Range) -> list[dict[str, int]]:
    """Orders placed, with revenue, refunds, cost and profit in micros; a row for each step.

    The same figures as those of earnings(), from the sums that the database keeps by the hour.
    The oldest step comes first; `at` is its beginning in seconds since 1970.
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
    """How many of the orders placed in a range have each status now."""
    query = (
        OrderHour.select(OrderHour.status, fn.SUM(OrderHour.orders))
        .where(OrderHour.hour >= first_hour(span))
        .group_by(OrderHour.status)
    )
    found = dict(rows(query.tuples()))
    return {status: found.get(status, 0) for status in state.FOLLOWS}


REPORT_GROUPS: dict[str, Any] = {
    "service": fn.printf("%d %s", Service.id, Service.name),
    "user": Account.name,
    "provider": fn.COALESCE(Provider.name, "(by hand)"),
    "day": fn.date(Order.created_at, "unixepoch"),
}


def earnings(by: str, since: int = 0) -> list[dict[str, Any]]:
    """Sums in micros of the orders placed since a time, a row for each group.

    The parts of a drip-feed are not counted as orders, but their costs are included. Profit is
    what customers paid and were not refunded, less what the providers kept.

    :param by: service, user, provider or day.
    :param since: seconds since 1970.
    """
    group = REPORT_GROUPS[by]
    query = (
        Order.select(
            group.alias(by),
            fn.SUM(Order.part.is_null()).alias("orders"),
            fn.SUM(Order.charge_micros).alias("revenue"),
            fn.SUM(Order.refunded_micros).alias("refunds"),
            fn.SUM(Order.cost_micros).alias("cost"),
            fn.SUM(Order.charge_micros - Order.refunded_micros - Order.cost_micros).alias(
                "profit"
            ),
        )
        .join(Service)
        .join_from(Order, Account)
        .join_from(Order, Provider, JOIN.LEFT_OUTER)
        .where(Order.created_at >= since)
        .group_by(group)
        .order_by(group)
    )
    return rows(query.dicts())


def escape_formula(text: str) -> str:
    """A text for a CSV file, changed so that no spreadsheet runs it as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
