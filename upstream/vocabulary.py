"""The words that panels use: how they spell statuses, and what their errors mean.

Panels word the same thing differently, so an error is recognized by a part of its text.
"""

import re

_STATUSES = {
    "pending": "Pending",
    "awaiting": "Pending",
    "processing": "Processing",
    "inprogress": "In progress",
    "completed": "Completed",
    "complete": "Completed",
    "partial": "Partial",
    "partiallycompleted": "Partial",
    "canceled": "Canceled",
    "cancelled": "Canceled",
    "refunded": "Canceled",
    "active": "Active",
    "paused": "Paused",
    "expired": "Expired",
}

_REFILLS = {
    "pending": "pending",
    "awaiting": "pending",
    "inprogress": "in progress",
    "processing": "in progress",
    "completed": "completed",
    "complete": "completed",
    "rejected": "rejected",
    "canceled": "rejected",
    "cancelled": "rejected",
    "error": "error",
    "fail": "error",
    "failed": "error",
}

_TEMPORARY = re.compile(
    "|".join(
        (
            # An order for the same link is still running there.
            r"\bactive order",
            r"currently active",
            r"duplicate (order|link)|(order|link) duplicate",
            r"already (has|have) an order",
            r"previous order",
            r"\bwait\b",
            # Our funds there are used up.
            r"(enough|sufficient) (account )?(funds?|balance|money|credits?)",
            r"balance (is )?(insufficient|not enough|not sufficient|too low|low)",
            r"low balance",
            r"top up|recharge|add funds",
            # Too much at once.
            r"too many (requests|attempts)|too fast",
            r"(rate|requests?|api) limit",
            r"another transaction",
            # The provider is out of order.
            r"maintenance|temporar|overload|\bbusy\b",
            r"try again|\blater\b",
            r"(service|server|system|panel|api) (is )?(currently )?unavailable",
            # What the operator can repair at the provider: no reason to cancel orders.
            r"\bapi key\b|(invalid|incorrect|wrong|bad) key\b",
            r"unauthori[sz]ed|unauthenticated|authentication|access denied",
            r"\bip (address )?(is )?not\b|api (is )?disabled",
            r"(account|user) (is |was |has been )?"
            r"(suspended|inactive|disabled|blocked|banned|locked)",
        )
    )
)
"""Errors that pass by themselves, or when the operator acts: the order is sent again.
Every other error (a bad link, a wrong quantity, a service that is gone) is final."""

_OUTCOME_UNKNOWN = re.compile(
    "|".join(
        (
            r"time ?out|timed out",
            r"server error|(internal|unknown|unexpected|system|database) error",
            r"went wrong",
            r"error (has )?occurr?ed",
            r"exception|\bsql",
        )
    )
)
"""Errors that do not say whether the provider did what it was asked for."""


def _letters(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())


def status(word: str) -> str | None:
    """Our status for a provider's word, or None for an unknown word.

    `Fail` and `Error` are None on purpose: they do not say what became of the money.
    """
    return _STATUSES.get(_letters(word))


def refill_status(word: str) -> str | None:
    """Our refill status for a provider's word, or None."""
    return _REFILLS.get(_letters(word))


def is_temporary(error: str) -> bool:
    """Whether an error passes by itself, so that the order can be sent again."""
    return _TEMPORARY.search(_plain_sentence(error)) is not None


def key_was_used(error: str) -> bool:
    """Whether an error says that this idempotency key stands for an order already."""
    return "idempotency" in error.lower()


def leaves_outcome_unknown(error: str) -> bool:
    """Whether an error does not say if the provider did what it was asked for."""
    return _OUTCOME_UNKNOWN.search(_plain_sentence(error)) is not None


def _plain_sentence(text: str) -> str:
    """A code such as `neworder.error.link_duplicate` as words, and a sentence as plain ones."""
    return re.sub(r"[\s_.-]+", " ", re.sub("['’`]", "", text.lower()))  # noqa: RUF001
