"""What an operator does with operators: who may sign in to the dashboard, and in which role."""

from panel import operators
from panel.operations.audit import Actor, audited
from panel.operators import Role
from panel.sign_in import attempts, devices, sessions, totp


def add(actor: Actor, name: str, password: str, role: Role = Role.OPERATOR) -> None:
    """Add an operator.

    :raises OperatorError: for a name that cannot be used or is taken, or a bad password.
    """
    act = "add" if role is Role.OPERATOR else f"add as {role}"
    with audited(actor, f"operator {name}: {act}"):
        operators.add(name, password, role)


def set_password(actor: Actor, name: str, password: str) -> None:
    """Give an operator another password; its sessions end.

    :raises OperatorError: for no such operator, or a bad password.
    """
    with audited(actor, f"operator {name}: new password"):
        operators.set_password(name, password)


def set_role(actor: Actor, name: str, role: Role) -> None:
    """Let an operator change things, or only look.

    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: role {role}"):
        operators.set_role(name, role)


def end_sessions(actor: Actor, name: str) -> int:
    """End all sessions of an operator; how many there were.

    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: end all sessions"):
        return sessions.end_all(operators.get(name).id)


def unlock(actor: Actor, name: str) -> None:
    """Forget all wrong tries that keep an operator out: of its name, its devices, any network.

    Of any network, because nobody knows which one the operator is in.

    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: unlock"):
        operator = operators.get(name)
        hashes = devices.token_hashes(operator.id)
        known = [attempts.of_device(operator.id, token_hash) for token_hash in hashes]
        attempts.clear([attempts.of_name(name), attempts.of_account(operator.id), *known])
        attempts.clear_networks()


def turn_off_totp(actor: Actor, name: str) -> None:
    """Let an operator sign in with the password alone, such as after the loss of a phone.

    :raises OperatorError: if there is no such operator, or one-time passwords are off.
    """
    with audited(actor, f"operator {name}: one-time passwords off"):
        totp.turn_off(operators.get(name).id)


def remove(actor: Actor, name: str) -> None:
    """Remove an operator; its sessions end, its audit lines stay.

    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: remove"):
        operators.remove(name)
