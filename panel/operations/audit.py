"""The audit: who did what, and what came of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from database.clock import now
from database.transactions import immediate
from models import AuditLine
from panel.errors import OperatorError, ProviderFailed, RequestRejected

DAY_S = 24 * 3600
SEARCHED = 500
"""How many of an actor's lines are looked through for those of the last day."""

MAX_TEXT = 1000
"""The most characters of an act or an outcome that are kept."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Actor(NamedTuple):
    """Who does something, and from where.

    name: an operator's name, or a name in brackets for a way in that needs no sign-in, such as
        "(command line)".
    address: the IP address that the operator is signed in from; "" on the command line.
    """

    name: str
    address: str = ""


@contextmanager
def audited(actor: Actor, act: str, order_id: int | None = None) -> Iterator[None]:
    """Write an audit line before the act begins, and its outcome when it has ended.

    The line is committed first, so nothing is done without a trace. The outcome is "done",
    "refused: why" or, where a provider did not answer, "failed: why"; after any other error the
    line keeps saying "begun". To be called outside a transaction.

    :param act: what is done to what, such as "order 17: refund"; never a secret.
    :param order_id: the order that it is done to: its own page shows the line.
    """
    act = _CONTROL.sub(" ", act)[:MAX_TEXT]
    with immediate():
        line = AuditLine.create(
            operator=actor.name, address=actor.address, act=act, order_id=order_id
        )
    try:
        yield
    except ProviderFailed as error:
        _record_outcome(line.id, f"failed: {error}")
        raise
    except (OperatorError, RequestRejected) as error:
        _record_outcome(line.id, f"refused: {error}")
        raise
    _record_outcome(line.id, "done")


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
    with immediate():
        AuditLine.create(
            operator=actor.name, address=actor.address, act=act, outcome=f"refused: {why}"
        )


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
    with immediate():
        AuditLine.update(outcome=outcome[:MAX_TEXT]).where(AuditLine.id == line_id).execute()


def record(actor: Actor, act: str) -> None:
    """Write an audit line of what is done in this very transaction."""
    act = _CONTROL.sub(" ", act)[:MAX_TEXT]
    AuditLine.create(operator=actor.name, address=actor.address, act=act, outcome="done")
