"""The first page: sales, and what needs an operator."""

from typing import Any

from flask import render_template, request

from api.context import current_settings
from panel import attention, health, heartbeat, queries, reports, service_queries
from panel.alerts.beside import beside
from panel.money import MICROS
from panel.providers import registry
from web.dashboard.attention import alert_lines, lines
from web.dashboard.common import bp

SHOWN = 10
"""The most lines that a list shows; one more is read, to tell whether there are more."""
WAITING_SHOWN = 5
"""The most lines of one kind in the box of what waits for an operator."""


@bp.get("", strict_slashes=False)
def overview_page() -> str:
    """Charts of the chosen period, and lists of what needs an operator."""
    chosen = request.args.get("range", "7")
    span = reports.RANGES.get(chosen, reports.RANGES["7"])
    sums = reports.sums(span)
    settings = current_settings()
    waiting = attention.everything(settings, WAITING_SHOWN)
    alerts = alert_lines(beside(waiting.items))
    seen_at = heartbeat.last_seen_at()
    return render_template(
        "dashboard/overview.html",
        ranges=reports.RANGES,
        span=span,
        sums=sums,
        total={name: sum(row[name] for row in sums) for name in sums[0]},
        chart=_chart(sums),
        statuses=reports.statuses(span),
        alerts=alerts[:SHOWN],
        waiting=lines(waiting.items),
        more=bool(waiting.cut) or len(alerts) > SHOWN,
        warnings=queries.with_warning(SHOWN + 1),
        below_cost=service_queries.below_cost(SHOWN + 1),
        providers=[
            (row, registry.is_low(row, settings.low_balance)) for row in registry.listing()
        ],
        threshold=settings.low_balance,
        seen_at=seen_at,
        worker_late=health.worker_late_s() != 0,
        shown=SHOWN,
    )


def _chart(sums: list[dict[str, int]]) -> dict[str, list[Any]]:
    """The data of the charts; as floats, because it is only drawn."""
    money = ("revenue", "refunds", "cost", "profit")
    return {
        "at": [row["at"] for row in sums],
        "orders": [row["orders"] for row in sums],
        **{name: [row[name] / MICROS for row in sums] for name in money},
    }
