"""Where an operator is signed in: the page, the command, and what the cookies are worth."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from support.clock import Clock
from support.dashboard import PAGES, PASSWORD, Operator, lines, said, token

from database.connection import database
from models import AuditLine, OperatorDevice, OperatorSession
from panel import operators
from web.dashboard.browser import name_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)
EDGE = f"{CHROME} Edg/126.0.0.0"


def browser(app: Flask, user_agent: str = FIREFOX, address: str = "127.0.0.1") -> FlaskClient:
    """A browser with cookies of its own."""
    client = app.test_client()
    client.environ_base.update(HTTP_USER_AGENT=user_agent, REMOTE_ADDR=address)
    return client


WRONG = "wrong password, from Firefox on Linux"


def copy_cookies(client: FlaskClient, other: FlaskClient, *names: str) -> None:
    """Give another browser a copy of cookies."""
    for name in names:
        cookie = client.get_cookie(name, path="/admin")
        assert cookie is not None
        other.set_cookie(name, cookie.value, path="/admin")


def session_rows(page: str) -> list[list[str]]:
    """The table of sessions: device and address."""
    found = re.findall(r'<th scope="row">(.*?)</th>\s*<td [^>]*>(.*?)</td>', page)
    return [list(row) for row in found]


# Signing out


def test_a_copy_of_the_cookie_is_worth_nothing_after_the_sign_out(
    olga: Operator, app: Flask
) -> None:
    thief = browser(app)
    copy_cookies(olga.client, thief, "panel_session", "panel_device")
    assert thief.get("/admin").status_code == 200
    olga.post("/admin/sign-out")
    for path in PAGES:
        assert thief.get(path).headers["Location"].startswith("/admin/sign-in"), path
    posted = thief.post("/admin/customers", data={"csrf_token": olga.token, "name": "new"})
    assert posted.headers["Location"] == "/admin/sign-in"
    assert OperatorSession.select().count() == 0
    assert lines() == [("olga", "sign out", "done")]


@pytest.mark.parametrize("end", ["password", "sign-out", "remove"])
def test_a_command_ends_all_sessions_of_an_operator(
    end: str, olga: Operator, app: Flask, runner: FlaskCliRunner
) -> None:
    operators.add("otto", PASSWORD)
    other = Operator(browser(app))
    result = runner.invoke(args=["operator", end, "olga"], input="another password\n")
    assert result.exit_code == 0, result.output
    for client in (olga.client, other.client):
        assert client.get("/admin").status_code == 302


def test_a_session_of_before_the_sessions_were_stored_is_none(olga: Operator) -> None:
    with olga.client.session_transaction(path="/admin") as session:
        session["_user_id"] = "1:0123456789abcdef"
    assert olga.client.get("/admin").status_code == 302


def test_neither_cookie_holds_what_is_stored(olga: Operator) -> None:
    stored = [row.token_hash for row in (OperatorSession.get(), OperatorDevice.get())]
    for name in ("panel_session", "panel_device"):
        cookie = olga.client.get_cookie(name, path="/admin")
        assert cookie is not None
        assert not any(bytes(hashed).hex() in cookie.value for hashed in stored)


# The page


def test_the_page_shows_ones_own_sessions_and_which_is_this(olga: Operator, app: Flask) -> None:
    operators.add("otto", PASSWORD)
    Operator(browser(app, SAFARI), "otto")
    phone = Operator(browser(app, SAFARI, "10.0.0.7"))
    desk = Operator(browser(app, FIREFOX, "10.0.0.8"))
    page = desk.text("/admin/sessions")
    assert session_rows(page)[:2] == [
        ["Firefox on Linux", "10.0.0.8"], ["Safari on iPhone", "10.0.0.7"],
    ]  # fmt: skip
    assert len(session_rows(page)) == 3
    assert page.count(">this one<") == 1
    assert page.index("10.0.0.8") < page.index(">this one<") < page.index("10.0.0.7")
    for other in ("/admin", "/admin/orders"):
        assert 'href="/admin/sessions"' in phone.text(other)


def test_one_session_is_ended_from_another(olga: Operator, app: Flask) -> None:
    other = Operator(browser(app))
    session_id = max(row.id for row in OperatorSession.select())
    olga.post(f"/admin/sessions/{session_id}/end")
    assert said(olga.text("/admin/sessions")) == ["The session is ended."]
    assert other.client.get("/admin").status_code == 302
    assert lines() == [("olga", f"end session {session_id}", "done")]


def test_all_other_sessions_are_ended(olga: Operator, app: Flask) -> None:
    operators.add("otto", PASSWORD)
    otto = Operator(browser(app), "otto")
    others = [Operator(browser(app)) for _ in range(2)]
    olga.post("/admin/sessions/end-others")
    assert said(olga.text("/admin/sessions")) == ["Sessions ended: 2."]
    assert [other.client.get("/admin").status_code for other in others] == [302, 302]
    assert otto.client.get("/admin").status_code == 200
    assert lines() == [("olga", "end all other sessions", "done")]


def test_nobody_elses_session_can_be_ended(olga: Operator, app: Flask) -> None:
    operators.add("otto", PASSWORD)
    otto = Operator(browser(app), "otto")
    session_id = max(row.id for row in OperatorSession.select())
    olga.post(f"/admin/sessions/{session_id}/end")
    (why,) = said(olga.text("/admin/sessions"))
    assert f"there is no session {session_id}" in why
    assert otto.client.get("/admin").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on iPhone"),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "Linux; Android 14"), "Chrome on Android"),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "X11; CrOS x86_64"), "Chrome on ChromeOS"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("Mozilla/5.0", "Unknown browser"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>/1.0", "Unknown browser"),
        ("evil\x1b[31m\u202e/1", "Unknown browser"),
        ("A" * 5000, "Unknown browser"),
        ("=cmd|' /C calc'!A0", "Unknown browser"),
    ],
)
def test_a_browser_is_named_as_a_person_reads_it(user_agent: str, shown: str) -> None:
    assert name_of(user_agent) == shown


def test_the_command_lists_sessions(olga: Operator, app: Flask, runner: FlaskCliRunner) -> None:
    Operator(browser(app, CHROME, "10.0.0.7"))
    result = runner.invoke(args=["operator", "sessions", "olga", "--json"])
    assert [(row["device"], row["address"]) for row in json.loads(result.stdout)] == [
        ("Chrome on Windows", "10.0.0.7"), ("Werkzeug", "127.0.0.1"),
    ]  # fmt: skip
    assert "Ended" not in runner.invoke(args=["operator", "sessions", "olga"]).output
    runner.invoke(args=["operator", "sign-out", "olga"])
    assert "signed in nowhere" in runner.invoke(args=["operator", "sessions", "olga"]).output


# The device's cookie


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_the_devices_cookie_is_kept_from_scripts_other_sites_and_plain_http(
    scheme: str, secure: bool, app: Flask
) -> None:
    operators.add("olga", PASSWORD)
    client, at = app.test_client(), f"{scheme}://localhost"
    page = client.get("/admin/sign-in", base_url=at).text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    fields = {"name": "olga", "password": PASSWORD, "csrf_token": found[1]}
    answer = client.post("/admin/sign-in", data=fields, base_url=at)
    (cookie,) = [
        text for text in answer.headers.getlist("Set-Cookie") if text.startswith("panel_device=")
    ]
    attributes = cookie.split("; ")[1:]
    assert {"HttpOnly", "SameSite=Lax", "Path=/admin"} <= set(attributes)
    assert ("Secure" in attributes) is secure
    (age,) = re.findall(r"Max-Age=(\d+)", cookie)
    assert int(age) == 400 * 24 * 3600


def wrong(client: FlaskClient, times: int) -> int:
    """Type a wrong password so many times: the last answer's status."""
    fields = {"name": "olga", "csrf_token": token(client, "/admin/sign-in")}
    for _ in range(times):
        status = client.post("/admin/sign-in", data={**fields, "password": "bad"}).status_code
    return status


