"""What an operator does with providers: add, test, import from, sync with, confirm, remove."""

from collections.abc import Callable, Collection
from typing import NamedTuple

from database.transactions import immediate
from models import Provider
from panel.alerts import record
from panel.errors import OperatorError, ProviderFailed
from panel.money import format_percent, format_ratio
from panel.operations.audit import Actor, audited
from panel.operations.audit import record as record_act
from panel.operations.services import AskCatalogue
from panel.orders import dispatch
from panel.providers import edit as edits
from panel.providers import exchange_rates, price_sync, registry
from panel.providers import import_services as imports
from panel.providers.changes import CatalogueChange, Kind, describe
from panel.providers.edit import ProviderEdit
from panel.providers.listing import Listing
from panel.providers.policy import USUAL, SyncPolicy
from panel.providers.registry import ProviderAccount

AskAccount = Callable[[Provider], ProviderAccount]
"""Asks a provider about our account there, over the network.

Called outside any transaction; it raises ProviderFailed where the provider does not answer.
"""


class NotAdded(ProviderFailed):
    """A provider that did not answer as one, and was not added."""

    done = "added"

    def __init__(self, provider: str, failed: ProviderFailed, field: str = "") -> None:
        OperatorError.__init__(
            self,
            f"{provider} is not {self.done}: {failed.why.rstrip('.')}. {failed.advice}".rstrip(),
            field,
        )
        self.why = failed.why
        self.advice = failed.advice


class NotChanged(NotAdded):
    """A provider that did not answer with its new address or key, and was not changed."""

    done = "changed"


class Import(NamedTuple):
    """What to import, and at which rates.

    categories, ids: the provider's; where neither is given, everything.
    markup_ppm: in millionths of the cost; 250000 is 25 %.
    round_micros: rates are rounded up to a multiple of this; None for the exact rate.
    policy: how far the costs of what was imported before may have moved.
    """

    markup_ppm: int
    round_micros: int | None = None
    categories: Collection[str] = ()
    ids: Collection[str] = ()
    policy: SyncPolicy = USUAL


def add(
    actor: Actor,
    name: str,
    url: str,
    key: str,
    requests_per_minute: int,
    currency: str = "",
    exchange_ppt: int | None = None,
    *,
    ask: AskAccount | None,
    ours: str,
) -> Provider:
    """Add a provider, or bring a removed one back with a new address and key.

    It is asked for our balance first: where it does not answer, nothing is kept.

    :param key: kept as it is; it is never shown or written to the audit.
    :param currency: the currency of its prices, where it does not name it itself; or "".
    :param exchange_ppt: units of ours for one of theirs, in parts per trillion.
    :param ask: None to add it unchecked.
    :param ours: our currency.
    :returns: the provider, with what it said.
    :raises NotAdded: if it does not answer.
    :raises OperatorError: for a name, address, key or number that cannot be used, or a name
        that is taken.
    """
    # An address that cannot be used is not repeated: people paste keys into it.
    shown = f" {url}" if registry.is_address(url) else ""
    priced = f", currency {currency}" if currency else ""
    priced += f", exchange {format_ratio(exchange_ppt)}" if exchange_ppt else ""
    unchecked = ", unchecked" if ask is None and url != registry.SANDBOX_URL else ""
    with audited(actor, f"provider {name}: add{shown}{priced}{unchecked}"):
        registry.check(name, url, requests_per_minute)
        registry.check_key(url, key)
        account = None if ask is None else _ask_before(ask, Provider(name=name, url=url, key=key))
        row = registry.add(name, url, key, requests_per_minute, currency, exchange_ppt)
        if account is not None:
            registry.record_account(row.id, account, ours)
    return registry.get(name)


def _ask_before(ask: AskAccount, provider: Provider) -> ProviderAccount:
    """Ask a provider that is not in the database yet."""
    try:
        return ask(provider)
    except ProviderFailed as error:
        raise NotAdded(provider.name, error, "url") from None


def test(actor: Actor, name: str, ask: AskAccount, ours: str) -> str:
    """Ask a provider for our balance there: address, key and connection are good if it answers.

    What it answers is recorded, also its currency and that it knows idempotency keys.

    :param ours: our currency.
    :returns: the balance, as the provider writes it.
    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: if there is no such provider.
    """
    with audited(actor, f"provider {name}: test"):
        provider = registry.get(name)
        account = ask(provider)
        registry.record_account(provider.id, account, ours)
    return account.balance


