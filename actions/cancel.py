"""action=cancel: ask for orders to be canceled."""

from actions.params import ORDER, ORDERS, Texts, listed, read_one
from panel import refills
from panel.accounts import Caller
from panel.errors import Problem

Answer = dict[str, int | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """For each order, under the spelling that was sent, the cancel request's number or why not."""
    sent, value = read_one(texts, ORDERS, ORDER)
    wanted = [listed(texts["order"])] if sent is ORDER else value
    numbers = refills.request_cancels(caller.id, [ident.number for ident in wanted])
    return {ident.sent: number for ident, number in zip(wanted, numbers, strict=True)}
