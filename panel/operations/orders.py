"""What an operator does with orders: change them, and settle the ones in review."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from panel import money, queries, submitted
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited
from panel.orders import dispatch, dripfeed, lookup, subscriptions, transition
from panel.providers import registry
from panel.submitted import Form


class Done(NamedTuple):
    """What came of an act on one order, in words: done, or refused."""

    order_id: int
    text: str
    refused: bool = False


def change(
    actor: Actor,
    order_id: int,
    *,
    status: str | None = None,
    start_count: int | None = None,
    remains: int | None = None,
) -> int:
    """Change an order; Partial and Canceled refund what remains, once.

    :returns: what was paid back by this very change, in micros.
    :raises OperatorError: for no such order, or a change that is not allowed.
    """
    given = {"status": status, "start count": start_count, "remains": remains}
    shown = ", ".join(f"{name} {value}" for name, value in given.items() if value is not None)
    with audited(actor, f"order {order_id}: set {shown}", order_id) as result:
        return result.refunded(
            transition.change(order_id, status=status, start_count=start_count, remains=remains)
        )


def chosen(
    order_ids: Sequence[int], word: str | None = None, provider_name: str | None = None
) -> list[int]:
    """The orders that an operator means: those given, or those held for a provider's word.

    :raises OperatorError: for no such provider, or where no order is held for the word.
    """
    if word is None:
        return list(dict.fromkeys(order_ids))
    provider_id = registry.get(provider_name).id if provider_name is not None else None
    found = queries.held_with_word(word, provider_id)
    if not found:
        raise OperatorError(f"no order is held for {word!r}")
    return found


def each(order_ids: Iterable[int], act: Callable[[int], str]) -> Iterator[Done]:
    """Do something with many orders, each for itself: what is refused stops no other.

    :param act: an operation on one order, which tells in words what was done.
    """
    for order_id in order_ids:
        try:
            yield Done(order_id, act(order_id))
        except OperatorError as error:
            yield Done(order_id, str(error), refused=True)


def begin_bulk(token: str) -> None:
    """Take the token of a form that acts on many orders, so that it is done once.

    The acts are audited each for itself.

    :raises SubmittedError: if the form was sent already.
    """
    submitted.claim(Form.BULK, token)


def refund(actor: Actor, order_id: int) -> int:
    """Cancel an order and refund its whole charge, whatever was delivered.

    :returns: what was paid back by this very change, in micros.
    :raises OperatorError: for no such order, or one that was refunded already.
    """
    with audited(actor, f"order {order_id}: refund", order_id) as result:
        everything = lookup.get(order_id).quantity
        return result.refunded(transition.change(order_id, status="Canceled", remains=everything))


def add_post(
    actor: Actor,
    order_id: int,
    quantity: int,
    provider_order: str | None = None,
    form_token: str = "",
) -> int:
    """Charge one post of a subscription: one fulfilled by hand, or one at its provider.

    :param provider_order: the provider's number of a post that could not be charged by itself.
    :param form_token: of the form that asks for it, which charges one post however often it is
        sent; "" without a form.
    :returns: the number of the post's own order.
    :raises OperatorError: for an order that is no such subscription, a quantity outside its
        limits, or funds that do not cover it.
    """
    theirs = f", the provider's {provider_order}" if provider_order else ""
    act = f"order {order_id}: charge a post of {quantity}{theirs}"
    with audited(actor, act, order_id) as result:
        post_id = subscriptions.add_post(order_id, quantity, provider_order, form_token)
        charge = lookup.get(post_id).charge_micros
        result.text = f"charged {money.with_currency(charge)}, as order {post_id}"
        return post_id


def resend(actor: Actor, order_id: int) -> None:
    """Send an order again that is in review, or held for a refusal: the provider has it not.

    :raises OperatorError: for an order that is neither, or that is not to be sent any more.
    """
    with audited(actor, f"order {order_id}: resend", order_id):
        dispatch.resend(order_id)


def attach(actor: Actor, order_id: int, provider_order: str) -> None:
    """Link an order in review to the provider's order that it turned out to be.

    :raises OperatorError: for an order that is not in review, or a number that cannot be its.
    """
    with audited(actor, f"order {order_id}: attach {provider_order}", order_id):
        dispatch.attach(order_id, provider_order)


def attach_part(actor: Actor, order_id: int, part: int, provider_order: str) -> int:
    """Say that a provider has a part of a drip-feed that is not known since a restore.

    :returns: the number of the part's own order.
    :raises OperatorError: for an order that is no such drip-feed, another part than its next one,
        or a number that cannot be the part's.
    """
    with audited(actor, f"order {order_id}: attach {provider_order} as part {part}", order_id):
        return dripfeed.attach_part(order_id, part, provider_order)


def fail(actor: Actor, order_id: int) -> int:
    """Give an order up that is in review, or held for a refusal: what remains is refunded.

    :returns: what was paid back by this very change, in micros.
    :raises OperatorError: for an order that is neither.
    """
    with audited(actor, f"order {order_id}: fail", order_id) as result:
        return result.refunded(dispatch.fail(order_id))
