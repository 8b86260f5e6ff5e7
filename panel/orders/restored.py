"""What an older copy of the database does not know: orders and requests that are in doubt.

What waited when the copy was made may have been sent since. Nothing of it is sent, passed on or
given up until an operator has looked, and settles or releases it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from peewee import SQL, Value

from database.clock import now
from database.compiled_query import literal, rows
from database.transactions import immediate
from models import Cancel, Order, Refill
from panel.errors import OperatorError
from panel.orders import lookup, rejections, state
from panel.orders.lookup import StoredOrder
from panel.orders.refills import OPEN_REFILLS
from panel.orders.transition import Change, Event, apply_change

WHY = "the database was restored from a copy since"


class Later(NamedTuple):
    """What the database before the restore knows of an order that is in doubt now.

    provider_order: the provider's number; "" where it knows none.
    """

    status: str
    dispatch_state: str
    provider_name: str
    provider_id: int | None
    provider_order: str
    source_rank: int


class Counts(NamedTuple):
    """How much is in doubt since a restore."""

    orders: int
    refills: int
    cancels: int


def mark_all(later: Mapping[int, Later], refills_there: Mapping[int, str]) -> Counts:
    """Mark everything that the worker would act on by itself; inside a transaction.

    :param later: what is known of orders from after the copy was made, by number.
    :param refills_there: likewise, the providers' numbers of refills.
    """
    for state_name in (state.WAITING, state.SENDING, state.IN_REVIEW):
        for (order_id,) in _in_state(state_name):
            order = lookup.get(order_id)
            known = later.get(order_id)
            if state_name != state.IN_REVIEW or (known and known.dispatch_state != state_name):
                _put_in_review(order, known)
    for (order_id,) in _in_state(state.IN_PARTS):
        change: Change = {"restored": True}
        apply_change(lookup.get(order_id), change, Event("warning", f"{WHY}: no part is sent"))
    _mark_refills(refills_there)
    _mark_cancels()
    return counts()


def _in_state(name: str) -> list[tuple[int]]:
    query = Order.select(Order.id).where(Order.dispatch_state == literal(name))
    if name == state.IN_PARTS:
        query = query.where(state.open_orders())
    return rows(query.order_by(Order.id).tuples())


def orders_in_doubt() -> list[int]:
    """The orders of which a later database may know more."""
    names = (state.WAITING, state.SENDING, state.IN_REVIEW)
    return [order_id for name in names for (order_id,) in _in_state(name)]


def refills_in_doubt() -> list[int]:
    """The refills that the worker would pass on, of which a later database may know more."""
    is_open = Refill.status.in_([literal(status) for status in OPEN_REFILLS])
    query = (
        Refill.select(Refill.id)
        .join(Order)
        .where(is_open, Refill.status == "pending", Refill.provider_refill.is_null())
        .where(Order.provider.is_null(False), Order.dispatch_state != state.FAILED)
    )
    return [refill_id for (refill_id,) in rows(query.tuples())]


def _put_in_review(order: StoredOrder, later: Later | None) -> None:
    change: Change = {"warning": _warning(order, later)}
    if order.dispatch_state != state.IN_REVIEW:
        change |= {"dispatch_state": state.IN_REVIEW, "restored": True}
        if order.held_because:
            # When it is released it is tried anew, and held again where there is reason to.
            change |= {"held_because": "", "held_text": ""}
    if later is not None and later.provider_order:
        change |= {
            "provider_id": later.provider_id,
            "provider_order": later.provider_order,
            "source_rank": later.source_rank,
        }
    apply_change(order, change, Event("warning", change["warning"]))


def _warning(order: StoredOrder, later: Later | None) -> str:
    text = f"{WHY}, and it may have been sent"
    if order.dispatch_state == state.IN_REVIEW:
        text = WHY
    if later is not None:
        text += f"; the database before that has it {_known(later)}"
    is_new = order.warning and not order.warning.startswith(WHY)
    return f"{text} (before: {order.warning})" if is_new else text


def _known(later: Later) -> str:
    if later.provider_order:
        number = f"at {later.provider_name} under the number {later.provider_order}"
        return f"{number}, with the status {later.status}"
    return {
        state.WAITING: "waiting, not sent",
        state.SENDING: "being sent",
        state.IN_REVIEW: "in review",
        state.IN_PARTS: f"sent part by part, with the status {later.status}",
    }.get(later.dispatch_state, f"with the status {later.status}, at no provider")


def _mark_refills(there: Mapping[int, str]) -> None:
    for refill_id in refills_in_doubt():
        warning = f"{WHY}, and it may have been passed on"
        if number := there.get(refill_id):
            warning += f"; the provider has it as {number}, as the database before that says"
        values = {"restored": True, "warning": warning}
        Refill.update(**values).where(Refill.id == refill_id).execute()


def _mark_cancels() -> None:
    at_a_provider = Order.select(Order.id).where(
        Order.provider.is_null(False),
        Order.dispatch_state.not_in((state.NOT_FORWARDED, state.FAILED)),
    )
    waiting = (Cancel.status == literal("pending")) & (Cancel.passed_on == 0)
    Cancel.update(restored=True).where(waiting, Cancel.order.in_(at_a_provider)).execute()


# What waits since a restore

_ORDERS = Order.restored == SQL("1")  # as the index of them has it
_REFILLS = (Refill.restored == 1) & Refill.status.in_([literal(status) for status in OPEN_REFILLS])
_CANCELS = (Cancel.restored == 1) & (Cancel.status == literal("pending"))


def counts() -> Counts:
    """How many orders, refills and cancel requests wait until they are released."""
    return Counts(
        Order.select().where(_ORDERS).count(),
        Refill.select().where(_REFILLS).count(),
        Cancel.select().where(_CANCELS).count(),
    )


class Waiting(NamedTuple):
    """An order, a refill or a cancel request that waits until it is released.

    order: the order itself, or the one that the request is about.
    warning: what is known of it.
    """

    kind: str
    id: int
    order: StoredOrder
    warning: str


def listing() -> list[Waiting]:
    """What waits until it is released: orders, then refills and cancel requests."""
    queries = {
        "order": Order.select(Order.id, Order.id, Order.warning).where(_ORDERS),
        "refill": Refill.select(Refill.id, Refill.order, Refill.warning).where(_REFILLS),
        "cancel": Cancel.select(Cancel.id, Cancel.order, Value(WHY)).where(_CANCELS),
    }
    found = [(kind, *row) for kind, query in queries.items() for row in _sorted(query)]
    orders = {order.id: order for order in _orders([row[2] for row in found])}
    return [Waiting(kind, number, orders[of], text) for kind, number, of, text in found]


def _sorted(query: Any) -> list[Any]:
    return sorted(rows(query.tuples()))


def _orders(order_ids: list[int]) -> list[StoredOrder]:
    found: list[StoredOrder] = []
    for start in range(0, len(order_ids), 500):
        found += lookup.get_many(order_ids[start : start + 500])
    return found


def orders_to_release() -> list[int]:
    """The orders that wait themselves, or whose refills or cancel requests do."""
    return sorted({waiting.order.id for waiting in listing()})


def release(order_id: int) -> None:
    """An operator has looked: the order, its refill and its cancel request go on.

    :raises OperatorError: if nothing of it waits since a restore, or it cannot be sent; nothing
        is changed then.
    """
    with immediate():
        order = lookup.get(order_id)
        released = (
            Refill.update(restored=False, warning="", attempts=0, updated_at=now())
            .where(Refill.order == order_id, _REFILLS)
            .execute()
        )
        if order.restored:
            apply_change(order, _released(order), Event("operator", "released after a restore"))
            released += 1
        released += (
            Cancel.update(restored=False).where(Cancel.order == order_id, _CANCELS).execute()
        )
        if not released:
            raise OperatorError(f"nothing of order {order_id} waits since a restore")


def _released(order: StoredOrder) -> Change:
    """How an order goes on: a drip-feed with its next part, any other is to be sent.

    :raises OperatorError: if it is at the provider, or is not to be sent.
    """
    if order.dispatch_state == state.IN_PARTS:
        return {"restored": False}
    if order.provider_order:
        raise OperatorError(
            f"the provider has order {order.id} as {order.provider_order}: attach it (flask order "
            f"attach {order.id} {order.provider_order}), or resend it all the same"
        )
    if not state.is_untouched(order.status):
        raise OperatorError(f"order {order.id} is {order.status}: attach or fail it")
    if rejections.cancel_is_pending(order.id):
        raise OperatorError(f"its customer asked to cancel order {order.id}: attach or fail it")
    return {
        "dispatch_state": state.WAITING,
        "restored": False,
        "send_at": now(),
        "warning": "",
        "may_be_at_provider": False,
    }
