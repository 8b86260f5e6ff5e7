"""What a signed-in operator does with the own account: sessions, password, one-time passwords.

Whoever sits down at a browser that was left signed in does not know the password: it is asked for
again, and wrong ones are counted.
"""

from models import Operator
from panel import operators
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited
from panel.sign_in import attempts, sessions, totp


def end_session(actor: Actor, operator_id: int, session_id: int) -> None:
    """End one of the own sessions.

    :raises OperatorError: if there is no such session, or it is somebody else's.
    """
    with audited(actor, f"end session {session_id}"):
        sessions.end(operator_id, session_id)


def end_other_sessions(actor: Actor, operator_id: int, session_id: int) -> int:
    """End all own sessions but this one; how many there were."""
    with audited(actor, "end all other sessions"):
        return sessions.end_all(operator_id, but=session_id)


def change_password(
    actor: Actor, operator_id: int, session_id: int, present: str, new: str
) -> None:
    """Change the own password; all sessions but this one end.

    :raises OperatorError: for a wrong present password, or a new one that cannot be used.
    """
    with audited(actor, "new password"):
        operator = check_password(operator_id, present)
        operators.set_password(operator.name, new, keep_session=session_id)


def begin_totp(actor: Actor, operator_id: int, password: str) -> str:
    """Begin to set one-time passwords up: a new secret, which is not asked for yet.

    :raises OperatorError: for a wrong password, or where they are on already.
    """
    with audited(actor, "begin to set up one-time passwords"):
        if check_password(operator_id, password).totp_secret:
            raise OperatorError("one-time passwords are on already")
    return totp.new_secret()


def turn_on_totp(actor: Actor, operator_id: int, secret: str, code: str) -> list[str]:
    """Ask for one-time passwords from now on; the recovery codes, to be shown once.

    :raises OperatorError: for a wrong code, or where they are on already.
    """
    with audited(actor, "one-time passwords on"):
        return totp.turn_on(operator_id, secret, code)


def turn_off_totp(actor: Actor, operator_id: int, password: str, code: str) -> None:
    """Ask for no one-time passwords any more.

    :raises OperatorError: for a wrong password or code, or where they are off.
    """
    with audited(actor, "one-time passwords off"):
        _check_code(operator_id, password, code)
        totp.turn_off(operator_id)


def renew_recovery_codes(actor: Actor, operator_id: int, password: str, code: str) -> list[str]:
    """Make new recovery codes, to be shown once; the old ones are void.

    :raises OperatorError: for a wrong password or code, or where one-time passwords are off.
    """
    with audited(actor, "new recovery codes"):
        _check_code(operator_id, password, code)
        return totp.renew_codes(operator_id)


def check_password(operator_id: int, password: str, code: str | None = None) -> Operator:
    """The operator, if the password is right, and the code where one is given.

    Wrong ones are counted.

    :raises OperatorError: if it is wrong, or was too often.
    """
    subjects = [attempts.of_account(operator_id)]
    attempts.begin(subjects, is_known=True)
    operator = operators.find(operator_id)
    if operator is None or not operators.is_password(operator, password):
        raise OperatorError("the password is wrong")
    if code is not None and totp.take(operator, code) is None:
        raise OperatorError(totp.WRONG_CODE)
    attempts.clear(subjects)
    return operator


def _check_code(operator_id: int, password: str, code: str) -> None:
    operator = operators.find(operator_id)
    if operator is None or not operator.totp_secret:
        raise OperatorError("one-time passwords are off")
    check_password(operator_id, password, code)
