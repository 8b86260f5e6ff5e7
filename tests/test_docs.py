"""README.md, CHANGELOG.md and deploy/ agree with the code; the first order works as pasted."""

import ast
import configparser
import importlib.metadata
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import fields
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from conftest import ROOT, Server
from flask import Flask
from flask.testing import FlaskClient
from packaging.requirements import Requirement

import settings
from actions import ACTIONS
from panel import errors, orders

README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
DEPLOY = {path.name: path.read_text() for path in (ROOT / "deploy").iterdir()}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def section(heading: str) -> str:
    """The text below a heading of the second level."""
    (text,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README, re.M | re.S)
    return text


def blocks(text: str) -> list[tuple[str, str]]:
    """The fenced blocks: language and text."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


def table(text: str, *head: str) -> list[list[str]]:
    """The cells of the tables with this head."""
    pattern = rf"^\| {re.escape(' | '.join(head))} \|\n\|[-|]+\n((?:\|.*\n)+)"
    rows = "".join(re.findall(pattern, text, re.M)).splitlines()
    assert rows, f"no table {head}"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def code(text: str) -> list[str]:
    """The code spans of a line."""
    return re.findall(r"`([^`]+)`", text)


# The first order.


def test_the_demo_prints_what_the_readme_shows_and_its_order_works(
    make_server: Callable[..., Server],
) -> None:
    server = make_server()
    printed = server.flask("demo").stdout
    (_, shown), (_, answer), *_ = blocks(section("A first order"))
    assert as_shown(printed, server).strip() == shown.strip()

    (pasted,) = [line for line in printed.splitlines() if line.lstrip().startswith("curl")]
    assert run(pasted, server) == answer
    assert server.flask("demo").stdout == ""


def test_the_first_order_works_as_pasted(make_server: Callable[..., Server]) -> None:
    server = make_server()
    (pasted,) = [
        line.strip()
        for line in server.flask("demo").stdout.splitlines()
        if line.lstrip().startswith("curl")
    ]
    _, _, *steps = blocks(section("A first order"))
    commands, answers = steps[::2], steps[1::2]
    assert {language for language, _ in commands} == {"sh"}
    assert len(commands) == len(answers) >= 3

    mark = "--- end of block ---"
    script = f"{pasted}\n" + "".join(f"echo '{mark}'\n{text}" for _, text in commands)
    _, *printed = run(script, server).split(f"{mark}\n")
    assert printed == [text for _, text in answers]


def run(script: str, server: Server) -> str:
    """Paste lines of the README into bash, beside this server; what they print."""
    environ = {
        **server.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(server.folder),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(":8000", f":{server.port}")],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_shown(text: str, server: Server) -> str:
    """A print with the README's port, and with its key cut off."""
    text = re.sub(r"\b[0-9a-f]{48}\b", "1f6d…", text)
    return text.replace(f":{server.port}/", ":8000/")


# The tables.


def test_the_settings_table_is_the_settings() -> None:
    rows = table(section("Settings"), "variable", "default", "meaning")
    documented = [row for row in rows if row[0].startswith("`PANEL_")]
    assert documented == [
        [
            f"`{settings.variable(item.name)}`",
            f"`{item.metadata['default']}`" if item.metadata["default"] else "",
            item.metadata["help"],
        ]
        for item in fields(settings.Settings)
    ]


def test_secret_settings_are_documented_with_their_files() -> None:
    secrets = [item.name for item in fields(settings.Settings) if item.metadata["secret"]]
    files = {f"{settings.variable(name)}_FILE" for name in secrets}
    assert files == set(re.findall(r"`(PANEL_\w+_FILE)`", README))


def test_the_servers_own_variables_are_those_of_gunicorn_conf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = table(section("Settings"), "variable", "default", "meaning")
    defaults = {
        code(name)[0]: code(default)[0]
        for name, default, _ in rows
        if not name.startswith("`PANEL_")
    }
    source = (ROOT / "gunicorn.conf.py").read_text()
    assert set(defaults) == set(re.findall(r"environ\.get\(['\"](\w+)", source))

    for name in defaults:
        monkeypatch.delenv(name, raising=False)
    served = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert served["bind"] == defaults["BIND"].replace("PORT", defaults["PORT"])
    assert str(served["workers"]) == defaults["WEB_CONCURRENCY"]
    assert f"of {served['threads']} threads" in section("Settings")


