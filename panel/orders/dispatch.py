"""Sending an order to a provider: waiting, being sent, accepted, rejected, or in doubt."""

import json
import secrets
from typing import Any, NamedTuple

from peewee import JOIN

from database.clock import now
from database.compiled_query import CompiledQuery, literal, param, rows
from database.transactions import immediate
from models import Cancel, Order, Provider, Service, Source
from panel import money, service_types
from panel.errors import OperatorError
from panel.orders import lookup, state, transition
from panel.orders.events import record_event

MAX_ATTEMPTS = 24
"""After so many rounds of refusals an order is given up, and paid back."""


RESEND_S = 5
"""How soon an order in doubt is sent again under its key, where the provider knows such keys."""


PAUSE_S = 60


MAX_PAUSE_S = 3600
"""Pauses between the rounds double from the first to the second."""


_IN_DOUBT = Order.dispatch_state.in_([literal("sending"), literal("review")])
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
    may_be_at_provider: int


def _bought() -> Any:
    """A query of orders as _Bought, to narrow and to run."""
    source = (Source.service == Order.service) & (Source.source_rank == Order.source_rank)
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
            Order.may_be_at_provider,
        )
        .join(Service)
        .join(Source, JOIN.LEFT_OUTER, on=source)
    )


_NEXT = CompiledQuery(
    lambda: (
        _bought()
        .where(Order.dispatch_state == literal("waiting"), Order.provider == param("provider_id"))
        .where(Order.send_at <= param("now"))
        .order_by(Order.send_at)
        .limit(1)
    )
)


_ONE = CompiledQuery(lambda: _bought().where(Order.id == param("id")))


_CLAIM = CompiledQuery(
    lambda: Order.update(dispatch_state="sending", send_key=param("key")).where(
        Order.id == param("id"), Order.dispatch_state == "waiting"
    )
)


_SENT = CompiledQuery(
    lambda: Order.update(
        dispatch_state="sent",
        provider_order=param("provider_order"),
        cost_micros=param("cost"),
        poll_at=param("poll_at"),
        warning=param("warning"),
        may_be_at_provider=False,
    ).where(Order.id == param("id"), Order.dispatch_state.in_(("sending", "review")))
)


_HOLDER = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.provider == param("provider_id"))
        .where(Order.provider_order == param("provider_order"))
        .limit(1)
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
            elif order.runs is not None and not (order.dripfeed or order.may_be_at_provider):
                # The provider has no drip-feed: panel.parts sends this order part by part.
                parts = Order.update(dispatch_state="parts", poll_at=0)
                parts.where(Order.id == order.order_id).execute()
            else:
                return _claim(order, provider_id)
    return None


