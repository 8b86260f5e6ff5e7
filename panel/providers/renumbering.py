"""Catalogues that moved: names that stand under other numbers than before."""

from collections import defaultdict
from collections.abc import Collection

from models import Service, Source
from panel.providers.changes import VANISHED
from panel.providers.identity import core, is_same
from panel.providers.listing import Listing

LEAST_MOVED = 5
"""Fewer names that stand elsewhere are services that changed, one by one."""


def is_changed(source: Source, listing: Listing | None) -> bool:
    """Whether something else stands under a source's number now, or nothing."""
    return bool(source.name) and (listing is None or not is_same(source.name, listing.name))


def new_numbers(sources: Collection[Source], offered: dict[str, Listing]) -> dict[int, str]:
    """Under which number the names of sources stand now, where that is another one.

    :returns: the new numbers by source; a name that stands nowhere or twice is left out.
    """
    changed = [s for s in sources if is_changed(s, offered.get(s.provider_service))]
    if not changed:
        return {}
    at_home = {s.provider_service for s in sources} - {s.provider_service for s in changed}
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for number, listing in offered.items():
        if number not in at_home:
            places[core(listing.name), core(listing.category)].append(number)
            places[(core(listing.name),)].append(number)
    found = {}
    for source in changed:
        name, category = core(source.name), core(source.category)
        for key in ((name, category), (name,)):
            if len(places[key]) == 1:
                found[source.id] = places[key][0]
                break
    return found


def count_moved(provider_id: int, offered: dict[str, Listing]) -> int:
    """How many names stand elsewhere, where they are so many that the whole catalogue moved.

    Services that had vanished before tell nothing of that.
    """
    vanished = Service.select(Service.id).where(Service.inactive_because == VANISHED)
    query = Source.select().where(Source.provider == provider_id, Source.service.not_in(vanished))
    sources = list(query)
    changed = sum(is_changed(source, offered.get(source.provider_service)) for source in sources)
    if changed < LEAST_MOVED:
        return 0
    moved = len(new_numbers(sources, offered))
    return moved if moved >= LEAST_MOVED and 2 * moved > changed else 0
