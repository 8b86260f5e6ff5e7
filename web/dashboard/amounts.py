"""Amounts of money on the pages: short in cards, aligned in tables, exact behind both."""

from collections.abc import Iterable

from flask import Flask
from markupsafe import Markup

from panel import money

CENT_MICROS = money.MICROS // 100


def places(amounts: Iterable[int | None]) -> int:
    """How many decimals a column of amounts needs so that each is exact; at least 2.

    :param amounts: in micros; None for a cell without one.
    """
    shown = (money.format_exact(amount) for amount in amounts if amount is not None)
    return max((len(text.partition(".")[2]) for text in shown), default=2)


def rounded(micros: int) -> Markup:
    """An amount with 2 decimals, a half away from zero; the exact one shows on hover."""
    cents = money.half_up(abs(micros), CENT_MICROS) * CENT_MICROS
    shown = money.format_fixed(-cents if micros < 0 else cents, 2)
    exact = money.format_exact(micros)
    return Markup('<data value="{}" title="{}">{}</data>').format(exact, exact, shown)


def add_filters(app: Flask) -> None:
    """Give the templates `micros|rounded`, `micros|aligned(decimals)` and `places(amounts)`."""
    app.jinja_env.filters.update(rounded=rounded, aligned=money.format_fixed)
    app.jinja_env.globals.update(places=places)