def test_the_action_table_is_the_actions() -> None:
    documented: dict[str, list[str]] = {}
    for name, parameters, _ in table(README, "action", "parameters", "answer"):
        documented.setdefault(code(name)[0], []).extend(code(parameters))
    assert documented == {
        name: [parameter.name for parameter in action.parameters]
        for name, action in ACTIONS.items()
    }
    assert list(documented) == list(ACTIONS)


def test_the_answers_of_the_action_table_have_the_real_shape(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    def answer(action: str, **parameters: Any) -> Any:
        response = client.post("/api/v2", data={"key": cast.alice, "action": action, **parameters})
        assert response.status_code == 200
        return response.json

    add = {"service": cast.followers, "link": "https://example.com/", "quantity": 10}
    done, refilled, started = (answer("add", **add)["order"] for _ in range(3))
    for order in (done, refilled):
        orders.change(order, status="Completed")
    orders.change(started, status="In progress")
    real = {
        ("services", ""): answer("services")[:1],
        ("balance", ""): answer("balance"),
        ("add", "service"): answer("add", **add),
        ("status", "order"): answer("status", order=done),
        ("status", "orders"): answer("status", orders=f"{done},99"),
        ("refill", "order"): answer("refill", order=done),
        ("refill", "orders"): answer("refill", orders=f"{refilled},99"),
        ("refill_status", "refill"): answer("refill_status", refill=1),
        ("refill_status", "refills"): answer("refill_status", refills="1,99"),
        ("cancel", "orders"): answer("cancel", orders=f"{started},99"),
    }
    shown, previous = {}, ""
    for name, parameters, cell in table(README, "action", "parameters", "answer"):
        # A shortened entry stands for the row above.
        text = code(cell)[0].replace("{…}", previous)
        shown[code(name)[0], (code(parameters) or [""])[0]] = json.loads(text)
        previous = text
    assert {row: shape(value) for row, value in shown.items()} == {
        row: shape(value) for row, value in real.items()
    }


def shape(value: Any) -> Any:
    """Names and types of a JSON answer; a number as a name is a number of anything."""
    if isinstance(value, dict):
        return [("N" if name.isdigit() else name, shape(part)) for name, part in value.items()]
    if isinstance(value, list):
        return ["list", *map(shape, value)]
    return type(value).__name__


def test_the_error_table_is_the_errors_in_the_order_of_judging() -> None:
    expected = [
        ("200" if problem is errors.CANNOT_CANCEL else str(problem.status), problem.text)
        for problem in errors.catalogue()
    ]
    rows = table(README, "HTTP", "error", "when")
    assert [(status, code(text)[0]) for status, text, _ in rows] == expected


# The commands.


def commands(app: Flask) -> Iterator[tuple[str, click.Command]]:
    for name, command in app.cli.commands.items():
        if isinstance(command, click.Group):
            for sub, subcommand in command.commands.items():
                yield f"flask {name} {sub}", subcommand
        else:
            yield f"flask {name}", command


def options(command: click.Command) -> set[str]:
    """An option's every name, but for those that the README tells of all lists."""
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name not in ("as_json", "limit")
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def usage(command: click.Command) -> list[str]:
    """The arguments in their order, those that may be left out in brackets."""
    return [
        str(parameter.name).upper() if parameter.required else f"[{str(parameter.name).upper()}]"
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]


def test_the_command_table_is_the_commands_with_their_arguments_and_options(app: Flask) -> None:
    real = dict(commands(app))
    documented = {}
    for cell, _ in table(README, "command", "what it does"):
        (text,) = code(cell)
        (name,) = [name for name in real if f"{text} ".startswith(f"{name} ")]
        rest = text.removeprefix(name)
        required = set(re.findall(r"(?<!\[)--[\w-]+", rest))
        arguments = re.sub(r"\[?--[\w-]+( [A-Z]+)?\]?", "", rest).split()
        documented[name] = (arguments, set(re.findall(r"--[\w-]+", rest)), required)
    assert documented == {
        name: (
            usage(command),
            options(command),
            {parameter.opts[0] for parameter in command.params if named_and_required(parameter)},
        )
        for name, command in real.items()
    }


def named_and_required(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.required


def test_every_list_and_show_has_json_and_every_command_has_help(app: Flask) -> None:
    for name, command in commands(app):
        assert command.help, name
        if name.endswith((" list", " show")):
            assert "as_json" in [parameter.name for parameter in command.params], name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


def test_every_command_line_of_the_readme_can_be_parsed(app: Flask) -> None:
    known = dict(commands(app))
    lines = re.findall(r"^(?:\w+=\$\()?((?:flask|panel) [^>)\n]+)", shell_text(), re.M)
    assert len(lines) >= 10
    for line in lines:
        words = ["flask", *shlex.split(line, comments=True)[1:]]
        size = 3 if " ".join(words[:3]) in known else 2
        command = known[" ".join(words[:size])]
        arguments = [re.sub(r"^\$\w+$", "1", word) for word in words[size:]]
        command.make_context(words[1], arguments).close()


def shell_text() -> str:
    return "".join(text for language, text in blocks(README) if language == "sh")


# The files.


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
    inline = " ".join(
        f"\n{span}" for span in code(re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S))
    )
    named = set(re.findall(r"^make (\w+)", shell_text() + inline, re.M))
    assert {"run", "test", "setup"} <= named <= targets
    assert {"run", "test", "setup"} <= set(
        re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)[0].split()
    )


