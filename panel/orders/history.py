"""What happened to an order: what its customer asked for, and what came of it at its provider."""

from typing import Any

from models import Cancel, Order, Refill
from panel.orders.events import events


def history(order_id: int) -> list[dict[str, Any]]:
    """The requests about an order and its events, oldest first, as `created_at`, `kind`, `text`.

    What no request of a customer asked for, such as a part of a drip-feed, has no such line.
    """
    asked = [
        *_requests(Order, Order.id == order_id, "placed", "request {}"),
        *_requests(Refill, Refill.order == order_id, "refill", "asked for a refill (request {})"),
        *_requests(Cancel, Cancel.order == order_id, "cancel", "asked to cancel (request {})"),
    ]
    return sorted([*asked, *events(order_id)], key=lambda line: line["created_at"])


def _requests(table: Any, of_order: Any, kind: str, text: str) -> list[dict[str, Any]]:
    query = table.select(table.created_at, table.request_id).where(of_order)
    return [
        {"created_at": created_at, "kind": kind, "text": text.format(request_id)}
        for created_at, request_id in query.order_by(table.id).tuples()
        if request_id
    ]
