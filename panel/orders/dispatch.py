"""Sending an order to a provider: waiting, being sent, accepted, rejected, or in doubt.

No HTTP here: the worker sends what claim() gives it, and records what came of it.
"""

import logging
import re
import secrets
from typing import NamedTuple

from database import unavailable
from database.clock import now
from database.compiled_query import CompiledQuery, literal, param, rows
from database.transactions import immediate, savepoint
from models import Order, PendingChange, Provider
from panel.errors import OperatorError
from panel.orders import lookup, purchases, rejections, state
from panel.orders.events import events, record_event
from panel.orders.exchanges import Exchange
from panel.orders.lookup import StoredOrder
from panel.orders.purchases import Purchase
from panel.orders.refusal import Refusal
from panel.orders.transition import Change, Event, apply_change, apply_with_warning
from panel.providers import registry, words
from panel.providers.explain import describe

log = logging.getLogger("panel.orders")

RESEND_S = 5
MAX_RESEND_S = 300
MAX_RESENDS = 10
"""An order in doubt is sent again under its key, where the provider knows such keys: so often,
after pauses that double from the first to the second."""

RELEASED_AT = 0
"""When an order is to be sent that was released: before all others."""

UNTRUSTED_PAUSE_S = 60
"""How long an order is put off whose source waits for an operator."""

MAX_TOLD = 60
"""So much of a provider's name of a service stands in a warning."""

MOST_EXPIRED = 100
A_TRANSACTION = 50
"""So many orders are put off before others may write."""

_NO_NUMBER = re.compile(
    r"0+|-[0-9]*|-?[0-9]*[.][0-9]*|null|none|nan|-?infinity|undefined|true|false|array|object"
    r"|unknown|success|ok|done|error|fail|failed|pending|processing|completed|requested",
    re.IGNORECASE,
)
"""Zero, negative and broken numbers, and words that stand where a number is missing."""


class Outgoing(NamedTuple):
    """An order as it is to be sent: `parameters` are those of `add`, the service theirs.

    key: the same at every try, for a provider that takes an order under one key once.
    """

    order_id: int
    provider_id: int
    parameters: dict[str, str]
    key: str


_NEXT = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.dispatch_state == literal(state.WAITING))
        .where(Order.provider == param("provider_id"), Order.send_at <= param("now"))
        .where(Order.restored == 0)
        .order_by(Order.send_at, Order.id)
        .limit(1)
    )
)
_EXPIRED = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.held_because != literal(""), Order.held_because == literal("refusal"))
        .where(Order.dispatch_state == literal(state.WAITING), Order.send_at <= param("now"))
    )
)
_HOLDER = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.provider == param("provider_id"))
        .where(Order.provider_order == param("provider_order"))
        .limit(1)
    )
)


def any_to_send(provider_id: int) -> bool:
    """Whether an order waits for this provider, and is due."""
    return _NEXT.row(provider_id=provider_id, now=now()) is not None


def claim(provider_id: int) -> Outgoing | None:
    """Take the next order that waits for this provider, and mark it as being sent.

    The mark is on disk when this returns: from then on the order is never taken again, unless
    it is known that it was not sent, or the provider takes an order under one key once.
    """
    while True:
        with immediate(leaves=True):
            for _ in range(A_TRANSACTION):
                row = _NEXT.row(provider_id=provider_id, now=now())
                if row is None or purchases.is_stopped(provider_id):
                    return None
                if outgoing := _claim(lookup.get(row[0]), provider_id):
                    return outgoing


def _claim(order: StoredOrder, provider_id: int) -> Outgoing | None:
    try:
        with savepoint():
            return _begin_sending(order, provider_id)
    except Exception as error:  # whatever is wrong with it, the next ones can be sent
        if unavailable.reason(error):
            raise
        _put_in_review(order, error)
        return None


def _put_in_review(order: StoredOrder, error: Exception) -> None:
    log.exception("order %d cannot be sent", order.id)
    why = f"it cannot be sent: an internal error ({type(error).__name__})"
    apply_change(order, {"dispatch_state": state.IN_REVIEW, "warning": why}, Event("warning", why))


