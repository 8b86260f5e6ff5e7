"""The life of an order, and the only place that changes one.

What a change does to the money happens in the same transaction, through the ledger.
"""

import json
from collections.abc import Iterable
from functools import cache, partial
from typing import Any, NamedTuple

from models import (
    Account,
    Cancel,
    IdempotencyKey,
    Order,
    Service,
    Statement,
    immediate,
    literal,
    now,
    rows,
    slot,
    together,
)
from panel import ledger, money, services
from panel.errors import (
    ACTIVE_LINK,
    IDEMPOTENCY_KEY_REUSED,
    INCORRECT_ORDER_ID,
    Invalid,
    Problem,
    Refused,
    incorrect,
    quantity_above,
    quantity_below,
)

OPEN = ("Pending", "Processing", "In progress", "Active", "Paused")
REFUNDED = ("Partial", "Canceled")
FOLLOWS: dict[str, tuple[str, ...]] = {
    "Pending": ("Processing", "In progress", "Completed", "Partial", "Canceled"),
    "Processing": ("In progress", "Completed", "Partial", "Canceled"),
    "In progress": ("Processing", "Completed", "Partial", "Canceled"),
    # A delivery that turns out bad afterwards is still paid back, once.
    "Completed": ("Partial", "Canceled"),
    "Partial": (),
    "Canceled": (),
    # Subscriptions have a life of their own.
    "Active": ("Paused", "Completed", "Expired", "Canceled"),
    "Paused": ("Active", "Completed", "Expired", "Canceled"),
    "Expired": (),
}
"""Which status may follow which. Nothing returns to Pending: that means "nobody has begun"."""

MAX_START_COUNT = 10**15


def is_open() -> Any:
    """Whether an order is open, in the words of the indexes that hold open orders only."""
    return Order.status.in_([literal(status) for status in OPEN])


class Wanted(NamedTuple):
    """What a customer wants of a service, read and checked, but for the service's range.

    quantity: of one run; None for a type that takes none.
    details: what the service's type needs beside, by parameter.
    runs, interval: drip-feed, so many times, so many minutes apart; both or neither.
    """

    link: str
    quantity: int | None = None
    details: dict[str, Any] = {}
    runs: int | None = None
    interval: int | None = None


class Retry(NamedTuple):
    """A client's idempotency key, and a hash of what it asks for under it."""

    key: str
    parameters_hash: bytes


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
_OWN = (Order.account + 0 == slot("account_id")) & Order.part.is_null()
_FIND = Statement(lambda: Order.select(*_STATE).where(Order.id == slot("id"), _OWN))
_POSTS = Statement(
    lambda: (
        Order.select(Order.id, Order.quantity)
        .where(Order.parent == slot("parent_id"))
        .order_by(Order.id)
    )
)
_RETRIED = Statement(
    lambda: IdempotencyKey.select(IdempotencyKey.order, IdempotencyKey.parameters_hash).where(
        IdempotencyKey.account == slot("account_id"), IdempotencyKey.key == slot("key")
    )
)
_ON_LINK = Statement(
    lambda: (
        Order.select(Order.id)
        .where(Order.service == slot("service_id"), Order.link == slot("link"))
        .where(is_open())
        .limit(1)
    )
)
_PLACE = Statement(
    lambda: Order.insert(
        account=slot("account_id"),
        service=slot("service_id"),
        link=slot("link"),
        quantity=slot("quantity"),
        charge_micros=slot("charge"),
        status=slot("status"),
        remains=slot("quantity"),
        created_at=slot("now"),
        updated_at=slot("now"),
        forward=slot("forward"),
        provider=slot("provider_id"),
        parameters=slot("parameters"),
        runs=slot("runs"),
        interval=slot("interval"),
        parent=slot("parent_id"),
        part=slot("part"),
    ).returning(Order.id)
)


_PROGRESS = Statement(
    lambda: Order.update(
        status=slot("status"),
        start_count=slot("start_count"),
        remains=slot("remains"),
        updated_at=slot("now"),
    ).where(Order.id == slot("id"), Order.status.in_(OPEN))
)


@cache
def _find_many(count: int) -> Statement:
    ids = [slot(f"id{n}") for n in range(count)]
    return Statement(lambda: Order.select(*_STATE).where(Order.id.in_(ids), _OWN))


def find(account_id: int, order_id: int | None) -> OrderState:
    """One order of this account.

    :raises Refused: Incorrect order ID, for no such order and for somebody else's alike.
    """
    row = _FIND.row(account_id=account_id, id=order_id) if order_id is not None else None
    if row is None:
        raise Refused(INCORRECT_ORDER_ID)
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


def placed_before(account_id: int, retry: Retry) -> int | None:
    """The order that this idempotency key gave before, if any.

    :raises Refused: if it was used with other parameters.
    """
    row = _RETRIED.row(account_id=account_id, key=retry.key)
    if row is None:
        return None
    order_id, parameters_hash = row
    if parameters_hash != retry.parameters_hash:
        raise Refused(IDEMPOTENCY_KEY_REUSED)
    return order_id


