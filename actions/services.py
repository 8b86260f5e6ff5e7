"""action=services: all that can be ordered, with rates and ranges."""

from actions.parameters import Texts
from panel import pricing
from panel.accounts import Caller


def run(caller: Caller, texts: Texts) -> list[pricing.Offer]:
    """The active services, in the catalogue's order."""
    return pricing.offers(caller)


def version(caller: Caller) -> tuple[int, int] | None:
    """What the answer was made from; None for prices that only this caller has."""
    return pricing.version(caller)
