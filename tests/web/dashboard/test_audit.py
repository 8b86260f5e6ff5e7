"""The dashboard's audit."""

import csv
import io
import json
import re
from types import SimpleNamespace

import pytest
from flask import Flask
from peewee import IntegrityError
from support.clock import Clock
from support.dashboard import Operator, lines
from support.plans import plans

from database.connection import database
from panel import audit_queries
from panel.audit_queries import AuditFilter
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited
from panel.reports import DAY_S


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_lines",
        "UPDATE audit_lines SET act = 'nothing'",
        "UPDATE audit_lines SET outcome = 'done'",
    ],
)
def test_an_audit_line_is_never_changed(sql: str, app: Flask) -> None:
    with pytest.raises(OperatorError), audited(Actor("olga"), "a try"):
        raise OperatorError("no")
    with pytest.raises(IntegrityError, match="never"):
        database.execute_sql(sql)
    assert lines() == [("olga", "a try", "refused: no")]


def test_the_audit_shows_who_did_what_and_what_came_of_it(
    olga: Operator, cast: SimpleNamespace, app: Flask
) -> None:
    olga.post("/admin/customers/alice/fund", amount="-1000", note="<b>", sure="-1000.00")
    with app.app_context():
        app.test_cli_runner().invoke(args=["user", "fund", "alice", "5"])
    rows = audit_rows(olga.text("/admin/audit"))
    assert rows == [
        ["(command line)", "", "customer alice: deposit 5.00 USD", "done"],
        ["olga", "127.0.0.1", "customer alice: withdraw 1000.00 USD (&lt;b&gt;)",
         "refused: alice has only 100.00"],
        ["olga", "127.0.0.1", "sign in", "done: from Werkzeug"],
    ]  # fmt: skip
    assert audit_rows(olga.text("/admin/audit?operator=olga")) == rows[1:]
    assert audit_rows(olga.text("/admin/audit?before=3")) == rows[1:]


def audit_rows(page: str) -> list[list[str]]:
    """Operator, address, action and outcome of each line of the page."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", body)
    texts = [re.sub(r"</?a[^>]*>", "", cell) for cell in cells]
    return [texts[n : n + 4] for n in range(0, len(texts), 4)]


BY = 1_800_000_000 // DAY_S * DAY_S
"""2027-01-15, at midnight."""


@pytest.fixture
def many(clock: Clock, cast: SimpleNamespace) -> None:
    """A line a day of each kind, by two people, until 2027-01-15."""
    for ago in range(3, -1, -1):
        clock.seconds = BY - ago * DAY_S + 60
        for who in ("olga", "otto"):
            for act in (
                f"order {ago}: refund", "customer bob: suspend", "services 1, 2: markup 25%",
                "provider up: test", "sign out", "panel: write a backup",
            ):  # fmt: skip
                with audited(Actor(who, "192.0.2.1"), act) as result:
                    if "refund" in act:
                        result.refunded(900_000)
    clock.seconds = BY + 120


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 49),
        ("operator=otto", 24),
        ("kind=order", 8),
        ("kind=sign-in", 9),
        ("kind=panel&operator=otto", 4),
        ("kind=customer&operator=olga&from=2027-01-14", 2),
        ("from=2027-01-13&to=2027-01-13", 12),
        ("from=2027-01-13&to=2027-01-14&kind=service", 4),
        ("q=REFUNDED 0.90", 8),
        ("q=markup&operator=otto&to=2027-01-12", 1),
        ("q=100%25", 0),
        ("kind=nothing", 49),
        ("operator=nobody", 0),
        ("from=2030-01-01", 0),
    ],
)
def test_lines_are_filtered_by_person_kind_day_and_text_together(
    many: None, query: str, count: int, olga: Operator, app: Flask
) -> None:
    file = list(csv.DictReader(io.StringIO(olga.client.get(f"/admin/audit.csv?{query}").text)))
    assert len(file) == count
    shown = audit_rows(olga.text(f"/admin/audit?{query}"))
    assert shown == [
        [row["operator"], row["address"], row["action"], row["outcome"]] for row in file
    ]


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ([], ""),
        (["--operator", "otto", "--about", "order"], "operator=otto&kind=order"),
        (["--since", "2027-01-13", "--until", "2027-01-14"], "from=2027-01-13&to=2027-01-14"),
        (["--text", "backup"], "q=backup"),
    ],
)
def test_the_command_lists_the_same_lines(
    many: None, options: list[str], query: str, olga: Operator, app: Flask
) -> None:
    with app.app_context():
        result = app.test_cli_runner().invoke(args=["audit", "list", "--json", *options])
    assert result.exit_code == 0, result.output
    file = csv.DictReader(io.StringIO(olga.client.get(f"/admin/audit.csv?{query}").text))
    assert [str(row["id"]) for row in json.loads(result.stdout)] == [row["line"] for row in file]


def test_a_search_looks_at_so_many_lines_and_offers_to_go_on(
    many: None, olga: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_queries, "SCAN", 10)
    first = olga.text("/admin/audit?q=order 3: refund")
    assert "No lines found." in first
    assert "Continue the search" in first
    file = olga.client.get("/admin/audit.csv?q=order 3: refund").text
    assert file.count("order 3: refund") == 2


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (AuditFilter(operator="olga"), "audit_lines_by_operator"),
        (AuditFilter(kind="order"), "audit_lines_by_kind"),
        (AuditFilter(operator="olga", kind="order"), "audit_lines_by_operator_and_kind"),
        (AuditFilter(operator="olga", kind="order", text="x"), "audit_lines_by_operator_and_kind"),
        (AuditFilter(kind="order", since=BY, until=BY + DAY_S), "audit_lines_by_kind"),
    ],
)
def test_lines_are_read_by_an_index_and_not_sorted(
    many: None, wanted: AuditFilter, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plans(monkeypatch, lambda: audit_queries.page(wanted, 40))
    assert any(f"INDEX {index} " in step for plan in found for step in plan), found
    assert not any("TEMP B-TREE" in step for step in found[-1]), found[-1]


def test_failed_sign_ins_are_shown_with_their_address(olga: Operator, app: Flask) -> None:
    stranger = app.test_client()
    found = re.search(r'name="csrf_token" value="([^"]+)"', stranger.get("/admin/sign-in").text)
    assert found is not None
    for name in ("olga", "what I typed"):
        stranger.post("/admin/sign-in", data={"csrf_token": found[1], "name": name,
                                              "password": "a guess"})  # fmt: skip
    rows = audit_rows(olga.text("/admin/audit?kind=sign-in"))
    assert rows[:2] == [
        ["(unknown name)", "127.0.0.1", "sign in", "refused: wrong password, from Werkzeug"],
        ["olga", "127.0.0.1", "sign in", "refused: wrong password, from Werkzeug"],
    ]
    assert "what I typed" not in olga.text("/admin/audit")
