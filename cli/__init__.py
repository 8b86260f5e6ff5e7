"""The operator's commands, one file a group: parse, call panel.operations, print."""

from flask import Flask

from cli import (
    database,
    ledger,
    operators,
    orders,
    providers,
    refills,
    report,
    services,
    users,
    worker,
)
from test_server.command import command as test_server


def register(app: Flask) -> None:
    """Add every command to the app."""
    for command in (
        users.group,
        services.group,
        orders.group,
        refills.refill_group,
        refills.cancel_group,
        ledger.group,
        providers.group,
        report.command,
        worker.command,
        test_server,
        operators.group,
        database.init_db,
        database.backup_command,
        database.demo,
    ):
        app.cli.add_command(command)
