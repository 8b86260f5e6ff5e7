"""The documents as the tests read them: sections, fenced blocks, tables and code spans."""

import re
import textwrap
from collections.abc import Iterator

from support.apps import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *sorted((ROOT / "docs").glob("*.md")),
    ]
}
"""Everything that speaks of the present version, by its path."""

FENCED = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.M | re.S)


def section(page: str, heading: str) -> str:
    """The text below a heading of the second level."""
    pattern = rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)"
    (text,) = re.findall(pattern, PAGES[page], re.M | re.S)
    return text


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks, also those within a list: language and text."""
    return [(language, textwrap.dedent(text)) for _, language, text in FENCED.findall(text)]


def shell(*pages: str) -> str:
    """All shell blocks of these pages, or of all of them."""
    chosen = [PAGES[page] for page in pages] or list(PAGES.values())
    return "".join(text for page in chosen for language, text in blocks(page) if language == "sh")


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return FENCED.sub("", PAGES[page])


def table(text: str, *head: str) -> list[list[str]]:
    """The cells of the tables with this head."""
    pattern = rf"^\| {re.escape(' | '.join(head))} \|\n\|[-|]+\n((?:\|.*\n)+)"
    rows = "".join(re.findall(pattern, text, re.M)).splitlines()
    assert rows, f"no table {head}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def code(text: str) -> list[str]:
    """The code spans of a text."""
    return re.findall(r"`([^`]+)`", text)


def spans() -> Iterator[tuple[str, str]]:
    """The code spans of all pages outside of fenced blocks: page and span."""
    return ((page, span) for page in PAGES for span in code(prose(page)))


def anchors(page: str) -> set[str]:
    """What a link can name behind its #: the headings, as the hosts of repositories write them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
