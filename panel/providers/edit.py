"""Changing our account at a provider: its name, its address, its key, its rate limit."""

from typing import Any, NamedTuple
from urllib.parse import urlsplit

from models import AskedSingly, Order, Provider
from panel.errors import OperatorError
from panel.providers import pending, registry
from panel.providers.currency import SANDBOX_URL

PORTS = {"http": 80, "https": 443}


class ProviderEdit(NamedTuple):
    """What is to be changed of a provider; None stays as it is."""

    name: str | None = None
    url: str | None = None
    key: str | None = None
    requests_per_minute: int | None = None


Changes = dict[str, Any]
"""The columns that become others."""


def changes_of(provider: Provider, wanted: ProviderEdit) -> Changes:
    """What of that is not as it is already."""
    given = {name: value for name, value in wanted._asdict().items() if value is not None}
    return {name: value for name, value in given.items() if value != getattr(provider, name)}


def check(provider: Provider, changes: Changes, same_panel: bool) -> None:
    """Refuse what a provider cannot have.

    :param same_panel: whether the operator says that another host is the same panel.
    :raises OperatorError: naming the field of what cannot be used.
    """
    after = {**provider.__data__, **changes}
    if "name" in changes:
        _check_name(after["name"])
    if "url" in changes:
        registry.check_address(after["url"])
        if not (same_panel or is_same_place(provider.url, after["url"])):
            _check_unused(provider)
    if {"url", "key"} & changes.keys():
        registry.check_key(after["url"], after["key"])
    registry.check_requests_per_minute(after["requests_per_minute"])


def _check_name(name: str) -> None:
    registry.check_name(name)
    known = Provider.get_or_none(Provider.name == name)
    if known is None:
        return
    if known.active:
        raise OperatorError(f"there is a provider {name} already", "name")
    raise OperatorError(f"{name} is the name of a provider that was removed", "name")


def _check_unused(provider: Provider) -> None:
    """Refuse to take another panel for one that has orders of ours, or that we buy from.

    Its order numbers and its services are others: a status would be that of somebody else's
    order, and another service would be bought.
    """
    has_orders = (
        Order.select()
        .where(Order.provider == provider, Order.provider_order.is_null(False))
        .exists()
    )
    if not has_orders and not pending.is_anything_bought(provider.id):
        return
    there = "it has orders of ours" if has_orders else "services are bought there"
    raise OperatorError(
        f"the address is another host, and {there}: if it is the same panel, with the same orders "
        "and services, say so by the box of the form, or with "
        f"flask provider edit {provider.name} --url ADDRESS --same-panel; "
        "if it is another panel, add it as a provider of its own",
        "url",
    )


def is_same_place(one: str, other: str) -> bool:
    """Whether two addresses are at the same host and port, whatever their paths and schemes."""
    return _place(one) == _place(other)


def _place(url: str) -> tuple[str, int | None]:
    if url == SANDBOX_URL:
        return url, None
    parts = urlsplit(url)
    port = parts.port
    return (parts.hostname or "").lower(), None if port == PORTS.get(parts.scheme) else port


def as_changed(provider: Provider, changes: Changes) -> Provider:
    """The provider as it would be, to be asked; nothing is stored."""
    return Provider(**{**provider.__data__, **changes})


def apply(provider_id: int, changes: Changes, same_panel: bool, answered: bool) -> None:
    """Change a provider; to be called inside immediate().

    :param answered: whether it answered with the new address and key.
    :raises OperatorError: as check() does: things may have happened meanwhile.
    """
    provider = Provider.get_by_id(provider_id)
    check(provider, changes, same_panel)
    values = dict(changes)
    if "url" in changes:
        values |= {"idempotent": False, "moved_to": ""}  # until the new address says so
        values["sync_wanted"] = pending.is_anything_bought(provider_id)
        AskedSingly.delete().where(AskedSingly.provider == provider_id).execute()
    if answered:
        values |= {"failing_because": "", "failing_since": None}
    Provider.update(**values).where(Provider.id == provider_id).execute()
