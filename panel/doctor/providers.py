"""Each provider's funds, currency and clock, as it says now; nothing is recorded."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from database.clock import now
from models import Provider
from panel.doctor.findings import Finding, Mark, found
from panel.errors import ProviderFailed
from panel.providers import currency, registry
from panel.providers.currency import SANDBOX_URL
from panel.providers.registry import ProviderAccount
from settings import Settings

CLOCK_APART_S = 60
"""A provider's clock may differ from ours by so much."""

CONNECTIONS = 8
"""How many providers are asked at once."""

Ask = Callable[[Provider], ProviderAccount]
"""Asks a provider about our account there; called in other threads."""


def of_providers(settings: Settings, ask_account: Ask) -> Iterator[Finding]:
    """A line for each provider."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        yield from pool.map(lambda row: _look(row, settings, ask_account), registry.listing())


def _look(row: Provider, settings: Settings, ask_account: Ask) -> Finding:
    name = f"provider {row.name}"
    try:
        account = ask_account(row)
    except ProviderFailed as error:
        return Finding(Mark.WRONG, name, error.why)
    clock = "" if account.clock_at is None else ", its clock is right"
    finding = found(name, _wrong_with(row, account, settings), account.balance + clock)
    funds_micros = registry.funds_micros(account.balance)
    is_low = funds_micros is not None and funds_micros < settings.low_balance
    if finding.mark is Mark.OK and settings.low_balance and is_low:
        return Finding(Mark.WARN, name, f"only {account.balance} of ours left: add funds there")
    if finding.mark is Mark.OK and row.paused_at is not None:
        return Finding(
            Mark.WARN, name, f"it is paused, nothing new is sent: flask provider resume {row.name}"
        )
    return finding


def _wrong_with(row: Provider, account: ProviderAccount, settings: Settings) -> Iterator[str]:
    if row.stopped_because:
        yield f"nothing is sent there: {row.stopped_because}"
    theirs = account.currency or row.currency
    if not theirs:
        yield f"it names no currency: flask provider currency {row.name} CODE"
    elif row.currency and theirs != row.currency:
        yield f"its currency was {row.currency} and is {theirs}"
    elif currency.exchange(row, settings.currency).ratio() is None:
        yield f"its currency is {theirs}, ours {settings.currency}, and no rate of exchange is set"
    if registry.funds_micros(account.balance) is None and row.url != SANDBOX_URL:
        yield f"its balance cannot be read: {account.balance}"
    apart_s = 0 if account.clock_at is None else account.clock_at - now()
    if abs(apart_s) > CLOCK_APART_S:
        order = "ahead of" if apart_s > 0 else "behind"
        yield f"its clock is {abs(apart_s)} s {order} ours: is this machine's right?"
