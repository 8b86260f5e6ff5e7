"""Single values of a decoded answer, whose numbers are still texts."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_DIGITS = 18
"""A longer whole number is not believed."""
MAX_DECIMALS = 40
"""Of an amount, and its digits as well; one with more is not believed."""
MAX_SAID = 2000
"""So much of what a provider says in words is read. It is longer than what is kept: our key has
to be found in it before it is cut."""

_FRACTION_OF_NOTHING = re.compile(r"(?<=[0-9])\.0+$")
"""A whole number is one too where it is written as 3.0."""


def text(value: Any) -> str:
    """A text or a number as it was written; '' for anything else."""
    return value if isinstance(value, str) else ""


def printable(value: Any, most: int = 500) -> str:
    """A text without what could move a terminal's cursor, and not endless."""
    written = text(value)
    if not written.isprintable():
        written = "".join(c for c in written if c.isprintable())
    return written.strip()[:most]


def integer(value: Any) -> int | None:
    """A whole number; None if it is none."""
    if not isinstance(value, str):
        return None
    written = _FRACTION_OF_NOTHING.sub("", value.strip())
    digits = written.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
        return None
    return int(written)


def amount(value: Any) -> Decimal | None:
    """An amount that is not negative; None if it is none."""
    try:
        number = Decimal(text(value).strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or not 0 <= number <= 10**9:
        return None
    _, digits, exponent = number.as_tuple()
    # Exact sums of a number such as 1e-999999 would take all the memory there is.
    return number if len(digits) <= MAX_DECIMALS and int(exponent) >= -MAX_DECIMALS else None


def flag(value: Any) -> bool:
    """Whether a value says yes."""
    return value is True or text(value).lower() in ("1", "true", "yes")


def first_text(entry: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first of these fields that holds a text or a number."""
    return next((text(entry[name]) for name in names if text(entry.get(name))), "")
