"""Our accounts at providers: address, key, balance."""

import re
from typing import Any, NamedTuple

from database.clock import now
from database.transactions import immediate
from models import AskedSingly, Order, Provider, ProviderWord, Service, Source
from panel import money
from panel.errors import OperatorError
from panel.orders import state
from panel.providers import amounts, pending
from panel.providers import currency as currencies
from panel.providers.changes import VANISHED
from panel.providers.currency import SANDBOX_URL as SANDBOX_URL

MAX_UNITS_DIGITS = 16
"""A larger balance is not believed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_URL = re.compile(r"https?://[^/@\s?#]+(/[^@\s?#]*)?", re.ASCII)


class ProviderAccount(NamedTuple):
    """What a provider says of our account there.

    balance: as the provider writes it, with the currency.
    idempotent: whether it says that it takes an order under one key once.
    currency: the currency as currency_code() gives it; "" where the provider names none.
    clock_at: what time it is there, in seconds since 1970; None where it does not say.
    """

    balance: str
    idempotent: bool
    currency: str = ""
    clock_at: int | None = None


def is_address(url: str) -> bool:
    """Whether an address can be a provider's: no password, no query, no other scheme."""
    return url == SANDBOX_URL or _URL.fullmatch(url) is not None


def check_address(url: str) -> None:
    """Refuse what cannot be a provider's address. It is not repeated: people paste keys there."""
    if not is_address(url):
        raise OperatorError(
            "the address cannot be used: write https://panel.example/api/v2, or "
            f"{SANDBOX_URL} for the built-in sandbox",
            "url",
        )


def check_name(name: str) -> None:
    """Refuse what cannot be a provider's name."""
    if not _NAME.fullmatch(name):
        raise OperatorError(
            f"the name {name!r} cannot be used: 1 to 64 letters, digits and . _ -", "name"
        )


def check_requests_per_minute(number: int) -> None:
    """Refuse what cannot be a rate limit."""
    if not 1 <= number <= 10**6:
        raise OperatorError(
            "the requests per minute must be from 1 to 1000000", "requests_per_minute"
        )


def check(name: str, url: str, requests_per_minute: int) -> None:
    """Refuse what cannot be a provider, before its key is asked for.

    :raises OperatorError: naming what cannot be used, or that the name is taken.
    """
    check_name(name)
    check_address(url)
    check_requests_per_minute(requests_per_minute)
    if Provider.get_or_none(Provider.name == name, Provider.active) is not None:
        raise OperatorError(f"there is a provider {name} already", "name")


def check_key(url: str, key: str) -> None:
    """Refuse what cannot be the key of a provider at this address.

    :raises OperatorError: if it cannot.
    """
    is_key = key and key.isprintable() and key.isascii() and " " not in key
    if url != SANDBOX_URL and not is_key:
        raise OperatorError("the key must be printable characters without blanks", "key")


def add(
    name: str,
    url: str,
    key: str,
    requests_per_minute: int,
    currency: str = "",
    exchange_ppt: int | None = None,
) -> Provider:
    """Add a provider, or bring a removed one back with a new address and key.

    :param currency: the currency of its prices, where it does not name it itself; or "".
    :param exchange_ppt: units of ours for one of theirs, in parts per trillion.
    :raises OperatorError: as check() does; or for a key that cannot be used, or none.
    """
    check(name, url, requests_per_minute)
    check_key(url, key)
    values = {
        "url": url,
        "key": key,
        "requests_per_minute": requests_per_minute,
        "active": True,
        "idempotent": False,  # until the new address says so
        "balance": "",
        "balance_at": None,
        "currency": currencies.currency_code(currency),
        "exchange_ppt": exchange_ppt,
        "exchange_at": None if exchange_ppt is None else now(),
        "sync_wanted": False,
        "stopped_because": "",
        "moved_to": "",
        "paused_at": None,
    }
    with immediate():
        Provider.insert(name=name, **values).on_conflict(
            conflict_target=[Provider.name], update=values
        ).execute()
        return get(name)


def get(name: str) -> Provider:
    """The provider of this name.

    :raises OperatorError: if there is none.
    """
    provider = Provider.get_or_none(Provider.name == name, Provider.active)
    if provider is None:
        raise OperatorError(f"there is no provider {name}")
    return provider


def listing() -> list[Provider]:
    """All providers, oldest first."""
    return list(Provider.select().where(Provider.active).order_by(Provider.id))


