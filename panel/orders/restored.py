"""What waits since the database was restored from a copy, and letting it go on.

panel/orders/doubts.py has marked it.
"""

from typing import Any, NamedTuple

from peewee import SQL, Value

from database.clock import now
from database.compiled_query import rows, unindexed
from database.transactions import immediate
from models import Cancel, Order, Refill
from panel.errors import OperatorError
from panel.orders import lookup, rejections, state
from panel.orders.doubts import BEFORE, WHY
from panel.orders.lookup import StoredOrder
from panel.orders.refills import OPEN_REFILLS
from panel.orders.transition import Change, Event, apply_change


class Counts(NamedTuple):
    """How much is in doubt since a restore."""

    orders: int
    refills: int
    cancels: int


# Written as the indexes of what is in doubt have it, and not as those by status do.
_ORDERS = Order.restored == SQL("1")
_REFILLS = (Refill.restored == SQL("1")) & unindexed(Refill.status).in_(OPEN_REFILLS)
_CANCELS = (Cancel.restored == SQL("1")) & (unindexed(Cancel.status) == "pending")


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


class Place(NamedTuple):
    """Where in the list something stands: its kind and number."""

    kind: str
    id: int


def listing(after: Place | None = None, limit: int | None = None) -> list[Waiting]:
    """What waits until it is released: orders, then refills and cancel requests.

    :param after: only what stands after this place.
    :param limit: the most lines; None for all.
    """
    queries: dict[str, Any] = {
        "order": Order.select(Order.id, Order.id, Order.warning).where(_ORDERS),
        "refill": Refill.select(Refill.id, Refill.order, Refill.warning).where(_REFILLS),
        "cancel": Cancel.select(Cancel.id, Cancel.order, Value(WHY)).where(_CANCELS),
    }
    kinds = list(queries)
    found: list[tuple[str, int, int, str]] = []
    for kind in kinds[kinds.index(after.kind) :] if after else kinds:
        query = queries[kind].order_by(queries[kind].model.id)
        if after and kind == after.kind:
            query = query.where(query.model.id > after.id)
        rest = None if limit is None else limit - len(found)
        found += [(kind, *row) for row in rows(query.limit(rest).tuples())]
    orders = {order.id: order for order in _orders([row[2] for row in found])}
    return [Waiting(kind, number, orders[of], text) for kind, number, of, text in found]


def _orders(order_ids: list[int]) -> list[StoredOrder]:
    found: list[StoredOrder] = []
    for start in range(0, len(order_ids), 500):
        found += lookup.get_many(order_ids[start : start + 500])
    return found


def orders_to_release() -> list[int]:
    """The orders that wait themselves, or whose refills or cancel requests do."""
    queries = (
        Order.select(Order.id).where(_ORDERS),
        Refill.select(Refill.order).where(_REFILLS),
        Cancel.select(Cancel.order).where(_CANCELS),
    )
    return sorted({row[0] for query in queries for row in rows(query.tuples())})


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


def released(order: StoredOrder) -> Change:
    """What release() changes of an order's row.

    :raises OperatorError: as release() does.
    """
    if order.restored:
        return _released(order)
    for table, waiting in ((Refill, _REFILLS), (Cancel, _CANCELS)):
        if table.select().where(table.order == order.id, waiting).exists():
            return {}
    raise OperatorError(f"nothing of order {order.id} waits since a restore")


def _released(order: StoredOrder) -> Change:
    """How an order goes on: a drip-feed with its next part, any other is to be sent.

    :raises OperatorError: if it is at the provider, or is not to be sent.
    """
    if order.known_before:
        raise OperatorError(
            f"{BEFORE} has order {order.id} {order.known_before}: settle it (flask order set, "
            "attach or fail), or resend it all the same"
        )
    if order.dispatch_state == state.IN_PARTS:
        return {"restored": False, "warning": ""}
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
