"""The tables of the documents are those of the code: settings, commands, the API, the states."""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.apps import ROOT
from support.documents import PAGES, blocks, code, section, shell, spans, table

import settings
from actions import ACTIONS
from actions.add import DRIPFEED
from api.dialects import DIALECTS
from api.metrics import PanelCollector
from database.connection import database
from models import Order
from panel import attention, errors
from panel.alerts import kinds
from panel.orders import state, transition
from panel.service_types import SERVICE_TYPES

API = PAGES["docs/api.md"]
SETTINGS = PAGES["docs/settings.md"]
TIMES = "\N{MULTIPLICATION SIGN}"

# Settings.


def test_the_settings_table_is_the_settings() -> None:
    rows = table(SETTINGS, "variable", "default", "meaning")
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
    assert files == set(re.findall(r"`(PANEL_\w+_FILE)`", SETTINGS))


def test_every_variable_that_is_named_anywhere_is_a_setting() -> None:
    named = {name for page in PAGES.values() for name in re.findall(r"\bPANEL_[A-Z_]+\b", page)}
    assert "PANEL_DATABASE" in named
    named.remove("PANEL_SCREENSHOTS")  # of the tests' own
    assert settings.unknown(dict.fromkeys(named, "")) == []


def test_the_servers_own_variables_are_those_of_gunicorn_conf(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = table(SETTINGS, "variable", "default", "meaning")
    defaults = {
        code(name)[0]: code(default)[0]
        for name, default, _ in rows
        if not name.startswith("`PANEL_")
    }
    source = (ROOT / "gunicorn.conf.py").read_text()
    read = set(re.findall(r"environ\.get\(['\"](\w+)", source))
    assert set(defaults) == {name for name in read if not name.startswith("PANEL_")}

    for name in defaults:
        monkeypatch.delenv(name, raising=False)
    served = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    assert served["bind"] == defaults["BIND"].replace("PORT", defaults["PORT"])
    assert str(served["workers"]) == defaults["WEB_CONCURRENCY"]
    assert f"of {served['threads']} threads" in SETTINGS
    assert f"of {served['threads']} threads" in PAGES["docs/deploy.md"]


# The API.


def test_the_action_table_is_the_actions() -> None:
    documented: dict[str, list[str]] = {}
    for name, parameters, _ in table(API, "action", "parameters", "answer"):
        documented.setdefault(code(name)[0], []).extend(code(parameters))
    assert documented == {
        name: [parameter.name for parameter in action.parameters]
        for name, action in ACTIONS.items()
    }
    assert list(documented) == list(ACTIONS)


def test_the_parameter_table_is_the_parameters() -> None:
    real = {p.name: p for action in ACTIONS.values() for p in action.parameters}
    assert table(API, "parameter", "meaning", "example") == [
        [f"`{name}`", parameter.help, "`{}`".format(parameter.example.replace("\n", "\\n"))]
        for name, parameter in real.items()
    ]


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
        transition.change(order, status="Completed")
    transition.change(started, status="In progress")
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
    for name, parameters, cell in table(API, "action", "parameters", "answer"):
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
        [
            "200" if problem is errors.CANNOT_CANCEL else str(problem.status),
            f"`{problem.text}`",
            problem.when,
        ]
        for problem in errors.catalogue()
    ]
    assert table(API, "HTTP", "error", "when") == expected


def test_the_dialect_table_has_a_column_for_each_dialect() -> None:
    (head,) = re.findall(r"^\| \| (.*`sns`.*) \|$", API, re.M)
    assert code(head) == list(DIALECTS)


def test_the_type_table_is_the_service_types() -> None:
    rows = table(PAGES["docs/service-types.md"], "type", "parameters", "charged")
    documented = {name: (code(parameters), charged) for name, parameters, charged in rows}
    assert documented == {
        name: (
            [
                *kind.parameters,
                *kind.optional,
                *(needed for _, _, needed in kind.needed_with),
                *(DRIPFEED if kind.dripfeed else ()),
            ],
            price(kind.charged, kind.dripfeed),
        )
        for name, kind in SERVICE_TYPES.items()
    }
    assert list(documented) == list(SERVICE_TYPES)


