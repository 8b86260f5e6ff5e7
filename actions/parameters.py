"""The parameters of the actions: from a text to a typed value.

Nothing here raises for a text that is merely wrong about the world: an id that cannot exist
becomes None, which the panel then does not find (contract: Request).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from panel.errors import (
    INCORRECT_LINK,
    INCORRECT_QUANTITY,
    INCORRECT_REQUEST,
    RequestRejected,
    incorrect,
)

Texts = Mapping[str, str]


LISTS = ("orders", "refills")
"""The parameters that hold several ids."""


MAX_IDS = 100


MAX_LINK = 2048


UNUSABLE = "\0"
"""Stands for a JSON value that is no text and no number; every kind of parameter refuses it."""


_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


_NOT_IN_A_LINK = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
"""Control characters, and the marks of bytes that were no UTF-8."""


class Ident(NamedTuple):
    """An id in a list: as it was sent, and its number; None if no id looks like that."""

    sent: str
    number: int | None

    @property
    def shown(self) -> int | str:
        """The number, or what was sent in place of one."""
        return self.sent if self.number is None else self.number


def ident(text: str) -> int | None:
    """An id: ASCII digits without sign or leading zero, at most 18; None for anything else."""
    return int(text) if _ID.fullmatch(text) else None


def idents(text: str) -> list[Ident]:
    """A list of ids, each once, in the order sent.

    :raises Refused: Incorrect request, for none or more than 100.
    """
    sent = [part for part in map(str.strip, text.split(",")) if part]
    if not 1 <= len(sent) <= MAX_IDS:
        raise RequestRejected(INCORRECT_REQUEST)
    return [listed(part) for part in dict.fromkeys(sent)]


def listed(text: str) -> Ident:
    """An id whose answer repeats it as it was sent.

    :raises Refused: Incorrect request, for what no text could repeat.
    """
    if text == UNUSABLE:
        raise RequestRejected(INCORRECT_REQUEST)
    return Ident(text, ident(text))


def link(text: str) -> str:
    """A link, with every character that was sent.

    :raises Refused: Incorrect link.
    """
    if not text.strip() or len(text) > MAX_LINK or _NOT_IN_A_LINK.search(text):
        raise RequestRejected(INCORRECT_LINK)
    return text


def quantity(text: str) -> int:
    """A whole number in ASCII digits, of any size.

    :raises Refused: Incorrect quantity.
    """
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise RequestRejected(INCORRECT_QUANTITY)
    # More digits than any quantity has are only ever "too many"; int() refuses over 4300.
    return int(text.lstrip("0")[:19] or "0")


def text(text: str) -> str:
    """One line of text.

    :raises ValueError: if it is blank, too long or not printable.
    """
    if not text.strip() or len(text) > MAX_LINK or _NOT_IN_A_LINK.search(text):
        raise ValueError(text)
    return text


def lines(text: str) -> str:
    """The lines of a text that are not blank, joined by LF.

    :raises ValueError: if there is none, or one holds control characters.
    """
    found = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if not found or any(_NOT_IN_A_LINK.search(line) for line in found):
        raise ValueError(text)
    return "\n".join(found)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A kind of parameter: a whole number in ASCII digits, within this range."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return read


def expiry(text: str) -> str:
    """A day as d/m/Y that is not over yet (UTC).

    :raises ValueError: for anything else.
    """
    if not re.fullmatch(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", text, re.ASCII):
        raise ValueError(text)
    if datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=UTC).date() < datetime.now(UTC).date():
        raise ValueError(text)
    return text


TEXT = {"type": ["number", "string"], "minLength": 1}


IDENT = {"type": ["number", "string"]}


IDENTS = {"type": ["number", "string", "array"], "items": IDENT}


WHOLE = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+$"}]}


class Parameter(NamedTuple):
    """One parameter: its name, how its text is read, a line for the reference, an example.

    `read` raises Refused with the contract's text, or ValueError for "Incorrect NAME".
    `schema` is what JSON Schema can say of it; a form has texts, JSON may have numbers.
    """

    name: str
    read: Callable[[str], Any]
    help: str
    example: str
    schema: dict[str, Any] = TEXT


SERVICE = Parameter("service", ident, "The service's number.", "1", IDENT)


ORDER = Parameter("order", ident, "One order's number.", "4218", IDENT)


ORDERS = Parameter(
    "orders", idents, "1 to 100 order numbers, separated by commas.", "4218,4219", IDENTS
)


REFILL = Parameter("refill", ident, "One refill's number.", "42", IDENT)


REFILLS = Parameter(
    "refills", idents, "1 to 100 refill numbers, separated by commas.", "42,43", IDENTS
)


MINUTES_IN_A_YEAR = 366 * 24 * 60


DETAILS = {
    parameter.name: parameter
    for parameter in (
        Parameter("link", link, "Where to deliver: at most 2048 characters.", "https://t.me/x"),
        Parameter("quantity", quantity, "How many, within the service's range.", "500", WHOLE),
        Parameter(
            "runs", whole(1, 10_000), "Drip-feed: how often to deliver the quantity.", "3", WHOLE
        ),
        Parameter(
            "interval",
            whole(1, MINUTES_IN_A_YEAR),
            "Drip-feed: minutes between two runs.",
            "60",
            WHOLE,
        ),
        Parameter("keywords", lines, "Keywords, one a line.", "first\nsecond"),
        Parameter("comments", lines, "Comments, one a line.", "Great!\nLovely"),
        Parameter("username", text, "A user name, or the address of a profile.", "somebody"),
        Parameter("usernames", lines, "User names, one a line.", "first\nsecond"),
        Parameter("hashtags", lines, "Hashtags, one a line.", "first\nsecond"),
        Parameter("hashtag", text, "One hashtag.", "first"),
        Parameter("media", text, "The address of a post.", "https://t.me/x/1"),
        Parameter("answer_number", whole(1, 1000), "Which answer of the poll.", "2", WHOLE),
        Parameter("groups", lines, "Groups, one a line.", "first\nsecond"),
        Parameter("country", text, "Where the visitors come from.", "US"),
        Parameter("device", whole(1, 5), "1 to 5: which devices the visitors use.", "1", WHOLE),
        Parameter(
            "type_of_traffic",
            whole(1, 3),
            "1 from a keyword, 2 from a referrer, 3 blank.",
            "1",
            WHOLE,
        ),
        Parameter("google_keyword", text, "The keyword, for type_of_traffic 1.", "panel"),
        Parameter(
            "referring_url", text, "The referrer, for type_of_traffic 2.", "https://example.com/"
        ),
        Parameter("min", whole(0, 10**10 - 1), "The smallest quantity for a post.", "100", WHOLE),
        Parameter("max", whole(0, 10**10 - 1), "The largest quantity for a post.", "200", WHOLE),
        Parameter(
            "delay", whole(0, MINUTES_IN_A_YEAR), "Minutes to wait after a post.", "5", WHOLE
        ),
        Parameter(
            "posts", whole(1, 10**6), "How many future posts; without it, all.", "10", WHOLE
        ),
        Parameter("old_posts", whole(0, 10**6), "How many posts that exist already.", "5", WHOLE),
        Parameter("expiry", expiry, "The last day, as d/m/Y.", "31/12/2099"),
    )
}
"""Everything that a service's type may ask for (panel.services.TYPES), by name."""


