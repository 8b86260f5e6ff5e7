"""What an operator does with providers: add, test, import from and sync with them, remove."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from models import Provider
from panel.money import format_percent
from panel.operations.audit import Actor, audited
from panel.operations.services import AskCatalogue
from panel.providers import import_services as imports
from panel.providers import price_sync, registry
from panel.providers.changes import CatalogueChange
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount

AskAccount = Callable[[Provider], ProviderAccount]
"""Asks a provider about our account there, over the network.

Called outside any transaction; it raises ProviderFailed where the provider does not answer.
"""


class Import(NamedTuple):
    """What to import, and at which rates.

    categories, ids: the provider's; where neither is given, everything.
    markup_ppm: in millionths of the cost; 250000 is 25 %.
    round_micros: rates are rounded up to a multiple of this; None for the exact rate.
    """

    markup_ppm: int
    round_micros: int | None = None
    categories: Collection[str] = ()
    ids: Collection[str] = ()


def add(actor: Actor, name: str, url: str, key: str, requests_per_minute: int) -> Provider:
    """Add a provider, or bring a removed one back with a new address and key.

    :param key: kept as it is; it is never shown or written to the audit.
    :raises OperatorError: for a name, address, key or number that cannot be used, or a name
        that is taken.
    """
    # An address that cannot be used is not repeated: people paste keys into it.
    shown = f" {url}" if registry.is_address(url) else ""
    with audited(actor, f"provider {name}: add{shown}"):
        return registry.add(name, url, key, requests_per_minute)


def test(actor: Actor, name: str, ask: AskAccount) -> str:
    """Ask a provider for our balance there: address, key and connection are good if it answers.

    What it answers is recorded, also that it knows idempotency keys.

    :returns: the balance, as the provider writes it.
    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: if there is no such provider.
    """
    with audited(actor, f"provider {name}: test"):
        provider = registry.get(name)
        account = ask(provider)
        registry.record_account(provider.id, account)
    return account.balance


def remove(actor: Actor, name: str) -> int:
    """Remove a provider and forget its key; services bought there first are disabled.

    :returns: how many services were disabled.
    :raises OperatorError: for no such provider, or while orders are open there.
    """
    with audited(actor, f"provider {name}: remove"):
        return registry.remove(name)


def preview_import(
    name: str, listings: Collection[Listing], wanted: Import
) -> list[CatalogueChange]:
    """Tell what import_services() would do, and change nothing.

    :param listings: the provider's whole catalogue.
    :raises OperatorError: as import_services() does.
    """
    return _import(name, listings, wanted, dry_run=True)


def import_services(
    actor: Actor, name: str, listings: Collection[Listing], wanted: Import
) -> list[CatalogueChange]:
    """Create services for a provider's, or update those that were imported before.

    :param listings: the provider's whole catalogue.
    :returns: a change for each chosen listing; what cannot be sold is skipped.
    :raises OperatorError: for no such provider, nothing chosen, or a markup that is not allowed.
    """
    chosen = ", ".join([*wanted.categories, *wanted.ids]) or "everything"
    act = f"provider {name}: import {chosen} at {format_percent(wanted.markup_ppm)}"
    with audited(actor, act):
        return _import(name, listings, wanted, dry_run=False)


def _import(
    name: str, listings: Collection[Listing], wanted: Import, dry_run: bool
) -> list[CatalogueChange]:
    provider = registry.get(name)
    chosen = imports.select_listings(listings, wanted.categories, wanted.ids)
    return imports.import_services(
        provider.id, chosen, wanted.markup_ppm, wanted.round_micros, dry_run=dry_run
    )


def sync(
    actor: Actor, name: str, ask: AskCatalogue, disable_below_cost: bool
) -> list[CatalogueChange]:
    """Read a provider's catalogue again, and follow its prices and ranges.

    :param disable_below_cost: whether a service that costs more than its rate is disabled.
    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: for no such provider, or an empty catalogue.
    """
    with audited(actor, f"provider {name}: sync"):
        provider = registry.get(name)
        policy = price_sync.SyncPolicy(disable_below_cost, 50, 100, 30)
        return price_sync.sync_prices(provider.id, ask(provider), policy)
