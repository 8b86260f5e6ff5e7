"""The own account: the password, one-time passwords, and the sign-in with them."""

import html
import re

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from support.clock import Clock
from support.dashboard import PASSWORD, Operator, lines, said, token

from models import Operator as Row
from models import OperatorSession
from panel import operators
from panel.sign_in import totp
from panel.sign_in.attempts import TRIES

pytestmark = pytest.mark.usefixtures("clock")
"""Before anybody signs in: a session of another time is over."""


class Phone:
    """The app on an operator's phone, once it has the secret."""

    def __init__(self, clock: Clock, secret: str) -> None:
        self._clock = clock
        self.secret = secret

    def code(self) -> str:
        """The next code: that of a step which no code was taken of yet."""
        self._clock.move(seconds=60)
        return pyotp.TOTP(self.secret).at(self._clock.seconds)


@pytest.fixture
def setup(olga: Operator, clock: Clock) -> tuple[Phone, list[str]]:
    """One-time passwords are on: the phone, and the recovery codes."""
    olga.post("/admin/account/totp", **{"begin-present": PASSWORD})
    page = olga.text("/admin/account/totp")
    phone = Phone(clock, secret_on(page))
    answer = olga.post("/admin/account/totp/confirm", code=phone.code())
    assert answer.status_code == 200
    return phone, codes_on(answer.text)


@pytest.fixture
def phone(setup: tuple[Phone, list[str]]) -> Phone:
    return setup[0]


@pytest.fixture
def recovery(setup: tuple[Phone, list[str]]) -> list[str]:
    return setup[1]


def secret_on(page: str) -> str:
    found = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
    assert found is not None
    return found[1].replace(" ", "")


def codes_on(page: str) -> list[str]:
    found = re.search(r'id="codes">([^<]+)<', page)
    assert found is not None
    return found[1].split("\n")


def first_step(client: FlaskClient, password: str = PASSWORD, back: str = "") -> str:
    """Name and password; where that led to."""
    fields = {"name": "olga", "password": password, "back": back}
    fields["csrf_token"] = token(client, "/admin/sign-in")
    answer = client.post("/admin/sign-in", data=fields)
    return str(answer.headers.get("Location", answer.status_code))


def second_step(client: FlaskClient, code: str, back: str = "") -> int:
    """The code; the answer's status."""
    fields = {"code": code, "back": back, "csrf_token": token(client, "/admin/sign-in/code")}
    return client.post("/admin/sign-in/code", data=fields).status_code


@pytest.fixture
def other(app: Flask) -> FlaskClient:
    """Another browser."""
    return app.test_client()


# Setting up


def test_they_are_set_up_with_the_password_and_a_right_code(
    olga: Operator, phone: Phone, recovery: list[str]
) -> None:
    assert Row.get().totp_secret == phone.secret
    assert len(recovery) == 10
    assert lines() == [
        ("olga", "begin to set up one-time passwords", "done"),
        ("olga", "one-time passwords on", "done"),
    ]
    # Neither the secret nor the codes are shown again.
    for path in ("/admin/account", "/admin/audit"):
        page = olga.text(path)
        assert phone.secret not in page.replace(" ", "")
        assert not any(code in page for code in recovery)
    assert olga.client.get("/admin/account/totp").headers["Location"] == "/admin/account"


def test_the_qr_code_has_what_the_text_says_and_obeys_the_pages_policy(
    olga: Operator, clock: Clock
) -> None:
    olga.post("/admin/account/totp", **{"begin-present": PASSWORD})
    answer = olga.client.get("/admin/account/totp")
    page, policy = answer.text, answer.headers["Content-Security-Policy"]
    (uri,) = [html.unescape(text) for text in re.findall(r'href="(otpauth:[^"]+)"', page)]
    parsed = pyotp.parse_uri(uri)
    assert (parsed.name, parsed.secret) == ("olga", secret_on(page))
    (svg,) = re.findall(r"<svg.*?</svg>", page, re.S)
    assert "style" not in svg
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_loading_the_page_of_the_codes_again_says_that_they_are_gone(
    olga: Operator, phone: Phone, recovery: list[str], clock: Clock
) -> None:
    gone = "If you have not kept the recovery codes, make new ones below."
    again = olga.post("/admin/account/totp/confirm", code=phone.code())
    assert again.headers["Location"] == "/admin/account"
    assert said(olga.text("/admin/account")) == [f"One-time passwords are on already. {gone}"]

    fields = {"renew-present": PASSWORD, "renew-code": phone.code()}
    new = codes_on(olga.post("/admin/account/recovery-codes", **fields).text)
    for _ in range(TRIES + 1):  # these are no wrong tries
        assert olga.post("/admin/account/recovery-codes", **fields).status_code == 302
        told = said(olga.text("/admin/account"))
        assert told == [f"New recovery codes were made already. {gone}"]
    fields = {"renew-present": PASSWORD, "renew-code": new[0]}
    assert codes_on(olga.post("/admin/account/recovery-codes", **fields).text) != new


