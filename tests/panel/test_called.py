"""Commands are told as the operator calls them: `panel` on a server."""

import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from support.apps import ROOT, make_app
from support.dashboard import PASSWORD, Operator, put_in_review

import settings
from api import logs
from database.connection import database
from panel import operators
from panel.alerts import message
from panel.alerts.book import Alert, News, Report
from panel.called import GROUPS, as_called


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("say: flask provider resume up", "say: panel provider resume up"),
        ("(flask order), or flask restored list", "(panel order), or panel restored list"),
        ("see flask init-db --help", "see panel init-db --help"),
        ("flask attention", "panel attention"),
        ("a flask of water, and flask-login", "a flask of water, and flask-login"),
    ],
)  # fmt: skip
def test_only_commands_of_the_panel_are_renamed(text: str, told: str) -> None:
    assert as_called("panel", text) == told
    assert as_called("flask", text) == text


def test_every_command_that_a_text_tells_of_is_known(app: Flask) -> None:
    folders = ("panel", "cli", "database", "worker", "web", "actions", "upstream", "api")
    sources = [path for name in folders for path in (ROOT / name).rglob("*.*")]
    texts = [path.read_text() for path in sources if path.suffix in (".py", ".html")]
    named = {name for text in texts for name in re.findall(r"\bflask ([a-z-]+)", text)}
    commands = set(app.cli.commands)
    assert set(GROUPS) <= commands
    assert named & commands <= set(GROUPS) | {"test-server", "version", "demo"}


@pytest.fixture
def server(app: Flask, cast: SimpleNamespace) -> Flask:
    """An app as the units run it, with an order in review."""
    put_in_review(cast)
    assert settings.unknown({"PANEL_COMMAND": "panel"}) == []
    return make_app(Path(database.database), PANEL_COMMAND="panel")


@pytest.mark.parametrize(
    "command",
    ["attention", "attention --json", "user add", "user add --help", "operator totp off --help"],
)
def test_a_commands_output_errors_and_help_tell_of_panel(server: Flask, command: str) -> None:
    with server.app_context():
        said = server.test_cli_runner().invoke(args=command.split()).output
    assert re.search(r"\bpanel (order|user|operator) ", said)
    assert "flask " not in said


def test_a_page_tells_of_panel(server: Flask) -> None:
    operators.add("olga", PASSWORD)
    olga = Operator(server.test_client())
    for page in ("/admin", "/admin/attention"):
        text = olga.text(page)
        assert "panel order resend" in text
        assert "flask " not in text
    assert "Start it with <code>panel worker</code>" in olga.text("/admin")


def test_an_alert_and_the_workers_log_tell_of_panel() -> None:
    on_server = settings.read({"PANEL_COMMAND": "panel"})
    alert = Alert(1, "stuck", "up", "An order is stuck.\nflask order show 1", 0)
    many = [Report(alert, News.BEGUN)] * (message.MAX_LINES + 1)
    body = message.write(on_server, many).body
    assert "panel order show 1" in body
    assert "1 more: panel notify list" in body
    assert "flask " not in body
    handler = logs.handler_of("text", "panel")
    record = logging.makeLogRecord({"msg": "%s: say: %s", "args": ("up", "flask provider resume")})
    assert handler.format(record).endswith("up: say: panel provider resume")
