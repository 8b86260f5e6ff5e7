"""Subscriptions: each post that is found is charged as an order of its own."""

import json
from collections.abc import Iterable

from database.transactions import immediate, savepoint
from models import Account
from panel import accounts, money, pricing, submitted
from panel.errors import NOT_ENOUGH_FUNDS, OperatorError, RequestRejected
from panel.orders import charges, dispatch, lookup, state
from panel.orders.interpret import hold
from panel.orders.lookup import StoredOrder
from panel.orders.place import OrderRequest, insert_charged
from panel.orders.provider_status import ProviderStatus
from panel.orders.transition import Change, Event, apply_change
from panel.submitted import Form


class UnpaidError(Exception):
    """A post was not charged, because the account's funds do not cover it."""


def unknown_children(order_id: int, children: Iterable[str]) -> list[str]:
    """Those of a provider's numbers that are no posts of this subscription yet."""
    known = {post.provider_order for post in lookup.parts_of(order_id)}
    return [number for number in dict.fromkeys(children) if number not in known]


def with_posts(subscription: StoredOrder, change: Change, reported: ProviderStatus) -> Change:
    """Charge the new posts of a subscription; it rests while they are not paid.

    Also at its end: what was delivered is owed, and asked for until it is paid. Posts that
    cannot be charged hold the subscription, which does not end meanwhile. To be called inside
    immediate().

    :param change: what the provider's status means without the posts.
    """
    try:
        wrong = charge_posts(subscription, _with_quantities(subscription, reported))
    except UnpaidError as error:
        unpaid: Change = {"status": "Paused", "warning": str(error)}
        return _with_cost(subscription, reported, unpaid)
    result: Change = {**change}
    text = "; ".join(f"post {number}: {why}" for number, why in wrong.items())
    if not text and not state.is_open(change.get("status", subscription.status)):
        text = _untold(subscription, reported)
    if text:
        warning = f"{text}: charge it by hand (flask order post), or set the order"
        result |= hold(subscription, "posts", text, warning)
        if not state.is_open(result.get("status", subscription.status)):
            result.pop("status", None)
    return _with_cost(subscription, reported, result)


def _untold(subscription: StoredOrder, reported: ProviderStatus) -> str:
    """Why a subscription that ends owes posts that the provider has not told of; or ''."""
    known = len(lookup.parts_of(subscription.id))
    if (reported.runs or 0) > known:
        return f"the provider counts {reported.runs} posts, and {known} are known"
    is_paid_for = charges.is_something(reported.charge)
    return "none of its posts is known" if not known and is_paid_for else ""


def _with_quantities(
    subscription: StoredOrder, reported: ProviderStatus
) -> list[tuple[str, int | None]]:
    """All posts that the provider names, with the quantity where it is told or can be no other."""
    wanted = json.loads(subscription.parameters)
    only = wanted["min"] if wanted["min"] == wanted["max"] else None
    told: dict[str, int | None] = dict.fromkeys(reported.children, only)
    return list({**told, **dict(reported.posts)}.items())


def _with_cost(subscription: StoredOrder, reported: ProviderStatus, change: Change) -> Change:
    """What the provider charges for the subscription beyond its posts is its own cost."""
    charge = reported.charge
    if charge is None or charge.micros == 0:
        return change
    posts = sum(post.cost_micros for post in lookup.parts_of(subscription.id))
    micros = charges.believed(charge, posts)
    if micros is not None:
        beyond = micros - posts
        if beyond <= charges.allowance(charge, posts):
            return {**change, "cost_micros": 0}
        said = f"{charges.TOO_HIGH} {charge.text} for posts of {money.format_exact(posts)}"
        change = {**change, "cost_micros": beyond}
    else:
        said = charges.not_taken(charge)
    warnings = [change.get("warning", ""), said]
    return {**change, "warning": "; ".join(text for text in warnings if text)}


