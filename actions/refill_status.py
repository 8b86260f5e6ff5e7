"""action=refill_status: the status of refills."""

from actions.parameters import REFILL, REFILLS, Texts, read_one_of
from panel.accounts import Caller
from panel.errors import Problem
from panel.orders import refills

PARAMETERS = (REFILL, REFILLS)

Answer = str | dict[int | str, str | Problem]


def run(caller: Caller, texts: Texts) -> Answer:
    """The refill's status; for a list, of each.

    :raises RequestRejected: Incorrect request, or for a single refill that is not found.
    """
    sent, value = read_one_of(texts, PARAMETERS)
    if sent is REFILL:
        return refills.status(caller.id, value)
    found = refills.statuses(caller.id, [refill.number for refill in value])
    return {refill.shown: found[refill.number] for refill in value}
