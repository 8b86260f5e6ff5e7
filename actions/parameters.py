"""The parameters of the actions: from a text to a typed value.

A text that is well-formed but names nothing is not an error here: an id that cannot exist becomes
None, which the panel then does not find (contract: Request).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from actions.links import one_link
from panel.errors import (
    INCORRECT_LINK,
    INCORRECT_QUANTITY,
    INCORRECT_REQUEST,
    RequestRejected,
    incorrect,
)

Texts = Mapping[str, str]
"""What a request sent, by parameter."""

LISTS = ("orders", "refills")
"""The parameters that hold several ids."""

MAX_IDS = 100
MAX_LINK = 2048

UNUSABLE = "\0"
"""Stands for a JSON value that is neither a text nor a number; no parameter accepts it."""

NOTHING = ("null", "undefined", "none", "nan")
"""What clients send, in any case, for an optional parameter that they have no value for."""

_ID = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
"""Control characters, surrogates, and what bytes that are not UTF-8 were replaced by."""


# Ids


class SentId(NamedTuple):
    """An id in a list: the text that was sent, and its number, or None if it cannot be an id."""

    sent: str
    number: int | None

    @property
    def shown(self) -> int | str:
        """The number, or the text if there is none."""
        return self.sent if self.number is None else self.number


def parse_id(text: str) -> int | None:
    """An id: ASCII digits without sign or leading zero, at most 18; None for any other text."""
    return int(text) if _ID.fullmatch(text) else None


def parse_sent_id(text: str) -> SentId:
    """An id whose answer repeats it as it was sent.

    :raises RequestRejected: Incorrect request, for a JSON value that no text could repeat.
    """
    if text == UNUSABLE:
        raise RequestRejected(INCORRECT_REQUEST)
    return SentId(text, parse_id(text))


def parse_ids(text: str) -> list[SentId]:
    """Ids separated by commas, each once, in the order sent.

    :raises RequestRejected: Incorrect request, for none or more than 100.
    """
    sent = [part for part in map(str.strip, text.split(",")) if part]
    if not 1 <= len(sent) <= MAX_IDS:
        raise RequestRejected(INCORRECT_REQUEST)
    return [parse_sent_id(part) for part in dict.fromkeys(sent)]


# What an order holds


def parse_link(text: str) -> str:
    """One link, as one_link() restores it.

    :raises RequestRejected: Incorrect link.
    """
    try:
        link = parse_line(one_link(text))
        if link.lower() in NOTHING:
            raise ValueError(text)
        return link
    except ValueError:
        raise RequestRejected(INCORRECT_LINK) from None


def parse_quantity(text: str) -> int:
    """A whole number in ASCII digits, of any size.

    :raises RequestRejected: Incorrect quantity.
    """
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise RequestRejected(INCORRECT_QUANTITY)
    # More digits than any quantity has are only ever "too many"; int() refuses over 4300.
    return int(text.lstrip("0")[:19] or "0")


def parse_line(text: str) -> str:
    """One line of text.

    :raises ValueError: if it is blank, longer than 2048, or holds control characters.
    """
    if not text.strip() or len(text) > MAX_LINK or _NOT_IN_A_LINE.search(text):
        raise ValueError(text)
    return text


def parse_lines(text: str) -> str:
    """The lines of a text that are not blank, joined by LF.

    :raises ValueError: if there is none, or one holds control characters.
    """
    found = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if not found or any(_NOT_IN_A_LINE.search(line) for line in found):
        raise ValueError(text)
    return "\n".join(found)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What parses a whole number in ASCII digits that is within this range."""

    def parse(text: str) -> int:
        """:raises ValueError: for any other text."""
        if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return parse


def parse_expiry(text: str) -> str:
    """A day as d/m/Y that is not over yet (UTC).

    :raises ValueError: for any other text.
    """
    if not re.fullmatch(r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}", text, re.ASCII):
        raise ValueError(text)
    if datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=UTC).date() < datetime.now(UTC).date():
        raise ValueError(text)
    return text


# Parameters

TEXT = {"type": ["number", "string"], "minLength": 1}
ID = {"type": ["number", "string"]}
IDS = {"type": ["number", "string", "array"], "items": ID}
WHOLE = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]+$"}]}


class Parameter(NamedTuple):
    """One parameter: its name, how its text is parsed, a line for the reference, an example.

    parse: raises RequestRejected with a text of the contract, or ValueError for "Incorrect NAME".
    schema: what JSON Schema can say of it; a form sends texts, JSON may send numbers.
    """

    name: str
    parse: Callable[[str], Any]
    help: str
    example: str
    schema: dict[str, Any] = TEXT


SERVICE = Parameter("service", parse_id, "The service's number.", "1", ID)
ORDER = Parameter("order", parse_id, "One order's number.", "4218", ID)
ORDERS = Parameter(
    "orders", parse_ids, "1 to 100 order numbers, separated by commas.", "4218,4219", IDS
)
REFILL = Parameter("refill", parse_id, "One refill's number.", "42", ID)
REFILLS = Parameter(
    "refills", parse_ids, "1 to 100 refill numbers, separated by commas.", "42,43", IDS
)

_LIST_OF = {ORDER.name: ORDERS, REFILL.name: REFILLS}
"""Which parameter a list means that was sent in the single one."""


def read_required(texts: Texts, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Parse parameters that must all have been sent.

    A missing one is reported before a wrong one. An empty link is a wrong link; any other
    parameter that is empty is missing.

    :raises RequestRejected: Incorrect request for a missing one, else for the first wrong one.
    """
    parameters = tuple(parameters)
    for parameter in parameters:
        name = parameter.name
        if not texts.get(name) and not (name == "link" and name in texts):
            raise RequestRejected(INCORRECT_REQUEST)
    return {parameter.name: _parse(parameter, texts) for parameter in parameters}


def read_optional(texts: Texts, parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Parse those of these parameters that were sent; those that are NOTHING were not.

    :raises RequestRejected: for the first wrong one.
    """
    return {
        p.name: _parse(p, texts)
        for p in parameters
        if texts.get(p.name) and texts[p.name].lower() not in NOTHING
    }


def read_one_of(texts: Texts, parameters: Iterable[Parameter]) -> tuple[Parameter, Any]:
    """Parse the one of these parameters that was sent; a list in the single one is a list.

    :raises RequestRejected: Incorrect request if none or several were sent, or as it is parsed.
    """
    sent = [parameter for parameter in parameters if texts.get(parameter.name)]
    if len(sent) != 1:
        raise RequestRejected(INCORRECT_REQUEST)
    text = texts[sent[0].name]
    meant = _LIST_OF.get(sent[0].name, sent[0]) if "," in text else sent[0]
    return meant, meant.parse(text)


def _parse(parameter: Parameter, texts: Texts) -> Any:
    try:
        return parameter.parse(texts[parameter.name])
    except ValueError:
        raise RequestRejected(incorrect(parameter.name)) from None
