"""What providers say of the orders that they have, and what that means for us."""

import logging
from typing import NamedTuple

from database.clock import now
from database.compiled_query import CompiledQuery, literal, param
from database.transactions import immediate
from models import Order
from panel import money
from panel.errors import OperatorError
from panel.orders import lookup, state, subscriptions
from panel.orders.lookup import StoredOrder
from panel.orders.transition import Change, apply_change, apply_with_warning

log = logging.getLogger("panel.orders")

POLL_SLOWEST_S = 1800
"""An old order's status is asked for at least this often."""


class Charge(NamedTuple):
    """What a provider says it took for an order, converted into our currency.

    micros: rounded up; None where its currency cannot be converted.
    step_micros: one unit of its last digit, which is what the provider's own rounding may hide.
    is_named: whether its currency stood beside it.
    text: the amount as the provider wrote it, with its currency.
    """

    micros: int | None
    step_micros: int = 1
    is_named: bool = True
    text: str = ""


class ProviderStatus(NamedTuple):
    """What a provider says of an order; None where it says nothing that can be read.

    status: one of ours, None for a word that is not known; word: the provider's own.
    odd: what could not be read.
    posts: of a subscription: the provider's order number and the quantity of each.
    children: the provider's numbers of a subscription's posts, where it tells no quantities, or
        of a drip-feed's runs.
    runs: of a drip-feed: how many the provider says it has begun.
    quantity: where the provider repeats it.
    """

    status: str | None = None
    start_count: int | None = None
    remains: int | None = None
    charge: Charge | None = None
    odd: str = ""
    posts: tuple[tuple[str, int], ...] = ()
    word: str = ""
    children: tuple[str, ...] = ()
    runs: int | None = None
    quantity: int | None = None


_DUE = CompiledQuery(
    lambda: (
        Order.select(Order.id, Order.provider_order)
        .where(Order.provider == param("provider_id"), Order.poll_at <= param("now"))
        .where(Order.dispatch_state == literal(state.SENT), state.open_orders())
        .order_by(Order.poll_at)
        .limit(param("limit"))
    )
)


def due_for_status(provider_id: int, limit: int) -> list[tuple[int, str]]:
    """The open orders whose status is due, as our number and the provider's."""
    return _DUE.run(provider_id=provider_id, now=now(), limit=limit).fetchall()


def poll_now(order_id: int) -> None:
    """Ask for this order's status next; to be called inside immediate()."""
    apply_change(lookup.get(order_id), {"poll_at": 0})


def poll_later(order_ids: list[int], seconds: int) -> None:
    """Ask for these orders later, so that what cannot be asked for now holds up no others."""
    with immediate():
        for order in lookup.get_many(order_ids):
            apply_change(order, {"poll_at": now() + seconds})


def apply_statuses(reported: dict[int, ProviderStatus], poll_every_s: int) -> None:
    """Apply what a provider said of orders, and say when to ask again.

    In one transaction; where one order's fault undoes it, in one for each order: then that
    order is put off with a warning, and the others are as they should be.

    :param poll_every_s: the shortest time until an order's status is asked for again; it grows
        with the order's age.
    """
    if not reported:
        return
    try:
        with immediate():
            for order in lookup.get_many(list(reported)):
                _apply(order, reported[order.id], poll_every_s)
    except Exception:
        log.exception("the statuses of %d orders: applied one by one now", len(reported))
        for order_id, status in reported.items():
            _apply_alone(order_id, status, poll_every_s)


def _apply_alone(order_id: int, reported: ProviderStatus, poll_every_s: int) -> None:
    try:
        with immediate():
            for order in lookup.get_many([order_id]):
                _apply(order, reported, poll_every_s)
    except Exception as error:
        log.exception("order %d: its status cannot be applied", order_id)
        why = f"its status cannot be applied: an internal error ({type(error).__name__})"
        with immediate():
            for order in lookup.get_many([order_id]):
                apply_with_warning(order, {"poll_at": now() + POLL_SLOWEST_S, "warning": why})


