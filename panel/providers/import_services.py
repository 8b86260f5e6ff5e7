"""Importing a provider's services into our catalogue, with a markup on their cost."""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from database.transactions import immediate
from models import Provider, Service, Source
from panel import money, service_types, services
from panel.errors import OperatorError
from panel.providers import pending, sources
from panel.providers.changes import (
    EXACT_MICROS,
    CatalogueChange,
    Finding,
    Kind,
    Price,
    differences,
)
from panel.providers.explain import describe, describe_change, describe_pending
from panel.providers.follow import wait
from panel.providers.identity import renamings
from panel.providers.listing import Listing
from panel.providers.pending import STOPS_SALE, PendingKind
from panel.providers.policy import USUAL, SyncPolicy, judge_cost
from panel.providers.renumbering import count_moved

_Doubt = tuple[PendingKind, str, str]
"""What waits for an operator, as wait() takes it."""


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


def check_not_moved(provider: Provider, listings: Iterable[Listing]) -> None:
    """Refuse to import from a catalogue whose names stand under other numbers than before.

    Every service there would be added a second time.

    :param listings: the whole catalogue.
    :raises OperatorError: if so many names moved that a sync would hold what is bought there.
    """
    moved = count_moved(provider.id, {listing.service: listing for listing in listings})
    if moved:
        raise OperatorError(
            f"{moved} services of {provider.name} stand under other numbers there, and would be "
            f"added a second time: follow them with: flask provider sync {provider.name}, then "
            f"flask provider confirm {provider.name}"
        )


def import_services(
    provider_id: int,
    listings: Iterable[Listing],
    markup_ppm: int,
    round_micros: int | None = None,
    dry_run: bool = False,
    policy: SyncPolicy = USUAL,
) -> list[CatalogueChange]:
    """Create or update services, as take_over() does, in a transaction of its own."""
    with immediate():
        return take_over(provider_id, listings, markup_ppm, round_micros, dry_run, policy)


def take_over(
    provider_id: int,
    listings: Iterable[Listing],
    markup_ppm: int,
    round_micros: int | None,
    dry_run: bool,
    policy: SyncPolicy,
) -> list[CatalogueChange]:
    """Create our services for a provider's, or update those that were imported before.

    One that a sync would not follow, since its cost fell or rose too far or since it may be
    another service now, is left as it is and waits to be confirmed. A name or category of ours
    that is not the provider's stays. To be called inside immediate().

    :param markup_ppm: in millionths of the cost; 250000 is 25 %.
    :param round_micros: rates are rounded up to a multiple of this; None for the exact rate.
    :param dry_run: change nothing, only tell what would be done.
    :param policy: how far a cost may have fallen or risen.
    :returns: a change for each value that changes, and one for each listing that changes none;
        those that are unchanged stand last.
    :raises OperatorError: for a negative markup, or a step of 0 or less.
    """
    step = _check_markup(markup_ppm, round_micros)
    wanted = _Wanted(provider_id, markup_ppm, step, dry_run, policy)
    changes = [change for item in listings for change in _import_one(item, wanted)]
    if not dry_run:
        pending.update_held_of(provider_id)
    return sorted(changes, key=lambda change: change.kind == Kind.UNCHANGED)


class _Wanted(NamedTuple):
    """How the services of an import are taken over."""

    provider_id: int
    markup_ppm: int
    round_micros: int
    dry_run: bool
    policy: SyncPolicy


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


def _import_one(listing: Listing, wanted: _Wanted) -> list[CatalogueChange]:
    source = Source.get_or_none(
        Source.provider == wanted.provider_id,
        Source.provider_service == listing.service,
        Source.source_rank == 1,
    )
    service = None if source is None else services.get(source.service_id)
    service_id: int | None = None if source is None else source.service_id
    rate = money.marked_up(listing.rate_micros, wanted.markup_ppm, wanted.round_micros)
    if why := _hindrance(service, source, listing, rate, wanted):
        kind, after = why
        name = listing.name if service is None else service.name
        return _as_changes(service_id, listing, name, [(kind, None, after)])
    values = _columns(service, source, listing)
    values |= {
        "rate_micros": rate,
        "markup_ppm": wanted.markup_ppm,
        "round_micros": wanted.round_micros,
    }
    findings = _findings(service, source, listing, values)
    if not wanted.dry_run:
        service_id = _save(service_id, values)
        sources.link(service_id, wanted.provider_id, listing)
    return _as_changes(service_id, listing, values["name"], findings)


