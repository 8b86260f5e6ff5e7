"""Operators: who may sign in to the dashboard."""

import re
from enum import StrEnum
from functools import cache

from peewee import IntegrityError, fn
from werkzeug.security import check_password_hash, generate_password_hash

from database.transactions import immediate
from models import Operator, OperatorDevice, OperatorSession
from panel.errors import OperatorError
from panel.sign_in import sessions

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
"""A longer one would only keep the hash busy."""


class Role(StrEnum):
    """What an operator may do in the dashboard: everything, or only look."""

    OPERATOR = "operator"
    VIEWER = "viewer"


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}", re.ASCII)


def get(name: str) -> Operator:
    """The operator of this name.

    :raises OperatorError: if there is none.
    """
    operator = Operator.get_or_none(Operator.name == name)
    if operator is None:
        raise OperatorError(f"there is no operator {name}")
    return operator


def check_name(name: str) -> None:
    """Refuse a name that cannot be used, before the password is asked for.

    :raises OperatorError: naming what is wrong.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError(
            f"the name {name!r} cannot be used: 1 to 64 letters, digits and . _ @ + -, "
            "beginning with a letter or digit"
        )
    if Operator.select().where(Operator.name == name).exists():
        raise OperatorError(f"there is an operator {name} already")


def add(name: str, password: str, role: Role = Role.OPERATOR) -> None:
    """Add an operator.

    :raises OperatorError: for a name or a password that cannot be used.
    """
    check_name(name)
    hashed = _hash(password)
    with immediate():
        try:
            Operator.create(name=name, password_hash=hashed, role=role)
        except IntegrityError:
            raise OperatorError(f"there is an operator {name} already") from None


def set_password(name: str, password: str, keep_session: int | None = None) -> None:
    """Give an operator another password, and end all sessions.

    Known devices stay known, and one-time passwords stay on.

    :param keep_session: the session in which it is changed; it goes on.
    :raises OperatorError: for no such operator, or a password that cannot be used.
    """
    hashed = _hash(password)
    with immediate():
        found = Operator.update(password_hash=hashed).where(Operator.name == name).execute()
        if not found:
            raise OperatorError(f"there is no operator {name}")
        sessions.delete_all(get(name).id, but=keep_session)


def set_role(name: str, role: Role, keep_one: bool = False) -> None:
    """Let an operator change things, or only look; in sessions from the next page on.

    :param keep_one: whether to refuse it for the last one who may change things.
    :raises OperatorError: if there is no such operator.
    """
    with immediate():
        if keep_one and role is Role.VIEWER:
            _check_not_last(name)
        if not Operator.update(role=role).where(Operator.name == name).execute():
            raise OperatorError(f"there is no operator {name}")


def _check_not_last(name: str) -> None:
    """Refuse to take the last one away who may change things; inside immediate().

    :raises OperatorError: naming who that is.
    """
    others = Operator.select().where(Operator.name != name, Operator.role == Role.OPERATOR)
    if not others.exists():
        raise OperatorError(f"{name} is the last operator who may change anything")


def remove(name: str, keep_one: bool = False) -> None:
    """Remove an operator with its sessions, devices and codes; its audit lines stay.

    :param keep_one: whether to refuse it for the last one who may change things.
    :raises OperatorError: if there is no such operator.
    """
    with immediate():
        if keep_one:
            _check_not_last(name)
        if not Operator.delete().where(Operator.name == name).execute():
            raise OperatorError(f"there is no operator {name}")


def listing() -> list[Operator]:
    """All operators, oldest first."""
    return list(Operator.select().order_by(Operator.id))


def last_seen(operator_id: int) -> int | None:
    """When an operator was last seen in the dashboard, to a minute; None for never."""
    times = [
        model.select(fn.MAX(model.seen_at)).where(model.operator == operator_id).scalar()
        for model in (OperatorSession, OperatorDevice)
    ]
    return max((time for time in times if time is not None), default=None)


def any_exists() -> bool:
    """Whether there is an operator at all: without one there is no dashboard."""
    return Operator.select().exists()


def find(operator_id: int) -> Operator | None:
    """The operator of this number, or None."""
    return Operator.get_or_none(Operator.id == operator_id)


def find_name(name: str) -> Operator | None:
    """The operator of this name, or None."""
    return Operator.get_or_none(Operator.name == name)


def is_password(operator: Operator | None, password: str) -> bool:
    """Whether this is an operator's password; for None it takes as long to say no."""
    hashed = operator.password_hash if operator else _nobody()
    return check_password_hash(hashed, password[:MAX_PASSWORD]) and operator is not None


def sign_in(name: str, password: str) -> Operator | None:
    """The operator of this name and password, or None.

    An unknown name takes as long as a wrong password.
    """
    operator = find_name(name)
    return operator if is_password(operator, password) else None


def _hash(password: str) -> str:
    if len(password) < MIN_PASSWORD:
        raise OperatorError(f"the password must have at least {MIN_PASSWORD} characters")
    if len(password) > MAX_PASSWORD:
        raise OperatorError(f"the password must have at most {MAX_PASSWORD} characters")
    return generate_password_hash(password)


@cache
def _nobody() -> str:
    return generate_password_hash("nobody's password")
