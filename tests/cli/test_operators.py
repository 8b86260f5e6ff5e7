"""flask operator."""

import json

import pytest
from flask.testing import FlaskCliRunner
from support.dashboard import PASSWORD, lines

from panel import operators


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


def test_a_password_comes_from_the_environment_and_what_was_typed_ahead_is_not_read(
    runner: FlaskCliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*args: str) -> tuple[int, str]:
        named = ("operator", *args, "--password-env", "OLGAS")
        result = runner.invoke(args=named, input="the next line of a paste\n")
        return result.exit_code, result.output

    monkeypatch.setenv("OLGAS", PASSWORD)
    code, told = run("add", "olga")
    assert (code, PASSWORD in told) == (0, False)
    assert operators.sign_in("olga", PASSWORD) is not None
    monkeypatch.setenv("OLGAS", "another password")
    assert run("password", "olga")[0] == 0
    assert operators.sign_in("olga", "another password") is not None
    for nothing in (lambda: monkeypatch.setenv("OLGAS", ""), lambda: monkeypatch.delenv("OLGAS")):
        nothing()
        for args in (("add", "otto"), ("password", "olga")):
            code, told = run(*args)
            assert (code, "the environment variable OLGAS is not set" in told) == (2, True)
    monkeypatch.setenv("OLGAS", "short")
    code, told = run("password", "olga")
    assert (code, "at least 10 characters" in told) == (2, True)
    assert operators.sign_in("olga", "another password") is not None


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


def test_a_role_is_given_and_changed_by_command(runner: FlaskCliRunner) -> None:
    def run(*args: str) -> str:
        result = runner.invoke(args=["operator", *args], input=f"{PASSWORD}\n")
        assert result.exit_code == 0, result.output
        return result.stdout

    run("add", "vera", "--role", "viewer")
    run("add", "olga")
    rows = json.loads(run("list", "--json"))
    assert [(row["name"], row["role"], row["totp"], row["seen"]) for row in rows] == [
        ("vera", "viewer", False, None), ("olga", "operator", False, None),
    ]  # fmt: skip
    assert "a viewer now" in run("role", "olga", "viewer")
    assert "an operator now" in run("role", "vera", "operator")
    assert [operator.role for operator in operators.listing()] == ["operator", "viewer"]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("add", "olga", "--role", "admin"), "there is no 'admin', only"),
        (("role", "otto", "admin"), "there is no 'admin', only"),
        (("role", "olga", "viewer"), "no operator olga"),
        (("sessions", "olga"), "no operator olga"),
        (("sign-out", "olga"), "no operator olga"),
        (("unlock", "olga"), "no operator olga"),
        (("totp", "off", "olga"), "no operator olga"),
        (("totp", "show", "olga"), "no operator olga"),
        (("totp", "off", "otto"), "one-time passwords are off"),
        (("totp", "on", "otto"), "there is no 'on', only"),
    ],
)
def test_what_cannot_be_done_with_an_operator_is_refused_in_one_line(
    args: tuple[str, ...], why: str, runner: FlaskCliRunner
) -> None:
    operators.add("otto", PASSWORD)
    result = runner.invoke(args=["operator", *args], input=f"{PASSWORD}\n")
    assert (result.exit_code, why in result.stderr) == (2, True), result.output
    assert result.stderr.count("\n") == 1
