"""What an operator does with what is in doubt since a restore."""

from panel.operations.audit import Actor, audited
from panel.orders import restored


def release(actor: Actor, order_id: int) -> None:
    """Let an order, its refill and its cancel request go on: the operator has looked.

    :raises OperatorError: if nothing of it waits since a restore, or it cannot be sent.
    """
    with audited(actor, f"order {order_id}: release after a restore", order_id):
        restored.release(order_id)
