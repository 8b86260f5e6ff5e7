"""The kinds of what an operator is told of: those of panel.attention, and the alerts' own."""

from enum import StrEnum
from typing import NamedTuple

from panel import attention
from panel.alerts.things import Thing


class Kind(StrEnum):
    """What is wrong, beside what waits for an operator."""

    WORKER = "worker"
    DISK = "disk"
    LEDGER = "ledger"
    BACKUP = "backup"
    REPLICA = "replica"
    UNIT = "unit"
    BALANCE = "balance"
    UNREACHABLE = "unreachable"
    PRICES_OLD = "prices old"
    WAITING = "waiting"
    STUCK = "stuck"
    BELOW_COST = "below cost"
    VANISHED = "vanished"
    PRICE = "price"


NOT_TOLD = {
    attention.Kind.FAILING: "told as unreachable, prices old and waiting, each by its own setting",
    attention.Kind.PAUSED: "an operator's own act: shown, so that it is not forgotten",
    attention.Kind.WARNING: "to look at, not to settle: the order goes on by itself",
}
"""The kinds of attention that are no alerts, and why. Every other one is."""

NOT_OF_PROVIDERS = (
    Kind.WORKER, Kind.DISK, Kind.LEDGER, Kind.BACKUP, Kind.REPLICA, Kind.UNIT, Kind.BELOW_COST,
    Kind.VANISHED, Kind.PRICE,
)  # fmt: skip
"""The kinds whose subject is no provider's name."""

ALL = (*Kind, *(kind for kind in attention.Kind if kind not in NOT_TOLD))


class Condition(NamedTuple):
    """One thing that is wrong now.

    kind: one of ALL. subject: what it is about, such as a provider's name; "" where there is only
    one.
    text: what an operator is told of it; what to do stands in lines of its own.
    things: what it is about, where more of the same may come.
    """

    kind: str
    subject: str
    text: str
    things: tuple[Thing, ...] = ()


class Look(NamedTuple):
    """All that is wrong now, and the kinds of which this could not be found out.

    lingering: kind and subject of what is not over yet, though it is not wrong enough to begin.
    """

    conditions: list[Condition]
    unknown: frozenset[str]
    lingering: frozenset[tuple[str, str]] = frozenset()
