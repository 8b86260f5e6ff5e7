"""flask provider: the panels that we buy from."""

import os
import sys
from typing import Any

import click

from api.context import current_settings
from cli.common import (
    AMOUNT,
    PERCENT,
    FailedError,
    Group,
    as_json,
    connect,
    show_one,
    show_rows,
    when,
)
from models import Provider
from panel.errors import OperatorError
from panel.money import format_exact
from panel.providers import import_services, price_sync, registry
from panel.providers.import_services import CatalogueChange
from panel.providers.listing import Listing
from upstream import PROVIDER_ERRORS


@click.group("provider", cls=Group)
def group() -> None:
    """The panels that we buy from."""


def _row(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "url": provider.url,
        "requests_per_minute": provider.requests_per_minute,
        "balance": provider.balance,
        "balance_at": when(provider.balance_at) if provider.balance_at else None,
        "added": when(provider.created_at),
    }


def _catalogue(provider: Provider) -> list[Listing]:
    try:
        return connect(provider).services()
    except PROVIDER_ERRORS as error:
        raise FailedError(f"{provider.name}: {error}") from None


@group.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--key-env", help="The environment variable that holds the key.")
@click.option(
    "--requests-per-minute",
    type=int,
    default=120,
    show_default=True,
    help="Its rate limit, which the worker keeps.",
)
def add(name: str, url: str, key_env: str | None, requests_per_minute: int) -> None:
    """Add a panel to buy from; its key is asked for, and never shown.

    Example: flask provider add upstream https://panel.example/api/v2

    The address "sandbox:" adds the built-in sandbox, which needs no key.
    """
    registry.check(name, url, requests_per_minute)
    key = "" if url == registry.SANDBOX_URL else _key(key_env)
    provider = registry.add(name, url, key, requests_per_minute)
    click.echo(f"Provider {name} is added.")
    try:
        click.echo(f"Our balance there: {_ask_balance(provider)}")
    except PROVIDER_ERRORS as error:
        click.echo(f"Its balance could not be read: {error}", err=True)


def _key(variable: str | None) -> str:
    """The key, from where no process list shows it."""
    if variable is not None:
        if not os.environ.get(variable):
            raise OperatorError(f"the environment variable {variable} is not set")
        return os.environ[variable].strip()
    if sys.stdin.isatty():
        return click.prompt("API key", hide_input=True)
    return sys.stdin.readline().strip()


def _ask_balance(provider: Provider) -> str:
    """Our funds there; what the provider says of itself beside is kept."""
    upstream = connect(provider)
    text = upstream.balance()
    registry.record_balance(provider.id, text)
    if upstream.idempotent:
        registry.record_idempotent(provider.id)
    return text


@group.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All providers."""
    show_rows([_row(row) for row in registry.listing()], as_json, "No providers yet.")


@group.command("show")
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """One provider."""
    show_one(_row(registry.get(name)), as_json)


@group.command("balance")
@click.argument("name")
def balance(name: str) -> None:
    """Ask for our funds there."""
    try:
        click.echo(_ask_balance(registry.get(name)))
    except PROVIDER_ERRORS as error:
        raise FailedError(f"{name}: {error}") from None


@group.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove a provider and forget its key; services bought there first are disabled."""
    count = registry.remove(name)
    click.echo(f"Provider {name} is removed; {count} services were disabled.")


@group.command("services")
@click.argument("name")
@click.argument("words", nargs=-1)
@as_json
def services(name: str, words: tuple[str, ...], as_json: bool) -> None:
    """Their catalogue; with WORDS, only what has all of them in number, name or category."""
    found = [item for item in _catalogue(registry.get(name)) if _has(item, words)]
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


def _has(item: Listing, words: tuple[str, ...]) -> bool:
    text = f"{item.service} {item.name} {item.category}".casefold()
    return all(word.casefold() in text for word in words)


@group.command("import")
@click.argument("name")
@click.option("--category", "categories", multiple=True, help="Only this category; repeatable.")
@click.option("--id", "ids", multiple=True, help="Only this service of theirs; repeatable.")
@click.option("--markup", type=PERCENT, required=True, help="On top of the cost, such as 25%.")
@click.option("--round", "step", type=AMOUNT, default=1, help="Round rates up to this step.")
@click.option("--dry-run", is_flag=True, help="Only show what would be taken over.")
def import_(
    name: str,
    categories: tuple[str, ...],
    ids: tuple[str, ...],
    markup: int,
    step: int,
    dry_run: bool,
) -> None:
    """Take their services over: ours are created, or updated where they were taken before.

    Example: flask provider import upstream --category Telegram --markup 25% --round 0.01
    """
    provider = registry.get(name)
    wanted = import_services.select_listings(_catalogue(provider), categories, ids)
    _print_changes(
        import_services.import_services(provider.id, wanted, markup, step, dry_run=dry_run)
    )


@group.command("sync")
@click.argument("name")
def sync(name: str) -> None:
    """Re-read their prices and ranges, and follow them."""
    provider = registry.get(name)
    changes = price_sync.sync_prices(provider.id, _catalogue(provider), _disable_below_cost())
    _print_changes(changes)


def _disable_below_cost() -> bool:
    return current_settings().below_cost == "disable"


def _print_changes(changes: list[CatalogueChange]) -> None:
    rows = [
        {"service": c.service_id, "theirs": c.provider_service, "name": c.name, "change": c.what}
        for c in changes
    ]
    show_rows(rows, False, "Nothing has changed.")
