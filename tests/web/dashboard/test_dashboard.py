"""The dashboard at /admin: its door, its acts and their audit lines, and what it shows."""

import csv
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from peewee import IntegrityError
from support.apps import listed, make_app
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

import models
from database.connection import close_database, database
from database.migrate import MIGRATIONS
from models import AuditLine, Order, Provider, Service
from panel import (
    accounts,
    heartbeat,
    ledger,
    operators,
    pricing,
    queries,
    reports,
    services,
)
from panel.errors import OperatorError
from panel.money import MICROS
from panel.operations.audit import Actor, audited
from panel.orders import cancels, dispatch, events, lookup, refills, transition
from panel.orders.place import OrderRequest, place_order
from panel.providers import import_services, registry, sources
from upstream.sandbox import CATALOGUE
from web.sessions import kept_key

PASSWORD = "a good password"
QUICK = "pbkdf2:sha256:1"
SCRIPT = "https://t.me/x?<script>alert(1)</script>"
PAGES = (
    "/admin", "/admin?range=today", "/admin?range=90", "/admin/orders", "/admin/orders/1",
    "/admin/customers", "/admin/customers/alice", "/admin/services", "/admin/services/1",
    "/admin/services/add", "/admin/providers", "/admin/providers/sandbox",
    "/admin/providers/sandbox/import", "/admin/audit",
)  # fmt: skip


class Operator:
    """A browser that is signed in, as far as a form goes."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.token = token(client, "/admin/sign-in")
        answer = self.post("/admin/sign-in", name="olga", password=PASSWORD)
        assert answer.status_code == 302, answer.text
        self.token = token(client, "/admin/services/add")

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **fields})

    def text(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


def token(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def said(page: str) -> list[str]:
    """The messages of a page."""
    return re.findall(r'<p class="message \w+">(.*?)</p>', page)


def lines() -> list[tuple[str, str, str]]:
    """The audit's lines: who, what, and what came of it."""
    query = AuditLine.select().order_by(AuditLine.id)
    return [(line.operator, line.act, line.outcome) for line in query]


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed slowly on purpose; one test of that is enough."""
    monkeypatch.setattr(
        operators, "generate_password_hash", partial(generate_password_hash, method=QUICK)
    )


@pytest.fixture
def olga(cast: SimpleNamespace, client: FlaskClient) -> Operator:
    operators.add("olga", PASSWORD)
    return Operator(client)


@pytest.fixture
def order_id(cast: SimpleNamespace) -> int:
    """Alice's order of 100 followers for 0.50, with a script in its link."""
    return place(cast, "alice", SCRIPT)


def place(cast: SimpleNamespace, name: str, link: str = "https://t.me/x") -> int:
    caller = accounts.find(getattr(cast, name))
    assert caller is not None
    offer = pricing.find_offer(caller, cast.followers)
    assert offer is not None
    return place_order(caller.id, offer, OrderRequest(link, 100))


@pytest.fixture
def in_review(cast: SimpleNamespace) -> int:
    """An order that was being sent to the sandbox when nobody answered any more."""
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    number = place(cast, "alice")
    assert dispatch.claim(provider.id) is not None
    dispatch.mark_in_doubt(number, "HTTP 502")
    return number


# The door


def test_without_an_operator_there_is_no_dashboard(client: FlaskClient) -> None:
    nowhere = client.get("/nowhere")
    for path in ("/admin", "/admin/", "/admin/sign-in", "/admin/orders"):
        answer = client.get(path)
        assert (answer.status_code, answer.data) == (nowhere.status_code, nowhere.data)
        assert dict(answer.headers) == dict(nowhere.headers)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert client.open(path, method=method).status_code == 404, (method, path)


@pytest.mark.parametrize("path", [*PAGES, "/admin/customers/alice/ledger.csv", "/admin/nowhere"])
def test_who_is_not_signed_in_sees_only_the_sign_in(
    path: str, cast: SimpleNamespace, client: FlaskClient
) -> None:
    operators.add("olga", PASSWORD)
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/sign-in?back=/admin")


def test_signing_in_leads_back_to_the_page_that_was_asked_for(
    cast: SimpleNamespace, client: FlaskClient
) -> None:
    operators.add("olga", PASSWORD)
    asked = client.get("/admin/orders?status=Pending").headers["Location"]
    fields = {"name": "olga", "password": PASSWORD, "csrf_token": token(client, asked)}
    back = re.search(r'name="back"[^>]* value="([^"]+)"', client.get(asked).text)
    assert back is not None
    answer = client.post("/admin/sign-in", data={**fields, "back": back[1]})
    assert answer.headers["Location"] == "/admin/orders?status=Pending"


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/admin",
        "//evil.example/admin",
        "/\\evil.example",
        "/api/v2",
        "/adminx",
    ],
)
def test_signing_in_leads_to_no_other_place(
    back: str, cast: SimpleNamespace, client: FlaskClient
) -> None:
    operators.add("olga", PASSWORD)
    fields = {"name": "olga", "password": PASSWORD, "back": back}
    fields["csrf_token"] = token(client, "/admin/sign-in")
    assert client.post("/admin/sign-in", data=fields).headers["Location"] == "/admin"


