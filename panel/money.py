"""Exact amounts: integers of a millionth of the currency unit (micros), no floats anywhere."""

import re

MICROS = 1_000_000
ONE_PPT = 10**12
"""A ratio of one, in parts per trillion: the unit of rates of exchange."""
MAX_AMOUNT_MICROS = 10**15
"""The largest amount that is read, a thousand million units: sums stay far inside 64 bits."""

MAX_RATIO_PPT = 9 * 10**18
"""The largest rate of exchange that is read, nine million."""

_currency = ""
"""What with_currency() writes behind an amount: the currency of this process's panel."""

_RATIO = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,12}))?", re.ASCII)
_AMOUNT = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{1,6}))?", re.ASCII)


def parse(text: str) -> int:
    """Read an amount such as `12.5` or `-0.000001` as micros.

    :raises ValueError: if it is not a decimal number of at most 6 decimals, or too large.
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount such as 12.50, with at most 6 decimals")
    sign, units, decimals = match.groups()
    micros = int(units) * MICROS + int((decimals or "").ljust(6, "0"))
    if micros > MAX_AMOUNT_MICROS:
        raise ValueError(f"{text} is more than {MAX_AMOUNT_MICROS // MICROS}")
    return -micros if sign else micros


def parse_percent(text: str) -> int:
    """Read a percentage such as `25` or `12.5%` as millionths of one.

    :raises ValueError: if it is none, or has more than 4 decimals.
    """
    try:
        millionths, rest = divmod(parse(text.strip().removesuffix("%").rstrip()), 100)
    except ValueError:
        raise ValueError(f"{text!r} is not a percentage such as 25%") from None
    if rest:
        raise ValueError(f"{text!r} has more than 4 decimals")
    return millionths


def parse_ratio(text: str) -> int:
    """Read a rate of exchange such as `83.20` as parts per trillion.

    :raises ValueError: if it is not a decimal number of at most 12 decimals, or zero or too large.
    """
    match = _RATIO.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a rate such as 83.20, with at most 12 decimals")
    units, decimals = match.groups()
    ratio_ppt = int(units) * ONE_PPT + int((decimals or "").ljust(12, "0"))
    if not 1 <= ratio_ppt <= MAX_RATIO_PPT:
        raise ValueError(f"the rate must be above 0 and at most {MAX_RATIO_PPT // ONE_PPT}")
    return ratio_ppt


def format_ratio(ratio_ppt: int) -> str:
    """Write parts per trillion as a decimal number, exactly and without trailing zeros."""
    units, rest = divmod(ratio_ppt, ONE_PPT)
    return f"{units}.{rest:012}".rstrip("0").rstrip(".")


def format_percent(millionths: int) -> str:
    """Write millionths of one as a percentage, as short as it can be exactly."""
    return format_fixed(millionths * 100, 6).rstrip("0").rstrip(".") + "%"


def format_fixed(micros: int, decimals: int) -> str:
    """Write an amount with this many decimals (1 to 6); what is finer is cut off."""
    units, rest = divmod(abs(micros), MICROS)
    return f"{'-' if micros < 0 else ''}{units}.{rest:06}"[: decimals - 6 or None]


def format_exact(micros: int) -> str:
    """Write an amount exactly: at least 2 decimals, no trailing zeros past them."""
    text = format_fixed(micros, 6)
    return text[:-4] + text[-4:].rstrip("0")


def bind_currency(code: str) -> None:
    """Say which currency the amounts of this process are in, for texts that name it."""
    global _currency
    _currency = code


def with_currency(micros: int) -> str:
    """An exact amount with its currency, such as "0.90 USD"."""
    return f"{format_exact(micros)} {_currency}".rstrip()


def exchanged(amount: tuple[int, int], ratio_ppt: int) -> int:
    """An amount of another currency in micros of ours, rounded up.

    :param amount: exactly, as numerator and denominator.
    :param ratio_ppt: units of ours for one of theirs, in parts per trillion.
    """
    numerator, denominator = amount
    return -(-numerator * ratio_ppt * MICROS // (denominator * ONE_PPT))


def rescaled(micros: int, before_ppt: int, after_ppt: int) -> int:
    """An amount that one rate of exchange gave, at another rate; rounded up."""
    return -(-micros * after_ppt // before_ppt)


def half_up(numerator: int, denominator: int) -> int:
    """Divide what is not negative and round to the nearest whole, a half upwards."""
    return (2 * numerator + denominator) // (2 * denominator)


def charge(rate_micros: int, quantity: int) -> int:
    """What a quantity costs at a rate per 1000, in micros (contract: Money).

    Never nothing where neither is nothing: it would be free, again and again.
    """
    exact = rate_micros * quantity
    return max(half_up(exact, 1000), 1 if exact else 0)


def refund(charge_micros: int, remains: int, quantity: int) -> int:
    """The undelivered part of a charge, in micros (contract: Money)."""
    return half_up(charge_micros * remains, quantity)


def less(rate_micros: int, discount_ppm: int) -> int:
    """A rate less a discount given in millionths of it.

    Never nothing where the rate is not and the discount is not all of it.
    """
    exact = rate_micros * (MICROS - discount_ppm)
    return max(half_up(exact, MICROS), 1 if exact else 0)


def marked_up(cost_micros: int, markup_ppm: int, round_micros: int) -> int:
    """A cost with a markup given in millionths of it, rounded up to a multiple of a step.

    Up, so that rounding never eats the markup.
    """
    step = MICROS * round_micros
    return -(-cost_micros * (MICROS + markup_ppm) // step) * round_micros
