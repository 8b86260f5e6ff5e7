"""The way of an order to a provider: waiting, being sent, taken, refused, or in doubt.

This module writes the order's columns for that way; status and money change in panel.orders,
in the same transaction. No HTTP here: what is sent, and by whom, is upstream's affair.
"""

import json
import secrets
from typing import Any, NamedTuple

from peewee import JOIN

from models import (
    Cancel,
    Order,
    OrderEvent,
    Provider,
    Service,
    Source,
    Statement,
    immediate,
    literal,
    now,
    rows,
    slot,
)
from panel import money, orders, services
from panel.errors import Invalid

MAX_ATTEMPTS = 24
"""After so many rounds of refusals an order is given up, and paid back."""

RESEND_S = 5
"""How soon an order in doubt is sent again under its key, where the provider knows such keys."""

PAUSE_S = 60
MAX_PAUSE_S = 3600
"""Pauses between the rounds double from the first to the second."""

_IN_DOUBT = Order.forward.in_([literal("sending"), literal("review")])
"""Written as the index orders_in_doubt has it, so that it is used."""


class Outgoing(NamedTuple):
    """An order as it is to be sent: `parameters` are those of `add`, the service theirs.

    key: the same at every try, for a provider that takes an order under one key once.
    """

    order_id: int
    provider_id: int
    parameters: dict[str, str]
    key: str


class _Bought(NamedTuple):
    """An order with where its service is bought: None where that is nowhere."""

    order_id: int
    service_id: int
    link: str
    quantity: int
    status: str
    type: str
    provider_id: int | None
    provider_service: str
    cost_micros: int
    dripfeed: int
    parameters: str
    runs: int | None
    interval: int | None
    send_key: str | None
    maybe_taken: int


def _bought() -> Any:
    """A query of orders as _Bought, to narrow and to run."""
    source = (Source.service == Order.service) & (Source.position == Order.position)
    return (
        Order.select(
            Order.id,
            Order.service,
            Order.link,
            Order.quantity,
            Order.status,
            Service.type,
            Source.provider,
            Source.provider_service,
            Source.cost_micros,
            Source.dripfeed,
            Order.parameters,
            Order.runs,
            Order.interval,
            Order.send_key,
            Order.maybe_taken,
        )
        .join(Service)
        .join(Source, JOIN.LEFT_OUTER, on=source)
    )


