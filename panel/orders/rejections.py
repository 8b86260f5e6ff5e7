"""What becomes of an order that a provider clearly refused: computed, not yet written.

A refusal that is known is final, or passes by itself. One that is not known holds the order: it
is canceled and paid back only if no operator comes in time.
"""

from database.clock import now
from models import Cancel
from panel.orders import purchases, state
from panel.orders.lookup import StoredOrder
from panel.orders.refusal import Refusal
from panel.orders.transition import Change

MAX_ATTEMPTS = 24
"""After so many rounds of rejections an order is given up, and paid back."""

PAUSE_S = 60
MAX_PAUSE_S = 3600
"""Pauses between the rounds double from the first to the second."""

MAX_HELD_TEXT = 300

PASSING = (Refusal.TEMPORARY, Refusal.FUNDS)


def after_rejection(order: StoredOrder, why: str, refusal: Refusal, hold_s: int) -> Change:
    """What becomes of an order that its provider refused.

    :param hold_s: how long it waits for the operator where the refusal is not known.
    """
    if order.may_be_at_provider and refusal in PASSING:
        # Rejected unread, as by a rate limit: of the earlier try it tells nothing.
        return _resend_later(order, why)
    if order.may_be_at_provider and refusal == Refusal.UNKNOWN:
        return {"dispatch_state": state.IN_REVIEW, "warning": why}
    if is_abandoned(order):
        return abandonment(order, why)
    if second := _second_source(order):
        return {
            "dispatch_state": state.WAITING,
            "provider_id": second,
            "source_rank": order.source_rank + 1,
            "may_be_at_provider": False,
            "send_at": now(),
            "warning": why,
            **_remembered(refusal, why),
        }
    return _in_the_end(order, why, refusal, hold_s)


def _second_source(order: StoredOrder) -> int | None:
    """The provider to turn to, unless something about it waits for an operator."""
    second = purchases.find_source(order.service_id, order.source_rank + 1)
    if second is None or purchases.is_stopped(second.provider_id):
        return None
    is_trusted = purchases.untrusted_change(second.provider_id, second.id) is None
    return second.provider_id if is_trusted else None


def _remembered(refusal: Refusal, why: str) -> Change:
    """What the first source's refusal was, while the second one is tried.

    held_text keeps the words of a refusal that counts again if the second one refuses, too.
    """
    counts = refusal in (Refusal.FUNDS, Refusal.UNKNOWN)
    return {
        "is_temporary": refusal in PASSING,
        "held_because": "",
        "held_text": why[:MAX_HELD_TEXT] if counts else "",
    }


def _first_refusal(order: StoredOrder) -> Refusal:
    """What the first source's refusal was, of an order that the second one refused."""
    if order.source_rank == 1:
        return Refusal.FINAL
    if order.is_temporary:
        return Refusal.FUNDS if order.held_text else Refusal.TEMPORARY
    return Refusal.UNKNOWN if order.held_text else Refusal.FINAL


def _in_the_end(order: StoredOrder, why: str, refusal: Refusal, hold_s: int) -> Change:
    """What becomes of an order that every source refused: what may pass goes before the rest."""
    first = _first_refusal(order)
    passes = refusal in PASSING or first in PASSING
    if passes and order.attempts + 1 < MAX_ATTEMPTS:
        return {**_retry_later(order, why), **_for_funds(order, why, first, refusal)}
    source = purchases.find_source(order.service_id, 1)
    if hold_s and first == Refusal.UNKNOWN and source is not None:
        there: Change = {"source_rank": 1, "provider_id": source.provider_id}
        return {**_hold(order.held_text, hold_s), **there}
    if hold_s and refusal == Refusal.UNKNOWN:
        return _hold(why, hold_s)
    return failure(order, why)


def _hold(why: str, hold_s: int) -> Change:
    return {
        "dispatch_state": state.WAITING,
        "held_because": "refusal",
        "held_text": why[:MAX_HELD_TEXT],
        "is_temporary": False,
        "may_be_at_provider": False,
        "send_at": now() + hold_s,
        "warning": f"refused: {why} — resend it, fail it (flask order), or say what such a "
        "refusal means (flask provider word)",
    }


def _for_funds(order: StoredOrder, why: str, first: Refusal, refusal: Refusal) -> Change:
    """Where an order waits for funds, and the words that say so; empty where it does not."""
    if Refusal.FUNDS not in (first, refusal):
        return {}
    text = order.held_text if first == Refusal.FUNDS else why
    change: Change = {"held_because": "funds", "held_text": text[:MAX_HELD_TEXT]}
    if first == Refusal.FINAL:  # for the funds at this provider: the first is not asked again
        change |= {"provider_id": order.provider_id, "source_rank": order.source_rank}
    return change


def _retry_later(order: StoredOrder, why: str) -> Change:
    first = purchases.find_source(order.service_id, 1)
    return {
        "dispatch_state": state.WAITING,
        "provider_id": first.provider_id if first else order.provider_id,
        "source_rank": 1,
        "is_temporary": False,
        "may_be_at_provider": False,
        "attempts": order.attempts + 1,
        "send_at": now() + pause_s(order),
        "warning": why,
        "held_because": "",
        "held_text": "",
    }


def _resend_later(order: StoredOrder, why: str) -> Change:
    """Send an order in doubt to the same provider later; in the end a person sees to it."""
    again = order.attempts + 1 < MAX_ATTEMPTS
    return {
        "dispatch_state": state.WAITING if again else state.IN_REVIEW,
        "attempts": order.attempts + 1,
        "send_at": now() + pause_s(order),
        "warning": why,
    }


def pause_s(order: StoredOrder) -> int:
    """How long an order waits that was refused for now, by how often it was."""
    return min(PAUSE_S * 2**order.attempts, MAX_PAUSE_S)


def failure(order: StoredOrder, why: str) -> Change:
    """No provider takes the order: it is canceled, and what remains is paid back."""
    change: Change = {
        "dispatch_state": state.FAILED,
        "warning": why,
        "held_because": "",
        "held_text": "",
    }
    if state.is_open(order.status):
        change["status"] = "Canceled"
    return change


def is_abandoned(order: StoredOrder) -> bool:
    """Whether an order that was not accepted is not to be sent any more.

    Things may have happened while it was being sent: an order that was moved by hand is
    fulfilled by hand, and one that its customer asked to cancel is canceled now.
    """
    return not state.is_untouched(order.status) or cancel_is_pending(order.id)


def cancel_is_pending(order_id: int) -> bool:
    """Whether the customer's request to cancel an order waits."""
    return Cancel.select().where(Cancel.order == order_id, Cancel.status == "pending").exists()


def abandonment(order: StoredOrder, why: str) -> Change:
    """The order is sent no more; one that nobody has begun is canceled."""
    change: Change = {"dispatch_state": state.NOT_FORWARDED, "warning": why}
    if state.is_untouched(order.status):
        change["status"] = "Canceled"
    return change
