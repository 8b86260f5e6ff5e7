"""What providers say of the orders that they have, and what that means for us."""

import logging
from collections.abc import Iterable

from database import unavailable
from database.clock import now
from database.compiled_query import CompiledQuery, literal, param, rows
from database.transactions import immediate
from models import Order
from panel.errors import OperatorError
from panel.orders import charges, lookup, purchases, state, subscriptions
from panel.orders.exchanges import Asked, not_known
from panel.orders.interpret import hold, interpret, said
from panel.orders.lookup import StoredOrder
from panel.orders.provider_status import Charge as Charge
from panel.orders.provider_status import ProviderStatus as ProviderStatus
from panel.orders.transition import Change, apply_change, apply_with_warning
from panel.providers import pending, registry, words
from panel.providers.pending import PendingKind

log = logging.getLogger("panel.orders")

POLL_SLOWEST_S = 1800
"""An old order's status is asked for at least this often."""

HELD_SLOWER = 20
"""A subscription that waits for an operator is asked for so much less often."""

Meanings = dict[int | None, dict[str, str]]
"""What each provider's words mean, as operators taught them."""


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


def poll_taught(provider_id: int) -> int:
    """Ask now for the orders whose status word was taught meanwhile; tell how many there were."""
    query = Order.select(Order.id, Order.held_text).where(
        Order.held_because != literal(""),
        Order.held_because == literal("word"),
        Order.provider == provider_id,
    )
    meanings = words.status_meanings(provider_id)
    with immediate():
        taught = [number for number, word in rows(query.tuples()) if words.plain(word) in meanings]
        for order_id in taught:
            poll_now(order_id)
    return len(taught)


def poll_later(order_ids: list[int], seconds: int) -> None:
    """Ask for these orders later, so that what cannot be asked for now holds up no others."""
    with immediate():
        for order in lookup.get_many(order_ids):
            apply_change(order, {"poll_at": now() + seconds})


def apply_statuses(
    reported: dict[int, ProviderStatus], poll_every_s: int, asked: Asked = not_known
) -> None:
    """Apply what a provider said of orders, and say when to ask again.

    In one transaction; where one order's fault undoes it, in one for each order: then that
    order is put off with a warning, and the others are as they should be.

    :param poll_every_s: the shortest time until an order's status is asked for again; it grows
        with the order's age.
    :param asked: tells the answer about a provider's number; kept where something changed.
    """
    if not reported:
        return
    try:
        with immediate():
            orders = lookup.get_many(list(reported))
            meanings = _meanings(orders)
            for order in orders:
                _apply(order, reported[order.id], meanings, poll_every_s, asked)
    except Exception as error:
        if unavailable.reason(error):
            raise
        log.exception("the statuses of %d orders: applied one by one now", len(reported))
        for order_id, status in reported.items():
            _apply_alone(order_id, status, poll_every_s, asked)


def _apply_alone(order_id: int, reported: ProviderStatus, poll_every_s: int, asked: Asked) -> None:
    try:
        with immediate():
            for order in (orders := lookup.get_many([order_id])):
                _apply(order, reported, _meanings(orders), poll_every_s, asked)
    except Exception as error:
        if unavailable.reason(error):
            raise
        log.exception("order %d: its status cannot be applied", order_id)
        why = f"its status cannot be applied: an internal error ({type(error).__name__})"
        with immediate():
            for order in lookup.get_many([order_id]):
                put_off: Change = {"poll_at": now() + POLL_SLOWEST_S, "warning": why}
                apply_with_warning(order, put_off, asked)


def _meanings(orders: Iterable[StoredOrder]) -> Meanings:
    providers = {order.provider_id for order in orders}
    return {p: words.status_meanings(p) for p in providers if p is not None}


def _apply(
    order: StoredOrder,
    reported: ProviderStatus,
    meanings: Meanings,
    poll_every_s: int,
    asked: Asked,
) -> None:
    reported = _as_taught(reported, meanings.get(order.provider_id, {}))
    change = interpret(order, reported)
    if state.is_subscription(order.quantity):
        change = subscriptions.with_posts(order, change, reported)
    age_s = now() - order.created_at
    is_waiting = change.get("held_because") == "posts"  # each time, all its posts are asked for
    least_s = poll_every_s * (HELD_SLOWER if is_waiting else 1)
    poll_at = now() + min(max(least_s, age_s // 20), POLL_SLOWEST_S)
    try:
        apply_with_warning(order, {**change, "poll_at": poll_at}, asked)
    except OperatorError as error:
        held = hold(order, "status", said(reported), str(error))
        apply_with_warning(order, {**held, "poll_at": poll_at}, asked)
    charged = charges.too_high(order, reported)
    if charged is not None:
        _question_price(order, charged)
    elif charges.is_foreign(reported.charge) and "charge" not in order.warning:
        # The account may count in another currency by now.
        registry.want_sync(order.provider_id or 0)


def _as_taught(reported: ProviderStatus, meanings: dict[str, str]) -> ProviderStatus:
    """The status with what an operator taught of its word."""
    taught = meanings.get(words.plain(reported.word)) if meanings and reported.word else None
    return reported._replace(status=taught) if taught else reported


def _question_price(order: StoredOrder, charged_micros: int) -> None:
    """A charge above the cost: have the prices read again, and tell so at the service."""
    source = purchases.find_source(order.service_id, order.source_rank)
    if source is None or source.provider_id != order.provider_id:
        return
    is_known = pending.find(source.provider_id, PendingKind.CHARGE, source.id) is not None
    expected, charged = str(order.cost_micros), str(charged_micros)
    pending.add(source.provider_id, PendingKind.CHARGE, expected, charged, source.id)
    if not is_known:
        registry.want_sync(source.provider_id)