@pytest.mark.parametrize(
    ("name", "password"),
    [("olga", "a bad password"), ("olga", ""), ("nobody", PASSWORD), ("", "")],
    ids=["wrong password", "no password", "unknown name", "nothing"],
)
def test_a_wrong_sign_in_is_refused_without_saying_what_was_wrong(
    name: str, password: str, client: FlaskClient
) -> None:
    operators.add("olga", PASSWORD)
    fields = {"name": name, "password": password, "csrf_token": token(client, "/admin/sign-in")}
    answer = client.post("/admin/sign-in", data=fields)
    assert answer.status_code == 403
    assert "Wrong name or password." in answer.text
    assert client.get("/admin").status_code == 302


def test_after_5_wrong_passwords_the_right_one_must_wait_too(client: FlaskClient) -> None:
    operators.add("olga", PASSWORD)
    fields = {"name": "olga", "csrf_token": token(client, "/admin/sign-in")}
    for _ in range(5):
        answer = client.post("/admin/sign-in", data={**fields, "password": "a bad password"})
        assert answer.status_code == 403
    answer = client.post("/admin/sign-in", data={**fields, "password": PASSWORD})
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300


def test_wrong_passwords_slow_the_name_down_from_everywhere_and_the_address_for_every_name(
    client: FlaskClient,
) -> None:
    operators.add("olga", PASSWORD)
    operators.add("otto", PASSWORD)
    fields = {"password": "a bad password", "csrf_token": token(client, "/admin/sign-in")}
    for _ in range(5):
        client.post("/admin/sign-in", data={**fields, "name": "olga"})
    fields["password"] = PASSWORD
    elsewhere = {"REMOTE_ADDR": "10.0.0.9"}
    for name, environ, status in (
        ("olga", elsewhere, 429),
        ("otto", {}, 429),
        ("otto", elsewhere, 302),
    ):
        answer = client.post(
            "/admin/sign-in", data={**fields, "name": name}, environ_overrides=environ
        )
        assert answer.status_code == status, (name, environ)


def test_a_good_sign_in_forgets_the_wrong_ones(client: FlaskClient) -> None:
    operators.add("olga", PASSWORD)
    for _ in range(2):
        fields = {"name": "olga", "csrf_token": token(client, "/admin/sign-in")}
        for _ in range(4):
            client.post("/admin/sign-in", data={**fields, "password": "a bad password"})
        operator = Operator(client)
        operator.post("/admin/sign-out")


def test_signing_out_ends_the_session(olga: Operator) -> None:
    assert olga.post("/admin/sign-out").headers["Location"] == "/admin/sign-in"
    assert olga.client.get("/admin").status_code == 302


@pytest.mark.parametrize("end", ["new password", "removed"])
def test_a_session_ends_with_its_password_and_its_operator(end: str, olga: Operator) -> None:
    operators.add("otto", PASSWORD)
    if end == "removed":
        operators.remove("olga")
    else:
        operators.set_password("olga", "another password")
    assert olga.client.get("/admin").status_code == 302


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
        "/admin", "/admin/sign-in", "/admin/orders", "/admin/orders/<int:order_id>",
        "/admin/customers", "/admin/customers/<name>", "/admin/customers/<name>/ledger.csv",
        "/admin/services", "/admin/services/add", "/admin/services/<int:service_id>",
        "/admin/providers", "/admin/providers/<name>", "/admin/providers/<name>/import",
        "/admin/audit", "/admin/<path:anything>",
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
        assert set(re.findall(r'(?:src|href|action)="(?!/)([^"]*)"', page)) <= {"#main"}, path


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_session_cookie_is_kept_from_scripts_other_sites_and_plain_http(
    scheme: str, secure: bool, client: FlaskClient
) -> None:
    operators.add("olga", PASSWORD)
    cookie = client.get("/admin/sign-in", base_url=f"{scheme}://localhost").headers["Set-Cookie"]
    attributes = cookie.split("; ")[1:]
    assert {"HttpOnly", "SameSite=Lax", "Path=/admin"} <= set(attributes)
    assert ("Secure" in attributes) is secure


def test_a_form_is_taken_over_https_without_a_referrer(client: FlaskClient) -> None:
    operators.add("olga", PASSWORD)
    page = client.get("/admin/sign-in", base_url="https://localhost").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    fields = {"name": "olga", "password": PASSWORD, "csrf_token": found[1]}
    answer = client.post("/admin/sign-in", data=fields, base_url="https://localhost")
    assert answer.status_code == 302


def test_the_api_has_no_session(client: FlaskClient, cast: SimpleNamespace) -> None:
    answer = client.post("/api/v2", data={"key": cast.alice, "action": "balance"})
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_the_signing_key_is_kept_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "panel-session.key"
    key = kept_key(path)
    assert len(key) == 64
    assert kept_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_session_lives_on_in_another_process(
    tmp_path: Path, cast: SimpleNamespace, olga: Operator
) -> None:
    cookie = olga.client.get_cookie("panel_session", path="/admin")
    assert cookie is not None
    other = make_app(tmp_path / "panel.db").test_client()
    other.set_cookie("panel_session", cookie.value, path="/admin")
    assert other.get("/admin").status_code == 200


