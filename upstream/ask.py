"""What operators ask of providers, with the failures put into words for them."""

from collections.abc import Iterator
from contextlib import contextmanager

from models import Provider
from panel.errors import ProviderFailed
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount
from settings import Settings
from upstream import PROVIDER_ERRORS, connect


def ask_account(row: Provider, settings: Settings) -> ProviderAccount:
    """Our account at a provider.

    :raises ProviderFailed: if the provider does not answer.
    """
    with _named(row.name):
        return connect(row, settings).account()


def ask_catalogue(row: Provider, settings: Settings) -> list[Listing]:
    """A provider's whole catalogue.

    :raises ProviderFailed: if the provider does not answer.
    """
    with _named(row.name):
        return connect(row, settings).services()


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except PROVIDER_ERRORS as error:
        raise ProviderFailed(name, str(error)) from None
