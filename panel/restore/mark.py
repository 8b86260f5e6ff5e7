"""Marking what may have happened since a copy of the database was made."""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from database import numbers
from models import Identity, OperatorSession, Provider
from panel.operations import audit
from panel.operations.audit import Actor
from panel.orders import doubts, restored
from panel.orders.doubts import NOTHING, Known
from panel.orders.restored import Counts

LEAST_JUMP = 1_000_000
MOST_JUMP = 10_000_000
"""Where nothing tells which numbers were given since the copy was made, the next ones come after
as many again as the copy has, but not after fewer or more than this."""


class Context(NamedTuple):
    """What is known of the time since a copy was made.

    panel: which panel's database it is.
    numbers: the numbers that may have been given, by table.
    known: what the database before the restore knows of what is in doubt.
    """

    panel: str
    numbers: Mapping[str, int]
    known: Known = NOTHING


def mark(context: Context, actor: Actor, act: str) -> Counts:
    """Mark the open database as an older copy; inside a transaction.

    :param act: what the audit is to say.
    """
    numbers.raise_to(dict(context.numbers))
    doubts.mark_all(context.known)
    Provider.update(sync_wanted=True).where(Provider.active).execute()
    OperatorSession.delete().execute()
    Identity.replace(id=1, panel=context.panel).execute()
    audit.record(actor, act)
    return restored.counts()


def identity() -> str:
    """Which panel's database the open one is; "" if it was never opened by one that asks."""
    row = Identity.get_or_none()
    return row.panel if row else ""


def new_identity() -> str:
    """A name for a database that has none."""
    return secrets.token_hex(16)


def jump(given: Mapping[str, int]) -> dict[str, int]:
    """Numbers that were surely not reached since a copy was made that knows these."""
    return {
        table: number + min(max(number, LEAST_JUMP), MOST_JUMP) for table, number in given.items()
    }


def higher(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The higher of two numbers, by table."""
    return {table: max(number, other.get(table, 0)) for table, number in one.items()}


def is_behind(given: Mapping[str, int], known: Mapping[str, int]) -> bool:
    """Whether a database that gave these numbers knows less than somebody else."""
    return any(known.get(table, 0) > number for table, number in given.items())


def told(counts: Counts) -> str:
    """What waits for the operator since a restore, in words; "" if nothing does."""
    if not any(counts):
        return ""
    return (
        f"{counts.orders} orders, {counts.refills} refills and {counts.cancels} cancel requests "
        "wait until you have looked at the providers (flask restored)"
    )