# Operators


def test_operators_are_added_listed_and_removed_by_command(runner: FlaskCliRunner) -> None:
    def run(*args: str, typed: str | None = None) -> str:
        return runner.invoke(args=["operator", *args], input=typed).output

    assert "/admin is off" in run("list")
    assert "can sign in" in run("add", "olga", typed=f"{PASSWORD}\n")
    assert operators.sign_in("olga", PASSWORD) is not None
    assert "olga" in run("list")
    assert "new password" in run("password", "olga", typed="another password\n")
    assert operators.sign_in("olga", PASSWORD) is None
    assert operators.sign_in("olga", "another password") is not None
    assert "removed" in run("remove", "olga")
    assert not operators.any_exists()
    assert [(who, act) for who, act, _ in lines()] == [
        ("(command line)", "operator olga: add"),
        ("(command line)", "operator olga: new password"),
        ("(command line)", "operator olga: remove"),
    ]


@pytest.mark.parametrize(
    ("args", "typed", "why"),
    [
        (("add", "olga"), "short\n", "at least 10 characters"),
        (("add", "olga"), "", "at least 10 characters"),
        (("add", "no name"), f"{PASSWORD}\n", "cannot be used"),
        (("add", "otto"), f"{PASSWORD}\n", "already"),
        (("password", "olga"), f"{PASSWORD}\n", "no operator olga"),
        (("remove", "olga"), None, "no operator olga"),
    ],
    ids=["short", "none", "bad name", "taken", "unknown", "unknown to remove"],
)
def test_what_cannot_be_an_operator_is_refused(
    args: tuple[str, ...], typed: str | None, why: str, runner: FlaskCliRunner
) -> None:
    operators.add("otto", PASSWORD)
    result = runner.invoke(args=["operator", *args], input=typed)
    assert (result.exit_code, why in result.output) == (2, True)
    assert [operator.name for operator in operators.listing()] == ["otto"]


