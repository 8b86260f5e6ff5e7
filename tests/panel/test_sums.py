"""The sums of weeks that are over, which reports are read from."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from support.clock import Clock
from support.orders import new_order
from support.plans import plans

from database.connection import database
from database.transactions import immediate
from models import AccountPeriod, Order, ServiceWeek, Summed
from panel import reports, sums
from panel.orders import lookup, transition
from panel.reports import DAY_S, HOUR_S
from panel.sums import OVER_S, PERIOD_S, WEEK_S

BEGIN = 744 * PERIOD_S
"""The first moment of a period, and so of a week."""


def live(by: str, since: int = 0, until: int = reports.NEVER) -> list[dict[str, Any]]:
    """A report of the orders alone, as if nothing was summed."""
    row = Summed.get_by_id(1)
    Summed.update(week=0, period=0).execute()
    found = reports.earnings(by, since, until)
    Summed.update(week=row.week, period=row.period).execute()
    return found


@pytest.fixture
def weeks(cast: SimpleNamespace, clock: Clock) -> SimpleNamespace:
    """Orders of nine weeks, a few each; every third was paid back in part."""
    chance = random.Random(7)
    for week in range(9):
        for _ in range(4):
            clock.seconds = BEGIN + week * WEEK_S + chance.randrange(WEEK_S)
            service = chance.choice([cast.followers, cast.views])
            order_id = new_order(service, 100, name=chance.choice(["alice", "bob"]))
            if order_id % 3 == 0:
                transition.change(order_id, status="Partial", remains=40)
    clock.seconds = BEGIN + 9 * WEEK_S + OVER_S
    return cast


@pytest.mark.parametrize("by", reports.REPORT_GROUPS)
@pytest.mark.parametrize(
    ("since", "until"),
    [
        (0, reports.NEVER),
        (BEGIN, BEGIN + 8 * WEEK_S),
        (BEGIN + 3 * DAY_S, BEGIN + 8 * WEEK_S + 2 * DAY_S),
        (BEGIN + 5 * WEEK_S + DAY_S, BEGIN + 5 * WEEK_S + 3 * DAY_S),
        (BEGIN + 1, BEGIN + 2 * PERIOD_S - 1),
        (BEGIN + 2 * PERIOD_S, BEGIN),
    ],
    ids=["all", "whole periods", "cut weeks", "within a week", "odd seconds", "nothing"],
)
def test_a_report_of_any_range_is_the_same_from_the_sums_and_from_the_orders(
    weeks: SimpleNamespace, by: str, since: int, until: int
) -> None:
    before = reports.earnings(by, since, until)
    sums.sum_all()
    assert (ServiceWeek.select().count(), AccountPeriod.select().count()) > (9, 3)
    assert reports.earnings(by, since, until) == before == live(by, since, until)


def test_what_becomes_of_an_order_whose_week_is_over_is_in_the_sums(
    weeks: SimpleNamespace,
) -> None:
    sums.sum_all()
    before = reports.earnings("user")
    transition.change(1, status="Canceled")
    assert reports.earnings("user") == live("user") != before


def test_an_order_that_another_database_of_this_panel_knew_is_in_the_sums(
    weeks: SimpleNamespace,
) -> None:
    sums.sum_all()
    known = {**lookup.get(1)._asdict(), "id": 99}
    with immediate():
        columns = {name: known[name] for name in known if name in Order._meta.columns}
        transition.insert_known(**{Order._meta.columns[n].name: v for n, v in columns.items()})
    for by in reports.REPORT_GROUPS:
        assert reports.earnings(by) == live(by)
    assert sum(row["orders"] for row in reports.earnings("user")) == 9 * 4 + 1


def test_a_week_is_summed_only_when_it_is_over(cast: SimpleNamespace, clock: Clock) -> None:
    clock.seconds = BEGIN + HOUR_S
    new_order(cast.followers, 100)
    clock.seconds = BEGIN + WEEK_S + OVER_S - 1
    sums.sum_all()
    assert sums.summed() == (BEGIN, BEGIN)
    clock.seconds += 1
    sums.sum_all()
    assert sums.summed() == (BEGIN + WEEK_S, BEGIN)
    clock.seconds = BEGIN + PERIOD_S + OVER_S
    sums.sum_all()
    assert sums.summed() == (BEGIN + PERIOD_S, BEGIN + PERIOD_S)
    assert not sums.sum_next()


def test_a_panel_without_orders_begins_with_the_present_period(cast: Any, clock: Clock) -> None:
    clock.seconds = BEGIN + WEEK_S + OVER_S
    sums.sum_all()
    assert sums.summed() == (BEGIN + WEEK_S, BEGIN)
    assert ServiceWeek.select().count() == 0


@pytest.mark.parametrize("by", reports.REPORT_GROUPS)
def test_a_report_walks_through_no_table_of_orders(
    weeks: SimpleNamespace, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums.sum_all()
    found = plans(monkeypatch, lambda: reports.earnings(by, BEGIN, sort="profit", top=5))
    steps = [step for plan in found for step in plan]
    walks = [step for step in steps if step.startswith("SCAN") and "(subquery" not in step]
    assert [step for step in walks if step.removeprefix("SCAN ") not in ("found",)] == [], steps
    orders = [step for step in steps if " orders " in step]
    assert all("COVERING INDEX orders_by_time (created_at>? AND" in step for step in orders), steps


@pytest.mark.parametrize("sort", reports.SORTS)
def test_the_groups_are_sorted_with_the_largest_first(weeks: SimpleNamespace, sort: str) -> None:
    found = reports.earnings("service", sort=sort)
    assert [row[sort] for row in found] == sorted((row[sort] for row in found), reverse=True)
    assert reports.earnings("service", sort=sort, top=1) == found[:1]


def test_the_accounts_know_what_their_orders_come_to(weeks: SimpleNamespace) -> None:
    transition.change(2, status="Canceled")
    known = database.execute_sql(
        "SELECT name, orders, spent_micros FROM accounts WHERE orders > 0 ORDER BY name"
    ).fetchall()
    report = reports.earnings("user")
    assert known == [(r["user"], r["orders"], r["revenue"] - r["refunds"]) for r in report]
