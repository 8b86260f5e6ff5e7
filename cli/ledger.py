"""flask ledger: every change of every balance, and the check that they add up."""

from datetime import datetime
from typing import Any

import click

from cli.common import (
    NUMBER,
    Group,
    as_list,
    beginning,
    end,
    limit,
    range_of_days,
    show_rows,
    when,
)
from command_line import OneOf
from panel import accounts, ledger, ledger_check, ledger_queries
from panel.ledger_queries import KINDS, LedgerFilter
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
        "by": entry["operator"],
    }


@group.command("list")
@click.argument("user", required=False)
@click.option("--kind", type=OneOf(KINDS), help="Only entries of this kind.")
@click.option("--order", "order_id", type=NUMBER, help="Only entries of this order.")
@range_of_days
@limit()
@as_list
def list_(
    user: str | None,
    kind: str | None,
    order_id: int | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the newest entries, of one customer or of all."""
    account_id = accounts.get(user).id if user is not None else None
    wanted = LedgerFilter(account_id, kind or "", beginning(since), end(until), order_id)
    rows = [_row(entry) for entry in ledger_queries.newest(wanted, limit)]
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
