"""Orders as their customers see them, and one order by its number."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from database.compiled_query import CompiledQuery, param
from models import Order, Service
from panel.errors import INCORRECT_ORDER_ID, OperatorError, Problem, RequestRejected
from panel.orders.state import is_subscription


class Post(NamedTuple):
    """One post of a subscription: an order of its own."""

    order: int
    quantity: int


class OrderState(NamedTuple):
    """What a customer is told of an order; the charge is what is kept of it, in micros.

    posts: of a subscription, which is charged by them; None for every other order.
    """

    charge_micros: int
    start_count: int
    status: str
    remains: int
    posts: tuple[Post, ...] | None = None


class StoredOrder(NamedTuple):
    """An order's row as it stands; amounts in micros, times in seconds since 1970."""

    id: int
    account_id: int
    service_id: int
    link: str
    quantity: int
    charge_micros: int
    refunded_micros: int
    status: str
    start_count: int
    remains: int
    created_at: int
    updated_at: int
    dispatch_state: str
    provider_id: int | None
    provider_order: str | None
    cost_micros: int
    source_rank: int
    is_temporary: int
    attempts: int
    send_at: int
    poll_at: int
    warning: str
    parameters: str
    runs: int | None
    interval: int | None
    parent_id: int | None
    part: int | None
    send_key: str | None
    may_be_at_provider: int
    held_because: str
    held_text: str
    restored: int
    known_before: str


class RequestedOrder(NamedTuple):
    """What decides whether a customer's order can be refilled or canceled."""

    status: str
    dispatch_state: str
    may_be_at_provider: int
    offers_refill: int
    offers_cancel: int


_STATE = (
    Order.id,
    Order.charge_micros - Order.refunded_micros,
    Order.start_count,
    Order.status,
    Order.remains,
    Order.quantity,
)


# The sum keeps the index of the account's orders out of the plan: the order itself is nearer.
_OWN = (Order.account + 0 == param("account_id")) & Order.part.is_null()


_FIND = CompiledQuery(lambda: Order.select(*_STATE).where(Order.id == param("id"), _OWN))


_POSTS = CompiledQuery(
    lambda: (
        Order.select(Order.id, Order.quantity)
        .where(Order.parent == param("parent_id"))
        .order_by(Order.id)
    )
)


@cache
def _find_many(count: int) -> CompiledQuery:
    ids = [param(f"id{n}") for n in range(count)]
    return CompiledQuery(lambda: Order.select(*_STATE).where(Order.id.in_(ids), _OWN))


_COLUMNS = [getattr(Order, name) for name in StoredOrder._fields]

_PARTS = CompiledQuery(
    lambda: Order.select(*_COLUMNS).where(Order.parent == param("parent_id")).order_by(Order.id)
)
_REQUESTED = CompiledQuery(
    lambda: (
        Order.select(
            Order.status,
            Order.dispatch_state,
            Order.may_be_at_provider,
            Service.refill,
            Service.cancel,
        )
        .join(Service)
        .where(Order.id == param("id"), Order.account == param("account_id"), Order.part.is_null())
    )
)


@cache
def _get_many(count: int) -> CompiledQuery:
    ids = [param(f"id{n}") for n in range(count)]
    return CompiledQuery(lambda: Order.select(*_COLUMNS).where(Order.id.in_(ids)))


def find(account_id: int, order_id: int | None) -> OrderState:
    """One order of this account.

    :raises RequestRejected: Incorrect order ID, for no such order and for somebody else's alike.
    """
    row = _FIND.row(account_id=account_id, id=order_id) if order_id is not None else None
    if row is None:
        raise RequestRejected(INCORRECT_ORDER_ID)
    return _state(row)


def find_many(
    account_id: int, order_ids: Iterable[int | None]
) -> dict[int | None, OrderState | Problem]:
    """Orders of this account by number, in one query; what is not there has its problem."""
    found: dict[int | None, OrderState | Problem] = dict.fromkeys(order_ids, INCORRECT_ORDER_ID)
    known = [order_id for order_id in found if order_id is not None]
    values = {f"id{n}": order_id for n, order_id in enumerate(known)}
    for row in _find_many(len(known)).run(account_id=account_id, **values) if known else ():
        found[row[0]] = _state(row)
    return found


def _state(row: tuple[Any, ...]) -> OrderState:
    order_id, charge, start_count, status, remains, quantity = row
    if not is_subscription(quantity):
        return OrderState(charge, start_count, status, remains)
    posts = tuple(Post(*post) for post in _POSTS.run(parent_id=order_id))
    return OrderState(charge, start_count, status, remains, posts)


def find_requested(account_id: int, order_id: int | None) -> RequestedOrder | None:
    """What decides on a refill or a cancel of this account's order; None if there is none."""
    row = _REQUESTED.row(account_id=account_id, id=order_id) if order_id is not None else None
    return RequestedOrder(*row) if row else None


def get(order_id: int) -> StoredOrder:
    """The order of this number, whoever's it is.

    :raises OperatorError: if there is none.
    """
    for order in get_many([order_id]):
        return order
    raise OperatorError(f"there is no order {order_id}")


def get_many(order_ids: Sequence[int]) -> list[StoredOrder]:
    """The orders of these numbers, as far as there are any, in one query."""
    values = {f"id{n}": order_id for n, order_id in enumerate(order_ids)}
    return [StoredOrder(*row) for row in _get_many(len(order_ids)).run(**values)]


def parts_of(order_id: int) -> list[StoredOrder]:
    """The parts of a drip-feed or the posts of a subscription, oldest first."""
    return [StoredOrder(*row) for row in _PARTS.run(parent_id=order_id)]
