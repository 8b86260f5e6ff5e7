"""Taking a provider's services into our catalogue, with a markup on their cost."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from database.transactions import immediate
from models import Service, Source
from panel import money, service_types, services
from panel.errors import OperatorError
from panel.providers import sources
from panel.providers.listing import Listing


class CatalogueChange(NamedTuple):
    """One line of a change report."""

    service_id: int | None
    provider_service: str
    name: str
    what: str


def why_unusable(listing: Listing) -> str:
    """Why we cannot sell a provider's service, or '' where we can."""
    if listing.type not in service_types.SERVICE_TYPES:
        return f"the type {listing.type!r} is not sold here"
    if not 1 <= listing.min <= listing.max <= services.MAX_QUANTITY:
        return f"its range, {listing.min} to {listing.max}, cannot be"
    if listing.rate_micros > services.MAX_RATE_MICROS:
        return "its rate is too high"
    return ""


def select_listings(
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
        raise OperatorError("they have no such services")
    return chosen


def import_services(
    provider_id: int,
    listings: Iterable[Listing],
    markup_ppm: int,
    round_micros: int = 1,
    dry_run: bool = False,
) -> list[CatalogueChange]:
    """Create our services for a provider's, or update those that we have already.

    :param markup_ppm: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this.
    :param dry_run: change nothing, only say what would be done.
    :returns: a line for each listing.
    :raises Invalid: for a negative markup, or a step of nothing.
    """
    _check_markup(markup_ppm, round_micros)
    with immediate():
        return [
            _import_one(provider_id, item, markup_ppm, round_micros, dry_run) for item in listings
        ]


def _import_one(
    provider_id: int, listing: Listing, markup_ppm: int, round_micros: int, dry_run: bool
) -> CatalogueChange:
    rate = money.marked_up(listing.rate_micros, markup_ppm, round_micros)
    why = why_unusable(listing)
    if not why and rate > services.MAX_RATE_MICROS:
        why = "its rate with the markup is too high"
    if why:
        return CatalogueChange(None, listing.service, listing.name, f"left out: {why}")
    values = {
        "name": listing.name,
        "category": listing.category,
        "type": listing.type,
        "rate_micros": rate,
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
        "dripfeed": service_types.SERVICE_TYPES[listing.type].dripfeed,
        "markup_ppm": markup_ppm,
        "round_micros": round_micros,
    }
    source = Source.get_or_none(
        Source.provider == provider_id,
        Source.provider_service == listing.service,
        Source.source_rank == 1,
    )
    service_id = source.service_id if source else None
    if not dry_run:
        if service_id is None:
            service_id = Service.create(**values).id
        else:
            Service.update(**values).where(Service.id == service_id).execute()
        sources.link(service_id, provider_id, listing)
    what = "updated" if source else "added"
    shown = f"{what} at {money.format_exact(rate)}, cost {money.format_exact(listing.rate_micros)}"
    return CatalogueChange(service_id, listing.service, listing.name, shown)


def _check_markup(markup_ppm: int, round_micros: int) -> None:
    if markup_ppm < 0 or round_micros < 1:
        raise OperatorError("the markup cannot be negative, and the step must be above 0")


def mark_up(
    service_ids: Iterable[int], markup_ppm: int, round_micros: int = 1
) -> list[CatalogueChange]:
    """Let the rates of services follow their costs with a markup, from now on.

    :param markup_ppm: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this.
    :returns: a line for each service; those that are bought nowhere are left out.
    :raises Invalid: for no services, no such service, or a markup that cannot be.
    """
    _check_markup(markup_ppm, round_micros)
    with immediate():
        changes = [_mark_up(number, markup_ppm, round_micros) for number in service_ids]
        if not changes:
            raise OperatorError("no services were given")
    return changes


def _mark_up(service_id: int, markup_ppm: int, round_micros: int) -> CatalogueChange:
    service = services.get(service_id)
    source = Source.get_or_none(Source.service == service_id, Source.source_rank == 1)
    if source is None:
        return CatalogueChange(service_id, "", service.name, "left out: it is bought nowhere")
    rate = money.marked_up(source.cost_micros, markup_ppm, round_micros)
    if rate > services.MAX_RATE_MICROS:
        what = "left out: its rate with the markup is too high"
        return CatalogueChange(service_id, source.provider_service, service.name, what)
    Service.update(rate_micros=rate, markup_ppm=markup_ppm, round_micros=round_micros).where(
        Service.id == service_id
    ).execute()
    what = _moved("rate_micros", service.rate_micros, rate)
    return CatalogueChange(service_id, source.provider_service, service.name, what)


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
