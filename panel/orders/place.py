"""Placing an order: the debit, the order and its ledger entry in one transaction."""

import json
from functools import partial
from typing import Any, NamedTuple

from database.compiled_query import CompiledQuery, param
from database.transactions import group_commit
from models import IdempotencyKey, Order
from panel import ledger, pricing, service_types
from panel.errors import (
    ACTIVE_LINK,
    IDEMPOTENCY_KEY_REUSED,
    RequestRejected,
    incorrect,
    quantity_above,
    quantity_below,
)
from panel.orders import state, transition


class OrderRequest(NamedTuple):
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


class Placed(NamedTuple):
    """An order's number, and whether it was placed by an earlier request under the same key."""

    order_id: int
    is_repeated: bool = False


class Retry(NamedTuple):
    """A client's idempotency key, and a hash of what it asks for under it."""

    key: str
    parameters_hash: bytes


_RETRIED = CompiledQuery(
    lambda: IdempotencyKey.select(IdempotencyKey.order, IdempotencyKey.parameters_hash).where(
        IdempotencyKey.account == param("account_id"), IdempotencyKey.key == param("key")
    )
)


_ON_LINK = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.service == param("service_id"), Order.link == param("link"))
        .where(state.open_orders())
        .limit(1)
    )
)


def placed_before(account_id: int, retry: Retry) -> int | None:
    """The order that this idempotency key gave before, if any.

    :raises RequestRejected: if it was used with other parameters.
    """
    row = _RETRIED.row(account_id=account_id, key=retry.key)
    if row is None:
        return None
    order_id, parameters_hash = row
    if parameters_hash != retry.parameters_hash:
        raise RequestRejected(IDEMPOTENCY_KEY_REUSED)
    return order_id


def place_order(
    account_id: int, offer: pricing.Offer, wanted: OrderRequest, request_id: str = ""
) -> int:
    """Place an order and debit its charge.

    :param request_id: of the request that asks for it.
    :returns: the order's number.
    :raises RequestRejected: for a quantity outside the service's range, a link that has an open
        order where the service allows one, or not enough funds.
    """
    quantity = _whole_quantity(offer, wanted)
    charge = pricing.charge(offer, quantity)
    return group_commit(partial(_place, account_id, offer, wanted, quantity, charge, request_id))


def place_once(
    account_id: int, offer: pricing.Offer, wanted: OrderRequest, retry: Retry, request_id: str
) -> Placed:
    """Place an order as place_order() does, unless the idempotency key has given one before.

    :raises RequestRejected: as place_order() and placed_before() do.
    """
    quantity = _whole_quantity(offer, wanted)
    charge = pricing.charge(offer, quantity)

    def place() -> Placed:
        if before := placed_before(account_id, retry):
            return Placed(before, is_repeated=True)
        order_id = _place(account_id, offer, wanted, quantity, charge, request_id)
        IdempotencyKey.create(
            account=account_id,
            key=retry.key,
            parameters_hash=retry.parameters_hash,
            order=order_id,
        )
        return Placed(order_id)

    return group_commit(place)


def _place(
    account_id: int,
    offer: pricing.Offer,
    wanted: OrderRequest,
    quantity: int,
    charge_micros: int,
    request_id: str,
) -> int:
    if offer.one_per_link and _ON_LINK.row(service_id=offer.id, link=wanted.link):
        raise RequestRejected(ACTIVE_LINK)
    return insert_charged(
        account_id, offer, wanted, quantity, charge_micros, request_id=request_id
    )


def insert_charged(
    account_id: int,
    offer: pricing.Offer,
    wanted: OrderRequest,
    quantity: int,
    charge_micros: int,
    *,
    parent_id: int | None = None,
    part: int | None = None,
    request_id: str = "",
) -> int:
    """Write an order and debit its charge; to be called inside immediate().

    :param quantity: the whole quantity, all runs together.
    :param parent_id: the drip-feed or subscription that this belongs to.
    :param part: which part of a drip-feed this is.
    :param request_id: of the request that asks for it; "" for what no request places.
    :returns: the order's number.
    :raises RequestRejected: Not enough funds on balance.
    """
    order_id = transition.insert_order(
        account_id=account_id,
        service_id=offer.id,
        link=wanted.link,
        quantity=quantity,
        charge_micros=charge_micros,
        dispatch_state=state.NOT_FORWARDED if offer.provider_id is None else state.WAITING,
        provider_id=offer.provider_id,
        parameters=json.dumps(wanted.details) if wanted.details else "{}",
        runs=wanted.runs,
        interval=wanted.interval,
        parent_id=parent_id,
        part=part,
        request_id=request_id,
    )
    ledger.post(account_id, "charge", -charge_micros, order_id=order_id)
    return order_id


def _whole_quantity(offer: pricing.Offer, wanted: OrderRequest) -> int:
    """What an order comes to, all runs together; 0 for a subscription, 1 for a package.

    :raises RequestRejected: if it is outside the service's range.
    """
    charged = service_types.SERVICE_TYPES[offer.type].charged
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
        raise RequestRejected(quantity_below(offer.min))
    if most > offer.max:
        raise RequestRejected(quantity_above(offer.max))
    if least > most:
        raise RequestRejected(incorrect("max"))
    return 0 if charged == "posts" else most
