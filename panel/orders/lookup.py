"""Orders as their customers see them, and one order by its number."""

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from database.compiled_query import CompiledQuery, param
from models import Order
from panel.errors import INCORRECT_ORDER_ID, OperatorError, Problem, RequestRejected


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


def find(account_id: int, order_id: int | None) -> OrderState:
    """One order of this account.

    :raises Refused: Incorrect order ID, for no such order and for somebody else's alike.
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
    if quantity:
        return OrderState(charge, start_count, status, remains)
    posts = tuple(Post(*post) for post in _POSTS.run(parent_id=order_id))
    return OrderState(charge, start_count, status, remains, posts)


def get(order_id: int) -> Order:
    """The order of this number, whoever's it is.

    :raises Invalid: if there is none.
    """
    order = Order.get_or_none(Order.id == order_id)
    if order is None:
        raise OperatorError(f"there is no order {order_id}")
    return order
