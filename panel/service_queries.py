"""The lists of services, with where they are bought and what they cost."""

from typing import Any

from peewee import fn

from database.compiled_query import rows
from models import Provider, Service, Source
from panel import paging
from panel.paging import Page
from panel.services import IN_ORDER


def service_page(category: str = "", text: str = "", after: int | None = None) -> Page:
    """Services in the catalogue's order, with their sources and their highest cost.

    :param after: the service that the page before ended with.
    """
    query = Service.select()
    if category:
        query = query.where(Service.category == category)
    if text:
        query = query.where(Service.name.contains(text))
    if after is not None and (last := Service.get_or_none(Service.id == after)):
        later = (Service.sort_order == last.sort_order) & (Service.id > last.id)
        query = query.where((Service.sort_order > last.sort_order) | later)
    page = paging.cut(rows(query.order_by(*IN_ORDER).limit(paging.PAGE + 1).dicts()))
    sources = _sources([row["id"] for row in page.rows])
    for row in page.rows:
        row["sources"] = sources.get(row["id"], [])
        row["cost_micros"] = max((s["cost_micros"] for s in row["sources"]), default=None)
    return page


def _sources(service_ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    query = (
        Source.select(Source, Provider.name.alias("provider_name"))
        .join(Provider)
        .where(Source.service.in_(service_ids))
        .order_by(Source.service, Source.source_rank)
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows(query.dicts()):
        found.setdefault(row["service"], []).append(row)
    return found


def categories() -> list[str]:
    """The categories that services have."""
    query = Service.select(Service.category).distinct().order_by(Service.category)
    return [row[0] for row in rows(query.tuples())]


def off_sale() -> list[dict[str, Any]]:
    """The services that the panel took off sale by itself, as `because` says.

    Those of a provider that an operator removed are bought nowhere any more, and left out.
    """
    query = (
        Service.select(
            Service.id, Service.name, Service.inactive_because.alias("because"),
            Provider.name.alias("provider"),
        )
        .join(Source)
        .join(Provider)
        .where(~Service.active, Service.inactive_because != "", Source.source_rank == 1)
        .order_by(Service.id)
    )  # fmt: skip
    return rows(query.dicts())


def below_cost(limit: int) -> list[dict[str, Any]]:
    """The first services that are sold below what they cost, as `cost` in micros."""
    query = (
        Service.select(
            Service.id, Service.name, Service.rate_micros, fn.MAX(Source.cost_micros).alias("cost")
        )
        .join(Source)
        .where(Service.active, Service.rate_micros < Source.cost_micros)
        .group_by(Service.id)
        .order_by(Service.id)
        .limit(limit)
    )
    return rows(query.dicts())
