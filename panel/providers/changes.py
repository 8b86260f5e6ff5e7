"""What an import, a markup or a price sync changes in the catalogue: as data, and in words."""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from panel.money import MICROS, format_exact, format_percent
from panel.services import MAX_RATE_MICROS


class Kind(StrEnum):
    """What happened to a service, and in the comments what `before` and `after` hold."""

    ADDED = "added"  # None, Price
    UNCHANGED = "unchanged"  # None, None
    RATE = "rate"  # micros, micros
    COST = "cost"  # micros, micros
    MARKUP = "markup"  # millionths or None, millionths or None
    STEP = "step"  # micros, micros
    MIN = "min"  # int, int
    MAX = "max"  # int, int
    REFILL = "refill"  # bool, bool
    CANCEL = "cancel"  # bool, bool
    DRIPFEED = "dripfeed"  # bool, bool
    TYPE = "type"  # str, str
    OUR_NAME = "our_name"  # str, str
    OUR_CATEGORY = "our_category"  # str, str
    ENABLED = "enabled"  # the reason that ended, ""
    DISABLED = "disabled"  # "", a reason
    STAYS_DISABLED = "stays_disabled"  # a reason, another reason
    BELOW_COST = "below_cost"  # the rate in micros, the cost in micros
    NAME = "name"  # the provider's, str and str
    CATEGORY = "category"  # the provider's, str and str
    RENUMBERED = "renumbered"  # the provider's number, its new number
    PENDING = "pending"  # None, what waits for an operator, in words
    SETTLED = "settled"  # what waited, in words, and None
    HELD = "held"  # None, what waits for an operator from now on, in words
    WILL_HOLD = "will_hold"  # None, the same, of what is not done yet
    SKIPPED_PENDING = "skipped_pending"  # None, what waits for an operator, in words
    SKIPPED_FREE = "skipped_free"  # None, None
    SKIPPED_TYPE = "skipped_type"  # None, the provider's type
    SKIPPED_RANGE = "skipped_range"  # None, (min, max)
    SKIPPED_RATE = "skipped_rate"  # None, micros
    SKIPPED_NO_SOURCE = "skipped_no_source"  # None, None


class Price(NamedTuple):
    """What customers pay and what the provider asks, in micros per 1000 or per package."""

    rate_micros: int
    cost_micros: int


class CatalogueChange(NamedTuple):
    """One change of one service; `service_id` is None for one that is not in our catalogue.

    It is None too for what concerns a provider as a whole.

    The types of `before` and `after` depend on the kind.
    """

    service_id: int | None
    provider_service: str
    name: str
    kind: Kind
    before: Any = None
    after: Any = None

    @property
    def skipped(self) -> bool:
        """Whether nothing was done with the service."""
        return self.kind.startswith("skipped")


Finding = tuple[Kind, Any, Any]
"""A change's kind, its `before` and its `after`."""

EXACT_MICROS = 1
"""The step of rates where none is given: they are exact, up to a millionth."""

_OF_COLUMNS = {
    "rate_micros": Kind.RATE,
    "markup_ppm": Kind.MARKUP,
    "round_micros": Kind.STEP,
    "min": Kind.MIN,
    "max": Kind.MAX,
    "type": Kind.TYPE,
    "refill": Kind.REFILL,
    "cancel": Kind.CANCEL,
    "dripfeed": Kind.DRIPFEED,
    "name": Kind.OUR_NAME,
    "category": Kind.OUR_CATEGORY,
}
"""The columns of a service whose changes are told, in the order in which they are."""


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Finding]:
    """What differs between two states of a service, of the columns that both have."""
    return [
        (kind, before[name], after[name])
        for name, kind in _OF_COLUMNS.items()
        if name in before and name in after and before[name] != after[name]
    ]


VANISHED = "vanished"
BELOW_COST = "below cost"
REASONS = {
    VANISHED: "the provider no longer offers it as it was",
    BELOW_COST: "its rate is below its cost",
}
"""Why a service was disabled by a sync, as stored in `inactive_because`, and in words."""
_ENDED = {
    VANISHED: "the provider offers it again",
    BELOW_COST: "its rate is no longer below its cost",
}


