"""What waits for an operator about providers: stopped, failing, currencies, whole catalogues."""

import shlex
from collections.abc import Iterator

from database.clock import now, past
from models import Provider, Service, Source
from panel import provider_queries
from panel.attention.items import Item, Kind, count_of, day, listed, moment, orders_that, said
from panel.orders import waiting
from panel.provider_queries import count_text
from panel.providers import currency, explain, pending, registry
from panel.providers.pending import Pending, PendingKind
from settings import Settings

FAILING_S = 300
PRICES_OLD_S = 86400
WAITING_S = 3600
"""For how long something may fail before a person is told."""


def of_providers(settings: Settings) -> Iterator[Item]:
    """Lines about providers, what stops the most first."""
    yield from _providers(settings)
    yield from _failing(settings)
    yield from _changes_of_providers(settings.currency)


def _providers(settings: Settings) -> Iterator[Item]:
    for provider in registry.listing():
        if provider.stopped_because:
            yield _stopped(provider)
        if provider.paused_at is not None:
            yield _paused(provider, provider.paused_at)
        if text := _currency_problem(provider, settings):
            commands = explain.commands_for_currency(
                provider.name, provider.currency, settings.currency
            )
            if not provider.currency:
                commands = (f"flask provider currency {provider.name} CODE",)
            yield Item(Kind.CURRENCY, text, commands, provider=provider.name)


def _failing(settings: Settings) -> Iterator[Item]:
    """What providers have not answered for a while, prices that are old, and orders that wait."""
    yield from unanswered(FAILING_S)
    yield from old_prices(settings)
    yield from long_waiting()


def unanswered(failing_s: int) -> Iterator[Item]:
    """The providers that have not answered something, or have refused it, for so many seconds."""
    for provider in registry.listing():
        if provider.failing_since is None:
            continue
        since = past(provider.failing_since)  # else the clock was ahead: it may be long ago
        if since is None or since <= now() - failing_s:
            when = f" since {moment(since)} UTC" if since else ""
            text = f"{provider.name} fails{when}"
            yield _to_look_at(provider.name, f"{text}: {said(provider.failing_because)}.")


def old_prices(settings: Settings) -> Iterator[Item]:
    """The providers whose prices could not be read for a day, where they are followed."""
    for provider in registry.listing():
        name, read_at = provider.name, provider.prices_at
        if settings.prices_minutes and read_at is not None and read_at <= now() - PRICES_OLD_S:
            yield _to_look_at(
                name,
                f"The prices of {name} could not be read since {moment(read_at)} UTC: what is "
                "bought there is sold on at the present rates.",
                f"flask provider sync {name}",
            )


def long_waiting() -> Iterator[Item]:
    """The providers to which orders wait to be sent for more than an hour."""
    for name, count, oldest, why in waiting.waiting_long(now() - WAITING_S):
        text = f"{orders_that(count, oldest, 'waits', 'wait')} for more than an hour to be sent"
        yield _to_look_at(name, f"{text} to {name}: {said(why)}.", f"flask order show {oldest}")


def _to_look_at(name: str, text: str, command: str = "") -> Item:
    return Item(Kind.FAILING, text, (command or f"flask provider balance {name}",), provider=name)


def _stopped(provider: Provider) -> Item:
    name = provider.name
    text = f"Nothing is sent to {name}: {said(provider.stopped_because)}."
    commands = [f"flask provider resume {name}"]
    if provider.moved_to:
        text += f" It may have moved to {provider.moved_to}: confirm that address, or keep ours."
        commands.insert(0, f"{commands[0]} --url {shlex.quote(provider.moved_to)}")
    return Item(Kind.STOPPED, text, tuple(commands), provider=name)


def _paused(provider: Provider, since: int) -> Item:
    """That an operator has a provider paused, so that nobody forgets it, and what waits."""
    work = provider_queries.work_of(provider.id)
    named = (
        (work.waiting, "order", "orders"),
        (work.cancels, "cancel request", "cancel requests"),
        (work.refills, "refill", "refills"),
    )
    parts = [f"{count_text(n)} {one if n == 1 else many}" for n, one, many in named if n]
    waits = "wait" if work.waiting + work.cancels + work.refills > 1 else "waits"
    text = (
        f"{provider.name} is paused since {moment(since)} UTC, and nothing new is sent there. "
        f"{listed(parts) if parts else 'Nothing'} {waits}."
    )
    return Item(
        Kind.PAUSED, text, (f"flask provider resume {provider.name}",), provider=provider.name
    )


def _currency_problem(provider: Provider, settings: Settings) -> str:
    """Why a provider's prices cannot be told in our currency, or soon not; or ''."""
    ours = settings.currency
    exchange = currency.exchange(provider, ours)
    is_used = provider.balance_at is not None or pending.is_anything_bought(provider.id)
    if pending.find(provider.id, PendingKind.CURRENCY) is not None:
        return ""  # told as a change
    if not exchange.theirs and is_used:
        return f"{provider.name} does not name the currency of its prices; ours is {ours}."
    if exchange.theirs and exchange.ratio() is None:
        return (
            f"The prices of {provider.name} are in {exchange.theirs} and ours in {ours}, and "
            f"there is no rate of exchange.{_if_same(exchange.theirs, ours)}"
        )
    if currency.is_old(provider, ours, settings.exchange_days):
        since = day(provider.exchange_at or 0)
        return (
            f"The rate of exchange of {provider.name}, {ours} for 1 {exchange.theirs}, is of "
            f"{since}: it may be out of date."
        )
    return ""


def _if_same(theirs: str, ours: str) -> str:
    """A sentence for a name of a currency that is no code, or ''."""
    return f" If its {theirs} is {ours}, the rate is 1." if currency.may_be(theirs, ours) else ""


def _changes_of_providers(ours: str) -> Iterator[Item]:
    for change in pending.listing():
        if change.service_id is None:
            yield _change_of_provider(change, ours)


def _change_of_provider(change: Pending, ours: str) -> Item:
    name = change.provider_name
    text = f"{name}: {explain.describe_pending(change)}."
    if change.kind == PendingKind.CURRENCY:
        text += _if_same(change.after, ours)
    if held := _held_services(change.provider_id):
        text += f" {count_of(held, 'service is', 'services are')} held."
    kind = Kind.CURRENCY if change.kind == PendingKind.CURRENCY else Kind.PROVIDER
    return Item(kind, text, explain.commands_for(change, ours), provider=name, newest=change.id)


def _held_services(provider_id: int) -> int:
    first = Source.select(Source.service).where(
        Source.provider == provider_id, Source.source_rank == 1
    )
    return Service.select().where(Service.id.in_(first), Service.held).count()
