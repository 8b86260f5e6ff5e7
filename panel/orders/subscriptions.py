"""Subscriptions: each post that is found is charged as an order of its own."""

import json

from database.connection import database
from database.transactions import immediate
from models import Account, Order
from panel import accounts, money, pricing
from panel.errors import NOT_ENOUGH_FUNDS, OperatorError, RequestRejected
from panel.orders import lookup
from panel.orders.events import record_event
from panel.orders.place import OrderRequest, insert_order


class UnpaidError(Exception):
    """A post was not charged, because the account's funds do not cover it."""


def add_posts(order_id: int, posts: list[tuple[str, int]]) -> str:
    """Charge the posts of a subscription that the provider reports for the first time.

    To be called inside immediate().

    :param posts: the provider's number and the quantity of each.
    :returns: what was wrong with them, or ''.
    :raises UnpaidError: if the funds ended; the posts before are charged.
    """
    subscription = lookup.get(order_id)
    known = {post.provider_order for post in Order.select().where(Order.parent == order_id)}
    wrong = ""
    for provider_order, quantity in posts:
        if provider_order in known:
            continue
        if why := _over_limit(subscription, len(known), quantity):
            wrong = f"post {provider_order}: {why}"
            continue
        _charge_post(subscription, provider_order, quantity)
        known.add(provider_order)
    return wrong


def _over_limit(subscription: Order, count: int, quantity: int) -> str:
    wanted = json.loads(subscription.parameters)
    if not wanted["min"] <= quantity <= wanted["max"]:
        return f"{quantity} is not from {wanted['min']} to {wanted['max']}"
    if "posts" in wanted and count >= wanted["posts"] + wanted.get("old_posts", 0):
        return "more posts than were ordered"
    return ""


def _charge_post(subscription: Order, provider_order: str, quantity: int) -> None:
    caller = accounts.caller(subscription.account_id)
    offer = pricing.offer_for(caller, subscription.service_id)
    charge = pricing.charge(offer, quantity)
    try:
        # A savepoint: a post that is not paid leaves nothing behind.
        with database.atomic():
            post = insert_order(
                subscription.account_id,
                offer,
                OrderRequest(subscription.link),
                quantity,
                charge,
                parent_id=subscription.id,
            )
    except RequestRejected as refusal:
        if refusal.problem is not NOT_ENOUGH_FUNDS:
            raise
        account = Account.get_by_id(subscription.account_id)
        short = money.format_exact(charge)
        raise UnpaidError(f"a post of {short} is more than {account.name} has") from None
    Order.update(
        dispatch_state="sent",
        provider=subscription.provider_id,
        provider_order=provider_order,
        poll_at=0,
    ).where(Order.id == post).execute()
    record_event(
        post, "sent", f"a post of order {subscription.id}, the provider's {provider_order}"
    )


def add_post(order_id: int, quantity: int) -> int:
    """Charge a post of a subscription that is fulfilled by hand; its order's number.

    :raises Invalid: if the order is no such subscription, or the post is over its limits or the
        account's funds.
    """
    with immediate():
        subscription = lookup.get(order_id)
        if subscription.quantity or subscription.status != "Active" or subscription.dispatch_state:
            raise OperatorError(f"order {order_id} is no active subscription fulfilled by hand")
        count = Order.select().where(Order.parent == order_id).count()
        if why := _over_limit(subscription, count, quantity):
            raise OperatorError(why)
        caller = accounts.caller(subscription.account_id)
        offer = pricing.offer_for(caller, subscription.service_id)
        wanted = OrderRequest(subscription.link)
        charge = pricing.charge(offer, quantity)
        try:
            return insert_order(caller.id, offer, wanted, quantity, charge, parent_id=order_id)
        except RequestRejected as refusal:
            raise OperatorError(refusal.problem.text) from None