def test_a_password_is_kept_as_a_slow_hash_alone(
    tmp_path: Path, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    operators.add("olga", PASSWORD)
    assert operators.listing()[0].password_hash.startswith("scrypt:32768:")
    assert operators.sign_in("olga", PASSWORD) is not None
    close_database()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert PASSWORD.encode() not in kept


# Acts: each does what its command does, and leaves its line


ORDER_ACTS = [
    ("processing", "Processing", 0, "set status Processing"),
    ("in-progress", "In progress", 0, "set status In progress"),
    ("completed", "Completed", 0, "set status Completed"),
    ("cancel", "Canceled", 500_000, "set status Canceled"),
    ("refund", "Canceled", 500_000, "refund"),
    ("partial", "Partial", 500_000, "set status Partial"),
]


@pytest.mark.parametrize(
    ("act", "status", "refunded", "line"), ORDER_ACTS, ids=[row[0] for row in ORDER_ACTS]
)
def test_an_act_on_an_order_is_the_commands_act(
    act: str, status: str, refunded: int, line: str, olga: Operator, order_id: int
) -> None:
    olga.post("/admin/orders/act", order=order_id, act=act)
    order = lookup.get(order_id)
    assert (order.status, order.refunded_micros) == (status, refunded)
    assert accounts.get("alice").balance_micros == 100 * MICROS - 500_000 + refunded
    assert list(ledger.check()) == []
    assert lines() == [("olga", f"order {order_id}: {line}", "done")]


def test_an_act_on_a_selection_is_done_with_each_and_tells_what_was_refused(
    olga: Operator, cast: SimpleNamespace
) -> None:
    numbers = [place(cast, "alice") for _ in range(3)]
    transition.change(numbers[1], status="Canceled")
    olga.post("/admin/orders/act", order=[*numbers, 999], act="completed")
    assert [lookup.get(n).status for n in numbers] == ["Completed", "Canceled", "Completed"]
    messages = said(olga.text("/admin/orders"))
    assert f"Set Completed: done with 2 of 4 ({numbers[0]}, {numbers[2]})." in messages
    assert any("which is final" in text for text in messages)
    assert [outcome.split(":")[0] for _, _, outcome in lines()] == [
        "done", "refused", "done", "refused",
    ]  # fmt: skip


def test_many_refusals_leave_the_session_whole(olga: Operator, order_id: int) -> None:
    numbers = [order_id, *range(1000, 1200)]
    olga.post("/admin/orders/act", order=numbers, act="cancel")
    messages = said(olga.text("/admin/orders"))
    assert len(messages) <= 12
    assert "There are more messages; the audit lists everything." in messages
    assert f"Cancel, refund what remains: done with 1 of 201 ({order_id})." in messages
    assert len(lines()) == len(numbers)


@pytest.mark.parametrize("fields", [{}, {"act": "cancel"}, {"act": "delete", "order": "1"}])
def test_an_act_without_orders_or_unknown_does_nothing(
    fields: dict[str, str], olga: Operator, order_id: int
) -> None:
    olga.post("/admin/orders/act", **fields)
    assert lines() == []
    assert lookup.get(order_id).status == "Pending"


def test_an_order_is_changed_by_its_form_in_what_was_changed_alone(
    olga: Operator, order_id: int
) -> None:
    olga.post(f"/admin/orders/{order_id}/change", status="Partial", start_count="0", remains="40")
    order = lookup.get(order_id)
    assert (order.status, order.remains, order.refunded_micros) == ("Partial", 40, 200_000)
    assert lines() == [("olga", f"order {order_id}: set status Partial, remains 40", "done")]


def test_a_change_that_cannot_be_is_told_and_written_down(olga: Operator, order_id: int) -> None:
    olga.post(f"/admin/orders/{order_id}/change", status="Partial", start_count="0", remains="101")
    assert lookup.get(order_id).status == "Pending"
    (line,) = lines()
    assert line[2].startswith("refused: the remains must be")
    assert "the remains must be" in said(olga.text(f"/admin/orders/{order_id}"))[0]


@pytest.mark.parametrize(
    ("act", "forward", "status"),
    [("resend", "waiting", "Pending"), ("fail", "failed", "Canceled")],
)
def test_an_order_in_review_is_sent_again_or_given_up(
    act: str, forward: str, status: str, olga: Operator, in_review: int
) -> None:
    olga.post("/admin/orders/act", order=in_review, act=act)
    order = lookup.get(in_review)
    assert (order.dispatch_state, order.status) == (forward, status)
    assert lines() == [("olga", f"order {in_review}: {act}", "done")]


def test_an_order_in_review_is_attached(olga: Operator, in_review: int) -> None:
    olga.post(f"/admin/orders/{in_review}/attach", provider_order=" 4711 ")
    order = lookup.get(in_review)
    assert (order.dispatch_state, order.provider_order) == ("sent", "4711")
    assert lines() == [("olga", f"order {in_review}: attach 4711", "done")]


def test_cancel_requests_and_refills_are_answered(olga: Operator, cast: SimpleNamespace) -> None:
    caller = accounts.find(cast.alice)
    assert caller is not None
    accept, reject, done = (place(cast, "alice") for _ in range(3))
    for number in (accept, reject):
        transition.change(number, status="In progress")
    transition.change(done, status="Completed")
    first, second = cancels.request(caller.id, [accept, reject])
    (refill,) = refills.request(caller.id, [done])
    assert "Accept" in olga.text(f"/admin/orders/{accept}")
    olga.post(f"/admin/cancels/{first}/accept")
    olga.post(f"/admin/cancels/{second}/reject")
    olga.post(f"/admin/refills/{refill}", status="completed")
    assert lookup.get(accept).status == "Canceled"
    assert lookup.get(reject).status == "In progress"
    assert refills.status(caller.id, int(str(refill))) == "completed"
    assert [outcome for _, _, outcome in lines()] == ["done"] * 3


def test_a_customer_is_added_and_its_key_shown_once(olga: Operator) -> None:
    answer = olga.post("/admin/customers", name="carol", balance="25.5")
    found = re.search(r'id="key">([0-9a-f]{48})<', answer.text)
    assert found is not None
    caller = accounts.find(found[1])
    assert caller is not None
    assert caller.balance_micros == 25_500_000
    assert found[1] not in olga.text("/admin/customers/carol")
    assert found[1] not in str(lines())
    assert lines() == [("olga", "customer carol: add with 25.50", "done")]


def test_a_customers_key_is_rotated_and_shown_once(olga: Operator, cast: SimpleNamespace) -> None:
    answer = olga.post("/admin/customers/alice/rotate-key")
    found = re.search(r'id="key">([0-9a-f]{48})<', answer.text)
    assert found is not None
    assert accounts.find(cast.alice) is None
    assert accounts.find(found[1]) is not None
    assert found[1] not in str(lines())


@pytest.mark.parametrize(
    ("path", "fields", "act", "check"),
    [
        ("suspend", {}, "suspend", lambda a: a.status == "suspended"),
        ("fund", {"amount": "-40"}, "fund -40.00", lambda a: a.balance_micros == 60 * MICROS),
        (
            "fund",
            {"amount": "0.000001", "note": "a gift"},
            "fund 0.000001 (a gift)",
            lambda a: a.balance_micros == 100 * MICROS + 1,
        ),
        (
            "discount",
            {"percent": "12.5%"},
            "discount 12.5%",
            lambda a: a.discount_ppm == 125_000,
        ),
        (
            "dialect",
            {"dialect": "perfectpanel"},
            "dialect perfectpanel",
            lambda a: a.dialect == "perfectpanel",
        ),
        ("dialect", {"dialect": "default"}, "dialect default", lambda a: a.dialect is None),
        (
            "rate",
            {"service": "1", "rate": "4"},
            "service 1 at 4.00",
            lambda a: pricing.account_rates(a.id) == {1: 4 * MICROS},
        ),
        (
            "rate",
            {"service": "1", "rate": ""},
            "service 1 at the usual rate",
            lambda a: pricing.account_rates(a.id) == {},
        ),
    ],
    ids=[
        "suspend",
        "withdraw",
        "deposit",
        "discount",
        "dialect",
        "usual dialect",
        "own rate",
        "usual rate",
    ],
)
def test_an_act_on_a_customer_is_the_commands_act(
    path: str, fields: dict[str, str], act: str, check: Any, olga: Operator
) -> None:
    olga.post(f"/admin/customers/alice/{path}", **fields)
    assert check(accounts.get("alice"))
    assert lines() == [("olga", f"customer alice: {act}", "done")]
    assert list(ledger.check()) == []


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        ("fund", {"amount": "-1000"}, "alice has only 100.00"),
        ("fund", {"amount": "1e3"}, "not an amount"),
        ("fund", {"amount": ""}, "is required"),
        ("discount", {"percent": "101"}, "from 0 to 100"),
        ("dialect", {"dialect": "klingon"}, "Not a valid choice"),
        ("rate", {"service": "99", "rate": "1"}, "no service 99"),
    ],
    ids=["overdrawn", "no number", "nothing", "too much", "no dialect", "no such service"],
)
def test_what_cannot_be_done_with_a_customer_is_told(
    path: str, fields: dict[str, str], why: str, olga: Operator
) -> None:
    olga.post(f"/admin/customers/alice/{path}", **fields)
    assert accounts.get("alice").balance_micros == 100 * MICROS
    messages = said(olga.text("/admin/customers/alice"))
    assert any(why in text for text in messages), messages