def test_every_file_that_the_readme_names_exists() -> None:
    spans = code(re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S))
    named = {
        span for span in spans if re.fullmatch(r"[\w.-]+/|([\w-]+/)*[\w.-]+\.(py|sql|toml)", span)
    }
    named |= set(re.findall(r"\bdeploy/[\w.-]+", README)) | {"Procfile"}
    assert len(named) >= 15
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_folder_of_the_product_is_on_the_map() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/*.py")} | {"deploy"}
    assert {f"{folder}/" for folder in folders} <= set(code(section("Where things are")))


def test_the_readme_the_makefile_and_the_project_ask_for_the_same_python() -> None:
    version = PROJECT["requires-python"].removeprefix(">=")
    assert f"Python {version} or newer" in README
    assert f"Python {version} or newer" in MAKEFILE
    assert f"({version.replace('.', ', ')})" in MAKEFILE


def test_the_changelog_begins_with_the_projects_version() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert versions[0] == PROJECT["version"]


# Deployment.


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False, comment_prefixes=["#"])
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(DEPLOY[name])
    return parser


def example_environment() -> dict[str, str]:
    lines = [
        line for line in DEPLOY["panel.env.example"].splitlines() if line[:1] not in ("#", "")
    ]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("name", ["panel.service", "panel-backup.service"])
def test_a_unit_runs_in_the_projects_folder_with_the_settings(name: str) -> None:
    service = unit(name)["Service"]
    assert service["WorkingDirectory"] == "/opt/panel"
    assert service["EnvironmentFile"] == "/etc/panel.env"
    assert service["User"] == service["Group"] == "panel"
    for path in re.findall(r"-c ([\w./]+)", service["ExecStart"]):
        assert (ROOT / path).exists()
    for program in re.findall(r"\.venv/bin/(\w+)", service["ExecStart"]):
        assert (Path(sys.executable).parent / program).exists()
    for directory in ("/opt/panel ", "/etc/panel.env", "/usr/local/bin/panel", f"deploy/{name} "):
        assert directory in shell_text().replace("\n", " ")


def test_the_operators_wrapper_has_the_servers_user_settings_and_folder() -> None:
    service = unit("panel.service")["Service"]
    assert f"runuser -u {service['User']} --" in DEPLOY["panel"]
    assert f". {service['EnvironmentFile']}\n" in DEPLOY["panel"]
    assert f"cd {service['WorkingDirectory']}\n" in DEPLOY["panel"]
    assert os.access(ROOT / "deploy" / "panel", os.X_OK)
    subprocess.run(["sh", "-n", ROOT / "deploy" / "panel"], check=True)


def test_the_service_stops_as_gracefully_as_gunicorn_does() -> None:
    service = unit("panel.service")["Service"]
    served = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > served["graceful_timeout"]
    assert service["Restart"] == "always"


def test_the_service_can_write_where_the_database_is() -> None:
    environ = example_environment()
    folder = settings.read(environ).database.parent
    assert folder == Path("/var/lib") / unit("panel.service")["Service"]["StateDirectory"]
    backup = unit("panel-backup.service")["Service"]
    assert f"{folder}/backups/" in backup["ExecStart"]
    assert "panel/backups" in backup["StateDirectory"].split()


def test_the_timer_is_that_of_the_backup_service() -> None:
    assert unit("panel-backup.timer")["Install"]["WantedBy"] == "timers.target"
    assert "panel-backup.service" in DEPLOY  # a timer starts the service of its own name


def test_the_example_settings_are_settings_and_can_be_used() -> None:
    environ = example_environment()
    assert settings.unknown(environ) == []
    assert settings.read(environ).trusted_proxies == 1
    own = {name for name in environ if not name.startswith("PANEL_")}
    assert own <= {"PORT", "BIND", "WEB_CONCURRENCY"}


@pytest.mark.parametrize("name", ["nginx.conf", "Caddyfile"])
def test_a_proxy_passes_on_to_the_address_that_the_panel_listens_on(name: str) -> None:
    upstream = re.findall(r"(?:^ +server|reverse_proxy) ([\w.:]+)", DEPLOY[name], re.MULTILINE)
    assert upstream == [example_environment()["BIND"]]


def test_nginx_sets_every_header_that_the_panel_believes() -> None:
    headers = dict(re.findall(r"proxy_set_header (\S+) (\S+);", DEPLOY["nginx.conf"]))
    # Set from what nginx itself knows: appending would keep what the client made up.
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert headers["X-Forwarded-Proto"] == "$scheme"
    assert headers["X-Forwarded-Host"] == "$host"


def test_nginx_lets_the_panel_refuse_what_is_too_large(app: Flask) -> None:
    (size,) = re.findall(r"client_max_body_size (\d+)m;", DEPLOY["nginx.conf"])
    assert int(size) * 1024 * 1024 > app.config["MAX_CONTENT_LENGTH"]


# Requirements.


def pins(name: str) -> dict[str, str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    wanted = [line for line in lines if line and not line.startswith("-r")]
    assert [line for line in wanted if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    return {normal(pin): version for pin, version in (line.split("==") for line in wanted)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_to_what_is_installed(name: str) -> None:
    for requirement, version in pins(name).items():
        assert importlib.metadata.version(requirement) == version


def test_what_the_requirements_require_is_pinned_too() -> None:
    pinned = pins("requirements.txt")
    for name in pinned:
        for line in importlib.metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert normal(needed.name) in pinned, f"{name} needs {needed.name}"


def test_everything_that_the_product_imports_is_pinned() -> None:
    foreign = {module for module in imported() if module not in sys.stdlib_module_names}
    foreign = {module for module in foreign if not PathFinder.find_spec(module, [str(ROOT)])}
    sources = importlib.metadata.packages_distributions()
    assert {"flask", "peewee", "limits"} <= foreign
    for module in foreign:
        # The pytest plugin runs where pytest is; the panel itself does without.
        file = "requirements-dev.txt" if module == "pytest" else "requirements.txt"
        assert {normal(name) for name in sources[module]} & set(pins(file)), module


def imported() -> Iterator[str]:
    """The top-level module of each import of the product."""
    for path in ROOT.rglob("*.py"):
        if path.relative_to(ROOT).parts[0] in ("tests", ".venv"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module.split(".")[0]
