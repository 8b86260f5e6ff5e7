"""Reports: what was earned in a range of days, by service, customer, provider or day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from flask import Response, render_template, request

from database.clock import now
from panel import reports
from panel.errors import OperatorError
from panel.money import MICROS, format_exact
from panel.reports import DAY_S, escape_formula
from web.dashboard import query
from web.dashboard.common import bp, tell

TOP = 100
"""The most groups that the page shows; the CSV file has all."""

DAYS_SHOWN = 400
"""The most days of the table by day, and of the chart."""

GROUPS = {"service": "Service", "user": "Customer", "provider": "Provider", "day": "Day"}
SUMS = ("orders", "revenue", "refunds", "cost", "profit")

PRESETS = {
    "1": "Today",
    "7": "7 days",
    "30": "30 days",
    "90": "90 days",
    "month": "This month",
    "last-month": "Last month",
    "365": "365 days",
}
DEFAULT = "30"


class Range(NamedTuple):
    """The days of a report, both included; preset: which one it is, or ""."""

    first: date
    last: date
    preset: str

    @property
    def since(self) -> int:
        """The first moment."""
        return _moment(self.first)

    @property
    def until(self) -> int:
        """The first moment that is no longer wanted."""
        return _moment(self.last) + DAY_S


def _moment(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _day(moment: int) -> date:
    return datetime.fromtimestamp(moment, UTC).date()


def _days_before(day: date, count: int) -> date:
    """A day so many days earlier, or the first day that there is."""
    return date.fromordinal(max(day.toordinal() - count, 1))


def _preset(name: str) -> Range:
    today = _day(now())
    if name == "month":
        return Range(today.replace(day=1), today, name)
    if name == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return Range(last.replace(day=1), last, name)
    return Range(today - timedelta(days=int(name) - 1), today, name)


def _range() -> Range:
    """The range of the query: from and to, where one is given, or a preset.

    :raises OperatorError: for a text that is no day, or a range that ends before it begins.
    """
    since, until = query.days()
    if since is None and until is None:
        name = request.args.get("range", DEFAULT)
        return _preset(name if name in PRESETS else DEFAULT)
    last = _day(now()) if until is None else _day(until - DAY_S)
    first = _days_before(last, 29) if since is None else _day(since)
    if first > last:
        raise OperatorError("the range ends before it begins")
    return Range(first, last, "")


def _chosen(name: str, among: Any, otherwise: str) -> str:
    value = request.args.get(name, "")
    return value if value in among else otherwise


@bp.get("/reports")
def reports_page() -> str:
    """A chart of the days, the totals, and a table of the groups."""
    try:
        span = _range()
    except OperatorError as error:
        tell(str(error), "error")
        span = _preset(DEFAULT)
    by = _chosen("by", GROUPS, "service")
    sort = _chosen("sort", reports.SORTS, "profit")
    days = reports.earnings("day", span.since, span.until)
    if by == "day":
        rows = sorted(days, key=lambda row: str(row["day"]), reverse=True)[:DAYS_SHOWN]
        more = len(days) > DAYS_SHOWN
    else:
        rows = reports.earnings(by, span.since, span.until, sort=sort, top=TOP + 1)
        more = len(rows) > TOP
        rows = rows[:TOP]
    return render_template(
        "dashboard/reports.html",
        span=span,
        presets=PRESETS,
        by=by,
        groups=GROUPS,
        sort=sort,
        sorts=reports.SORTS,
        rows=rows,
        more=more,
        total=reports.totals(days),
        chart=_chart(span, days),
        largest=max((abs(row["profit"]) for row in rows), default=0),
    )


def _chart(span: Range, days: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The data of the charts, a point for each day; as floats, because it is only drawn."""
    found = {row["day"]: row for row in days}
    count = min((span.last - span.first).days + 1, DAYS_SHOWN)
    first = span.last - timedelta(days=count - 1)
    shown = [first + timedelta(days=n) for n in range(count)]
    table = [found.get(day.isoformat(), dict.fromkeys(SUMS, 0)) for day in shown]
    money = ("revenue", "refunds", "cost", "profit")
    return {
        "at": [_moment(day) for day in shown],
        "orders": [row["orders"] for row in table],
        **{name: [row[name] / MICROS for row in table] for name in money},
    }


@bp.get("/reports.csv")
def reports_csv() -> Response:
    """All groups of the report, with exact amounts."""
    span, by = _range(), _chosen("by", GROUPS, "service")
    sort = _chosen("sort", reports.SORTS, "profit")
    rows = reports.earnings(by, span.since, span.until, sort=sort)
    head = ["customer" if by == "user" else by, *SUMS]
    return query.csv_file(f"report-{span.first}-{span.last}", head, _lines(by, rows))


def _lines(by: str, rows: list[dict[str, Any]]) -> Iterator[list[object]]:
    for row in rows:
        amounts = [format_exact(row[name]) for name in SUMS[1:]]
        yield [escape_formula(row[by]), row["orders"], *amounts]
