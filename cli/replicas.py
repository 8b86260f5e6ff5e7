"""flask replica-check: whether the continuous copy of the database can be restored."""

from pathlib import Path

import click

from api.context import current_settings
from cli.common import FILE, Command, FailedError
from command_line import Whole
from panel.operations import replicas
from panel.tasks import TaskFailedError

BEHIND_S = 300


@click.command("replica-check", cls=Command)
@click.option(
    "--config",
    type=FILE,
    default=Path("/etc/panel-litestream.yml"),
    show_default=True,
    help="Litestream's configuration.",
)
@click.option(
    "--litestream", default="litestream", show_default=True, help="The program Litestream."
)
@click.option(
    "--behind",
    type=Whole(1, 10**9),
    default=BEHIND_S,
    show_default=True,
    help="How far behind the replica may be, in seconds.",
)
def replica_check(config: Path, litestream: str, behind: int) -> None:
    """Restore Litestream's replica for a test, and check it.

    Needs room for a temporary file beside the database. Exit code 1 if the replica cannot be
    restored, its ledger is not consistent, or it is too far behind.
    """
    try:
        click.echo(replicas.check_replica(current_settings().database, litestream, config, behind))
    except TaskFailedError as error:
        raise FailedError(str(error)) from None
