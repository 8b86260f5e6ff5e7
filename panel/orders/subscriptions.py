"""Subscriptions: each post that is found is charged as an order of its own."""

import json
from collections.abc import Sequence

from database.transactions import immediate, savepoint
from models import Account
from panel import accounts, money, pricing
from panel.errors import NOT_ENOUGH_FUNDS, OperatorError, RequestRejected
from panel.orders import dispatch, lookup, state
from panel.orders.lookup import StoredOrder
from panel.orders.place import OrderRequest, insert_charged
from panel.orders.transition import Event, apply_change


def unknown_children(order_id: int, children: Sequence[str]) -> list[str]:
    """The provider's numbers of a subscription's posts that are no orders of ours yet.

    Empty for every order that is no subscription.
    """
    if not state.is_subscription(lookup.get(order_id).quantity):
        return []
    known = {post.provider_order for post in lookup.parts_of(order_id)}
    return [number for number in children if number not in known]


class UnpaidError(Exception):
    """A post was not charged, because the account's funds do not cover it."""


def charge_posts(subscription: StoredOrder, posts: list[tuple[str, int]]) -> str:
    """Charge the posts of a subscription that the provider reports for the first time.

    To be called inside immediate().

    :param posts: the provider's number and the quantity of each.
    :returns: what was wrong with them, or ''.
    :raises UnpaidError: if the funds ended; the posts before are charged.
    """
    known = {post.provider_order for post in lookup.parts_of(subscription.id)}
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


def _over_limit(subscription: StoredOrder, count: int, quantity: int) -> str:
    """Why a further post is outside what was ordered, or ''."""
    wanted = json.loads(subscription.parameters)
    if not wanted["min"] <= quantity <= wanted["max"]:
        return f"{quantity} is not from {wanted['min']} to {wanted['max']}"
    if "posts" in wanted and count >= wanted["posts"] + wanted.get("old_posts", 0):
        return "more posts than were ordered"
    return ""


def _charge_post(subscription: StoredOrder, provider_order: str, quantity: int) -> None:
    """Charge a post that the subscription's provider has under this number."""
    offer = _offer(subscription)._replace(provider_id=subscription.provider_id)
    charge = pricing.charge(offer, quantity)
    try:
        # A savepoint: a post that is not paid leaves nothing behind.
        with savepoint():
            post_id = _insert_post(subscription, offer, quantity)
    except RequestRejected as rejection:
        if rejection.problem is not NOT_ENOUGH_FUNDS:
            raise
        account = Account.get_by_id(subscription.account_id)
        short = money.format_exact(charge)
        raise UnpaidError(f"a post of {short} is more than {account.name} has") from None
    note = f"a post of order {subscription.id}, the provider's {provider_order}"
    post = lookup.get(post_id)
    bought = post._replace(source_rank=subscription.source_rank)
    change = dispatch.acceptance(bought, provider_order, poll_at=0)
    apply_change(post, {**change, "source_rank": bought.source_rank}, Event("sent", note))


def _offer(subscription: StoredOrder) -> pricing.Offer:
    """The service at its present rate for the subscription's account."""
    return pricing.offer_for(accounts.caller(subscription.account_id), subscription.service_id)


def _insert_post(subscription: StoredOrder, offer: pricing.Offer, quantity: int) -> int:
    return insert_charged(
        subscription.account_id,
        offer,
        OrderRequest(subscription.link),
        quantity,
        pricing.charge(offer, quantity),
        parent_id=subscription.id,
    )


def add_post(order_id: int, quantity: int) -> int:
    """Charge a post of a subscription that is fulfilled by hand; its order's number.

    :raises OperatorError: if the order is no such subscription, or the post is over its limits
        or the account's funds.
    """
    with immediate():
        subscription = lookup.get(order_id)
        by_hand = subscription.dispatch_state == state.NOT_FORWARDED
        is_active = (
            state.is_subscription(subscription.quantity) and subscription.status == "Active"
        )
        if not (is_active and by_hand):
            raise OperatorError(f"order {order_id} is no active subscription fulfilled by hand")
        if why := _over_limit(subscription, len(lookup.parts_of(order_id)), quantity):
            raise OperatorError(why)
        try:
            return _insert_post(subscription, _offer(subscription), quantity)
        except RequestRejected as rejection:
            raise OperatorError(rejection.problem.text) from None
