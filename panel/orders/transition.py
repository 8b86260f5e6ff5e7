"""The one writer of an order's row, with everything that follows from a change.

Everybody else computes a Change and hands it over. The money that a change moves, moves in the
same transaction.
"""

import re
from functools import cache
from typing import Any, NamedTuple, TypedDict

from database.clock import now
from database.compiled_query import CompiledQuery, param
from database.connection import database
from database.transactions import immediate
from models import Cancel, Order
from panel import ledger, money
from panel.errors import OperatorError
from panel.orders import exchanges, lookup, state
from panel.orders.events import record_event
from panel.orders.exchanges import Asked, Exchange, not_known
from panel.orders.lookup import StoredOrder


class Change(TypedDict, total=False):
    """The columns of an order's row that change; what is not named stays.

    Amounts are in micros, times in seconds since 1970.
    """

    status: str
    start_count: int
    remains: int
    dispatch_state: str
    provider_id: int | None
    provider_order: str
    source_rank: int
    cost_micros: int
    is_temporary: bool
    attempts: int
    may_be_at_provider: bool
    send_key: str
    send_at: int
    poll_at: int
    warning: str
    held_because: str
    held_text: str
    restored: bool
    known_before: str


class Event(NamedTuple):
    """What is written into an order's history: the kind (schema.sql has them all) and a text.

    exchange: the request and the answer that it is known by.
    """

    kind: str
    text: str
    exchange: Exchange | None = None


_VISIBLE = ("status", "start_count", "remains")
"""What customers see of a change."""

_INSERT = CompiledQuery(
    lambda: Order.insert(
        account=param("account_id"),
        service=param("service_id"),
        link=param("link"),
        quantity=param("quantity"),
        charge_micros=param("charge_micros"),
        status=param("status"),
        remains=param("quantity"),
        created_at=param("now"),
        updated_at=param("now"),
        dispatch_state=param("dispatch_state"),
        provider=param("provider_id"),
        parameters=param("parameters"),
        runs=param("runs"),
        interval=param("interval"),
        parent=param("parent_id"),
        part=param("part"),
        request_id=param("request_id"),
    ).returning(Order.id)
)


@cache
def _update(columns: tuple[str, ...]) -> CompiledQuery:
    values = {getattr(Order, name): param(name) for name in columns}
    return CompiledQuery(lambda: Order.update(values).where(Order.id == param("id")))


def insert_order(**values: Any) -> int:
    """Write a new order's row; to be called inside immediate().

    :param values: the columns that the order begins with.
    :returns: its number.
    """
    (order_id,) = _INSERT.row(
        **values,
        status="Active" if state.is_subscription(values["quantity"]) else "Pending",
        now=now(),
    )
    return order_id


def insert_known(**values: Any) -> None:
    """Write an order's row as another database of this panel has it, under the same number.

    To be called inside immediate(). The caller posts its charge.

    :param values: the columns that are not as of a new order.
    """
    Order.insert(**values).execute()


def change(
    order_id: int,
    *,
    status: str | None = None,
    start_count: int | None = None,
    remains: int | None = None,
) -> int:
    """Change an order by hand, and pay back what its new status asks for (contract: Money).

    The same change twice is one change: an order is refunded once.

    :returns: what was paid back by this very change, in micros.
    :raises OperatorError: for no such order, or a change that is not possible.
    """
    wanted: Change = {}
    if status is not None:
        wanted["status"] = status
    if start_count is not None:
        wanted["start_count"] = start_count
    if remains is not None:
        wanted["remains"] = remains
    with immediate():
        return apply_change(lookup.get(order_id), wanted)


def apply_change(order: StoredOrder, change: Change, event: Event | None = None) -> int:
    """Write a change of an order, and do all that follows from it.

    That is: what a refunding status pays back goes to the account; cancel requests that wait
    are answered by the order's end; an order that is moved on before it was sent is sent no
    more; the event goes into the history. To be called inside immediate().

    :param order: the row as it stands, read in the same transaction.
    :returns: what was paid back by this change, in micros.
    :raises OperatorError: for a change of status, start count or remains that is not possible;
        nothing is changed then.
    """
    if not database.in_transaction():
        raise RuntimeError("apply_change() outside a transaction")
    values = _changed_columns(order, change)
    if values:
        _update(tuple(sorted(values))).run(id=order.id, **values)
        _follow_up(order, values)
    if event is not None:
        record_event(order.id, *event)
    return values.get("refunded_micros", 0)


def foresee(order: StoredOrder, change: Change) -> dict[str, Any]:
    """The columns that apply_change() would write; nothing is written.

    :raises OperatorError: as apply_change() does.
    """
    return _changed_columns(order, change)


