"""Operators: who may sign in to the dashboard."""

import re
from functools import cache

from peewee import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from database.transactions import immediate
from models import Operator
from panel.errors import OperatorError

MIN_PASSWORD = 10
MAX_PASSWORD = 1000
"""A longer one would only keep the hash busy."""

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


def add(name: str, password: str) -> None:
    """Add an operator.

    :raises OperatorError: for a name or a password that cannot be used.
    """
    check_name(name)
    hashed = _hash(password)
    with immediate():
        try:
            Operator.create(name=name, password_hash=hashed)
        except IntegrityError:
            raise OperatorError(f"there is an operator {name} already") from None


def set_password(name: str, password: str) -> None:
    """Give an operator another password; who is signed in with the old one no longer is.

    :raises OperatorError: for no such operator, or a password that cannot be used.
    """
    hashed = _hash(password)
    with immediate():
        found = Operator.update(password_hash=hashed).where(Operator.name == name).execute()
        if not found:
            raise OperatorError(f"there is no operator {name}")


def remove(name: str) -> None:
    """Remove an operator; its audit lines stay.

    :raises OperatorError: if there is no such operator.
    """
    with immediate():
        if not Operator.delete().where(Operator.name == name).execute():
            raise OperatorError(f"there is no operator {name}")


def listing() -> list[Operator]:
    """All operators, oldest first."""
    return list(Operator.select().order_by(Operator.id))


def any_exists() -> bool:
    """Whether there is an operator at all: without one there is no dashboard."""
    return Operator.select().exists()


def find(operator_id: int) -> Operator | None:
    """The operator of this number, or None."""
    return Operator.get_or_none(Operator.id == operator_id)


def sign_in(name: str, password: str) -> Operator | None:
    """The operator of this name and password, or None.

    An unknown name takes as long as a wrong password.
    """
    operator = Operator.get_or_none(Operator.name == name)
    hashed = operator.password_hash if operator else _nobody()
    right = check_password_hash(hashed, password[:MAX_PASSWORD])
    return operator if right else None


def _hash(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise OperatorError(f"the password must have at least {MIN_PASSWORD} characters")
    return generate_password_hash(password)


@cache
def _nobody() -> str:
    return generate_password_hash("nobody's password")
