"""Everything that waits for an operator, in words, with what to do about it.

The command `flask attention` and the first box of the dashboard's overview show the same list.
"""

from collections.abc import Iterator
from typing import NamedTuple

from panel.attention.items import Item as Item
from panel.attention.items import Kind as Kind
from panel.attention.of_orders import funds, of_orders, since_a_restore
from panel.attention.of_providers import of_providers
from panel.attention.of_services import MANY_SERVICES, changes_of_services, of_services
from settings import Settings

LIMIT = 100
"""The most lines of one kind, unless another number is asked for."""


class Waiting(NamedTuple):
    """What waits, what stops the most first, and of which kinds there is more than that."""

    items: list[Item]
    cut: list[Kind]


def everything(
    settings: Settings, limit: int = LIMIT, many_services: int = MANY_SERVICES
) -> Waiting:
    """All that waits for an operator.

    :param limit: the most lines of one kind.
    :param many_services: more services that changed at one provider are one line.
    """
    found: list[Item] = []
    cut: dict[Kind, None] = {}
    counts: dict[Kind, int] = {}
    for item in _all(settings, limit + 1, many_services):
        counts[item.kind] = counts.get(item.kind, 0) + 1
        if counts[item.kind] <= limit:
            found.append(item)
        else:
            cut[item.kind] = None
    return Waiting(found, list(cut))


def _all(settings: Settings, limit: int, many_services: int) -> Iterator[Item]:
    """:param limit: how many of each kind are enough."""
    yield from since_a_restore()
    yield from of_providers(settings)
    yield from of_services(many_services)
    yield from of_orders(limit)


def of_provider(settings: Settings, name: str) -> list[Item]:
    """What waits for an operator about one provider and its services, but for single orders."""
    mine = (*of_providers(settings), *changes_of_services(), *funds())
    return [item for item in mine if item.provider == name]
