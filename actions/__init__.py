"""The actions of /api/v2, one file each."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from actions import add, balance, cancel, refill, refill_status, services, status
from actions.params import ORDER, ORDERS, REFILL, REFILLS, SERVICE, Parameter, Texts
from panel.accounts import Caller


class Action(NamedTuple):
    """One action: what it does, what it is told, and the function that does it.

    parameters: what is needed; where `one_of` is set, exactly one of them. What `add` needs
    beside the service is the service type's affair (panel.services.TYPES).
    version: of an answer that depends on nothing else and can be kept: what it was made from;
    or None, where this caller's answer cannot.
    """

    help: str
    run: Callable[[Caller, Texts], Any]
    parameters: tuple[Parameter, ...] = ()
    one_of: bool = False
    version: Callable[[Caller], Hashable] | None = None


ACTIONS = {
    "services": Action(
        "All active services with rates and ranges.", services.run, version=services.version
    ),
    "balance": Action("The account's balance.", balance.run),
    "add": Action("Place an order.", add.run, (SERVICE, *add.PARAMETERS.values())),
    "status": Action("The state of orders.", status.run, (ORDER, ORDERS), one_of=True),
    "refill": Action("Ask for a refill of orders.", refill.run, (ORDER, ORDERS), one_of=True),
    "refill_status": Action(
        "The state of refills.", refill_status.run, (REFILL, REFILLS), one_of=True
    ),
    "cancel": Action("Ask to cancel orders.", cancel.run, (ORDERS, ORDER), one_of=True),
}
"""The only list of actions."""
