"""The one writer of an order's row, with everything that follows from a change."""

from database.clock import now
from database.compiled_query import CompiledQuery, param
from database.transactions import immediate
from models import Cancel, Order
from panel import ledger, money
from panel.errors import OperatorError
from panel.orders.lookup import get
from panel.orders.state import FOLLOWS, MAX_START_COUNT, OPEN, REFUNDED

_PROGRESS = CompiledQuery(
    lambda: Order.update(
        status=param("status"),
        start_count=param("start_count"),
        remains=param("remains"),
        updated_at=param("now"),
    ).where(Order.id == param("id"), Order.status.in_(OPEN))
)


def change(
    order_id: int,
    *,
    status: str | None = None,
    start_count: int | None = None,
    remains: int | None = None,
) -> None:
    """Change an order and pay back what its new status asks for (contract: Money).

    The same change twice is one change: an order is refunded once.

    :raises Invalid: for no such order, or a change that cannot be.
    """
    with immediate():
        advance(order_id, status=status, start_count=start_count, remains=remains)


def advance(
    order_id: int,
    *,
    status: str | None = None,
    start_count: int | None = None,
    remains: int | None = None,
) -> None:
    """The same as change(), inside an immediate() that is already open."""
    order = get(order_id)
    status = order.status if status is None else status
    start_count = order.start_count if start_count is None else start_count
    if remains is None:
        remains = 0 if status == "Completed" != order.status else order.remains
    if (status, start_count, remains) == (order.status, order.start_count, order.remains):
        return
    _check(order, status, start_count, remains)

    refund = 0
    if status in REFUNDED and order.quantity:
        refund = money.refund(order.charge_micros, remains, order.quantity)
    Order.update(
        status=status,
        start_count=start_count,
        remains=remains,
        refunded_micros=refund,
        updated_at=now(),
        # An order that is moved on before it was sent is fulfilled by hand.
        dispatch_state=""
        if order.dispatch_state == "waiting" and status != order.status
        else order.dispatch_state,
    ).where(Order.id == order_id, Order.status == order.status).execute()
    if refund:
        ledger.post(order.account_id, "refund", refund, order_id=order_id)
    if status not in OPEN:
        answer = "accepted" if status in REFUNDED else "rejected"
        Cancel.update(status=answer, updated_at=now()).where(
            Cancel.order == order_id, Cancel.status == "pending"
        ).execute()


def progress(order_id: int, status: str, start_count: int, remains: int) -> None:
    """The same as advance() for values that were judged already, quick for an open status."""
    if status in OPEN:
        _PROGRESS.run(
            id=order_id, status=status, start_count=start_count, remains=remains, now=now()
        )
    else:
        advance(order_id, status=status, start_count=start_count, remains=remains)


def _check(order: Order, status: str, start_count: int, remains: int) -> None:
    if status not in FOLLOWS:
        raise OperatorError(f"there is no status {status!r}; there are: {', '.join(FOLLOWS)}")
    if order.status in REFUNDED:
        raise OperatorError(f"order {order.id} is {order.status}, which is final")
    if order.quantity and status in ("Active", "Paused", "Expired"):
        raise OperatorError(f"order {order.id} is no subscription and cannot become {status}")
    if status != order.status and status not in FOLLOWS[order.status]:
        raise OperatorError(f"order {order.id} is {order.status} and cannot become {status}")
    if not 0 <= start_count <= MAX_START_COUNT:
        raise OperatorError(f"the start count must be from 0 to {MAX_START_COUNT}")
    if not 0 <= remains <= order.quantity:
        raise OperatorError(
            f"the remains must be from 0 to the order's quantity, {order.quantity}"
        )
    nothing_left = status == "Partial" or (status == "Canceled" and order.status == "Completed")
    if nothing_left and remains == 0 and order.quantity:
        raise OperatorError(f"{status} needs the remains that are to be paid back")
