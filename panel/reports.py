"""What was earned: sums by service, customer, provider or day, and by the hour for charts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from peewee import OP, Expression, fn

from database.clock import now
from database.compiled_query import rows
from database.connection import database
from models import OrderHour
from panel import sums as sums_of_weeks
from panel.orders import state

HOUR_S = 3600
DAY_S = 24 * HOUR_S
_SUMS = ("orders", "revenue", "refunds", "cost")

FORMULA_BEGINS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a text for a formula; the last four are the full-width forms."""


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


_OF_ORDERS = (
    "part IS NULL AS orders, charge_micros, refunded_micros, cost_micros "
    "FROM orders INDEXED BY orders_by_time WHERE created_at >= ? AND created_at < ?"
)


class _Group(NamedTuple):
    """Where the sums of a group are.

    span_s: what a row of the sums is about: a week or a period.
    sums: selects those of a range of weeks or periods. orders: the same of a range of time.
    names: the table with the names, and name: what they are made of.
    """

    span_s: int
    sums: str
    orders: str
    names: str
    name: str


_GROUPS = {
    "service": _Group(
        sums_of_weeks.WEEK_S,
        "SELECT service_id AS id, orders, charge_micros, refunded_micros, cost_micros "
        "FROM service_weeks WHERE week >= ? AND week < ?",
        f"SELECT service_id AS id, {_OF_ORDERS}",
        "services",
        "printf('%d %s', names.id, names.name)",
    ),
    "user": _Group(
        sums_of_weeks.PERIOD_S,
        "SELECT account_id AS id, orders, charge_micros, refunded_micros, cost_micros "
        "FROM account_periods WHERE period >= ? AND period < ?",
        f"SELECT account_id AS id, {_OF_ORDERS}",
        "accounts",
        "names.name",
    ),
    "provider": _Group(
        sums_of_weeks.WEEK_S,
        "SELECT provider_id AS id, orders, charge_micros, refunded_micros, cost_micros "
        "FROM service_weeks WHERE week >= ? AND week < ?",
        f"SELECT IFNULL(provider_id, 0) AS id, {_OF_ORDERS}",
        "providers",
        "IFNULL(names.name, '(by hand)')",
    ),
}
REPORT_GROUPS = ("service", "user", "provider", "day")

SORTS = ("profit", "revenue", "refunds", "cost", "orders")
"""What the groups of a report can be sorted by, the largest first."""

NEVER = 2**62
"""A moment after all others."""


def earnings(
    by: str, since: int = 0, until: int = NEVER, *, sort: str = "", top: int | None = None
) -> list[dict[str, Any]]:
    """Sums in micros of the orders placed in a range of time, a row for each group.

    The parts of a drip-feed are not counted as orders, but their costs are included. Profit is
    what customers paid and were not refunded, less what the providers kept. Weeks that are over
    are read from their sums (panel.sums), what is left of the range from the orders.

    :param by: service, user, provider or day.
    :param since, until: seconds since 1970; `until` is the first that is no longer wanted.
    :param sort: one of SORTS; "" for the groups' names, or the days.
    :param top: at most so many rows.
    """
    if by == "day":
        return _days(since, until)
    group = _GROUPS[by]
    source, values = _source(group, since, until)
    order = f"found.{sort} DESC, found.id" if sort in SORTS else "label, found.id"
    sql = f"""
        SELECT found.id, {group.name} AS label, found.orders, revenue, refunds, cost, profit
        FROM (
            SELECT id, {_SUMMED} FROM ({source}) GROUP BY id
            HAVING orders <> 0 OR revenue <> 0 OR refunds <> 0 OR cost <> 0
        ) AS found
        LEFT JOIN {group.names} AS names ON names.id = found.id
        ORDER BY {order} LIMIT ?
    """  # noqa: S608 - put together from the texts of this module
    found = database.execute_sql(sql, (*values, -1 if top is None else top))
    names = ("id", by, *_SUMS, "profit")
    return [dict(zip(names, row, strict=True)) for row in found]


_SUMMED = """
    SUM(orders) AS orders, SUM(charge_micros) AS revenue, SUM(refunded_micros) AS refunds,
    SUM(cost_micros) AS cost,
    SUM(charge_micros) - SUM(refunded_micros) - SUM(cost_micros) AS profit
"""


def _source(group: _Group, since: int, until: int) -> tuple[str, list[int]]:
    """What is added up: the sums of the weeks inside of the range, and the orders beside them."""
    first, last = _whole(group, since, until)
    if first >= last:
        return group.orders, [since, until]
    values = [first, last, since, first * group.span_s, last * group.span_s, until]
    return f"{group.sums} UNION ALL {group.orders} UNION ALL {group.orders}", values


def _whole(group: _Group, since: int, until: int) -> tuple[int, int]:
    """The weeks or periods that are summed and lie in the range: the first, and the one after."""
    week, period = sums_of_weeks.summed()
    summed = period if group.span_s == sums_of_weeks.PERIOD_S else week
    return -(-since // group.span_s), min(until, summed) // group.span_s


def _days(since: int, until: int) -> list[dict[str, Any]]:
    """The sums of each day with orders: from those by the hour, for a range of whole hours."""
    if since % HOUR_S == 0 and (until % HOUR_S == 0 or until == NEVER):
        source = """
            SELECT hour / 24 AS id, orders, charge_micros, refunded_micros, cost_micros
            FROM order_hours WHERE hour >= ? AND hour < ?
        """
        values = (since // HOUR_S, until // HOUR_S)
    else:
        source = """
            SELECT created_at / 86400 AS id, part IS NULL AS orders, charge_micros,
                refunded_micros, cost_micros
            FROM orders INDEXED BY orders_by_time WHERE created_at >= ? AND created_at < ?
        """
        values = (since, until)
    sql = f"""
        SELECT date(id * 86400, 'unixepoch'), {_SUMMED} FROM ({source}) GROUP BY id
        HAVING orders <> 0 OR revenue <> 0 OR refunds <> 0 OR cost <> 0
        ORDER BY id
    """  # noqa: S608
    names = ("day", *_SUMS, "profit")
    found = database.execute_sql(sql, values)
    return [dict(zip(names, row, strict=True)) for row in found]


def totals(rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """The sums of a report's rows."""
    total = dict.fromkeys((*_SUMS, "profit"), 0)
    for row in rows:
        for name in total:
            total[name] += row[name]
    return total


def escape_formula(text: str) -> str:
    """A text for a CSV file, changed so that no spreadsheet runs it as a formula."""
    is_formula = text.lstrip().startswith(FORMULA_BEGINS) or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if is_formula else text
