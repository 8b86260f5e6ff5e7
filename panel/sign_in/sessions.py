"""Sessions of the dashboard: a row for each browser in which an operator is signed in.

The browser's cookie holds a random token, the row its hash. A session whose row is gone is over,
whoever has a copy of the cookie.
"""

from typing import Any

from database.clock import now
from database.transactions import immediate, write_if_free
from models import Operator, OperatorSession
from panel.errors import OperatorError
from panel.sign_in import devices, tokens

IDLE_S = 12 * 3600
"""A session ends so long after it was last seen."""

LIFE_S = 7 * 24 * 3600
"""A session ends so long after the sign-in, however much it is used."""

SEEN_EVERY_S = 60
"""How often it is written down that a session was seen: reading pages costs few writes."""

MAX_SESSIONS = 100
"""The most sessions of one operator; a new one ends the one that was seen longest ago."""


def begin(operator: Operator, address: str, device: str) -> str:
    """Begin a session of an operator whose password and code were checked; remove expired ones.

    :param device: what the browser calls itself, as a person reads it.
    :returns: the token for the cookie.
    :raises OperatorError: if the operator was removed meanwhile, or has another password or
        another secret of one-time passwords than those that were checked.
    """
    token = tokens.new()
    with immediate():
        present = Operator.get_or_none(Operator.id == operator.id)
        if present is None or _credentials(present) != _credentials(operator):
            raise OperatorError("the password was changed meanwhile; sign in again")
        OperatorSession.delete().where(~_is_alive()).execute()
        _delete_all_but_newest(operator.id, MAX_SESSIONS - 1)
        OperatorSession.create(
            operator=operator.id, token_hash=tokens.hashed(token), address=address, device=device
        )
    return token


def _credentials(operator: Operator) -> tuple[str, str]:
    return operator.password_hash, operator.totp_secret


def _is_alive() -> Any:
    """The condition of a session that is not over."""
    present = now()
    return (OperatorSession.seen_at > present - IDLE_S) & (
        OperatorSession.created_at > present - LIFE_S
    )


def _delete_all_but_newest(operator_id: int, kept: int) -> None:
    newest = (
        OperatorSession.select(OperatorSession.id)
        .where(OperatorSession.operator == operator_id)
        .order_by(OperatorSession.seen_at.desc(), OperatorSession.id.desc())
        .limit(kept)
    )
    OperatorSession.delete().where(
        OperatorSession.operator == operator_id, OperatorSession.id.not_in(newest)
    ).execute()


def find(token: str) -> OperatorSession | None:
    """The session of a cookie's token, with its operator; None if there is none, or it is over."""
    return (
        OperatorSession.select(OperatorSession, Operator)
        .join(Operator)
        .where(OperatorSession.token_hash == tokens.hashed(token), _is_alive())
        .first()
    )


def note_seen(session: OperatorSession, device_token: str) -> bool:
    """Write down that a session and its device were seen, unless that was done a moment ago.

    Nothing waits for it: it is left out while another writer is at work, and where the database
    cannot be written.

    :returns: whether it was written.
    """
    present = now()
    if 0 <= present - session.seen_at < SEEN_EVERY_S:
        return False

    def write() -> None:
        OperatorSession.update(seen_at=present).where(OperatorSession.id == session.id).execute()
        devices.note_seen(session.operator.id, device_token)

    return write_if_free(write)


def listing(operator_id: int) -> list[OperatorSession]:
    """An operator's sessions that are not over, the one seen last first."""
    query = OperatorSession.select().where(OperatorSession.operator == operator_id, _is_alive())
    return list(query.order_by(OperatorSession.seen_at.desc(), OperatorSession.id.desc()))


def end(operator_id: int, session_id: int) -> None:
    """End one session of an operator.

    :raises OperatorError: if the operator has no such session.
    """
    with immediate():
        ended = (
            OperatorSession.delete()
            .where(OperatorSession.operator == operator_id, OperatorSession.id == session_id)
            .execute()
        )
        if not ended:
            raise OperatorError(f"there is no session {session_id}, or it is over already")


def end_all(operator_id: int, but: int | None = None) -> int:
    """End all sessions of an operator, but for this one; how many there were."""
    with immediate():
        return delete_all(operator_id, but)


def delete_all(operator_id: int, but: int | None = None) -> int:
    """As end_all(), in the caller's transaction."""
    others = OperatorSession.operator == operator_id
    if but is not None:
        others &= OperatorSession.id != but
    return OperatorSession.delete().where(others).execute()