class Edited(NamedTuple):
    """A provider that was changed: its name, and our balance there where it was asked."""

    name: str
    balance: str | None


def edit(
    actor: Actor,
    name: str,
    wanted: ProviderEdit,
    ask: AskAccount,
    ours: str,
    *,
    unchecked: bool = False,
    same_panel: bool = False,
) -> Edited:
    """Change a provider's name, address, key or rate limit; the worker follows by itself.

    A new address or key is taken only if the provider answers with it, and tells our balance.

    :param ours: our currency.
    :param unchecked: take the address and the key without asking.
    :param same_panel: another host is the same panel, with the same orders and services.
    :raises NotChanged: if the provider does not answer.
    :raises OperatorError: for no such provider, nothing to change, what cannot be used, or
        another host without its key.
    """
    shown = _shown(wanted, unchecked, same_panel)
    with audited(actor, f"provider {name}: edit {shown}".rstrip()):
        provider = registry.get(name)
        changes = edits.changes_of(provider, wanted)
        if not changes:
            raise OperatorError("nothing to change was given")
        trust = edits.Trust(same_panel, may_have_key=wanted.key is not None)
        account = _change(provider, changes, trust, None if unchecked else ask, ours)
    return Edited(changes.get("name", name), account and account.balance)


def _change(
    provider: Provider,
    changes: edits.Changes,
    trust: edits.Trust,
    ask: AskAccount | None,
    ours: str,
) -> ProviderAccount | None:
    """Change a provider, after asking it where its address or key becomes another.

    :returns: what it answered; None where it was not asked.
    """
    edits.check(provider, changes, trust)
    account = None
    if ask is not None and {"url", "key"} & changes.keys():
        account = _ask_for_changed(provider, changes, ask)
    with immediate():
        edits.apply(provider, changes, trust, answered=account is not None)
        if "name" in changes:
            record.rename_provider(provider.name, changes["name"])
    if account is not None:
        registry.record_account(provider.id, account, ours)
    return account


def _shown(wanted: ProviderEdit, unchecked: bool, same_panel: bool) -> str:
    """What is changed, for the audit: of a key, only that there is another one."""
    parts = [] if wanted.name is None else [f"name {wanted.name}"]
    if wanted.url is not None:
        # As in add(): an address that cannot be used may be a key.
        parts.append(f"address {wanted.url}" if registry.is_address(wanted.url) else "address")
    parts += ["another key"] if wanted.key is not None else []
    if wanted.requests_per_minute is not None:
        parts.append(f"{wanted.requests_per_minute} requests per minute")
    parts += ["the same panel"] if same_panel else []
    parts += ["unchecked"] if unchecked else []
    return ", ".join(parts)


def _ask_for_changed(
    provider: Provider, changes: edits.Changes, ask: AskAccount
) -> ProviderAccount:
    """Our account at a provider as it would be.

    :raises NotChanged: if it does not answer.
    """
    try:
        return ask(edits.as_changed(provider, changes))
    except ProviderFailed as error:
        field = "url" if "url" in changes else "key"
        raise NotChanged(provider.name, error, field) from None


def pause(actor: Actor, name: str) -> None:
    """Send nothing new to a provider: orders, refills and cancel requests wait.

    The orders that it has are followed, and so are its prices.

    :raises OperatorError: for no such provider, or one that is paused already.
    """
    with audited(actor, f"provider {name}: pause"):
        registry.pause(name)


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
    return _import(name, listings, wanted, actor=None)


def import_services(
    actor: Actor, name: str, listings: Collection[Listing], wanted: Import
) -> list[CatalogueChange]:
    """Create services for a provider's, or update those that were imported before.

    The audit has a line for each service that is changed, beside the one of the import.

    :param listings: the provider's whole catalogue.
    :returns: what is changed, and what is skipped since it cannot be sold.
    :raises OperatorError: for no such provider, nothing chosen, a markup that is not allowed, or
        a catalogue that moved to other numbers, unless single ones were chosen.
    """
    chosen = ", ".join([*wanted.categories, *wanted.ids]) or "everything"
    act = f"provider {name}: import {chosen} at {format_percent(wanted.markup_ppm)}"
    with audited(actor, act):
        return _import(name, listings, wanted, actor)


