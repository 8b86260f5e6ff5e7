"""What the test server is made of: the API and its public pages, without the operator's side."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from flask import Flask
from support.apps import ROOT

import settings
from app import create_api_app
from database.connection import close_database

OPERATORS_PACKAGES = {
    "gunicorn", "flask_login", "flask_wtf", "wtforms", "tabulate", "tqdm", "urllib3", "redis",
}  # fmt: skip
"""What the pytest plugin does not install."""

CALL_EVERYTHING = """
import pathlib, sys
import app, settings
from test_server.control import Control

path = pathlib.Path(sys.argv[1])
served = app.create_api_app(settings.read({"PANEL_DATABASE": f"sqlite:///{path}"}))
control = Control(served.wsgi_app, "sns")
client = served.test_client()
order = {"action": "add", "service": control.services["Default"], "link": "x", "quantity": 10}
for answer in (
    client.get("/"), client.get("/openapi.json"), client.get("/healthz"),
    client.post("/api/v2", data={"key": control.key, **order}),
):
    assert answer.status_code == 200, answer.text
print(*{name.partition(".")[0] for name in sys.modules})
"""


@pytest.mark.server
def test_it_imports_nothing_that_only_an_operator_needs(tmp_path: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-c", CALL_EVERYTHING, str(tmp_path / "panel.db")],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    imported = set(printed.split())
    assert {"app", "flask", "flask_limiter", "peewee"} <= imported
    assert imported & (OPERATORS_PACKAGES | {"cli", "upstream", "worker"}) == set()


@pytest.mark.parametrize("path", ["/admin", "/admin/sign-in"])
def test_it_has_no_dashboard(tmp_path: Path, path: str) -> None:
    app = create_api_app(settings.read({"PANEL_DATABASE": f"sqlite:///{tmp_path}/panel.db"}))
    answer = app.test_client().get(path)
    assert (answer.status_code, answer.json) == (404, {"error": "Not Found"})
    close_database()


def test_it_has_one_command_which_the_panel_has_too_and_an_old_name_that_is_hidden(
    app: Flask, tmp_path: Path
) -> None:
    served = create_api_app(settings.read({"PANEL_DATABASE": f"sqlite:///{tmp_path}/panel.db"}))
    commands = {name for name in served.cli.commands if name != "limiter"}
    assert commands == {"test-server", "sandbox"} <= set(app.cli.commands)
    for panel in (app, served):
        new, old = panel.cli.commands["test-server"], panel.cli.commands["sandbox"]
        assert (new.hidden, old.hidden) == (False, True)
        assert (new.help, options(new)) == (old.help, options(old))


def options(command: click.Command) -> list[list[str]]:
    return [parameter.opts for parameter in command.params]
