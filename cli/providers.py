"""flask provider: the panels that we buy from."""

import os
import sys
from typing import Any

import click

from api.context import current_settings
from cli.common import (
    AMOUNT,
    COMMAND_LINE,
    PERCENT,
    ROUND_HELP,
    Group,
    as_json,
    ask_account,
    ask_catalogue,
    show_changes,
    show_one,
    show_rows,
    when,
)
from models import Provider
from panel.errors import OperatorError, ProviderFailed
from panel.money import format_exact
from panel.operations import providers
from panel.providers import registry
from panel.providers.listing import Listing


@click.group("provider", cls=Group)
def group() -> None:
    """Providers: the panels that we buy from."""


def _row(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "url": provider.url,
        "requests_per_minute": provider.requests_per_minute,
        "balance": provider.balance,
        "balance_at": when(provider.balance_at) if provider.balance_at else None,
        "added": when(provider.created_at),
    }


@group.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--key-env", help="Read the key from this environment variable.")
@click.option(
    "--requests-per-minute",
    type=int,
    default=120,
    show_default=True,
    help="The provider's rate limit, which the worker respects.",
)
def add(name: str, url: str, key_env: str | None, requests_per_minute: int) -> None:
    """Add a provider; its API key is asked for, and never shown.

    Example: flask provider add upstream https://panel.example/api/v2

    The address "sandbox:" adds the built-in sandbox, which needs no key.
    """
    registry.check(name, url, requests_per_minute)
    key = "" if url == registry.SANDBOX_URL else _key(key_env)
    providers.add(COMMAND_LINE, name, url, key, requests_per_minute)
    click.echo(f"Provider {name} is added.")
    try:
        click.echo(f"Our balance there: {providers.test(COMMAND_LINE, name, ask_account)}")
    except ProviderFailed as error:
        click.echo(f"Its balance could not be read: {error.why}", err=True)


def _key(variable: str | None) -> str:
    """The key, from the environment or stdin: no process list shows it there."""
    if variable is not None:
        if not os.environ.get(variable):
            raise OperatorError(f"the environment variable {variable} is not set")
        return os.environ[variable].strip()
    if sys.stdin.isatty():
        return click.prompt("API key", hide_input=True)
    return sys.stdin.readline().strip()


@group.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List all providers."""
    show_rows([_row(row) for row in registry.listing()], as_json, "No providers yet.")


@group.command("show")
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show one provider."""
    show_one(_row(registry.get(name)), as_json)


@group.command("balance")
@click.argument("name")
def balance(name: str) -> None:
    """Ask for our balance there; this also tests the connection."""
    click.echo(providers.test(COMMAND_LINE, name, ask_account))


@group.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a provider and its key.

    Services that are bought there first are disabled.
    """
    count = providers.remove(COMMAND_LINE, name)
    click.echo(f"Provider {name} is removed; {count} services were disabled.")


@group.command("services")
@click.argument("name")
@click.argument("words", nargs=-1)
@as_json
def services(name: str, words: tuple[str, ...], as_json: bool) -> None:
    """List the services that a provider offers.

    With WORDS, only those that have all of them in number, name or category.
    """
    found = [item for item in ask_catalogue(registry.get(name)) if _matches(item, words)]
    rows = [
        {
            "service": item.service,
            "name": item.name,
            "category": item.category,
            "type": item.type,
            "rate": format_exact(item.rate_micros),
            "min": item.min,
            "max": item.max,
            "refill": item.refill,
            "cancel": item.cancel,
        }
        for item in found
    ]
    show_rows(rows, as_json, "No such services.")


def _matches(item: Listing, words: tuple[str, ...]) -> bool:
    text = f"{item.service} {item.name} {item.category}".casefold()
    return all(word.casefold() in text for word in words)


@group.command("import")
@click.argument("name")
@click.option("--category", "categories", multiple=True, help="Only this category; repeatable.")
@click.option("--id", "ids", multiple=True, help="Only this number of theirs; repeatable.")
@click.option("--markup", type=PERCENT, required=True, help="The markup on the cost, such as 25%.")
@click.option("--round", "step", type=AMOUNT, help=ROUND_HELP)
@click.option("--dry-run", is_flag=True, help="Only show what would be imported.")
def import_(
    name: str,
    categories: tuple[str, ...],
    ids: tuple[str, ...],
    markup: int,
    step: int | None,
    dry_run: bool,
) -> None:
    """Import a provider's services, or update imported ones.

    Example: flask provider import upstream --category Telegram --markup 25% --round 0.01
    """
    listings = ask_catalogue(registry.get(name))
    wanted = providers.Import(markup, step, categories, ids)
    if dry_run:
        show_changes(providers.preview_import(name, listings, wanted))
    else:
        show_changes(providers.import_services(COMMAND_LINE, name, listings, wanted))


@group.command("sync")
@click.argument("name")
def sync(name: str) -> None:
    """Read a provider's prices and ranges again, and follow them."""
    disable = current_settings().below_cost == "disable"
    show_changes(providers.sync(COMMAND_LINE, name, ask_catalogue, disable))