def _import(
    name: str, listings: Collection[Listing], wanted: Import, actor: Actor | None
) -> list[CatalogueChange]:
    """Import the chosen services; without an actor, only tell what that would change."""
    provider = registry.get(name)
    if not wanted.ids:
        imports.check_not_moved(provider, listings)
    chosen = imports.select_listings(listings, wanted.categories, wanted.ids)
    with immediate():
        changes = imports.take_over(
            provider.id,
            chosen,
            wanted.markup_ppm,
            wanted.round_micros,
            dry_run=actor is None,
            policy=wanted.policy,
        )
        if actor is not None:
            _record_each(actor, name, changes)
    return changes


def _record_each(actor: Actor, name: str, changes: list[CatalogueChange]) -> None:
    """Write an audit line for each service that an import changed, which its page shows.

    One that was added has none: its values are the import's own.
    """
    acts: dict[tuple[int | None, str], list[str]] = {}
    for change in changes:
        if change.kind not in (Kind.ADDED, Kind.UNCHANGED) and not change.skipped:
            key = change.service_id, change.provider_service
            acts.setdefault(key, []).append(describe(change))
    for (service_id, theirs), told in acts.items():
        act = f"service {service_id}: import from {name}, service {theirs}: {', '.join(told)}"
        record_act(actor, act)


def sync(actor: Actor, name: str, ask: AskCatalogue, policy: SyncPolicy) -> list[CatalogueChange]:
    """Read a provider's catalogue again, and follow its prices and ranges.

    :param policy: how far they are followed.
    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: for no such provider, an empty catalogue, or prices in a currency that
        cannot be converted.
    """
    with audited(actor, f"provider {name}: sync"):
        provider = registry.get(name)
        return price_sync.sync_prices(provider.id, ask(provider), policy)


def confirm(
    actor: Actor, name: str, ask: AskCatalogue, policy: SyncPolicy
) -> list[CatalogueChange]:
    """Confirm that services vanished at a provider, or moved to other numbers, and follow them.

    :raises ProviderFailed: if the provider does not answer.
    :raises OperatorError: for no such provider, or where nothing of that kind waits.
    """
    with audited(actor, f"provider {name}: confirm"):
        provider = registry.get(name)
        return price_sync.sync_prices(provider.id, ask(provider), policy, confirmed=True)


def set_exchange(
    actor: Actor, name: str, ratio_ppt: int, ours: str, policy: SyncPolicy, currency: str = ""
) -> list[CatalogueChange]:
    """Say what a provider's currency is worth in ours; costs and their markups follow.

    :param ratio_ppt: units of ours for one of theirs, in parts per trillion.
    :param currency: theirs, where the provider does not name it; or "".
    :returns: a change for each value that changed.
    :raises OperatorError: for no such provider, a currency that is not known or not the one that
        the provider names, or a rate that cannot be.
    """
    which = f" {currency}" if currency else ""
    with audited(actor, f"provider {name}: exchange{which} {format_ratio(ratio_ppt)}"):
        return exchange_rates.set_exchange(name, ratio_ppt, ours, policy, currency)


def set_currency(actor: Actor, name: str, currency: str, ours: str) -> None:
    """Say in which currency a provider's prices are, or confirm that it changed to ours.

    :raises OperatorError: for no such provider, another currency than the one that the provider
        names, or a change to one that needs a rate of exchange.
    """
    with audited(actor, f"provider {name}: currency {currency}"):
        exchange_rates.set_currency(name, currency, ours)


def resume(actor: Actor, name: str) -> int:
    """Let a provider that was stopped or paused work again, and send now what waits for funds.

    :returns: how many orders waited for funds.
    :raises OperatorError: if there is no such provider.
    """
    with audited(actor, f"provider {name}: resume"):
        provider = registry.resume(name)
        return dispatch.release_for_funds(provider.id)


def resume_at(actor: Actor, name: str, url: str, ask: AskAccount, ours: str) -> int:
    """Let a provider that was stopped by a redirect work again at its new address.

    As with edit() the address is taken only if the provider answers there.

    :param ours: our currency.
    :returns: how many orders waited for funds.
    :raises NotChanged: if it does not answer there.
    :raises OperatorError: for no such provider, one that is not stopped, an address that cannot
        be used, or one at a host that it did not redirect to.
    """
    shown = f" at {url}" if registry.is_address(url) else ""
    with audited(actor, f"provider {name}: resume{shown}"):
        provider = registry.get(name)
        changes, trust = edits.moved_to(provider, url)
        if changes:
            _change(provider, changes, trust, ask, ours)
        registry.resume(name)
        return dispatch.release_for_funds(provider.id)
