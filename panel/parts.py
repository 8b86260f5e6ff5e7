"""Orders that are delivered piece by piece: the parts of a drip-feed, the posts of a subscription.

Each piece is an order of its own that goes its own way. A drip-feed was charged as a whole, so
its parts are charged nothing, and what they leave undelivered is paid back on the whole. A
subscription was charged nothing, so each of its posts is charged as it comes.
"""

import json

from models import Account, Cancel, Order, database, immediate, literal, now, rows
from panel import accounts, money, orders, services
from panel.errors import NOT_ENOUGH_FUNDS, Invalid, Refused
from panel.forwarding import note
from panel.orders import Wanted

AT_ONCE = 100


def tend(ask_every_s: int) -> None:
    """Move on the drip-feeds that are sent part by part: start parts, add up what they did."""
    query = (
        Order.select(Order.id)
        .where(Order.forward == literal("parts"), orders.is_open())
        .where(Order.due_at <= now())
        .order_by(Order.due_at)
        .limit(AT_ONCE)
    )
    for (order_id,) in rows(query.tuples()):
        with immediate():
            _tend(orders.get(order_id))
            Order.update(due_at=now() + ask_every_s).where(Order.id == order_id).execute()


def _tend(order: Order) -> None:
    parts = rows(Order.select().where(Order.parent == order.id).order_by(Order.part))
    open_ones = [part for part in parts if part.status in orders.OPEN]
    asked_to_stop = Cancel.get_or_none(Cancel.order == order.id, Cancel.status == "pending")
    stopping = asked_to_stop is not None or any(part.forward == "failed" for part in parts)
    if asked_to_stop is not None:
        _stop(open_ones)
    if parts:
        _add_up(order, parts, over=not open_ones and (stopping or len(parts) == order.runs))
    elif stopping:
        orders.advance(order.id, status="Canceled")
    is_due = not parts or now() >= parts[-1].created_at + (order.interval or 0) * 60
    if is_due and not stopping and not open_ones and len(parts) < (order.runs or 0):
        _start(order, len(parts) + 1)


def _start(order: Order, number: int) -> None:
    caller = accounts.caller(order.account_id)
    offer = services.price(caller, order.service_id)
    wanted = Wanted(order.link, details=json.loads(order.parameters))
    quantity = order.quantity // (order.runs or 1)
    orders.enter(order.account_id, offer, wanted, quantity, 0, parent_id=order.id, part=number)


def _stop(parts: list[Order]) -> None:
    """Cancel what was not sent, and have the provider asked for the rest, once."""
    for part in parts:
        if part.forward in ("", "waiting") and not part.maybe_taken:
            orders.advance(part.id, status="Canceled")
        elif Cancel.get_or_none(Cancel.order == part.id) is None:
            Cancel.create(order=part.id, status="pending")


def _add_up(order: Order, parts: list[Order], over: bool) -> None:
    left = sum(0 if part.status == "Completed" else part.remains for part in parts)
    remains = left + order.quantity - sum(part.quantity for part in parts)
    status = "In progress" if any(part.status != "Pending" for part in parts) else order.status
    if over:
        untouched = remains == order.quantity
        status = "Completed" if remains == 0 else "Canceled" if untouched else "Partial"
    orders.advance(order.id, status=status, start_count=parts[0].start_count, remains=remains)


class UnpaidError(Exception):
    """A post was not charged, because the account's funds do not cover it."""


def add_posts(order_id: int, posts: list[tuple[str, int]]) -> str:
    """Charge the posts of a subscription that the provider reports for the first time.

    To be called inside immediate().

    :param posts: the provider's number and the quantity of each.
    :returns: what was wrong with them, or ''.
    :raises UnpaidError: if the funds ended; the posts before are charged.
    """
    subscription = orders.get(order_id)
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
    offer = services.price(caller, subscription.service_id)
    charge = services.charge(offer, quantity)
    try:
        # A savepoint: a post that is not paid leaves nothing behind.
        with database.atomic():
            post = orders.enter(
                subscription.account_id,
                offer,
                Wanted(subscription.link),
                quantity,
                charge,
                parent_id=subscription.id,
            )
    except Refused as refusal:
        if refusal.problem is not NOT_ENOUGH_FUNDS:
            raise
        account = Account.get_by_id(subscription.account_id)
        short = money.format_exact(charge)
        raise UnpaidError(f"a post of {short} is more than {account.name} has") from None
    Order.update(
        forward="sent",
        provider=subscription.provider_id,
        provider_order=provider_order,
        due_at=0,
    ).where(Order.id == post).execute()
    note(post, "sent", f"a post of order {subscription.id}, the provider's {provider_order}")


def add_post(order_id: int, quantity: int) -> int:
    """Charge a post of a subscription that is fulfilled by hand; its order's number.

    :raises Invalid: if the order is no such subscription, or the post is over its limits or the
        account's funds.
    """
    with immediate():
        subscription = orders.get(order_id)
        if subscription.quantity or subscription.status != "Active" or subscription.forward:
            raise Invalid(f"order {order_id} is no active subscription fulfilled by hand")
        count = Order.select().where(Order.parent == order_id).count()
        if why := _over_limit(subscription, count, quantity):
            raise Invalid(why)
        caller = accounts.caller(subscription.account_id)
        offer = services.price(caller, subscription.service_id)
        wanted = Wanted(subscription.link)
        charge = services.charge(offer, quantity)
        try:
            return orders.enter(caller.id, offer, wanted, quantity, charge, parent_id=order_id)
        except Refused as refusal:
            raise Invalid(refusal.problem.text) from None
