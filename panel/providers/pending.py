"""Pending changes: what a provider changed, not followed until an operator confirms it.

While one that stops sale is pending, the services that are bought there first are held: nobody
can order them, and orders for them are not sent. This module alone writes the table and
`services.held`.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from peewee import JOIN, fn

from database.compiled_query import rows
from models import PendingChange, Provider, Service, Source
from panel import money


class PendingKind(StrEnum):
    """What changed, and in the comments what `before` and `after` hold, as texts."""

    # Of the provider as a whole.
    CURRENCY = "currency"  # currency codes; before is '' where it is only not convertible
    PRICES = "prices"  # '', and the currency in which they are to be read for the first time
    LOSS = "loss"  # how many of our services it offered, and how many it offers now
    MOVED = "moved"  # '', and how many names stand under other numbers
    # Of one source.
    NAME = "name"  # names
    CATEGORY = "category"  # categories
    FALL = "fall"  # costs in micros
    RISE = "rise"  # costs in micros
    CHARGE = "charge"  # what an order should have cost and what was charged, in micros


OF_PROVIDER = (PendingKind.CURRENCY, PendingKind.PRICES, PendingKind.LOSS, PendingKind.MOVED)
OF_IDENTITY = (PendingKind.NAME, PendingKind.CATEGORY)
OF_COST = (PendingKind.FALL, PendingKind.RISE)
AMOUNTS = (*OF_COST, PendingKind.CHARGE)
"""Whose `before` and `after` are micros."""
STOPS_SALE = (
    PendingKind.CURRENCY,
    PendingKind.PRICES,
    PendingKind.MOVED,
    *OF_IDENTITY,
    PendingKind.RISE,
)
"""Where the present rate or the service itself cannot be trusted."""


class Pending(NamedTuple):
    """One pending change with the names that it is about.

    What tells of a source or a service is None where it is about the whole provider.
    """

    id: int
    provider_id: int
    provider_name: str
    source_id: int | None
    service_id: int | None
    service_name: str | None
    source_rank: int | None
    kind: str
    stops_sale: int
    before: str
    after: str
    created_at: int


def add(
    provider_id: int,
    kind: PendingKind,
    before: str,
    after: str,
    source_id: int | None = None,
    stops_sale: bool | None = None,
) -> bool:
    """Make a change pending, or bring one up to date; to be called inside immediate().

    :param source_id: the source that it is about; None where it is about the whole provider.
    :param stops_sale: None for what STOPS_SALE says of the kind.
    :returns: whether anything is new about it.
    """
    known = find(provider_id, kind, source_id)
    if known is None:
        PendingChange.create(
            provider=provider_id,
            source=source_id,
            kind=kind,
            stops_sale=kind in STOPS_SALE if stops_sale is None else stops_sale,
            before=before,
            after=after,
        )
    elif (known.before, known.after) != (before, after):
        PendingChange.update(before=before, after=after).where(
            PendingChange.id == known.id
        ).execute()
    else:
        return False
    update_held(_services_of(provider_id, source_id))
    return True


def remove(
    provider_id: int, kinds: Iterable[PendingKind], source_id: int | None = None
) -> list[Pending]:
    """End pending changes of these kinds; to be called inside immediate().

    :param source_id: the source that they are about; None for those of the whole provider.
    :returns: what was ended.
    """
    wanted = tuple(kinds)
    ended = [item for item in of_provider(provider_id, source_id) if item.kind in wanted]
    if ended:
        PendingChange.delete().where(PendingChange.id.in_([item.id for item in ended])).execute()
        update_held(_services_of(provider_id, source_id))
    return ended


def remove_all_of_source(source_id: int) -> None:
    """End every pending change of a source; to be called inside immediate()."""
    PendingChange.delete().where(PendingChange.source == source_id).execute()
    update_held(Source.select(Source.service).where(Source.id == source_id))


def remove_all_of_provider(provider_id: int) -> None:
    """End every pending change at a provider and of its sources; inside immediate()."""
    PendingChange.delete().where(PendingChange.provider == provider_id).execute()
    update_held(_services_of(provider_id, None))


def find(provider_id: int, kind: PendingKind, source_id: int | None = None) -> Pending | None:
    """One pending change, if there is such a one."""
    return next((item for item in of_provider(provider_id, source_id) if item.kind == kind), None)


def of_provider(provider_id: int, source_id: int | None = None) -> list[Pending]:
    """The pending changes of a provider as a whole, or of one of its sources."""
    query = _query().where(PendingChange.provider == provider_id)
    if source_id is None:
        query = query.where(PendingChange.source.is_null())
    else:
        query = query.where(PendingChange.source == source_id)
    return _read(query)


def of_sources(provider_id: int) -> list[Pending]:
    """The pending changes of all sources at a provider."""
    mine = PendingChange.provider == provider_id
    return _read(_query().where(mine, PendingChange.source.is_null(False)))


def of_service(service_id: int) -> list[Pending]:
    """The pending changes of a service's sources, and of their providers as a whole."""
    sources = Source.select(Source.id).where(Source.service == service_id)
    providers = Source.select(Source.provider).where(Source.service == service_id)
    whole = PendingChange.source.is_null() & PendingChange.provider.in_(providers)
    return _read(_query().where(PendingChange.source.in_(sources) | whole))


