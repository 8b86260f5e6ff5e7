"""What an operator's act would do with orders, before it is done: by the rules that will do it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from panel.errors import OperatorError
from panel.orders import dispatch, lookup, restored, state
from panel.orders.lookup import StoredOrder
from panel.orders.transition import Change, foresee


class Forecast(NamedTuple):
    """What an act would do with an order as it is now.

    why_not: why it would be refused; "" if it would be done.
    refund_micros: what would be paid back.
    """

    order: StoredOrder
    why_not: str
    refund_micros: int


STATUSES = {
    "processing": "Processing",
    "in-progress": "In progress",
    "completed": "Completed",
    "cancel": "Canceled",
    "partial": "Partial",
}
"""The acts that set a status."""


def _set(status: str, order: StoredOrder) -> Change:
    if order.status == status:
        raise OperatorError(f"order {order.id} is {status} already")
    return {"status": status}


def _refund(order: StoredOrder) -> Change:
    if state.is_refunded(order.status):
        raise OperatorError(f"order {order.id} is {order.status}, which is final")
    return {"status": "Canceled", "remains": order.quantity}


CHANGES: dict[str, Callable[[StoredOrder], Change]] = {
    **{act: partial(_set, status) for act, status in STATUSES.items()},
    "refund": _refund,
    "resend": dispatch.resent,
    "fail": dispatch.failed,
    "release": restored.released,
}
"""What each act changes of an order's row."""


def forecast(act: str, order_ids: Iterable[int]) -> list[Forecast]:
    """What an act would do with orders, in the order given; one that is not there is left out.

    :param act: one of CHANGES.
    """
    wanted = list(dict.fromkeys(order_ids))
    found = {order.id: order for order in lookup.get_many(wanted)} if wanted else {}
    return [of_order(act, found[number]) for number in wanted if number in found]


def of_order(act: str, order: StoredOrder) -> Forecast:
    """What an act would do with one order."""
    try:
        values = foresee(order, CHANGES[act](order))
    except (OperatorError, RuntimeError) as error:  # one row that cannot be breaks no list
        return Forecast(order, str(error), 0)
    return Forecast(order, "", values.get("refunded_micros", 0))


def possible(found: Iterable[Mapping[str, Any]]) -> dict[int, list[str]]:
    """The acts that each of many orders allows, as far as its row tells.

    :param found: orders as the lists of panel/ have them.
    """
    known: dict[tuple[Any, ...], list[str]] = {}
    acts = {}
    for row in found:
        alike = (
            *(row[name] for name in ("status", "dispatch_state", "held_because", "restored")),
            *(row["quantity"] == 0, row["remains"] == 0),
        )
        if alike not in known:
            known[alike] = _possible(row)
        acts[row["id"]] = known[alike]
    return acts


def _possible(row: Mapping[str, Any]) -> list[str]:
    order = StoredOrder(*(row[name.removesuffix("_id")] for name in StoredOrder._fields))
    acts = [act for act in CHANGES if act != "release" or order.restored]
    return [act for act in acts if not of_order(act, order).why_not]
