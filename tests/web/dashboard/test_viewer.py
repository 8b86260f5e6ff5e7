"""A viewer sees every page and changes nothing, whatever is posted."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from support.commands import all_but_the_audit
from support.dashboard import PAGES, PASSWORD, Operator, lines, put_in_review, said
from werkzeug.routing import Rule

from panel import operators
from panel.operators import Role
from panel.orders import cancels, transition
from panel.providers import pending, registry
from panel.providers.pending import PendingKind
from upstream import ask
from web.dashboard.common import OPEN_TO_ALL, OWN_AFFAIRS

OWN = {
    "/admin/sign-out", "/admin/sessions/{}/end", "/admin/sessions/end-others",
    "/admin/account/password", "/admin/account/totp", "/admin/account/totp/confirm",
    "/admin/account/totp/off", "/admin/account/recovery-codes",
}  # fmt: skip
"""What a viewer may post."""

VALUES = {
    "order_id": 1, "service_id": 1, "refill_id": 1, "cancel_id": 1, "session_id": 1,
    "name": "alice", "act": "suspend", "answer": "accept", "anything": "nowhere",
}  # fmt: skip
ACTS = {"admin.operator_ease": {"act": "signout"}}
"""Where another act than that of VALUES belongs into the address."""


@pytest.fixture
def vera(cast: SimpleNamespace, client: FlaskClient) -> Operator:
    """A viewer, and something to change of every kind."""
    order_id = put_in_review(cast)
    transition.change(order_id, status="In progress")
    cancels.request(1, [order_id])
    provider = registry.get("sandbox")
    pending.add(provider.id, PendingKind.LOSS, "9", "1")
    operators.add("vera", PASSWORD, Role.VIEWER)
    return Operator(client, "vera")


def changing_rules(app: Flask) -> list[Rule]:
    """The dashboard's addresses that take anything but a GET."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and (rule.methods or set()) - {"GET", "HEAD"}
    ]


def test_every_change_but_of_the_own_account_is_refused(vera: Operator, app: Flask) -> None:
    rules = changing_rules(app)
    assert len(rules) > 30
    before, tried = all_but_the_audit(), 0
    with app.test_request_context():
        urls = app.url_map.bind("localhost")
        for rule in rules:
            if rule.endpoint in OWN_AFFAIRS | OPEN_TO_ALL:
                continue
            values = VALUES | ACTS.get(rule.endpoint, {})
            path = urls.build(rule.endpoint, {n: values[n] for n in rule.arguments})
            for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
                answer = vera.client.open(
                    path, method=method, data={"csrf_token": vera.token, "act": "cancel"}
                )
                assert answer.status_code == 403, (method, path)
                assert "vera is a viewer" in answer.text
                tried += 1
    assert tried > 30
    assert all_but_the_audit() == before
    assert lines() == []


def test_what_a_viewer_may_post_is_the_own_account(app: Flask) -> None:
    found = {
        re.sub(r"<[^>]+>", "{}", rule.rule)
        for rule in changing_rules(app)
        if rule.endpoint in OWN_AFFAIRS
    }
    assert found == OWN


@pytest.mark.parametrize("sent", ["header", "field"])
def test_no_way_of_sending_the_token_lets_a_viewer_through(sent: str, vera: Operator) -> None:
    header = {"X-CSRF-Token": vera.token} if sent == "header" else {}
    fields = {"csrf_token": vera.token} if sent == "field" else {}
    answer = vera.client.post(
        "/admin/services/1/move", data={**fields, "before": "2"}, headers=header
    )
    assert answer.status_code == 403


def test_a_viewer_sees_every_page_without_a_form_that_changes_something(
    vera: Operator, app: Flask
) -> None:
    for path in (*PAGES, "/admin/customers/alice/ledger.csv"):
        page = vera.text(path)
        actions = re.findall(r'<form method="post" action="([^"]*)"', page)
        foreign = [a for a in actions if re.sub(r"\d+", "{}", a) not in OWN]
        assert foreign == [], path
        assert "data-arrange" not in page, path
        # Whatever submits something belongs to one of these forms, or to a search.
        submits = re.findall(r'<button(?! type="button")', page)
        assert len(submits) <= page.count("<form"), path


def test_the_walk_for_forms_finds_those_of_an_operator(
    cast: SimpleNamespace, in_review: int, olga: Operator
) -> None:
    found: set[str] = set()
    for path in PAGES:
        found |= set(re.findall(r'<form method="post" action="([^"]*)"', olga.text(path)))
    assert len(found - OWN) > 15


def test_a_provider_is_not_asked_for_a_viewer(
    vera: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*args: Any) -> Any:
        raise AssertionError("the provider was asked")

    for name in ("ask_account", "ask_catalogue"):
        monkeypatch.setattr(ask, name, asked)
    for path in PAGES:
        assert vera.client.get(path).status_code == 200, path


def test_a_viewer_has_an_account_like_everybody(vera: Operator) -> None:
    fields = {"new-present": PASSWORD, "new-new": "x" * 10, "new-again": "x" * 10}
    vera.post("/admin/account/password", **fields)
    assert "The password is changed" in said(vera.text("/admin/account"))[0]
    vera.post("/admin/account/totp", **{"begin-present": "x" * 10})
    assert 'id="secret"' in vera.text("/admin/account/totp")
    assert vera.post("/admin/sign-out").status_code == 302
    assert vera.client.get("/admin").status_code == 302


def test_a_role_changes_in_sessions_that_are_open(vera: Operator, runner: FlaskCliRunner) -> None:
    def add_customer(name: str) -> int:
        return vera.post("/admin/customers", name=name).status_code

    assert add_customer("one") == 403
    assert runner.invoke(args=["operator", "role", "vera", "operator"]).exit_code == 0
    assert add_customer("two") == 200
    assert runner.invoke(args=["operator", "role", "vera", "viewer"]).exit_code == 0
    assert add_customer("three") == 403
