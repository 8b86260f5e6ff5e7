"""The trade's words: how panels spell statuses, and what their refusals mean.

Panels word the same thing differently, so texts are matched loosely, by a part of them.
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

_MAY_PASS = re.compile(
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
            # The provider is not well.
            r"maintenance|temporar|overload|\bbusy\b",
            r"try again|\blater\b",
            r"(service|server|system|panel|api) (is )?(currently )?unavailable",
            # What the operator mends at the provider: no reason to turn customers away.
            r"\bapi key\b|(invalid|incorrect|wrong|bad) key\b",
            r"unauthori[sz]ed|unauthenticated|authentication|access denied",
            r"\bip (address )?(is )?not\b|api (is )?disabled",
            r"(account|user) (is |was |has been )?"
            r"(suspended|inactive|disabled|blocked|banned|locked)",
        )
    )
)
"""Refusals that pass by themselves, or when the operator acts: the order is tried again.
Every other refusal (a bad link, a wrong quantity, a service that is gone) is the last word."""

_UNCLEAR = re.compile(
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


def _plain(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())


def status(word: str) -> str | None:
    """Our status for a provider's word, or None where it is none of the trade's.

    `Fail` and `Error` are None on purpose: what became of the money there is not said.
    """
    return _STATUSES.get(_plain(word))


def refill_status(word: str) -> str | None:
    """Our refill status for a provider's word, or None."""
    return _REFILLS.get(_plain(word))


def is_temporary(refusal: str) -> bool:
    """Whether a refusal passes by itself."""
    return _MAY_PASS.search(_sentence(refusal)) is not None


def key_was_used(refusal: str) -> bool:
    """Whether a refusal says that an order was taken before under this key."""
    return "idempotency" in refusal.lower()


def unclear(refusal: str) -> bool:
    """Whether it is no refusal at all: the provider itself does not know what happened."""
    return _UNCLEAR.search(_sentence(refusal)) is not None


def _sentence(text: str) -> str:
    """A code such as `neworder.error.link_duplicate` as words, and a sentence as plain ones."""
    return re.sub(r"[\s_.-]+", " ", re.sub("['’`]", "", text.lower()))  # noqa: RUF001
