"""What the operator's commands share: the database, amounts, lists as tables or JSON."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from tabulate import tabulate

from api.context import current_settings
from cli.tables import as_text, table
from command_line import Day, PlainCommand, PlainGroup, Whole
from command_line import FailedError as FailedError
from database.connection import database, disconnect
from models import Provider
from panel import money
from panel.operations.audit import Actor
from panel.providers import policy
from panel.providers.changes import CatalogueChange, describe
from panel.providers.currency import currency_code
from panel.providers.listing import Listing
from panel.providers.policy import SyncPolicy
from panel.providers.registry import ProviderAccount
from panel.reports import DAY_S
from upstream import ask

COMMAND_LINE = Actor("(command line)")
"""Who is audited for what a command does: whoever may run it is not known by name."""

_OPEN_DATABASE = "panel_open_database"


def bind_open_database(app: Flask, open_database: Callable[[], None]) -> None:
    """Give the app's commands what opens the database."""
    app.extensions[_OPEN_DATABASE] = open_database


def open_database(app: Flask) -> None:
    """Open the database, where the app was built without.

    :raises SystemExit: with one line on stderr, if it cannot be used.
    """
    if database.deferred:
        app.extensions[_OPEN_DATABASE]()


class Command(PlainCommand):
    """A command that works on the panel's database."""

    def invoke(self, ctx: click.Context) -> Any:
        """Open the database first, where the app was built without, and disconnect at the end."""
        open_database(current_app)
        try:
            return super().invoke(ctx)
        finally:
            disconnect()


class Group(PlainGroup):
    """A group of Commands."""

    command_class = Command


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


class Markup(Percent):
    """A percentage, or "none": None."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text."""
        return None if value == "none" else super().convert(value, param, ctx)


class Ratio(click.ParamType):
    """A rate of exchange such as 83.20, read as parts per trillion."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text."""
        try:
            return money.parse_ratio(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Currency(click.ParamType):
    """A currency's code such as USD, or a provider's own name of its currency."""

    name = "code"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the text as currencies are compared."""
        code = currency_code(value)
        if not code:
            self.fail(f"{value!r} is no currency such as USD", param, ctx)
        return code


AMOUNT = Amount()
RATIO = Ratio()
CURRENCY = Currency()
PERCENT = Percent()
MARKUP = Markup()
NUMBER = Whole(1, 10**18)
"""The number of an order, a service, a refill or a cancel request."""
WHOLE = Whole()
FILE = click.Path(path_type=Path, readable=False)  # operations say what may not be read
LIMIT = Whole(1, 10**9)
ROUND_HELP = "Round rates up to a multiple of this, such as 0.01; without it they are exact."
"""The help of --round, wherever a markup is given."""


def ask_account(row: Provider) -> ProviderAccount:
    """Ask a provider about our account there; for panel.operations."""
    return ask.ask_account(row, current_settings())


def ask_catalogue(row: Provider) -> list[Listing]:
    """Ask a provider for its catalogue; for panel.operations."""
    return ask.ask_catalogue(row, current_settings())


def sync_policy() -> SyncPolicy:
    """How far the settings let a provider's prices be followed."""
    return policy.from_settings(current_settings())


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

_WIDE = "panel_wide"

wide = click.option(
    "--wide",
    is_flag=True,
    expose_value=False,
    callback=lambda ctx, _, value: ctx.meta.update({_WIDE: value}),
    help="All columns, and nothing cut or broken.",
)
"""The option of lists; show_rows() and show_changes() obey it."""


def as_list(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every list: as a table, a wide one, or as JSON."""
    return wide(as_json(command))


def limit(default: int = 50) -> Callable[[Any], Any]:
    """The option --limit of lists that grow without end."""
    return click.option(
        "--limit",
        type=LIMIT,
        default=default,
        show_default=True,
        help="At most this many, the newest first.",
    )


def range_of_days(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options --since and --until of what can be narrowed to a range of days."""
    day = Day()
    until = click.option("--until", type=day, help="Only of this day (UTC) or earlier.")
    since = click.option("--since", type=day, help="Only of this day (UTC) or later.")
    return since(until(command))


def beginning(day: datetime | None) -> int | None:
    """The first moment of a day, in seconds since 1970; None for none."""
    return None if day is None else int(day.timestamp())


def end(day: datetime | None) -> int | None:
    """The first moment after a day; None for none."""
    return None if day is None else int(day.timestamp()) + DAY_S


def when(seconds: int) -> str:
    """A stored time as a person reads it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def is_wide() -> bool:
    """Whether the command was given --wide."""
    return bool(click.get_current_context().meta.get(_WIDE))


def show_rows(
    rows: list[dict[str, Any]],
    as_json: bool,
    nothing: str,
    columns: Sequence[str] = (),
    cut_last: Sequence[str] = (),
    is_whole: bool = False,
) -> None:
    """Print rows as a table that fits a line, or as a JSON array.

    :param nothing: the text of an empty table.
    :param columns, cut_last, is_whole: as for table(); --wide is whole, too.
    """
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(table(rows, columns, cut_last, is_whole or is_wide()))
    else:
        click.echo(nothing)


def show_one(row: dict[str, Any], as_json: bool) -> None:
    """Print one row, with a line for each field, or as a JSON object."""
    if as_json:
        click.echo(json.dumps(row, indent=2))
    else:
        shown = [(name, as_text(value)) for name, value in row.items()]
        click.echo(tabulate(shown, disable_numparse=True, tablefmt="plain"))


def show_changes(changes: list[CatalogueChange], as_json: bool = False) -> None:
    """Print what an import, a markup or a sync changed, as a table or a JSON array."""
    rows = [
        {
            "service": change.service_id,
            "theirs": change.provider_service,
            "name": change.name,
            "change": describe(change),
        }
        for change in changes
    ]
    show_rows(rows, as_json, "Nothing has changed.", cut_last=("change",))
