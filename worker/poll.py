"""Asking providers how far orders and refills are, in batches, and handing that to the panel."""

from panel.orders import lookup, refills, state, status_sync, subscriptions
from panel.orders.provider_status import ProviderStatus
from panel.orders.refills import ProviderRefill
from upstream.tape import Tape, recorded_on
from worker.contact import Contact, inquire
from worker.inquiry import Inquiry

BATCH = 100
"""The most orders that one request of the contract asks for."""
ODD_SLOWER = 4
"""What the provider has no status for is asked for so much less often."""


def poll_statuses(contact: Contact, batch: list[tuple[int, str]], poll_every_s: int) -> None:
    """Ask for the statuses of up to 100 orders and apply them.

    :param batch: our numbers with the provider's.
    :raises ProviderUnreachable, ProviderRejected, OutcomeUnknown: where nothing was answered,
        with the orders put off, so that a batch that always fails does not stay the first.
    """
    tape = Tape(contact.provider_id)
    with recorded_on(tape):
        inquiry = _ask(contact, [number for _, number in batch])
        found = _with_children(contact, batch, inquiry)
    status_sync.apply_statuses(found, poll_every_s, tape.about)
    odd = _odd_words(inquiry)
    status_sync.apply_statuses(
        {order: ProviderStatus(odd=odd[number]) for order, number in batch if number in odd},
        poll_every_s * ODD_SLOWER,
        tape.about,
    )
    unanswered = [
        order for order, number in batch if number not in inquiry.found and number not in odd
    ]
    if inquiry.gave_up or inquiry.failure is not None:
        status_sync.poll_later(unanswered, poll_every_s)
    if inquiry.failure is not None:
        raise inquiry.failure


def _ask(contact: Contact, numbers: list[str]) -> Inquiry[ProviderStatus]:
    return inquire(contact, "status", contact.provider.statuses, numbers)


def _odd_words(inquiry: Inquiry[ProviderStatus]) -> dict[str, str]:
    """What stands in place of a status, by the provider's number.

    Where nothing at all was answered, what is not clear says nothing of a single order.
    """
    said = {number: f"the provider says: {why}" for number, why in inquiry.refused.items()}
    return said | (inquiry.unclear if inquiry.failure is None else {})


def _with_children(
    contact: Contact, batch: list[tuple[int, str]], inquiry: Inquiry[ProviderStatus]
) -> dict[int, ProviderStatus]:
    """The statuses by our numbers, with the quantities of a subscription's new posts.

    One of whose posts not all could be asked for now goes on for the rest of them.
    """
    found: dict[int, ProviderStatus] = {}
    for order_id, number in batch:
        if number not in inquiry.found:
            continue
        status = inquiry.found[number]
        new = _new_posts(order_id, status)
        if new:
            children = _ask_all(contact, new)
            status = _priced(status, children)
            if missing := [number for number in new if number not in children]:
                status = _unfinished(status, missing)
        found[order_id] = status
    return found


def _new_posts(order_id: int, status: ProviderStatus) -> list[str]:
    """The posts of a subscription that are no orders of ours yet, and without a quantity.

    The orders inside a drip-feed are its runs: they are only counted.
    """
    if not status.children or not state.is_subscription(lookup.get(order_id).quantity):
        return []
    return subscriptions.unknown_children(order_id, status.children)


def _ask_all(contact: Contact, numbers: list[str]) -> dict[str, int | None]:
    """The quantities of orders that the provider has; what was not answered is missing."""
    quantities: dict[str, int | None] = {}
    for start in range(0, len(numbers), BATCH):
        inquiry = _ask(contact, numbers[start : start + BATCH])
        quantities |= {number: status.quantity for number, status in inquiry.found.items()}
        quantities |= dict.fromkeys([*inquiry.refused, *inquiry.unclear])
        if inquiry.gave_up:
            break
    return quantities


def _priced(status: ProviderStatus, quantities: dict[str, int | None]) -> ProviderStatus:
    """A subscription's status with those of its posts whose quantity is known now."""
    known = {number: quantity for number, quantity in quantities.items() if quantity is not None}
    return status._replace(
        posts=(*status.posts, *known.items()),
        children=tuple(number for number in status.children if number not in known),
    )


def _unfinished(status: ProviderStatus, missing: list[str]) -> ProviderStatus:
    """A subscription's status while some posts are still to be asked for: it cannot end."""
    left = f"{len(missing)} of its posts are not known yet, such as {missing[0]}"
    return status._replace(
        status="Active",
        children=tuple(number for number in status.children if number not in missing),
        odd="; ".join(text for text in (status.odd, left) if text),
    )


def poll_refills(contact: Contact, poll_every_s: int) -> int:
    """Ask for the statuses of open refills, up to 100; tell how many there were.

    :raises ProviderUnreachable, ProviderRejected, OutcomeUnknown: after putting them off.
    """
    waiting = refills.due_for_status(contact.provider_id)
    if not waiting:
        return 0
    refills.poll_later([refill_id for refill_id, _ in waiting], poll_every_s)
    numbers = [number for _, number in waiting]
    tape = Tape(contact.provider_id)
    with recorded_on(tape):
        inquiry = inquire(contact, "refill_status", contact.provider.refill_statuses, numbers)
    answers = dict(inquiry.found)
    for number, why in inquiry.refused.items():
        answers[number] = ProviderRefill(None, f"the provider says: {why}")
    for number, why in inquiry.unclear.items():
        answers[number] = ProviderRefill(None, why)
    refills.apply_statuses(
        {refill: answers[number] for refill, number in waiting if number in answers}, tape.about
    )
    if inquiry.failure is not None:
        raise inquiry.failure
    return len(waiting)
