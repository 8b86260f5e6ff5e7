"""Our catalogue against a provider's: taking services over, and following costs and ranges.

No HTTP here: a provider's catalogue comes as a list of Listing.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from models import Service, Source, immediate
from panel import money, providers, services
from panel.errors import Invalid
from panel.providers import Listing


class Change(NamedTuple):
    """One line of a change report."""

    service_id: int | None
    provider_service: str
    name: str
    what: str


def unusable(listing: Listing) -> str:
    """Why we cannot sell a provider's service, or '' where we can."""
    if listing.type not in services.TYPES:
        return f"the type {listing.type!r} is not sold here"
    if not 1 <= listing.min <= listing.max <= services.MAX_QUANTITY:
        return f"its range, {listing.min} to {listing.max}, cannot be"
    if listing.rate_micros > services.MAX_RATE_MICROS:
        return "its rate is too high"
    return ""


def choose(
    listings: Iterable[Listing], categories: Collection[str] = (), ids: Collection[str] = ()
) -> list[Listing]:
    """The listings of these categories and of these numbers; of any, where none are given.

    :raises Invalid: if there are none.
    """
    chosen = [
        item
        for item in listings
        if (not categories or item.category in categories) and (not ids or item.service in ids)
    ]
    if not chosen:
        raise Invalid("they have no such services")
    return chosen


def take_over(
    provider_id: int,
    listings: Iterable[Listing],
    markup_micros: int,
    round_micros: int = 1,
    dry_run: bool = False,
) -> list[Change]:
    """Create our services for a provider's, or update those that we have already.

    :param markup_micros: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this.
    :param dry_run: change nothing, only say what would be done.
    :returns: a line for each listing.
    :raises Invalid: for a negative markup, or a step of nothing.
    """
    _check_markup(markup_micros, round_micros)
    with immediate():
        return [
            _take_over(provider_id, item, markup_micros, round_micros, dry_run)
            for item in listings
        ]


def _take_over(
    provider_id: int, listing: Listing, markup_micros: int, round_micros: int, dry_run: bool
) -> Change:
    rate = money.marked_up(listing.rate_micros, markup_micros, round_micros)
    why = unusable(listing)
    if not why and rate > services.MAX_RATE_MICROS:
        why = "its rate with the markup is too high"
    if why:
        return Change(None, listing.service, listing.name, f"left out: {why}")
    values = {
        "name": listing.name,
        "category": listing.category,
        "type": listing.type,
        "rate_micros": rate,
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
        "dripfeed": services.TYPES[listing.type].dripfeed,
        "markup_micros": markup_micros,
        "round_micros": round_micros,
    }
    source = Source.get_or_none(
        Source.provider == provider_id,
        Source.provider_service == listing.service,
        Source.position == 1,
    )
    service_id = source.service_id if source else None
    if not dry_run:
        if service_id is None:
            service_id = Service.create(**values).id
        else:
            Service.update(**values).where(Service.id == service_id).execute()
        providers.link(service_id, provider_id, listing)
    what = "updated" if source else "added"
    shown = f"{what} at {money.format_exact(rate)}, cost {money.format_exact(listing.rate_micros)}"
    return Change(service_id, listing.service, listing.name, shown)


def _check_markup(markup_micros: int, round_micros: int) -> None:
    if markup_micros < 0 or round_micros < 1:
        raise Invalid("the markup cannot be negative, and the step must be above 0")


def mark_up(service_ids: Iterable[int], markup_micros: int, round_micros: int = 1) -> list[Change]:
    """Let the rates of services follow their costs with a markup, from now on.

    :param markup_micros: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this.
    :returns: a line for each service; those that are bought nowhere are left out.
    :raises Invalid: for no services, no such service, or a markup that cannot be.
    """
    _check_markup(markup_micros, round_micros)
    with immediate():
        changes = [_mark_up(number, markup_micros, round_micros) for number in service_ids]
        if not changes:
            raise Invalid("no services were given")
    return changes


def _mark_up(service_id: int, markup_micros: int, round_micros: int) -> Change:
    service = services.get(service_id)
    source = Source.get_or_none(Source.service == service_id, Source.position == 1)
    if source is None:
        return Change(service_id, "", service.name, "left out: it is bought nowhere")
    rate = money.marked_up(source.cost_micros, markup_micros, round_micros)
    if rate > services.MAX_RATE_MICROS:
        what = "left out: its rate with the markup is too high"
        return Change(service_id, source.provider_service, service.name, what)
    Service.update(rate_micros=rate, markup_micros=markup_micros, round_micros=round_micros).where(
        Service.id == service_id
    ).execute()
    what = _moved("rate_micros", service.rate_micros, rate)
    return Change(service_id, source.provider_service, service.name, what)


def follow(
    provider_id: int, listings: Iterable[Listing], disable_below_cost: bool
) -> list[Change]:
    """Follow a provider's catalogue with the services that we buy there.

    A changed cost moves the rate where the service has a markup; a service that vanished is
    disabled, and enabled when it returns; one whose rate is below its cost is reported, and
    with `disable_below_cost` disabled until that ends.

    :returns: a line for each change, and for each service below its cost.
    :raises Invalid: for an empty catalogue, which is more likely a fault than the truth.
    """
    offered = {listing.service: listing for listing in listings}
    if not offered:
        raise Invalid("the provider answered with an empty catalogue; nothing was changed")
    with immediate():
        changes = []
        query = Source.select().where(Source.provider == provider_id)
        for source in list(query.order_by(Source.service, Source.position)):
            # Read anew: a service may have both its sources here.
            service = services.get(source.service_id)
            listing = offered.get(source.provider_service)
            whats = _follow(service, source, listing, disable_below_cost)
            changes += [
                Change(service.id, source.provider_service, service.name, what) for what in whats
            ]
    return changes


def _follow(
    service: Service, source: Source, listing: Listing | None, disable_below_cost: bool
) -> list[str]:
    before = {name: getattr(service, name) for name in _FOLLOWED}
    after = dict(before)
    cost = source.cost_micros
    if listing is None or unusable(listing) or listing.type != service.type:
        if source.position == 1 and (service.active or service.inactive_because):
            after |= {"active": False, "inactive_because": "vanished"}
    else:
        cost = listing.rate_micros
        if source.position == 1:
            after |= _taken(service, listing)
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


def _taken(service: Service, listing: Listing) -> dict[str, Any]:
    """What a service takes from its first source's listing."""
    taken: dict[str, Any] = {
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
    }
    if service.markup_micros is not None:
        rate = money.marked_up(listing.rate_micros, service.markup_micros, service.round_micros)
        taken["rate_micros"] = min(rate, services.MAX_RATE_MICROS)
    if service.inactive_because == "vanished":
        taken |= {"active": True, "inactive_because": ""}
    return taken


def _moved(name: str, before: Any, after: Any) -> str:
    if name.endswith("_micros"):
        before, after = money.format_exact(before), money.format_exact(after)
    if name == "active":
        return "enabled" if after else "disabled"
    if name == "inactive_because":
        return (
            f"because it {after}" if after == "vanished" else f"because: {after or 'all is well'}"
        )
    return f"{name.removesuffix('_micros')} {before} → {after}"
