"""What providers say of the orders that they have, and what that means for us."""

from functools import cache
from typing import NamedTuple

from database.clock import now
from database.compiled_query import CompiledQuery, literal, param
from database.transactions import immediate
from models import Order
from panel import money
from panel.errors import OperatorError
from panel.orders import state, subscriptions, transition
from panel.orders.events import record_event

ASK_SLOWEST_S = 1800
"""An old order's status is asked for at least this often."""


class ProviderStatus(NamedTuple):
    """What a provider says of an order; None where it says nothing that can be read.

    status is one of ours; charge is theirs, in micros. `odd` tells what could not be read.
    posts are a subscription's: the provider's order number and the quantity of each.
    """

    status: str | None = None
    start_count: int | None = None
    remains: int | None = None
    charge_micros: int | None = None
    odd: str = ""
    posts: tuple[tuple[str, int], ...] = ()


class Change(NamedTuple):
    """What a report means for an order, and what an operator should know of it."""

    status: str
    start_count: int
    remains: int
    warning: str


_ASK = CompiledQuery(
    lambda: (
        Order.select(Order.id, Order.provider_order)
        .where(Order.provider == param("provider_id"), Order.poll_at <= param("now"))
        .where(Order.dispatch_state == literal("sent"), state.order_is_open())
        .order_by(Order.poll_at)
        .limit(param("limit"))
    )
)


@cache
def _asked(count: int) -> CompiledQuery:
    ids = [param(f"id{n}") for n in range(count)]
    return CompiledQuery(
        lambda: Order.select(
            Order.id,
            Order.status,
            Order.start_count,
            Order.remains,
            Order.quantity,
            Order.cost_micros,
            Order.warning,
            Order.created_at,
        ).where(Order.id.in_(ids))
    )


_ASK_AGAIN = CompiledQuery(
    lambda: Order.update(poll_at=param("poll_at")).where(Order.id == param("id"))
)


def due_for_status(provider_id: int, limit: int) -> list[tuple[int, str]]:
    """The open orders whose status is due, as our number and the provider's."""
    return _ASK.run(provider_id=provider_id, now=now(), limit=limit).fetchall()


def poll_now(order_id: int) -> None:
    """Ask for this order's status next; to be called inside immediate()."""
    _ASK_AGAIN.run(id=order_id, poll_at=0)


def poll_later(order_ids: list[int], seconds: int) -> None:
    """Ask for these orders later, so that what cannot be asked for now holds up no others."""
    with immediate():
        for order_id in order_ids:
            _ASK_AGAIN.run(id=order_id, poll_at=now() + seconds)


def apply_statuses(reports: dict[int, ProviderStatus], ask_every_s: int) -> None:
    """Apply what a provider said of orders, in one transaction, and say when to ask again.

    An older status than ours, or the same again, changes nothing.

    :param ask_every_s: the shortest time until an order's status is asked for again; it grows
        with the order's age.
    """
    if not reports:
        return
    values = {f"id{n}": order_id for n, order_id in enumerate(reports)}
    with immediate():
        for row in _asked(len(reports)).run(**values).fetchall():
            order_id, status, start_count, remains, quantity, cost, warned, created_at = row
            report = reports[order_id]
            stands = Change(status, start_count, remains, warned)
            verdict = interpret(stands, quantity, report)
            if report.posts and not quantity:
                verdict = _with_posts(order_id, verdict, report)
            if verdict[:3] != stands[:3]:
                try:
                    transition.progress(order_id, *verdict[:3])
                except OperatorError as error:
                    verdict = stands._replace(warning=str(error))
            if verdict.status not in (*state.OPEN, status):
                final = _final_cost(cost, verdict.remains, quantity, report)
                Order.update(cost_micros=final).where(Order.id == order_id).execute()
            if verdict.warning != warned:
                _warn(order_id, verdict.warning)
            pause = min(max(ask_every_s, (now() - created_at) // 20), ASK_SLOWEST_S)
            _ASK_AGAIN.run(id=order_id, poll_at=now() + pause)


def _with_posts(order_id: int, verdict: Change, report: ProviderStatus) -> Change:
    """Charge the new posts of a subscription; it rests while they are not paid.

    Also at its end: what was delivered is owed, and asked for until it is paid.
    """
    try:
        wrong = subscriptions.add_posts(order_id, list(report.posts))
    except subscriptions.UnpaidError as error:
        owing = verdict.status in ("Active", "Completed", "Expired")
        status = "Paused" if owing else verdict.status
        return verdict._replace(status=status, warning=str(error))
    return verdict._replace(warning=wrong or verdict.warning)


def interpret(order: Change, quantity: int, report: ProviderStatus) -> Change:
    """What a report means for an order that stands at `order`.

    Nothing that makes no sense is applied; it becomes the warning. A refund that cannot be
    computed is not made: the order then stays as it is, for a person to see.
    """
    odd = [report.odd] if report.odd else []
    start_count, remains = report.start_count, report.remains
    if start_count is not None and not 0 <= start_count <= state.MAX_START_COUNT:
        odd.append(f"start count {start_count}")
        start_count = None
    if remains is not None and not 0 <= remains <= quantity:
        odd.append(f"{remains} remain of {quantity}")
        remains = None
    status = report.status if report.status is not None else order.status
    warning = "; ".join(odd)
    if status == "Pending" or (
        status != order.status and status not in state.FOLLOWS[order.status]
    ):
        late = order.status not in state.REFUNDED or status in (*state.OPEN, order.status)
        told = warning if late else f"the provider now says {status}"
        return order._replace(warning=told or order.warning)
    if order.status in state.REFUNDED:
        return order
    if start_count is None:
        start_count = order.start_count

    if status == "Canceled" and not remains:
        # Many panels leave the remains of a canceled order out, or at 0 beside a charge of 0.
        if report.charge_micros == 0:
            remains = quantity
        elif report.remains is None:
            remains = order.remains
    if status == "Partial" and remains == 0:
        status, warning = "Completed", "Partial, but nothing remains"
    if status in state.REFUNDED and remains is None:
        told = f"{status}, without remains to pay back"
        return order._replace(warning="; ".join([told, *odd]))
    if remains is None:
        remains = 0 if status == "Completed" else order.remains
    return Change(status, start_count, remains, warning)


def _final_cost(cost_micros: int, remains: int, quantity: int, report: ProviderStatus) -> int:
    """What the provider kept: by its own word, else by what it delivered."""
    if report.charge_micros is not None:
        return report.charge_micros
    if report.status in state.REFUNDED and quantity:
        return cost_micros - money.refund(cost_micros, remains, quantity)
    return cost_micros


def _warn(order_id: int, text: str) -> None:
    Order.update(warning=text).where(Order.id == order_id).execute()
    if text:
        record_event(order_id, "warning", text)
