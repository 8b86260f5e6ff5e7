"""action=services: all that can be ordered, with rates and ranges."""

from actions.params import Texts
from panel import services
from panel.accounts import Caller


def run(caller: Caller, texts: Texts) -> list[services.Offer]:
    """The active services, in the catalogue's order."""
    return services.offers(caller)


def version(caller: Caller) -> tuple[int, int] | None:
    """What the answer was made from; None for prices that only this caller has."""
    return services.version(caller)
