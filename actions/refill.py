"""action=refill: ask for completed orders to be made whole again."""

from actions.parameters import ORDER, ORDERS, Texts, read_one
from panel.accounts import Caller
from panel.errors import Problem, RequestRejected
from panel.orders import refills

Answer = int | dict[int | str, int | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """The refill's number; for a list, of each order's or why there is none."""
    sent, value = read_one(texts, ORDER, ORDERS)
    if sent is ORDER:
        (refill,) = refills.request(caller.id, [value])
        if isinstance(refill, Problem):
            raise RequestRejected(refill)
        return refill
    numbers = refills.request(caller.id, [ident.number for ident in value])
    return dict(zip((ident.shown for ident in value), numbers, strict=True))