def read(texts: Texts, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Read parameters that are all needed.

    A missing one is told before a wrong one. An empty link is a wrong link; anything else that
    is empty is missing.

    :raises Refused: Incorrect request for a missing one, else the first wrong one's problem.
    """
    parameters = tuple(parameters)
    for parameter in parameters:
        name = parameter.name
        if not texts.get(name) and not (name == "link" and name in texts):
            raise RequestRejected(INCORRECT_REQUEST)
    return {parameter.name: _read(parameter, texts) for parameter in parameters}


def read_sent(texts: Texts, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Read those of these parameters that were sent.

    :raises Refused: the first wrong one's problem.
    """
    return {p.name: _read(p, texts) for p in parameters if texts.get(p.name)}


def _read(parameter: Parameter, texts: Texts) -> Any:
    try:
        return parameter.read(texts[parameter.name])
    except ValueError:
        raise RequestRejected(incorrect(parameter.name)) from None


def read_one(texts: Texts, *parameters: Parameter) -> tuple[Parameter, Any]:
    """Read the one of these parameters that was sent.

    :raises Refused: Incorrect request, if none or several were sent.
    """
    sent = [parameter for parameter in parameters if texts.get(parameter.name)]
    if len(sent) != 1:
        raise RequestRejected(INCORRECT_REQUEST)
    return sent[0], sent[0].read(texts[sent[0].name])
