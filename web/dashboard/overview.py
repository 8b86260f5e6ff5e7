"""The first page: what needs an operator, then sales."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import render_template, request, url_for

from api.context import current_settings
from panel import (
    attention,
    health,
    heartbeat,
    queries,
    reports,
    request_queries,
    service_queries,
)
from panel.alerts.beside import beside
from panel.alerts.kinds import Kind
from panel.alerts.record import Standing
from panel.attention.tallies import tallies
from panel.money import MICROS
from panel.providers import registry
from panel.reports import HOUR_S
from settings import Settings
from web.dashboard.attention import alert_lines, lines
from web.dashboard.common import bp

SHOWN = 10
"""The most lines that a list shows; one more is read, to tell whether there are more."""
WAITING_SHOWN = 5
"""The most lines of one kind in the box of what waits for an operator."""
LINES_SHOWN = 10
"""The most lines in that box; a phone shows fewer, and a link leads to all."""
REQUESTS_SHOWN = 5
"""The most requests that can be answered here; the page of requests has all."""
IN_REQUESTS = (attention.Kind.CANCEL, attention.Kind.REFILL)
"""What the list of requests tells already."""
REFRESH_S = 30


class Need(NamedTuple):
    """One figure of what needs an operator: how much of what, and the page to go to."""

    figure: int | str
    label: str
    page: str


@bp.get("", strict_slashes=False)
def overview_page() -> str:
    """What needs an operator, the figures and charts of the chosen period, and lists."""
    chosen = request.args.get("range", "7")
    span = reports.RANGES.get(chosen, reports.RANGES["7"])
    sums = reports.sums(span)
    settings = current_settings()
    waiting = attention.everything(settings, WAITING_SHOWN)
    standing = beside(waiting.items)
    alerts = alert_lines(standing)[:LINES_SHOWN]
    others = [item for item in waiting.items if item.kind not in IN_REQUESTS]
    items = lines(others)[: LINES_SHOWN - len(alerts)]
    return render_template(
        "dashboard/overview.html",
        refresh_s=REFRESH_S,
        ranges=reports.RANGES,
        span=span,
        sums=sums,
        total={name: sum(row[name] for row in sums) for name in sums[0]},
        chart=_chart(sums),
        statuses={name: count for name, count in reports.statuses(span).items() if count},
        since=datetime.fromtimestamp(reports.first_hour(span) * HOUR_S, UTC).date(),
        needs=_needs(settings, standing),
        alerts=alerts,
        waiting=items,
        requests=request_queries.waiting_requests(REQUESTS_SHOWN),
        warnings=queries.with_warning(SHOWN + 1),
        below_cost=service_queries.below_cost(SHOWN + 1),
        providers=[
            (row, registry.is_low(row, settings.low_balance)) for row in registry.listing()
        ],
        seen_at=heartbeat.last_seen_at(),
        worker_late=health.worker_late_s() != 0,
        shown=SHOWN,
    )


def _needs(settings: Settings, standing: list[Standing]) -> list[Need]:
    """What needs an operator, as figures; what is zero is left out."""
    found = tallies()
    requests = request_queries.waiting_count()
    orders, services = url_for("admin.order_list"), url_for("admin.service_list")
    counts = [
        (found.in_review, "in review", "in review", f"{orders}?only=review"),
        (requests, "request", "requests", url_for("admin.request_list")),
        (found.held_orders, "order held", "orders held", f"{orders}?only=held"),
        (found.warnings, "warning", "warnings", f"{orders}?only=warned"),
        (found.held_services, "service held", "services held", f"{services}?only=held"),
        (found.below_cost, "service below cost", "services below cost", f"{services}?only=below"),
    ]
    figures = [
        Need(count, one if count == 1 else several, page) for count, one, several, page in counts
    ]
    return [need for need in (*_worker(standing), *figures, *_low_funds(settings)) if need.figure]


def _worker(standing: list[Standing]) -> list[Need]:
    """The worker, where it should run and does not."""
    if all(alert.kind != Kind.WORKER for alert in standing):
        return []
    return [Need("Worker", "not running", f"{url_for('admin.overview_page')}#worker")]


def _low_funds(settings: Settings) -> list[Need]:
    """The providers at which our balance is below the threshold of the settings."""
    return [
        Need(row.balance, f"left at {row.name}", url_for("admin.provider_page", name=row.name))
        for row in registry.listing()
        if registry.is_low(row, settings.low_balance)
    ]


def _chart(sums: list[dict[str, int]]) -> dict[str, list[Any]]:
    """The data of the charts; as floats, because it is only drawn."""
    money = ("revenue", "refunds", "cost", "profit")
    return {
        "at": [row["at"] for row in sums],
        "orders": [row["orders"] for row in sums],
        **{name: [row[name] / MICROS for row in sums] for name in money},
    }