def test_strangers_do_not_lock_out_a_device_that_has_signed_in_before(
    olga: Operator, app: Flask
) -> None:
    olga.post("/admin/sign-out")
    assert wrong(browser(app), 6) == 429  # from the same address, and with her name
    assert wrong(olga.client, 1) == 403
    Operator(olga.client)


def test_the_devices_cookie_survives_the_sign_out_and_is_the_same_afterwards(
    olga: Operator,
) -> None:
    def device() -> str:
        cookie = olga.client.get_cookie("panel_device", path="/admin")
        assert cookie is not None
        return cookie.value

    before = device()
    olga.post("/admin/sign-out")
    assert device() == before
    Operator(olga.client)
    assert device() == before
    assert OperatorDevice.select().count() == 1


def test_a_stolen_devices_cookie_gives_nothing_without_the_password(
    olga: Operator, app: Flask
) -> None:
    thief = browser(app, address="10.6.6.6")
    copy_cookies(olga.client, thief, "panel_device")
    assert thief.get("/admin").status_code == 302
    assert wrong(thief, 6) == 429
    assert olga.client.get("/admin").status_code == 200


# A database that cannot be written


@pytest.fixture
def read_only(clock: Clock, olga: Operator, in_review: int) -> Operator:
    """Signed in long enough ago that it would be written down; then nothing can be written."""
    clock.move(minutes=5)
    database.execute_sql("PRAGMA query_only = 1")
    return olga


def test_pages_are_read_where_nothing_can_be_written(read_only: Operator) -> None:
    for path in PAGES:
        # A catalogue that is asked for tells the provider's currency, which is written down.
        status = 503 if path.endswith("/import") else 200
        assert read_only.client.get(path).status_code == status, path


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/admin/customers", {"name": "new"}),
        ("/admin/sign-out", {}),
        ("/admin/sessions/end-others", {}),
        ("/admin/account/password", {"new-present": PASSWORD, "new-new": "x" * 10,
                                     "new-again": "x" * 10}),
    ],
)  # fmt: skip
def test_a_change_is_refused_with_a_page_where_nothing_can_be_written(
    path: str, fields: dict[str, str], read_only: Operator
) -> None:
    answer = read_only.post(path, **fields)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "The database cannot be written" in answer.text
    assert read_only.client.get("/admin").status_code == 200


def test_nobody_signs_in_uncounted_where_nothing_can_be_written(
    read_only: Operator, app: Flask
) -> None:
    client = browser(app)
    fields = {"name": "olga", "password": PASSWORD, "csrf_token": token(client, "/admin/sign-in")}
    answer = client.post("/admin/sign-in", data=fields)
    assert answer.status_code == 503
    assert client.get("/admin").status_code == 302


# The audit


def test_sign_ins_are_in_the_audit(olga: Operator, app: Flask, panel_file: Path) -> None:
    olga.post("/admin/sign-out")
    wrong(browser(app, address="10.6.6.6"), 7)
    audited = [
        (line.operator, line.address, line.act, line.outcome)
        for line in AuditLine.select().order_by(AuditLine.id)
    ]
    assert audited == [
        ("olga", "127.0.0.1", "sign in", "done: from Werkzeug"),
        ("olga", "127.0.0.1", "sign out", "done"),
        *[("olga", "10.6.6.6", "sign in", f"refused: {WRONG}")] * 4,
        ("olga", "10.6.6.6", "sign in", f"refused: {WRONG}; locked for 5 minutes"),
    ]
