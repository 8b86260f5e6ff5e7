"""Pending changes in words: what a provider changed, what becomes of it, and what to do."""

from models import Service, Source
from panel.money import format_exact
from panel.providers import pending
from panel.providers.currency import may_be
from panel.providers.pending import AMOUNTS, OF_IDENTITY, Pending, PendingKind


def describe(kind: str, before: str, after: str) -> str:
    """What was changed, and what it means until it is confirmed, in one line."""
    if kind == PendingKind.CURRENCY and not before:
        return f"its prices are in {after}, and there is no rate of exchange"
    return _fill(_WORDS, kind, before, after)


def describe_change(kind: str, before: str, after: str) -> str:
    """What was changed of a service's identity or cost, without what it means."""
    return _fill(_CHANGES, kind, before, after)


def _fill(words: dict[PendingKind, str], kind: str, before: str, after: str) -> str:
    if kind in AMOUNTS:
        before, after = format_exact(int(before)), format_exact(int(after))
    return words[PendingKind(kind)].format(before=before, after=after)


_NOT_SOLD = "not sold from there until you confirm it"
_CHANGES = {
    PendingKind.NAME: "their name {before!r} → {after!r}",
    PendingKind.CATEGORY: "their category {before!r} → {after!r}",
    PendingKind.FALL: "cost {before} → {after}",
    PendingKind.RISE: "cost {before} → {after}",
}
_WORDS = {
    PendingKind.CURRENCY: "its prices are in {after} now, and were in {before}: nothing is sold "
    "from there",
    PendingKind.PRICES: "its prices are in {after} now: nothing is sold from there until they "
    "are read",
    PendingKind.LOSS: "of {before} services that are bought there it lists {after}: the others "
    "stay on sale until you confirm it, or for a day",
    PendingKind.MOVED: "{after} names stand under other numbers there: nothing is sold from there "
    "until you confirm it",
    PendingKind.NAME: f"{_NOT_SOLD}: {_CHANGES[PendingKind.NAME]}",
    PendingKind.CATEGORY: f"{_NOT_SOLD}: {_CHANGES[PendingKind.CATEGORY]}",
    PendingKind.FALL: f"not followed until you confirm it: {_CHANGES[PendingKind.FALL]}",
    PendingKind.RISE: f"{_NOT_SOLD}: {_CHANGES[PendingKind.RISE]}",
    PendingKind.CHARGE: "an order that should have cost {before} was charged {after}",
}


def describe_pending(item: Pending) -> str:
    """What was changed, as describe() tells it."""
    if item.kind in OF_IDENTITY and not item.stops_sale:
        return f"ours is {item.before!r}, and there it is {item.after!r}: is it the same service?"
    return describe(item.kind, item.before, item.after)


def on_confirm(item: Pending, service: Service) -> str:
    """What confirming a pending change of a service does, as a sentence."""
    if item.kind in OF_IDENTITY:
        return (
            f"Their new {item.kind} is taken for the same service still; "
            f"our own {item.kind} of it stays as it is."
        )
    if item.kind == PendingKind.CHARGE:
        return "The warning ends; the cost and the rate stay as they are."
    cost, rate = format_exact(int(item.after)), format_exact(service.rate_micros)
    if item.source_rank != 1:
        return f"The new cost {cost} of the second source is taken over; the rate {rate} stays."
    if service.markup_ppm is None:
        return f"The new cost {cost} is taken over; the rate {rate} was set by hand, and stays."
    return f"The new cost {cost} is taken over, and the rate, which is {rate}, follows it."


def why_held(service_id: int, ours: str) -> str:
    """Why a service is not sold though it is enabled, with the commands that settle it.

    :param ours: our currency.
    :returns: "" for one that is not held.
    """
    first = Source.get_or_none(Source.service == service_id, Source.source_rank == 1)
    if first is None:
        return ""
    items = [
        item
        for item in pending.of_service(service_id)
        if item.stops_sale and item.provider_id == first.provider_id and item.source_rank != 2
    ]
    if not items:
        return ""
    told = "; ".join(f"{item.provider_name}: {describe_pending(item)}" for item in items)
    settled_by = dict.fromkeys(" or ".join(commands_for(item, ours)) for item in items)
    return (
        "still held, and not sold until you settle what waits "
        f"({', and '.join(settled_by)}): {told}"
    )


def commands_for(item: Pending, ours: str) -> tuple[str, ...]:
    """The commands of which each settles a pending change.

    :param ours: our currency.
    """
    if item.kind == PendingKind.CURRENCY:
        return commands_for_currency(item.provider_name, item.after, ours)
    if item.kind == PendingKind.PRICES:
        return (f"flask provider sync {item.provider_name}",)
    if item.service_id is None:
        return (f"flask provider confirm {item.provider_name}",)
    return (f"flask service confirm {item.service_id}",)


def commands_for_currency(name: str, theirs: str, ours: str) -> tuple[str, ...]:
    """The commands of which one settles what a provider's prices are in ours.

    :param name: the provider's.
    :param theirs: the currency that it names.
    """
    if theirs == ours:
        return (f"flask provider currency {name} {ours}",)
    rate = f"flask provider exchange {name} RATE"
    return (f"flask provider exchange {name} 1", rate) if may_be(theirs, ours) else (rate,)
