"""Drip-feeds that are sent part by part, each part an order of its own.

The whole was charged when it was ordered, so its parts are charged nothing; what they leave
undelivered is paid back on the whole.
"""

import json
import logging

from database import unavailable
from database.clock import now
from database.compiled_query import literal, rows
from database.transactions import immediate
from models import Cancel, Order
from panel import accounts, pricing
from panel.errors import OperatorError
from panel.orders import lookup, state
from panel.orders.dispatch import acceptance, check_order_number, holder
from panel.orders.lookup import StoredOrder
from panel.orders.place import OrderRequest, insert_charged
from panel.orders.transition import Change, Event, apply_change, apply_with_warning

log = logging.getLogger("panel.orders")

AT_ONCE = 100


def run_due(poll_every_s: int) -> None:
    """Move on the drip-feeds that are due: start parts, and sum up what they did.

    One that cannot be moved on is put off with a warning, and the others go on.
    """
    query = (
        Order.select(Order.id)
        .where(Order.dispatch_state == literal(state.IN_PARTS), state.open_orders())
        .where(Order.poll_at <= now(), Order.restored == 0)
        .order_by(Order.poll_at)
        .limit(AT_ONCE)
    )
    for (order_id,) in rows(query.tuples()):
        poll_at = now() + poll_every_s
        try:
            with immediate():
                _run(lookup.get(order_id), poll_at)
        except Exception as error:
            if unavailable.reason(error):
                raise
            log.exception("the drip-feed %d cannot be moved on", order_id)
            why = f"it cannot be moved on: an internal error ({type(error).__name__})"
            with immediate():
                order = lookup.get(order_id)
                put_off: Change = {"poll_at": poll_at, "warning": why}
                apply_with_warning(order, put_off)


def _run(order: StoredOrder, poll_at: int) -> None:
    parts = lookup.parts_of(order.id)
    open_parts = [part for part in parts if state.is_open(part.status)]
    canceling = _cancel_exists(order.id, status="pending")
    if canceling:
        _cancel_parts(open_parts)
    stopping = canceling or any(part.dispatch_state == state.FAILED for part in parts)
    is_over = not open_parts and (stopping or len(parts) == order.runs)
    change = _aggregate(order, parts, is_over)
    apply_change(order, {**change, "poll_at": poll_at})
    if not stopping and not open_parts and _next_is_due(order, parts):
        _start_part(order, len(parts) + 1)


def _next_is_due(order: StoredOrder, parts: list[StoredOrder]) -> bool:
    if len(parts) >= (order.runs or 0):
        return False
    return not parts or now() >= parts[-1].created_at + (order.interval or 0) * 60


def _start_part(order: StoredOrder, part: int) -> None:
    caller = accounts.caller(order.account_id)
    _insert_part(order, part, pricing.offer_for(caller, order.service_id))


def _insert_part(order: StoredOrder, part: int, offer: pricing.Offer) -> int:
    wanted = OrderRequest(order.link, details=json.loads(order.parameters))
    quantity = order.quantity // (order.runs or 1)
    return insert_charged(
        order.account_id, offer, wanted, quantity, 0, parent_id=order.id, part=part
    )


def attach_part(order_id: int, part: int, provider_order: str) -> int:
    """A person found that the provider has a part which a copy of the database does not know.

    :param part: the first one that is not known.
    :returns: the number of the part's own order.
    :raises OperatorError: if the order is no drip-feed that waits since a restore, this is not its
        next part, or the number cannot be that of the part.
    """
    check_order_number(provider_order)
    with immediate():
        order = lookup.get(order_id)
        _check_next_part(order, part)
        other = holder(order.provider_id, provider_order)
        if other is not None:
            why = f"the provider's order {provider_order} belongs to order {other}"
            raise OperatorError(why, "provider_order")
        offer = pricing.offer_for(accounts.caller(order.account_id), order.service_id)
        part_id = _insert_part(order, part, offer._replace(provider_id=order.provider_id))
        sent = lookup.get(part_id)._replace(source_rank=order.source_rank)
        change = acceptance(sent, provider_order, now())
        change["source_rank"] = order.source_rank
        apply_change(lookup.get(part_id), change, Event("operator", f"attach {provider_order}"))
        return part_id


def _check_next_part(order: StoredOrder, part: int) -> None:
    if order.dispatch_state != state.IN_PARTS or order.provider_id is None:
        raise OperatorError(f"order {order.id} is no drip-feed that is sent in parts")
    if not order.restored:
        raise OperatorError(f"order {order.id} does not wait since a restore")
    known = len(lookup.parts_of(order.id))
    if known >= (order.runs or 0):
        raise OperatorError(f"all {known} parts of order {order.id} are known")
    if part != known + 1:
        raise OperatorError(
            f"the next part of order {order.id} is part {known + 1} of {order.runs}"
        )


def _cancel_parts(parts: list[StoredOrder]) -> None:
    """Cancel what was not sent, and have the provider asked for the rest, once."""
    for part in parts:
        if not state.may_be_at_provider(part.dispatch_state, part.may_be_at_provider):
            apply_change(part, {"status": "Canceled"})
        elif not _cancel_exists(part.id):
            Cancel.create(order=part.id, status="pending")


def _cancel_exists(order_id: int, **values: str) -> bool:
    return Cancel.get_or_none(order=order_id, **values) is not None


def _aggregate(order: StoredOrder, parts: list[StoredOrder], is_over: bool) -> Change:
    """What the parts come to; where there are none, an order that is over is canceled."""
    if not parts:
        return {"status": "Canceled"} if is_over else {}
    left = sum(0 if part.status == "Completed" else part.remains for part in parts)
    remains = left + order.quantity - sum(part.quantity for part in parts)
    status = "In progress" if any(part.status != "Pending" for part in parts) else order.status
    if is_over:
        untouched = remains == order.quantity
        status = "Completed" if remains == 0 else "Canceled" if untouched else "Partial"
    return {"status": status, "start_count": parts[0].start_count, "remains": remains}
