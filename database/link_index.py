"""The index that finds a part of a link: SQLite's full-text search over trigrams.

An entry of it is a block: the links of BLOCK orders whose numbers follow each other. It says in
which blocks all trigrams of a text occur, and the caller looks whether an order there has the
text itself. So common trigrams take a twentieth of the room that an entry for each order would.

A block is added once, when its orders are complete, by panel/orders/link_index.py. Links are
never changed, and orders never deleted, so nothing is ever removed.
"""

import json
import re
from collections.abc import Iterable

from peewee import SQL, Expression, fn

from database.connection import database

BLOCK = 64
"""The orders of a block: number n is in block n // BLOCK."""
SHORTEST = 3
"""The characters of a trigram: the index knows nothing of a shorter text."""
MOST_TRIGRAMS = 16
"""The most trigrams that are looked for: more of them leave hardly fewer blocks."""

_COMMON = ("https://www.", ".com/")
"""What many links have: trigrams of these are left out where there are others."""


def last_block() -> int:
    """The last block that the index has; -1 if it has none."""
    row = database.execute_sql(
        "SELECT rowid FROM order_links ORDER BY rowid DESC LIMIT 1"
    ).fetchone()
    return row[0] if row else -1


def add(blocks: Iterable[tuple[int, list[str]]]) -> None:
    """Add blocks with their links, each greater than those before it; inside a transaction."""
    for block, links in blocks:
        database.execute_sql(
            "INSERT INTO order_links (rowid, links) VALUES (?, ?)", (block, "\n".join(links))
        )


def blocks_with(text: str, first: int, last: int, limit: int) -> list[int]:
    """The blocks from `first` to `last` in which a link may have this text, the last ones first.

    :param text: of at least SHORTEST characters.
    """
    if "\0" in text:
        return []  # what no link has, and FTS5 takes for the end
    found = database.execute_sql(
        "SELECT rowid FROM order_links "
        "WHERE order_links MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC LIMIT ?",
        (_expression(text), first, last, limit),
    )
    return [block for (block,) in found]


def numbers_in(blocks: Iterable[int]) -> SQL:
    """A subquery of all numbers in blocks, to compare an order's number with."""
    numbers = [block * BLOCK + place for block in blocks for place in range(BLOCK)]
    return SQL("(SELECT value FROM json_each(?))", [json.dumps(numbers)])


def has_part(column: object, text: str) -> Expression:
    """The condition that a column has a text in it; A to Z are as a to z, all else is exact."""
    return fn.INSTR(fn.LOWER(column), lowered(text)) > 0


def lowered(text: str) -> str:
    """A text with its letters A to Z, and no others, as SQLite's LOWER() gives them."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def _expression(text: str) -> str:
    """What FTS5 is asked for: trigrams of a text, each in quotes, all of which must occur."""
    return " ".join('"{}"'.format(part.replace('"', '""')) for part in _trigrams(text))


def _trigrams(text: str) -> list[str]:
    all_of_it = _every_trigram(lowered(text))
    common = {part for known in _COMMON for part in _every_trigram(known)}
    rare = [part for part in all_of_it if part not in common] or all_of_it
    step = -(-len(rare) // MOST_TRIGRAMS)
    return rare[::step]


def _every_trigram(text: str) -> list[str]:
    places = range(len(text) - SHORTEST + 1)
    return list(dict.fromkeys(text[place : place + SHORTEST] for place in places))
