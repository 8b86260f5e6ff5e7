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
}

_MAY_PASS = re.compile(
    "|".join(
        (
            r"active order with this link",
            r"link[_ ]duplicate",
            r"(active|exists|in progress) (for|with|on) (this|the) (link|page)",
            r"wait (until|for)",
            r"not[_ ]enough[_ ](funds|balance|money)",
            r"(insufficient|low) (funds|balance)",
            r"top up",
            r"too many requests",
            r"rate[_ ]?limit",
            r"limit exceeded",
            r"try again",
            r"later",
            r"maintenance",
            r"temporar",
            r"unavailable",
            r"overload",
            r"busy",
            # What the operator mends at the provider: no reason to turn customers away.
            r"(invalid|incorrect|wrong|bad)[_ ](api[_ ]?)?key",
            r"incorrect_api_key",
            r"unauthori[sz]ed",
            r"(account|user)( is)? (suspended|inactive|disabled|blocked|banned|locked)",
        )
    )
)
"""Refusals that pass by themselves, or when the operator acts: the order is tried again.
Every other refusal (a bad link, a wrong quantity, a service that is gone) is the last word."""


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


def may_pass(refusal: str) -> bool:
    """Whether a refusal passes by itself."""
    return _MAY_PASS.search(refusal.lower()) is not None


def key_was_used(refusal: str) -> bool:
    """Whether a refusal says that an order was taken before under this key."""
    return "idempotency" in refusal.lower()
