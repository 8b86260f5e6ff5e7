"""The currencies that providers count in, and what their amounts are in ours."""

from typing import NamedTuple

from models import Provider
from panel.errors import OperatorError
from panel.money import ONE_PPT


def require(provider_id: int, ours: str) -> Provider:
    """The provider, whose prices can be converted into our currency.

    :raises OperatorError: where they cannot, naming both currencies and what to do.
    """
    provider: Provider = Provider.get_by_id(provider_id)
    Exchange(ours, provider.currency, provider.exchange_ppt).required_ratio()
    return provider


class Exchange(NamedTuple):
    """How a provider's amounts become ours.

    theirs: its currency; "" is not known.
    ratio_ppt: units of ours for one of theirs, in parts per trillion; None was not given.
    """

    ours: str
    theirs: str = ""
    ratio_ppt: int | None = None

    def ratio(self, named: str = "") -> int | None:
        """The ratio in parts per trillion for an amount; None where it cannot be converted.

        :param named: the currency that stands beside the amount; "" for the provider's.
        """
        currency = named or self.theirs
        if currency == self.ours:
            return ONE_PPT
        return self.ratio_ppt if currency and currency == self.theirs else None

    def required_ratio(self) -> int:
        """The ratio in parts per trillion for the provider's prices.

        :raises OperatorError: where they cannot be converted, naming both currencies.
        """
        ratio_ppt = self.ratio()
        if ratio_ppt is not None:
            return ratio_ppt
        if not self.theirs:
            raise OperatorError(
                f"the provider does not name its currency, and ours is {self.ours}: say which "
                "it is with: flask provider currency NAME CODE"
            )
        raise OperatorError(
            f"the provider's prices are in {self.theirs} and ours in {self.ours}: give the rate "
            "of exchange with: flask provider exchange NAME RATE"
        )
