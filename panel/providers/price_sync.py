"""Following a provider's prices and ranges with the services that we buy there."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from database.transactions import immediate
from models import Service, Source
from panel import money, services
from panel.errors import OperatorError
from panel.providers.changes import BELOW_COST, VANISHED, CatalogueChange, Kind
from panel.providers.import_services import unusable
from panel.providers.listing import Listing


class SyncPolicy(NamedTuple):
    """What a sync does not follow without the operator's word; the limits are in percent."""

    disable_below_cost: bool
    fall_percent: int
    rise_percent: int
    loss_percent: int


_Finding = tuple[Kind, Any, Any]
"""A change's kind, its `before` and its `after`."""

_REPORTED = {
    "rate_micros": Kind.RATE,
    "min": Kind.MIN,
    "max": Kind.MAX,
    "refill": Kind.REFILL,
    "cancel": Kind.CANCEL,
}
"""The columns that follow the provider, and the kind of change that each is reported as."""
_FOLLOWED = (*_REPORTED, "active", "inactive_because")


def sync_prices(
    provider_id: int, listings: Iterable[Listing], policy: SyncPolicy
) -> list[CatalogueChange]:
    """Follow a provider's catalogue with the services that we buy there.

    A changed cost moves the rate where the service has a markup. A service that the provider no
    longer offers is disabled, and enabled when it is offered again. One whose rate is below its
    cost is reported, and by a policy that says so disabled until that ends.

    :returns: a change for each value that changed, and for each service below its cost.
    :raises OperatorError: for an empty catalogue, which is more likely a fault than the truth.
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
            changes += [
                CatalogueChange(service.id, source.provider_service, service.name, *finding)
                for finding in _sync_service(service, source, listing, policy.disable_below_cost)
            ]
    return changes


def _sync_service(
    service: Service, source: Source, listing: Listing | None, disable_below_cost: bool
) -> list[_Finding]:
    before = {name: getattr(service, name) for name in _FOLLOWED}
    sold = _sellable(service, listing)
    cost = source.cost_micros if sold is None else sold.rate_micros
    after = before | (_follow(service, sold) if source.source_rank == 1 else {})
    dearest = max(cost, _cost_elsewhere(source))
    below = after["rate_micros"] < dearest
    after |= _judge_cost(after, below, disable_below_cost)

    drip = source.dripfeed if listing is None else listing.dripfeed
    if (cost, drip) != (source.cost_micros, source.dripfeed):
        Source.update(cost_micros=cost, dripfeed=drip).where(Source.id == source.id).execute()
    if after != before:
        Service.update(**after).where(Service.id == service.id).execute()

    found = _differences(source.cost_micros, cost, before, after)
    if below:
        found.append((Kind.BELOW_COST, after["rate_micros"], dearest))
    return found


def _sellable(service: Service, listing: Listing | None) -> Listing | None:
    """The listing, if the service can still be sold as it says; a missing one cannot."""
    if listing is None or listing.type != service.type:
        return None
    return None if unusable(listing, listing.rate_micros) else listing


def _follow(service: Service, sold: Listing | None) -> dict[str, Any]:
    """What a service takes from its first source's listing; None for one that vanished."""
    if sold is None:
        disabled_by_hand = not service.active and not service.inactive_because
        return {} if disabled_by_hand else {"active": False, "inactive_because": VANISHED}
    taken: dict[str, Any] = {
        "min": sold.min,
        "max": sold.max,
        "refill": sold.refill,
        "cancel": sold.cancel,
    }
    if service.markup_ppm is not None:
        rate = money.marked_up(sold.rate_micros, service.markup_ppm, service.round_micros)
        taken["rate_micros"] = min(rate, services.MAX_RATE_MICROS)
    if service.inactive_because == VANISHED:
        taken |= {"active": True, "inactive_because": ""}
    return taken


def _cost_elsewhere(source: Source) -> int:
    """The cost at the other source of a service, 0 where it has none."""
    other = Source.get_or_none(Source.service == source.service_id, Source.id != source.id)
    return other.cost_micros if other is not None else 0


def _judge_cost(after: dict[str, Any], below: bool, disable_below_cost: bool) -> dict[str, Any]:
    """Whether a service stops or starts being sold for its cost."""
    if after["active"] and below and disable_below_cost:
        return {"active": False, "inactive_because": BELOW_COST}
    if after["inactive_because"] == BELOW_COST and not below:
        return {"active": True, "inactive_because": ""}
    return {}


def _differences(
    cost_before: int, cost: int, before: dict[str, Any], after: dict[str, Any]
) -> list[_Finding]:
    found: list[_Finding] = [] if cost == cost_before else [(Kind.COST, cost_before, cost)]
    found += [
        (kind, before[name], after[name])
        for name, kind in _REPORTED.items()
        if before[name] != after[name]
    ]
    reasons = before["inactive_because"], after["inactive_because"]
    if before["active"] != after["active"]:
        found.append((Kind.ENABLED if after["active"] else Kind.DISABLED, *reasons))
    elif reasons[0] != reasons[1]:
        found.append((Kind.STAYS_DISABLED, *reasons))
    return found
