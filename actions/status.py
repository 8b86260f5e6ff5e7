"""action=status: how far one order is, or up to a hundred."""

from actions.parameters import ORDER, ORDERS, Texts, read_one
from panel.accounts import Caller
from panel.errors import Problem
from panel.orders import lookup

Answer = lookup.OrderState | dict[str, lookup.OrderState | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """The state of the order; for a list, of each under the spelling that was sent."""
    sent, value = read_one(texts, ORDER, ORDERS)
    if sent is ORDER:
        return lookup.find(caller.id, value)
    found = lookup.find_many(caller.id, [ident.number for ident in value])
    return {ident.sent: found[ident.number] for ident in value}