def _apply(order: StoredOrder, reported: ProviderStatus, poll_every_s: int) -> None:
    change = interpret(order, reported)
    if reported.posts and state.is_subscription(order.quantity):
        change = _with_posts(order, change, reported)
    poll_at = now() + min(max(poll_every_s, (now() - order.created_at) // 20), POLL_SLOWEST_S)
    try:
        apply_with_warning(order, {**change, "poll_at": poll_at})
    except OperatorError as error:
        apply_with_warning(order, {"warning": str(error), "poll_at": poll_at})


def _with_posts(order: StoredOrder, change: Change, reported: ProviderStatus) -> Change:
    """Charge the new posts of a subscription; it rests while they are not paid.

    Also at its end: what was delivered is owed, and asked for until it is paid.
    """
    try:
        wrong = subscriptions.charge_posts(order, list(reported.posts))
    except subscriptions.UnpaidError as error:
        status = change.get("status", order.status)
        if status in ("Active", "Completed", "Expired"):
            return {"status": "Paused", "warning": str(error)}
        return {**change, "warning": str(error)}
    return {**change, "warning": wrong} if wrong else change


def interpret(order: StoredOrder, reported: ProviderStatus) -> Change:
    """What a provider's status means for an order.

    Nothing that makes no sense is applied; it becomes the warning. A refund that cannot be
    computed is not made: the order then stays as it is, for a person to see.
    """
    start_count, remains, odd = _plausible_numbers(order, reported)
    status = order.status if reported.status is None else reported.status
    if status == "Pending" or not state.may_follow(status, order.status):
        return _late(order, status, odd)
    if state.is_refunded(order.status):
        return {}
    remains = _remains(order, status, remains, reported)
    if status == "Partial" and remains == 0:
        status, odd = "Completed", ["Partial, but nothing remains"]
    if remains is None:
        return {"warning": "; ".join([f"{status}, without remains to pay back", *odd])}
    change: Change = {
        "status": status,
        "start_count": order.start_count if start_count is None else start_count,
        "remains": remains,
        "warning": "; ".join(odd),
    }
    if status != order.status and not state.is_open(status):
        change["cost_micros"] = _final_cost(order, status, remains, reported)
    return change


def _plausible_numbers(
    order: StoredOrder, reported: ProviderStatus
) -> tuple[int | None, int | None, list[str]]:
    """Start count and remains, None for what is missing or cannot be; and what was odd."""
    odd = [reported.odd] if reported.odd else []
    start_count, remains = reported.start_count, reported.remains
    if start_count is not None and not 0 <= start_count <= state.MAX_START_COUNT:
        odd.append(f"start count {start_count}")
        start_count = None
    if remains is not None and not 0 <= remains <= order.quantity:
        odd.append(f"{remains} remain of {order.quantity}")
        remains = None
    return start_count, remains, odd


def _late(order: StoredOrder, status: str, odd: list[str]) -> Change:
    """What an older status than ours means, or one that contradicts the end of an order."""
    contradicts = state.is_refunded(order.status) and status not in (*state.OPEN, order.status)
    warning = f"the provider now says {status}" if contradicts else "; ".join(odd)
    return {"warning": warning or order.warning}


def _remains(
    order: StoredOrder, status: str, remains: int | None, reported: ProviderStatus
) -> int | None:
    """What is not delivered; None where it must be known to pay it back, and is not.

    :param remains: what the provider says, if it can be.
    """
    if status == "Canceled" and not remains:
        # Many panels leave the remains of a canceled order out, or at 0 beside a charge of 0.
        if reported.charge is not None and reported.charge.micros == 0:
            return order.quantity
        if reported.remains is None:
            return order.remains
    if remains is not None or state.is_refunded(status):
        return remains
    return 0 if status == "Completed" else order.remains


def _final_cost(order: StoredOrder, status: str, remains: int, reported: ProviderStatus) -> int:
    """What the provider kept, in micros: by its own word, else by what it delivered."""
    if reported.charge is not None and reported.charge.micros is not None:
        return reported.charge.micros
    if state.is_refunded(status) and not state.is_subscription(order.quantity):
        return order.cost_micros - money.refund(order.cost_micros, remains, order.quantity)
    return order.cost_micros
