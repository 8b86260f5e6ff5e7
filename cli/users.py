"""flask user: customers, their keys and their funds."""

from typing import Any

import click

from api.dialects import DIALECTS
from cli.common import AMOUNT, NUMBER, PERCENT, Group, as_json, show_one, show_rows, when
from models import Account
from panel import accounts, pricing
from panel.money import format_exact
from panel.providers import sources


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
        "discount": f"{format_exact(account.discount_ppm * 100)}%",
        "dialect": account.dialect,
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
    """One customer, with the rates of its own."""
    account = accounts.get(name)
    own = pricing.account_rates(account.id)
    rates = {str(service): format_exact(rate) for service, rate in own.items()}
    shown = rates if as_json else ", ".join(f"{s}: {r}" for s, r in rates.items())
    show_one({**_row(account), "rates": shown}, as_json)


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


@group.command("dialect")
@click.argument("name")
@click.argument("dialect", type=click.Choice([*DIALECTS, "default"]))
def dialect(name: str, dialect: str) -> None:
    """Say how answers are shaped for a customer; "default" for the panel's own way.

    Clients written for Perfect Panel or JustAnotherPanel want perfectpanel.
    """
    accounts.set_dialect(name, None if dialect == "default" else dialect)
    click.echo(f"{name} is answered in the dialect {dialect}.")


@group.command("discount")
@click.argument("name")
@click.argument("percent", type=PERCENT)
def discount(name: str, percent: int) -> None:
    """Give a customer a discount on every rate; 0 takes it away.

    Example: flask user discount alice 5%
    """
    accounts.set_discount(name, percent)
    click.echo(f"{name} now gets {format_exact(percent * 100)}% off.")
    _warn_of_losses(pricing.rates_for(accounts.get(name)))


@group.command("rate")
@click.argument("name")
@click.argument("service", type=NUMBER)
@click.argument("rate")
def rate(name: str, service: int, rate: str) -> None:
    """Give a customer its own rate for a service; "none" takes it away.

    Example: flask user rate alice 3 0.95
    """
    micros = None if rate == "none" else AMOUNT.convert(rate, None, None)
    pricing.set_account_rate(accounts.get(name).id, service, micros)
    if micros is None:
        click.echo(f"{name} pays the usual rate of service {service} again.")
        return
    click.echo(f"{name} now pays {format_exact(micros)} for service {service}.")
    _warn_of_losses({service: micros})


def _warn_of_losses(rates: dict[int, int]) -> None:
    """Name the services that would be sold below their cost."""
    for service, cost in sources.losses(rates).items():
        rate = format_exact(rates[service])
        click.echo(f"Service {service}: {rate} is below its cost {format_exact(cost)}.", err=True)


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
