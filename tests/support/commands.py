"""Running the operator's commands, and reading what they print."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner

from models import AuditLine
from support.faulty import KEY
from support.orders import everything

Call = Callable[..., Result]

FlaskCommand = Callable[..., Result]


def commands_of(app: Flask, caplog: pytest.LogCaptureFixture) -> FlaskCommand:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "urllib3")

    def run(*args: Any, typed: str = "", env: dict[str, str] | None = None) -> Result:
        with app.app_context():
            result = app.test_cli_runner().invoke(
                args=[str(arg) for arg in args], input=typed, env=env
            )
        said = result.stdout + result.stderr + caplog.text
        assert KEY not in said
        assert "Traceback" not in said
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return run


def good(result: Result) -> str:
    assert (result.stderr, result.exit_code) == ("", 0)
    return result.stdout


def bad(result: Result, exit_code: int = 2) -> str:
    """What a command that failed said: one line, and nothing on stdout."""
    assert (result.stdout, result.exit_code) == ("", exit_code)
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("Error: ").rstrip("\n")


def shown(runner: FlaskCliRunner, order_id: int) -> dict[str, Any]:
    """What the operator sees of an order."""
    result = runner.invoke(args=["order", "show", str(order_id), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def read(call: Call, line: str) -> Any:
    """What a list or show prints with --json."""
    result = call(line, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


TRACES = re.compile(
    r"(audit_lines|operator_sessions|operator_devices|sign_in_failures): "
    r"|sqlite_sequence: \('(audit_lines|operator_sessions|sign_in_failures)'"
)
"""A line of the audit, what a sign-in leaves, or how many there are of them."""


def all_but_the_audit() -> list[str]:
    """All that the database holds but the audit's lines, which a refused operation leaves too.

    And but the session of whoever did it in the dashboard.
    """
    return [line for line in everything() if not TRACES.match(line)]


def audit() -> list[tuple[str, str, str, str]]:
    """The audit's lines but for sign-ins: who, from where, what, and what came of it."""
    query = AuditLine.select().where(AuditLine.act != "sign in").order_by(AuditLine.id)
    return [(line.operator, line.address, line.act, line.outcome) for line in query]
