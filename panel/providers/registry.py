"""Our accounts at providers: address, key, balance."""

import re
from typing import NamedTuple

from database.clock import now
from database.transactions import immediate
from models import Order, Provider, Service, Source
from panel import money
from panel.errors import OperatorError
from panel.orders import state
from panel.providers.changes import VANISHED

SANDBOX_URL = "sandbox:"
"""The address of the provider that needs no network."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_URL = re.compile(r"https?://[^/@\s?#]+(/[^@\s?#]*)?", re.ASCII)


class ProviderAccount(NamedTuple):
    """What a provider says of our account there.

    balance: as the provider writes it, with the currency.
    idempotent: whether it says that it takes an order under one key once.
    currency: the currency's code; "" where the provider names none.
    """

    balance: str
    idempotent: bool
    currency: str = ""


def is_address(url: str) -> bool:
    """Whether an address can be a provider's: no password, no query, no other scheme."""
    return url == SANDBOX_URL or _URL.fullmatch(url) is not None


def check(name: str, url: str, requests_per_minute: int) -> None:
    """Refuse what cannot be a provider, before its key is asked for.

    :raises OperatorError: naming what cannot be used, or that the name is taken.
    """
    if not _NAME.fullmatch(name):
        raise OperatorError(f"the name {name!r} cannot be used: 1 to 64 letters, digits and . _ -")
    if not is_address(url):
        raise OperatorError(
            f"the address {url!r} cannot be used: write https://panel.example/api/v2, "
            f"or {SANDBOX_URL} for the built-in sandbox"
        )
    if not 1 <= requests_per_minute <= 10**6:
        raise OperatorError("the requests per minute must be from 1 to 1000000")
    if Provider.get_or_none(Provider.name == name, Provider.active) is not None:
        raise OperatorError(f"there is a provider {name} already")


def add(name: str, url: str, key: str, requests_per_minute: int) -> Provider:
    """Add a provider, or bring a removed one back with a new address and key.

    :raises OperatorError: as check() does; or for a key that cannot be used, or none.
    """
    check(name, url, requests_per_minute)
    if url != SANDBOX_URL and not (key and key.isprintable() and key.isascii()):
        raise OperatorError("the key must be printable characters")
    values = {
        "url": url,
        "key": key,
        "requests_per_minute": requests_per_minute,
        "active": True,
        "idempotent": False,  # until the new address says so
        "currency": "",
        "exchange_ppt": None,
        "exchange_at": None,
        "stopped_because": "",
        "moved_to": "",
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
        Source.delete().where(Source.provider == provider).execute()
        Provider.update(active=False, key="").where(Provider.id == provider.id).execute()
    return disabled


def record_account(provider_id: int, account: ProviderAccount, ours: str = "") -> bool:
    """Record what a provider said of our account there; whether our funds have risen.

    :param ours: our currency.
    """
    before = Provider.get_by_id(provider_id)
    record_balance(provider_id, account.balance)
    if account.idempotent:
        record_idempotent(provider_id)
    if account.currency and not before.currency:
        with immediate():
            Provider.update(currency=account.currency).where(Provider.id == provider_id).execute()
    return _amount_micros(account.balance) > _amount_micros(before.balance)


def _amount_micros(balance: str) -> int:
    amount = re.match(r"-?[0-9]{1,10}(\.[0-9]{1,6})?", balance)
    return money.parse(amount[0]) if amount else 0


def record_balance(provider_id: int, balance: str) -> None:
    """Record our balance at a provider, as it writes it, and the time."""
    with immediate():
        Provider.update(balance=balance, balance_at=now()).where(
            Provider.id == provider_id
        ).execute()


def want_sync(provider_id: int, wanted: bool = True) -> None:
    """Have a provider's prices read as soon as can be; to be called inside immediate()."""
    Provider.update(sync_wanted=wanted).where(
        Provider.id == provider_id, Provider.sync_wanted != wanted
    ).execute()


def stop(provider_id: int, why: str, moved_to: str = "") -> None:
    """Send nothing more to a provider until an operator resumes it.

    :param moved_to: the address that it redirects to, if it does.
    """
    with immediate():
        Provider.update(stopped_because=why[:300], moved_to=moved_to[:300]).where(
            Provider.id == provider_id
        ).execute()


def record_idempotent(provider_id: int) -> None:
    """Record that a provider takes an order under one idempotency key once."""
    with immediate():
        Provider.update(idempotent=True).where(Provider.id == provider_id).execute()


def is_low(provider: Provider, threshold_micros: int) -> bool:
    """Whether our balance at a provider is below a threshold, as far as it can be read."""
    amount = re.match(r"-?[0-9]{1,10}(\.[0-9]{1,6})?", provider.balance)
    return amount is not None and money.parse(amount[0]) < threshold_micros
