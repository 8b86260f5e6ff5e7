"""flask provider: the panels that we buy from."""

from typing import Any

import click

from api.context import current_settings
from cli.common import (
    AMOUNT,
    COMMAND_LINE,
    CURRENCY,
    PERCENT,
    RATIO,
    ROUND_HELP,
    WHOLE,
    FailedError,
    Group,
    as_json,
    as_list,
    ask_account,
    ask_catalogue,
    show_changes,
    show_one,
    show_rows,
    sync_policy,
    when,
    wide,
)
from cli.prompts import Secret, read_secret
from command_line import OneOf
from models import Provider
from panel.errors import OperatorError
from panel.money import format_exact, format_ratio
from panel.operations import providers
from panel.providers import currency, import_counts, pending, registry
from panel.providers import offered as catalogues
from panel.providers.edit import ProviderEdit
from panel.providers.explain import commands_for, describe_pending
from panel.providers.offered import Offered, Search
from upstream import ask

KEY = Secret("key", "In a script or a block to paste, use --key-env.")
CURRENCY_HELP = "The currency of its prices, where the provider does not name it."


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
        "currency": provider.currency,
        "exchange": format_ratio(provider.exchange_ppt) if provider.exchange_ppt else None,
        "exchange_at": when(provider.exchange_at) if provider.exchange_at else None,
        "note": _note(provider),
    }


def _note(provider: Provider) -> str:
    """What waits for the operator at a provider as a whole, and what to do about it."""
    settings = current_settings()
    notes = [
        f"{describe_pending(item)}: {' or '.join(commands_for(item, settings.currency))}"
        for item in pending.of_provider(provider.id)
    ]
    if provider.stopped_because:
        moved = f" --url {provider.moved_to}" if provider.moved_to else ""
        notes.append(f"{provider.stopped_because}: flask provider resume {provider.name}{moved}")
    if provider.paused_at is not None:
        notes.append(
            f"paused since {when(provider.paused_at)}: flask provider resume {provider.name}"
        )
    if not currency.exchange(provider, settings.currency).theirs:
        notes.append(f"its currency is not known: flask provider currency {provider.name} CODE")
    if currency.is_old(provider, settings.currency, settings.exchange_days):
        notes.append(
            f"the rate of exchange is older than {settings.exchange_days} days: "
            f"flask provider exchange {provider.name} RATE"
        )
    return "; ".join(notes)


@group.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--key-env", help="Read the key from this environment variable.")
@click.option(
    "--requests-per-minute",
    type=WHOLE,
    default=120,
    show_default=True,
    help="The provider's rate limit, which the worker respects.",
)
@click.option("--currency", "code", type=CURRENCY, help=CURRENCY_HELP)
@click.option("--exchange", "ratio", type=RATIO, help="Units of ours for one of theirs.")
@click.option("--unchecked", is_flag=True, help="Add it without asking it first.")
@as_json
def add(
    name: str,
    url: str,
    key_env: str | None,
    requests_per_minute: int,
    code: str | None,
    ratio: int | None,
    unchecked: bool,
    as_json: bool,
) -> None:
    """Add a provider; its API key is asked for, and never shown.

    The provider is asked for our balance: where it does not answer, it is not added.

    Example: flask provider add upstream https://panel.example/api/v2 --key-env UPSTREAM_KEY

    The address "sandbox:" adds the built-in sandbox, which needs no key.
    """
    registry.check(name, url, requests_per_minute)
    key = "" if url == registry.SANDBOX_URL else read_secret(KEY, key_env).strip()
    ask_first = None if unchecked and url != registry.SANDBOX_URL else ask_account
    ours = current_settings().currency
    try:
        row = providers.add(
            COMMAND_LINE,
            name,
            url,
            key,
            requests_per_minute,
            code or "",
            ratio,
            ask=ask_first,
            ours=ours,
        )
    except providers.NotAdded as error:
        raise FailedError(f"{error} (--unchecked adds it without asking)") from None
    if as_json:
        show_one(_row(row), True)
    elif ask_first is None:
        click.echo(f"Provider {name} is added. {unasked(name)}")
    else:
        click.echo(f"Provider {name} is added.\nOur balance there: {row.balance}")
    if ask_first is not None:
        _warn_of_currency(row, ours, "yet")


def unasked(name: str) -> str:
    """What is not known of a provider that was added unchecked."""
    return (
        "It was not asked: whether its address and key are right, our balance there and its "
        f"currency are not known. To ask it: flask provider balance {name}"
    )


