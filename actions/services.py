"""action=services: all that can be ordered, with rates and ranges."""

from actions.parameters import Texts
from panel import pricing
from panel.accounts import Caller


def run(caller: Caller, texts: Texts) -> list[pricing.Offer]:
    """The active services, in the catalogue's order, at the caller's rates."""
    return pricing.offers(caller)


def version(caller: Caller) -> tuple[int, int] | None:
    """What the answer depends on; None for an account with rates of its own."""
    return pricing.version(caller)
