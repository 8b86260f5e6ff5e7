"""action=cancel: request that orders are canceled."""

from actions.parameters import ORDER, ORDERS, Texts, parse_sent_id, read_one_of
from panel.accounts import Caller
from panel.errors import Problem
from panel.orders import cancels

PARAMETERS = (ORDERS, ORDER)

Answer = dict[str, int | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """For each order as it was sent, the number of its cancel request, or why there is none.

    :raises RequestRejected: Incorrect request.
    """
    sent, value = read_one_of(texts, PARAMETERS)
    orders = [parse_sent_id(texts["order"])] if sent is ORDER else value
    asked = [order.number for order in orders]
    numbers = cancels.request(caller.id, asked, caller.request_id)
    return {order.sent: number for order, number in zip(orders, numbers, strict=True)}
