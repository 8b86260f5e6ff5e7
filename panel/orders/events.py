"""What happened to an order on its way to a provider and back."""

from typing import Any

from database.clock import now
from database.compiled_query import CompiledQuery, param, rows
from models import OrderEvent
from panel.orders import exchanges
from panel.orders.exchanges import Exchange

_EVENT = CompiledQuery(
    lambda: OrderEvent.insert(
        order=param("order_id"), kind=param("kind"), text=param("text"), created_at=param("now")
    )
)


def events(order_id: int) -> list[dict[str, Any]]:
    """What happened to an order on its way, oldest first."""
    query = OrderEvent.select().where(OrderEvent.order == order_id).order_by(OrderEvent.id)
    return rows(query.dicts())


def record_event(order_id: int, kind: str, text: str, exchange: Exchange | None = None) -> None:
    """Write down what happened to an order; to be called inside immediate().

    :param exchange: the request and the answer that it is known by.
    """
    event_id = _EVENT.run(order_id=order_id, kind=kind, text=text[:500], now=now()).lastrowid
    if exchange is not None:
        exchanges.record(order_id, exchange, event_id=event_id)
