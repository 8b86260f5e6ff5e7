"""The operator's commands, one file a group: parse, call panel.operations, print."""

from collections.abc import Callable

from flask import Flask

from cli import (
    attention,
    audit,
    database,
    doctor,
    ledger,
    notify,
    operators,
    orders,
    providers,
    refills,
    replicas,
    report,
    restored,
    services,
    users,
    version,
    words,
    worker,
)
from cli.common import bind_open_database
from cli.help import arrange


def register(
    app: Flask,
    open_database: Callable[[], None],
    explained: list[tuple[str, str, str]],
    unknown: list[str],
) -> None:
    """Add every command to the app.

    :param open_database: opens the app's database, or ends the process with one line; called
        before a command that needs it.
    :param explained: variable, value and origin of each setting, for `flask doctor`.
    :param unknown: variables that look like settings and are none.
    """
    bind_open_database(app, open_database)
    providers.group.add_command(words.word)
    providers.group.add_command(words.listing)
    for command in (
        users.group,
        services.group,
        orders.group,
        refills.refill_group,
        refills.cancel_group,
        ledger.group,
        audit.group,
        providers.group,
        attention.command,
        doctor.make(explained, unknown),
        notify.group,
        report.command,
        worker.command,
        version.command,
        operators.group,
        database.init_db,
        database.backup_command,
        database.restore_command,
        database.moved_command,
        restored.group,
        replicas.replica_check,
        database.demo,
    ):
        app.cli.add_command(command)
    arrange(app)
