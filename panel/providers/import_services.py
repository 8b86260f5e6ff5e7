"""Importing a provider's services into our catalogue, with a markup on their cost."""

from collections.abc import Collection, Iterable
from typing import Any

from database.transactions import immediate
from models import Service, Source
from panel import money, service_types, services
from panel.errors import OperatorError
from panel.providers import sources
from panel.providers.changes import CatalogueChange, Kind, Price
from panel.providers.listing import Listing

EXACT_MICROS = 1
"""The step of rates where none is given: they are exact, up to a millionth."""


def select_listings(
    listings: Iterable[Listing], categories: Collection[str] = (), ids: Collection[str] = ()
) -> list[Listing]:
    """The listings of these categories and of these numbers; of any, where none are given.

    :raises OperatorError: if there are none.
    """
    chosen = [
        item
        for item in listings
        if (not categories or item.category in categories) and (not ids or item.service in ids)
    ]
    if not chosen:
        raise OperatorError("the provider has no service that matches")
    return chosen


def import_services(
    provider_id: int,
    listings: Iterable[Listing],
    markup_ppm: int,
    round_micros: int | None = None,
    dry_run: bool = False,
) -> list[CatalogueChange]:
    """Create our services for a provider's, or update those that were imported before.

    :param markup_ppm: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this; None for the exact rate.
    :param dry_run: change nothing, only tell what would be done.
    :returns: a change for each listing.
    :raises OperatorError: for a negative markup, or a step of 0 or less.
    """
    step = _check_markup(markup_ppm, round_micros)
    with immediate():
        return [_import_one(provider_id, item, markup_ppm, step, dry_run) for item in listings]


def _check_markup(markup_ppm: int, round_micros: int | None) -> int:
    """The step that rates are rounded up to, in micros."""
    step = EXACT_MICROS if round_micros is None else round_micros
    if markup_ppm < 0 or step < 1:
        raise OperatorError("the markup cannot be negative, and the step must be above 0")
    return step


def unusable(listing: Listing, rate_micros: int) -> tuple[Kind, Any] | None:
    """Why a provider's service cannot be sold at this rate, as a change's kind and its `after`.

    :returns: None where it can.
    """
    if listing.type not in service_types.SERVICE_TYPES:
        return Kind.SKIPPED_TYPE, listing.type
    if not 1 <= listing.min <= listing.max <= services.MAX_QUANTITY:
        return Kind.SKIPPED_RANGE, (listing.min, listing.max)
    if rate_micros > services.MAX_RATE_MICROS:
        return Kind.SKIPPED_RATE, rate_micros
    return None


def _import_one(
    provider_id: int, listing: Listing, markup_ppm: int, round_micros: int, dry_run: bool
) -> CatalogueChange:
    rate = money.marked_up(listing.rate_micros, markup_ppm, round_micros)
    if why := unusable(listing, rate):
        kind, after = why
        return CatalogueChange(None, listing.service, listing.name, kind, after=after)
    source = Source.get_or_none(
        Source.provider == provider_id,
        Source.provider_service == listing.service,
        Source.source_rank == 1,
    )
    service_id, before = None, None
    if source is not None:
        service_id = source.service_id
        before = Price(services.get(service_id).rate_micros, source.cost_micros)
    kind = Kind.ADDED if before is None else Kind.UPDATED
    if not dry_run:
        values = {
            "rate_micros": rate,
            "markup_ppm": markup_ppm,
            "round_micros": round_micros,
            **_columns(listing),
        }
        service_id = _save(service_id, values)
        sources.link(service_id, provider_id, listing)
    after = Price(rate, listing.rate_micros)
    return CatalogueChange(service_id, listing.service, listing.name, kind, before, after)


def _columns(listing: Listing) -> dict[str, Any]:
    """What a service takes over from a provider's as it is."""
    return {
        "name": listing.name,
        "category": listing.category,
        "type": listing.type,
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
        "dripfeed": service_types.SERVICE_TYPES[listing.type].dripfeed,
    }


def _save(service_id: int | None, values: dict[str, Any]) -> int:
    """Create or update a service; its number."""
    if service_id is None:
        return Service.create(**values).id
    Service.update(**values).where(Service.id == service_id).execute()
    return service_id


def mark_up(
    service_ids: Iterable[int], markup_ppm: int, round_micros: int | None = None
) -> list[CatalogueChange]:
    """Let the rates of services follow their costs with a markup, from now on.

    :param markup_ppm: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this; None for the exact rate.
    :returns: a change for each service; those without a provider are skipped.
    :raises OperatorError: for no services, no such service, or a markup that is not allowed.
    """
    step = _check_markup(markup_ppm, round_micros)
    with immediate():
        changes = [_mark_up(number, markup_ppm, step) for number in service_ids]
        if not changes:
            raise OperatorError("no services were given")
    return changes


def _mark_up(service_id: int, markup_ppm: int, round_micros: int) -> CatalogueChange:
    service = services.get(service_id)
    source = Source.get_or_none(Source.service == service_id, Source.source_rank == 1)
    if source is None:
        return CatalogueChange(service_id, "", service.name, Kind.SKIPPED_NO_SOURCE)
    rate = money.marked_up(source.cost_micros, markup_ppm, round_micros)
    change = CatalogueChange(
        service_id, source.provider_service, service.name, Kind.RATE, service.rate_micros, rate
    )
    if rate > services.MAX_RATE_MICROS:
        return change._replace(kind=Kind.SKIPPED_RATE, before=None)
    Service.update(rate_micros=rate, markup_ppm=markup_ppm, round_micros=round_micros).where(
        Service.id == service_id
    ).execute()
    return change
