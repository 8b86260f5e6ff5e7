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


class Trust(NamedTuple):
    """What is known of an address at another host.

    same_panel: that it is the same panel, with the same orders and services.
    may_have_key: that our key may be sent there: it was given for it, or the provider itself
        named that host.
    """

    same_panel: bool
    may_have_key: bool


def moved_to(provider: Provider, url: str) -> tuple[Changes, Trust]:
    """What an operator changes who follows a provider to its new address.

    The provider's own word, where it redirected us to, counts for an operator's.

    :raises OperatorError: for what cannot be an address, or where nothing says that it moved.
    """
    registry.check_address(url)
    if url == provider.url:
        return {}, Trust(False, False)
    command = f"flask provider edit {provider.name} --url ADDRESS, or on its page"
    if not provider.stopped_because:
        raise OperatorError(
            f"{provider.name} is not stopped by a redirect: its address is changed with {command}",
            "url",
        )
    is_recorded = bool(provider.moved_to) and is_same_place(provider.moved_to, url)
    if not is_recorded and not is_same_place(provider.url, url):
        raise OperatorError(
            f"{provider.name} did not redirect to that host: change its address with {command}, "
            "and give its key again",
            "url",
        )
    return {"url": url}, Trust(is_recorded, is_recorded)


def check(provider: Provider, changes: Changes, trust: Trust) -> None:
    """Refuse what a provider cannot have.

    :param trust: in another host, where the address is at one.
    :raises OperatorError: naming the field of what cannot be used.
    """
    after = {**provider.__data__, **changes}
    if "name" in changes:
        _check_name(after["name"])
    if "url" in changes:
        registry.check_address(after["url"])
        if not is_same_place(provider.url, after["url"]):
            _check_other_host(provider, after["url"], trust)
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


def _check_other_host(provider: Provider, url: str, trust: Trust) -> None:
    """Refuse a host that may be another panel, or that our key was not given for.

    A key that is stored is never shown again: an address must not be a way to read it.
    """
    if not trust.same_panel:
        _check_unused(provider)
    if not trust.may_have_key and url != SANDBOX_URL:
        raise OperatorError("give the key again: the address is another host", "key")


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
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # no request can go there
        return url, None
    return (parts.hostname or "").lower(), None if port == PORTS.get(parts.scheme) else port


def as_changed(provider: Provider, changes: Changes) -> Provider:
    """The provider as it would be, to be asked; nothing is stored."""
    return Provider(**{**provider.__data__, **changes})


def apply(before: Provider, changes: Changes, trust: Trust, answered: bool) -> None:
    """Change a provider; to be called inside immediate().

    :param before: its row when it was checked, and asked.
    :param trust: as check() takes it.
    :param answered: whether it answered with the new address and key.
    :raises OperatorError: as check() does: things may have happened meanwhile.
    """
    provider = Provider.get_by_id(before.id)
    if (provider.url, provider.key) != (before.url, before.key):
        raise OperatorError(f"the address or the key of {before.name} was changed meanwhile")
    check(provider, changes, trust)
    values = dict(changes)
    if "url" in changes:
        values |= {"idempotent": False, "moved_to": ""}  # until the new address says so
        values["sync_wanted"] = pending.is_anything_bought(provider.id)
        AskedSingly.delete().where(AskedSingly.provider == provider.id).execute()
    if answered:
        values |= {"failing_because": "", "failing_since": None}
    Provider.update(**values).where(Provider.id == provider.id).execute()
