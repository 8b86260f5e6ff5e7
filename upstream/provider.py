"""The interface of every provider, and its errors."""

from collections.abc import Callable
from typing import Protocol

from panel.orders.dispatch import Outgoing
from panel.orders.provider_status import ProviderStatus
from panel.orders.refills import ProviderRefill
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount


class _Answered(Exception):
    """An error of a request; `http_status` is that of the answer, None without one."""

    def __init__(self, text: str, http_status: int | None = None) -> None:
        super().__init__(text)
        self.http_status = http_status

    def reword(self, reworded: Callable[[str], str]) -> None:
        """Say it in other words."""
        self.args = (reworded(str(self)),)


class ProviderUnreachable(_Answered):
    """It is certain that the request did not reach the provider: it may be sent again."""


class ProviderMoved(ProviderUnreachable):
    """The provider redirects to another address, and took nothing here.

    address: where to, without what could repeat our key.
    """

    def __init__(self, address: str) -> None:
        super().__init__(f"it redirects to {address}, nothing was taken")
        self.address = address


class ProviderRejected(_Answered):
    """The provider answered clearly that it did not do it; the text is the provider's."""


class OutcomeUnknown(_Answered):
    """Nobody knows whether the provider did it; the text says what was seen."""


class NotUnderstood(OutcomeUnknown):
    """What answered does not speak as this API does: maybe it is something else."""


class RedirectedUnclear(OutcomeUnknown):
    """A redirect that does not say whether the request was taken before."""


class NoNumber(OutcomeUnknown):
    """The provider answered without an error, and without the number that it was asked for."""


class Provider(Protocol):
    """What can be asked of a provider.

    Every method may raise the errors above. Where several things are asked for at once, the
    answer holds only what was asked for and was understood. `alone`: exactly one thing is asked
    for, in the form that knows of no lists.

    idempotent: whether it has said that two orders under one idempotency key are one order.
    """

    idempotent: bool

    def services(self) -> list[Listing]:
        """The whole catalogue, in our currency.

        :raises OperatorError: if the provider's prices cannot be converted into our currency.
        """

    def account(self) -> ProviderAccount:
        """Our funds there, with the currency; and whether idempotency keys are known there."""

    def add(self, order: Outgoing) -> str:
        """Place an order; the provider's number for it."""

    def statuses(
        self, provider_orders: list[str], alone: bool = False
    ) -> dict[str, ProviderStatus]:
        """The statuses of up to 100 orders."""

    def cancel(self, provider_orders: list[str], alone: bool = False) -> dict[str, bool]:
        """Request to cancel up to 100 orders: for each, whether the provider accepted."""

    def refill(self, provider_order: str, listed: bool = False) -> str:
        """Request to refill an order; the provider's number for the refill.

        :param listed: whether to ask in the form for several orders.
        """

    def refill_statuses(
        self, provider_refills: list[str], alone: bool = False
    ) -> dict[str, ProviderRefill]:
        """The statuses of up to 100 refills, in our words."""