def _warn_of_currency(row: Provider, ours: str, until: str) -> None:
    """Warn where a provider's prices cannot be told in our currency."""
    try:
        currency.require(row.id, ours)
    except OperatorError as error:
        click.echo(f"Nothing can be bought there {until}: {error}", err=True)


@group.command("edit")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--url", help="Another address.")
@click.option("--key-env", help="Read another key from this environment variable.")
@click.option("--key", "ask_key", is_flag=True, help="Ask for another key.")
@click.option("--requests-per-minute", type=WHOLE, help="Another rate limit.")
@click.option("--unchecked", is_flag=True, help="Take address and key without asking it first.")
@click.option(
    "--same-panel",
    is_flag=True,
    help="Another host is the same panel, with the same orders and services.",
)
@as_json
def edit(
    name: str,
    new_name: str | None,
    url: str | None,
    key_env: str | None,
    ask_key: bool,
    requests_per_minute: int | None,
    unchecked: bool,
    same_panel: bool,
    as_json: bool,
) -> None:
    """Change a provider's name, address, key or rate limit.

    With another address or key the provider is asked for our balance: where it does not answer,
    nothing is changed. Another host needs the key again, by --key or --key-env. A running worker
    uses what is new within seconds.

    Example: flask provider edit upstream --key-env UPSTREAM_KEY
    """
    if ask_key and key_env is not None:
        raise click.UsageError("Give --key-env or --key, not both.")
    registry.get(name)
    key = read_secret(KEY, key_env).strip() if ask_key or key_env is not None else None
    wanted = ProviderEdit(new_name, url, key, requests_per_minute)
    ours = current_settings().currency
    try:
        edited = providers.edit(
            COMMAND_LINE,
            name,
            wanted,
            ask_account,
            ours,
            unchecked=unchecked,
            same_panel=same_panel,
        )
    except providers.NotChanged as error:
        raise FailedError(f"{error} (--unchecked changes it without asking)") from None
    except OperatorError as error:
        if error.field != "key" or key is not None:
            raise
        raise OperatorError(f"{error} (--key asks for it)", "key") from None
    row = registry.get(edited.name)
    if as_json:
        show_one(_row(row), True)
        return
    click.echo(f"Provider {edited.name} is changed.")
    if edited.balance is not None:
        click.echo(f"Our balance there: {edited.balance}")
        _warn_of_currency(row, ours, "for now")


@group.command("list")
@as_list
def list_(as_json: bool) -> None:
    """List all providers."""
    rows = [_row(row) for row in registry.listing()]
    columns = ("name", "url", "balance", "currency", "note")
    show_rows(rows, as_json, "No providers yet.", columns)


@group.command("show")
@click.argument("name")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show one provider."""
    show_one(_row(registry.get(name)), as_json)


@group.command("balance")
@click.argument("name")
@as_json
def balance(name: str, as_json: bool) -> None:
    """Ask for our balance there; this also tests the connection."""
    ours = current_settings().currency
    found = providers.test(COMMAND_LINE, name, ask_account, ours)
    if as_json:
        show_one({"name": name, "balance": found}, True)
    else:
        click.echo(found)
    _warn_of_currency(registry.get(name), ours, "for now")


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
@click.option("--category", default="", help="Only this category of theirs.")
@click.option("--only", type=OneOf(catalogues.ONLY), help="Only what is imported, or is not.")
@as_list
def services(
    name: str, words: tuple[str, ...], category: str, only: str | None, as_json: bool
) -> None:
    """List the services that a provider offers, at its own prices.

    With WORDS, only those that have all of them in number, name or category. COST is the price in
    our currency, and OURS are the numbers of our services that are bought as this one.
    """
    provider = registry.get(name)
    ours = current_settings().currency
    catalogue = catalogues.offered(provider, ask.browse(provider, current_settings()), ours)
    theirs = currency.exchange(provider, ours).theirs
    wanted = Search(" ".join(words), category, only or "")
    rows = [_offered_row(item, theirs) for item in catalogues.search(catalogue, wanted)]
    columns = ("service", "name", "category", "type", "rate", "currency", "min", "max", "ours")
    show_rows(rows, as_json, "No such services.", columns)


def _offered_row(item: Offered, theirs: str) -> dict[str, Any]:
    listing = item.listing
    return {
        "service": listing.service,
        "name": listing.name,
        "category": listing.category,
        "type": listing.type,
        "rate": format_exact(listing.rate_micros),
        "currency": theirs,
        "cost": None if item.cost_micros is None else format_exact(item.cost_micros),
        "min": listing.min,
        "max": listing.max,
        "refill": listing.refill,
        "cancel": listing.cancel,
        "dripfeed": listing.dripfeed,
        "ours": ", ".join(map(str, item.ours)),
    }


@group.command("import")
@click.argument("name")
@click.option("--category", "categories", multiple=True, help="Only this category; repeatable.")
@click.option("--id", "ids", multiple=True, help="Only this number of theirs; repeatable.")
@click.option("--markup", type=PERCENT, required=True, help="The markup on the cost, such as 25%.")
@click.option("--round", "step", type=AMOUNT, help=ROUND_HELP)
@click.option("--dry-run", is_flag=True, help="Only show what would be imported.")
@as_list
def import_(
    name: str,
    categories: tuple[str, ...],
    ids: tuple[str, ...],
    markup: int,
    step: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a provider's services, or update imported ones.

    With --json, "service" is our number of a service and "theirs" the provider's.

    Example: flask provider import upstream --category Telegram --markup 25% --round 0.01
    """
    listings = ask_catalogue(registry.get(name))
    wanted = providers.Import(markup, step, categories, ids, sync_policy())
    if dry_run:
        changes = providers.preview_import(name, listings, wanted)
    else:
        changes = providers.import_services(COMMAND_LINE, name, listings, wanted)
    show_changes(changes, as_json)
    if not as_json:
        click.echo(f"{import_counts.heading(changes, done=not dry_run)}.")


