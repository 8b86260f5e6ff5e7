"""What every command of `flask` shares: an error is one line on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from peewee import PeeweeException

from database import unavailable
from panel.errors import OperatorError, ProviderFailed


class FailedError(click.ClickException):
    """The command failed: one line on stderr, exit code 1."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class BadInputError(FailedError):
    """The command cannot do what was asked: one line on stderr, exit code 2."""

    exit_code = 2


@contextmanager
def errors_in_one_line(ctx: click.Context) -> Iterator[None]:
    """Raise what goes wrong inside as a FailedError or a BadInputError."""
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
        with errors_in_one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, with the error in one line."""
        with errors_in_one_line(ctx):
            return super().invoke(ctx)
