"""action=cancel: ask for orders to be canceled."""

from actions.parameters import ORDER, ORDERS, Texts, listed, read_one
from panel.accounts import Caller
from panel.errors import Problem
from panel.orders import cancels

Answer = dict[str, int | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """For each order, under the spelling that was sent, the cancel request's number or why not."""
    sent, value = read_one(texts, ORDERS, ORDER)
    wanted = [listed(texts["order"])] if sent is ORDER else value
    numbers = cancels.request(caller.id, [ident.number for ident in wanted])
    return {ident.sent: number for ident, number in zip(wanted, numbers, strict=True)}
