"""Pending changes in words: what a provider changed, what becomes of it, and what to do."""

from panel.money import format_exact
from panel.providers.pending import AMOUNTS, OF_IDENTITY, Pending, PendingKind


def describe(kind: str, before: str, after: str) -> str:
    """What was changed, and what it means until it is confirmed, in one line."""
    if kind in AMOUNTS:
        before, after = format_exact(int(before)), format_exact(int(after))
    return _WORDS[PendingKind(kind)].format(before=before, after=after)


_WORDS = {
    PendingKind.CURRENCY: "its prices are in {after} now, and were in {before}: nothing is sold "
    "from there",
    PendingKind.PRICES: "its prices are in {after} now: nothing is sold from there until they "
    "are read",
    PendingKind.LOSS: "of {before} services that are bought there it lists {after}: the others "
    "stay on sale until you confirm it, or for a day",
    PendingKind.MOVED: "{after} names stand under other numbers there: nothing is sold from there "
    "until you confirm it",
    PendingKind.NAME: "not sold from there until you confirm it: their name {before!r} → "
    "{after!r}",
    PendingKind.CATEGORY: "not sold from there until you confirm it: their category {before!r} → "
    "{after!r}",
    PendingKind.FALL: "not followed until you confirm it: cost {before} → {after}",
    PendingKind.RISE: "not sold from there until you confirm it: cost {before} → {after}",
    PendingKind.CHARGE: "an order that should have cost {before} was charged {after}",
}


def describe_pending(item: Pending) -> str:
    """What was changed, as describe() tells it."""
    if item.kind == PendingKind.CURRENCY and not item.before:
        return f"its prices are in {item.after}, and there is no rate of exchange"
    if item.kind in OF_IDENTITY and not item.stops_sale:
        return f"ours is {item.before!r}, and there it is {item.after!r}: is it the same service?"
    return describe(item.kind, item.before, item.after)


def command_for(item: Pending, ours: str) -> str:
    """The command that settles a pending change.

    :param ours: our currency.
    """
    if item.kind == PendingKind.CURRENCY:
        if item.after == ours:
            return f"flask provider currency {item.provider_name} {ours}"
        return f"flask provider exchange {item.provider_name} RATE"
    if item.kind == PendingKind.PRICES:
        return f"flask provider sync {item.provider_name}"
    if item.service_id is None:
        return f"flask provider confirm {item.provider_name}"
    return f"flask service confirm {item.service_id}"
