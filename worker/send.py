"""Sending: one order, one cancel request or one refill at a time, and what came of it.

The claim is on disk before a request leaves, and no transaction is open while it is under way.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from panel.orders import cancels, dispatch, refills
from panel.orders.dispatch import Outgoing
from panel.orders.refusal import Refusal
from upstream import vocabulary
from upstream.provider import OutcomeUnknown, Provider, ProviderRejected, ProviderUnreachable

log = logging.getLogger("panel.worker")
T = TypeVar("T")

HOLD_S = 7200
"""How long an order waits for the operator after a refusal that is not known."""


def send(provider: Provider, order: Outgoing, poll_after_s: int, retry_after_s: int) -> None:
    """Send a claimed order, and record what the provider said.

    :param poll_after_s: when to ask for its status first.
    :param retry_after_s: when to try again, if the provider is not reached at all.
    :raises ProviderUnreachable, OutcomeUnknown: after recording it, so that the caller can pause.
    """
    try:
        number = provider.add(order)
    except ProviderUnreachable as error:
        dispatch.record_not_sent(order.order_id, str(error), int(time.time()) + retry_after_s)
        raise
    except ProviderRejected as error:
        if vocabulary.key_was_used(str(error)):
            dispatch.mark_in_doubt(order.order_id, str(error), resend=False)
            return
        passes = vocabulary.is_temporary(str(error))
        log.warning("order %d rejected: %s", order.order_id, error)
        refusal = Refusal.TEMPORARY if passes else Refusal.FINAL
        dispatch.record_rejected(order.order_id, str(error), refusal, HOLD_S)
    except OutcomeUnknown as error:
        log.warning("order %d is in doubt: %s", order.order_id, error)
        dispatch.mark_in_doubt(order.order_id, str(error))
        raise
    except Exception as error:
        # An error of our own: whether the request left is not known either.
        dispatch.mark_in_doubt(order.order_id, f"an internal error ({type(error).__name__})")
        raise
    else:
        dispatch.record_accepted(order.order_id, number, int(time.time()) + poll_after_s)


def send_cancels(provider: Provider, provider_id: int, retry_after_s: int) -> int:
    """Send waiting cancel requests to the provider, up to 100; tell how many there were.

    :raises ProviderUnreachable, OutcomeUnknown: after putting them off; to ask twice is harmless.
    """
    waiting = cancels.due_for_provider(provider_id)
    if not waiting:
        return 0
    numbers = [provider_order for _, provider_order in waiting]
    try:
        answers = _or_retry_later(
            lambda: provider.cancel(numbers),
            lambda: cancels.retry_later([c for c, _ in waiting], retry_after_s),
        )
    except ProviderRejected as error:
        log.warning("cancels rejected: %s", error)
        if vocabulary.is_temporary(str(error)):
            cancels.retry_later([c for c, _ in waiting], retry_after_s)
            return len(waiting)
        answers = dict.fromkeys(numbers, False)
    cancels.record_answers({cancel_id: answers.get(number, True) for cancel_id, number in waiting})
    return len(waiting)


def send_refill(provider: Provider, provider_id: int, retry_after_s: int) -> bool:
    """Send the next waiting refill to the provider; tell whether there was one.

    :raises ProviderUnreachable, OutcomeUnknown: after putting it off.
    """
    waiting = refills.next_for_provider(provider_id)
    if waiting is None:
        return False
    refill_id, provider_order = waiting
    try:
        number = _or_retry_later(
            lambda: provider.refill(provider_order),
            lambda: refills.retry_later(refill_id, retry_after_s),
        )
    except ProviderRejected as error:
        log.warning("refill %d rejected: %s", refill_id, error)
        if vocabulary.is_temporary(str(error)):
            refills.retry_later(refill_id, retry_after_s)
        else:
            refills.set_status(refill_id, "rejected")
    else:
        refills.record_accepted(refill_id, number, retry_after_s)
    return True


def _or_retry_later(ask: Callable[[], T], retry_later: Callable[[], None]) -> T:
    try:
        return ask()
    except (ProviderUnreachable, OutcomeUnknown):
        retry_later()
        raise
