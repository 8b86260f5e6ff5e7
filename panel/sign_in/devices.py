"""Devices: browsers that an operator has signed in from before.

A device's wrong passwords are counted by themselves, so those of strangers do not lock it out. Its
cookie outlives the session, and gives nothing else: whoever has it still needs the password.
"""

from database.clock import now
from database.transactions import immediate
from models import OperatorDevice
from panel.sign_in import tokens

LIFE_S = 400 * 24 * 3600
"""A device that was not seen for so long is forgotten; browsers keep no cookie longer."""

MAX_DEVICES = 50
"""The most devices of one operator; a new one takes the place of the one seen longest ago."""


def is_known(operator_id: int, token: str) -> bool:
    """Whether an operator has signed in from the device with this token."""
    return bool(token) and (
        OperatorDevice.select()
        .where(
            OperatorDevice.operator == operator_id,
            OperatorDevice.token_hash == tokens.hashed(token),
            OperatorDevice.seen_at > now() - LIFE_S,
        )
        .exists()
    )


def remember(operator_id: int, token: str) -> str:
    """Remember the device that an operator has just signed in from; forget old ones.

    Several operators may share a device. A token that nobody was given is not taken: it could be
    known to whoever made it.

    :param token: of the device's cookie; '' if it has none.
    :returns: the token that its cookie is to hold.
    """
    with immediate():
        OperatorDevice.delete().where(OperatorDevice.seen_at <= now() - LIFE_S).execute()
        if not _is_given(token):
            token = tokens.new()
        if not note_seen(operator_id, token):
            _delete_all_but_newest(operator_id, MAX_DEVICES - 1)
            OperatorDevice.create(operator=operator_id, token_hash=tokens.hashed(token))
    return token


def _is_given(token: str) -> bool:
    return (
        OperatorDevice.select().where(OperatorDevice.token_hash == tokens.hashed(token)).exists()
    )


def _delete_all_but_newest(operator_id: int, kept: int) -> None:
    newest = (
        OperatorDevice.select(OperatorDevice.token_hash)
        .where(OperatorDevice.operator == operator_id)
        .order_by(OperatorDevice.seen_at.desc(), OperatorDevice.created_at.desc())
        .limit(kept)
    )
    OperatorDevice.delete().where(
        OperatorDevice.operator == operator_id, OperatorDevice.token_hash.not_in(newest)
    ).execute()


def note_seen(operator_id: int, token: str) -> bool:
    """Write down that an operator's device was seen, in the caller's transaction.

    :returns: whether the operator has such a device.
    """
    seen = OperatorDevice.update(seen_at=now()).where(
        OperatorDevice.operator == operator_id, OperatorDevice.token_hash == tokens.hashed(token)
    )
    return bool(seen.execute())


def token_hashes(operator_id: int) -> list[bytes]:
    """What is stored of an operator's devices."""
    query = OperatorDevice.select(OperatorDevice.token_hash)
    return [row.token_hash for row in query.where(OperatorDevice.operator == operator_id)]
