"""What was earned: orders, revenue, refunds, cost and profit, by whatever is asked."""

from typing import Any

from peewee import JOIN, fn

from models import Account, Order, Provider, Service, rows

GROUPS: dict[str, Any] = {
    "service": fn.printf("%d %s", Service.id, Service.name),
    "user": Account.name,
    "provider": fn.COALESCE(Provider.name, "(by hand)"),
    "day": fn.date(Order.created_at, "unixepoch"),
}


def earnings(by: str, since: int = 0) -> list[dict[str, Any]]:
    """Sums in micros of the orders placed since a time, one row a group.

    The parts of a drip-feed are not counted as orders; their costs are.
    Profit is what customers paid and were not paid back, less what the providers kept.

    :param by: service, user, provider or day.
    :param since: seconds since 1970.
    """
    group = GROUPS[by]
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


def harmless(text: str) -> str:
    """A text for a CSV file that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
