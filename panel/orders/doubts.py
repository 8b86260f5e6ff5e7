"""Marking, in an older copy of the database, what may have happened since it was made.

What waited when the copy was made may have been sent since. Nothing of it is sent, passed on or
given up until an operator has looked, and settles or releases it (panel/orders/restored.py).
What the database before the restore knows for certain is written down as it was there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from database.clock import now
from database.compiled_query import literal, rows
from models import Cancel, Order, Provider, Refill
from panel import ledger
from panel.errors import OperatorError
from panel.orders import lookup, state
from panel.orders.events import record_event
from panel.orders.lookup import StoredOrder
from panel.orders.refills import OPEN_REFILLS
from panel.orders.transition import Change, Event, apply_change, insert_known

WHY = "the database was restored from a copy since"
BEFORE = "the database before the restore"


class Later(NamedTuple):
    """How the database before the restore has an order.

    provider_order: the provider's number; "" where it knows none.
    has_parts_there: whether a provider may have a part of it.
    cancel_waits: whether its customer asked to cancel it, and that is not answered.
    restored, known_before: what an earlier restore left of doubts.
    """

    status: str
    dispatch_state: str
    provider_name: str
    provider_id: int | None
    provider_order: str
    source_rank: int
    start_count: int = 0
    remains: int = 0
    send_key: str | None = None
    may_be_at_provider: int = 0
    has_parts_there: int = 0
    cancel_waits: int = 0
    restored: int = 0
    known_before: str = ""


class LaterPart(NamedTuple):
    """A part of a drip-feed that came after the copy was made."""

    id: int
    parent_id: int
    part: int
    link: str
    quantity: int
    parameters: str
    cost_micros: int
    created_at: int
    updated_at: int
    later: Later


class LaterRefill(NamedTuple):
    """How the database before the restore has a refill."""

    status: str
    provider_refill: str | None


class LaterCancel(NamedTuple):
    """How the database before the restore has a cancel request."""

    status: str
    passed_on: int


class Known(NamedTuple):
    """What the database before the restore knows of what is in doubt, by our number."""

    orders: Mapping[int, Later] = {}
    parts: Sequence[LaterPart] = ()
    refills: Mapping[int, LaterRefill] = {}
    cancels: Mapping[int, LaterCancel] = {}


NOTHING = Known()


class Doubts(NamedTuple):
    """What is in doubt in a copy: the numbers of its orders, refills and cancel requests."""

    orders: list[int]
    refills: list[int]
    cancels: list[int]


def doubts() -> Doubts:
    """Everything that the worker would act on by itself, of which a later database knows more."""
    return Doubts(_orders_in_doubt(), _refills_in_doubt(), _cancels_in_doubt())


def mark_all(known: Known) -> None:
    """Mark everything that the worker would act on by itself; inside a transaction."""
    found = doubts()
    for order_id in found.orders:
        _mark(lookup.get(order_id), known.orders.get(order_id), known.parts)
    for part in known.parts:
        _write_part(part)
    for refill_id in found.refills:
        _mark_refill(refill_id, known.refills.get(refill_id))
    for cancel_id in found.cancels:
        _mark_cancel(cancel_id, known.cancels.get(cancel_id))


def _orders_in_doubt() -> list[int]:
    names = (state.WAITING, state.SENDING, state.IN_REVIEW, state.IN_PARTS)
    return [order_id for name in names for (order_id,) in _in_state(name)]


def _in_state(name: str) -> list[tuple[int]]:
    query = Order.select(Order.id).where(Order.dispatch_state == literal(name))
    if name == state.IN_PARTS:
        query = query.where(state.open_orders())
    return rows(query.order_by(Order.id).tuples())


def _refills_in_doubt() -> list[int]:
    is_open = Refill.status.in_([literal(status) for status in OPEN_REFILLS])
    query = (
        Refill.select(Refill.id)
        .join(Order)
        .where(is_open, Refill.status == "pending", Refill.provider_refill.is_null())
        .where(Order.provider.is_null(False), Order.dispatch_state != state.FAILED)
    )
    return [refill_id for (refill_id,) in rows(query.order_by(Refill.id).tuples())]


def _cancels_in_doubt() -> list[int]:
    query = (
        Cancel.select(Cancel.id)
        .join(Order)
        .where(Cancel.status == literal("pending"), Cancel.passed_on == 0)
        .where(Order.provider.is_null(False))
        .where(Order.dispatch_state.not_in((state.NOT_FORWARDED, state.FAILED)))
    )
    return [cancel_id for (cancel_id,) in rows(query.order_by(Cancel.id).tuples())]


# Orders


def _mark(order: StoredOrder, later: Later | None, parts: Sequence[LaterPart]) -> None:
    if later is not None and _cancel_again(order, later):
        return
    came_in_parts = later is not None and later.dispatch_state == state.IN_PARTS and order.runs
    if order.dispatch_state == state.IN_PARTS or came_in_parts:
        _hold_drip_feed(order, later, sum(part.parent_id == order.id for part in parts))
    elif order.dispatch_state != state.IN_REVIEW or _is_news(later):
        _put_in_review(order, later)


def _is_news(later: Later | None) -> bool:
    """Whether more is known of an order than that it is in review."""
    if later is None:
        return False
    is_in_review = later.dispatch_state == state.IN_REVIEW
    return not is_in_review or bool(later.provider_order or later.known_before)


def _cancel_again(order: StoredOrder, later: Later) -> bool:
    """Cancel and pay back what was canceled before the restore, and never was at a provider."""
    ended = later.dispatch_state in (state.NOT_FORWARDED, state.FAILED)
    if later.dispatch_state == state.IN_PARTS:
        ended = not later.has_parts_there
    if later.status != "Canceled" or not ended or later.provider_order:
        return False
    change: Change = {
        "status": "Canceled",
        "start_count": later.start_count,
        "remains": later.remains,
        "warning": "",
    }
    if order.dispatch_state != state.IN_PARTS:
        change["dispatch_state"] = state.FAILED
    event = Event("refused", f"canceled again: {BEFORE} has it canceled, at no provider")
    try:
        apply_change(order, change, event)
    except OperatorError:
        return False  # a change that is not possible: somebody must look
    return True


def _hold_drip_feed(order: StoredOrder, later: Later | None, came: int) -> None:
    """Start no further part of a drip-feed until it is released."""
    change: Change = {
        "restored": True,
        "known_before": _obstacle(later),
        "warning": _warning_of_parts(order, later, came),
        "held_because": "",
        "held_text": "",
    }
    if order.dispatch_state != state.IN_PARTS:
        change |= {"dispatch_state": state.IN_PARTS, "poll_at": 0}
    apply_change(order, change, Event("warning", change["warning"]))


def _warning_of_parts(order: StoredOrder, later: Later | None, came: int) -> str:
    if later is not None:
        parts = f"{came} parts that came after the copy are written down as they were there"
        return f"{WHY}: no part is sent; {BEFORE} has it {_known(later)}; {parts}"
    there = len(lookup.parts_of(order.id))
    return (
        f"{WHY}: no part is sent; the copy knows {there} of its {order.runs} parts. Look up at "
        f"the provider those after part {there}, tell of each that is there (flask order attach "
        f"{order.id} NUMBER --part {there + 1}), and release it then"
    )


def _put_in_review(order: StoredOrder, later: Later | None) -> None:
    change: Change = {"warning": _warning(order, later)}
    if order.dispatch_state != state.IN_REVIEW:
        change |= {"dispatch_state": state.IN_REVIEW, "restored": True}
        if order.held_because:
            # When it is released it is tried anew, and held again where there is reason to.
            change |= {"held_because": "", "held_text": ""}
    if later is not None:
        change |= _taken_over(later)
        change["known_before"] = _obstacle(later)
    apply_change(order, change, Event("warning", change["warning"]))


def _taken_over(later: Later) -> Change:
    """What is kept of an order's way to a provider."""
    # A provider that takes an order under one key once takes it once, whoever sends it again.
    change: Change = {"send_key": later.send_key} if later.send_key else {}
    if later.provider_order and _is_known(later):
        change |= {
            "provider_id": later.provider_id,
            "provider_order": later.provider_order,
            "source_rank": later.source_rank,
        }
    return change