def test_a_rate_below_its_cost_is_warned_of(olga: Operator, in_review: int) -> None:
    olga.post("/admin/customers/alice/rate", service="1", rate="0.5")
    messages = said(olga.text("/admin/customers/alice"))
    assert "Service 1: 0.50 is below its cost 1.00." in messages


def test_a_ledger_is_exported_with_its_running_balance(olga: Operator, order_id: int) -> None:
    accounts.fund("alice", MICROS, '=HYPERLINK("x")')
    answer = olga.client.get("/admin/customers/alice/ledger.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ledger-alice.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(r["kind"], r["amount"], r["balance"], r["order"]) for r in rows] == [
        ("deposit", "100.00", "100.00", ""),
        ("charge", "-0.50", "99.50", str(order_id)),
        ("deposit", "1.00", "100.50", ""),
    ]
    assert rows[2]["note"] == '\'=HYPERLINK("x")'


SERVICE = {
    "name": "Followers", "category": "Social", "type": "Default", "rate_micros": "5.00",
    "min": "10", "max": "1000", "sort_order": "", "refill": "y", "cancel": "y",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "act"),
    [
        ({"name": '"More" <b>\'s'}, 'set name "More" <b>\'s'),
        ({"rate_micros": "4.5"}, "set rate 4.50"),
        ({"min": "20", "max": "30"}, "set min 20, max 30"),
        ({"sort_order": "7"}, "set position 7"),
    ],
    ids=["name", "rate", "range", "position"],
)
def test_a_service_is_edited_in_what_was_changed_alone(
    changed: dict[str, str], act: str, olga: Operator, cast: SimpleNamespace
) -> None:
    before = services.get(cast.followers).__data__
    olga.post(f"/admin/services/{cast.followers}", **{**SERVICE, **changed})
    after = services.get(cast.followers).__data__
    different = {name for name in after if after[name] != before[name]}
    assert different == set(changed)
    assert lines() == [("olga", f"service {cast.followers}: {act}", "done")]


def test_a_form_that_changes_nothing_changes_nothing(
    olga: Operator, cast: SimpleNamespace
) -> None:
    olga.post(f"/admin/services/{cast.followers}", **SERVICE)
    assert lines() == []


