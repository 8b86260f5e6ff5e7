"""What all of the dashboard's pages have in common: access, CSRF tokens, headers, escaping."""

import re
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.apps import ROOT
from support.dashboard import PAGES, Operator, lines

from panel import accounts, services
from panel.money import MICROS


def test_without_an_operator_there_is_no_dashboard(client: FlaskClient) -> None:
    asked = {"X-Request-Id": "the-same-id"}
    nowhere = client.get("/nowhere", headers=asked)
    for path in ("/admin", "/admin/", "/admin/sign-in", "/admin/orders"):
        answer = client.get(path, headers=asked)
        assert (answer.status_code, answer.data) == (nowhere.status_code, nowhere.data)
        assert dict(answer.headers) == dict(nowhere.headers)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert client.open(path, method=method).status_code == 404, (method, path)


@pytest.mark.parametrize(
    "sent", [{}, {"csrf_token": ""}, {"csrf_token": "made-up"}], ids=["none", "empty", "wrong"]
)
@pytest.mark.parametrize(
    "path",
    ["/admin/customers", "/admin/customers/alice/fund", "/admin/orders/act", "/admin/sign-out"],
)
def test_a_change_without_its_token_is_refused(
    sent: dict[str, str], path: str, olga: Operator, order_id: int
) -> None:
    fields = {"name": "new", "amount": "5", "act": "cancel", "order": order_id}
    answer = olga.client.post(path, data={**fields, **sent})
    assert answer.status_code == 400
    assert "expired" in answer.text
    assert lines() == []
    assert accounts.get("alice").balance_micros == 100 * MICROS - 500_000
    assert olga.client.get("/admin").status_code == 200


def test_no_change_is_made_by_a_get(app: Flask) -> None:
    made = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or set())
    }
    assert made == {
        "/admin", "/admin/attention", "/admin/restored", "/admin/sign-in", "/admin/sign-in/code",
        "/admin/sessions", "/admin/account", "/admin/account/totp", "/admin/orders",
        "/admin/orders/<number:order_id>", "/admin/customers", "/admin/customers/<name>",
        "/admin/customers/<name>/ledger.csv", "/admin/services", "/admin/services/add",
        "/admin/services/<number:service_id>", "/admin/providers", "/admin/providers/<name>",
        "/admin/providers/<name>/import", "/admin/providers/<name>/catalogue", "/admin/audit",
        "/admin/audit.csv", "/admin/ledger", "/admin/ledger.csv", "/admin/operators",
        "/admin/orders.csv", "/admin/orders/<number:order_id>/ordered/<name>.txt",
        "/admin/panel", "/admin/reports", "/admin/reports.csv", "/admin/requests",
        "/admin/<path:anything>",
    }  # fmt: skip


def test_every_page_is_sent_with_strict_headers(olga: Operator, in_review: int) -> None:
    for path in (*PAGES, "/admin/nowhere", "/admin/customers/alice/ledger.csv"):
        headers = olga.client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "no-referrer", path
        assert headers["Cache-Control"] == "no-store", path


def test_no_page_has_an_inline_script_or_style_or_another_host(
    olga: Operator, in_review: int
) -> None:
    for path in PAGES:
        page = olga.text(path)
        for script in re.findall(r"<script[^>]*>", page):
            assert "src=" in script or 'type="application/json"' in script
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page), path
        elsewhere = re.findall(r'<[^>]*(?:src|href|action)="(?![/#])[^"]*"[^>]*>', page)
        for tag in elsewhere:  # what a customer ordered for; it learns nothing of the panel
            assert tag.startswith("<a "), path
            assert re.search(r'target="_blank" rel="noopener noreferrer[^"]*"', tag), path


def test_every_time_is_told_to_be_in_utc_also_on_a_phone() -> None:
    templates = {
        path.name: path.read_text() for path in (ROOT / "web/templates/dashboard").iterdir()
    }
    cells = [
        (name, cell)
        for name, text in templates.items()
        for cell in re.findall(r"<t[dh][^>]*>[^\n]*?</t[dh]>", text)
        if "|when" in cell
    ]
    assert len(cells) > 5
    for name, cell in cells:
        if cell.startswith("<td"):
            assert re.search(r'data-label="[^"]* \(UTC\)"', cell), name
        else:
            assert 'class="time"' in cell, name
    # There the table has no heads.
    _, *phone = (ROOT / "web/static/style.css").read_text().split("@media (max-width: 60rem)")
    assert 'th.time::after { content: "UTC";' in "".join(phone)


def test_the_api_has_no_session(client: FlaskClient, cast: SimpleNamespace) -> None:
    answer = client.post("/api/v2", data={"key": cast.alice, "action": "balance"})
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_what_customers_send_and_names_are_shown_harmlessly(
    olga: Operator, order_id: int, cast: SimpleNamespace
) -> None:
    name = "\"Best\" & 'cheap' <b onclick=x>"
    services.edit(cast.followers, name=name)
    escaped = "&#34;Best&#34; &amp; &#39;cheap&#39; &lt;b onclick=x&gt;"
    for path in ("/admin/orders", f"/admin/orders/{order_id}"):
        page = olga.text(path)
        assert "?&lt;script&gt;alert(1)&lt;/script&gt;" in page, path
        assert "<script>alert" not in page, path
        assert escaped in page, path
    for path in ("/admin/services", f"/admin/services/{cast.followers}", "/admin?range=today"):
        page = olga.text(path)
        assert "<b onclick" not in page, path
    assert escaped in olga.text("/admin/services")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "services/99999999999999999999"),
        ("GET", "orders/1000000000000000000"),
        ("POST", "orders/99999999999999999999/change"),
        ("POST", "refills/99999999999999999999"),
        ("POST", "cancels/999999999999999999999/accept"),
    ],
)
def test_a_number_that_nothing_can_have_is_not_found(
    method: str, path: str, olga: Operator
) -> None:
    if method == "GET":
        assert olga.client.get(f"/admin/{path}").status_code == 404
    else:
        assert olga.post(f"/admin/{path}").status_code == 404