@group.command("sync")
@click.argument("name")
@as_list
def sync(name: str, as_json: bool) -> None:
    """Read a provider's prices and ranges again, and follow them."""
    show_changes(providers.sync(COMMAND_LINE, name, ask_catalogue, sync_policy()), as_json)


@group.command("confirm")
@click.argument("name")
@as_list
def confirm(name: str, as_json: bool) -> None:
    """Confirm that services vanished there, or moved to other numbers."""
    show_changes(providers.confirm(COMMAND_LINE, name, ask_catalogue, sync_policy()), as_json)


@group.command("exchange")
@click.argument("name")
@click.argument("rate", type=RATIO)
@click.option("--currency", "code", type=CURRENCY, help=CURRENCY_HELP)
@wide
def exchange(name: str, rate: int, code: str | None) -> None:
    """Say what one unit of a provider's currency is worth in ours.

    Costs there are converted at this rate, rounded up, and rates with a markup follow.

    Example: flask provider exchange upstream 83.20
    """
    ours = current_settings().currency
    changes = providers.set_exchange(COMMAND_LINE, name, rate, ours, sync_policy(), code or "")
    theirs = registry.get(name).currency
    click.echo(f"1 {theirs} of {name} is {format_ratio(rate)} {ours}.")
    if changes:
        show_changes(changes)


@group.command("currency")
@click.argument("name")
@click.argument("code", type=CURRENCY)
def currency_(name: str, code: str) -> None:
    """Say which currency a provider's prices are in.

    For a provider that does not name it. This also confirms that a provider changed to our own
    currency.

    Example: flask provider currency upstream USD
    """
    providers.set_currency(COMMAND_LINE, name, code, current_settings().currency)
    click.echo(f"The prices of {name} are in {code}.")


@group.command("pause")
@click.argument("name")
def pause(name: str) -> None:
    """Send nothing new to a provider for now.

    Orders, refills and cancel requests wait.

    The orders that it has are followed, and so are its prices. Customers can still order.
    """
    providers.pause(COMMAND_LINE, name)
    click.echo(f"Provider {name} is paused; to send again: flask provider resume {name}")


@group.command("resume")
@click.argument("name")
@click.option("--url", help="Its new address, where it redirects to another.")
def resume(name: str, url: str | None) -> None:
    """Use a provider again that was stopped or paused.

    What waits for funds there is sent now. With --url a provider that was stopped by a redirect
    is used at the address that it redirects to, if it answers there; any other address is changed
    with flask provider edit.

    Example: flask provider resume upstream --url https://new.example/api/v2
    """
    if url is None:
        count = providers.resume(COMMAND_LINE, name)
    else:
        ours = current_settings().currency
        count = providers.resume_at(COMMAND_LINE, name, url, ask_account, ours)
    click.echo(f"Provider {name} is in use; {count} orders that waited for funds are sent now.")
