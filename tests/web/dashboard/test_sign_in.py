"""Signing in and out of the dashboard, sessions and their cookies."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from support.apps import make_app
from support.dashboard import PAGES, PASSWORD, Operator, token

from panel import operators
from panel.sign_in.attempts import LockedError
from web.sessions import kept_key


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
        "//[",
        "http://[",
        "/\\evil.example",
        "/api/v2",
        "/admin/../api/v2",
        "/admin/%2e%2e//evil.example",
        "/admin/%2E./api/v2",
        "/admin/x/.%2e/%2e%2e/api/v2",
        "/admin/%5c%5cevil.example",
        "/admin/%0d%0aSet-Cookie:a=b",
        "/admin//evil.example",
        "/%61dmin/%2e%2e/api/v2",
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
    seconds = int(answer.headers["Retry-After"])
    assert 1 <= seconds <= 300
    assert f"Too many attempts. {LockedError(seconds).wait.capitalize()}." in answer.text


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


def test_the_addresses_of_one_ipv6_network_are_slowed_down_together(client: FlaskClient) -> None:
    operators.add("olga", PASSWORD)
    fields = {"password": "a bad password", "csrf_token": token(client, "/admin/sign-in")}

    def try_from(address: str) -> int:
        environ = {"REMOTE_ADDR": address}
        data = {**fields, "name": f"nobody at {address}"}
        return client.post("/admin/sign-in", data=data, environ_overrides=environ).status_code

    assert [try_from(f"2001:db8:1:2::{n}") for n in range(6)] == [403] * 5 + [429]
    assert try_from("2001:db8:1:3::1") == 403


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
