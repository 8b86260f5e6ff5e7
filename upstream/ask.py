"""What operators ask of providers, with the failures put into words for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from panel.errors import ProviderFailed
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount
from upstream import PROVIDER_ERRORS
from upstream.provider import Provider


def ask_account(name: str, provider: Provider) -> ProviderAccount:
    """Our account at a provider.

    :param name: the provider's, for the error.
    :raises ProviderFailed: if the provider does not answer.
    """
    with _named(name):
        balance = provider.balance()
    return ProviderAccount(balance, provider.idempotent)


def ask_catalogue(name: str, provider: Provider) -> list[Listing]:
    """A provider's whole catalogue.

    :param name: the provider's, for the error.
    :raises ProviderFailed: if the provider does not answer.
    """
    with _named(name):
        return provider.services()


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except PROVIDER_ERRORS as error:
        raise ProviderFailed(name, str(error)) from None
