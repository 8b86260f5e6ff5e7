"""The words that panels use: how they spell statuses, and what their refusals mean.

Panels word the same thing differently, so an error is recognized by a part of its text. A word
that is not here is not guessed at: an operator teaches it for its provider.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from panel.orders.refusal import Refusal

_STATUSES = {
    "pending": "Pending",
    "awaiting": "Pending",
    "queued": "Pending",
    "inqueue": "Pending",
    "processing": "Processing",
    "process": "Processing",
    "inprocess": "Processing",
    "inprocessing": "Processing",
    "inprogress": "In progress",
    "progress": "In progress",
    "running": "In progress",
    "completed": "Completed",
    "complete": "Completed",
    "done": "Completed",
    "finished": "Completed",
    "partial": "Partial",
    "partially": "Partial",
    "partiallycompleted": "Partial",
    "partialcompleted": "Partial",
    "canceled": "Canceled",
    "cancelled": "Canceled",
    "cancel": "Canceled",
    "refunded": "Canceled",
    "refund": "Canceled",
    "refunds": "Canceled",
    "active": "Active",
    "paused": "Paused",
    "expired": "Expired",
}

_REFILLS = {
    "pending": "pending",
    "awaiting": "pending",
    "queued": "pending",
    "inqueue": "pending",
    "inprogress": "in progress",
    "progress": "in progress",
    "processing": "in progress",
    "process": "in progress",
    "inprocess": "in progress",
    "completed": "completed",
    "complete": "completed",
    "done": "completed",
    "finished": "completed",
    "rejected": "rejected",
    "canceled": "rejected",
    "cancelled": "rejected",
    "cancel": "rejected",
    "error": "error",
    "fail": "error",
    "failed": "error",
}


def _any_of(parts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(parts))


_MONEY = "(funds?|balance|money|credits?|wallet)"

_FUNDS = _any_of(
    (
        rf"(enough|sufficient) ((account|wallet|main|available) )?{_MONEY}",
        rf"{_MONEY} (is |are |has |have )?(been )?"
        r"(insufficient|not (enough|sufficient)|too low|low|empty|exhausted|used up)",
        rf"\b(low|no|zero|empty|negative) ((account|wallet) )?{_MONEY}\b",
        rf"\b(exceeds?|exceeded|more than|above) (the |your )?(available |account )?{_MONEY}",
        rf"\b(out of|lack of) {_MONEY}",
        rf"{_MONEY} (is |are )?(below|less than|lower than|under)\b",
        r"credit limit|payment required",
        r"top up|recharge|(add|deposit) (some |more )?(funds|money|balance)",
    )
)
"""Our funds at the provider are used up."""

_TEMPORARY = _any_of(
    (
        # An order for the same link is still running there.
        r"\bactive order",
        r"currently active",
        r"duplicate (order|link)|(order|link) duplicate",
        r"already (has|have) an order",
        r"order .*\balready (exists|in progress|in process|processing|running)",
        r"previous order",
        # Too much at once.
        r"too many (requests|attempts)|too fast",
        r"(rate|requests?|api) limit",
        r"another transaction",
        # The provider is out of order.
        r"maintenance|temporar|overload|\bbusy\b",
        r"(service|server|system|panel|api) (is )?(currently )?unavailable",
        # What the operator can repair at the provider: no reason to cancel orders.
        r"\bapi key\b|(invalid|incorrect|wrong|bad) key\b",
        r"unauthori[sz]ed|unauthenticated|authentication|access denied",
        r"\bip (address )?(is )?not\b|api (is )?disabled",
        r"(account|user) (is |was |has been )?"
        r"(suspended|inactive|disabled|blocked|banned|locked)",
    )
)
"""Errors that pass by themselves, or when the operator acts: the order is sent again."""

_PERIOD = re.compile(r"\b(daily|hourly|weekly|monthly|today|per (day|hour|week|month))\b")
"""A limit of time is none of the order: it may pass, and nobody knows when."""

_LIMIT = "(min|minimum|minimal|max|maximum|maximal)"
_WRONG = "(incorrect|invalid|bad|wrong|broken|malformed|unsupported|unknown|empty)"
_GONE = (
    r"(incorrect|invalid|wrong|inactive|disabled|deleted|removed|closed|discontinued"
    r"|not (found|active|valid|correct|exist)|no longer)"
)

_OUR_SIDE = "(ips?|account|user|domain|website|panel|api|key|you)"

_OURS = _any_of(
    (
        r"\b(your|our) (ip|plan|package|subscription|panel|domain|website|country|region|group"
        rf"|level|api|limits?|quota|{_MONEY})\b",
        r"\b(your|our) (account|user) (does not|cannot|can not|is not (allowed|permitted))\b",
        rf"\b{_OUR_SIDE}( address)?( [0-9a-f: ]+)? (is |are |was |has been |have been )*"
        r"(black ?listed|blocked|banned|restricted|denied|limited)\b",
        r"\b(account|user|e ?mail) (is )?not (verified|confirmed|approved|activated)\b",
        r"\bfor (api|resellers?|(your|this) (account|user))\b",
        rf"\baccount\b.*\b{_LIMIT}\b|\b{_LIMIT}\b.*\baccount\b",
        # How many orders there are, and how much is spent, is nothing of this one.
        r"\borders\b|\border limit\b|\b(deposit|spend|spent|spending)\b",
        r"[0-9] ?(usd|eur|gbp|inr|rub|try)\b|[0-9] ?[$€₹£₽]|[$€₹£₽] ?[0-9]",
        # A page of theirs, or of the order's link.
        r"\bpage (is )?(currently )?(unavailable|not (found|available))",
        r"\b(content|post|video|profile|media|channel|link) (is )?(currently )?"
        r"(unavailable|not available)\b.*\b(later|again)\b",
        r"\bbad request\b",
    )
)
"""Refusals that are, or may be, about our account there rather than about the order."""

_QUANTITY = "(quantity|qty|amount)"

_RANGE = _any_of(
    (
        rf"{_QUANTITY} .*\b(less|more|greater|lower|higher|larger|smaller|below|above|under|over"
        rf"|least|most|between|range|{_LIMIT})\b",
        rf"\b{_LIMIT} (order )?{_QUANTITY}\b",
        rf"\b{_LIMIT}( order)?( is)?:? [0-9]",
        rf"{_WRONG} quantity|quantity (is )?({_WRONG}|too|limit)|(enough|error) quantity",
        # The service itself is not there any more.
        rf"{_WRONG} service\b|no such service|(inactive|disabled) service\b",
        rf"service( id)? (is |was |has been |does |error )*{_GONE}\b",
        r"service .*no longer",
    )
)
"""Final for the order, and our copy of the catalogue is not theirs any more."""

_TARGET = (
    "(link|url|user ?name|profile|post|video|channel|content|page|media|hashtag|group|comments?"
    "|keywords?|country|quantity|answer number)"
)

_FINAL = _any_of(
    (
        rf"{_WRONG} {_TARGET}",
        rf"{_TARGET}( format| id)? (is |are |was |has been |does |could |or )*"
        rf"({_WRONG}|not (be )?(valid|correct|found|exist|supported|available|public)"
        r"|must be (a )?(valid|correct|public|multiple)|unavailable|deleted|removed|private"
        r"|blacklisted|banned|blocked|required|missing)\b",
        rf"\b(account|user) (is )?(private|not public)|\bprivate (account|{_TARGET})",
        r"neworder error (incorrect |invalid )?(link|user ?name|comments|keywords)",
        r"does not allow|\bblacklist",
        r"runs or interval",
        r"(incorrect|invalid) request|(incorrect|bad|invalid) parameters?",
        r"missing (required )?parameter",
    )
)
"""The order cannot be done as it is: it is paid back."""

_TEMPORARY_PERHAPS = re.compile(r"try again|\blater\b|\bwait\b")
"""Politeness stands beside final errors, too: it counts where nothing else is said."""

_OUTCOME_UNKNOWN = _any_of(
    (
        r"time ?out|timed out",
        r"server error|(internal|unknown|unexpected|system|database) error",
        r"went wrong",
        r"error (has )?occurr?ed",
        r"exception|\bsql",
    )
)
"""Errors that do not say whether the provider did what it was asked for."""

_KEY = _any_of(
    (
        r"\b(api|access|secret) ?(key|token)\b",
        r"\b(invalid|incorrect|wrong|bad|no such) (key|token)\b",
        r"\b(key|token) (is )?(invalid|incorrect|wrong|not (valid|found|correct))\b",
        r"unauthori[sz]ed|unauthenticated|authentication|access denied|forbidden",
    )
)
"""Refusals of whoever asks, whatever is asked for."""

_OTHER_FORM = _any_of(
    (
        r"(incorrect|bad|invalid|wrong|unknown) (request|parameters?|action|method)",
        r"(missing|required|empty|no) (parameters? )?orders?\b",
        r"orders? (id |parameter |field )?(is |are )?(missing|required|empty)",
        r"not supported|unsupported",
    )
)
"""Refusals of a request's form rather than of what it asks for."""