def listing() -> list[Pending]:
    """All pending changes: those of providers first, then by service."""
    return _read(_query())


def to_decide(provider_id: int | None = None) -> dict[int, list[Pending]]:
    """The changes that an operator has to decide about, by service.

    Of a service that was disabled by hand nothing is to be decided.

    :param provider_id: where the changes happened; None for anywhere.
    """
    decided = ~Service.active & (Service.inactive_because == "")
    query = _query().where(PendingChange.source.is_null(False), ~decided)
    if provider_id is not None:
        query = query.where(PendingChange.provider == provider_id)
    found: dict[int, list[Pending]] = {}
    for item in _read(query):
        if item.service_id is not None:
            found.setdefault(item.service_id, []).append(item)
    return found


def _query() -> Any:
    return (
        PendingChange.select(
            PendingChange.id,
            PendingChange.provider,
            Provider.name,
            PendingChange.source,
            Source.service,
            Service.name,
            Source.source_rank,
            PendingChange.kind,
            PendingChange.stops_sale,
            PendingChange.before,
            PendingChange.after,
            PendingChange.created_at,
        )
        .join(Provider)
        .join_from(PendingChange, Source, JOIN.LEFT_OUTER)
        .join_from(Source, Service, JOIN.LEFT_OUTER)
        .order_by(
            PendingChange.source.is_null(False), Source.service, Source.source_rank,
            PendingChange.id,
        )
    )  # fmt: skip


def _read(query: Any) -> list[Pending]:
    return [Pending(*row) for row in rows(query.tuples())]


def is_anything_bought(provider_id: int) -> bool:
    """Whether any service is bought at a provider, first or second."""
    return Source.select().where(Source.provider == provider_id).exists()


def rescale(provider_id: int, before_ppt: int, after_ppt: int) -> None:
    """Bring pending amounts at a provider to another rate of exchange; inside immediate()."""
    query = PendingChange.select().where(
        PendingChange.provider == provider_id, PendingChange.kind.in_(AMOUNTS)
    )
    for item in list(query):
        values = {
            name: str(money.rescaled(int(getattr(item, name)), before_ppt, after_ppt))
            for name in ("before", "after")
        }
        PendingChange.update(**values).where(PendingChange.id == item.id).execute()


def _services_of(provider_id: int, source_id: int | None) -> Any:
    """The services that are bought at a provider first, or from one of its sources."""
    query = Source.select(Source.service).where(Source.source_rank == 1)
    if source_id is None:
        return query.where(Source.provider == provider_id)
    return query.where(Source.id == source_id)


def update_held_of(provider_id: int) -> None:
    """Bring `services.held` up to date for all that is bought first at a provider."""
    update_held(_services_of(provider_id, None))


def update_held(service_ids: Any) -> None:
    """Bring `services.held` up to date for these services; to be called inside immediate().

    :param service_ids: numbers, or a query for them.
    """
    stopping = (
        Source.select(Source.id)
        .join(PendingChange, on=PendingChange.provider == Source.provider)
        .where(
            Source.service == Service.id,
            Source.source_rank == 1,
            PendingChange.stops_sale,
            PendingChange.source.is_null() | (PendingChange.source == Source.id),
        )
    )
    is_held = fn.EXISTS(stopping)
    Service.update(held=is_held).where(
        Service.id.in_(service_ids), Service.held != is_held
    ).execute()
