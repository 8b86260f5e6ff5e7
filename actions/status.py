"""action=status: the state of one order, or of up to 100."""

from actions.parameters import ORDER, ORDERS, Texts, read_one_of
from panel.accounts import Caller
from panel.errors import Problem
from panel.orders import lookup

PARAMETERS = (ORDER, ORDERS)

Answer = lookup.OrderState | dict[str, lookup.OrderState | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """The state of the order; for a list, of each under the text that was sent.

    :raises RequestRejected: Incorrect request, or for a single order that is not found.
    """
    sent, value = read_one_of(texts, PARAMETERS)
    if sent is ORDER:
        return lookup.find(caller.id, value)
    found = lookup.find_many(caller.id, [order.number for order in value])
    return {order.sent: found[order.number] for order in value}