def charge_posts(
    subscription: StoredOrder, posts: Iterable[tuple[str, int | None]]
) -> dict[str, str]:
    """Charge the posts of a subscription that the provider reports for the first time.

    To be called inside immediate().

    :param posts: the provider's number and the quantity of each; None where it is not known.
    :returns: the posts that cannot be charged, with what is wrong about each.
    :raises UnpaidError: if the funds ended; the posts before are charged.
    """
    known = {post.provider_order for post in lookup.parts_of(subscription.id)}
    wrong = {}
    for provider_order, quantity in posts:
        if provider_order in known:
            continue
        why = _why_not(subscription, provider_order, quantity, len(known))
        if why or quantity is None:
            wrong[provider_order] = why
            continue
        _charge_post(subscription, provider_order, quantity)
        known.add(provider_order)
    return wrong


def _why_not(
    subscription: StoredOrder, provider_order: str, quantity: int | None, count: int
) -> str:
    """Why a further post cannot be charged, or ''."""
    if quantity is None:
        return "its quantity is not known"
    other = dispatch.holder(subscription.provider_id, provider_order)
    if other is not None:
        return f"that is the number of order {other}"
    return _over_limit(subscription, count, quantity)


def _over_limit(subscription: StoredOrder, count: int, quantity: int) -> str:
    """Why a further post is outside what was ordered, or ''."""
    wanted = json.loads(subscription.parameters)
    if not wanted["min"] <= quantity <= wanted["max"]:
        return f"{quantity} is not from {wanted['min']} to {wanted['max']}"
    most = wanted.get("posts", 0) + wanted.get("old_posts", 0)
    if "posts" in wanted and most and count >= most:
        return "more posts than were ordered"
    return ""


def _charge_post(subscription: StoredOrder, provider_order: str, quantity: int) -> int:
    """Charge a post that the subscription's provider has under this number; its own number."""
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
    return post_id


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


def add_post(
    order_id: int, quantity: int, provider_order: str | None = None, form_token: str = ""
) -> int:
    """Charge a post of a subscription: one fulfilled by hand, or one at its provider.

    :param provider_order: the provider's number of a post that could not be charged by itself.
    :param form_token: of the form that asks for it; "" without one.
    :returns: the number of the post's own order.
    :raises OperatorError: if the order is no such subscription, or the post is over its limits
        or the account's funds.
    """
    if provider_order is not None:
        dispatch.check_order_number(provider_order)
    with immediate():
        submitted.refuse_repeated(Form.POST, form_token)
        subscription = lookup.get(order_id)
        _check_takes_posts(subscription, provider_order)
        posts = lookup.parts_of(order_id)
        if provider_order in {post.provider_order for post in posts} - {None}:
            raise OperatorError(f"post {provider_order} is charged already", "provider_order")
        why = over = _over_limit(subscription, len(posts), quantity)
        if provider_order is not None:
            why = _why_not(subscription, provider_order, quantity, len(posts))
        if why:
            raise OperatorError(why, "quantity" if why == over else "provider_order")
        try:
            post_id = _add_post(subscription, quantity, provider_order)
        except RequestRejected as rejection:
            raise OperatorError(rejection.problem.text) from None
        except UnpaidError as error:
            raise OperatorError(str(error)) from None
        submitted.remember(Form.POST, form_token, post_id)
        return post_id


def _add_post(subscription: StoredOrder, quantity: int, provider_order: str | None) -> int:
    if provider_order is None:
        return _insert_post(subscription, _offer(subscription), quantity)
    apply_change(subscription, {"poll_at": 0})
    return _charge_post(subscription, provider_order, quantity)


def _check_takes_posts(subscription: StoredOrder, provider_order: str | None) -> None:
    is_subscription = state.is_subscription(subscription.quantity)
    if provider_order is None:
        by_hand = subscription.dispatch_state == state.NOT_FORWARDED
        if not (is_subscription and subscription.status == "Active" and by_hand):
            raise OperatorError(
                f"order {subscription.id} is no active subscription fulfilled by hand"
            )
    elif not is_subscription or subscription.dispatch_state != state.SENT:
        raise OperatorError(f"order {subscription.id} is no subscription at a provider")
