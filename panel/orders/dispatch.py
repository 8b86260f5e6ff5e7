"""Sending an order to a provider: waiting, being sent, accepted, rejected, or in doubt.

No HTTP here: the worker sends what claim() gives it, and records what came of it.
"""

import json
import logging
import re
import secrets
from typing import Any, NamedTuple

from peewee import JOIN

from database.clock import now
from database.compiled_query import CompiledQuery, literal, param, rows
from database.transactions import immediate, savepoint
from models import Cancel, Order, Provider, Service, Source
from panel import money
from panel.errors import OperatorError
from panel.orders import lookup, state
from panel.orders.events import record_event
from panel.orders.lookup import StoredOrder
from panel.orders.refusal import Refusal
from panel.orders.transition import Change, Event, apply_change
from panel.service_types import SERVICE_TYPES, takes_quantity

log = logging.getLogger("panel.orders")

_NO_NUMBER = re.compile(
    r"-.*|0+|[0-9]+\.[0-9]+|null|none|nan|undefined|infinity|true|false"
    r"|array|object|unknown|success|ok|done|error|fail|failed|pending|processing|completed|requested",
    re.I,
)
MAX_NUMBER_LENGTH = 64

MAX_ATTEMPTS = 24
"""After so many rounds of rejections an order is given up, and paid back."""

RESEND_S = 5
"""How soon an order in doubt is sent again under its key, where the provider knows such keys."""

PAUSE_S = 60
MAX_PAUSE_S = 3600
"""Pauses between the rounds double from the first to the second."""


class Outgoing(NamedTuple):
    """An order as it is to be sent: `parameters` are those of `add`, the service theirs.

    key: the same at every try, for a provider that takes an order under one key once.
    """

    order_id: int
    provider_id: int
    parameters: dict[str, str]
    key: str


class _Purchase(NamedTuple):
    """Where an order's service is bought, and what it is; None where that is nowhere."""

    type: str
    provider_id: int | None
    provider_service: str
    cost_micros: int
    dripfeed: int


_NEXT = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.dispatch_state == literal(state.WAITING))
        .where(Order.provider == param("provider_id"), Order.send_at <= param("now"))
        .order_by(Order.send_at)
        .limit(1)
    )
)
_PURCHASE = CompiledQuery(
    lambda: (
        Service.select(
            Service.type,
            Source.provider,
            Source.provider_service,
            Source.cost_micros,
            Source.dripfeed,
        )
        .join(
            Source,
            JOIN.LEFT_OUTER,
            on=(Source.service == Service.id) & (Source.source_rank == param("source_rank")),
        )
        .where(Service.id == param("service_id"))
    )
)
_HOLDER = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.provider == param("provider_id"))
        .where(Order.provider_order == param("provider_order"))
        .limit(1)
    )
)


def is_order_number(text: str) -> bool:
    """Whether a provider's text can be its number of an order: any text but what says none."""
    return (
        0 < len(text) <= MAX_NUMBER_LENGTH
        and text.isprintable()
        and not re.search(r"[\s,]", text)
        and not _NO_NUMBER.fullmatch(text)
    )


def waits_for_funds(provider_id: int) -> bool:
    """Whether an order waits until our funds at this provider rise."""
    return Order.select().where(*_held_for_funds(provider_id)).exists()


def release_for_funds(provider_id: int) -> int:
    """Send at once what waits for funds at this provider; tell how many orders those are."""
    with immediate():
        waiting = rows(Order.select(Order.id).where(*_held_for_funds(provider_id)).tuples())
        for order in lookup.get_many([order_id for (order_id,) in waiting]):
            apply_change(order, {"send_at": now()})
    return len(waiting)