def remove(name: str) -> int:
    """Remove a provider and forget its key; services bought only there are disabled.

    :returns: how many services were disabled.
    :raises OperatorError: for no such provider, or while orders are open there.
    """
    with immediate():
        provider = get(name)
        unfinished = Order.select().where(
            Order.provider == provider,
            Order.dispatch_state.in_((state.WAITING, state.SENDING))
            | (Order.dispatch_state.in_(state.AT_PROVIDER) & Order.status.in_(state.OPEN)),
        )
        if count := unfinished.count():
            orders = "1 order is" if count == 1 else f"{count} orders are"
            raise OperatorError(f"{orders} not finished at {name} yet")
        first = Source.select(Source.service).where(
            Source.provider == provider, Source.source_rank == 1
        )
        disabled = (
            Service.update(active=False, inactive_because=VANISHED)
            .where(Service.id.in_(first), Service.active)
            .execute()
        )
        pending.remove_all_of_provider(provider.id)
        ProviderWord.delete().where(ProviderWord.provider == provider).execute()
        AskedSingly.delete().where(AskedSingly.provider == provider).execute()
        Source.delete().where(Source.provider == provider).execute()
        Provider.update(active=False, key="").where(Provider.id == provider.id).execute()
    return disabled


def record_account(provider_id: int, account: ProviderAccount, ours: str) -> bool:
    """Record what a provider said of our account there.

    Another currency than before holds what is bought there (see currency.record).

    :param ours: our currency.
    :returns: whether our funds there have risen, as far as both balances can be read.
    """
    with immediate():
        provider = Provider.get_by_id(provider_id)
        before, after = funds_micros(provider.balance), funds_micros(account.balance)
        values: dict[str, Any] = {
            "balance": account.balance,
            "balance_at": now(),
            "idempotent": account.idempotent,
        }
        Provider.update(**values).where(Provider.id == provider_id).execute()
        currencies.record(provider, account.currency, ours)
    return before is not None and after is not None and after > before


def want_sync(provider_id: int, wanted: bool = True) -> None:
    """Have a provider's prices read as soon as can be; to be called inside immediate()."""
    Provider.update(sync_wanted=wanted).where(
        Provider.id == provider_id, Provider.sync_wanted != wanted
    ).execute()


def stop(provider_id: int, why: str, moved_to: str = "", url: str | None = None) -> bool:
    """Send nothing more to a provider until an operator resumes it.

    :param moved_to: the address that it redirects to, if it does.
    :param url: the address that was asked: what another one does says nothing of the present one.
    :returns: whether it is still its address.
    """
    with immediate():
        stopped = Provider.update(stopped_because=why[:300], moved_to=moved_to[:300]).where(
            Provider.id == provider_id
        )
        if url is not None:
            stopped = stopped.where(Provider.url == url)
        return stopped.execute() > 0


def pause(name: str) -> None:
    """Send nothing new to a provider until an operator resumes it; what it has is followed.

    :raises OperatorError: for no such provider, or one that is paused already.
    """
    with immediate():
        provider = get(name)
        if provider.paused_at is not None:
            raise OperatorError(f"provider {name} is paused already")
        Provider.update(paused_at=now()).where(Provider.id == provider.id).execute()


def resume(name: str) -> Provider:
    """Let a provider that was stopped or paused work again.

    :returns: its row as it is then.
    :raises OperatorError: if there is no such provider.
    """
    with immediate():
        provider = get(name)
        values: dict[str, Any] = {"stopped_because": "", "moved_to": "", "paused_at": None}
        Provider.update(**values).where(Provider.id == provider.id).execute()
        return get(name)


def funds_micros(balance: str) -> int | None:
    """The amount that a provider's text of our balance begins with, to a millionth.

    :returns: None where there is none, or where it is not clear which it is, as of "1,234".
    """
    found = amounts.read(balance)
    if found is None or not found.number or any(c.isdigit() for c in found.rest):
        return None
    units, _, decimals = found.number.partition(".")
    if len(units) > MAX_UNITS_DIGITS:
        return None
    micros = int(units or "0") * money.MICROS + int(decimals[:6].ljust(6, "0"))
    return -micros if found.is_negative else micros


def record_failing(provider_id: int, because: str) -> None:
    """Record what a provider does not answer, or with "" that it does; the time it began stays."""
    with immediate():
        provider = Provider.get_by_id(provider_id)
        since = (provider.failing_since or now()) if because else None
        Provider.update(failing_because=because[:300], failing_since=since).where(
            Provider.id == provider_id
        ).execute()


def is_low(provider: Provider, threshold_micros: int) -> bool:
    """Whether our balance at a provider is below a threshold, as far as it can be read."""
    amount = funds_micros(provider.balance)
    return amount is not None and amount < threshold_micros
