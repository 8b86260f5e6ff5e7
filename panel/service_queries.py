"""The lists of services, with where they are bought and what they cost."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from peewee import fn

from database.compiled_query import rows
from database.connection import database
from models import AuditLine, Provider, Service, Source
from panel import paging
from panel.paging import Page
from panel.services import IN_ORDER

LAST_LINES = 5000
"""So many lines of the audit are looked through for what was done with a service."""

ONLY = {
    "enabled": "Enabled",
    "disabled": "Disabled",
    "held": "Held",
    "below": "Sold below cost",
    "by hand": "Fulfilled by hand",
}
"""What a list can be narrowed to, and what it is called."""


class ServiceFilter(NamedTuple):
    """Which services to list; "" narrows nothing.

    text: words of which each is in the name or the category, or is the service's number or a
    provider's number of it. only: one of ONLY. provider: where it is bought, first or second.
    """

    category: str = ""
    text: str = ""
    only: str = ""
    provider: str = ""


def service_page(wanted: ServiceFilter = ServiceFilter(), after: int | None = None) -> Page:  # noqa: B008
    """Services in the catalogue's order, with their sources and their highest cost.

    :param after: the service that the page before ended with.
    """
    query = _narrowed(Service.select(), wanted)
    if after is not None and (last := Service.get_or_none(Service.id == after)):
        later = (Service.sort_order == last.sort_order) & (Service.id > last.id)
        query = query.where((Service.sort_order > last.sort_order) | later)
    if wanted.text.strip():
        query = query.where(Service.id.in_(_with_words(query, wanted.text)))
    page = paging.cut(rows(query.order_by(*IN_ORDER).limit(paging.PAGE + 1).dicts()))
    sources = _sources([row["id"] for row in page.rows])
    for row in page.rows:
        row["sources"] = sources.get(row["id"], [])
        row["cost_micros"] = max((s["cost_micros"] for s in row["sources"]), default=None)
    return page


def _narrowed(query: Any, wanted: ServiceFilter) -> Any:
    of_service = Source.select().where(Source.service == Service.id)
    dearer = of_service.where(Source.cost_micros > Service.rate_micros)
    conditions = {
        "enabled": Service.active,
        "disabled": ~Service.active,
        "held": Service.active & Service.held,
        "below": Service.active & fn.EXISTS(dearer),
        "by hand": ~fn.EXISTS(of_service),
    }
    if wanted.only in conditions:
        query = query.where(conditions[wanted.only])
    if wanted.category:
        query = query.where(Service.category == wanted.category)
    if wanted.provider:
        named = Provider.select(Provider.id).where(Provider.name == wanted.provider)
        there = Source.select(Source.service).where(Source.provider.in_(named))
        query = query.where(Service.id.in_(there))
    return query


def _with_words(query: Any, text: str) -> list[int]:
    """The first services of a query that have all of these words, enough for a page.

    Compared here, for SQLite knows the capitals of ASCII alone.
    """
    words = text.casefold().split()
    at_provider = _bought_as(words)
    found = []
    named = query.select(Service.id, Service.name, Service.category).order_by(*IN_ORDER)
    for number, name, category in database.execute(named).fetchall():
        texts = f"{name} {category}".casefold()
        numbers = (str(number), *at_provider.get(number, ()))
        if all(word in texts or word in numbers for word in words):
            found.append(number)
        if len(found) > paging.PAGE:
            break
    return found


def _bought_as(words: list[str]) -> dict[int, list[str]]:
    """Which of these words are a provider's number of a service, by service."""
    found: dict[int, list[str]] = {}
    numbers = fn.LOWER(Source.provider_service)
    query = Source.select(Source.service, numbers).where(numbers.in_(words))
    for service, number in rows(query.tuples()):
        found.setdefault(service, []).append(number)
    return found


def last_changes(service_id: int, limit: int = 10) -> list[dict[str, Any]]:
    """What was done with a service lately, the newest first, as the audit has it."""
    newest = AuditLine.select(fn.MAX(AuditLine.id)).scalar() or 0
    query = (
        AuditLine.select()
        .where(AuditLine.id > newest - LAST_LINES, AuditLine.act.startswith("service"))
        .order_by(AuditLine.id.desc())
    )
    found = []
    for line in rows(query.dicts()):
        if service_id in _numbers(line["act"]):
            found.append(line)
        if len(found) == limit:
            break
    return found


def _numbers(act: str) -> Iterator[int]:
    """The services that an act is about."""
    match = re.match(r"services? (\d[\d, ]*):", act)
    return map(int, match[1].split(", ")) if match else iter(())


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