def price(charged: str, dripfeed: bool) -> str:
    """How the table tells what a type charges."""
    if charged in ("package", "posts"):
        return {"package": "`rate`", "posts": "each post as it comes"}[charged]
    counted = "quantity" if charged == "quantity" else "lines"
    runs = f" ({TIMES} runs)" if dripfeed else ""
    return f"`rate` {TIMES} {counted}{runs} / 1000"


# The commands.


def commands(app: Flask) -> Iterator[tuple[str, click.Command]]:
    for name, command in app.cli.commands.items():
        if isinstance(command, click.Group):
            for sub, subcommand in command.commands.items():
                yield f"flask {name} {sub}", subcommand
        else:
            yield f"flask {name}", command


OF_LISTS = ("as_json", "limit", "wide")


def options(command: click.Command) -> set[str]:
    """An option's every name, but for those that the document tells of all lists."""
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        and parameter.name not in ("as_json", "limit", "wide")
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def usage(command: click.Command) -> list[str]:
    """The arguments in their order, those that may be left out in brackets."""
    return [
        str(parameter.name).upper() if parameter.required else f"[{str(parameter.name).upper()}]"
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]


def named_and_required(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.required


def test_the_command_table_is_the_commands_with_their_arguments_and_options(app: Flask) -> None:
    real = dict(commands(app))
    documented = {}
    for cell, _ in table(PAGES["docs/commands.md"], "command", "what it does"):
        (text,) = code(cell)
        (name,) = [name for name in real if f"{text} ".startswith(f"{name} ")] or [text]
        rest = text.removeprefix(name)
        required = set(re.findall(r"(?<!\[)--[\w-]+", rest))
        arguments = re.sub(r"\[?--[\w-]+( [A-Z]+)*\]?", "", rest).split()
        documented[name] = (arguments, set(re.findall(r"--[\w-]+", rest)), required)
    assert documented == {
        name: (
            usage(command),
            options(command),
            {parameter.opts[0] for parameter in command.params if named_and_required(parameter)},
        )
        for name, command in real.items()
    }


PLACES = table(PAGES["docs/commands.md"], "command", "in the dashboard")


def test_every_command_has_its_place_in_the_dashboard_or_a_reason(app: Flask) -> None:
    assert [code(name)[0] for name, _ in PLACES] == [
        name for name in documented_commands() if name in dict(commands(app))
    ]
    assert {code(name)[0] for name, _ in PLACES} == set(dict(commands(app)))


def documented_commands() -> list[str]:
    """The commands of the table of all, in its order."""
    cells = [cell for cell, _ in table(PAGES["docs/commands.md"], "command", "what it does")]
    places = [code(name)[0] for name, _ in PLACES]
    return [
        max((name for name in places if f"{code(cell)[0]} ".startswith(f"{name} ")), key=len)
        for cell in cells
    ]


@pytest.mark.parametrize(("command", "place"), PLACES, ids=[code(row[0])[0] for row in PLACES])
def test_a_command_s_place_is_a_page_and_a_reason_is_a_sentence(
    command: str, place: str, app: Flask
) -> None:
    if place.startswith("No: "):
        assert place.endswith(".")
        assert not re.search(r"/admin\b", place)
        return
    (path,) = code(place)
    assert place == f"`{path}`"
    pages = {
        re.sub(r"<number:\w+>", "ID", re.sub(r"<name>", "NAME", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "GET" in (rule.methods or ())
    }
    assert path in pages, command


def test_every_list_and_show_has_json_and_every_command_has_help(app: Flask) -> None:
    for name, command in commands(app):
        assert command.help, name
        if name.endswith((" list", " show")):
            assert "as_json" in [parameter.name for parameter in command.params], name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.name)


def called(script: str) -> list[str]:
    """The lines of a script that call our commands, also within $( ) and behind || or |."""
    inside = re.compile(r"\$\(([^()]*)\)")
    parts = re.split(
        r"\|\||&&|[|;>\n]| & ?", "\n".join([inside.sub("1", script), *inside.findall(script)])
    )
    bare = [re.sub(r"^(export )?(\w+=\S* )*", "", part.strip()) for part in parts]
    return [part for part in bare if part.startswith(("flask ", "panel "))]


def test_every_command_line_of_the_documents_can_be_parsed(app: Flask) -> None:
    known = dict(commands(app))
    lines = called(shell())
    assert len(lines) >= 50
    for line in lines:
        words = ["flask", *shlex.split(line, comments=True)[1:]]
        size = 3 if " ".join(words[:3]) in known else 2
        command = known[" ".join(words[:size])]
        arguments = [re.sub(r"^(\$\w+|[A-Z]{2,})$", "1", word) for word in words[size:]]
        command.make_context(words[1], arguments).close()


def test_every_command_that_is_named_exists(app: Flask) -> None:
    known = {*dict(commands(app)), *(f"flask {name}" for name in app.cli.commands)}
    named = [
        (page, ["flask", *span.split()[1:]])
        for page, span in spans()
        if re.match(r"(flask|panel) [a-z]", span)
    ]
    assert len(named) >= 80
    unknown = [
        (page, words)
        for page, words in named
        if not {" ".join(words[:2]), " ".join(words[:3])} & known
    ]
    assert unknown == []


def test_the_table_of_what_waits_has_every_kind() -> None:
    rows = table(
        section("docs/resell.md", "What waits for you"),
        "kind",
        "what happened, and what the panel does",
        "what to do",
    )
    assert list(dict.fromkeys(code(kind)[0] for kind, _, _ in rows)) == list(attention.Kind)


# Alerts and figures.


def test_the_table_of_alerts_has_every_kind() -> None:
    rows = table(section("docs/operate.md", "Alerts"), "kind", "told when")
    assert [code(kind)[0] for kind, _ in rows[:-1]] == list(kinds.Kind)
    assert rows[-1][0] == "the others"
    assert code(rows[-1][1]) == [str(kind) for kind in kinds.NOT_TOLD]


def test_the_table_of_metrics_has_every_metric(app: Flask) -> None:
    path = Path(str(database.database))
    metrics = [metric for metric in PanelCollector(path).collect() if metric.name]
    names = {f"{m.name}_info" if m.type == "info" else m.name for m in metrics}
    rows = table(section("docs/operate.md", "Monitoring"), "metric", "what it is")
    documented = [code(name)[0] for name, _ in rows]
    assert set(documented) == names
    assert len(documented) == len(names)


# The states and columns of an order.


def arrows(diagram: str) -> dict[str, set[str]]:
    """A state diagram: what may follow each state."""
    follows: dict[str, set[str]] = {}
    for before, after in re.findall(r"^ +(\S+) --> (\S+)", diagram, re.M):
        follows.setdefault(before, set())
        if after != "[*]":
            follows[before].add(after)
    return follows


def diagrams() -> list[dict[str, set[str]]]:
    text = section("docs/architecture.md", "How an order's state changes")
    return [arrows(text) for language, text in blocks(text) if language == "mermaid"]


def test_the_first_diagram_is_the_statuses_that_may_follow_each_other() -> None:
    status, _ = diagrams()
    assert status.pop("[*]") == {"Pending", "Active"}
    assert status == {
        before.replace(" ", "_"): {after.replace(" ", "_") for after in follows}
        for before, follows in state.FOLLOWS.items()
    }


def test_the_second_diagram_and_its_table_have_every_dispatch_state() -> None:
    _, dispatch = diagrams()
    (values,) = re.findall(r"IN \((''[^()]+'parts')\)", (ROOT / "schema.sql").read_text())
    stored = re.findall(r"'(\w*)'", values)
    rows = table(PAGES["docs/architecture.md"], "stored value", "name in the diagram", "meaning")
    assert [code(value)[0].strip("'") for value, _, _ in rows] == stored
    assert [name for _, name, _ in rows] == [value or "by_hand" for value in stored]
    assert set(dispatch) == {"[*]", *(name for _, name, _ in rows)}


def test_every_column_of_an_order_is_explained_once() -> None:
    rows = table(PAGES["docs/architecture.md"], "columns", "what they are for")
    explained = [name for columns, _ in rows for name in code(columns)]
    assert sorted(explained) == sorted(Order._meta.columns)
