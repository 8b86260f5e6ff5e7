"""Sending: one order, cancel requests or one refill at a time, and what came of it.

The claim is on disk before a request leaves, and no transaction is open while it is under way.
"""

import logging
import time
from functools import partial

from panel.orders import cancels, dispatch, refills
from panel.orders.cancels import CancelAnswer
from panel.orders.dispatch import Outgoing
from panel.orders.exchanges import Exchange
from panel.orders.refusal import Refusal
from upstream import vocabulary
from upstream.provider import (
    NoNumber,
    OutcomeUnknown,
    Provider,
    ProviderRejected,
    ProviderUnreachable,
)
from upstream.tape import Tape, recorded_on
from worker.contact import Contact, inquire
from worker.inquiry import SILENCE
from worker.outages import Record, at_once

log = logging.getLogger("panel.worker")

REFILL_SLOWER = 40
"""A refill that is not possible yet is asked for so much less often than anything else."""


def send(
    provider: Provider,
    order: Outgoing,
    poll_after_s: int,
    retry_after_s: int,
    hold_s: int,
    record: Record = at_once,
) -> Refusal | None:
    """Send a claimed order, and record what the provider said.

    :param poll_after_s: when to ask for its status first.
    :param retry_after_s: when to try again, if the provider is not reached at all.
    :param hold_s: how long it waits for the operator after a refusal that is not known.
    :param record: runs the write that records it.
    :returns: what its refusal means; None for an order that was not refused.
    :raises ProviderUnreachable, OutcomeUnknown: after recording it, so that the caller can pause.
    :raises ProviderRejected: likewise, for a refusal that every order would meet for now.
    """
    order_id = order.order_id
    tape = Tape(order.provider_id)
    try:
        with recorded_on(tape):
            number = provider.add(order)
    except ProviderUnreachable as error:
        why, retry_at = str(error), int(time.time()) + retry_after_s
        not_sent = partial(dispatch.record_not_sent, order_id, why, retry_at, _answer(tape))
        record(not_sent, f"order {order_id} was not sent: {why}")
        raise
    except ProviderRejected as error:
        why = str(error)
        refused = partial(_record_refusal, order_id, why, hold_s, _answer(tape))
        refusal = record(refused, f"order {order_id} was rejected: {why}")
        if refusal == Refusal.TEMPORARY and not vocabulary.is_about_the_order(why):
            raise
        return refusal
    except OutcomeUnknown as error:
        log.warning("order %d is in doubt: %s", order_id, error)
        doubt = partial(dispatch.mark_in_doubt, order_id, str(error), answer=_answer(tape))
        record(doubt, f"order {order_id} is in doubt: {error}")
        raise
    except Exception as error:
        # An error of our own: whether the request left is not known either.
        why = f"an internal error ({type(error).__name__})"
        doubt = partial(dispatch.mark_in_doubt, order_id, why, answer=_answer(tape))
        record(doubt, f"order {order_id}: {why}")
        raise
    else:
        poll_at = int(time.time()) + poll_after_s
        accepted = partial(dispatch.record_accepted, order_id, number, poll_at, _answer(tape))
        if not record(accepted, f"order {order_id} is the provider's order {number}"):
            raise OutcomeUnknown(f"it gave another order's number, {number}")
        return None


def _answer(tape: Tape) -> Exchange | None:
    """What came back of an order; what was sent is written down since it was claimed."""
    exchange = tape.last()
    return exchange._replace(sent={}) if exchange else None


def _record_refusal(
    order_id: int, why: str, hold_s: int, answer: Exchange | None
) -> Refusal | None:
    """Record a refusal, and tell what it means; None where the order was taken before."""
    if vocabulary.key_was_used(why):
        dispatch.mark_in_doubt(order_id, why, resend=False, answer=answer)
        return None
    log.warning("order %d rejected: %s", order_id, why)
    return dispatch.record_rejected(order_id, why, vocabulary.refusal(why), hold_s, answer)


