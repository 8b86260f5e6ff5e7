"""What an import comes to, in one line: as the page and the command both say it."""

from collections.abc import Iterable
from typing import NamedTuple

from panel.providers.changes import CatalogueChange, Kind

_HOLDS = (Kind.WILL_HOLD, Kind.HELD)


class Counts(NamedTuple):
    """How many services an import adds or changes, and how many it takes off sale."""

    imported: int
    held: int


def count(changes: Iterable[CatalogueChange]) -> Counts:
    """Count services, of which each may have several changes."""
    imported, held = set(), set()
    for change in changes:
        if change.kind in _HOLDS:
            held.add(change.provider_service)
        elif change.kind != Kind.UNCHANGED and not change.skipped:
            imported.add(change.provider_service)
    return Counts(len(imported), len(held))


def offer(changes: Iterable[CatalogueChange]) -> str:
    """What an import that was previewed would do; "" for nothing."""
    imported, held = count(changes)
    if not imported:
        return f"Hold {_services(held)} until you confirm {_them(held)}" if held else ""
    offered = f"Import {_services(imported)}"
    if held:
        offered += f"; {held} will be held until you confirm {_them(held)}"
    return offered


def heading(changes: Iterable[CatalogueChange], done: bool) -> str:
    """What stands over the changes of an import, or of its preview."""
    if done:
        return _outcome(*count(changes))
    offered = offer(changes) or "Nothing to import"
    return f"Preview: {offered[0].lower()}{offered[1:]}"


def _outcome(imported: int, held: int) -> str:
    told = f"Imported {_services(imported)}" if imported else "Nothing was imported"
    if held:
        which = str(held) if imported else _services(held)
        told += f"; {which} {'is' if held == 1 else 'are'} held until you confirm {_them(held)}"
    return told


def _services(number: int) -> str:
    return "1 service" if number == 1 else f"{number} services"


def _them(number: int) -> str:
    return "it" if number == 1 else "them"
