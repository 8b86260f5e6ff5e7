"""The link of an order: what is dropped, restored and refused (contract: Request).

An order whose link is not what the customer meant is paid for and not delivered, so what cannot
be one link is refused before it is charged.
"""

import re
import unicodedata

_LINE_BLANKS = "\t\r\n"
"""What may stand around a link beside Unicode's blanks: a link is often a line of a list."""

_BLANKS = {"Zs", "Zl", "Zp"}
_INVISIBLE = {"Cf"}
"""Categories of Unicode: blanks, and characters without a width."""

_FILLERS = "\u034f\u115f\u1160\u2800\u3164\uffa0"
"""Invisible too, though Unicode has them in other categories."""

_LOST_PLUS = (
    # An invitation of Telegram, also one by phone number.
    re.compile(
        r"(?P<before>(?:https?://)?(?:www\.)?(?:t\.me|telegram\.(?:me|dog))/)"
        r"(?P<plus> [\w-]+)(?P<after>(?:[/?#].*)?)",
        re.ASCII | re.IGNORECASE,
    ),
    # A phone number of WhatsApp.
    re.compile(
        r"(?P<before>(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=))"
        r"(?P<plus> [0-9]+)(?P<after>(?:[/?&#].*)?)",
        re.ASCII | re.IGNORECASE,
    ),
    # A name on Google Maps, which ends at the next slash.
    re.compile(
        r"(?P<before>(?:https?://)?(?:www\.|maps\.)?google(?:\.[a-z]{2,3}){1,2}"
        r"/maps/(?:place|search)/)(?P<plus>[^/?#]+)(?P<after>/.*)",
        re.IGNORECASE,
    ),
)
"""Links in which a blank can only be a plus that a form lost, with the part that may have it."""

_SECOND_LINK = re.compile(r"(?:[\s,;|]|^[^?#]*\w)https?://", re.IGNORECASE)
"""A second address after the first: behind a separator, or pasted to it. In a query, one without
a separator belongs to the query."""


_FIRST = re.compile(
    r"(?:https?://)?(?:www\.)?(?P<host>[\w-]+(?:\.[\w-]+)+)(?=[/?#,;|])", re.IGNORECASE
)
"""The host of a link, with or without its scheme."""

_NAMES = re.compile(r"@[\w.]+[,;|]@[\w.]+.*")
"""Several names of users."""


def one_link(text: str) -> str:
    """A link without the blanks around it, and with the plus that a form made a blank.

    :raises ValueError: for what cannot be one link.
    """
    link = _without_blanks_around(text)
    if _SECOND_LINK.search(link) or _is_repeated(link):
        raise ValueError(text)
    link = _with_lost_plus(link)
    if any(_is_blank(character) or _is_invisible(character) for character in link):
        raise ValueError(text)
    return link


def _is_repeated(link: str) -> bool:
    """Whether another link to the same host follows: a double paste, or a list.

    A link that is the value of a parameter belongs to the first.
    """
    first = _FIRST.match(link)
    if first is None:
        return _NAMES.fullmatch(link) is not None
    host = rf"(?:www\.)?{re.escape(first['host'])}(?![\w.-])"
    rest = link[first.end() :]
    if re.search(rf"[,;|(+]{host}", rest, re.IGNORECASE):
        return True
    found = re.finditer(rf"(?P<before>.?.?)https?://{host}", rest, re.IGNORECASE)
    return any(not re.fullmatch("[^=]?=", match["before"]) for match in found)


def _without_blanks_around(text: str) -> str:
    start, end = 0, len(text)
    while start < end and _is_around(text[start]):
        start += 1
    while start < end and _is_around(text[end - 1]):
        end -= 1
    return text[start:end]


def _with_lost_plus(link: str) -> str:
    for pattern in _LOST_PLUS:
        if " " in link and (match := pattern.fullmatch(link)):
            return match["before"] + match["plus"].replace(" ", "+") + match["after"]
    return link


def _is_around(character: str) -> bool:
    return character in _LINE_BLANKS or _is_blank(character)


def _is_blank(character: str) -> bool:
    return unicodedata.category(character) in _BLANKS


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or character in _FILLERS
