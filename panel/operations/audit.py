"""The audit: who did what, and what came of it.

A line's kind is read from the beginning of its act, so that no operation can forget to name it.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

from peewee import PeeweeException

from database.clock import now
from database.transactions import immediate
from models import AuditLine
from panel.errors import OperatorError, ProviderFailed, RequestRejected
from panel.money import with_currency

DAY_S = 24 * 3600
SEARCHED = 500
"""How many of an actor's lines are looked through for those of the last day."""

MAX_TEXT = 1000
"""The most characters of an act or an outcome that are kept."""

log = logging.getLogger("panel")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What would break a line, move a cursor, or turn the direction in which the line is read."""


class Actor(NamedTuple):
    """Who does something, and from where.

    name: an operator's name, or a name in brackets for a way in that needs no sign-in, such as
        "(command line)".
    address: the IP address that the operator is signed in from; "" on the command line.
    """

    name: str
    address: str = ""


class Kind(StrEnum):
    """What an act is about."""

    ORDER = "order"
    CUSTOMER = "customer"
    SERVICE = "service"
    PROVIDER = "provider"
    SIGN_IN = "sign-in"
    PANEL = "panel"


_BEGINNINGS = {
    Kind.ORDER: ("order ", "refill ", "cancel request "),
    Kind.CUSTOMER: ("customer ",),
    Kind.SERVICE: ("service ", "services "),
    Kind.PROVIDER: ("provider ",),
    Kind.SIGN_IN: (
        "sign in", "sign out", "end session ", "end all other sessions", "new password",
        "begin to set up one-time passwords", "one-time passwords ", "new recovery codes",
        "operator ",
    ),
}  # fmt: skip
"""How the acts of each kind begin; all others are of the panel itself. The migration that added
the kinds has the same beginnings.
"""


def kind_of(act: str) -> Kind:
    """What an act is about, by how it begins."""
    for kind, beginnings in _BEGINNINGS.items():
        if act.startswith(beginnings):
            return kind
    return Kind.PANEL


class Result:
    """What the outcome of an act says beside that it is done, such as the amount that moved."""

    def __init__(self) -> None:
        self.text = ""

    def refunded(self, micros: int) -> int:
        """Say what was paid back, where that is something; the same amount."""
        if micros:
            self.text = f"refunded {with_currency(micros)}"
        return micros


@contextmanager
def audited(actor: Actor, act: str, order_id: int | None = None) -> Iterator[Result]:
    """Write an audit line before the act begins, and its outcome when it has ended.

    The line is committed first, so nothing is done without a trace. The outcome is "done", with
    the result's text behind a colon where there is one, "refused: why" or, where a provider did
    not answer, "failed: why"; after any other error the line keeps saying "begun", and also where
    the outcome cannot be written: what was done is not told as failed for that. To be called
    outside a transaction.

    :param act: what is done to what, such as "order 17: refund"; never a secret.
    :param order_id: the order that it is done to: its own page shows the line.
    """
    result = Result()
    line = _create(actor, act, "begun", order_id)
    try:
        yield result
    except ProviderFailed as error:
        _record_outcome(line.id, f"failed: {error}")
        raise
    except (OperatorError, RequestRejected) as error:
        _record_outcome(line.id, f"refused: {error}")
        raise
    _record_outcome(line.id, f"done: {result.text}" if result.text else "done")


def _create(actor: Actor, act: str, outcome: str, order_id: int | None = None) -> AuditLine:
    with immediate():
        return _insert(actor, act, outcome, order_id)


def _insert(actor: Actor, act: str, outcome: str, order_id: int | None = None) -> AuditLine:
    act = _CONTROL.sub(" ", act)[:MAX_TEXT]
    return AuditLine.create(
        operator=actor.name, address=actor.address, act=act, outcome=outcome, kind=kind_of(act),
        order_id=order_id,
    )  # fmt: skip


def record_refused(actor: Actor, act: str, why: str, at_most_a_day: int) -> None:
    """Write a line of what was refused before it began, with a limit for what strangers can do.

    :param at_most_a_day: so many lines of this act and actor are written in 24 hours; the last one
        says that there may be more.
    """
    written = _refused_today(actor.name, act)
    if written >= at_most_a_day:
        return
    if written == at_most_a_day - 1:
        why += "; more of this day are not written"
    _create(actor, act, f"refused: {why}")


def _refused_today(name: str, act: str) -> int:
    """How many of an actor's newest lines are of this act, refused, within 24 hours.

    No further back than SEARCHED: the lines of years are not read for a stranger's sake.
    """
    newest = (
        AuditLine.select(AuditLine.act, AuditLine.outcome, AuditLine.created_at)
        .where(AuditLine.operator == name)
        .order_by(AuditLine.id.desc())
        .limit(SEARCHED)
    )
    return sum(
        line.act == act and line.outcome.startswith("refused") and line.created_at > now() - DAY_S
        for line in newest
    )


def _record_outcome(line_id: int, outcome: str) -> None:
    try:
        with immediate():
            AuditLine.update(outcome=outcome[:MAX_TEXT]).where(AuditLine.id == line_id).execute()
    except (PeeweeException, OSError) as error:  # a full disk, or another program's lock
        log.error("the outcome of audit line %s cannot be written: %s", line_id, error)


def record(actor: Actor, act: str) -> None:
    """Write an audit line of what is done in this very transaction."""
    _insert(actor, act, "done")
