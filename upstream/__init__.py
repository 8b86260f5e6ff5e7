"""Clients of the panels that we buy from."""

from models import Provider as ProviderRow
from panel.providers.currency import Exchange
from panel.providers.registry import SANDBOX_URL
from settings import Settings
from upstream.http import HttpProvider
from upstream.provider import OutcomeUnknown, Provider, ProviderRejected, ProviderUnreachable
from upstream.sandbox import SandboxProvider

PROVIDER_ERRORS = (ProviderUnreachable, ProviderRejected, OutcomeUnknown)
"""What a request to a provider may raise."""


def connect(row: ProviderRow, settings: Settings) -> Provider:
    """The provider behind a row; nothing is sent yet.

    :param settings: tell our currency, into which its amounts are converted, and the time limits.
    """
    if row.url == SANDBOX_URL:
        return SandboxProvider(settings.sandbox_seconds, settings.currency)
    exchange = Exchange(settings.currency, row.currency, row.exchange_ppt)
    return HttpProvider(row.url, row.key, exchange, timeout_s=settings.provider_timeout)