def _is_known(later: Later) -> bool:
    """Whether the copy has the provider, too, and not another one under its number."""
    provider = Provider.get_or_none(Provider.id == later.provider_id)
    return provider is not None and provider.name == later.provider_name


def _warning(order: StoredOrder, later: Later | None) -> str:
    text = f"{WHY}, and it may have been sent"
    if order.dispatch_state == state.IN_REVIEW:
        text = WHY
    if later is not None:
        text += f"; {BEFORE} has it {_known(later)}"
    is_new = order.warning and not order.warning.startswith(WHY)
    return f"{text} (before: {order.warning})" if is_new else text


def _known(later: Later) -> str:
    if later.provider_order:
        number = f"at {later.provider_name} under the number {later.provider_order}"
        return f"{number}, with the status {later.status}"
    if later.known_before:
        return later.known_before
    if later.dispatch_state == state.WAITING and later.may_be_at_provider:
        return "waiting, and perhaps sent by an earlier try"
    if later.dispatch_state == state.IN_PARTS:
        return f"sent part by part, with the status {later.status}, {later.remains} remain"
    return {
        state.WAITING: "waiting, not sent",
        state.SENDING: "being sent",
        state.IN_REVIEW: "in review",
    }.get(later.dispatch_state, f"with the status {later.status}, at no provider")


