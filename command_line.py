"""What every command of `flask` shares: an error is one line on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

import click
from flask import current_app, has_app_context
from peewee import PeeweeException

from database import unavailable
from panel.called import NAME, as_called
from panel.errors import OperatorError, ProviderFailed


class FailedError(click.ClickException):
    """The command failed: one line on stderr, exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BadInputError(FailedError):
    """The command cannot do what was asked: one line on stderr, exit code 2."""

    exit_code = 2


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
        hint = f"(see flask {ctx.command_path.partition(' ')[2]} --help)"
        raise BadInputError(f"{error.format_message()} {hint}") from None
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


class PlainCommand(click.Command):
    """A command whose errors are one line each."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, with the error in one line."""
        with plainly(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the error in one line."""
        with plainly(ctx):
            return super().invoke(ctx)
