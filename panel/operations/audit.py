"""The audit: who did what, and what came of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from database.transactions import immediate
from models import AuditLine
from panel.errors import OperatorError, ProviderFailed, RequestRejected

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
def audited(actor: Actor, act: str) -> Iterator[None]:
    """Write an audit line before the act begins, and its outcome when it has ended.

    The line is committed first, so nothing is done without a trace. The outcome is "done",
    "refused: why" or, where a provider did not answer, "failed: why"; after any other error the
    line keeps saying "begun". To be called outside a transaction.

    :param act: what is done to what, such as "order 17: refund"; never a secret.
    """
    act = _CONTROL.sub(" ", act)
    with immediate():
        line = AuditLine.create(operator=actor.name, address=actor.address, act=act[:MAX_TEXT])
    try:
        yield
    except ProviderFailed as error:
        _record_outcome(line.id, f"failed: {error}")
        raise
    except (OperatorError, RequestRejected) as error:
        _record_outcome(line.id, f"refused: {error}")
        raise
    _record_outcome(line.id, "done")


def _record_outcome(line_id: int, outcome: str) -> None:
    with immediate():
        AuditLine.update(outcome=outcome[:MAX_TEXT]).where(AuditLine.id == line_id).execute()


def record(actor: Actor, act: str) -> None:
    """Write an audit line of what is done in this very transaction."""
    act = _CONTROL.sub(" ", act)[:MAX_TEXT]
    AuditLine.create(operator=actor.name, address=actor.address, act=act, outcome="done")
