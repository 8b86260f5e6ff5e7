"""What waits for an operator about services: pending changes, and rates of nothing."""

from collections.abc import Iterator

from peewee import fn

from database.compiled_query import rows
from models import Service, Source
from panel import money
from panel.attention.items import Item, Kind
from panel.providers import explain, pending
from panel.providers.pending import Pending

MANY_SERVICES = 5
"""More services that changed at one provider are told in one line."""
NAMED_SERVICES = 3
"""So many of them are named in it."""


def of_services(many: int = MANY_SERVICES) -> Iterator[Item]:
    """Lines about services.

    :param many: more services that changed at one provider are one line.
    """
    yield from changes_of_services(many)
    yield from _free_services()


def changes_of_services(many: int = MANY_SERVICES) -> Iterator[Item]:
    """A line for each service that changed, or one for all of a provider where they are many."""
    at_provider: dict[str, dict[int, list[Pending]]] = {}
    for service_id, changes in pending.to_decide().items():
        at_provider.setdefault(changes[0].provider_name, {})[service_id] = changes
    for provider, found in at_provider.items():
        if len(found) > many:
            yield _changes_at(provider, found)
        else:
            yield from (_change_of_service(*one) for one in found.items())


def _changes_at(provider: str, found: dict[int, list[Pending]]) -> Item:
    named = [_told_of_service(*one) for one in list(found.items())[:NAMED_SERVICES]]
    return Item(
        Kind.SERVICE,
        f"{len(found)} services changed at {provider}. {'. '.join(named)}; and "
        f"{len(found) - len(named)} more.",
        (f"flask service confirm --provider {provider}", "flask service list"),
        provider=provider,
    )


def _change_of_service(service_id: int, changes: list[Pending]) -> Item:
    return Item(
        Kind.SERVICE,
        f"{_told_of_service(service_id, changes)}.",
        (f"flask service confirm {service_id}", f"flask service disable {service_id}"),
        provider=changes[0].provider_name,
        service_id=service_id,
        newest=max(change.id for change in changes),
    )


def _told_of_service(service_id: int, changes: list[Pending]) -> str:
    told = []
    for change in changes:
        second = ", its second source" if change.source_rank != 1 else ""
        told.append(f"{change.provider_name}{second}: {explain.describe_pending(change)}")
    return f"Service {service_id} {changes[0].service_name}: {'; '.join(told)}"


def _free_services() -> Iterator[Item]:
    """The services that cost something and would be sold for nothing, so they are not."""
    query = (
        Service.select(Service.id, Service.name, fn.MAX(Source.cost_micros))
        .join(Source)
        .where(Service.active, Service.rate_micros == 0, Source.cost_micros > 0)
        .group_by(Service.id)
        .order_by(Service.id)
    )
    for service_id, name, cost_micros in rows(query.tuples()):
        cost = money.format_exact(cost_micros)
        yield Item(
            Kind.SERVICE,
            f"Service {service_id} {name} is not sold: its rate is 0, and it costs {cost}.",
            (f"flask service edit {service_id} --rate RATE",),
            service_id=service_id,
        )