def _claim(order: _Bought, provider_id: int) -> Outgoing:
    key = order.send_key or secrets.token_hex(16)
    _CLAIM.run(id=order.order_id, key=key)
    record_event(order.order_id, "sending", f"as service {order.provider_service}")
    parameters = {"service": order.provider_service}
    if order.link:
        parameters["link"] = order.link
    if service_types.takes_quantity(order.type):
        parameters["quantity"] = str(order.quantity // (order.runs or 1))
    parameters |= {name: str(value) for name, value in json.loads(order.parameters).items()}
    if order.runs is not None:
        parameters |= {"runs": str(order.runs), "interval": str(order.interval)}
    return Outgoing(order.order_id, provider_id, parameters, key)


def _find_source_again(order: _Bought) -> None:
    """The service is bought elsewhere now, or nowhere: then a person must see to the order.

    Also to one that the provider may have already: another must not get it too.
    """
    source = Source.get_or_none(Source.service == order.service_id, Source.source_rank == 1)
    if order.may_be_at_provider:
        change = Order.update(dispatch_state="review")
    elif source is not None:
        change = Order.update(provider=source.provider_id, source_rank=1)
    else:
        gone = "the service is bought nowhere now"
        change = Order.update(dispatch_state="", provider=None, warning=gone)
    change.where(Order.id == order.order_id).execute()


def record_accepted(order_id: int, provider_order: str, ask_at: int) -> None:
    """The provider has the order, under this number of its own.

    A number that another order has already says nothing of this one: it waits for a person.
    """
    with immediate():
        order = lookup.get(order_id)
        other = _holder(order.provider_id, provider_order)
        if other is None or other == order_id:
            _accept(order_id, provider_order, ask_at)
        else:
            why = f"the provider gave the number of order {other}, {provider_order}"
            _mark_in_doubt(order_id, why, resend=False)


def _holder(provider_id: int | None, provider_order: str) -> int | None:
    """Which of our orders a provider's number belongs to."""
    row = _HOLDER.row(provider_id=provider_id, provider_order=provider_order)
    return row[0] if row else None


def _accept(order_id: int, provider_order: str, ask_at: int) -> None:
    order = _Bought(*_ONE.row(id=order_id))
    cost = 0
    if order.provider_id is not None:
        package = service_types.SERVICE_TYPES[order.type].charged == "package"
        cost = order.cost_micros if package else money.charge(order.cost_micros, order.quantity)
    warning = "" if order.status in state.OPEN else f"sent, though it is {order.status}"
    _SENT.run(
        id=order_id, provider_order=provider_order, cost=cost, poll_at=ask_at, warning=warning
    )
    record_event(order_id, "sent", f"the provider's number is {provider_order}")


def record_not_sent(order_id: int, why: str, retry_at: int) -> None:
    """It is certain that the provider was not reached: the order waits for another try."""
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state != "sending":
            return
        record_event(order_id, "refused", f"not sent: {why}")
        # Of an earlier try, whose fate is not known, this one tells nothing.
        if order.may_be_at_provider or not _abandon_if_cancelled(order, why):
            Order.update(dispatch_state="waiting", send_at=retry_at, warning=why).where(
                Order.id == order_id
            ).execute()


def _abandon_if_cancelled(order: Order, why: str) -> bool:
    """Whether an order that was not taken is not to be sent any more.

    Things may have happened while it was being sent: an order that was moved by hand is
    fulfilled by hand, and one that its customer asked to cancel is canceled now.
    """
    asked = Cancel.select().where(Cancel.order == order.id, Cancel.status == "pending")
    untouched = order.status in ("Pending", "Active")
    if untouched and not asked.exists():
        return False
    Order.update(dispatch_state="", warning=why).where(Order.id == order.id).execute()
    if untouched:
        transition.advance(order.id, status="Canceled")
    return True


def mark_in_doubt(order_id: int, why: str, resend: bool = True) -> None:
    """Nobody knows whether the provider has the order: it waits for a person.

    A provider that takes an order under one key once is asked again instead.

    :param resend: False where asking again would tell nothing.
    """
    with immediate():
        _mark_in_doubt(order_id, why, resend)


def recover_interrupted() -> int:
    """See to the orders that a dead worker left as being sent; tell how many there were."""
    with immediate():
        in_flight = Order.select(Order.id).where(_IN_DOUBT, Order.dispatch_state == "sending")
        left = rows(in_flight.tuples())
        for (order_id,) in left:
            _mark_in_doubt(order_id, "the worker ended while it was being sent")
    return len(left)


def _mark_in_doubt(order_id: int, why: str, resend: bool = True) -> None:
    order = lookup.get(order_id)
    safe = (
        resend
        and order.provider_id is not None
        and Provider.get_by_id(order.provider_id).idempotent
    )
    forward, send_at = ("waiting", now() + RESEND_S) if safe else ("review", order.send_at)
    Order.update(
        dispatch_state=forward, send_at=send_at, warning=why, may_be_at_provider=True
    ).where(Order.id == order_id, Order.dispatch_state == "sending").execute()
    record_event(order_id, "unknown", why)


def record_rejected(order_id: int, why: str, is_temporary: bool) -> None:
    """The provider clearly refused: try the second source, wait, or give the order up.

    :param is_temporary: whether such a refusal passes by itself.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state != "sending":
            return
        record_event(order_id, "refused", why)
        if order.may_be_at_provider and is_temporary:
            # Refused unread, as by a rate limit: of the earlier try it tells nothing.
            _resend_later(order, why)
            return
        if _abandon_if_cancelled(order, why):
            return
        second = Source.get_or_none(
            Source.service == order.service_id, Source.source_rank == order.source_rank + 1
        )
        if second is not None:
            Order.update(
                dispatch_state="waiting",
                provider=second.provider_id,
                source_rank=second.source_rank,
                is_temporary=is_temporary,
                may_be_at_provider=False,
                send_at=now(),
                warning=why,
            ).where(Order.id == order_id).execute()
        elif (is_temporary or order.is_temporary) and order.attempts + 1 < MAX_ATTEMPTS:
            _retry_later(order, why)
        else:
            _give_up(order_id, why)


def _retry_later(order: Order, why: str) -> None:
    first = Source.get_or_none(Source.service == order.service_id, Source.source_rank == 1)
    Order.update(
        dispatch_state="waiting",
        provider=first.provider_id if first else order.provider_id,
        source_rank=1,
        is_temporary=False,
        may_be_at_provider=False,
        attempts=order.attempts + 1,
        send_at=now() + _pause_s(order),
        warning=why,
    ).where(Order.id == order.id).execute()


def _resend_later(order: Order, why: str) -> None:
    """Send an order in doubt to the same provider later; in the end a person sees to it."""
    Order.update(
        dispatch_state="waiting" if order.attempts + 1 < MAX_ATTEMPTS else "review",
        attempts=order.attempts + 1,
        send_at=now() + _pause_s(order),
        warning=why,
    ).where(Order.id == order.id).execute()


def _pause_s(order: Order) -> int:
    return min(PAUSE_S * 2**order.attempts, MAX_PAUSE_S)


def _give_up(order_id: int, why: str) -> None:
    Order.update(dispatch_state="failed", warning=why).where(Order.id == order_id).execute()
    if lookup.get(order_id).status in state.OPEN:
        transition.advance(order_id, status="Canceled")


def resend(order_id: int) -> None:
    """A person found that the provider does not have the order: send it again.

    :raises Invalid: if the order is not in review.
    """
    with immediate():
        order = _reviewed(order_id)
        if order.status not in ("Pending", "Active"):
            raise OperatorError(f"order {order_id} is {order.status}, there is nothing to send")
        if Cancel.get_or_none(Cancel.order == order_id, Cancel.status == "pending") is not None:
            raise OperatorError(f"its customer asked to cancel order {order_id}: fail it instead")
        Order.update(
            dispatch_state="waiting", send_at=now(), warning="", may_be_at_provider=False
        ).where(Order.id == order_id).execute()
        record_event(order_id, "operator", "resend")


def attach(order_id: int, provider_order: str) -> None:
    """A person found that the provider has the order, under this number.

    :raises Invalid: if the order is not in review, or another order has this number.
    """
    if not (0 < len(provider_order) <= 64 and provider_order.isalnum()):
        raise OperatorError(f"{provider_order!r} cannot be a provider's order number")
    with immediate():
        order = _reviewed(order_id)
        taken = _holder(order.provider_id, provider_order)
        if taken is not None:
            raise OperatorError(f"the provider's order {provider_order} belongs to order {taken}")
        _accept(order_id, provider_order, now())
        record_event(order_id, "operator", f"attach {provider_order}")


def fail(order_id: int) -> None:
    """A person gives the order up: it is canceled, and what remains is paid back.

    :raises Invalid: if the order is not in review.
    """
    with immediate():
        _reviewed(order_id)
        record_event(order_id, "operator", "fail")
        _give_up(order_id, "given up by the operator")


def _reviewed(order_id: int) -> Order:
    order = lookup.get(order_id)
    if order.dispatch_state != "review":
        raise OperatorError(f"order {order_id} does not need review")
    return order