def _obstacle(later: Later | None) -> str:
    """What forbids to send an order when it is released; '' if nothing does.

    A provider's number that is written down forbids it by itself.
    """
    if later is None:
        return ""
    if later.provider_order:
        unknown = f"{_known(later)}; the copy does not know that provider"
        return "" if _is_known(later) else unknown
    if later.cancel_waits:
        return f"{_known(later)}, and its customer asked to cancel it"
    still_waits = {
        state.WAITING: not later.may_be_at_provider,
        state.IN_PARTS: True,
        state.IN_REVIEW: bool(later.restored),
    }.get(later.dispatch_state, False)
    begun = not state.is_untouched(later.status)
    if later.dispatch_state == state.IN_PARTS:
        begun = not state.is_open(later.status)
    if still_waits and not begun and not later.known_before:
        return ""
    return _known(later)


# The parts of drip-feeds


def _write_part(part: LaterPart) -> None:
    """Write a part down as it was, so that it is followed, and none is bought twice.

    One of which nobody knew whether a provider has it is in review.
    """
    whole = lookup.get(part.parent_id)
    if part.part in {known.part for known in lookup.parts_of(whole.id)}:
        return
    later = part.later
    values = _columns_of(part, whole)
    is_sure = later.dispatch_state in (state.SENT, state.NOT_FORWARDED, state.FAILED)
    if is_sure and (later.provider_id is None or _is_known(later)):
        values |= {
            "dispatch_state": later.dispatch_state,
            "provider": later.provider_id,
            "provider_order": later.provider_order or None,
            "cost_micros": part.cost_micros,
        }
        text = f"written down as {BEFORE} has it: {_known(later)}"
    else:
        text = f"{WHY}; {BEFORE} has it {_known(later)}"
        taken = _taken_over(later)
        values |= {
            "dispatch_state": state.IN_REVIEW,
            "provider": taken.get("provider_id", whole.provider_id),
            "provider_order": taken.get("provider_order"),
            "restored": True,
            "known_before": _obstacle(later),
            "warning": text,
        }
    insert_known(**values)
    ledger.post(whole.account_id, "charge", 0, order_id=part.id)
    record_event(part.id, "warning", text)


def _columns_of(part: LaterPart, whole: StoredOrder) -> dict[str, Any]:
    later = part.later
    return {
        "id": part.id,
        "account": whole.account_id,
        "service": whole.service_id,
        "link": part.link,
        "quantity": part.quantity,
        "charge_micros": 0,
        "status": later.status,
        "start_count": later.start_count,
        "remains": later.remains,
        "created_at": part.created_at,
        "updated_at": part.updated_at,
        "source_rank": later.source_rank,
        "parameters": part.parameters,
        "parent": whole.id,
        "part": part.part,
        "send_key": later.send_key,
    }


# Refills and cancel requests


def _mark_refill(refill_id: int, later: LaterRefill | None) -> None:
    this = Refill.id == refill_id
    if later is None or (later.status == "pending" and not later.provider_refill):
        warning = f"{WHY}, and it may have been passed on"
        Refill.update(restored=True, warning=warning).where(this).execute()
        return
    values: dict[str, Any] = {"status": later.status, "updated_at": now(), "restored": False}
    text = f"{later.status}, as {BEFORE} has it"
    if later.provider_refill:
        # What became of it is asked for.
        values |= {"status": "in progress", "poll_at": 0, "warning": ""}
        values["provider_refill"] = later.provider_refill
        text = f"the provider's number is {later.provider_refill}, as {BEFORE} has it"
    Refill.update(**values).where(this).execute()
    record_event(Refill.get(this).order_id, "warning", f"refill {refill_id}: {text}")


def _mark_cancel(cancel_id: int, later: LaterCancel | None) -> None:
    """Hold a cancel request, unless it was passed on or turned down.

    One that was accepted is answered again by its order's status.
    """
    this = Cancel.id == cancel_id
    cancel = Cancel.get(this)
    if cancel.status != "pending":
        return  # its order was canceled again
    if later is None or not (later.passed_on or later.status == "rejected"):
        Cancel.update(restored=True).where(this).execute()
        if later is not None and later.status == "accepted":
            text = f"cancel request {cancel_id}: accepted by hand, as {BEFORE} has it"
            record_event(cancel.order_id, "warning", text)
        return
    values: dict[str, Any] = {"passed_on": bool(later.passed_on), "updated_at": now()}
    values["restored"] = False
    if later.status == "rejected":
        values["status"] = "rejected"
    Cancel.update(**values).where(this).execute()
    what = "rejected" if later.status == "rejected" else "passed on"
    text = f"cancel request {cancel_id}: {what}, as {BEFORE} has it"
    record_event(cancel.order_id, "warning", text)
    order = lookup.get(cancel.order_id)
    if order.dispatch_state == state.SENT:
        apply_change(order, {"poll_at": 0})
