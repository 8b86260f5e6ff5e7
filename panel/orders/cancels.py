"""Cancel requests: what customers ask for while an order is open."""

from collections.abc import Mapping
from typing import NamedTuple

from database.clock import now
from database.compiled_query import literal, rows
from database.transactions import immediate
from models import Cancel, Order
from panel.errors import CANNOT_CANCEL, INCORRECT_ORDER_ID, OperatorError, Problem
from panel.orders import lookup, purchases, state, status_sync
from panel.orders.events import record_event
from panel.orders.exchanges import Exchange
from panel.orders.transition import apply_change


def request(
    account_id: int, order_ids: list[int | None], request_id: str = ""
) -> list[int | Problem]:
    """Ask to cancel orders; for each the number of the cancel request or why not.

    An order that nobody has begun is canceled and refunded at once. Otherwise the request
    waits; asking again while it waits gives the same request.

    :param request_id: of the HTTP request that asks for them.
    """
    with immediate():
        return [_request(account_id, order_id, request_id) for order_id in order_ids]


def _request(account_id: int, order_id: int | None, request_id: str) -> int | Problem:
    order = lookup.find_requested(account_id, order_id)
    if order is None or order_id is None:
        return INCORRECT_ORDER_ID
    if not order.offers_cancel or not state.is_open(order.status):
        return CANNOT_CANCEL
    waiting = Cancel.get_or_none(Cancel.order == order_id, Cancel.status == "pending")
    if waiting is None:
        waiting = Cancel.create(order=order_id, status="pending", request_id=request_id)
    is_elsewhere = state.may_be_at_provider(order.dispatch_state, order.may_be_at_provider)
    if state.is_untouched(order.status) and not is_elsewhere:
        apply_change(lookup.get(order_id), {"status": "Canceled"})
    return waiting.id


def order_of(cancel_id: int) -> int | None:
    """The order that a cancel request is about; None if there is no such request."""
    cancel = Cancel.get_or_none(Cancel.id == cancel_id)
    return cancel.order_id if cancel else None


def accept(cancel_id: int) -> int:
    """Grant a waiting cancel request: its order becomes Canceled, and what remains is refunded.

    :returns: what was paid back, in micros.
    :raises OperatorError: for no such request, or one that was settled.
    """
    with immediate():
        cancel = _waiting(cancel_id)
        return apply_change(lookup.get(cancel.order_id), {"status": "Canceled"})


def reject(cancel_id: int) -> None:
    """Turn a waiting cancel request down; its order goes on.

    :raises OperatorError: for no such request, or one that was settled.
    """
    with immediate():
        cancel = _waiting(cancel_id)
        Cancel.update(status="rejected", restored=False, updated_at=now()).where(
            Cancel.id == cancel.id, Cancel.status == "pending"
        ).execute()


def _waiting(cancel_id: int) -> Cancel:
    cancel = Cancel.get_or_none(Cancel.id == cancel_id)
    if cancel is None:
        raise OperatorError(f"there is no cancel request {cancel_id}")
    if cancel.status != "pending":
        raise OperatorError(f"cancel request {cancel_id} was {cancel.status} already")
    return cancel


def due_for_provider(provider_id: int, limit: int = 100) -> list[tuple[int, str]]:
    """The waiting cancel requests that the provider has not been sent, with its order's number.

    None while nothing new is sent there.
    """
    if purchases.is_stopped(provider_id):
        return []
    query = (
        Cancel.select(Cancel.id, Order.provider_order)
        .join(Order)
        .where(Cancel.status == literal("pending"), Cancel.passed_on == 0, Cancel.restored == 0)
        .where(Cancel.send_at <= now())
        .where(Order.provider == provider_id, Order.dispatch_state == state.SENT)
        .order_by(Cancel.order)
        .limit(limit)
    )
    return rows(query.tuples())


class CancelAnswer(NamedTuple):
    """What a provider said of a cancel request.

    why: its words where it refused; "" where it gave none.
    exchange: how it said so.
    """

    accepted: bool
    why: str = ""
    exchange: Exchange | None = None


def record_answers(answers: Mapping[int, CancelAnswer]) -> None:
    """Record which cancel requests a provider accepted; one that it rejected is rejected here.

    What becomes of an order is told by its status, which is asked for at once.
    """
    with immediate(leaves=True):
        for cancel_id, (yes, why, exchange) in answers.items():
            values = {"passed_on": True} if yes else {"status": "rejected"}
            cancel = Cancel.get_by_id(cancel_id)
            what = "accepted" if yes else ": ".join(text for text in ("refused", why) if text)
            text = f"cancel request {cancel_id}: {what}"
            record_event(cancel.order_id, "sent", text, exchange)
            Cancel.update(**values, updated_at=now()).where(
                Cancel.id == cancel_id, Cancel.status == "pending"
            ).execute()
            status_sync.poll_now(cancel.order_id)


def retry_later(cancel_ids: list[int], seconds: int) -> None:
    """Send cancel requests to the provider later."""
    with immediate():
        Cancel.update(send_at=now() + seconds).where(Cancel.id.in_(cancel_ids)).execute()
