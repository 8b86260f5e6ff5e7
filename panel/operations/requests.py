"""What an operator answers to requests of customers: refills and cancels."""

from panel.operations.audit import Actor, audited
from panel.orders import cancels, refills


def set_refill(actor: Actor, refill_id: int, status: str) -> None:
    """Set the status of a refill.

    :raises OperatorError: for no such refill, or a status that cannot follow.
    """
    with audited(actor, f"refill {refill_id}: set {status}", refills.order_of(refill_id)):
        refills.set_status(refill_id, status)


def accept_cancel(actor: Actor, cancel_id: int) -> int:
    """Accept a cancel request: its order becomes Canceled, and what remains is refunded.

    :returns: what was paid back by this very answer, in micros.
    :raises OperatorError: for no such request, or one that was answered already.
    """
    order_id = cancels.order_of(cancel_id)
    with audited(actor, f"cancel request {cancel_id}: accept", order_id) as result:
        return result.refunded(cancels.accept(cancel_id))


def reject_cancel(actor: Actor, cancel_id: int) -> None:
    """Reject a cancel request; its order goes on.

    :raises OperatorError: for no such request, or one that was answered already.
    """
    with audited(actor, f"cancel request {cancel_id}: reject", cancels.order_of(cancel_id)):
        cancels.reject(cancel_id)
