"""docs/contract.md: what cites it finds its heading, and what it says of this version is true."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from support.apps import ROOT
from support.documents import PAGES, section, table

from models import Order
from panel import accounts, errors, services
from panel.money import MICROS
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


# "Not yet implemented": what each line says is still so.

LINK = "https://example.com/p"


@pytest.fixture
def ask(client: FlaskClient, cast: SimpleNamespace) -> Any:
    """Alice sends JSON: the HTTP status and the answer."""

    def ask(**params: Any) -> tuple[int, Any]:
        response = client.post("/api/v2", json={"key": cast.alice, **params})
        return response.status_code, response.json

    return ask


@pytest.fixture
def order(cast: SimpleNamespace) -> dict[str, Any]:
    """An order of ten followers."""
    return {"action": "add", "service": cast.followers, "link": LINK, "quantity": 10}


def left_out() -> dict[str, str]:
    """The rules that are not implemented yet, with what this version does."""
    rows = table(
        section("docs/contract.md", "Not yet implemented"), "rule", "what this version does"
    )
    return {row[0]: row[1] for row in rows}


def test_each_rule_that_is_left_out_is_shown_below() -> None:
    assert len(left_out()) == 9


def instead_of(words: str) -> str:
    """What this version does instead of the rule with these words."""
    (found,) = [instead for rule, instead in left_out().items() if words in rule]
    return found


def test_a_comma_list_in_the_single_parameter_is_not_read_yet(ask: Any, order: Any) -> None:
    ask(**order)
    status, answer = ask(action="status", order="1,1")
    assert instead_of("`order=1,2`") == f"{status} {answer['error']}"


def test_a_number_with_a_point_is_no_whole_number_yet(ask: Any, order: Any) -> None:
    status, answer = ask(**{**order, "quantity": 10.0})
    assert instead_of("`100.0`") == f"{status} {answer['error']}"


@pytest.mark.parametrize("name", ["runs", "interval"])
@pytest.mark.parametrize("text", ["0", "null", "undefined"])
def test_an_empty_drip_feed_is_still_refused(ask: Any, order: Any, name: str, text: str) -> None:
    services.edit(order["service"], dripfeed=True)
    status, answer = ask(**{**order, "runs": "2", "interval": "60", name: text})
    assert (status, answer["error"]) == (422, f"Incorrect {name}")
    assert f"Incorrect {name}" in instead_of("count as not sent")


def test_one_run_still_needs_an_interval(ask: Any, order: Any) -> None:
    services.edit(order["service"], dripfeed=True)
    assert ask(**order, runs="1") == (422, {"error": "Incorrect request"})
    assert "needs an interval" in instead_of("`runs=1`")


def test_url_does_not_stand_for_link_yet(ask: Any, order: Any) -> None:
    del order["link"]
    status, answer = ask(**order, url=LINK)
    assert instead_of("`url`") == f"ignored: {status} {answer['error']}"


@pytest.mark.parametrize("link", [f" {LINK} ", "https://t.me/ AbC", "https://t.me/\u200bx"])
def test_a_link_is_still_taken_as_it_is(ask: Any, order: Any, link: str) -> None:
    assert ask(**{**order, "link": link}) == (200, {"order": 1})
    assert Order.get_by_id(1).link == link
    assert instead_of("blanks around a link") == "they are kept"
    assert instead_of("zero-width") == "the link is taken as it is"


def test_a_charge_can_still_round_to_nothing(ask: Any, order: Any) -> None:
    dust = services.add(name="Dust", category="Test", rate_micros=1, min=1, max=100)
    ask(**{**order, "service": dust, "quantity": 1})
    assert accounts.get("alice").balance_micros == 100 * MICROS
    assert "charges nothing" in instead_of("never nothing")


def test_no_posts_are_still_refused(ask: Any) -> None:
    wanted = services.add(
        name="Likes", category="Test", rate_micros=MICROS, min=1, max=100, type="Subscriptions"
    )
    posts = {"username": "u", "min": 1, "max": 2, "delay": 0, "posts": 0, "old_posts": 3}
    status, answer = ask(action="add", service=wanted, **posts)
    assert instead_of("`posts=0`") == f"{status} {answer['error']}"
