"""action=refill: request that completed orders are refilled."""

from actions.parameters import ORDER, ORDERS, Texts, read_one_of
from panel.accounts import Caller
from panel.errors import Problem, RequestRejected
from panel.orders import refills

PARAMETERS = (ORDER, ORDERS)

Answer = int | dict[int | str, int | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """The refill's number; for a list, of each order's, or why there is none.

    :raises RequestRejected: Incorrect request, or for a single order why there is no refill.
    """
    sent, value = read_one_of(texts, PARAMETERS)
    if sent is ORDER:
        (refill,) = refills.request(caller.id, [value], caller.request_id)
        if isinstance(refill, Problem):
            raise RequestRejected(refill)
        return refill
    orders = [order.number for order in value]
    numbers = refills.request(caller.id, orders, caller.request_id)
    return dict(zip((order.shown for order in value), numbers, strict=True))
