"""flask ledger: every change of every balance, and the check that they add up."""

from typing import Any

import click

from cli.common import (
    Group,
    as_list,
    limit,
    show_rows,
    when,
)
from panel import accounts, ledger, ledger_check
from panel.money import format_exact


@click.group("ledger", cls=Group)
def group() -> None:
    """The ledger: every deposit, withdrawal, charge and refund."""


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": entry["id"],
        "user": entry["account_name"],
        "kind": entry["kind"],
        "amount": format_exact(entry["amount_micros"]),
        "balance": format_exact(entry["balance_micros"]),
        "order": entry["order"],
        "note": entry["note"],
        "created": when(entry["created_at"]),
    }


@group.command("list")
@click.argument("user", required=False)
@limit()
@as_list
def list_(user: str | None, limit: int, as_json: bool) -> None:
    """List the newest entries, of one customer or of all."""
    account_id = accounts.get(user).id if user is not None else None
    rows = [_row(entry) for entry in ledger.listing(account_id, limit)]
    show_rows(rows, as_json, "No entries yet.")


@group.command("check")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check that balances and orders match their entries.

    Prints what does not match, with exit code 1. An alert of the nightly check ends when nothing
    does.
    """
    wrong = list(ledger.check())
    for line in wrong:
        click.echo(line)
    if wrong:
        ctx.exit(1)
    ledger_check.settle()
    click.echo("The ledger is consistent: every balance and every order matches its entries.")