def place(
    account_id: int, offer: services.Offer, wanted: Wanted, retry: Retry | None = None
) -> int:
    """Place an order and debit its charge; with a retry's key, once.

    :returns: the order's number.
    :raises Refused: for a quantity outside the service's range, a link that has an open order
        where the service allows one, or not enough funds.
    """
    quantity = _whole_quantity(offer, wanted)
    charge = services.charge(offer, quantity)
    return together(partial(_place, account_id, offer, wanted, retry, quantity, charge))


def _place(
    account_id: int,
    offer: services.Offer,
    wanted: Wanted,
    retry: Retry | None,
    quantity: int,
    charge_micros: int,
) -> int:
    if retry is not None and (before := placed_before(account_id, retry)):
        return before
    if offer.one_per_link and _ON_LINK.row(service_id=offer.id, link=wanted.link):
        raise Refused(ACTIVE_LINK)
    order_id = enter(account_id, offer, wanted, quantity, charge_micros)
    if retry is not None:
        IdempotencyKey.create(
            account=account_id,
            key=retry.key,
            parameters_hash=retry.parameters_hash,
            order=order_id,
        )
    return order_id


def enter(
    account_id: int,
    offer: services.Offer,
    wanted: Wanted,
    quantity: int,
    charge_micros: int,
    parent_id: int | None = None,
    part: int | None = None,
) -> int:
    """Write an order and debit its charge; to be called inside immediate().

    :param quantity: the whole quantity, all runs together.
    :param parent_id: the drip-feed or subscription that this belongs to.
    :param part: which part of a drip-feed this is.
    :raises Refused: Not enough funds on balance.
    """
    (order_id,) = _PLACE.row(
        account_id=account_id,
        service_id=offer.id,
        link=wanted.link,
        quantity=quantity,
        charge=charge_micros,
        status="Pending" if quantity else "Active",
        now=now(),
        forward="" if offer.provider_id is None else "waiting",
        provider_id=offer.provider_id,
        parameters=json.dumps(wanted.details) if wanted.details else "{}",
        runs=wanted.runs,
        interval=wanted.interval,
        parent_id=parent_id,
        part=part,
    )
    ledger.post(account_id, "charge", -charge_micros, order_id=order_id)
    return order_id


def _whole_quantity(offer: services.Offer, wanted: Wanted) -> int:
    """What an order comes to, all runs together; 0 for a subscription, 1 for a package.

    :raises Refused: if it is outside the service's range.
    """
    charged = services.TYPES[offer.type].charged
    if charged == "package":
        return 1
    if charged == "posts":
        least, most = wanted.details["min"], wanted.details["max"]
    elif charged == "quantity":
        least = wanted.quantity or 0
        most = least * (wanted.runs or 1)
    else:
        least = most = wanted.details[charged].count("\n") + 1
    if least < offer.min:
        raise Refused(quantity_below(offer.min))
    if most > offer.max:
        raise Refused(quantity_above(offer.max))
    if least > most:
        raise Refused(incorrect("max"))
    return 0 if charged == "posts" else most


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
        forward="" if order.forward == "waiting" and status != order.status else order.forward,
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
        raise Invalid(f"there is no status {status!r}; there are: {', '.join(FOLLOWS)}")
    if order.status in REFUNDED:
        raise Invalid(f"order {order.id} is {order.status}, which is final")
    if order.quantity and status in ("Active", "Paused", "Expired"):
        raise Invalid(f"order {order.id} is no subscription and cannot become {status}")
    if status != order.status and status not in FOLLOWS[order.status]:
        raise Invalid(f"order {order.id} is {order.status} and cannot become {status}")
    if not 0 <= start_count <= MAX_START_COUNT:
        raise Invalid(f"the start count must be from 0 to {MAX_START_COUNT}")
    if not 0 <= remains <= order.quantity:
        raise Invalid(f"the remains must be from 0 to the order's quantity, {order.quantity}")
    nothing_left = status == "Partial" or (status == "Canceled" and order.status == "Completed")
    if nothing_left and remains == 0 and order.quantity:
        raise Invalid(f"{status} needs the remains that are to be paid back")


def get(order_id: int) -> Order:
    """The order of this number, whoever's it is.

    :raises Invalid: if there is none.
    """
    order = Order.get_or_none(Order.id == order_id)
    if order is None:
        raise Invalid(f"there is no order {order_id}")
    return order


def details(order_id: int) -> dict[str, Any]:
    """One order with the names of its account and service.

    :raises Invalid: if there is none.
    """
    get(order_id)
    (row,) = with_names().where(Order.id == order_id).dicts()
    return row


def listing(
    account_id: int | None = None, status: str | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """The newest orders with the names of their account and service."""
    query = with_names().order_by(Order.id.desc()).limit(limit)
    if account_id is not None:
        query = query.where(Order.account == account_id)
    if status is not None:
        query = query.where(Order.status == status)
    return rows(query.dicts())


def with_names() -> Any:
    """A query of orders with the names of their account and service, to narrow and to run."""
    return (
        Order.select(Order, Account.name.alias("account_name"), Service.name.alias("service_name"))
        .join(Account)
        .switch(Order)
        .join(Service)
    )