def _letters(word: str) -> str:
    """A word without what only decorates it; letters of all scripts stay, for they may mean it."""
    return "".join(c for c in word.lower() if c.isalnum())


@lru_cache(maxsize=1000)
def status(word: str) -> str | None:
    """Our status for a provider's word, or None for an unknown word.

    `Fail`, `Error` and `Success` are None on purpose: the first two do not say what became of
    the money, and the last may speak of the request.
    """
    return _STATUSES.get(_letters(word))


def refill_status(word: str) -> str | None:
    """Our refill status for a provider's word, or None."""
    return _REFILLS.get(_letters(word))


def refusal(error: str) -> Refusal:
    """What a provider's refusal of an order means, as far as the trade words it alike."""
    text = _plain_sentence(error)
    if _FUNDS.search(text):
        return Refusal.FUNDS
    if _TEMPORARY.search(text):
        return Refusal.TEMPORARY
    if _PERIOD.search(text) or _OURS.search(text):
        return Refusal.UNKNOWN
    if _RANGE.search(text):
        return Refusal.RANGE
    if _FINAL.search(text):
        return Refusal.FINAL
    return Refusal.TEMPORARY if _TEMPORARY_PERHAPS.search(text) else Refusal.UNKNOWN


def is_temporary(error: str) -> bool:
    """Whether an error passes by itself or when the operator acts, whatever was asked for."""
    return refusal(error) in (Refusal.TEMPORARY, Refusal.FUNDS)