def describe(change: CatalogueChange) -> str:
    """A change in words, as every command, page and log shows it."""
    return _WORDS[change.kind](change.before, change.after)


def names_kept(changes: Iterable[CatalogueChange]) -> str:
    """What to say of our own names where a provider's were confirmed; "" where none were."""
    kinds = (Kind.NAME, Kind.CATEGORY)
    numbers = sorted({c.service_id for c in changes if c.kind in kinds and c.service_id})
    if not numbers:
        return ""
    if len(numbers) > 1:
        return (
            f"Our own names and categories of these {len(numbers)} services stay as they are; "
            "flask service edit ID --name NAME changes one."
        )
    return (
        f"Our own name and category of service {numbers[0]} stay as they are; flask service edit "
        f"{numbers[0]} --name NAME changes the name."
    )


def _amounts(name: str) -> Callable[[int, int], str]:
    return lambda before, after: f"{name} {format_exact(before)} → {format_exact(after)}"


def _plain(name: str) -> Callable[[Any, Any], str]:
    return lambda before, after: f"{name} {before} → {after}"


def _texts(name: str) -> Callable[[str, str], str]:
    return lambda before, after: f"{name} {before!r} → {after!r}"


def _markup(before: int | None, after: int | None) -> str:
    shown = ("none" if ppm is None else format_percent(ppm) for ppm in (before, after))
    return "markup " + " → ".join(shown)


def _step(before: int, after: int) -> str:
    shown = ("none" if step <= EXACT_MICROS else format_exact(step) for step in (before, after))
    return "step " + " → ".join(shown)


def _flags(name: str) -> Callable[[bool, bool], str]:
    words = ("no", "yes")
    return lambda before, after: f"{name} {words[before]} → {words[after]}"


_WORDS: dict[Kind, Callable[[Any, Any], str]] = {
    Kind.ADDED: lambda before, after: (
        f"added at {format_exact(after.rate_micros)}, cost {format_exact(after.cost_micros)}"
    ),
    Kind.UNCHANGED: lambda before, after: "unchanged",
    Kind.RATE: _amounts("rate"),
    Kind.COST: _amounts("cost"),
    Kind.MARKUP: _markup,
    Kind.STEP: _step,
    Kind.MIN: _plain("min"),
    Kind.MAX: _plain("max"),
    Kind.REFILL: _flags("refill"),
    Kind.CANCEL: _flags("cancel"),
    Kind.DRIPFEED: _flags("drip-feed"),
    Kind.TYPE: _plain("type"),
    Kind.OUR_NAME: _texts("name"),
    Kind.OUR_CATEGORY: _texts("category"),
    Kind.ENABLED: lambda before, after: f"enabled: {_ENDED[before]}",
    Kind.DISABLED: lambda before, after: f"disabled: {REASONS[after]}",
    Kind.STAYS_DISABLED: lambda before, after: f"stays disabled: {REASONS[after]}",
    Kind.BELOW_COST: lambda before, after: (
        f"its rate {format_exact(before)} is below its cost {format_exact(after)}"
    ),
    Kind.NAME: _texts("their name"),
    Kind.CATEGORY: _texts("their category"),
    Kind.RENUMBERED: lambda before, after: f"their number {before} → {after}",
    Kind.PENDING: lambda before, after: after,
    Kind.SETTLED: lambda before, after: f"settled: {before}",
    Kind.HELD: lambda before, after: f"held until you confirm it: {after}",
    Kind.WILL_HOLD: lambda before, after: f"will be held until you confirm it: {after}",
    Kind.SKIPPED_PENDING: lambda before, after: f"skipped: {after}",
    Kind.SKIPPED_FREE: lambda before, after: "skipped: its cost is 0, and nothing is sold at 0",
    Kind.SKIPPED_TYPE: lambda before, after: f"skipped: the type {after!r} is not supported",
    Kind.SKIPPED_RANGE: lambda before, after: (
        f"skipped: the range {after[0]} to {after[1]} is not valid"
    ),
    Kind.SKIPPED_RATE: lambda before, after: (
        f"skipped: the rate {format_exact(after)} is above the maximum, "
        f"{MAX_RATE_MICROS // MICROS}"
    ),
    Kind.SKIPPED_NO_SOURCE: lambda before, after: "skipped: it is not bought from a provider",
}
