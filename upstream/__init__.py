"""Clients of the panels that we buy from."""

from models import Provider as ProviderRow
from panel.providers.registry import SANDBOX_URL
from upstream.http import HttpProvider
from upstream.provider import OutcomeUnknown, Provider, ProviderRejected, ProviderUnreachable
from upstream.sandbox import SandboxProvider

PROVIDER_ERRORS = (ProviderUnreachable, ProviderRejected, OutcomeUnknown)
"""What a request to a provider may raise."""


def connect(row: ProviderRow, *, currency: str, timeout_s: int, sandbox_seconds: int) -> Provider:
    """The provider behind a row; nothing is sent yet.

    :param currency: ours; charges in another one are not taken for costs.
    :param timeout_s: for a whole answer.
    :param sandbox_seconds: how long an order takes in the sandbox.
    """
    if row.url == SANDBOX_URL:
        return SandboxProvider(sandbox_seconds)
    return HttpProvider(row.url, row.key, currency, timeout_s=timeout_s)
