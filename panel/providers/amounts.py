"""Amounts of money as providers write them: with currencies, and thousands set apart."""

import re
from typing import NamedTuple

_MARK = r"[^0-9\s.,'()+-]"
_BEFORE = rf"(?:{_MARK}(?:{_MARK}|\s){{0,15}}\.?)?"
_NUMBER = r"[.,]?[0-9](?:[0-9.,'\s]*[0-9])?"
_WRITTEN = re.compile(
    rf"\s*(?P<bracket>\()?\s*(?P<sign>[+-]?)\s*(?P<before>{_BEFORE})\s*(?P<inner_sign>[+-]?)\s*"
    rf"(?P<number>{_NUMBER})(?P<last_sign>[+-]?)\s*(?P<after>(?:{_MARK}{{1,16}}\.?)?)"
    r"(?(bracket)\s*\))"
)

_SPACE = r"[\s']"
_DECIMAL_POINT = re.compile(
    r"[0-9]*\.?[0-9]*"
    rf"|[1-9][0-9]{{0,2}}({_SPACE}[0-9]{{3}})+(\.[0-9]+)?"
    r"|[1-9][0-9]{0,2}(,[0-9]{2,3})*,[0-9]{3}\.[0-9]+"
    r"|[1-9][0-9]{0,2}(,[0-9]{2,3})+,[0-9]{3}"
)
_DECIMAL_COMMA = re.compile(
    r"(0|[0-9]{4,})?,[0-9]+"
    r"|[0-9]{1,3},(?![0-9]{3}$)[0-9]+"
    rf"|[1-9][0-9]{{0,2}}({_SPACE}[0-9]{{3}})+,[0-9]+"
    r"|[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]+"
    r"|[1-9][0-9]{0,2}(\.[0-9]{3}){2,}"
)
"""Thousands are told from decimals where that can be: "1,234" may be either, and is neither."""


class WrittenAmount(NamedTuple):
    """An amount as it was written.

    number: its digits with a point before the decimals, or "" where that cannot be read.
    mark: the currency's sign or code; "" for none.
    rest: what follows.
    """

    is_negative: bool
    number: str
    mark: str
    rest: str


def read(written: str) -> WrittenAmount | None:
    """The amount that a text begins with, maybe after a currency; None for none."""
    match = _WRITTEN.match(written[:100])
    if match is None:
        return None
    signs = match["sign"] + match["inner_sign"] + match["last_sign"]
    return WrittenAmount(
        "-" in signs or match["bracket"] is not None,
        plain_number(match["number"]),
        match["after"] or match["before"].strip(),
        written[match.end() :].strip(),
    )


def plain_number(written: str) -> str:
    """A number with a point before the decimals and nothing else; "" where it is not clear."""
    if not re.search("[1-9]", written):
        decimals = len(re.split("[.,]", written)[-1]) if re.search("[.,]", written) else 0
        return f"0.{'0' * decimals}" if decimals else "0"
    if _DECIMAL_POINT.fullmatch(written):
        return re.sub(r"[\s',]", "", written)
    if _DECIMAL_COMMA.fullmatch(written):
        return re.sub(r"[\s'.]", "", written).replace(",", ".")
    return ""
