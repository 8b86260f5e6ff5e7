"""Tables of a terminal: what does not fit a line is cut, and numbers stand below each other."""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from typing import Any
from unicodedata import combining, east_asian_width

WIDTH = 100
"""Columns of a line that fit everywhere; a terminal that is wider is used as it is."""

MIN_WIDTH = 8
"""No column is cut below this."""

BETWEEN = "  "

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?%?", re.ASCII)
_FIGURE = re.compile(
    rf"{_NUMBER.pattern}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}( [0-9:]{{8}}Z)?", re.ASCII
)
"""A number, an amount or a time: it would be wrong if it was cut."""


def table(
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str] = (),
    cut_last: Sequence[str] = (),
    is_whole: bool = False,
) -> str:
    """Rows as a table with a heading.

    :param columns: those that are shown; () for all.
    :param cut_last: columns that are cut only where cutting the others is not enough.
    :param is_whole: whether every column is shown, and nothing is cut.
    """
    names = list(rows[0]) if is_whole or not columns else list(columns)
    cells = {name: [as_text(row[name]) for row in rows] for name in names}
    widths = {name: max(map(display_width, [name, *cells[name]])) for name in names}
    if not is_whole:
        limit = line_width() - len(BETWEEN) * (len(names) - 1)
        cut = [name for name in names if not _are(_FIGURE, cells[name])]
        _narrow(widths, [name for name in cut if name not in cut_last], limit)
        _narrow(widths, [name for name in cut if name in cut_last], limit)
    pads = {name: _right if _are(_NUMBER, cells[name]) else _left for name in names}
    lines = [
        {name: name for name in names},
        {name: "-" * widths[name] for name in names},
        *({name: cells[name][number] for name in names} for number in range(len(rows))),
    ]
    shown = (BETWEEN.join(pads[n](line[n], widths[n]) for n in names).rstrip() for line in lines)
    return "\n".join(shown if is_whole else (shortened(line, line_width()) for line in shown))


def line_width() -> int:
    """How wide a line may be."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(WIDTH, shutil.get_terminal_size().columns)


def as_text(value: Any) -> str:
    """A value in one line, as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ({}, []):
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return " ".join(str(value).split("\n"))


def wrapped(text: str, indent: str = "") -> str:
    """A sentence in lines that fit; words, links and commands are never cut.

    :param indent: what every line but the first begins with.
    """
    first, *words = text.split(" ")
    lines = [first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if display_width(longer) <= line_width():
            lines[-1] = longer
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def display_width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(_width(character) for character in text)


def shortened(text: str, width: int) -> str:
    """A text that takes no more than so many columns, with an ellipsis where it was cut."""
    if display_width(text) <= width:
        return text
    taken, room = [], width - 1
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        taken.append(character)
    return "".join(taken) + "…"


def _width(character: str) -> int:
    if combining(character) or character in "\u200b\u200d\ufe0f":
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _narrow(widths: dict[str, int], names: Sequence[str], limit: int) -> None:
    """Narrow the widest of these columns, again and again, until all fit the limit."""
    while sum(widths.values()) > limit:
        wide = [name for name in names if widths[name] > max(MIN_WIDTH, len(name))]
        if not wide:
            return
        widths[max(wide, key=lambda name: widths[name])] -= 1


def _are(kind: re.Pattern[str], cells: Sequence[str]) -> bool:
    """Whether all cells are of a kind, but for empty ones."""
    given = [cell for cell in cells if cell]
    return bool(given) and all(kind.fullmatch(cell) for cell in given)


def _left(text: str, width: int) -> str:
    text = shortened(text, width)
    return text + " " * (width - display_width(text))


def _right(text: str, width: int) -> str:
    text = shortened(text, width)
    return " " * (width - display_width(text)) + text
