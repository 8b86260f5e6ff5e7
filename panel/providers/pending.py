"""Pending changes: what a provider changed, not followed until an operator confirms it.

While one that stops sale is pending, the services that are bought there first are held: nobody
can order them, and orders for them are not sent. This module alone writes the table and
`services.held`.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from peewee import JOIN, fn

from database.compiled_query import rows
from models import PendingChange, Provider, Service, Source


class PendingKind(StrEnum):
    """What changed, and in the comments what `before` and `after` hold, as texts."""

    # Of the provider as a whole.
    CURRENCY = "currency"  # currency codes; before may be ''
    LOSS = "loss"  # how many of our services it offered, and how many it offers now
    MOVED = "moved"  # '', and how many names stand under other numbers
    # Of one source.
    NAME = "name"  # names
    CATEGORY = "category"  # categories
    FALL = "fall"  # costs in micros
    RISE = "rise"  # costs in micros
    CHARGE = "charge"  # what an order should have cost and what was charged, in micros


OF_PROVIDER = (PendingKind.CURRENCY, PendingKind.LOSS, PendingKind.MOVED)
STOPS_SALE = (
    PendingKind.CURRENCY,
    PendingKind.MOVED,
    PendingKind.NAME,
    PendingKind.CATEGORY,
    PendingKind.RISE,
)
"""Where the present rate or the service itself cannot be trusted."""


class Pending(NamedTuple):
    """One pending change with the names that it is about; service_id is None for a provider's."""

    id: int
    provider_id: int
    provider_name: str
    service_id: int | None
    service_name: str | None
    source_rank: int | None
    kind: str
    stops_sale: int
    before: str
    after: str
    created_at: int


def add(
    provider_id: int, kind: PendingKind, before: str, after: str, source_id: int | None = None
) -> bool:
    """Make a change pending, or bring one up to date; to be called inside immediate().

    :param source_id: the source that it is about; None where it is about the whole provider.
    :returns: whether anything is new about it.
    """
    known = _find(provider_id, kind, source_id)
    if known is None:
        PendingChange.create(
            provider=provider_id,
            source=source_id,
            kind=kind,
            stops_sale=kind in STOPS_SALE,
            before=before,
            after=after,
        )
    elif known.after != after:
        PendingChange.update(after=after).where(PendingChange.id == known.id).execute()
    else:
        return False
    hold_services(provider_id)
    return True


def remove(provider_id: int, kinds: tuple[PendingKind, ...], source_id: int | None = None) -> int:
    """End pending changes of these kinds; to be called inside immediate().

    :returns: how many there were.
    """
    count = (
        PendingChange.delete()
        .where(PendingChange.provider == provider_id, PendingChange.kind.in_(kinds))
        .where(_is_source(source_id))
        .execute()
    )
    if count:
        hold_services(provider_id)
    return count


def remove_all_of_source(source_id: int, provider_id: int) -> None:
    """End every pending change of a source, which is another one now or none."""
    remove(provider_id, tuple(PendingKind), source_id)


def find(provider_id: int, kind: PendingKind, source_id: int | None = None) -> Pending | None:
    """One pending change, if there is such a one."""
    known = _find(provider_id, kind, source_id)
    return next((item for item in listing() if known and item.id == known.id), None)


def _find(provider_id: int, kind: PendingKind, source_id: int | None) -> PendingChange | None:
    return PendingChange.get_or_none(
        PendingChange.provider == provider_id, PendingChange.kind == kind, _is_source(source_id)
    )


def _is_source(source_id: int | None) -> Any:
    if source_id is None:
        return PendingChange.source.is_null()
    return PendingChange.source == source_id


def hold_services(provider_id: int) -> None:
    """Bring `services.held` up to date for what is bought first at a provider."""
    stopping = PendingChange.select(PendingChange.id).where(
        PendingChange.provider == provider_id,
        PendingChange.stops_sale,
        PendingChange.source.is_null() | (PendingChange.source == Source.id),
    )
    held = (
        Source.select(Source.service)
        .where(Source.provider == provider_id, Source.source_rank == 1)
        .where(fn.EXISTS(stopping))
    )
    first = Source.select(Source.service).where(
        Source.provider == provider_id, Source.source_rank == 1
    )
    is_held = Service.id.in_(held)
    Service.update(held=is_held).where(Service.id.in_(first), Service.held != is_held).execute()


def listing() -> list[Pending]:
    """All pending changes: those of providers first, then by service."""
    query = (
        PendingChange.select(
            PendingChange.id,
            PendingChange.provider,
            Provider.name,
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
        .order_by(PendingChange.source.is_null(False), Source.service, PendingChange.id)
    )
    return [Pending(*row) for row in rows(query.tuples())]
