"""action=refill_status: how far refills are."""

from actions.parameters import REFILL, REFILLS, Texts, read_one
from panel.accounts import Caller
from panel.errors import Problem
from panel.orders import refills

Answer = str | dict[int | str, str | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """The refill's status; for a list, of each."""
    sent, value = read_one(texts, REFILL, REFILLS)
    if sent is REFILL:
        return refills.status(caller.id, value)
    found = refills.statuses(caller.id, [ident.number for ident in value])
    return {ident.shown: found[ident.number] for ident in value}