def apply_with_warning(order: StoredOrder, change: Change, asked: Asked = not_known) -> None:
    """Apply a change as apply_change() does; a warning that is new goes into the history.

    One that differs from the last only in its numbers is not new: a provider may count requests.

    :param asked: tells the answer behind the change, which is kept where it is news.
    """
    warning = change.get("warning", "")
    if warning and _without_numbers(warning) != _without_numbers(order.warning):
        event = Event("warning", warning, asked(order.provider_order))
        apply_change(order, change, event)
        return
    apply_change(order, change)
    status = change.get("status", order.status)
    if status != order.status and (exchange := asked(order.provider_order)):
        remain = f", {change['remains']} remain" if change.get("remains") else ""
        exchanges.record(order.id, exchange, f"{status}{remain} (before: {order.status})")


def _without_numbers(text: str) -> str:
    return re.sub(r"[0-9]+", "#", text)


def _changed_columns(order: StoredOrder, change: Change) -> dict[str, Any]:
    """The columns to write: those that differ, and those that follow from them."""
    values: dict[str, Any] = {
        name: value for name, value in change.items() if value != getattr(order, name)
    }
    _check_dispatch(order, values)
    moved_on = "status" in values or "dispatch_state" in values
    if order.restored and moved_on and "restored" not in change:
        # Whoever moved it on has looked.
        values = {"restored": False, "known_before": "", **values}
    if values.get("status") == "Completed" and "remains" not in change:
        values["remains"] = 0
    if order.held_because and "status" in values:
        # Whoever moved it on has decided what it was held for.
        values = {"warning": "", "held_because": "", "held_text": "", **change, **values}
        values = {name: new for name, new in values.items() if new != getattr(order, name)}
    if any(name in values for name in _VISIBLE):
        _add_consequences(order, values)
    return values


def _follow_up(order: StoredOrder, values: dict[str, Any]) -> None:
    """Move the money of a change, and answer the cancel requests that its end settles."""
    if refund := values.get("refunded_micros"):
        ledger.post(order.account_id, "refund", refund, order_id=order.id)
    if "status" in values and not state.is_open(values["status"]):
        _answer_cancels(order.id, accepted=state.is_refunded(values["status"]))


def _check_dispatch(order: StoredOrder, values: dict[str, Any]) -> None:
    wanted = values.get("dispatch_state")
    if wanted is not None and wanted not in state.DISPATCH_FOLLOWS[order.dispatch_state]:
        raise RuntimeError(f"order {order.id}: {wanted!r} cannot follow {order.dispatch_state!r}")


def _add_consequences(order: StoredOrder, values: dict[str, Any]) -> None:
    """Add the columns that follow from a change of status, start count or remains."""
    status = values.get("status", order.status)
    remains = values.get("remains", order.remains)
    _check_status(order, status)
    _check_numbers(order, status, values.get("start_count", order.start_count), remains)
    values["updated_at"] = now()
    if "status" not in values:
        return
    if state.is_refunded(status) and not state.is_subscription(order.quantity):
        refund = money.refund(order.charge_micros, remains, order.quantity)
        if refund:
            values["refunded_micros"] = refund
    if order.dispatch_state == state.WAITING and "dispatch_state" not in values:
        # Moved on before it was sent: it is fulfilled by hand. If it goes on, what a provider may
        # have from an earlier try must be looked at first; if it has ended, its warning stays.
        in_doubt = order.may_be_at_provider and state.is_open(status)
        values["dispatch_state"] = state.IN_REVIEW if in_doubt else state.NOT_FORWARDED


def _check_status(order: StoredOrder, status: str) -> None:
    if status not in state.FOLLOWS:
        raise OperatorError(
            f"there is no status {status!r}; there are: {', '.join(state.FOLLOWS)}", "status"
        )
    if state.is_refunded(order.status):
        raise OperatorError(f"order {order.id} is {order.status}, which is final", "status")
    if status in state.SUBSCRIPTION_ONLY and not state.is_subscription(order.quantity):
        why = f"order {order.id} is no subscription and cannot become {status}"
        raise OperatorError(why, "status")
    if not state.may_follow(status, order.status):
        why = f"order {order.id} is {order.status} and cannot become {status}"
        raise OperatorError(why, "status")


def _check_numbers(order: StoredOrder, status: str, start_count: int, remains: int) -> None:
    if not 0 <= start_count <= state.MAX_START_COUNT:
        why = f"the start count must be from 0 to {state.MAX_START_COUNT}"
        raise OperatorError(why, "start_count")
    if not 0 <= remains <= order.quantity:
        raise OperatorError(
            f"the remains must be from 0 to the order's quantity, {order.quantity}", "remains"
        )
    refunds = status == "Partial" or (status == "Canceled" and order.status == "Completed")
    if refunds and remains == 0 and not state.is_subscription(order.quantity):
        raise OperatorError(f"{status} needs the remains that are to be paid back", "remains")


def _answer_cancels(order_id: int, accepted: bool) -> None:
    answer = "accepted" if accepted else "rejected"
    Cancel.update(status=answer, restored=False, updated_at=now()).where(
        Cancel.order == order_id, Cancel.status == "pending"
    ).execute()