def expire_held() -> int:
    """Give up the orders that were held for a refusal until now; tell how many there were.

    Also where the provider is paused or stopped: a customer is paid back in time. At most
    MOST_EXPIRED, so that other things go on between.
    """
    expired = 0
    for (order_id,) in _EXPIRED.run(now=now()).fetchall():
        with immediate():
            expired += _expire(lookup.get(order_id))
        if expired == MOST_EXPIRED:
            break
    return expired


def _expire(order: StoredOrder) -> bool:
    """Give an order up if it is still held, unless an operator taught to wait."""
    if order.held_because != "refusal" or order.send_at > now() or _is_to_wait(order):
        return False
    try:
        with savepoint():
            _give_up(order)
    except Exception as error:  # whatever is wrong with it, the next ones are given up
        if unavailable.reason(error):
            raise
        _put_in_review(order, error)
    return True


def _give_up(order: StoredOrder) -> None:
    event = Event("refused", f"given up, nobody decided in time: {order.held_text}")
    apply_change(order, rejections.failure(order, order.held_text), event)


def _begin_sending(order: StoredOrder, provider_id: int) -> Outgoing | None:
    """Mark an order as being sent; None if it cannot be sent there now, or waits no longer."""
    if order.held_because == "refusal" and not _is_to_wait(order):
        _give_up(order)
        return None
    purchase = purchases.purchase_of(order)
    if purchase.provider_id != provider_id or purchase.source_id is None:
        apply_change(order, _find_source_again(order))
        return None
    if order.may_be_at_provider and not _takes_a_key_once(provider_id):
        # It did when the order was in doubt there, or the order was in doubt somewhere else.
        why = "it may be at the provider, which takes an order under one key more than once"
        in_review: Change = {"dispatch_state": state.IN_REVIEW, "warning": why}
        apply_change(order, in_review, Event("unknown", why))
        return None
    if change := purchases.untrusted_change(provider_id, purchase.source_id):
        warning = _not_trusted(order, change)
        apply_with_warning(order, {"send_at": now() + UNTRUSTED_PAUSE_S, "warning": warning})
        return None
    if order.held_text != COST_ACCEPTED and (why := purchases.dearer(order)):
        apply_with_warning(order, _hold_for_cost(why))
        return None
    if order.runs is not None and not (purchase.dripfeed or order.may_be_at_provider):
        # The provider has no drip-feed: panel.orders.dripfeed sends this order part by part.
        apply_change(order, {"dispatch_state": state.IN_PARTS, "poll_at": 0, **_RELEASED})
        return None
    return _mark_as_sending(order, purchase, provider_id)


def _hold_for_cost(why: str) -> Change:
    return {
        "held_because": "cost",
        "held_text": why,
        "send_at": now() + HELD_S,
        "warning": f"not sent: {why}: resend it all the same, or fail it (flask order)",
    }


def _mark_as_sending(order: StoredOrder, purchase: Purchase, provider_id: int) -> Outgoing:
    parameters = purchases.parameters(order, purchase)
    key = order.send_key or secrets.token_hex(16)
    change: Change = {"dispatch_state": state.SENDING, "send_key": key}
    if order.held_because:
        change |= _RELEASED
    if order.held_because == "funds" and order.send_at == RELEASED_AT:
        change["attempts"] = 0
    # What is sent is on disk before it leaves, whatever becomes of the worker.
    sent = Exchange(provider_id, "add", parameters)
    event = Event("sending", f"as service {purchase.provider_service}", sent)
    apply_change(order, change, event)
    return Outgoing(order.id, provider_id, parameters, key)


_RELEASED: Change = {"held_because": "", "held_text": ""}


def _is_to_wait(order: StoredOrder) -> bool:
    """Whether an operator has meanwhile taught that such a refusal passes by itself."""
    return words.refusal_meaning(order.provider_id, order.held_text) == Refusal.TEMPORARY


