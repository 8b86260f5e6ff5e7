"""Which of our services is bought where, and at which cost."""

from typing import Any

from database.compiled_query import rows
from database.transactions import immediate
from models import Provider, Service, Source
from panel import services
from panel.errors import OperatorError
from panel.money import format_exact
from panel.providers import pending
from panel.providers.follow import rate_at
from panel.providers.listing import Listing
from panel.services import MAX_RATE_MICROS

RANKS = {1: "source", 2: "second source"}
"""What each rank is called."""


def link(service_id: int, provider_id: int, listing: Listing, source_rank: int = 1) -> None:
    """Say where a service is bought; to be called inside immediate().

    What was pending for the source before is settled by that; the caller brings services.held
    up to date.

    :param source_rank: 1, or 2 for where to turn after a clear refusal.
    """
    values: dict[str, Any] = {
        "provider": provider_id,
        "provider_service": listing.service,
        "cost_micros": listing.rate_micros,
        "dripfeed": listing.dripfeed,
        "name": listing.name,
        "category": listing.category,
        "cost_before_micros": None,
        "risen_at": None,
    }
    known = Source.get_or_none(Source.service == service_id, Source.source_rank == source_rank)
    if known is None:
        Source.create(service=service_id, source_rank=source_rank, **values)
    else:
        pending.remove_all_of_source(known.id)
        Source.update(**values).where(Source.id == known.id).execute()


def set_source(service_id: int, provider_id: int, listing: Listing, source_rank: int) -> None:
    """Say where a service is bought, as put() does, in a transaction of its own."""
    with immediate():
        put(service_id, provider_id, listing, source_rank)


def put(service_id: int, provider_id: int, listing: Listing, source_rank: int) -> None:
    """Say where a service is bought, first or second; to be called inside immediate().

    A rate with a markup follows the cost at the first source.

    :raises OperatorError: for a second source without a first, or a cost above MAX_RATE_MICROS.
    """
    if listing.rate_micros > MAX_RATE_MICROS:
        raise OperatorError(
            f"the provider's rate, {format_exact(listing.rate_micros)}, is too high"
        )
    if source_rank == 2 and find(service_id, 1) is None:
        raise OperatorError(f"service {service_id} has no first source yet", "source")
    link(service_id, provider_id, listing, source_rank)
    _settle(service_id)


def find(service_id: int, source_rank: int) -> Source | None:
    """Where a service is bought first (1) or second (2), if it is."""
    return Source.get_or_none(Source.service == service_id, Source.source_rank == source_rank)


def are_the_same(service_id: int) -> bool:
    """Whether a service's second source is its first one once more."""
    first, second = find(service_id, 1), find(service_id, 2)
    if first is None or second is None:
        return False
    places = {(source.provider_id, source.provider_service) for source in (first, second)}
    return len(places) == 1


def remove(service_id: int, source_rank: int) -> None:
    """Buy a service there no longer; to be called inside immediate().

    A second source takes the place of the first. A service without any is fulfilled by hand, and
    its rate follows nothing any more.

    :raises OperatorError: if it has no such source.
    """
    source = find(service_id, source_rank)
    if source is None:
        raise OperatorError(f"service {service_id} has no {RANKS[source_rank]}")
    pending.remove_all_of_source(source.id)
    Source.delete().where(Source.id == source.id).execute()
    Source.update(source_rank=1).where(
        Source.service == service_id, Source.source_rank == source_rank + 1
    ).execute()
    if find(service_id, 1) is None:
        Service.update(markup_ppm=None).where(Service.id == service_id).execute()
    _settle(service_id)


def _settle(service_id: int) -> None:
    """Bring what depends on a service's sources up to date: its rate, and whether it is held."""
    pending.update_held([service_id])
    service, first = services.get(service_id), find(service_id, 1)
    rate = service.rate_micros if first is None else rate_at(service, first.cost_micros)
    # Written though it may be the same: whether a service is sold depends on its cost, and the
    # catalogue's version counts services that were written.
    Service.update(rate_micros=rate).where(Service.id == service_id).execute()


def sources(service_id: int) -> list[dict[str, Any]]:
    """Where a service is bought, first and second, with the providers' names."""
    query = (
        Source.select(Source, Provider.name.alias("provider_name"))
        .join(Provider)
        .where(Source.service == service_id)
        .order_by(Source.source_rank)
    )
    return rows(query.dicts())


def bought_at(provider_id: int, provider_service: str | None = None) -> set[int]:
    """The numbers of the services that are bought at a provider, first or second.

    :param provider_service: only what has this number there.
    """
    query = Source.select(Source.service).where(Source.provider == provider_id)
    if provider_service is not None:
        query = query.where(Source.provider_service == provider_service)
    return {number for (number,) in rows(query.tuples())}


def cost(service_id: int) -> int:
    """The cost in micros of a service at its dearest source; 0 where it has none."""
    return max((source["cost_micros"] for source in sources(service_id)), default=0)


def costs() -> dict[int, int]:
    """The cost in micros of every service that is bought, by number: its dearest source's."""
    query = Source.select(Source.service, Source.cost_micros).order_by(Source.cost_micros)
    return dict(rows(query.tuples()))


def losses(rates: dict[int, int]) -> dict[int, int]:
    """The costs in micros of those services that would be sold below them at these rates."""
    known = costs()
    return {
        service: known[service] for service, rate in rates.items() if rate < known.get(service, 0)
    }


def told_loss(service_id: int) -> str:
    """That a service is sold below its cost, in a sentence; "" where it is not."""
    rate_micros, cost_micros = services.get(service_id).rate_micros, cost(service_id)
    if rate_micros >= cost_micros:
        return ""
    rate, of_it = format_exact(rate_micros), format_exact(cost_micros)
    return f"Service {service_id} is sold at {rate}, below its cost of {of_it}."