def refuses_the_form(error: str) -> bool:
    """Whether an error may be about how a request was written: another form may be understood."""
    return _OTHER_FORM.search(_plain_sentence(error)) is not None


def refuses_the_key(error: str) -> bool:
    """Whether an error says that our key there is wrong, or that we may not do anything there."""
    return _KEY.search(_plain_sentence(error)) is not None


def key_was_used(error: str) -> bool:
    """Whether an error says that this idempotency key stands for an order already."""
    return "idempotency" in error.lower()


def leaves_outcome_unknown(error: str) -> bool:
    """Whether an error does not say if the provider did what it was asked for."""
    return _OUTCOME_UNKNOWN.search(_plain_sentence(error)) is not None


def _plain_sentence(text: str) -> str:
    """A code such as `neworder.error.link_duplicate` as words, and a sentence as plain ones."""
    return re.sub(r"[\s_.-]+", " ", re.sub("['’`]", "", text.lower()))  # noqa: RUF001


_ONE_ORDER = re.compile(
    r"\b(order|link|service|product|url|user ?name|profile|post|video|channel|country)\b"
    r"|duplicate|currently active"
)
"""What a refusal names that is about one order, its link or its service."""

_EVERY_ORDER = _any_of(
    (
        r"too many|too fast|too frequent|slow down|throttl|flood",
        r"(rate|requests?|api|calls?) (limit|quota)|quota exceeded|limit exceeded",
        r"another transaction",
        r"maintenance|temporar|overload|\bbusy\b",
        r"(server|system|panel|site|website|api) (is )?(currently )?(unavailable|offline|down)",
        r"\bapi ?key\b|(invalid|incorrect|wrong|bad) key\b",
        r"unauthori[sz]ed|unauthenticated|authentication|access denied|forbidden",
        r"\bip (address )?(is )?not\b|api (access )?(is )?disabled",
        r"(account|user) (is |was |has been )?"
        r"(suspended|inactive|disabled|blocked|banned|locked|frozen)",
    )
)
"""Refusals for now that the next order would meet, too."""


def is_about_the_order(error: str) -> bool:
    """Whether a refusal may be about one order, its link, its service or funds for it.

    The others, such as a rate limit or a key that is not valid, are met by every order.
    """
    text = _plain_sentence(error)
    if _FUNDS.search(text) or _EVERY_ORDER.search(text) is None:
        return True
    return _ONE_ORDER.search(text) is not None