@pytest.mark.parametrize("password", ["", "wrong"])
def test_without_the_password_nothing_is_set_up(password: str, olga: Operator) -> None:
    olga.post("/admin/account/totp", **{"begin-present": password})
    assert said(olga.text("/admin/account")) == ["the password is wrong"]
    assert olga.client.get("/admin/account/totp").status_code == 302
    olga.post("/admin/account/totp/confirm", code="123456")
    assert Row.get().totp_secret == ""


def test_before_the_first_right_code_a_sign_in_needs_none(
    olga: Operator, other: FlaskClient, clock: Clock
) -> None:
    olga.post("/admin/account/totp", **{"begin-present": PASSWORD})
    secret = secret_on(olga.text("/admin/account/totp"))
    answer = olga.post("/admin/account/totp/confirm", code="000000")
    assert answer.headers["Location"] == "/admin/account/totp"
    page = olga.text("/admin/account/totp")
    assert said(page) == ["the code is wrong, or was used already"]
    assert secret_on(page) == secret
    assert Row.get().totp_secret == ""
    assert first_step(other) == "/admin"
    clock.move(minutes=16)
    assert olga.client.get("/admin/account/totp").status_code == 302
    olga.post("/admin/account/totp/confirm", code=pyotp.TOTP(secret).at(clock.seconds))
    assert Row.get().totp_secret == ""


# The second step


def test_a_sign_in_takes_password_and_code(
    olga: Operator, phone: Phone, other: FlaskClient
) -> None:
    assert first_step(other, back="/admin/orders") == "/admin/sign-in/code?back=/admin/orders"
    assert other.get("/admin").headers["Location"].startswith("/admin/sign-in")
    assert OperatorSession.select().count() == 1, "the password alone is no session"
    assert second_step(other, phone.code(), "/admin/orders") == 302
    assert other.get("/admin").status_code == 200
    assert OperatorSession.select().count() == 2


@pytest.mark.parametrize("code", ["", "000000", "abcd-efgh-jkmn"])
def test_a_wrong_code_is_refused_and_may_be_tried_again(
    code: str, olga: Operator, phone: Phone, other: FlaskClient
) -> None:
    first_step(other)
    assert second_step(other, code) == 403
    assert other.get("/admin").status_code == 302
    assert second_step(other, phone.code()) == 302


def test_no_code_is_asked_for_before_the_right_password(
    olga: Operator, phone: Phone, other: FlaskClient
) -> None:
    assert first_step(other, "wrong") == "403"
    answer = other.get("/admin/sign-in/code")
    assert answer.headers["Location"] == "/admin/sign-in"
    fields = {"code": phone.code(), "csrf_token": token(other, "/admin/sign-in")}
    assert other.post("/admin/sign-in/code", data=fields).headers["Location"] == "/admin/sign-in"
    assert other.get("/admin").status_code == 302


@pytest.mark.parametrize("end", ["time", "password", "turned off", "removed"])
def test_what_is_between_the_steps_does_not_last(
    end: str, olga: Operator, phone: Phone, other: FlaskClient, clock: Clock
) -> None:
    operators.add("otto", PASSWORD)
    first_step(other)
    csrf = token(other, "/admin/sign-in/code")
    if end == "time":
        clock.move(minutes=6)
    elif end == "password":
        operators.set_password("olga", "another password")
    elif end == "turned off":
        totp.turn_off(operators.get("olga").id)
    else:
        operators.remove("olga")
    answer = other.post("/admin/sign-in/code", data={"code": phone.code(), "csrf_token": csrf})
    assert answer.headers["Location"] == "/admin/sign-in"
    assert other.get("/admin").status_code == 302


def test_five_wrong_codes_lock_like_five_wrong_passwords(
    olga: Operator, phone: Phone, other: FlaskClient
) -> None:
    first_step(other)
    assert [second_step(other, "000000") for _ in range(6)] == [403] * 5 + [429]
    fields = {"code": phone.code(), "csrf_token": token(other, "/admin/sign-in/code")}
    answer = other.post("/admin/sign-in/code", data=fields)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    olga.post("/admin/sign-out")
    first_step(olga.client)
    assert second_step(olga.client, phone.code()) == 302, "a known device is counted by itself"


