"""What operators ask of providers, with the failures put into words for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from models import Provider
from panel.errors import ProviderFailed
from panel.providers import currency, registry
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount
from settings import Settings
from upstream import PROVIDER_ERRORS, connect
from upstream.advice import advice
from upstream.provider import ProviderRejected


def ask_account(row: Provider, settings: Settings) -> ProviderAccount:
    """Our account at a provider.

    :raises ProviderFailed: if the provider does not answer.
    """
    with _named(row.name, row.url):
        return connect(row, settings).account()


def ask_catalogue(row: Provider, settings: Settings) -> list[Listing]:
    """A provider's whole catalogue, at prices in our currency.

    Its account is asked for first, for the currency that it names; what it says is recorded.

    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: if its prices cannot be converted, naming both currencies.
    """
    with _named(row.name, row.url):
        account = _account_if_any(row, settings)
    if account is not None:
        registry.record_account(row.id, account, settings.currency)
    priced = currency.require(row.id, settings.currency)
    with _named(row.name, row.url):
        return connect(priced, settings).services()


def _account_if_any(row: Provider, settings: Settings) -> ProviderAccount | None:
    """Our account at a provider; None for one that never told of any.

    There the currency is what the operator said.
    """
    try:
        return connect(row, settings).account()
    except ProviderRejected:
        if row.balance or not row.currency:
            raise
        return None


def browse(row: Provider, settings: Settings) -> list[Listing]:
    """A provider's whole catalogue, at its own prices, whatever currency they are in.

    :raises ProviderFailed: if the provider does not answer.
    """
    with _named(row.name, row.url):
        return connect(row, replace(settings, currency=row.currency)).services()


@contextmanager
def _named(name: str, url: str) -> Iterator[None]:
    try:
        yield
    except PROVIDER_ERRORS as error:
        raise ProviderFailed(name, str(error), advice(error, url)) from None