def test_a_service_keeps_its_markup_when_its_name_is_edited(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    import_services.mark_up([cast.followers], 4 * MICROS)
    olga.post(f"/admin/services/{cast.followers}", **{**SERVICE, "name": "Fans"})
    service = services.get(cast.followers)
    assert (service.name, service.markup_ppm) == ("Fans", 4 * MICROS)


def test_a_service_is_added(olga: Operator) -> None:
    fields = {**SERVICE, "name": "New", "refill": "y"}
    answer = olga.post("/admin/services/add", **fields)
    number = int(answer.headers["Location"].rpartition("/")[2])
    service = services.get(number)
    assert (service.name, service.rate_micros, service.refill) == ("New", 5 * MICROS, True)
    assert lines() == [("olga", "service New: add", "done")]


@pytest.mark.parametrize(("act", "active"), [("enable", True), ("disable", False)])
def test_services_are_enabled_and_disabled_together(
    act: str, active: bool, olga: Operator, cast: SimpleNamespace
) -> None:
    chosen = [cast.followers, cast.hidden]
    olga.post("/admin/services/act", service=chosen, act=act)
    assert [services.get(number).active for number in chosen] == [active, active]
    assert [act for _, act, _ in lines()] == [f"service {number}: {act}" for number in chosen]


def test_services_are_marked_up_together(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    chosen = [cast.followers, cast.views]
    olga.post("/admin/services/act", service=chosen, act="markup", markup="25%", step="0.1")
    marked, left = (services.get(number) for number in chosen)
    assert (marked.rate_micros, marked.markup_ppm) == (1_300_000, 250_000)
    assert (left.rate_micros, left.markup_ppm) == (15_000, None)
    messages = said(olga.text("/admin/services"))
    assert f"Service {cast.views}: skipped: it is not bought from a provider" in messages
    assert [line[1] for line in lines()] == ["services 1, 2: markup 25%, step 0.10"]


@pytest.mark.parametrize(
    ("moves", "after"),
    [
        ([(3, 1)], [3, 1, 2, 4]),
        ([(1, None)], [2, 3, 4, 1]),
        ([(1, 1)], [1, 2, 3, 4]),
        ([(4, 2), (1, 3)], [4, 2, 1, 3]),
    ],
    ids=["up", "to the end", "before itself", "twice"],
)
def test_services_are_moved_for_the_pages_and_for_the_api(
    moves: list[tuple[int, int | None]], after: list[int], olga: Operator, cast: SimpleNamespace
) -> None:
    services.edit(cast.hidden, active=True)
    for number, before in moves:
        olga.post(f"/admin/services/{number}/move", before="" if before is None else before)
    caller = accounts.find(cast.alice)
    assert caller is not None
    assert [offer.id for offer in pricing.offers(caller)] == after
    assert [row["id"] for row in queries.service_page().rows] == after
    assert len(lines()) == len(moves)


def test_a_new_service_stands_at_the_end(cast: SimpleNamespace) -> None:
    services.move(cast.hidden, cast.followers)
    new = services.add(name="New", category="Video", rate_micros=1, min=1, max=1)
    assert [service.id for service in services.listing()][-1] == new


def test_a_provider_is_added_tested_imported_and_synced(olga: Operator) -> None:
    fields = {"name": "sandbox", "url": "sandbox:", "key": "", "requests_per_minute": "60"}
    assert olga.post("/admin/providers", **fields).headers["Location"].endswith("/sandbox")
    assert registry.get("sandbox").balance == "unlimited"
    at = "/admin/providers/sandbox"
    olga.post(f"{at}/test")
    assert "sandbox answers. Our balance there: unlimited" in said(olga.text(at))

    count = Service.select().count()
    wanted = {"markup": "25", "step": "0.01", "categories": "Telegram"}
    preview = olga.post(f"{at}/import", act="preview", **wanted).text
    assert preview.count("added at") == 2
    assert Service.select().count() == count
    taken = olga.post(f"{at}/import", act="import", **wanted).text
    assert taken.count("added at") == 2
    assert Service.select().count() == count + 2
    new = Service.get(Service.name == "Channel members")
    assert (new.rate_micros, new.markup_ppm, new.round_micros) == (1_130_000, 250_000, 10_000)

    models.Source.update(cost_micros=1).where(models.Source.service == new.id).execute()
    assert "cost 0.000001 → 0.90" in olga.post(f"{at}/sync").text
    assert "Nothing has changed." in olga.post(f"{at}/sync").text
    olga.post(f"{at}/remove")
    assert registry.listing() == []
    assert [act for _, act, _ in lines()] == [
        "provider sandbox: add sandbox:",
        "provider sandbox: test",
        "provider sandbox: test",
        "provider sandbox: import Telegram at 25%",
        "provider sandbox: sync",
        "provider sandbox: sync",
        "provider sandbox: remove",
    ]


def test_an_import_without_a_choice_takes_everything_that_is_sold_there(olga: Operator) -> None:
    registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    page = olga.post("/admin/providers/sandbox/import", act="import", markup="0", step="").text
    assert page.count("added at") == len(CATALOGUE)


def test_a_provider_that_does_not_answer_is_told_and_nothing_changes(olga: Operator) -> None:
    fields = {
        "name": "dead", "url": "http://127.0.0.1:9/api/v2", "key": "a-secret-key",
        "requests_per_minute": "60",
    }  # fmt: skip
    olga.post("/admin/providers", **fields)
    assert any(text.startswith("dead: ") for text in said(olga.text("/admin/providers/dead")))
    assert any(
        text.startswith("dead: ") for text in said(olga.text("/admin/providers/dead/import"))
    )
    olga.post("/admin/providers/dead/sync")
    assert any(text.startswith("dead: ") for text in said(olga.text("/admin/providers")))
    shown = "".join(olga.text(p) for p in ("/admin/providers", "/admin/providers/dead"))
    assert "a-secret-key" not in shown + str(lines())


def test_a_provider_that_exists_is_not_given_another_key(olga: Operator) -> None:
    registry.add("dear", "https://p.example/api/v2", "first", 60)
    fields = {"url": "https://p.example/api/v2", "key": "other", "requests_per_minute": "60"}
    olga.post("/admin/providers", name="dear", **fields)
    assert Provider.get().key == "first"
    assert lines()[0][2] == "refused: there is a provider dear already"


# What is shown


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


def test_an_orders_story_has_its_money_and_its_way(olga: Operator, in_review: int) -> None:
    transition.change(in_review, status="Canceled")
    page = olga.text(f"/admin/orders/{in_review}")
    for text in ("charge", "-0.50", "refund", "100.00", "as service 1", "HTTP 502"):
        assert text in page, text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 3, 2, 1]),
        ("status=Canceled", [2]),
        ("status=Pending", [4, 3, 1]),
        ("customer=bob", [3]),
        ("service=2", []),
        ("provider=1", [4]),
        ("status=Pending&customer=alice", [4, 1]),
        ("status=Canceled&customer=alice&service=1", [2]),
        ("customer=alice&provider=1", [4]),
        ("status=Canceled&customer=bob", []),
        ("from=1970-01-02&to=1970-01-02", [1]),
        ("from=1970-01-03", [4, 3, 2]),
        ("to=1970-01-01", []),
        ("from=1970-01-02&to=1970-01-02&status=Pending&customer=alice", [1]),
        ("q=3", [3]),
        ("q=4711", [4]),
        ("q=https://t.me/two", [2]),
        ("q=https://t.me/t", [3, 2]),
        ("q=https://t.me/t&customer=bob", [3]),
        ("q=%25", []),
        ("before=3", [2, 1]),
    ],
)
def test_orders_are_found(
    query: str, found: list[int], olga: Operator, cast: SimpleNamespace
) -> None:
    for name, link in (("alice", "https://t.me/one"), ("alice", "https://t.me/two"),
                       ("bob", "https://t.me/three")):  # fmt: skip
        place(cast, name, link)
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    last = place(cast, "alice", "http://elsewhere.example")
    dispatch.claim(provider.id)
    dispatch.record_accepted(last, "4711", 0)
    transition.change(2, status="Canceled")
    Order.update(created_at=86400).where(Order.id == 1).execute()
    page = olga.text(f"/admin/orders?{query}")
    assert [int(n) for n in re.findall(r'name="order" value="(\d+)"', page)] == found


