"""flask user: customers, their keys and their funds."""

from typing import Any

import click

from cli.common import AMOUNT, Group, as_json, show_one, show_rows, when
from models import Account
from panel import accounts
from panel.money import format_exact


@click.group("user", cls=Group)
def group() -> None:
    """Customers, their keys and their funds."""


def _print_key(key: str) -> None:
    click.echo(key)
    click.echo("This key is shown only now; the panel keeps nothing but its hash.", err=True)


def _row(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "status": account.status,
        "balance": format_exact(account.balance_micros),
        "created": when(account.created_at),
    }


@group.command("add")
@click.argument("name")
@click.option("--balance", type=AMOUNT, default=0, help="A first deposit.")
def add(name: str, balance: int) -> None:
    """Add a customer and print its key, once.

    Example: flask user add alice --balance 25
    """
    _print_key(accounts.add(name, balance))


@group.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All customers with their balances."""
    show_rows([_row(account) for account in accounts.listing()], as_json, "No users yet.")


@group.command("show")
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """One customer."""
    show_one(_row(accounts.get(name)), as_json)


@group.command("suspend")
@click.argument("name")
def suspend(name: str) -> None:
    """Lock a customer out, from the next request on."""
    accounts.set_status(name, "suspended")
    click.echo(f"{name} is suspended.")


@group.command("activate")
@click.argument("name")
def activate(name: str) -> None:
    """Let a suspended customer in again."""
    accounts.set_status(name, "active")
    click.echo(f"{name} is active.")


@group.command("rotate-key")
@click.argument("name")
def rotate_key(name: str) -> None:
    """Replace a customer's key and print the new one, once."""
    _print_key(accounts.rotate_key(name))


@group.command("fund", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("amount", type=AMOUNT)
@click.option("--note", default="", help="Why, for the ledger.")
def fund(name: str, amount: int, note: str) -> None:
    """Deposit an amount for a customer; a negative one withdraws.

    Example: flask user fund alice 25.50 --note "invoice 17"
    """
    balance = accounts.fund(name, amount, note)
    click.echo(f"{name} now has {format_exact(balance)}.")