def _not_trusted(order: StoredOrder, change: PendingChange) -> str:
    """Why an order is put off, and what to do about it."""
    command = "flask attention"
    if change.source_id is not None:
        command = f"flask service confirm {order.service_id}"
    told = describe(change.kind, change.before[:MAX_TOLD], change.after[:MAX_TOLD])
    return f"not sent to {change.provider.name}: {told} ({command})"


def _find_source_again(order: StoredOrder) -> Change:
    """The service is bought elsewhere now, or nowhere: then a person must see to the order.

    Also to one that the provider may have already: another must not get it too.
    """
    if order.may_be_at_provider:
        return {"dispatch_state": state.IN_REVIEW}
    source = purchases.find_source(order.service_id, 1)
    if source is not None:
        return {"provider_id": source.provider_id, "source_rank": 1}
    return {
        "dispatch_state": state.NOT_FORWARDED,
        "provider_id": None,
        "warning": "the service has no provider any more",
    }


def record_accepted(
    order_id: int, provider_order: str, poll_at: int, answer: Exchange | None = None
) -> bool:
    """The provider has accepted the order, under this number of its own.

    A number that another order has already says nothing of this one: it waits for a person.

    :param poll_at: when to ask for its status first, in seconds since 1970.
    :param answer: how the provider said so.
    :returns: whether the number was no other order's.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state not in (state.SENDING, state.IN_REVIEW):
            return True
        other = holder(order.provider_id, provider_order)
        if other is not None and other != order_id:
            why = f"the provider gave the number of order {other}, {provider_order}"
            _mark_in_doubt(order, why, resend=False, answer=answer)
            return False
        _accept(order, provider_order, poll_at, answer)
        return True


def _accept(
    order: StoredOrder, provider_order: str, poll_at: int, answer: Exchange | None = None
) -> None:
    event = Event("sent", f"the provider's number is {provider_order}", answer)
    apply_change(order, acceptance(order, provider_order, poll_at), event)


def holder(provider_id: int | None, provider_order: str) -> int | None:
    """Which of our orders a provider's number belongs to."""
    row = _HOLDER.row(provider_id=provider_id, provider_order=provider_order)
    return row[0] if row else None


def acceptance(order: StoredOrder, provider_order: str, poll_at: int) -> Change:
    """The change by which an order is followed at its provider, at its cost."""
    return {
        "dispatch_state": state.SENT,
        "provider_order": provider_order,
        "cost_micros": purchases.cost(order),
        "poll_at": poll_at,
        "may_be_at_provider": False,
        "warning": "" if state.is_open(order.status) else f"sent, though it is {order.status}",
        **_RELEASED,
    }


