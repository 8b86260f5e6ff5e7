"""docs/contract.md: what cites it finds its heading, and its tables are those of the code."""

import re
from collections.abc import Iterator
from pathlib import Path

from support.apps import ROOT
from support.documents import PAGES, section, table

from panel import errors
from panel.orders.refills import REFILL_FOLLOWS
from panel.orders.state import FOLLOWS
from panel.service_types import SERVICE_TYPES

CONTRACT = PAGES["docs/contract.md"]
PRODUCT = ("*.py", "*.sql", "*/*.py", "*/*/*.py", "*/*/*/*.py", "migrations/*.sql")


def sources() -> Iterator[Path]:
    for pattern in PRODUCT:
        for path in ROOT.glob(pattern):
            hidden = path.relative_to(ROOT).parts[0].startswith(".")
            if not hidden and path != Path(__file__):
                yield path


def cited(text: str) -> list[str]:
    """The headings that a text names, as in (contract: Money); comments may break the line."""
    return re.findall(r"\(contract:\s+(?:#\s+)?([A-Z][\w ]*?|perfectpanel)[),.]", text)


def test_whatever_cites_the_contract_finds_its_heading() -> None:
    headings = re.findall(r"^##+ (.+)$", CONTRACT, re.M)
    found = {str(path): cited(path.read_text()) for path in sources()}
    assert sum(map(len, found.values())) >= 5
    assert {path: names for path, names in found.items() if set(names) - set(headings)} == {}


def test_a_citation_is_seen_wherever_it_stands() -> None:
    text = '"""A charge (contract: Money)."""\n# Judged first (contract:\n# Service types), as …'
    assert cited(text) == ["Money", "Service types"]


def test_the_contract_has_every_error_and_its_status() -> None:
    rows = table(section("docs/contract.md", "Errors"), "HTTP", "text", "when")
    stated = {text: status for status, texts, _ in rows for text in texts.split(", ")}
    stated |= {texts: status for status, texts, _ in rows}
    for problem in errors.catalogue():
        if problem is errors.CANNOT_CANCEL:
            assert f'`{{"error":"{problem.text}"}}`' in CONTRACT
        else:
            assert stated[problem.text] == str(problem.status)


def test_the_contract_has_every_status() -> None:
    answers = section("docs/contract.md", "Answers")
    named = set(re.findall(r"In progress|in progress|[A-Za-z]+", answers))
    assert {*FOLLOWS, *REFILL_FOLLOWS} <= named


def test_the_contract_has_every_service_type_with_its_parameters() -> None:
    rows = table(
        section("docs/contract.md", "Service types"), "type", "parameters", "what is charged"
    )
    assert [name for name, _, _ in rows] == list(SERVICE_TYPES)
    for name, parameters, _ in rows:
        words = re.findall(r"\w+", parameters)
        needed = [n for _, _, n in SERVICE_TYPES[name].needed_with]
        assert {*SERVICE_TYPES[name].parameters, *SERVICE_TYPES[name].optional, *needed} <= set(
            words
        ), name
