"""What an operator does with operators: who may sign in to the dashboard, and in which role."""

from collections.abc import Callable

from panel import operators
from panel.operations.audit import Actor, audited
from panel.operators import Role
from panel.sign_in import attempts, devices, sessions, totp

Check = Callable[[], object]
"""Makes sure that whoever acts may: in the dashboard, that the own password is known. It raises
OperatorError otherwise; that is audited, too.
"""


def _nothing() -> None:
    """Whoever may run a command may do what it does."""


def add(
    actor: Actor,
    name: str,
    password: str,
    role: Role = Role.OPERATOR,
    check: Check = _nothing,
) -> None:
    """Add an operator.

    :param check: is called first.
    :raises OperatorError: for a name that cannot be used or is taken, or a bad password.
    """
    act = "add" if role is Role.OPERATOR else f"add as {role}"
    with audited(actor, f"operator {name}: {act}"):
        check()
        operators.add(name, password, role)


def set_password(actor: Actor, name: str, password: str, check: Check = _nothing) -> None:
    """Give an operator another password; its sessions end.

    :param check: is called first.
    :raises OperatorError: for no such operator, or a bad password.
    """
    with audited(actor, f"operator {name}: new password"):
        check()
        operators.set_password(name, password)


def set_role(
    actor: Actor, name: str, role: Role, check: Check = _nothing, keep_one: bool = False
) -> None:
    """Let an operator change things, or only look.

    :param check: is called first.
    :param keep_one: whether to refuse it for the last one who may change things.
    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: role {role}"):
        check()
        operators.set_role(name, role, keep_one)


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


def turn_off_totp(actor: Actor, name: str, check: Check = _nothing) -> None:
    """Let an operator sign in with the password alone, such as after the loss of a phone.

    :param check: is called first.
    :raises OperatorError: if there is no such operator, or one-time passwords are off.
    """
    with audited(actor, f"operator {name}: one-time passwords off"):
        check()
        totp.turn_off(operators.get(name).id)


def remove(actor: Actor, name: str, check: Check = _nothing, keep_one: bool = False) -> None:
    """Remove an operator; its sessions end, its audit lines stay.

    :param check: is called first.
    :param keep_one: whether to refuse it for the last one who may change things.
    :raises OperatorError: if there is no such operator.
    """
    with audited(actor, f"operator {name}: remove"):
        check()
        operators.remove(name, keep_one)