def _held_for_funds(provider_id: int) -> tuple[Any, ...]:
    return (
        Order.held_because == literal("funds"),
        Order.provider == provider_id,
        Order.dispatch_state == literal(state.WAITING),
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
            order = lookup.get(row[0])
            try:
                with savepoint():
                    outgoing = _begin_sending(order, provider_id)
            except Exception as error:  # whatever is wrong with it, the next ones can be sent
                log.exception("order %d cannot be sent", order.id)
                outgoing = None
                why = f"it cannot be sent: an internal error ({type(error).__name__})"
                in_review: Change = {"dispatch_state": state.IN_REVIEW, "warning": why}
                apply_change(order, in_review, Event("warning", why))
            if outgoing is not None:
                return outgoing
    return None


def _begin_sending(order: StoredOrder, provider_id: int) -> Outgoing | None:
    """Mark an order as being sent; None if it cannot be sent there, and waits no longer."""
    purchase = _purchase(order)
    if purchase.provider_id != provider_id:
        apply_change(order, _find_source_again(order))
        return None
    if order.runs is not None and not (purchase.dripfeed or order.may_be_at_provider):
        # The provider has no drip-feed: panel.orders.dripfeed sends this order part by part.
        apply_change(order, {"dispatch_state": state.IN_PARTS, "poll_at": 0})
        return None
    parameters = _parameters(order, purchase)
    key = order.send_key or secrets.token_hex(16)
    change: Change = {
        "dispatch_state": state.SENDING,
        "send_key": key,
        "held_because": "",
        "held_text": "",
    }
    apply_change(order, change, Event("sending", f"as service {purchase.provider_service}"))
    return Outgoing(order.id, provider_id, parameters, key)


def _purchase(order: StoredOrder) -> _Purchase:
    row = _PURCHASE.row(service_id=order.service_id, source_rank=order.source_rank)
    return _Purchase(*row)


def _parameters(order: StoredOrder, purchase: _Purchase) -> dict[str, str]:
    """The parameters of the provider's `add`."""
    parameters = {"service": purchase.provider_service}
    if order.link:
        parameters["link"] = order.link
    if takes_quantity(purchase.type):
        parameters["quantity"] = str(order.quantity // (order.runs or 1))
    parameters |= {name: str(value) for name, value in json.loads(order.parameters).items()}
    if order.runs is not None:
        parameters |= {"runs": str(order.runs), "interval": str(order.interval)}
    return parameters


def _find_source_again(order: StoredOrder) -> Change:
    """The service is bought elsewhere now, or nowhere: then a person must see to the order.

    Also to one that the provider may have already: another must not get it too.
    """
    if order.may_be_at_provider:
        return {"dispatch_state": state.IN_REVIEW}
    source = _source(order.service_id, 1)
    if source is not None:
        return {"provider_id": source.provider_id, "source_rank": 1}
    return {
        "dispatch_state": state.NOT_FORWARDED,
        "provider_id": None,
        "warning": "the service has no provider any more",
    }


def _source(service_id: int, source_rank: int) -> Source | None:
    return Source.get_or_none(Source.service == service_id, Source.source_rank == source_rank)


def record_accepted(order_id: int, provider_order: str, poll_at: int) -> None:
    """The provider has accepted the order, under this number of its own.

    A number that another order has already says nothing of this one: it waits for a person.

    :param poll_at: when to ask for its status first, in seconds since 1970.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state not in (state.SENDING, state.IN_REVIEW):
            return
        other = _holder(order.provider_id, provider_order)
        if other is None or other == order_id:
            _accept(order, provider_order, poll_at)
        else:
            why = f"the provider gave the number of order {other}, {provider_order}"
            _mark_in_doubt(order, why, resend=False)


def _accept(order: StoredOrder, provider_order: str, poll_at: int) -> None:
    event = Event("sent", f"the provider's number is {provider_order}")
    apply_change(order, acceptance(order, provider_order, poll_at), event)


def _holder(provider_id: int | None, provider_order: str) -> int | None:
    """Which of our orders a provider's number belongs to."""
    row = _HOLDER.row(provider_id=provider_id, provider_order=provider_order)
    return row[0] if row else None


def acceptance(order: StoredOrder, provider_order: str, poll_at: int) -> Change:
    """The change by which an order is followed at its provider, at its cost."""
    return {
        "dispatch_state": state.SENT,
        "provider_order": provider_order,
        "cost_micros": _cost(order),
        "poll_at": poll_at,
        "may_be_at_provider": False,
        "warning": "" if state.is_open(order.status) else f"sent, though it is {order.status}",
    }


def _cost(order: StoredOrder) -> int:
    """What the order costs us at its source, in micros; 0 where it has none."""
    purchase = _purchase(order)
    if purchase.provider_id is None:
        return 0
    if SERVICE_TYPES[purchase.type].charged == "package":
        return purchase.cost_micros
    return money.charge(purchase.cost_micros, order.quantity)


def record_not_sent(order_id: int, why: str, retry_at: int) -> None:
    """It is certain that the provider was not reached: the order waits for another try.

    :param retry_at: in seconds since 1970.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state != state.SENDING:
            return
        event = Event("refused", f"not sent: {why}")
        # Of an earlier try, whose outcome is not known, this one tells nothing.
        if not order.may_be_at_provider and _is_abandoned(order):
            apply_change(order, _abandonment(order, why), event)
        else:
            change: Change = {
                "dispatch_state": state.WAITING,
                "send_at": retry_at,
                "warning": why,
            }
            apply_change(order, change, event)


def _is_abandoned(order: StoredOrder) -> bool:
    """Whether an order that was not accepted is not to be sent any more.

    Things may have happened while it was being sent: an order that was moved by hand is
    fulfilled by hand, and one that its customer asked to cancel is canceled now.
    """
    return not state.is_untouched(order.status) or _cancel_is_pending(order.id)


def _cancel_is_pending(order_id: int) -> bool:
    return Cancel.select().where(Cancel.order == order_id, Cancel.status == "pending").exists()


def _abandonment(order: StoredOrder, why: str) -> Change:
    change: Change = {"dispatch_state": state.NOT_FORWARDED, "warning": why}
    if state.is_untouched(order.status):
        change["status"] = "Canceled"
    return change


def mark_in_doubt(order_id: int, why: str, resend: bool = True) -> None:
    """Nobody knows whether the provider has the order: it waits for a person.

    A provider that takes an order under one key once is asked again instead, but not for an
    order that was moved by hand meanwhile.

    :param resend: False where asking again would tell nothing.
    """
    with immediate():
        _mark_in_doubt(lookup.get(order_id), why, resend)


def recover_interrupted() -> int:
    """See to the orders that a dead worker left as being sent; tell how many there were."""
    in_flight = Order.select(Order.id).where(
        state.orders_in_doubt(), Order.dispatch_state == state.SENDING
    )
    interrupted = rows(in_flight.tuples())
    for (order_id,) in interrupted:
        mark_in_doubt(order_id, "the worker ended while it was being sent")
    return len(interrupted)


def _mark_in_doubt(order: StoredOrder, why: str, resend: bool) -> None:
    if order.dispatch_state != state.SENDING:
        return
    change: Change = {
        "dispatch_state": state.IN_REVIEW,
        "may_be_at_provider": True,
        "warning": why,
    }
    again = resend and state.is_untouched(order.status)
    if again and _takes_a_key_once(order.provider_id):
        change |= {"dispatch_state": state.WAITING, "send_at": now() + RESEND_S}
    apply_change(order, change, Event("unknown", why))


def _takes_a_key_once(provider_id: int | None) -> bool:
    provider = Provider.get_or_none(Provider.id == provider_id)
    return provider is not None and provider.idempotent


def record_rejected(order_id: int, why: str, refusal: Refusal, hold_s: int) -> None:
    """The provider clearly rejected: try the second source, wait, or give the order up.

    :param hold_s: how long an order waits for the operator after a refusal that is not known.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state == state.SENDING:
            is_temporary = refusal in (Refusal.TEMPORARY, Refusal.FUNDS)
            change = _after_rejection(order, why, is_temporary)
            if refusal == Refusal.FUNDS and change["dispatch_state"] == state.WAITING:
                change |= {"held_because": "funds", "held_text": why}
            apply_change(order, change, Event("refused", why))


def _after_rejection(order: StoredOrder, why: str, is_temporary: bool) -> Change:
    if order.may_be_at_provider and is_temporary:
        # Rejected unread, as by a rate limit: of the earlier try it tells nothing.
        return _resend_later(order, why)
    if _is_abandoned(order):
        return _abandonment(order, why)
    second = _source(order.service_id, order.source_rank + 1)
    if second is not None:
        return {
            "dispatch_state": state.WAITING,
            "provider_id": second.provider_id,
            "source_rank": second.source_rank,
            "is_temporary": is_temporary,
            "may_be_at_provider": False,
            "send_at": now(),
            "warning": why,
        }
    if (is_temporary or order.is_temporary) and order.attempts + 1 < MAX_ATTEMPTS:
        return _retry_later(order, why)
    return _failure(order, why)


def _retry_later(order: StoredOrder, why: str) -> Change:
    first = _source(order.service_id, 1)
    return {
        "dispatch_state": state.WAITING,
        "provider_id": first.provider_id if first else order.provider_id,
        "source_rank": 1,
        "is_temporary": False,
        "may_be_at_provider": False,
        "attempts": order.attempts + 1,
        "send_at": now() + _pause_s(order),
        "warning": why,
    }


def _resend_later(order: StoredOrder, why: str) -> Change:
    """Send an order in doubt to the same provider later; in the end a person sees to it."""
    again = order.attempts + 1 < MAX_ATTEMPTS
    return {
        "dispatch_state": state.WAITING if again else state.IN_REVIEW,
        "attempts": order.attempts + 1,
        "send_at": now() + _pause_s(order),
        "warning": why,
    }


def _pause_s(order: StoredOrder) -> int:
    return min(PAUSE_S * 2**order.attempts, MAX_PAUSE_S)


def _failure(order: StoredOrder, why: str) -> Change:
    change: Change = {"dispatch_state": state.FAILED, "warning": why}
    if state.is_open(order.status):
        change["status"] = "Canceled"
    return change


def resend(order_id: int) -> None:
    """A person found that the provider does not have the order: send it again.

    :raises OperatorError: if the order is not in review.
    """
    with immediate():
        order = _in_review(order_id)
        if not state.is_untouched(order.status):
            raise OperatorError(f"order {order_id} is {order.status}, there is nothing to send")
        if _cancel_is_pending(order_id):
            raise OperatorError(f"its customer asked to cancel order {order_id}: fail it instead")
        change: Change = {
            "dispatch_state": state.WAITING,
            "send_at": now(),
            "warning": "",
            "may_be_at_provider": False,
        }
        apply_change(order, change, Event("operator", "resend"))


def attach(order_id: int, provider_order: str) -> None:
    """A person found that the provider has the order, under this number.

    :raises OperatorError: if the order is not in review, or another order has this number.
    """
    if not is_order_number(provider_order):
        raise OperatorError(f"{provider_order!r} cannot be a provider's order number")
    with immediate():
        order = _in_review(order_id)
        holder = _holder(order.provider_id, provider_order)
        if holder is not None:
            raise OperatorError(f"the provider's order {provider_order} belongs to order {holder}")
        _accept(order, provider_order, now())
        record_event(order_id, "operator", f"attach {provider_order}")


def fail(order_id: int) -> None:
    """A person gives the order up: it is canceled, and what remains is paid back.

    :raises OperatorError: if the order is not in review.
    """
    with immediate():
        order = _in_review(order_id)
        change = _failure(order, "given up by the operator")
        apply_change(order, change, Event("operator", "fail"))


def _in_review(order_id: int) -> StoredOrder:
    order = lookup.get(order_id)
    if order.dispatch_state != state.IN_REVIEW:
        raise OperatorError(f"order {order_id} does not need review")
    return order
