"""A provider's catalogue as an operator looks through it: searched, and with what we import."""

from collections.abc import Iterable
from typing import NamedTuple

from database.compiled_query import rows
from models import Provider, Source
from panel import money, service_types
from panel.money import MICROS
from panel.providers.currency import exchange
from panel.providers.listing import Listing

ONLY = {"new": "Not imported yet", "imported": "Imported"}
"""What a catalogue can be narrowed to, and what it is called."""


class Offered(NamedTuple):
    """A provider's service: as it lists it, and what we make of it.

    cost_micros: its rate in our currency; None where that cannot be told.
    ours: the numbers of our services that are bought as this one, first or second.
    is_supported: whether services of its type can be sold.
    """

    listing: Listing
    cost_micros: int | None
    ours: tuple[int, ...]
    is_supported: bool


class Search(NamedTuple):
    """What to look for; "" narrows nothing.

    words: each of them is in the number, the name or the category. only: one of ONLY.
    """

    words: str = ""
    category: str = ""
    only: str = ""


def offered(provider: Provider, listings: Iterable[Listing], currency: str) -> list[Offered]:
    """The catalogue of a provider, with what of it is in ours.

    :param listings: at the provider's own prices.
    :param currency: ours.
    """
    ratio_ppt = exchange(provider, currency).ratio()
    ours = _imported(provider.id)
    return [
        Offered(
            item,
            None if ratio_ppt is None else money.exchanged((item.rate_micros, MICROS), ratio_ppt),
            tuple(ours.get(item.service, ())),
            item.type in service_types.SERVICE_TYPES,
        )
        for item in listings
    ]


def _imported(provider_id: int) -> dict[str, list[int]]:
    """Our services that are bought at a provider, by its numbers."""
    found: dict[str, list[int]] = {}
    query = Source.select(Source.provider_service, Source.service).where(
        Source.provider == provider_id
    )
    for theirs, ours in rows(query.order_by(Source.service).tuples()):
        found.setdefault(theirs, []).append(ours)
    return found


def search(catalogue: Iterable[Offered], wanted: Search) -> list[Offered]:
    """What of a catalogue is looked for."""
    words = wanted.words.casefold().split()
    return [
        item
        for item in catalogue
        if (not wanted.category or item.listing.category == wanted.category)
        and (wanted.only not in ONLY or bool(item.ours) == (wanted.only == "imported"))
        and _has_all(item.listing, words)
    ]


def _has_all(listing: Listing, words: list[str]) -> bool:
    if not words:
        return True
    text = f"{listing.service} {listing.name} {listing.category}".casefold()
    return all(word in text for word in words)


def categories(listings: Iterable[Listing]) -> dict[str, int]:
    """The categories of a catalogue in its order, and how many services each has."""
    counts: dict[str, int] = {}
    for item in listings:
        counts[item.category] = counts.get(item.category, 0) + 1
    return counts
