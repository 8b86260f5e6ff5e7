"""One-time passwords (TOTP, RFC 6238), and recovery codes that take their place.

The secret is stored as it is, for it is what the codes are made of; the database file is its
owner's alone. Of recovery codes only hashes are stored.
"""

import re
import secrets
from enum import StrEnum

import pyotp
from pyotp.exceptions import OTPVerificationError

from database.clock import now
from database.transactions import immediate
from models import Operator, RecoveryCode
from panel.errors import OperatorError
from panel.sign_in import tokens

CODES = 10
"""How many recovery codes there are."""

WINDOW_STEPS = 1
"""How many steps of 30 s a phone's clock may be off."""

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what is read as something else: i, l, o, 0 and 1."""
_CODE_LENGTH = 12

WRONG_CODE = "the code is wrong, or was used already"


class Kind(StrEnum):
    """What a code was."""

    ONE_TIME = "one-time password"
    RECOVERY = "recovery code"


def new_secret() -> str:
    """A secret of 160 random bits, in base32."""
    return pyotp.random_base32()


def uri(secret: str, name: str, panel: str) -> str:
    """What a QR code tells an app: the secret, whose it is, and where it is for."""
    # A colon separates panel and name there.
    issuer = panel.replace(":", " ")
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def turn_on(operator_id: int, secret: str, code: str) -> list[str]:
    """Ask an operator for one-time passwords from now on.

    :param code: the present code of the secret: an app has it then.
    :returns: the recovery codes, which cannot be shown again.
    :raises OperatorError: for a wrong code, or where they are on already.
    """
    step = _step(secret, _clean(code))
    if step is None:
        raise OperatorError(WRONG_CODE)
    with immediate():
        turned_on = (
            Operator.update(totp_secret=secret, totp_step=step)
            .where(Operator.id == operator_id, Operator.totp_secret == "")
            .execute()
        )
        if not turned_on:
            raise OperatorError("one-time passwords are on already")
        return _renew_codes(operator_id)


def turn_off(operator_id: int) -> None:
    """Ask an operator for no one-time password any more, and forget the recovery codes.

    :raises OperatorError: if they are off already.
    """
    with immediate():
        turned_off = (
            Operator.update(totp_secret="", totp_step=0)
            .where(Operator.id == operator_id, Operator.totp_secret != "")
            .execute()
        )
        if not turned_off:
            raise OperatorError("one-time passwords are off")
        RecoveryCode.delete().where(RecoveryCode.operator == operator_id).execute()


def take(operator: Operator, code: str) -> Kind | None:
    """Take a code of an operator, so that it is taken only once; None if it is wrong.

    A one-time password is wrong too if it or a later one was taken before.
    """
    cleaned = _clean(code)
    step = _step(operator.totp_secret, cleaned)
    with immediate():
        if step is not None and _take_step(operator, step):
            return Kind.ONE_TIME
        if _take_recovery_code(operator.id, cleaned):
            return Kind.RECOVERY
    return None


def _take_step(operator: Operator, step: int) -> bool:
    taken = (
        Operator.update(totp_step=step)
        .where(
            Operator.id == operator.id,
            Operator.totp_secret == operator.totp_secret,
            Operator.totp_step < step,
        )
        .execute()
    )
    return bool(taken)


def _take_recovery_code(operator_id: int, cleaned: str) -> bool:
    taken = (
        RecoveryCode.delete()
        .where(
            RecoveryCode.operator == operator_id,
            RecoveryCode.code_hash == tokens.hashed(cleaned),
        )
        .execute()
    )
    return bool(taken)


def renew_codes(operator_id: int) -> list[str]:
    """Give an operator new recovery codes; the old ones are void.

    :returns: the codes, which cannot be shown again.
    """
    with immediate():
        return _renew_codes(operator_id)


def _renew_codes(operator_id: int) -> list[str]:
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(CODES)]
    RecoveryCode.delete().where(RecoveryCode.operator == operator_id).execute()
    for code in codes:
        RecoveryCode.create(operator=operator_id, code_hash=tokens.hashed(code))
    return ["-".join(re.findall("....", code)) for code in codes]


def codes_left(operator_id: int) -> int:
    """How many recovery codes an operator has left."""
    return RecoveryCode.select().where(RecoveryCode.operator == operator_id).count()


def _clean(code: str) -> str:
    """A code as it is compared, however it was typed."""
    return re.sub(r"[\s-]", "", code[:100]).lower()


def _step(secret: str, cleaned: str) -> int | None:
    """The time step of a one-time password that is right now, or None."""
    if not secret or not re.fullmatch("[0-9]{6}", cleaned):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(
            cleaned, for_time=now(), valid_window=WINDOW_STEPS
        )
    except OTPVerificationError:
        return None
