"""What an operator does with orders: change them, and settle the ones in review."""

from typing import Any

from panel import queries
from panel.operations.audit import Actor, audited
from panel.orders import dispatch, lookup, subscriptions, transition


def change(
    actor: Actor,
    order_id: int,
    *,
    status: str | None = None,
    start_count: int | None = None,
    remains: int | None = None,
) -> dict[str, Any]:
    """Change an order; Partial and Canceled refund what remains, once.

    :returns: the order as it is now, with the names of its customer and service.
    :raises OperatorError: for no such order, or a change that is not allowed.
    """
    given = {"status": status, "start count": start_count, "remains": remains}
    shown = ", ".join(f"{name} {value}" for name, value in given.items() if value is not None)
    with audited(actor, f"order {order_id}: set {shown}"):
        transition.change(order_id, status=status, start_count=start_count, remains=remains)
    return queries.order_details(order_id)


def refund(actor: Actor, order_id: int) -> None:
    """Cancel an order and refund its whole charge, whatever was delivered.

    :raises OperatorError: for no such order, or one that was refunded already.
    """
    with audited(actor, f"order {order_id}: refund"):
        transition.change(order_id, status="Canceled", remains=lookup.get(order_id).quantity)


def add_post(actor: Actor, order_id: int, quantity: int) -> int:
    """Charge one post of a subscription that is fulfilled by hand.

    :returns: the number of the post's own order.
    :raises OperatorError: for an order that is no such subscription, a quantity outside its
        limits, or funds that do not cover it.
    """
    with audited(actor, f"order {order_id}: charge a post of {quantity}"):
        return subscriptions.add_post(order_id, quantity)


def resend(actor: Actor, order_id: int) -> None:
    """Send an order in review again: the provider does not have it.

    :raises OperatorError: for an order that is not in review, or that is not to be sent any more.
    """
    with audited(actor, f"order {order_id}: resend"):
        dispatch.resend(order_id)


def attach(actor: Actor, order_id: int, provider_order: str) -> None:
    """Link an order in review to the provider's order that it turned out to be.

    :raises OperatorError: for an order that is not in review, or a number that cannot be its.
    """
    with audited(actor, f"order {order_id}: attach {provider_order}"):
        dispatch.attach(order_id, provider_order)


def fail(actor: Actor, order_id: int) -> dict[str, Any]:
    """Give an order in review up: it is canceled, and what remains is refunded.

    :returns: the order as it is now, with the names of its customer and service.
    :raises OperatorError: for an order that is not in review.
    """
    with audited(actor, f"order {order_id}: fail"):
        dispatch.fail(order_id)
    return queries.order_details(order_id)
