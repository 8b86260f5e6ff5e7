"""The page of all alerts and of what waits for an operator; the overview has its first lines."""

import re
from typing import NamedTuple

from flask import render_template, url_for

from api.context import current_settings
from panel import attention
from panel.alerts import kinds as alerts
from panel.alerts.beside import beside
from panel.alerts.record import Standing
from panel.alerts.words import commands, sentence
from panel.attention import Item, Kind
from web.dashboard.common import bp

OF_WORDS = (Kind.REFUSAL, Kind.WORD)


OF_PROVIDERS = (
    alerts.Kind.BALANCE,
    alerts.Kind.UNREACHABLE,
    alerts.Kind.PRICES_OLD,
    alerts.Kind.WAITING,
    alerts.Kind.STUCK,
)


class AlertLine(NamedTuple):
    """An alert that stands, its text and commands, and its page with its name, or ""."""

    alert: Standing
    text: str
    commands: list[str]
    page: str
    label: str


class Line(NamedTuple):
    """An item of the list, and the page where it can be settled, with that page's name."""

    item: Item
    page: str
    label: str


@bp.get("/attention")
def attention_page() -> str:
    """All that waits for an operator."""
    found = attention.everything(current_settings())
    return render_template(
        "dashboard/attention.html",
        alerts=alert_lines(beside(found.items)),
        waiting=lines(found.items),
        more=bool(found.cut),
    )


def alert_lines(standing: list[Standing]) -> list[AlertLine]:
    """Alerts with the pages of what they are about."""
    return [
        AlertLine(alert, sentence(alert.text), commands(alert.text), *_page_of(alert))
        for alert in standing
    ]


def _page_of(alert: Standing) -> tuple[str, str]:
    """The page of what an alert is about, and what to call it; "" and "" if it has none."""
    if alert.kind in OF_PROVIDERS and alert.subject:
        return url_for("admin.provider_page", name=alert.subject), alert.subject
    if found := re.fullmatch(r"service (\d+)", alert.subject):
        return url_for("admin.service_page", service_id=int(found[1])), f"Service {found[1]}"
    return "", ""


def lines(found: list[Item]) -> list[Line]:
    """Items with the pages where they can be settled."""
    return [Line(item, *_page(item)) for item in found]


def _page(item: Item) -> tuple[str, str]:
    """The page where an item can be settled, and what to call it."""
    if item.kind is Kind.RESTORED:
        return url_for("admin.restored_page"), "All of them"
    if item.order_id is not None:
        page = url_for("admin.order_page", order_id=item.order_id)
        return page, f"Order {item.order_id}"
    if item.service_id is not None:
        page = url_for("admin.service_page", service_id=item.service_id)
        return page, f"Service {item.service_id}"
    if item.provider:
        anchor = "words" if item.kind in OF_WORDS else None
        page = url_for("admin.provider_page", name=item.provider, _anchor=anchor)
        return page, item.provider
    return url_for("admin.attention_page"), "All"
