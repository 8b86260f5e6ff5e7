"""Drip-feeds that are sent part by part, each part an order of its own."""

import json

from database.clock import now
from database.compiled_query import literal, rows
from database.transactions import immediate
from models import Cancel, Order
from panel import accounts, pricing
from panel.orders import lookup, state, transition
from panel.orders.place import OrderRequest, insert_order

AT_ONCE = 100


def run_due(ask_every_s: int) -> None:
    """Move on the drip-feeds that are sent part by part: start parts, add up what they did."""
    query = (
        Order.select(Order.id)
        .where(Order.dispatch_state == literal("parts"), state.order_is_open())
        .where(Order.poll_at <= now())
        .order_by(Order.poll_at)
        .limit(AT_ONCE)
    )
    for (order_id,) in rows(query.tuples()):
        with immediate():
            _run(lookup.get(order_id))
            Order.update(poll_at=now() + ask_every_s).where(Order.id == order_id).execute()


def _run(order: Order) -> None:
    parts = rows(Order.select().where(Order.parent == order.id).order_by(Order.part))
    open_ones = [part for part in parts if part.status in state.OPEN]
    asked_to_stop = Cancel.get_or_none(Cancel.order == order.id, Cancel.status == "pending")
    stopping = asked_to_stop is not None or any(part.dispatch_state == "failed" for part in parts)
    if asked_to_stop is not None:
        _stop(open_ones)
    if parts:
        _aggregate(order, parts, over=not open_ones and (stopping or len(parts) == order.runs))
    elif stopping:
        transition.advance(order.id, status="Canceled")
    is_due = not parts or now() >= parts[-1].created_at + (order.interval or 0) * 60
    if is_due and not stopping and not open_ones and len(parts) < (order.runs or 0):
        _start(order, len(parts) + 1)


def _start(order: Order, number: int) -> None:
    caller = accounts.caller(order.account_id)
    offer = pricing.offer_for(caller, order.service_id)
    wanted = OrderRequest(order.link, details=json.loads(order.parameters))
    quantity = order.quantity // (order.runs or 1)
    insert_order(order.account_id, offer, wanted, quantity, 0, parent_id=order.id, part=number)


def _stop(parts: list[Order]) -> None:
    """Cancel what was not sent, and have the provider asked for the rest, once."""
    for part in parts:
        if part.dispatch_state in ("", "waiting") and not part.may_be_at_provider:
            transition.advance(part.id, status="Canceled")
        elif Cancel.get_or_none(Cancel.order == part.id) is None:
            Cancel.create(order=part.id, status="pending")


def _aggregate(order: Order, parts: list[Order], over: bool) -> None:
    left = sum(0 if part.status == "Completed" else part.remains for part in parts)
    remains = left + order.quantity - sum(part.quantity for part in parts)
    status = "In progress" if any(part.status != "Pending" for part in parts) else order.status
    if over:
        untouched = remains == order.quantity
        status = "Completed" if remains == 0 else "Canceled" if untouched else "Partial"
    transition.advance(order.id, status=status, start_count=parts[0].start_count, remains=remains)
