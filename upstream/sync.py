"""Asking providers how far orders and refills are, in batches, and handing that to the panel."""

from panel import progress, refills
from panel.progress import Report
from upstream import wording
from upstream.provider import NotSentError, Provider, RefusedError, UnknownError

BATCH = 100
"""The most orders that one request of the contract asks for."""


def ask_statuses(provider: Provider, batch: list[tuple[int, str]], ask_every_s: int) -> None:
    """Ask for the statuses of up to 100 orders and apply them.

    :param batch: our numbers with the provider's.
    :raises NotSentError, RefusedError, UnknownError: with nothing applied, and the orders put
        off, so that a batch that always fails does not stay the first.
    """
    try:
        answers = provider.statuses([provider_order for _, provider_order in batch])
    except (NotSentError, UnknownError):
        progress.put_off([order_id for order_id, _ in batch], ask_every_s)
        raise
    except RefusedError as error:
        if wording.may_pass(str(error)):
            progress.put_off([order_id for order_id, _ in batch], ask_every_s)
            raise
        answers = dict.fromkeys((n for _, n in batch), Report(odd=f"the provider says: {error}"))
    silent = Report(odd="the provider says nothing of this order")
    progress.apply(
        {order_id: answers.get(number, silent) for order_id, number in batch}, ask_every_s
    )


def ask_refills(provider: Provider, provider_id: int, ask_every_s: int) -> int:
    """Ask for the statuses of open refills, up to 100; tell how many there were.

    :raises NotSentError, RefusedError, UnknownError: after putting them off.
    """
    waiting = refills.refills_to_ask(provider_id)
    if waiting:
        refills.ask_refills_again([refill_id for refill_id, _ in waiting], ask_every_s)
        answers = provider.refill_statuses([number for _, number in waiting])
        refills.refills_reported({r: answers[n] for r, n in waiting if n in answers})
    return len(waiting)
