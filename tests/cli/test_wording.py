"""A wrong call of any command is told in one line of our words, and every help page reads well."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from flask import Flask
from support.apps import ROOT
from support.commands import Call
from support.orders import everything

from cli import help as pages
from command_line import OneOf, PlainCommand, PlainGroup

JARGON = re.compile(
    r"invalid value|integer|range|no such|missing (argument|option)|unexpected|traceback|"
    r"is not one of|requires? an argument|choose from|%H|<=|datetime|usage:|(Value|Type|OS)Error",
    re.IGNORECASE,
)
"""Words of click's, or of a programmer's."""

GOOD_VALUES = {"n": "5", "amount": "5", "percent": "5", "rate": "5", "code": "USD",
               "day": "2026-01-31"}  # fmt: skip

WRONG_VALUES = {
    "n": (("abc", "'abc' is not a whole number"), ("1.5", "'1.5' is not a whole number"),
          ("", "'' is not a whole number")),
    "amount": (("abc", "'abc' is not an amount such as 12.50"), ("-", "'-' is not an amount")),
    "percent": (("abc", "'abc' is not a percentage such as 25%"),),
    "rate": (("abc", "'abc' is not a rate"), ("-5", "")),
    "code": (("", "'' is no currency such as USD"),),
    "day": (("yesterday", "'yesterday' is no day such as 2026-01-31"),
            ("2026-13-01", "'2026-13-01' is no day"), ("%Y-%m-%d", "'%Y-%m-%d' is no day")),
}  # fmt: skip


def walk(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that is ours, with how it is called."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from walk(command, (*path, name))
        elif isinstance(command, PlainCommand):
            yield (*path, name), command


def good_value(parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice):
        return str(parameter.type.choices[0])
    return GOOD_VALUES.get(parameter.type.name, "x")


def needed(command: click.Command, without: click.Parameter | None = None) -> list[str]:
    """What a command must be given, but for one parameter."""
    words: list[str] = []
    for parameter in command.params:
        if not parameter.required or parameter is without:
            continue
        option = [parameter.opts[0]] if isinstance(parameter, click.Option) else []
        words += [*option, good_value(parameter)]
    return words


def wrong_calls(command: click.Command) -> Iterator[tuple[list[str], str]]:
    """Calls of a command that are wrong in one way each, and what is told of it."""
    yield [*needed(command), "--nope"], "there is no option --nope"
    yield [*needed(command), "--nope=5"], "there is no option --nope"
    if not command.context_settings.get("ignore_unknown_options"):
        yield ["-x", *needed(command)], "there is no option -x"
    if not any(parameter.nargs == -1 for parameter in command.params):
        optional = [
            p for p in command.params if p.param_type_name == "argument" and not p.required
        ]
        more = [good_value(p) for p in optional]
        yield [*needed(command), *more, "extra"], "'extra' is more than the command takes"
        yield (
            [*needed(command), *more, "extra", "-5"],
            "'extra' '-5' are more than the command takes",
        )
    for parameter in command.params:
        yield from wrong_parameter(command, parameter)


def wrong_parameter(
    command: click.Command, parameter: click.Parameter
) -> Iterator[tuple[list[str], str]]:
    if isinstance(parameter, click.Option):
        name = parameter.opts[0]
        if parameter.is_flag:
            yield [*needed(command), f"{name}=yes"], f"the option {name} takes no value"
            return
        yield [*needed(command, parameter), name], f"the option {name} needs a value"
        before, shown = [name], name
    else:
        name = parameter.human_readable_name
        before, shown = [], name
    if parameter.required:
        only_it = [p for p in command.params if p.required and p is not parameter]
        if not any(p.param_type_name == "argument" for p in only_it):
            kind = parameter.param_type_name
            yield needed(command, parameter), f"the {kind} {name} is missing"
    if isinstance(parameter.type, click.Choice):
        only = ", ".join(parameter.type.choices)
        wrongs = [("Nope", f"{shown}: there is no 'Nope', only: {only}")]
    else:
        wrongs = [
            (value, f"{shown}: {why}" if why else "")
            for value, why in WRONG_VALUES.get(parameter.type.name, ())
        ]
    for value, why in wrongs:
        if before:
            yield [*needed(command, parameter), *before, value], why
        else:
            yield with_argument(command, parameter, value), why


def with_argument(command: click.Command, wrong: click.Parameter, value: str) -> list[str]:
    """The call of a command with this value of an argument."""
    words: list[str] = []
    for parameter in command.params:
        if parameter is wrong:
            words.append(value)
        elif parameter.required:
            option = [parameter.opts[0]] if isinstance(parameter, click.Option) else []
            words += [*option, good_value(parameter)]
    return words


def test_every_parameter_of_every_command_is_told_in_one_line_of_our_words(
    filled: SimpleNamespace, app: Flask, call: Call
) -> None:
    before = everything()
    runner = app.test_cli_runner()
    count = 0
    for path, command in walk(app.cli):
        for words, why in wrong_calls(command):
            result = runner.invoke(args=[*path, *words])
            told = (path, words, result.output)
            assert result.exit_code == 2, told
            assert result.stdout == "", told
            assert re.fullmatch(r"Error: [^\n]+\n", result.stderr), told
            assert not JARGON.search(result.stderr), told
            if why:
                assert f"Error: {why}" in result.stderr, told
                see = f"(see flask {' '.join(path)} --help)\n"
                assert result.stderr.endswith(see), told
            count += 1
    assert count > 400
    assert [row for row in everything() if not row.startswith("audit_lines")] == [
        row for row in before if not row.startswith("audit_lines")
    ]


def test_every_command_and_every_value_is_read_by_what_speaks_our_words(app: Flask) -> None:
    seen = set()
    for path, command in walk(app.cli):
        for parameter in command.params:
            kind = type(parameter.type)
            assert kind is OneOf or not isinstance(parameter.type, click.Choice), path
            seen.add(parameter.type.name)
    assert seen <= {*WRONG_VALUES, "text", "boolean", "choice", "path"}
    for name, command in app.cli.commands.items():
        assert isinstance(command, PlainCommand | PlainGroup) or name == "limiter", name


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("user discount alice -5", "the discount must be from 0 to 100 percent"),
        ("user discount alice -5%", "the discount must be from 0 to 100 percent"),
        ("user discount alice -0.5%", "the discount must be from 0 to 100 percent"),
        ("user rate alice 1 -5", "the rate must be from 0 to 1000000"),
        ("user rate alice -1 5", "SERVICE: -1 is not from 1 to 1000000000000000000"),
        ("user add -5", "the name '-5' cannot be used"),
        ("user add carol --balance -5", "the first balance cannot be negative"),
        ("user fund alice -100", "alice has only 92.50"),
        ("user fund -5 alice", "AMOUNT: 'alice' is not an amount"),
        ("service markup -5 --id 1", "the markup cannot be negative"),
        ("service move -1", "ID: -1 is not from 1 to"),
        ("service edit 1 --min -5", "min must be 1 or more"),
        ("order post 1 -5", "QUANTITY: -5 is not from 1 to 1000000000"),
        ("order set 1 --remains -5", "the remains must be from 0"),
        ("order show -1", "ID: -1 is not from 1 to"),
        ("order list --limit -5", "--limit: -5 is not from 1 to 1000000000"),
        ("provider exchange shop -5", "'-5' is not a rate"),
        ("provider import shop --markup -5", "the markup cannot be negative"),
        ("ledger list -5", "there is no user -5"),
        ("user list -5", "'-5' is more than the command takes"),
        ("user suspend alice --5", "there is no option --5"),
    ],
)
def test_a_negative_number_is_a_number(
    filled: SimpleNamespace, call: Call, line: str, why: str
) -> None:
    result = call(line)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert why in result.stderr
    assert "there is no option -5" not in result.stderr


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("usr list", "there is no command 'usr'; did you mean user? (see "),
        ("user lst", "there is no command 'lst'; did you mean list? (see flask user --help)"),
        ("service mark", "there is no command 'mark'; did you mean markup? (see flask service "),
        ("order attache 1 2", "there is no command 'attache'; did you mean attach? (see "),
        ("sandbx", "there is no command 'sandbx' (see "),
        ("user '' x", "there is no command '' (see flask user --help)"),
        ("service add --nam x", "there is no option --nam; did you mean "),
        ("order list --states x", "there is no option --states; did you mean --status?"),
    ],
)
def test_what_is_spelled_alike_is_asked_about(call: Call, line: str, why: str) -> None:
    result = call(line)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {why}")
    assert result.stderr.count("\n") == 1


# Help


def test_every_command_is_in_one_group_of_the_help(app: Flask) -> None:
    listed = [name for names in pages.SECTIONS.values() for name in names]
    shown = [name for name, command in app.cli.commands.items()
             if not command.hidden and name != "limiter"]  # fmt: skip
    assert sorted(listed) == sorted(shown)


def run(folder: Path, *args: str, module: str = "flask", **environ: str) -> tuple[int, str, str]:
    """A command as an operator types it."""
    flask = [str(Path(sys.executable).with_name("flask"))]
    done = subprocess.run(
        [*(flask if module == "flask" else [sys.executable, "-m", module]), *args],
        cwd=ROOT,
        env={**os.environ, "PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}", **environ},
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.server
@pytest.mark.parametrize(
    ("args", "module", "environ"),
    [
        (["--help"], "flask", {}),
        ([], "flask", {}),
        (["--help"], "cli", {"PANEL_COMMAND": "panel"}),
        ([], "cli", {"PANEL_COMMAND": "panel"}),
    ],
    ids=["flask --help", "flask", "panel --help", "panel"],
)
def test_the_help_has_the_panels_commands_in_groups_and_none_of_flasks(
    tmp_path: Path, args: list[str], module: str, environ: dict[str, str]
) -> None:
    code, out, err = run(tmp_path, *args, module=module, **environ)
    assert (code, bool(out), bool(err)) == ((0, True, False) if args else (2, False, True))
    page = out or err
    name = environ.get("PANEL_COMMAND", "flask")
    assert page.startswith(f"Usage: {name} [OPTIONS] COMMAND [ARGS]...\n")
    wanted = [
        line
        for heading, names in pages.SECTIONS.items()
        for line in (f"  {heading}:", *(f"    {name} " for name in names))
    ]
    lines = page.splitlines()
    start = lines.index(wanted[0])
    for line, begins in zip([line for line in lines[start:] if line], wanted, strict=True):
        assert line.startswith(begins)
        assert not line.endswith("..."), "it is cut"
        assert len(line) <= 80
    for own in ("  run ", "  shell ", "  routes ", "  limiter "):
        assert own not in page
    assert ("Flask" in page) == (module == "flask")
    assert not list(tmp_path.iterdir()), "no database is made for a help page"


@pytest.mark.server
@pytest.mark.parametrize("name", ["run", "shell", "routes", "limiter", "sandbox"])
def test_what_is_not_listed_stays_usable(tmp_path: Path, name: str) -> None:
    code, out, _ = run(tmp_path, name, "--help")
    assert code == 0
    assert out.startswith(f"Usage: flask {name}")


@pytest.mark.server
def test_on_a_server_every_hint_names_the_command_as_it_is_called(tmp_path: Path) -> None:
    for args, why in (
        (["--nope"], "there is no option --nope"),
        (["usr"], "there is no command 'usr'; did you mean user? (see panel --help)"),
        (["user", "add"], "the argument NAME is missing (see panel user add --help)"),
        (["demo", "x"], "'x' is more than the command takes (see panel demo --help)"),
    ):
        code, out, err = run(tmp_path, *args, module="cli", PANEL_COMMAND="panel")
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: {why}")
        assert err.count("\n") == 1


def test_the_help_of_every_group_is_whole(app: Flask, call: Call) -> None:
    for name, command in app.cli.commands.items():
        if not isinstance(command, PlainGroup):
            continue
        page = call(f"{name} --help").stdout
        _, _, listed = page.partition("\nCommands:\n")
        names = [line.split()[0] for line in listed.splitlines()]
        assert names == list(command.commands)
        assert "..." not in listed, name


def test_the_help_of_every_command_is_free_of_clicks_own_words(app: Flask, call: Call) -> None:
    for path, _ in walk(app.cli):
        page = call(f"{' '.join(path)} --help").stdout
        assert page.startswith("Usage: "), path
        assert not re.search(r"INTEGER|RANGE|x>=|<=x|%Y|DATETIME|FLOAT", page), path
        assert max(map(len, page.splitlines())) <= 80, path


def test_the_completion_of_a_shell_knows_every_command(app: Flask) -> None:
    with click.Context(app.cli, resilient_parsing=True) as context:
        assert set(app.cli.list_commands(context)) >= {"user", "order", "demo"}