_NEXT = Statement(
    lambda: (
        _bought()
        .where(Order.forward == literal("waiting"), Order.provider == slot("provider_id"))
        .where(Order.due_at <= slot("now"))
        .order_by(Order.due_at)
        .limit(1)
    )
)
_ONE = Statement(lambda: _bought().where(Order.id == slot("id")))
_CLAIM = Statement(
    lambda: Order.update(forward="sending", send_key=slot("key")).where(
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
        maybe_taken=False,
    ).where(Order.id == slot("id"), Order.forward.in_(("sending", "review")))
)
_HOLDER = Statement(
    lambda: (
        Order.select(Order.id)
        .where(Order.provider == slot("provider_id"))
        .where(Order.provider_order == slot("provider_order"))
        .limit(1)
    )
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
    it is known that it was not sent, or the provider takes an order under one key once.
    """
    with immediate():
        while row := _NEXT.row(provider_id=provider_id, now=now()):
            order = _Bought(*row)
            if order.provider_id != provider_id:
                _find_source_again(order)
            elif order.runs is not None and not (order.dripfeed or order.maybe_taken):
                # The provider has no drip-feed: panel.parts sends this order part by part.
                parts = Order.update(forward="parts", due_at=0)
                parts.where(Order.id == order.order_id).execute()
            else:
                return _claim(order, provider_id)
    return None


def _claim(order: _Bought, provider_id: int) -> Outgoing:
    key = order.send_key or secrets.token_hex(16)
    _CLAIM.run(id=order.order_id, key=key)
    note(order.order_id, "sending", f"as service {order.provider_service}")
    parameters = {"service": order.provider_service}
    if order.link:
        parameters["link"] = order.link
    if services.takes_quantity(order.type):
        parameters["quantity"] = str(order.quantity // (order.runs or 1))
    parameters |= {name: str(value) for name, value in json.loads(order.parameters).items()}
    if order.runs is not None:
        parameters |= {"runs": str(order.runs), "interval": str(order.interval)}
    return Outgoing(order.order_id, provider_id, parameters, key)


def _find_source_again(order: _Bought) -> None:
    """The service is bought elsewhere now, or nowhere: then a person must see to the order.

    Also to one that the provider may have already: another must not get it too.
    """
    source = Source.get_or_none(Source.service == order.service_id, Source.position == 1)
    if order.maybe_taken:
        change = Order.update(forward="review")
    elif source is not None:
        change = Order.update(provider=source.provider_id, position=1)
    else:
        gone = "the service is bought nowhere now"
        change = Order.update(forward="", provider=None, warning=gone)
    change.where(Order.id == order.order_id).execute()


def took(order_id: int, provider_order: str, ask_at: int) -> None:
    """The provider has the order, under this number of its own.

    A number that another order has already says nothing of this one: it waits for a person.
    """
    with immediate():
        order = orders.get(order_id)
        other = _holder(order.provider_id, provider_order)
        if other is None or other == order_id:
            _took(order_id, provider_order, ask_at)
        else:
            why = f"the provider gave the number of order {other}, {provider_order}"
            _doubt(order_id, why, resend=False)


def _holder(provider_id: int | None, provider_order: str) -> int | None:
    """Which of our orders a provider's number belongs to."""
    row = _HOLDER.row(provider_id=provider_id, provider_order=provider_order)
    return row[0] if row else None


def _took(order_id: int, provider_order: str, ask_at: int) -> None:
    order = _Bought(*_ONE.row(id=order_id))
    cost = 0
    if order.provider_id is not None:
        package = services.TYPES[order.type].charged == "package"
        cost = order.cost_micros if package else money.charge(order.cost_micros, order.quantity)
    warning = "" if order.status in orders.OPEN else f"sent, though it is {order.status}"
    _SENT.run(
        id=order_id, provider_order=provider_order, cost=cost, due_at=ask_at, warning=warning
    )
    note(order_id, "sent", f"the provider's number is {provider_order}")


def not_sent(order_id: int, why: str, retry_at: int) -> None:
    """It is certain that the provider was not reached: the order waits for another try."""
    with immediate():
        order = orders.get(order_id)
        if order.forward != "sending":
            return
        note(order_id, "refused", f"not sent: {why}")
        # Of an earlier try, whose fate is not known, this one tells nothing.
        if order.maybe_taken or not _left_alone(order, why):
            Order.update(forward="waiting", due_at=retry_at, warning=why).where(
                Order.id == order_id
            ).execute()


def _left_alone(order: Order, why: str) -> bool:
    """Whether an order that was not taken is not to be sent any more.

    Things may have happened while it was being sent: an order that was moved by hand is
    fulfilled by hand, and one that its customer asked to cancel is canceled now.
    """
    asked = Cancel.select().where(Cancel.order == order.id, Cancel.status == "pending")
    untouched = order.status in ("Pending", "Active")
    if untouched and not asked.exists():
        return False
    Order.update(forward="", warning=why).where(Order.id == order.id).execute()
    if untouched:
        orders.advance(order.id, status="Canceled")
    return True


def unknown(order_id: int, why: str, resend: bool = True) -> None:
    """Nobody knows whether the provider has the order: it waits for a person.

    A provider that takes an order under one key once is asked again instead.

    :param resend: False where asking again would tell nothing.
    """
    with immediate():
        _doubt(order_id, why, resend)


def orphans() -> int:
    """See to the orders that a dead worker left as being sent; tell how many there were."""
    with immediate():
        in_flight = Order.select(Order.id).where(_IN_DOUBT, Order.forward == "sending")
        left = rows(in_flight.tuples())
        for (order_id,) in left:
            _doubt(order_id, "the worker ended while it was being sent")
    return len(left)


def _doubt(order_id: int, why: str, resend: bool = True) -> None:
    order = orders.get(order_id)
    safe = (
        resend
        and order.provider_id is not None
        and Provider.get_by_id(order.provider_id).idempotent
    )
    forward, due_at = ("waiting", now() + RESEND_S) if safe else ("review", order.due_at)
    Order.update(forward=forward, due_at=due_at, warning=why, maybe_taken=True).where(
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
        if order.maybe_taken and may_pass:
            # Refused unread, as by a rate limit: of the earlier try it tells nothing.
            _ask_again(order, why)
            return
        if _left_alone(order, why):
            return
        second = Source.get_or_none(
            Source.service == order.service_id, Source.position == order.position + 1
        )
        if second is not None:
            Order.update(
                forward="waiting",
                provider=second.provider_id,
                position=second.position,
                may_pass=may_pass,
                maybe_taken=False,
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
        maybe_taken=False,
        attempts=order.attempts + 1,
        due_at=now() + _pause_s(order),
        warning=why,
    ).where(Order.id == order.id).execute()


def _ask_again(order: Order, why: str) -> None:
    """Send an order in doubt to the same provider later; in the end a person sees to it."""
    Order.update(
        forward="waiting" if order.attempts + 1 < MAX_ATTEMPTS else "review",
        attempts=order.attempts + 1,
        due_at=now() + _pause_s(order),
        warning=why,
    ).where(Order.id == order.id).execute()


def _pause_s(order: Order) -> int:
    return min(PAUSE_S * 2**order.attempts, MAX_PAUSE_S)


def _give_up(order_id: int, why: str) -> None:
    Order.update(forward="failed", warning=why).where(Order.id == order_id).execute()
    if orders.get(order_id).status in orders.OPEN:
        orders.advance(order_id, status="Canceled")


def in_review(limit: int | None = None) -> list[dict[str, Any]]:
    """The orders of which nobody knows whether a provider has them, with what is known."""
    query = (
        orders.with_names()
        .where(_IN_DOUBT, Order.forward == "review", Order.status.in_(orders.OPEN))
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
        if order.status not in ("Pending", "Active"):
            raise Invalid(f"order {order_id} is {order.status}, there is nothing to send")
        if Cancel.get_or_none(Cancel.order == order_id, Cancel.status == "pending") is not None:
            raise Invalid(f"its customer asked to cancel order {order_id}: fail it instead")
        Order.update(forward="waiting", due_at=now(), warning="", maybe_taken=False).where(
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
        taken = _holder(order.provider_id, provider_order)
        if taken is not None:
            raise Invalid(f"the provider's order {provider_order} belongs to order {taken}")
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
