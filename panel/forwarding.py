"""The way of an order to a provider: waiting, being sent, taken, refused, or in doubt.

This module writes the order's columns for that way; status and money change in panel.orders,
in the same transaction. No HTTP here: what is sent, and by whom, is upstream's affair.
"""

from typing import Any, NamedTuple

from models import Order, OrderEvent, Source, Statement, immediate, now, rows, slot
from panel import money, orders, services
from panel.errors import Invalid

MAX_ATTEMPTS = 24
"""After so many rounds of refusals an order is given up, and paid back."""

PAUSE_S = 60
MAX_PAUSE_S = 3600
"""Pauses between the rounds double from the first to the second."""


class Outgoing(NamedTuple):
    """An order as it is to be sent."""

    order_id: int
    provider_id: int
    provider_service: str
    link: str
    quantity: int
    package: bool


_NEXT = Statement(
    lambda: (
        Order.select(Order.id, Order.service, Order.position, Order.link, Order.quantity)
        .where(Order.forward == "waiting", Order.provider == slot("provider_id"))
        .where(Order.due_at <= slot("now"))
        .order_by(Order.due_at)
        .limit(1)
    )
)
_CLAIM = Statement(
    lambda: Order.update(forward="sending").where(
        Order.id == slot("id"), Order.forward == "waiting"
    )
)
_SENT = Statement(
    lambda: Order.update(
        forward="sent",
        provider_order=slot("provider_order"),
        cost_micros=slot("cost"),
        due_at=slot("due_at"),
        warning=slot("warning"),
    ).where(Order.id == slot("id"), Order.forward.in_(("sending", "review")))
)
_EVENT = Statement(
    lambda: OrderEvent.insert(
        order=slot("order_id"), kind=slot("kind"), text=slot("text"), created_at=slot("now")
    )
)


def any_to_send(provider_id: int) -> bool:
    """Whether an order waits for this provider, and is due."""
    return _NEXT.row(provider_id=provider_id, now=now()) is not None


def claim(provider_id: int) -> Outgoing | None:
    """Take the next order that waits for this provider, and mark it as being sent.

    The mark is on disk when this returns: from then on the order is never taken again, unless
    it is known that it was not sent.
    """
    with immediate():
        while row := _NEXT.row(provider_id=provider_id, now=now()):
            order_id, service_id, position, link, quantity = row
            source = Source.get_or_none(Source.service == service_id, Source.position == position)
            if source is None or source.provider_id != provider_id:
                _find_source_again(order_id, service_id)
                continue
            _CLAIM.run(id=order_id)
            note(order_id, "sending", f"as service {source.provider_service}")
            package = services.TYPES[services.get(service_id).type].package
            theirs = source.provider_service
            return Outgoing(order_id, provider_id, theirs, link, quantity, package)
    return None


def _find_source_again(order_id: int, service_id: int) -> None:
    """The service is bought elsewhere now, or nowhere: then a person must see to the order."""
    source = Source.get_or_none(Source.service == service_id, Source.position == 1)
    if source is not None:
        Order.update(provider=source.provider_id, position=1).where(Order.id == order_id).execute()
        return
    Order.update(forward="", provider=None, warning="the service is bought nowhere now").where(
        Order.id == order_id
    ).execute()


def took(order_id: int, provider_order: str, ask_at: int) -> None:
    """The provider has the order, under this number of its own."""
    with immediate():
        _took(order_id, provider_order, ask_at)


def _took(order_id: int, provider_order: str, ask_at: int) -> None:
    order = orders.get(order_id)
    source = Source.get_or_none(
        Source.service == order.service_id, Source.position == order.position
    )
    package = services.TYPES[services.get(order.service_id).type].package
    cost = 0
    if source is not None:
        cost = source.cost_micros if package else money.charge(source.cost_micros, order.quantity)
    warning = "" if order.status in orders.OPEN else f"sent, though it is {order.status}"
    _SENT.run(
        id=order_id, provider_order=provider_order, cost=cost, due_at=ask_at, warning=warning
    )
    note(order_id, "sent", f"the provider's number is {provider_order}")


def not_sent(order_id: int, why: str, retry_at: int) -> None:
    """It is certain that the provider was not reached: the order waits for another try."""
    with immediate():
        Order.update(forward="waiting", due_at=retry_at, warning=why).where(
            Order.id == order_id, Order.forward == "sending"
        ).execute()
        note(order_id, "refused", f"not sent: {why}")


