"""Asking providers how far orders and refills are, in batches, and handing that to the panel."""

from panel.orders import refills, status_sync
from panel.orders.status_sync import ProviderStatus
from upstream import vocabulary
from upstream.provider import OutcomeUnknown, Provider, ProviderRejected, ProviderUnreachable

BATCH = 100
"""The most orders that one request of the contract asks for."""


def poll_statuses(provider: Provider, batch: list[tuple[int, str]], poll_every_s: int) -> None:
    """Ask for the statuses of up to 100 orders and apply them.

    :param batch: our numbers with the provider's.
    :raises ProviderUnreachable, ProviderRejected, OutcomeUnknown: with nothing applied, and the
        orders put off, so that a batch that always fails does not stay the first.
    """
    try:
        answers = provider.statuses([provider_order for _, provider_order in batch])
    except (ProviderUnreachable, OutcomeUnknown):
        status_sync.poll_later([order_id for order_id, _ in batch], poll_every_s)
        raise
    except ProviderRejected as error:
        if vocabulary.is_temporary(str(error)):
            status_sync.poll_later([order_id for order_id, _ in batch], poll_every_s)
            raise
        answers = dict.fromkeys(
            (n for _, n in batch), ProviderStatus(odd=f"the provider says: {error}")
        )
    silent = ProviderStatus(odd="the provider says nothing of this order")
    status_sync.apply_statuses(
        {order_id: answers.get(number, silent) for order_id, number in batch}, poll_every_s
    )


def poll_refills(provider: Provider, provider_id: int, poll_every_s: int) -> int:
    """Ask for the statuses of open refills, up to 100; tell how many there were.

    :raises ProviderUnreachable, ProviderRejected, OutcomeUnknown: after putting them off.
    """
    waiting = refills.due_for_status(provider_id)
    if waiting:
        refills.poll_later([refill_id for refill_id, _ in waiting], poll_every_s)
        answers = provider.refill_statuses([number for _, number in waiting])
        refills.apply_statuses({r: answers[n] for r, n in waiting if n in answers})
    return len(waiting)