@pytest.mark.parametrize("query", ["customer=nobody", "from=tomorrow", "to=2026-02-30"])
def test_a_filter_that_makes_no_sense_is_told(query: str, olga: Operator, order_id: int) -> None:
    page = olga.text(f"/admin/orders?{query}")
    assert len(said(page)) == 1
    assert 'name="order" value=' not in page


def test_long_lists_are_paged_to_their_end(
    monkeypatch: pytest.MonkeyPatch, cast: SimpleNamespace
) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    monkeypatch.setattr(queries, "SCAN", 3)
    numbers = [place(cast, "alice") for _ in range(9)]
    for number in (numbers[0], numbers[4]):
        transition.change(number, status="Canceled")
    alice = accounts.get("alice").id
    for wanted, expected in (
        (queries.OrderFilter(), numbers[::-1]),
        (queries.OrderFilter(account_id=alice), numbers[::-1]),
        (queries.OrderFilter(account_id=alice, status="Canceled"), [numbers[4], numbers[0]]),
        (queries.OrderFilter(account_id=alice, service_id=cast.followers), numbers[::-1]),
    ):
        found, before = [], None
        while True:
            page = queries.order_page(wanted, before)
            assert len(page.rows) <= 2
            found += [row["id"] for row in page.rows]
            if page.next is None:
                break
            assert before is None or page.next < before
            before = page.next
        assert found == expected


def test_services_customers_and_entries_are_paged_to_their_end(
    monkeypatch: pytest.MonkeyPatch, cast: SimpleNamespace
) -> None:
    monkeypatch.setattr(queries, "PAGE", 3)
    services.move(cast.pack, cast.followers)
    first = queries.service_page()
    rest = queries.service_page(after=first.next)
    assert [row["id"] for row in first.rows + rest.rows] == [
        cast.pack, cast.followers, cast.views, cast.hidden,
    ]  # fmt: skip
    newest = queries.account_page()
    oldest = queries.account_page(before=newest.next)
    names = [row["name"] for row in newest.rows + oldest.rows]
    assert names == ["mallory", "poor", "bob", "alice"]
    assert [row["name"] for row in queries.account_page("po").rows] == ["poor"]


INDEXES = {
    "orders_by_status": queries.OrderFilter(status="Completed"),
    "orders_by_account": queries.OrderFilter(account_id=1),
    "orders_by_service": queries.OrderFilter(service_id=1),
    "orders_of_provider": queries.OrderFilter(provider_id=1),
    "orders_by_time": queries.OrderFilter(since=1, until=2),
    "orders_by_link": queries.OrderFilter(text="https://t.me/x"),
    "orders_by_provider": queries.OrderFilter(text="4711"),
}


def plans(monkeypatch: pytest.MonkeyPatch, run: Callable[[], Any]) -> list[list[str]]:
    """How SQLite goes about each query that is run."""
    asked: list[tuple[str, Any]] = []
    execute = database.execute_sql

    def keep(sql: str, params: Any = None) -> Any:
        asked.append((sql, params))
        return execute(sql, params)

    with monkeypatch.context() as patch:
        patch.setattr(database, "execute_sql", keep)
        run()
    return [
        [row[3] for row in execute(f"EXPLAIN QUERY PLAN {sql}", params)] for sql, params in asked
    ]


