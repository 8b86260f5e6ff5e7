"""The actions of /api/v2, one file each. ACTIONS is the only list of them."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from actions import add, balance, cancel, refill, refill_status, services, status
from actions.parameters import Parameter, Texts
from panel.accounts import Caller
from panel.errors import CANNOT_CANCEL, CANNOT_REFILL, INCORRECT_ORDER_ID, REFILL_NOT_FOUND
from panel.orders.lookup import OrderState
from panel.orders.place import Placed
from panel.pricing import Offer


class Action(NamedTuple):
    """One action: what it does, the function that does it, and its parameters.

    examples: what `run` could return for the parameters' examples, as plain data.
    parameters: the required ones; with `one_of`, exactly one of them is sent, and each has its
        own example of an answer. For `add`, the type of service says which of them it takes.
    version: for an answer that can be kept: what it depends on, or None where this caller's
        answer cannot be kept.
    quick: it reads a few rows, and waits for nothing.
    """

    help: str
    run: Callable[[Caller, Texts], Any]
    examples: tuple[Any, ...]
    parameters: tuple[Parameter, ...] = ()
    one_of: bool = False
    version: Callable[[Caller], Hashable] | None = None
    quick: bool = False


_OFFERS = [
    Offer(1, "Followers", "Telegram", "Default", 5_000_000, 10, 100_000, 1, 1, 1, 0, None),
    Offer(2, "Comments", "Telegram", "Custom Comments", 12_345_000, 5, 500, 0, 1, 0, 0, None),
]
_ORDER = OrderState(2_500_000, 1204, "In progress", 320)

ACTIONS = {
    "services": Action(
        "All active services with rates and ranges.",
        services.run,
        (_OFFERS,),
        version=services.version,
    ),
    "balance": Action("The account's balance.", balance.run, (100_000_000,), quick=True),
    "add": Action("Place an order.", add.run, (Placed(4218),), add.PARAMETERS),
    "status": Action(
        "The state of orders.",
        status.run,
        (_ORDER, {"4218": _ORDER, "4219": INCORRECT_ORDER_ID}),
        status.PARAMETERS,
        one_of=True,
        quick=True,
    ),
    "refill": Action(
        "Ask for a refill of orders.",
        refill.run,
        (42, {4218: 42, 4219: CANNOT_REFILL}),
        refill.PARAMETERS,
        one_of=True,
    ),
    "refill_status": Action(
        "The state of refills.",
        refill_status.run,
        ("pending", {42: "completed", 43: REFILL_NOT_FOUND}),
        refill_status.PARAMETERS,
        one_of=True,
        quick=True,
    ),
    "cancel": Action(
        "Ask to cancel orders.",
        cancel.run,
        ({"4218": 7, "4219": CANNOT_CANCEL}, {"4218": 7}),
        cancel.PARAMETERS,
        one_of=True,
    ),
}
