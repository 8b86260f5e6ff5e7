"""What a provider can do, whichever it is: the interface, its plain answers, its three errors."""

from typing import Protocol

from panel.orders.dispatch import Outgoing
from panel.orders.status_sync import ProviderStatus
from panel.providers.listing import Listing


class ProviderUnreachable(Exception):
    """It is certain that the request did not reach the provider: it may be tried again."""


class ProviderRejected(Exception):
    """The provider answered clearly that it did not do it; the text is the provider's."""


class OutcomeUnknown(Exception):
    """Nobody knows whether the provider did it; the text says what was seen."""


class Provider(Protocol):
    """What the worker and the commands ask of a provider.

    Every method may raise the three errors above. Where several things are asked for at once,
    the answer holds only what was asked for and was understood.

    idempotent: whether it has said that it takes an order under one key once.
    """

    idempotent: bool

    def services(self) -> list[Listing]:
        """The whole catalogue."""

    def balance(self) -> str:
        """Our funds there, as the provider writes them, with the currency."""

    def add(self, order: Outgoing) -> str:
        """Place an order; the provider's number for it."""

    def statuses(self, provider_orders: list[str]) -> dict[str, ProviderStatus]:
        """How far up to 100 orders are."""

    def cancel(self, provider_orders: list[str]) -> dict[str, bool]:
        """Ask to cancel up to 100 orders: for each, whether the provider took the request."""

    def refill(self, provider_order: str) -> str:
        """Ask to refill an order; the provider's number for the refill."""

    def refill_statuses(self, provider_refills: list[str]) -> dict[str, str]:
        """How far up to 100 refills are, in our words."""
