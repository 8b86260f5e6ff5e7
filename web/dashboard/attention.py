"""The page of everything that waits for an operator; the overview begins with its first lines."""

from typing import NamedTuple

from flask import render_template, url_for

from api.context import current_settings
from panel import attention
from panel.attention import Item, Kind
from web.dashboard.common import bp

OF_WORDS = (Kind.REFUSAL, Kind.WORD)


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
        "dashboard/attention.html", waiting=lines(found.items), more=bool(found.cut)
    )


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