def unknown(order_id: int, why: str) -> None:
    """Nobody knows whether the provider has the order: it waits for a person."""
    with immediate():
        _doubt(order_id, why)


def orphans() -> int:
    """Put the orders that a dead worker left as being sent before a person; tell how many."""
    with immediate():
        left = rows(Order.select(Order.id).where(Order.forward == "sending").tuples())
        for (order_id,) in left:
            _doubt(order_id, "the worker ended while it was being sent")
    return len(left)


def _doubt(order_id: int, why: str) -> None:
    Order.update(forward="review", warning=why).where(
        Order.id == order_id, Order.forward == "sending"
    ).execute()
    note(order_id, "unknown", why)


def refused(order_id: int, why: str, may_pass: bool) -> None:
    """The provider clearly refused: try the second source, wait, or give the order up.

    :param may_pass: whether such a refusal passes by itself.
    """
    with immediate():
        order = orders.get(order_id)
        if order.forward != "sending":
            return
        note(order_id, "refused", why)
        second = Source.get_or_none(
            Source.service == order.service_id, Source.position == order.position + 1
        )
        if second is not None:
            Order.update(
                forward="waiting",
                provider=second.provider_id,
                position=second.position,
                may_pass=may_pass,
                due_at=now(),
                warning=why,
            ).where(Order.id == order_id).execute()
        elif (may_pass or order.may_pass) and order.attempts + 1 < MAX_ATTEMPTS:
            _wait(order, why)
        else:
            _give_up(order_id, why)


def _wait(order: Order, why: str) -> None:
    first = Source.get_or_none(Source.service == order.service_id, Source.position == 1)
    Order.update(
        forward="waiting",
        provider=first.provider_id if first else order.provider_id,
        position=1,
        may_pass=False,
        attempts=order.attempts + 1,
        due_at=now() + min(PAUSE_S * 2**order.attempts, MAX_PAUSE_S),
        warning=why,
    ).where(Order.id == order.id).execute()


def _give_up(order_id: int, why: str) -> None:
    Order.update(forward="failed", warning=why).where(Order.id == order_id).execute()
    if orders.get(order_id).status in orders.OPEN:
        orders.advance(order_id, status="Canceled")


def in_review(limit: int | None = None) -> list[dict[str, Any]]:
    """The orders of which nobody knows whether a provider has them, with what is known."""
    query = (
        orders.with_names()
        .where(Order.forward == "review", Order.status.in_(orders.OPEN))
        .order_by(Order.id)
        .limit(limit)
    )
    return rows(query.dicts())


def resend(order_id: int) -> None:
    """A person found that the provider does not have the order: send it again.

    :raises Invalid: if the order is not in review.
    """
    with immediate():
        order = _reviewed(order_id)
        if order.status != "Pending":
            raise Invalid(f"order {order_id} is {order.status}, there is nothing to send")
        Order.update(forward="waiting", due_at=now(), warning="").where(
            Order.id == order_id
        ).execute()
        note(order_id, "operator", "resend")


def attach(order_id: int, provider_order: str) -> None:
    """A person found that the provider has the order, under this number.

    :raises Invalid: if the order is not in review, or another order has this number.
    """
    if not (0 < len(provider_order) <= 64 and provider_order.isalnum()):
        raise Invalid(f"{provider_order!r} cannot be a provider's order number")
    with immediate():
        order = _reviewed(order_id)
        taken = Order.get_or_none(
            Order.provider == order.provider_id, Order.provider_order == provider_order
        )
        if taken is not None:
            raise Invalid(f"the provider's order {provider_order} belongs to order {taken.id}")
        _took(order_id, provider_order, now())
        note(order_id, "operator", f"attach {provider_order}")


def fail(order_id: int) -> None:
    """A person gives the order up: it is canceled, and what remains is paid back.

    :raises Invalid: if the order is not in review.
    """
    with immediate():
        _reviewed(order_id)
        note(order_id, "operator", "fail")
        _give_up(order_id, "given up by the operator")


def _reviewed(order_id: int) -> Order:
    order = orders.get(order_id)
    if order.forward != "review":
        raise Invalid(f"order {order_id} does not need review")
    return order


def events(order_id: int) -> list[dict[str, Any]]:
    """What happened to an order on its way, oldest first."""
    query = OrderEvent.select().where(OrderEvent.order == order_id).order_by(OrderEvent.id)
    return rows(query.dicts())


def note(order_id: int, kind: str, text: str) -> None:
    """Write down what happened to an order; to be called inside immediate()."""
    _EVENT.run(order_id=order_id, kind=kind, text=text[:500], now=now())
