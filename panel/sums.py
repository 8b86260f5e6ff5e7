"""Sums of the weeks that are over, for reports of long ranges.

By service and provider a week, by account four weeks, a period. A week is summed once it is over;
from then on the database's triggers keep its sums, so that they are exact whatever becomes of its
orders. Nothing is written here while an order is placed.
"""

from typing import Any

from peewee import SQL, Value, fn

from database.clock import now
from database.transactions import immediate
from models import AccountPeriod, Order, ServiceWeek, Summed

WEEK_S = 7 * 24 * 3600
PERIOD_WEEKS = 4
PERIOD_S = PERIOD_WEEKS * WEEK_S

OVER_S = 3600
"""A week is summed so long after its end: the clocks of two processes may differ."""

_SUMS = (
    fn.SUM(Order.part.is_null()),
    fn.SUM(Order.charge_micros),
    fn.SUM(Order.refunded_micros),
    fn.SUM(Order.cost_micros),
)

# "+ 0" keeps SQLite from walking through all orders by the index of what they are grouped by.
_SERVICE = Order.service + SQL("0")
_ACCOUNT = Order.account + SQL("0")
_PROVIDER = fn.IFNULL(Order.provider, 0)


def summed() -> tuple[int, int]:
    """The moments up to which the sums by week and by period have all orders."""
    row = Summed.get_by_id(1)
    return row.week * WEEK_S, row.period * PERIOD_S


def sum_next() -> bool:
    """Sum up one week, or one period, that is over; whether there was one."""
    if not _is_one_over():
        return False
    with immediate():
        row = Summed.get_by_id(1)
        over = (now() - OVER_S) // WEEK_S
        if row.week == 0 and (period := _first_period(over)):
            return _note(period * PERIOD_WEEKS, period)
        if (row.period + 1) * PERIOD_WEEKS <= row.week:
            _sum_period(row.period)
            return _note(row.week, row.period + 1)
        if row.week < over:
            _sum_week(row.week)
            return _note(row.week + 1, row.period)
    return False


def _is_one_over() -> bool:
    """Whether there is something to sum up, asked without waiting for other writers."""
    row = Summed.get_by_id(1)
    is_period = (row.period + 1) * PERIOD_WEEKS <= row.week
    return is_period or row.week < (now() - OVER_S) // WEEK_S


def sum_all() -> None:
    """Sum up all that is over."""
    while sum_next():
        pass


def _sum_week(week: int) -> None:
    query = Order.select(Value(week), _SERVICE, _PROVIDER, *_SUMS).where(_within(week, WEEK_S))
    grouped = query.group_by(_SERVICE, _PROVIDER)
    ServiceWeek.insert_from(grouped, ServiceWeek._meta.sorted_fields).execute()


def _sum_period(period: int) -> None:
    query = Order.select(Value(period), _ACCOUNT, *_SUMS).where(_within(period, PERIOD_S))
    fields = AccountPeriod._meta.sorted_fields
    AccountPeriod.insert_from(query.group_by(_ACCOUNT), fields).execute()


def _within(number: int, span_s: int) -> Any:
    begin = number * span_s
    return (Order.created_at >= begin) & (Order.created_at < begin + span_s)


def _first_period(over: int) -> int:
    """The period of the first order: there is nothing to sum before it."""
    query = Order.select(Order.created_at).order_by(Order.created_at, Order.id).limit(1)
    row = query.tuples().first()
    return min(row[0] // WEEK_S if row else over, over) // PERIOD_WEEKS


def _note(week: int, period: int) -> bool:
    return bool(Summed.update(week=week, period=period).where(Summed.id == 1).execute())
