"""Whether two names of a provider's service stand for the same service."""

import html
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from models import Source
from panel.providers.listing import NO_CATEGORY, Listing
from panel.providers.pending import PendingKind

_NUMBER = r"\d+(?:[.,]\d+)*"
_AMOUNT = rf"{_NUMBER}\s*[km]?"
_SPAN = rf"{_AMOUNT}(?:\s*(?:-|/|~|to)\s*{_AMOUNT})?"
_HOURS = r"(?:minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|d)"
_MONEY = r"(?:[$€£₹₽₺₦৳₱₫₴₩]|\b(?:usd|eur|gbp|inr|rub|try|ngn|brl|bdt|pkr|usdt|rs)\b\.?)"

_TAGS = re.compile(
    "|".join(
        (
            # Speeds: "10K/Day", "up to 5k per hour", "Speed: 100-500 a day".
            rf"(?:\b(?:speed|up\s*to)\b\s*[:=]?\s*)*{_SPAN}\+?\s*(?:/|\bper\b|\ba\b)\s*{_HOURS}\b",
            rf"\bspeed\b\s*[:=]?\s*(?:up\s*to\s*)?{_AMOUNT}(?![\w])",
            # When it starts: "Start: 0-1 hour", "0/6h start", "instant start".
            rf"\bstarts?(?:\s*(?:time|in))?\s*[:=]?\s*{_SPAN}\s*{_HOURS}\b",
            rf"{_SPAN}\s*{_HOURS}\s*start\b",
            r"\b(?:(?:super|ultra|very|hyper)\s*-?\s*)?(?:fast(?:est)?|slow|quick|speedy|instant)\b"
            r"(?:\s*-?\s*(?:start|speed|delivery))?",
            r"\b(?:normal|medium|high|low|good)\s*-?\s*speed\b",
            # Prices: "$0.90 per 1K", "₹75", "0.9 USD / 1000", "Price: 0.90".
            rf"{_MONEY}\s*{_NUMBER}(?:\s*(?:/|\bper\b)\s*(?:1?k|1000|1,000)\b)?",
            rf"\b{_NUMBER}\s*{_MONEY}(?:\s*(?:/|\bper\b)\s*(?:1?k|1000|1,000)\b)?",
            rf"\b(?:price|rate|cost)\b\s*[:=]?\s*{_NUMBER}",
        )
    )
)
_STYLED = re.compile(r"(?:SMALL CAPITAL|(?:CIRCLED|SQUARED) LATIN CAPITAL LETTER) ([A-Z])$")
_FLAG_A = 0x1F1E6
"""The sign that an A is written with in a flag: two of them name a country."""


class Renaming(NamedTuple):
    """A name or category of a service at its provider: as it was taken over, and as it is now.

    is_doubtful: whether it may be another service now.
    """

    kind: PendingKind
    before: str
    after: str
    is_doubtful: bool


def renamings(source: Source, listing: Listing) -> list[Renaming]:
    """What the provider calls otherwise than when the service was taken over.

    A listing without a category says nothing of it.
    """
    found = []
    if source.name not in ("", listing.name):
        same = is_same(source.name, listing.name)
        found.append(Renaming(PendingKind.NAME, source.name, listing.name, not same))
    if source.category not in ("", listing.category) and listing.category != NO_CATEGORY:
        same = source.category == NO_CATEGORY or is_same(source.category, listing.category)
        found.append(Renaming(PendingKind.CATEGORY, source.category, listing.category, not same))
    return found


def is_same(before: str, after: str) -> bool:
    """Whether two names differ in decoration at most.

    That is: emoji, punctuation, spacing, capitals, lettering, and tags that tell a speed or a
    price. A flag is none: it says of which country something is.
    """
    one, other = core(before), core(after)
    # Where nothing is left, the decoration is the name.
    return one == other and bool(one or before.split() == after.split())


@lru_cache(maxsize=20_000)
def core(name: str) -> str:
    """What is left of a name without its decoration: small letters and digits."""
    text = "".join(map(_plain, html.unescape(name)))
    text = unicodedata.normalize("NFKD", text).casefold()
    text = "".join(c for c in text if not unicodedata.combining(c) and _is_shown(c))
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    bare = _TAGS.sub(" ", text)
    return _letters(bare) or _letters(text)


def _letters(text: str) -> str:
    """Its words in one; numbers that something stood between stay apart: 1.5k is not 15k."""
    joined = ""
    for word in re.findall(r"[^\W_]+", text):
        between = "." if joined[-1:].isdigit() and word[0].isdigit() else ""
        joined += between + word
    return joined


def _is_shown(character: str) -> bool:
    """Whether a character is anything to see, and not one that joins or orders others."""
    return unicodedata.category(character) != "Cf"


def _plain(character: str) -> str:
    """The letter that a sign is drawn after, which Unicode does not decompose by itself."""
    if character.isascii():
        return character
    if 0 <= ord(character) - _FLAG_A < 26:
        return chr(ord("a") + ord(character) - _FLAG_A)
    styled = _STYLED.search(unicodedata.name(character, ""))
    return styled[1] if styled else character
