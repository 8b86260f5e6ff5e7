"""How far prices rose of late: kept until a day after the rise, or until they have fallen back.

What an operator changes, such as a rate of exchange, is no rise.
"""

from typing import Any, NamedTuple

from database.clock import now
from database.compiled_query import rows
from models import Provider, Service, Source

KEPT_S = 86400
"""Prices that creep up are one rise, as long as the next step comes within this time."""


class Rise(NamedTuple):
    """A price that rose: what the service cost before, and what it costs now, in micros."""

    provider: str
    service_id: int
    service_name: str
    before_micros: int
    after_micros: int


def remember(source: Source, cost_micros: int) -> None:
    """Keep what a source cost before its price rose; to be called inside immediate().

    :param cost_micros: what it is going to cost.
    """
    values = after_step(
        source.cost_micros, cost_micros, source.cost_before_micros, source.risen_at, now()
    )
    if values != (source.cost_before_micros, source.risen_at):
        before_micros, risen_at = values
        Source.update(cost_before_micros=before_micros, risen_at=risen_at).where(
            Source.id == source.id
        ).execute()


def after_step(
    cost_micros: int,
    next_micros: int,
    before_micros: int | None,
    risen_at: int | None,
    moment: int,
) -> tuple[int | None, int | None]:
    """What is to be kept after a step of a price.

    :param before_micros: what is kept: the cost before the rise; risen_at: when it rose last.
    :returns: the same two, as they are from now on.
    """
    stands = risen_at is not None and risen_at > moment - KEPT_S
    start_micros = before_micros if stands and before_micros is not None else None
    if next_micros > cost_micros:
        return (cost_micros if start_micros is None else start_micros), moment
    if start_micros is not None and next_micros > start_micros:
        return start_micros, risen_at
    return None, None


def forget(provider_id: int) -> None:
    """Forget all rises at a provider, where its costs are converted anew; inside immediate()."""
    Source.update(cost_before_micros=None, risen_at=None).where(
        Source.provider == provider_id, Source.risen_at.is_null(False)
    ).execute()


def listing(percent: int) -> list[Rise]:
    """The prices of services on sale that rose by more than so many percent within a day."""
    query: Any = (
        Source.select(
            Provider.name, Service.id, Service.name, Source.cost_before_micros, Source.cost_micros
        )
        .join(Provider)
        .switch(Source)
        .join(Service)
        .where(
            Service.active,
            Source.risen_at > now() - KEPT_S,
            Source.cost_micros * 100 > Source.cost_before_micros * (100 + percent),
        )
        .order_by(Service.id, Source.source_rank)
    )
    return [Rise(*row) for row in rows(query.tuples())]
