"""The dashboard's audit."""

import re
from types import SimpleNamespace

import pytest
from flask import Flask
from peewee import IntegrityError
from support.dashboard import Operator, lines

from database.connection import database
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited


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
    olga.post("/admin/customers/alice/fund", amount="-1000", note="<b>")
    with app.app_context():
        app.test_cli_runner().invoke(args=["user", "fund", "alice", "5"])
    rows = audit_rows(olga.text("/admin/audit"))
    assert rows == [
        ["(command line)", "", "customer alice: fund 5.00", "done"],
        ["olga", "127.0.0.1", "customer alice: fund -1000.00 (&lt;b&gt;)",
         "refused: alice has only 100.00"],
        ["olga", "127.0.0.1", "sign in", "done"],
    ]  # fmt: skip
    assert audit_rows(olga.text("/admin/audit?operator=olga")) == rows[1:]
    assert audit_rows(olga.text("/admin/audit?before=3")) == rows[1:]


def audit_rows(page: str) -> list[list[str]]:
    """Operator, address, action and outcome of each line of the page."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", body)
    texts = [re.sub(r"</?a[^>]*>", "", cell) for cell in cells]
    return [texts[n : n + 4] for n in range(0, len(texts), 4)]