def test_a_recovery_code_takes_the_place_of_a_code_once(
    olga: Operator, recovery: list[str], other: FlaskClient
) -> None:
    first_step(other)
    assert second_step(other, recovery[3]) == 302
    assert lines()[-1] == ("olga", "sign in with a recovery code, 9 left",
                           "done: from Werkzeug")  # fmt: skip
    assert "9 recovery codes left" in olga.text("/admin/account")
    other.get("/admin/sessions")
    other.post("/admin/sign-out", data={"csrf_token": token(other, "/admin/sessions")})
    first_step(other)
    assert second_step(other, recovery[3]) == 403


def test_a_lost_phone_is_replaced_with_recovery_codes(
    olga: Operator, recovery: list[str], clock: Clock
) -> None:
    off = {"off-present": PASSWORD, "off-code": recovery[0]}
    olga.post("/admin/account/totp/off", **off)
    assert said(olga.text("/admin/account")) == ["One-time passwords are off."]
    olga.post("/admin/account/totp", **{"begin-present": PASSWORD})
    new = Phone(clock, secret_on(olga.text("/admin/account/totp")))
    assert olga.post("/admin/account/totp/confirm", code=new.code()).status_code == 200


def test_turning_them_off_needs_password_and_code(olga: Operator, phone: Phone) -> None:
    for fields in (
        {"off-present": "wrong", "off-code": phone.code()},
        {"off-present": PASSWORD, "off-code": "000000"},
        {"off-present": PASSWORD},
        {},
    ):
        olga.post("/admin/account/totp/off", **fields)
        assert Row.get().totp_secret == phone.secret, fields
    olga.post("/admin/account/totp/off", **{"off-present": PASSWORD, "off-code": phone.code()})
    assert Row.get().totp_secret == ""


def test_new_recovery_codes_void_the_old_ones(
    olga: Operator, phone: Phone, recovery: list[str], other: FlaskClient
) -> None:
    fields = {"renew-present": PASSWORD, "renew-code": phone.code()}
    new = codes_on(olga.post("/admin/account/recovery-codes", **fields).text)
    first_step(other)
    assert second_step(other, recovery[0]) == 403
    assert second_step(other, new[0]) == 302


def test_a_command_is_the_way_out(
    olga: Operator, phone: Phone, other: FlaskClient, runner: FlaskCliRunner
) -> None:
    def run(*args: str) -> str:
        result = runner.invoke(args=["operator", *args])
        assert result.exit_code == 0, result.output
        return result.output

    assert "on, 10 recovery codes are left" in run("totp", "show", "olga")
    assert '"totp": true' in run("list", "--json")
    run("totp", "off", "olga")
    assert ": off" in run("totp", "show", "olga")
    assert first_step(other) == "/admin"


def test_no_secret_of_the_sign_in_is_audited(
    olga: Operator, phone: Phone, recovery: list[str], other: FlaskClient
) -> None:
    first_step(other)
    second_step(other, recovery[0])
    olga.post("/admin/account/totp/off", **{"off-present": PASSWORD, "off-code": recovery[1]})
    page = olga.text("/admin/audit")
    for secret in (PASSWORD, phone.secret, *recovery):
        assert secret not in page


# The password


def change_password(olga: Operator, present: str, new: str, again: str) -> list[str]:
    """Change the password on the page; what it said."""
    fields = {"new-present": present, "new-new": new, "new-again": again}
    olga.post("/admin/account/password", **fields)
    return said(olga.text("/admin/account"))


def test_ones_own_password_is_changed_and_other_sessions_end(
    olga: Operator, other: FlaskClient
) -> None:
    first_step(other)
    assert change_password(olga, PASSWORD, "another password", "another password") == [
        "The password is changed, and all other sessions are ended."
    ]
    assert other.get("/admin").status_code == 302
    assert operators.sign_in("olga", "another password") is not None
    assert lines() == [("olga", "new password", "done")]


@pytest.mark.parametrize(
    ("present", "new", "again", "why"),
    [
        ("wrong", "another password", "another password", "the password is wrong"),
        ("", "another password", "another password", "the password is wrong"),
        (PASSWORD, "short", "short", "at least 10 characters"),
        (PASSWORD, "x" * 1001, "x" * 1001, "at most 1000 characters"),
        (PASSWORD, "another password", "another passwort", "is not the same"),
    ],
)
def test_a_password_that_cannot_be_is_refused(
    present: str, new: str, again: str, why: str, olga: Operator
) -> None:
    (told,) = change_password(olga, present, new, again)
    assert why in told
    assert operators.sign_in("olga", PASSWORD) is not None
