"""Cancel requests: what customers ask for while an order is open."""

from database.clock import now
from database.compiled_query import literal, rows
from database.transactions import immediate
from models import Cancel, Order
from panel.errors import CANNOT_CANCEL, INCORRECT_ORDER_ID, OperatorError, Problem
from panel.orders import state, status_sync, transition
from panel.orders.refills import _ORDER


def request(account_id: int, order_ids: list[int | None]) -> list[int | Problem]:
    """Ask to cancel orders; for each the number of the cancel request or why not.

    An order that nobody has begun is canceled and refunded at once. Otherwise the request
    waits; asking again while it waits gives the same request.
    """
    with immediate():
        return [_request(account_id, order_id) for order_id in order_ids]


def _request(account_id: int, order_id: int | None) -> int | Problem:
    if order_id is None:
        return INCORRECT_ORDER_ID
    row = _ORDER.row(account_id=account_id, id=order_id)
    if row is None:
        return INCORRECT_ORDER_ID
    order_status, _, cancel, forward, may_be_at_provider = row
    if not cancel or order_status not in state.OPEN:
        return CANNOT_CANCEL
    waiting = Cancel.get_or_none(Cancel.order == order_id, Cancel.status == "pending")
    if waiting is None:
        waiting = Cancel.create(order=order_id, status="pending")
    nobody_has_it = forward in ("", "waiting") and not may_be_at_provider
    if order_status in ("Pending", "Active") and nobody_has_it:
        transition.advance(order_id, status="Canceled")
    return waiting.id


def accept(cancel_id: int) -> None:
    """Grant a waiting cancel request: its order becomes Canceled, and what remains is refunded.

    :raises Invalid: for no such request, or one that was settled.
    """
    with immediate():
        cancel = _waiting(cancel_id)
        transition.advance(cancel.order_id, status="Canceled")


def reject(cancel_id: int) -> None:
    """Turn a waiting cancel request down; its order goes on.

    :raises Invalid: for no such request, or one that was settled.
    """
    with immediate():
        cancel = _waiting(cancel_id)
        Cancel.update(status="rejected", updated_at=now()).where(
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
    """Waiting cancel requests that the provider does not know yet, with its order's number."""
    query = (
        Cancel.select(Cancel.id, Order.provider_order)
        .join(Order)
        .where(Cancel.status == literal("pending"), Cancel.passed_on == 0, Cancel.send_at <= now())
        .where(Order.provider == provider_id, Order.dispatch_state == "sent")
        .order_by(Cancel.order)
        .limit(limit)
    )
    return rows(query.tuples())


def record_answers(taken: dict[int, bool]) -> None:
    """Keep which cancel requests a provider took; one that it refused is rejected.

    What becomes of an order is told by its status, which is asked for at once.
    """
    with immediate():
        for cancel_id, yes in taken.items():
            values = {"passed_on": True} if yes else {"status": "rejected"}
            cancel = Cancel.get_by_id(cancel_id)
            Cancel.update(**values, updated_at=now()).where(
                Cancel.id == cancel_id, Cancel.status == "pending"
            ).execute()
            status_sync.poll_now(cancel.order_id)


def retry_later(cancel_ids: list[int], seconds: int) -> None:
    """Pass cancel requests on later."""
    with immediate():
        Cancel.update(send_at=now() + seconds).where(Cancel.id.in_(cancel_ids)).execute()
