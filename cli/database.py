"""flask init-db, flask backup and flask demo: the database as a whole."""

from pathlib import Path

import click

from api.context import current_settings, listening_url
from cli.common import COMMAND_LINE, Command, FailedError, ask_catalogue
from database.backup import backup, damage, read_only
from database.connection import database
from database.driver import sqlite3
from panel import accounts, ledger, services
from panel.errors import OperatorError
from panel.money import MICROS, format_exact
from panel.operations import customers, providers
from panel.providers.registry import SANDBOX_URL

DEMO_BALANCE_MICROS = 100 * MICROS
DEMO_MARKUP_PPM = 250_000
SANDBOX_REQUESTS_PER_MINUTE = 6000


@click.command("init-db", cls=Command)
def init_db() -> None:
    """Create the database, or upgrade it to this version."""
    # Opening it did the work: every command and the server open it the same way.
    click.echo(f"The database {database.database} is ready.")


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def backup_command(file: Path) -> None:
    """Write a consistent copy of the database to FILE, and check it.

    The panel may be serving meanwhile. A FILE that exists is never overwritten.
    """
    try:
        if file.exists():
            raise OperatorError(f"{file} exists already; a backup never overwrites")
        part = file.with_name(file.name + ".part")
        part.unlink(missing_ok=True)
        try:
            _write_sound_copy(part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OperatorError(f"cannot write {file}: {error.strerror}") from None
    click.echo(f"Wrote {file} ({file.stat().st_size} bytes), checked.")


def _write_sound_copy(target: Path) -> None:
    """Copy the database, and check the copy.

    :raises FailedError: if the copy is damaged or its ledger is not consistent.
    """
    try:
        backup(target)
        with read_only(target) as copy:
            wrong = [*damage(copy), *ledger.check(copy.execute)]
    except sqlite3.Error as error:
        wrong = [str(error)]
    if wrong:
        raise FailedError(f"the copy is not sound, and was removed: {wrong[0]}")


@click.command("demo", cls=Command)
def demo() -> None:
    """Fill an empty database with a few services and a customer.

    Does nothing if there is any customer or service.
    """
    if accounts.any_exists() or services.listing():
        return
    sandbox = providers.add(COMMAND_LINE, "sandbox", SANDBOX_URL, "", SANDBOX_REQUESTS_PER_MINUTE)
    added = providers.import_services(
        COMMAND_LINE, sandbox.name, ask_catalogue(sandbox), providers.Import(DEMO_MARKUP_PPM)
    )
    key = customers.add(COMMAND_LINE, "demo", DEMO_BALANCE_MICROS)
    amount = f"{format_exact(DEMO_BALANCE_MICROS)} {current_settings().currency}"
    click.echo(
        f"The database was empty: {len(added)} demo services were added, and the "
        f"customer demo with {amount}.\nIts key, shown only now: {key}\n\n"
        f"A first order, to paste into another terminal:\n\n"
        f"  curl {listening_url()}/api/v2 -d key={key} -d action=add "
        f"-d service=1 -d link=https://t.me/example -d quantity=100\n"
    )