def record_not_sent(
    order_id: int, why: str, retry_at: int, answer: Exchange | None = None
) -> None:
    """It is certain that the provider was not reached: the order waits for another try.

    :param retry_at: in seconds since 1970.
    :param answer: what was seen in place of one.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state != state.SENDING:
            return
        event = Event("refused", f"not sent: {why}", answer)
        # Of an earlier try, whose outcome is not known, this one tells nothing.
        if not order.may_be_at_provider and rejections.is_abandoned(order):
            apply_change(order, rejections.abandonment(order, why), event)
        else:
            change: Change = {
                "dispatch_state": state.WAITING,
                "send_at": retry_at,
                "warning": why,
            }
            apply_change(order, change, event)


def mark_in_doubt(
    order_id: int, why: str, resend: bool = True, answer: Exchange | None = None
) -> None:
    """Nobody knows whether the provider has the order: it waits for a person.

    A provider that takes an order under one key once is asked again instead, but not for an
    order that was moved by hand meanwhile.

    :param resend: False where asking again would tell nothing.
    :param answer: what was seen, if anything was.
    """
    with immediate():
        _mark_in_doubt(lookup.get(order_id), why, resend, answer)


def recover_interrupted() -> int:
    """See to the orders that a dead worker left as being sent; tell how many there were."""
    in_flight = Order.select(Order.id).where(
        state.orders_in_doubt(), Order.dispatch_state == state.SENDING
    )
    interrupted = rows(in_flight.tuples())
    for (order_id,) in interrupted:
        mark_in_doubt(order_id, "the worker ended while it was being sent")
    return len(interrupted)


def _mark_in_doubt(
    order: StoredOrder, why: str, resend: bool, answer: Exchange | None = None
) -> None:
    if order.dispatch_state != state.SENDING:
        return
    change: Change = {
        "dispatch_state": state.IN_REVIEW,
        "may_be_at_provider": True,
        "warning": why,
    }
    again = resend and state.is_untouched(order.status)
    doubts = _doubts(order.id)
    if again and doubts < MAX_RESENDS and _takes_a_key_once(order.provider_id):
        pause_s = min(RESEND_S * 2**doubts, MAX_RESEND_S)
        change |= {"dispatch_state": state.WAITING, "send_at": now() + pause_s}
    apply_change(order, change, Event("unknown", why, answer))


def _doubts(order_id: int) -> int:
    """How often the order was in doubt, since a person last saw to it."""
    kinds = [event["kind"] for event in events(order_id)]
    seen = len(kinds) - kinds[::-1].index("operator") if "operator" in kinds else 0
    return kinds[seen:].count("unknown")


def _takes_a_key_once(provider_id: int | None) -> bool:
    provider = Provider.get_or_none(Provider.id == provider_id)
    return provider is not None and provider.idempotent


def record_rejected(
    order_id: int, why: str, refusal: Refusal, hold_s: int, answer: Exchange | None = None
) -> Refusal:
    """The provider clearly rejected: try the second source, wait, hold, or give the order up.

    What an operator taught of such a refusal goes before what it seems to mean.

    :param hold_s: how long the order waits for an operator where the refusal is not known.
    :param answer: how the provider said so.
    :returns: what the refusal means, as far as anybody knows.
    """
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state != state.SENDING:
            return refusal
        refusal = words.refusal_meaning(order.provider_id, why) or refusal
        change = rejections.after_rejection(order, why, refusal, hold_s)
        apply_change(order, change, Event("refused", why, answer))
        if refusal == Refusal.RANGE and order.provider_id is not None:
            registry.want_sync(order.provider_id)
        return refusal


def resend(order_id: int) -> None:
    """Send an order again that the provider does not have: a person found so, or decided so.

    :raises OperatorError: if the order is neither in review nor held for a refusal, or is not to
        be sent any more.
    """
    with immediate():
        order = lookup.get(order_id)
        apply_change(order, resent(order), Event("operator", "resend"))


def resent(order: StoredOrder) -> Change:
    """What resend() changes.

    :raises OperatorError: as resend() does.
    """
    _check_undecided(order)
    if not state.is_untouched(order.status):
        raise OperatorError(f"order {order.id} is {order.status}, there is nothing to send")
    if rejections.cancel_is_pending(order.id):
        raise OperatorError(f"its customer asked to cancel order {order.id}: fail it instead")
    change: Change = {
        "dispatch_state": state.WAITING,
        "send_at": now(),
        "warning": "",
        "may_be_at_provider": False,
        **_RELEASED,
    }
    if order.held_because == "cost":
        change["held_text"] = COST_ACCEPTED
    return change


def attach(order_id: int, provider_order: str) -> None:
    """A person found that the provider has the order, under this number.

    :raises OperatorError: if the order is not in review, or another order has this number.
    """
    check_order_number(provider_order)
    with immediate():
        order = lookup.get(order_id)
        if order.dispatch_state != state.IN_REVIEW:
            raise OperatorError(f"order {order_id} does not need review")
        other = holder(order.provider_id, provider_order)
        if other not in (None, order_id):
            why = f"the provider's order {provider_order} belongs to order {other}"
            raise OperatorError(why, "provider_order")
        _accept(order, provider_order, now())
        record_event(order_id, "operator", f"attach {provider_order}")


def fail(order_id: int) -> int:
    """A person gives the order up: it is canceled, and what remains is paid back.

    :returns: what was paid back, in micros.
    :raises OperatorError: if the order is neither in review nor held for a refusal.
    """
    with immediate():
        order = lookup.get(order_id)
        return apply_change(order, failed(order), Event("operator", "fail"))


def failed(order: StoredOrder) -> Change:
    """What fail() changes.

    :raises OperatorError: as fail() does.
    """
    _check_undecided(order)
    return rejections.failure(order, "given up by the operator")


def _check_undecided(order: StoredOrder) -> None:
    """Whether an order is in review, or held for a refusal, for funds or for its cost."""
    is_held = order.dispatch_state == state.WAITING and order.held_because in REFUSED
    if order.dispatch_state != state.IN_REVIEW and not is_held:
        raise OperatorError(f"order {order.id} does not need review")


REFUSED = ("refusal", "funds", "cost")
"""Why an order is held that is not at a provider."""
COST_ACCEPTED = "sent at a loss, as the operator says"
"""The held_text of an order that is sent though it costs more than it was sold for."""
HELD_S = 10 * 366 * 86400
"""How long an order waits for an operator whom nothing else relieves."""


def is_order_number(text: str) -> bool:
    """Whether a text can be a provider's number of an order, whatever that looks like.

    Zero, negative and broken numbers and the words of programs for nothing are none.
    """
    return _can_be_number(text) and _NO_NUMBER.fullmatch(text) is None


def _can_be_number(text: str) -> bool:
    is_plain = text.isprintable() and not any(letter.isspace() for letter in text)
    return is_plain and 0 < len(text) <= 64 and "," not in text


def check_order_number(text: str) -> None:
    """Refuse a text that cannot be a provider's number of an order, as a person tells it.

    A person who says that a word is a number has seen it at the provider.

    :raises OperatorError: if it cannot be sent as one.
    """
    if not _can_be_number(text):
        raise OperatorError(f"{text!r} cannot be a provider's order number", "provider_order")


_FOR_FUNDS = CompiledQuery(
    lambda: (
        Order.select(Order.id)
        .where(Order.held_because != literal(""), Order.held_because == literal("funds"))
        .where(Order.provider == param("provider_id"))
        .order_by(Order.id)
    )
)


def waits_for_funds(provider_id: int) -> bool:
    """Whether orders wait until we have more funds at a provider."""
    return _FOR_FUNDS.row(provider_id=provider_id) is not None


def release_for_funds(provider_id: int) -> int:
    """Send the orders now that wait for funds at a provider; tell how many there were.

    The attempts of those that are sent count anew: funds that rise often, but not far enough,
    give no order up.
    """
    with immediate():
        waiting = _FOR_FUNDS.run(provider_id=provider_id).fetchall()
        for (order_id,) in waiting:
            apply_change(lookup.get(order_id), {"send_at": RELEASED_AT})
    return len(waiting)


def stop_release(provider_id: int) -> None:
    """Funds are used up again: what was released and not sent waits for its own time again."""
    with immediate():
        for (order_id,) in _FOR_FUNDS.run(provider_id=provider_id).fetchall():
            order = lookup.get(order_id)
            if order.send_at == RELEASED_AT:
                apply_change(order, {"send_at": now() + rejections.pause_s(order)})


def settle_refused(provider_id: int) -> int:
    """Settle the held orders whose refusal was taught meanwhile; tell how many there were."""
    query = Order.select(Order.id).where(
        Order.held_because != literal(""),
        Order.held_because == literal("refusal"),
        Order.provider == provider_id,
    )
    with immediate():
        return sum(_settle_refused(lookup.get(order_id)) for (order_id,) in rows(query.tuples()))


def _settle_refused(order: StoredOrder) -> bool:
    meaning = words.refusal_meaning(order.provider_id, order.held_text)
    if meaning is None:
        return False
    change: Change = {"send_at": now(), "warning": order.held_text, **_RELEASED}
    if meaning == Refusal.FINAL:
        change = rejections.failure(order, order.held_text)
    apply_change(order, change, Event("operator", f"the refusal means: {meaning}"))
    return True
