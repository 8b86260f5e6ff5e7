"""What every command of `flask` shares: how values are read, and errors of one line."""

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, TextIO

import click
from flask import current_app, has_app_context
from peewee import PeeweeException

from database import unavailable
from panel.called import NAME, as_called
from panel.errors import OperatorError, ProviderFailed

_NEGATIVE = re.compile(r"-[0-9][0-9.,]*%?", re.ASCII)
"""An argument such as -5 or -12.5%: a number, and no option."""


MAX_METAVAR = 50


class FailedError(click.ClickException):
    """The command failed: one line on stderr, exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BadInputError(FailedError):
    """The command cannot do what was asked: one line on stderr, exit code 2."""

    exit_code = 2


# How values are read.


class Whole(click.ParamType):
    """A whole number: any, or one from the least to the most."""

    name = "n"

    def __init__(self, *limits: int) -> None:
        self.limits = limits

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text; a default is a number already."""
        text = str(value)
        if not re.fullmatch("-?[0-9]{1,100}", text, re.ASCII):
            self.fail(f"{value!r} is not a whole number", param, ctx)
        number = int(text)
        if self.limits and not self.limits[0] <= number <= self.limits[1]:
            self.fail(f"{number} is not from {self.limits[0]} to {self.limits[1]}", param, ctx)
        return number


class OneOf(click.Choice[str]):
    """One of several words."""

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """All of them in brackets, or the parameter's name where they would not fit a line."""
        shown = super().get_metavar(param, ctx)
        return shown if shown and len(shown) <= MAX_METAVAR else str(param.name).upper()

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """What is told of another word."""
        return f"there is no {value!r}, only: {', '.join(self.choices)}"


class Day(click.ParamType):
    """A day such as 2026-01-31, read as its beginning in UTC."""

    name = "day"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the text."""
        try:
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-01-31", param, ctx)


# What is wrong with a call, in our words.


def describe(error: click.UsageError, ctx: click.Context) -> str:
    """An error of click's in a call of a context's command, by its type, in a sentence."""
    if isinstance(error, click.MissingParameter) and error.param is not None:
        kind = "option" if isinstance(error.param, click.Option) else "argument"
        return f"the {kind} {_named(error.param)} is missing{_choices(error.param)}"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{_named(error.param)}: {error.message}"
    if isinstance(error, click.NoSuchOption):
        return f"there is no option {error.option_name}{_or_rather(error.possibilities or ())}"
    if isinstance(error, click.BadOptionUsage):
        takes = "takes no value" if error.option_name in _flags(ctx.command) else "needs a value"
        return f"the option {error.option_name} {takes}"
    return error.format_message()


def _flags(command: click.Command) -> set[str]:
    """The names of the options that are there or not, and take no value."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    return {name for o in options if o.is_flag for name in (*o.opts, *o.secondary_opts)}


def _named(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name


def _choices(parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice):
        return f", one of: {', '.join(map(str, parameter.type.choices))}"
    return ""


def _or_rather(possibilities: Iterable[str]) -> str:
    found = " or ".join(possibilities)
    return f"; did you mean {found}?" if found else ""


def no_such_command(name: str, known: Iterable[str]) -> str:
    """What is told of a command that is none, with those that are spelled alike."""
    return f"there is no command {name!r}{_or_rather(get_close_matches(name, known))}"


def _too_many(extra: list[str]) -> str:
    """What is told of arguments that a command does not take."""
    for word in extra:
        if word.startswith("-") and not _NEGATIVE.fullmatch(word):
            return f"there is no option {word.partition('=')[0]}"
    shown = " ".join(map(repr, extra))
    return f"{shown} {'is' if len(extra) == 1 else 'are'} more than the command takes"


class _AsCalled:
    """The standard output, with the commands of each text as the operator calls them."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name

    def write(self, text: str) -> int:
        return self._stream.write(as_called(self._name, text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def plainly(ctx: click.Context) -> Iterator[None]:
    """Raise what goes wrong inside as a FailedError or a BadInputError.

    Commands in what is printed, and in the error, begin as the operator calls them.
    """
    name = current_app.config.get("PANEL_COMMAND", NAME) if has_app_context() else NAME
    try:
        if name == NAME or isinstance(sys.stdout, _AsCalled):
            with _errors_in_one_line(ctx):
                yield
        else:
            with redirect_stdout(_AsCalled(sys.stdout, name)), _errors_in_one_line(ctx):
                yield
    except FailedError as error:
        raise type(error)(as_called(name, error.message)) from None


@contextmanager
def _errors_in_one_line(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise BadInputError(f"{describe(error, ctx)} {_hint(ctx)}") from None
    except ProviderFailed as error:
        raise FailedError(str(error)) from None
    except OperatorError as error:
        raise BadInputError(str(error)) from None
    except UnicodeEncodeError:
        raise BadInputError("an argument is not valid UTF-8") from None
    except (PeeweeException, OSError) as error:
        reason = unavailable.reason(error)
        if reason is None and isinstance(error, OSError):
            raise
        raise FailedError(reason or f"the database refused: {error}") from None


def _hint(ctx: click.Context) -> str:
    """Where to read how a command is called."""
    root, _, rest = ctx.command_path.partition(" ")
    return f"(see {NAME} {rest} --help)" if rest else f"(see {root} --help)"


class PlainCommand(click.Command):
    """A command whose errors are one line each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the error in one line; -5 is a number, and no option."""
        with plainly(ctx):
            if any(map(_NEGATIVE.fullmatch, args)):
                ctx.ignore_unknown_options = True
            ctx.allow_extra_args = True  # and are refused here
            extra = super().parse_args(ctx, args)
            if extra and not ctx.resilient_parsing:
                raise click.UsageError(_too_many(extra))
            return extra

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the error in one line."""
        with plainly(ctx):
            return super().invoke(ctx)


class PlainGroup(click.Group):
    """A group of PlainCommands, listed in the order in which they were added."""

    command_class = PlainCommand

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in their order."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the error in one line."""
        with plainly(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the error in one line."""
        with plainly(ctx):
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, in our words where there is no such command."""
        name = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            raise click.UsageError(no_such_command(name, self.commands))
        return super().resolve_command(ctx, args)
