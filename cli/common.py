"""What the commands share: one-line errors, amounts as arguments, lists as tables or JSON."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from flask import current_app
from peewee import PeeweeException
from tabulate import tabulate

import upstream
from api.context import current_settings
from database.connection import database
from models import Provider
from panel import money
from panel.errors import OperatorError
from upstream.provider import Provider as UpstreamProvider


class FailedError(click.ClickException):
    """Something went wrong; told in one line on stderr, exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BadInputError(FailedError):
    """What was asked cannot be; told in one line on stderr, exit code 2."""

    exit_code = 2


@contextmanager
def _one_line(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        hint = f"(see flask {ctx.command_path.partition(' ')[2]} --help)"
        raise BadInputError(f"{error.format_message()} {hint}") from None
    except OperatorError as error:
        raise BadInputError(str(error)) from None
    except UnicodeEncodeError:
        raise BadInputError("an argument is not valid UTF-8") from None
    except PeeweeException as error:
        raise FailedError(f"the database refused: {error}") from None


class PlainCommand(click.Command):
    """A command whose errors are one line each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the error in one line."""
        with _one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the error in one line."""
        with _one_line(ctx):
            return super().invoke(ctx)


class Command(PlainCommand):
    """Such a command that works on the panel's database."""

    def invoke(self, ctx: click.Context) -> Any:
        """Open the database first, where the app was built without."""
        if database.deferred:
            current_app.config["OPEN_DATABASE"]()
        return super().invoke(ctx)


class Group(click.Group):
    """A group of such commands."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the error in one line."""
        with _one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the error in one line."""
        with _one_line(ctx):
            return super().invoke(ctx)


class Amount(click.ParamType):
    """An amount of money, given as a decimal number and read as micros."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text; a default is micros already."""
        if isinstance(value, int):
            return value
        try:
            return money.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Percent(click.ParamType):
    """A percentage such as 25 or 12.5%, read as millionths of one."""

    name = "percent"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text, with or without its percent sign."""
        try:
            return money.parse_percent(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


AMOUNT = Amount()
PERCENT = Percent()
NUMBER = click.IntRange(1, 10**18)
"""The number of an order, a service, a refill or a cancel request."""


def connect(row: Provider) -> UpstreamProvider:
    """The provider behind a row, with this panel's settings."""
    settings = current_settings()
    return upstream.connect(
        row,
        currency=settings.currency,
        timeout_s=settings.provider_timeout,
        sandbox_seconds=settings.sandbox_seconds,
    )


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def limit(default: int = 50) -> Callable[[Any], Any]:
    """The option of lists that grow without end."""
    return click.option(
        "--limit",
        type=click.IntRange(1, 10**9),
        default=default,
        show_default=True,
        help="The newest so many.",
    )


def when(seconds: int) -> str:
    """A stored time as a person reads it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def show_rows(rows: list[dict[str, Any]], as_json: bool, nothing: str) -> None:
    """Print rows as a table, or as a JSON array; `nothing` is said of an empty table."""
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        shown = [{name: _cell(value) for name, value in row.items()} for row in rows]
        click.echo(tabulate(shown, headers="keys", disable_numparse=True, tablefmt="simple"))
    else:
        click.echo(nothing)


def show_one(row: dict[str, Any], as_json: bool) -> None:
    """Print one thing, a line a field, or as a JSON object."""
    if as_json:
        click.echo(json.dumps(row, indent=2))
    else:
        shown = [(name, _cell(value)) for name, value in row.items()]
        click.echo(tabulate(shown, disable_numparse=True, tablefmt="plain"))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value
