"""action=balance: the account's balance."""

from actions.parameters import Texts
from panel.accounts import Caller


def run(caller: Caller, texts: Texts) -> int:
    """The balance in micros."""
    return caller.balance_micros
