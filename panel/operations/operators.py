"""What an operator does with operators: who may sign in to the dashboard."""

from panel import operators
from panel.operations.audit import Actor, audited


def add(actor: Actor, name: str, password: str) -> None:
    """Add an operator.

    :raises OperatorError: for a name that cannot be used or is taken, or a bad password.
    """
    with audited(actor, f"operator {name}: add"):
        operators.add(name, password)


def set_password(actor: Actor, name: str, password: str) -> None:
    """Give an operator another password; sessions with the old one end.

    :raises OperatorError: for no such operator, or a bad password.
    """
    with audited(actor, f"operator {name}: new password"):
        operators.set_password(name, password)


def remove(actor: Actor, name: str) -> None:
    """Remove an operator; its sessions end, its audit lines stay.

    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: remove"):
        operators.remove(name)
