"""flask user: customers, their keys and their funds."""

import sys
from typing import Any

import click

from api.context import current_settings
from api.dialects import DIALECTS
from cli.common import (
    AMOUNT,
    COMMAND_LINE,
    NUMBER,
    PERCENT,
    FailedError,
    Group,
    as_json,
    as_list,
    show_one,
    show_rows,
    when,
)
from command_line import OneOf
from models import Account
from panel import accounts, pricing
from panel.money import format_exact, with_currency
from panel.operations import customers
from panel.operations.customers import Loss


@click.group("user", cls=Group)
def group() -> None:
    """Customers, their keys and their funds."""


yes = click.option(
    "--yes", is_flag=True, help="Do not ask about an amount above PANEL_DEPOSIT_ASK."
)


def _ask_first(name: str, amount_micros: int, before_micros: int) -> None:
    """Ask whoever sits at a terminal whether a large amount is meant.

    A script is not asked: what it enters was written down before.

    :raises FailedError: if it is not meant.
    """
    if not customers.asks_first(amount_micros, current_settings().deposit_ask):
        return
    if not _can_be_asked():
        return
    act = customers.money_act(amount_micros)
    after = with_currency(before_micros + amount_micros)
    if not click.confirm(f"{name}: {act}; the balance will be {after}. Is that right?", err=True):
        raise FailedError("nothing was entered")


def _can_be_asked() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin.isatty()


def _print_key(name: str, key: str, as_json: bool) -> None:
    if as_json:
        show_one({**_row(accounts.get(name)), "key": key}, True)
    else:
        click.echo(key)
    click.echo("This key is shown only now; the panel keeps only its hash.", err=True)


def _row(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "status": account.status,
        "balance": format_exact(account.balance_micros),
        "discount": f"{format_exact(account.discount_ppm * 100)}%",
        "dialect": account.dialect,
        "created": when(account.created_at),
        "orders": account.orders,
        "spent": format_exact(account.spent_micros),
        "last_order": None if account.last_order_at is None else when(account.last_order_at),
    }


@group.command("add")
@click.argument("name")
@click.option("--balance", type=AMOUNT, default=0, help="A first deposit.")
@yes
@as_json
def add(name: str, balance: int, yes: bool, as_json: bool) -> None:
    """Add a customer and print its key, once.

    Example: flask user add alice --balance 25
    """
    if not yes:
        _ask_first(name, balance, 0)
    _print_key(name, customers.add(COMMAND_LINE, name, balance), as_json)


@group.command("list")
@as_list
def list_(as_json: bool) -> None:
    """List all customers with their balances."""
    rows = [_row(account) for account in accounts.listing()]
    show_rows(rows, as_json, "No users yet.")


@group.command("show")
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show one customer, with its own rates."""
    account = accounts.get(name)
    own = pricing.account_rates(account.id)
    rates = {str(service): format_exact(rate) for service, rate in own.items()}
    shown = rates if as_json else ", ".join(f"{s}: {r}" for s, r in rates.items())
    show_one({**_row(account), "rates": shown}, as_json)


@group.command("fund")
@click.argument("name")
@click.argument("amount", type=AMOUNT)
@click.option("--note", default="", help="A note for the ledger entry.")
@yes
@as_json
def fund(name: str, amount: int, note: str, yes: bool, as_json: bool) -> None:
    """Deposit an amount for a customer; a negative amount withdraws.

    Example: flask user fund alice 25.50 --note "invoice 17"
    """
    if not yes:
        _ask_first(name, amount, accounts.get(name).balance_micros)
    balance = customers.fund(COMMAND_LINE, name, amount, note)
    if as_json:
        show_one({"name": name, "balance": format_exact(balance)}, True)
    else:
        click.echo(f"{name} now has {format_exact(balance)}.")


@group.command("suspend")
@click.argument("name")
def suspend(name: str) -> None:
    """Suspend a customer: every request of it is refused."""
    customers.suspend(COMMAND_LINE, name)
    click.echo(f"{name} is suspended.")


@group.command("activate")
@click.argument("name")
def activate(name: str) -> None:
    """Activate a suspended customer again."""
    customers.activate(COMMAND_LINE, name)
    click.echo(f"{name} is active.")


@group.command("rotate-key")
@click.argument("name")
@as_json
def rotate_key(name: str, as_json: bool) -> None:
    """Replace a customer's key and print the new one, once."""
    _print_key(name, customers.rotate_key(COMMAND_LINE, name), as_json)


@group.command("dialect")
@click.argument("name")
@click.argument("dialect", type=OneOf([*DIALECTS, "default"]))
def dialect(name: str, dialect: str) -> None:
    """Choose the dialect of a customer's answers.

    "default" is the panel's setting, PANEL_DIALECT.
    Clients written for Perfect Panel or JustAnotherPanel need perfectpanel.
    """
    customers.set_dialect(COMMAND_LINE, name, None if dialect == "default" else dialect)
    click.echo(f"{name} is answered in the dialect {dialect}.")


@group.command("discount")
@click.argument("name")
@click.argument("percent", type=PERCENT)
def discount(name: str, percent: int) -> None:
    """Give a customer a discount on every rate; 0 removes it.

    Example: flask user discount alice 5%
    """
    losses = customers.set_discount(COMMAND_LINE, name, percent)
    click.echo(f"{name} now gets {format_exact(percent * 100)}% off.")
    _warn_of_losses(losses)


@group.command("rate")
@click.argument("name")
@click.argument("service", type=NUMBER)
@click.argument("rate")
def rate(name: str, service: int, rate: str) -> None:
    """Give a customer its own rate for a service; "none" removes it.

    Example: flask user rate alice 3 0.95
    """
    micros = None if rate == "none" else AMOUNT.convert(rate, None, None)
    losses = customers.set_rate(COMMAND_LINE, name, service, micros)
    if micros is None:
        click.echo(f"{name} pays the usual rate of service {service} again.")
        return
    click.echo(f"{name} now pays {format_exact(micros)} for service {service}.")
    _warn_of_losses(losses)


def _warn_of_losses(losses: list[Loss]) -> None:
    """Warn of the services that are now sold below their cost."""
    for loss in losses:
        rate, cost = format_exact(loss.rate_micros), format_exact(loss.cost_micros)
        click.echo(f"Service {loss.service_id}: {rate} is below its cost {cost}.", err=True)
