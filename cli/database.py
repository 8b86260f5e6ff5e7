"""flask init-db, backup, restore, moved and demo: the database as a whole."""

import json
from pathlib import Path
from typing import Any

import click

from api.context import current_settings, listening_url
from cli.common import (
    COMMAND_LINE,
    FILE,
    Command,
    FailedError,
    as_json,
    ask_catalogue,
    show_one,
    show_rows,
    when,
)
from command_line import PlainCommand
from database.connection import database
from panel import accounts, services
from panel.money import MICROS, format_exact
from panel.operations import backups, customers, providers
from panel.providers.registry import SANDBOX_URL
from panel.restore.before import Lost
from panel.restore.mark import told
from panel.restore.moved import moved
from panel.restore.replace import Restored, restore
from panel.tasks import TaskFailedError

DEMO_BALANCE_MICROS = 100 * MICROS
DEMO_MARKUP_PPM = 250_000
SANDBOX_REQUESTS_PER_MINUTE = 6000


@click.command("init-db", cls=Command)
def init_db() -> None:
    """Create the database, or upgrade it to this version."""
    # Opening it did the work: every command and the server open it the same way.
    click.echo(f"The database {database.database} is ready.")


@click.command("backup", cls=Command)
@click.argument("file", type=FILE)
@click.option(
    "--nightly",
    is_flag=True,
    help="For a timer: an alert tells of a wrong FILE, too.",
)
@as_json
def backup_command(file: Path, nightly: bool, as_json: bool) -> None:
    """Write a consistent copy of the database, and check it.

    The panel may be serving meanwhile. A FILE that exists is never overwritten.
    """
    try:
        backups.back_up(file, nightly)
    except TaskFailedError as error:
        raise FailedError(str(error)) from None
    size = file.stat().st_size
    if as_json:
        show_one({"file": str(file), "bytes": size}, True)
    else:
        click.echo(f"Wrote {file} ({size} bytes), checked.")


SHOWN = 20
"""The most lines of each kind of what is lost; --json has all."""


@click.command("restore", cls=PlainCommand)
@click.argument("file", type=FILE)
@as_json
def restore_command(file: Path, as_json: bool) -> None:
    """Put a copy in the place of the database.

    The database before is kept beside it. The server and the worker must be stopped.
    What waited when the copy was made may have been sent since: it waits for you
    (flask restored).
    """
    done = restore(COMMAND_LINE, file, current_settings().database)
    if as_json:
        click.echo(json.dumps(_as_json(file, done), indent=2))
        return
    if done.kept is not None:
        what = "damaged, it is kept as it is" if done.is_damaged else "kept"
        click.echo(f"The database before is {what}: {done.kept}")
    for line in done.upgraded:
        click.echo(line)
    _show_lost(done)
    click.echo(f"Restored {file}.")
    if text := told(done.counts):
        click.echo(f"In doubt: {text}.")


@click.command("moved", cls=PlainCommand)
def moved_command() -> None:
    """Say that the database was moved here, and is whole.

    The server and the worker must be stopped, here and where it was. Not for a copy
    that anything came after: flask restore is for that.
    """
    settings = current_settings()
    moved(COMMAND_LINE, settings.database, settings.synchronous)
    click.echo(f"The database {settings.database} is used as it is: nothing is in doubt.")


def _as_json(file: Path, done: Restored) -> dict[str, Any]:
    return {
        "restored": str(file),
        "kept": str(done.kept) if done.kept is not None else None,
        "damaged": done.is_damaged,
        "upgraded": done.upgraded,
        "in_doubt": done.counts._asdict(),
        "lost": _lost_rows(done.lost) if done.lost is not None else None,
        "lost_unknown": done.unread,
    }


def _lost_rows(lost: Lost) -> dict[str, list[dict[str, Any]]]:
    return {kind: [_lost_row(row) for row in rows] for kind, rows in lost._asdict().items()}


def _lost_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its amounts and times as a person reads them."""
    shown = {}
    for name, value in row.items():
        if name.endswith("_micros"):
            shown[name.removesuffix("_micros")] = format_exact(value)
        else:
            shown[name.removesuffix("_at")] = when(value) if name.endswith("_at") else value
    return shown


def _show_lost(done: Restored) -> None:
    """Tell what came after the copy: its customers must be told."""
    if done.lost is None:
        click.echo(f"What is lost is not known from the database before: {done.unread}.")
        return
    for kind, rows in _lost_rows(done.lost).items():
        if not rows:
            continue
        click.echo(f"\nLost, {LOST[kind]}: {len(rows)}")
        show_rows(rows[:SHOWN], False, "")
        if len(rows) > SHOWN:
            click.echo(f"… and {len(rows) - SHOWN} more (--json has all)")
    click.echo("" if any(done.lost) else "Nothing came after the copy was made.")


LOST = {
    "orders": "orders",
    "deposits": "deposits",
    "withdrawals": "withdrawals",
    "refills": "refill requests",
    "cancels": "cancel requests",
    "acts": "what operators did",
}
"""What is lost with a restore, in words."""


NOT_EMPTY = "Nothing is added: there are customers or services already."


@click.command("demo", cls=Command)
@click.option("--quiet", is_flag=True, help="Say nothing where nothing is added.")
@as_json
def demo(quiet: bool, as_json: bool) -> None:
    """Fill an empty database with a few services and a customer.

    Does nothing if there is any customer or service.
    """
    if accounts.any_exists() or services.listing():
        if as_json:
            show_one({"added": False}, True)
        elif not quiet:
            click.echo(NOT_EMPTY)
        return
    sandbox = providers.add(
        COMMAND_LINE,
        "sandbox",
        SANDBOX_URL,
        "",
        SANDBOX_REQUESTS_PER_MINUTE,
        ask=None,
        ours=current_settings().currency,
    )
    added = providers.import_services(
        COMMAND_LINE, sandbox.name, ask_catalogue(sandbox), providers.Import(DEMO_MARKUP_PPM)
    )
    key = customers.add(COMMAND_LINE, "demo", DEMO_BALANCE_MICROS)
    if as_json:
        numbers = [change.service_id for change in added]
        show_one({"added": True, "services": numbers, "user": "demo", "key": key}, True)
        return
    amount = f"{format_exact(DEMO_BALANCE_MICROS)} {current_settings().currency}"
    click.echo(
        f"The database was empty: {len(added)} demo services were added, and the "
        f"customer demo with {amount}.\nIts key, shown only now: {key}\n\n"
        f"A first order, to paste into another terminal:\n\n"
        f"  curl {listening_url()}/api/v2 -d key={key} -d action=add "
        f"-d service=1 -d link=https://t.me/example -d quantity=100\n"
    )