def _as_changes(
    service_id: int | None, listing: Listing, name: str, findings: list[Finding]
) -> list[CatalogueChange]:
    return [CatalogueChange(service_id, listing.service, name, *finding) for finding in findings]


def _findings(
    service: Service | None, source: Source | None, listing: Listing, values: dict[str, Any]
) -> list[Finding]:
    """What an import of a listing changes."""
    if service is None or source is None:
        return [(Kind.ADDED, None, Price(values["rate_micros"], listing.rate_micros))]
    found: list[Finding] = []
    if source.cost_micros != listing.rate_micros:
        found.append((Kind.COST, source.cost_micros, listing.rate_micros))
    found += differences(service.__data__, values)
    found += _renamed(service, source, listing, values)
    # Linking a service anew ends what waited for its source.
    waiting = pending.of_provider(source.provider_id, source.id)
    found += [(Kind.SETTLED, describe_pending(item), None) for item in waiting]
    return found or [(Kind.UNCHANGED, None, None)]


def _hindrance(
    service: Service | None,
    source: Source | None,
    listing: Listing,
    rate_micros: int,
    wanted: _Wanted,
) -> tuple[Kind, Any] | None:
    """Why a listing is not imported, as a change's kind and its `after`; None if it is."""
    doubts = [] if source is None else _doubts(source, listing, wanted.policy)
    if doubts and service is not None and source is not None:
        return _have_confirmed(service, source, doubts, wanted.dry_run)
    if rate_micros == 0:
        return Kind.SKIPPED_FREE, None
    return unusable(listing, rate_micros)


def _have_confirmed(
    service: Service, source: Source, doubts: list[_Doubt], dry_run: bool
) -> tuple[Kind, str]:
    """Have doubts of a source wait for an operator: what that means for its service.

    :param service: as it was before.
    """
    if not dry_run:
        for doubt in doubts:
            wait(source, *doubt)
    if service.held or not any(doubt[0] in STOPS_SALE for doubt in doubts):
        return Kind.SKIPPED_PENDING, "; ".join(describe(*doubt) for doubt in doubts)
    kind = Kind.WILL_HOLD if dry_run else Kind.HELD
    return kind, "; ".join(describe_change(*doubt) for doubt in doubts)


def _doubts(source: Source, listing: Listing, policy: SyncPolicy) -> list[_Doubt]:
    """What an operator has to confirm before a listing is taken over by its source."""
    doubts: list[_Doubt] = [item[:3] for item in renamings(source, listing) if item.is_doubtful]
    if kind := judge_cost(source.cost_micros, listing.rate_micros, policy):
        doubts.append((kind, str(source.cost_micros), str(listing.rate_micros)))
    return doubts


def _renamed(
    service: Service, source: Source, listing: Listing, values: dict[str, Any]
) -> list[Finding]:
    """What the provider calls otherwise now, but for where ours changes with it."""
    return [
        (Kind(item.kind.value), item.before, item.after)
        for item in renamings(source, listing)
        if getattr(service, item.kind.value) == values[item.kind.value]
    ]


def _columns(service: Service | None, source: Source | None, listing: Listing) -> dict[str, Any]:
    """What a service takes over from a provider's as it is."""
    return {
        "name": _ours_or_theirs("name", service, source, listing),
        "category": _ours_or_theirs("category", service, source, listing),
        "type": listing.type,
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
        "dripfeed": service_types.SERVICE_TYPES[listing.type].dripfeed,
    }


def _ours_or_theirs(
    field: str, service: Service | None, source: Source | None, listing: Listing
) -> str:
    """What a service is called from now on: as we call it, if that is not the provider's word.

    Where the provider's word was never kept, ours may be the operator's, and stays too.
    """
    theirs: str = getattr(listing, field)
    if service is None or source is None:
        return theirs
    ours: str = getattr(service, field)
    return theirs if ours == getattr(source, field) else ours


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


def fix_rates(service_ids: Collection[int]) -> None:
    """Let the rates of services follow their costs no longer.

    :raises OperatorError: for no services, or no such service; then nothing is changed.
    """
    if not service_ids:
        raise OperatorError("no services were given")
    with immediate():
        for number in service_ids:
            services.get(number)
            Service.update(markup_ppm=None).where(Service.id == number).execute()


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
    if rate == 0:
        return change._replace(kind=Kind.SKIPPED_FREE, before=None, after=None)
    Service.update(rate_micros=rate, markup_ppm=markup_ppm, round_micros=round_micros).where(
        Service.id == service_id
    ).execute()
    return change
