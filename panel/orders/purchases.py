"""Where an order's service is bought, at which cost, and whether that can be trusted now."""

import json
from typing import NamedTuple

from peewee import JOIN

from database.compiled_query import CompiledQuery, param
from models import PendingChange, Provider, Service, Source
from panel import accounts, money, pricing
from panel.orders.lookup import StoredOrder
from panel.service_types import SERVICE_TYPES, takes_quantity


class Purchase(NamedTuple):
    """Where an order's service is bought, and what it is; None where that is nowhere."""

    type: str
    source_id: int | None
    provider_id: int | None
    provider_service: str
    cost_micros: int
    dripfeed: int


_PURCHASE = CompiledQuery(
    lambda: (
        Service.select(
            Service.type,
            Source.id,
            Source.provider,
            Source.provider_service,
            Source.cost_micros,
            Source.dripfeed,
        )
        .join(
            Source,
            JOIN.LEFT_OUTER,
            on=(Source.service == Service.id) & (Source.source_rank == param("source_rank")),
        )
        .where(Service.id == param("service_id"))
    )
)
_STOPPED = CompiledQuery(
    lambda: Provider.select(Provider.stopped_because, Provider.paused_at).where(
        Provider.id == param("provider_id")
    )
)


def purchase_of(order: StoredOrder) -> Purchase:
    """Where an order is bought by now."""
    row = _PURCHASE.row(service_id=order.service_id, source_rank=order.source_rank)
    return Purchase(*row)


def find_source(service_id: int, source_rank: int) -> Source | None:
    """Where a service is bought first (1) or second (2), if it is."""
    return Source.get_or_none(Source.service == service_id, Source.source_rank == source_rank)


def parameters(order: StoredOrder, purchase: Purchase) -> dict[str, str]:
    """The parameters of the provider's `add`."""
    parameters = {"service": purchase.provider_service}
    if order.link:
        parameters["link"] = order.link
    if takes_quantity(purchase.type):
        parameters["quantity"] = str(order.quantity // (order.runs or 1))
    parameters |= {name: str(value) for name, value in json.loads(order.parameters).items()}
    if order.runs is not None:
        parameters |= {"runs": str(order.runs), "interval": str(order.interval)}
    return parameters


def cost(order: StoredOrder) -> int:
    """What the order costs us at its source, in micros; 0 where it has none."""
    purchase = purchase_of(order)
    if purchase.provider_id is None:
        return 0
    if SERVICE_TYPES[purchase.type].charged == "package":
        return purchase.cost_micros
    return money.charge(purchase.cost_micros, order.quantity)


def dearer(order: StoredOrder) -> str:
    """Why an order would cost more than it was sold for, and would be sold at more now; or ''.

    Whoever sells below cost knowingly goes on doing so: only what became dearer meanwhile counts.
    """
    cost_micros = cost(order)
    if cost_micros <= order.charge_micros or order.parent_id is not None:
        return ""
    offer = pricing.offer_for(accounts.caller(order.account_id), order.service_id)
    if pricing.charge(offer, order.quantity) <= order.charge_micros:
        return ""
    costs, paid = money.format_exact(cost_micros), money.format_exact(order.charge_micros)
    return f"it costs {costs} now, and was sold for {paid}"


def is_stopped(provider_id: int) -> bool:
    """Whether nothing new is sent to a provider until an operator resumes it."""
    row = _STOPPED.row(provider_id=provider_id)
    return row is not None and (row[0] != "" or row[1] is not None)


def untrusted_change(provider_id: int, source_id: int) -> PendingChange | None:
    """A pending change because of which nothing is bought at a source, if there is one."""
    of_source = PendingChange.source.is_null() | (PendingChange.source == source_id)
    query = PendingChange.select().where(
        PendingChange.provider == provider_id, PendingChange.stops_sale, of_source
    )
    return query.order_by(PendingChange.id).first()
