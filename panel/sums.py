"""Sums of the weeks that are over, for reports of long ranges.

By service and provider a week, by account four weeks, a period. A week is summed once it is over;
from then on the database's triggers keep its sums, so that they are exact whatever becomes of its
orders. Nothing is written here while an order is placed.
"""

from database.clock import now
from database.connection import database
from database.transactions import immediate
from models import Order, Summed

WEEK_S = 7 * 24 * 3600
PERIOD_WEEKS = 4
PERIOD_S = PERIOD_WEEKS * WEEK_S

OVER_S = 3600
"""A week is summed so long after its end: the clocks of two processes may differ."""

_SUM_WEEK = """
INSERT INTO service_weeks
SELECT created_at / 604800, service_id, IFNULL(provider_id, 0), SUM(part IS NULL),
    SUM(charge_micros), SUM(refunded_micros), SUM(cost_micros)
FROM orders INDEXED BY orders_by_time
WHERE created_at >= ? AND created_at < ?
GROUP BY 1, +service_id, 3
"""
_SUM_PERIOD = """
INSERT INTO account_periods
SELECT created_at / 2419200, account_id, SUM(part IS NULL),
    SUM(charge_micros), SUM(refunded_micros), SUM(cost_micros)
FROM orders INDEXED BY orders_by_time
WHERE created_at >= ? AND created_at < ?
GROUP BY 1, +account_id
"""


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
            begin = row.period * PERIOD_S
            database.execute_sql(_SUM_PERIOD, (begin, begin + PERIOD_S))
            return _note(row.week, row.period + 1)
        if row.week < over:
            begin = row.week * WEEK_S
            database.execute_sql(_SUM_WEEK, (begin, begin + WEEK_S))
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


def _first_period(over: int) -> int:
    """The period of the first order: there is nothing to sum before it."""
    query = Order.select(Order.created_at).order_by(Order.created_at, Order.id).limit(1)
    row = query.tuples().first()
    return min(row[0] // WEEK_S if row else over, over) // PERIOD_WEEKS


def _note(week: int, period: int) -> bool:
    return bool(Summed.update(week=week, period=period).where(Summed.id == 1).execute())