@pytest.mark.parametrize("index", INDEXES)
def test_a_list_of_orders_is_read_by_an_index(
    index: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plans(monkeypatch, lambda: queries.order_page(INDEXES[index], before=100))
    steps = [step for plan in found for step in plan]
    assert any(f"INDEX {index} " in step for step in steps), steps
    assert not any(step.startswith("SCAN t1") and "INDEX" not in step for step in steps), steps


@pytest.mark.parametrize(
    ("index", "run"),
    [
        ("ledger_entries_by_account", lambda: queries.ledger_page(1, 9)),
        ("order_events_by_order", lambda: events.events(1)),
        ("ledger_entries_by_order", lambda: queries.order_story(1)),
        ("orders_in_doubt", queries.needing_review),
        ("orders_with_warning", queries.with_warning),
        ("PRIMARY KEY", lambda: reports.sums(reports.RANGES["90"])),
        ("PRIMARY KEY", lambda: reports.statuses(reports.RANGES["90"])),
        ("services_by_sort_order", queries.service_page),
    ],
    ids=["ledger", "events", "story", "review", "warnings", "sums", "statuses", "services"],
)
def test_what_a_page_shows_is_read_by_an_index(
    index: str, run: Callable[[], Any], app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [step for plan in plans(monkeypatch, run) for step in plan]
    assert any(f"{index}" in step for step in steps), steps


# The overview


def test_the_sums_by_the_hour_are_the_reports_sums(cast: SimpleNamespace) -> None:
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    numbers = [place(cast, "alice") for _ in range(6)]
    while dispatch.claim(provider.id):
        pass
    dispatch.record_accepted(numbers[0], "1", 0)
    dispatch.record_accepted(numbers[1], "2", 0)
    transition.change(numbers[0], status="Partial", remains=40)
    transition.change(numbers[1], status="Completed")
    transition.change(numbers[1], status="Canceled", remains=100)
    transition.change(numbers[2], status="In progress")
    span = reports.RANGES["7"]
    sums = reports.sums(span)
    (expected,) = reports.earnings("day")
    assert len(sums) == 7
    assert {
        name: sums[-1][name] for name in ("orders", "revenue", "refunds", "cost", "profit")
    } == {name: expected[name] for name in ("orders", "revenue", "refunds", "cost", "profit")}
    assert reports.statuses(span) == {
        "Pending": 3, "Processing": 0, "In progress": 1, "Completed": 0, "Partial": 1,
        "Canceled": 1, "Active": 0, "Paused": 0, "Expired": 0,
    }  # fmt: skip
    hours = reports.sums(reports.RANGES["today"])
    assert sum(row["orders"] for row in hours) == 6
    assert sum(row["profit"] for row in hours) == expected["profit"]


def test_the_upgrade_adds_up_the_orders_that_there_are(cast: SimpleNamespace) -> None:
    numbers = [place(cast, "alice") for _ in range(4)]
    transition.change(numbers[0], status="Partial", remains=40)
    transition.change(numbers[1], status="Completed")
    Order.update(created_at=3600 * 5).where(Order.id == numbers[1]).execute()
    database.execute_sql("UPDATE order_hours SET hour = 5 WHERE status = 'Completed'")
    (script,) = MIGRATIONS.glob("*_operators.sql")
    adding_up = script.read_text().rpartition("INSERT INTO order_hours\n")[2]
    kept = database.execute_sql("SELECT * FROM order_hours WHERE orders > 0")
    assert sorted(database.execute_sql(adding_up)) == sorted(kept)


@pytest.mark.parametrize(
    ("balance", "low"),
    [("9.99 USD", True), ("10 USD", False), ("-1", True), ("unlimited", False), ("", False),
     ("0.00000001 BTC", True)],
)  # fmt: skip
def test_a_low_balance_at_a_provider_is_warned_of(balance: str, low: bool, olga: Operator) -> None:
    provider = registry.add("dear", "https://p.example/api/v2", "key", 60)
    registry.record_balance(provider.id, balance)
    for path in ("/admin", "/admin/providers"):
        assert ("Low: " in olga.text(path)) is low


def test_the_overview_shows_what_needs_a_person(olga: Operator, in_review: int) -> None:
    models.Source.update(cost_micros=9 * MICROS).execute()
    page = olga.text("/admin")
    assert f'<a href="/admin/orders/{in_review}">Order {in_review}</a>' in page
    assert "HTTP 502" in page
    assert "5.00 &lt; 9.00" in page
    assert "Not running: never seen" in page
    heartbeat.record_alive()
    assert "Running, last seen" in olga.text("/admin")


# The commands that the pages share


def test_the_commands_move_and_mark_up_services(
    runner: FlaskCliRunner, cast: SimpleNamespace, in_review: int
) -> None:
    assert runner.invoke(args=["service", "move", "3", "--before", "1"]).exit_code == 0
    assert [service.id for service in services.listing()] == [3, 1, 2, 4]
    result = runner.invoke(args=["service", "markup", "50%", "--category", "Social"])
    assert (result.exit_code, "1.50" in result.output) == (0, True)
    assert services.get(cast.followers).rate_micros == 1_500_000
    assert runner.invoke(args=["service", "markup", "50%"]).exit_code == 2


@pytest.mark.parametrize("markup", [(-1, 1), (1, 0)], ids=["negative", "no step"])
def test_a_markup_that_cannot_be_is_refused(markup: tuple[int, int], cast: Any) -> None:
    with pytest.raises(OperatorError):
        import_services.mark_up([cast.followers], *markup)


# The database


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