def send_cancels(contact: Contact, retry_after_s: int) -> int:
    """Send waiting cancel requests to the provider, up to 100; tell how many there were.

    What the provider takes without a word is passed on: the order's status will tell.

    :raises ProviderUnreachable, ProviderRejected, OutcomeUnknown: if nothing was answered, after
        with the requests put off; to ask twice is harmless.
    """
    waiting = cancels.due_for_provider(contact.provider_id)
    if not waiting:
        return 0
    # Put off first: what cannot be recorded is not asked for.
    cancels.retry_later([cancel_id for cancel_id, _ in waiting], retry_after_s)
    numbers = [provider_order for _, provider_order in waiting]
    tape = Tape(contact.provider_id)
    with recorded_on(tape):
        inquiry = inquire(contact, "cancel", contact.provider.cancel, numbers)
    answers = {number: True for number, why in inquiry.unclear.items() if why == SILENCE}
    answers |= inquiry.found | dict.fromkeys(inquiry.refused, False)
    for number, why in inquiry.refused.items():
        log.warning("cancel of the provider's order %s rejected: %s", number, why)
    accepted = {
        cancel: CancelAnswer(answers[number], inquiry.refused.get(number, ""), tape.about(number))
        for cancel, number in waiting
        if number in answers
    }
    told = {cancel: answer.accepted for cancel, answer in accepted.items()}
    contact.record(partial(cancels.record_answers, accepted), f"cancel requests: {told}")
    if inquiry.failure is not None:
        raise inquiry.failure
    return len(waiting)


def send_refill(contact: Contact, retry_after_s: int) -> bool:
    """Send the next waiting refill to the provider; tell whether there was one.

    :raises ProviderUnreachable, OutcomeUnknown: if there was no answer, with it put off.
    """
    waiting = refills.next_for_provider(contact.provider_id)
    if waiting is None or not contact.wait():
        return False
    refill_id, provider_order = waiting
    # Put off first: what cannot be recorded is not asked for.
    refills.retry_later(refill_id, retry_after_s)
    tape = Tape(contact.provider_id)
    try:
        with recorded_on(tape):
            number = _ask_for_refill(contact, provider_order)
    except NoNumber as error:
        log.warning("refill %d has no number: %s", refill_id, error)
        why = str(error)
        write = partial(refills.record_unnumbered, refill_id, why, retry_after_s, tape.last())
        contact.record(write, f"refill {refill_id} has no number: {why}")
    except OutcomeUnknown as error:
        write = partial(refills.record_unclear, refill_id, str(error), retry_after_s, tape.last())
        contact.record(write, f"refill {refill_id} is in doubt: {error}")
        raise
    except ProviderRejected as error:
        log.warning("refill %d rejected: %s", refill_id, error)
        write = partial(_record_refused_refill, refill_id, str(error), retry_after_s, tape.last())
        contact.record(write, f"refill {refill_id} was rejected: {error}")
    else:
        write = partial(refills.record_accepted, refill_id, number, retry_after_s, tape.last())
        contact.record(write, f"refill {refill_id} is the provider's refill {number}")
    return True


def _record_refused_refill(
    refill_id: int, why: str, retry_after_s: int, answer: Exchange | None
) -> None:
    """A refill that is not possible yet is asked for again, another is rejected."""
    if vocabulary.is_temporary(why):
        refills.record_unclear(refill_id, why, retry_after_s * REFILL_SLOWER, answer)
    else:
        refills.record_rejected(refill_id, why, answer)


def _ask_for_refill(contact: Contact, provider_order: str) -> str:
    """The number of a refill, which some providers give only to those that ask with a list."""
    try:
        return contact.provider.refill(provider_order)
    except ProviderRejected as error:
        if not vocabulary.refuses_the_form(str(error)) or not contact.wait():
            raise
    return contact.provider.refill(provider_order, listed=True)
