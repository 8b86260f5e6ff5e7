"""The panels that we buy from, and which of our services is bought where."""

import re
from typing import Any, NamedTuple

from models import Order, Provider, Service, Source, immediate, now, rows
from panel.errors import Invalid
from panel.orders import OPEN

SANDBOX_URL = "sandbox:"
"""The address of the provider that needs no network."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_URL = re.compile(r"https?://[^/@\s?#]+(/[^@\s?#]*)?", re.ASCII)


class Listing(NamedTuple):
    """A service in a provider's catalogue; the rate is in micros, per 1000 or per package."""

    service: str
    name: str
    category: str
    type: str
    rate_micros: int
    min: int
    max: int
    refill: bool
    cancel: bool
    dripfeed: bool = False


def check(name: str, url: str, requests_per_minute: int) -> None:
    """Refuse what cannot be a provider, before its key is asked for.

    :raises Invalid: naming what is wrong.
    """
    if not _NAME.fullmatch(name):
        raise Invalid(f"the name {name!r} cannot be used: 1 to 64 letters, digits and . _ -")
    if url != SANDBOX_URL and not _URL.fullmatch(url):
        raise Invalid(
            f"the address {url!r} cannot be used: write https://panel.example/api/v2, "
            f"or {SANDBOX_URL} for the built-in sandbox"
        )
    if not 1 <= requests_per_minute <= 10**6:
        raise Invalid("the requests per minute must be from 1 to 1000000")
    if Provider.get_or_none(Provider.name == name, Provider.active) is not None:
        raise Invalid(f"there is a provider {name} already")


def add(name: str, url: str, key: str, requests_per_minute: int) -> Provider:
    """Add a provider, or bring a removed one back with a new address and key.

    :raises Invalid: see check(); or for an empty key where one is needed.
    """
    check(name, url, requests_per_minute)
    if url != SANDBOX_URL and not (key and key.isprintable() and key.isascii()):
        raise Invalid("the key must be printable characters")
    values = {
        "url": url,
        "key": key,
        "requests_per_minute": requests_per_minute,
        "active": True,
        "idempotent": False,  # another address has yet to say so
    }
    with immediate():
        Provider.insert(name=name, **values).on_conflict(
            conflict_target=[Provider.name], update=values
        ).execute()
        return get(name)


def get(name: str) -> Provider:
    """The provider of this name.

    :raises Invalid: if there is none.
    """
    provider = Provider.get_or_none(Provider.name == name, Provider.active)
    if provider is None:
        raise Invalid(f"there is no provider {name}")
    return provider


def listing() -> list[Provider]:
    """All providers, oldest first."""
    return list(Provider.select().where(Provider.active).order_by(Provider.id))


def remove(name: str) -> int:
    """Remove a provider and forget its key; services bought only there are disabled.

    :returns: how many services were disabled.
    :raises Invalid: for no such provider, or while orders are on their way with it.
    """
    with immediate():
        provider = get(name)
        on_the_way = Order.select().where(
            Order.provider == provider,
            Order.forward.in_(("waiting", "sending"))
            | (Order.forward.in_(("sent", "review", "parts")) & Order.status.in_(OPEN)),
        )
        if count := on_the_way.count():
            raise Invalid(f"{count} orders are still on their way with {name}")
        first = Source.select(Source.service).where(
            Source.provider == provider, Source.position == 1
        )
        disabled = (
            Service.update(active=False, inactive_because="vanished")
            .where(Service.id.in_(first), Service.active)
            .execute()
        )
        Source.delete().where(Source.provider == provider).execute()
        Provider.update(active=False, key="").where(Provider.id == provider.id).execute()
    return disabled


def note_balance(provider_id: int, balance: str) -> None:
    """Keep what a provider said of our funds there."""
    with immediate():
        Provider.update(balance=balance, balance_at=now()).where(
            Provider.id == provider_id
        ).execute()


def link(service_id: int, provider_id: int, listing: Listing, position: int = 1) -> None:
    """Say where a service is bought; to be called inside immediate().

    :param position: 1, or 2 for where to turn after a clear refusal.
    """
    values: dict[str, Any] = {
        "provider": provider_id,
        "provider_service": listing.service,
        "cost_micros": listing.rate_micros,
        "dripfeed": listing.dripfeed,
    }
    Source.insert(service=service_id, position=position, **values).on_conflict(
        conflict_target=[Source.service, Source.position], update=values
    ).execute()


def set_source(service_id: int, provider_id: int, listing: Listing, position: int) -> None:
    """Say where a service is bought, first or second.

    :raises Invalid: for a second source without a first.
    """
    with immediate():
        first = Source.get_or_none(Source.service == service_id, Source.position == 1)
        if position == 2 and first is None:
            raise Invalid(f"service {service_id} has no first source yet")
        link(service_id, provider_id, listing, position)


def note_idempotent(provider_id: int) -> None:
    """Keep that a provider takes an order under one key once."""
    with immediate():
        Provider.update(idempotent=True).where(Provider.id == provider_id).execute()


def sources(service_id: int) -> list[dict[str, Any]]:
    """Where a service is bought, first and second, with the providers' names."""
    query = (
        Source.select(Source, Provider.name.alias("provider_name"))
        .join(Provider)
        .where(Source.service == service_id)
        .order_by(Source.position)
    )
    return rows(query.dicts())


def costs() -> dict[int, int]:
    """The cost in micros of every service that is bought, by number: its dearest source's."""
    query = Source.select(Source.service, Source.cost_micros).order_by(Source.cost_micros)
    return dict(rows(query.tuples()))


def losses(rates: dict[int, int]) -> dict[int, int]:
    """The costs in micros of those services that would be sold below them at these rates."""
    known = costs()
    return {
        service: known[service] for service, rate in rates.items() if rate < known.get(service, 0)
    }
