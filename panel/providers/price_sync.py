"""Following a provider's prices and ranges with the services that we buy there."""

from collections.abc import Iterable
from typing import Any

from database.transactions import immediate
from models import Service, Source
from panel import money, services
from panel.errors import OperatorError
from panel.providers.import_services import CatalogueChange, _moved, why_unusable
from panel.providers.listing import Listing


def sync_prices(
    provider_id: int, listings: Iterable[Listing], disable_below_cost: bool
) -> list[CatalogueChange]:
    """Follow a provider's catalogue with the services that we buy there.

    A changed cost moves the rate where the service has a markup; a service that vanished is
    disabled, and enabled when it returns; one whose rate is below its cost is reported, and
    with `disable_below_cost` disabled until that ends.

    :returns: a line for each change, and for each service below its cost.
    :raises Invalid: for an empty catalogue, which is more likely a fault than the truth.
    """
    offered = {listing.service: listing for listing in listings}
    if not offered:
        raise OperatorError("the provider answered with an empty catalogue; nothing was changed")
    with immediate():
        changes = []
        query = Source.select().where(Source.provider == provider_id)
        for source in list(query.order_by(Source.service, Source.source_rank)):
            # Read anew: a service may have both its sources here.
            service = services.get(source.service_id)
            listing = offered.get(source.provider_service)
            whats = _sync_service(service, source, listing, disable_below_cost)
            changes += [
                CatalogueChange(service.id, source.provider_service, service.name, what)
                for what in whats
            ]
    return changes


def _sync_service(
    service: Service, source: Source, listing: Listing | None, disable_below_cost: bool
) -> list[str]:
    before = {name: getattr(service, name) for name in _FOLLOWED}
    after = dict(before)
    cost = source.cost_micros
    if listing is None or why_unusable(listing) or listing.type != service.type:
        if source.source_rank == 1 and (service.active or service.inactive_because):
            after |= {"active": False, "inactive_because": "vanished"}
    else:
        cost = listing.rate_micros
        if source.source_rank == 1:
            after |= _changes_from(service, listing)
    dearest = max(cost, _cost_elsewhere(source))
    below = after["rate_micros"] < dearest
    if after["active"] and below and disable_below_cost:
        after |= {"active": False, "inactive_because": "below cost"}
    elif after["inactive_because"] == "below cost" and not below:
        after |= {"active": True, "inactive_because": ""}

    whats = [] if cost == source.cost_micros else [_moved("cost_micros", source.cost_micros, cost)]
    whats += [_moved(n, before[n], after[n]) for n in _FOLLOWED if before[n] != after[n]]
    drip = source.dripfeed if listing is None else listing.dripfeed
    if (cost, drip) != (source.cost_micros, source.dripfeed):
        Source.update(cost_micros=cost, dripfeed=drip).where(Source.id == source.id).execute()
    if after != before:
        Service.update(**after).where(Service.id == service.id).execute()
    if below:
        rate = money.format_exact(after["rate_micros"])
        whats.append(f"its rate {rate} is below its cost {money.format_exact(dearest)}")
    return whats


def _cost_elsewhere(source: Source) -> int:
    """The cost at the other source of a service, 0 where it has none."""
    other = Source.get_or_none(Source.service == source.service_id, Source.id != source.id)
    return other.cost_micros if other is not None else 0


_FOLLOWED = ("rate_micros", "min", "max", "refill", "cancel", "active", "inactive_because")


def _changes_from(service: Service, listing: Listing) -> dict[str, Any]:
    """What a service takes from its first source's listing."""
    taken: dict[str, Any] = {
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
    }
    if service.markup_ppm is not None:
        rate = money.marked_up(listing.rate_micros, service.markup_ppm, service.round_micros)
        taken["rate_micros"] = min(rate, services.MAX_RATE_MICROS)
    if service.inactive_because == "vanished":
        taken |= {"active": True, "inactive_because": ""}
    return taken
