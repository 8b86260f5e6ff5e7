"""Everything that waits for an operator, in words, with what to do about it.

The command `flask attention` and the first box of the dashboard's overview show the same list.
"""

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from peewee import fn

from database.clock import now
from database.compiled_query import rows
from models import Provider, Service, Source
from panel import money, queries
from panel.orders import waiting
from panel.orders.waiting import WaitingWord
from panel.providers import currency, explain, pending, registry
from panel.providers.pending import Pending, PendingKind
from settings import Settings

LIMIT = 100
"""The most lines of one kind, unless another number is asked for."""
FAILING_S = 300
PRICES_OLD_S = 86400
WAITING_S = 3600
"""For how long something may fail before a person is told."""
WARNINGS_S = 7 * 86400
"""Warnings of orders that were placed longer ago are left out."""
MAX_SAID = 300
"""The most characters of what a provider said that a line repeats."""
MANY_SERVICES = 5
"""More services that changed at one provider are told in one line."""
NAMED_SERVICES = 3
"""So many of them are named in it."""


class Kind(StrEnum):
    """What waits; in the order of the list."""

    STOPPED = "stopped"
    FAILING = "failing"
    CURRENCY = "currency"
    PROVIDER = "provider"
    SERVICE = "service"
    FUNDS = "funds"
    REVIEW = "review"
    COST = "cost"
    REFUSAL = "refusal"
    WORD = "word"
    STATUS = "status"
    POSTS = "posts"
    REFILL = "refill"
    CANCEL = "cancel"
    WARNING = "warning"


class Item(NamedTuple):
    """One thing that waits for an operator.

    text: what happened, with the provider's own words.
    commands: what to do; each one of them settles it.
    orders: how many orders it is about, where it stands for several.
    provider, service_id, order_id: what it is about; the most precise of them has a page where
        the same can be done.
    """

    kind: Kind
    text: str
    commands: tuple[str, ...]
    orders: int = 1
    provider: str = ""
    service_id: int | None = None
    order_id: int | None = None


class Waiting(NamedTuple):
    """What waits, what stops the most first, and of which kinds there is more than that."""

    items: list[Item]
    cut: list[Kind]


def everything(settings: Settings, limit: int = LIMIT) -> Waiting:
    """All that waits for an operator.

    :param limit: the most lines of one kind.
    """
    found: list[Item] = []
    cut: dict[Kind, None] = {}
    counts: dict[Kind, int] = {}
    for item in _all(settings, limit + 1):
        counts[item.kind] = counts.get(item.kind, 0) + 1
        if counts[item.kind] <= limit:
            found.append(item)
        else:
            cut[item.kind] = None
    return Waiting(found, list(cut))


def _all(settings: Settings, limit: int) -> Iterator[Item]:
    """:param limit: how many of each kind are enough."""
    yield from _providers(settings)
    yield from _failing(settings)
    yield from _changes_of_providers(settings.currency)
    yield from _services()
    yield from _funds()
    yield from _review(limit)
    yield from _words()
    yield from _unclear(limit)
    yield from _refills(limit)
    yield from _cancels(limit)
    yield from _warnings()


def of_provider(settings: Settings, name: str) -> list[Item]:
    """What waits for an operator about one provider and its services, but for single orders."""
    mine = (
        *_providers(settings),
        *_failing(settings),
        *_changes_of_providers(settings.currency),
        *_changes_of_services(),
        *_funds(),
    )
    return [item for item in mine if item.provider == name]


# Providers


def _providers(settings: Settings) -> Iterator[Item]:
    for provider in registry.listing():
        if provider.stopped_because:
            yield _stopped(provider)
        if text := _currency_problem(provider, settings):
            commands = explain.commands_for_currency(
                provider.name, provider.currency, settings.currency
            )
            if not provider.currency:
                commands = (f"flask provider currency {provider.name} CODE",)
            yield Item(Kind.CURRENCY, text, commands, provider=provider.name)


def _failing(settings: Settings) -> Iterator[Item]:
    """What providers have not answered for a while, prices that are old, and orders that wait."""
    for provider in registry.listing():
        name = provider.name
        if provider.failing_since is not None and provider.failing_since <= now() - FAILING_S:
            text = f"{name} fails since {_moment(provider.failing_since)} UTC"
            yield _to_look_at(name, f"{text}: {_said(provider.failing_because)}.")
        read_at = provider.prices_at
        if settings.prices_minutes and read_at is not None and read_at <= now() - PRICES_OLD_S:
            yield _to_look_at(
                name,
                f"The prices of {name} could not be read since {_moment(read_at)} UTC: what is "
                "bought there is sold on at the present rates.",
                f"flask provider sync {name}",
            )
    for name, count, oldest, why in waiting.waiting_long(now() - WAITING_S):
        text = f"{_orders(count, oldest, 'waits', 'wait')} for more than an hour to be sent"
        yield _to_look_at(name, f"{text} to {name}: {_said(why)}.", f"flask order show {oldest}")


def _to_look_at(name: str, text: str, command: str = "") -> Item:
    return Item(Kind.FAILING, text, (command or f"flask provider balance {name}",), provider=name)


def _stopped(provider: Provider) -> Item:
    name = provider.name
    text = f"Nothing is sent to {name}: {_said(provider.stopped_because)}."
    commands = [f"flask provider resume {name}"]
    if provider.moved_to:
        text += f" It may have moved to {provider.moved_to}: confirm that address, or keep ours."
        commands.insert(0, f"{commands[0]} --url {shlex.quote(provider.moved_to)}")
    return Item(Kind.STOPPED, text, tuple(commands), provider=name)


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
        since = _day(provider.exchange_at or 0)
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
        text += f" {_count(held, 'service is', 'services are')} held."
    kind = Kind.CURRENCY if change.kind == PendingKind.CURRENCY else Kind.PROVIDER
    return Item(kind, text, explain.commands_for(change, ours), provider=name)


def _held_services(provider_id: int) -> int:
    first = Source.select(Source.service).where(
        Source.provider == provider_id, Source.source_rank == 1
    )
    return Service.select().where(Service.id.in_(first), Service.held).count()


# Services


def _services() -> Iterator[Item]:
    yield from _changes_of_services()
    yield from _free_services()


def _changes_of_services() -> Iterator[Item]:
    """A line for each service that changed, or one for all of a provider where they are many."""
    at_provider: dict[str, dict[int, list[Pending]]] = {}
    for service_id, changes in pending.to_decide().items():
        at_provider.setdefault(changes[0].provider_name, {})[service_id] = changes
    for provider, found in at_provider.items():
        if len(found) > MANY_SERVICES:
            yield _changes_at(provider, found)
        else:
            yield from (_change_of_service(*one) for one in found.items())


def _changes_at(provider: str, found: dict[int, list[Pending]]) -> Item:
    named = [_told_of_service(*one) for one in list(found.items())[:NAMED_SERVICES]]
    return Item(
        Kind.SERVICE,
        f"{len(found)} services changed at {provider}. {'. '.join(named)}; and "
        f"{len(found) - len(named)} more.",
        (f"flask service confirm --provider {provider}", "flask service list"),
        provider=provider,
    )


def _change_of_service(service_id: int, changes: list[Pending]) -> Item:
    return Item(
        Kind.SERVICE,
        f"{_told_of_service(service_id, changes)}.",
        (f"flask service confirm {service_id}", f"flask service disable {service_id}"),
        provider=changes[0].provider_name,
        service_id=service_id,
    )


def _told_of_service(service_id: int, changes: list[Pending]) -> str:
    told = []
    for change in changes:
        second = ", its second source" if change.source_rank != 1 else ""
        told.append(f"{change.provider_name}{second}: {explain.describe_pending(change)}")
    return f"Service {service_id} {changes[0].service_name}: {'; '.join(told)}"


def _free_services() -> Iterator[Item]:
    """The services that cost something and would be sold for nothing, so they are not."""
    query = (
        Service.select(Service.id, Service.name, fn.MAX(Source.cost_micros))
        .join(Source)
        .where(Service.active, Service.rate_micros == 0, Source.cost_micros > 0)
        .group_by(Service.id)
        .order_by(Service.id)
    )
    for service_id, name, cost_micros in rows(query.tuples()):
        cost = money.format_exact(cost_micros)
        yield Item(
            Kind.SERVICE,
            f"Service {service_id} {name} is not sold: its rate is 0, and it costs {cost}.",
            (f"flask service edit {service_id} --rate RATE",),
            service_id=service_id,
        )


# Orders


def _funds() -> Iterator[Item]:
    for name, balance, count, first_order in waiting.waiting_for_funds():
        orders = _orders(count, first_order, "waits", "wait")
        yield Item(
            Kind.FUNDS,
            f"{orders} for funds at {name}, where we have {balance or 'an unknown balance'}. "
            "Add funds there: the orders go out when the balance has risen.",
            (f"flask provider resume {name}",),
            count,
            provider=name,
        )


def _review(limit: int) -> Iterator[Item]:
    names = queries.provider_names()
    for order in queries.orders_in_review(limit):
        order_id = order["id"]
        name = names.get(order["provider"], "a provider")
        yield Item(
            Kind.REVIEW,
            f"Nobody knows whether {name} has order {order_id}: {_said(order['warning'])}. "
            "Look it up there.",
            (
                f"flask order attach {order_id} NUMBER",
                f"flask order resend {order_id}",
                f"flask order fail {order_id}",
            ),
            provider=names.get(order["provider"], ""),
            order_id=order_id,
        )


def _words() -> Iterator[Item]:
    for word in waiting.unknown_words():
        yield _refusal(word) if word.kind == "refusal" else _status_word(word)


def _refusal(word: WaitingWord) -> Item:
    orders = _orders(word.orders, word.first_order, "waits", "wait")
    until = f" until {_moment(word.due_at)} UTC" if word.due_at else ""
    teach = _teach(word)
    chosen = str(word.first_order)
    if word.orders > 1:
        chosen = f"--provider {word.provider} --with-word={shlex.quote(_line(word.word))}"
    return Item(
        Kind.REFUSAL,
        f"{word.provider} refused with words that are not known: “{_said(word.word)}”. "
        f"{orders} for you{until}, and {_is_are(word.orders)} then canceled and paid back.",
        (
            f"{teach} wait",
            f"{teach} cancel",
            f"flask order resend {chosen}",
            f"flask order fail {chosen}",
        ),
        word.orders,
        provider=word.provider,
    )


def _status_word(word: WaitingWord) -> Item:
    orders = _orders(word.orders, word.first_order, "waits", "wait")
    return Item(
        Kind.WORD,
        f"{word.provider} tells a status that is not known: “{_said(word.word)}”. "
        f"{orders} until you say what it means.",
        (f"{_teach(word)} STATUS",),
        word.orders,
        provider=word.provider,
    )


def _teach(word: WaitingWord) -> str:
    """The command that teaches a word, but for its meaning; safe to paste, whatever the word."""
    text = _line(word.word)
    end_of_options = "-- " if text.startswith("-") else ""
    return f"flask provider word {end_of_options}{word.provider} {shlex.quote(text)}"


def _unclear(limit: int) -> Iterator[Item]:
    for order in waiting.unclear_orders(limit):
        order_id, name = order["id"], order["provider_name"]
        if order["held_because"] == "cost":
            yield _dearer(order)
            continue
        if order["held_because"] == "posts":
            kind, command = Kind.POSTS, f"flask order post {order_id} QUANTITY --theirs NUMBER"
            what = f"Posts of order {order_id} at {name} cannot be charged"
        else:
            kind, command = Kind.STATUS, f"flask order set {order_id} --status STATUS --remains N"
            what = f"What {name} says of order {order_id} is not clear"
        yield Item(
            kind,
            f"{what}: {_said(_why_unclear(order))}.",
            (command, f"flask order show {order_id}"),
            provider=name,
            order_id=order_id,
        )


def _dearer(order: dict[str, Any]) -> Item:
    order_id, name = order["id"], order["provider_name"]
    return Item(
        Kind.COST,
        f"Order {order_id} is not sent to {name}: {_said(order['held_text'])}.",
        (f"flask order resend {order_id}", f"flask order fail {order_id}"),
        provider=name,
        order_id=order_id,
    )


def _why_unclear(order: dict[str, Any]) -> str:
    """Why an order is held; of posts what was said of them, whatever was said since."""
    return order["held_text"] if order["held_because"] == "posts" else order["warning"]


# Requests


def _refills(limit: int) -> Iterator[Item]:
    for refill in waiting.refills_to_settle(limit):
        number, order_id = refill["id"], refill["order"]
        why = _said(refill["warning"]) or "it is fulfilled by hand"
        yield Item(
            Kind.REFILL,
            f"Refill {number} of order {order_id} is {refill['status']}: {why}.",
            (f"flask refill set {number} --status STATUS",),
            order_id=order_id,
        )


def _cancels(limit: int) -> Iterator[Item]:
    for cancel in waiting.cancels_to_answer(limit):
        number, order_id = cancel["id"], cancel["order"]
        yield Item(
            Kind.CANCEL,
            f"A customer asks to cancel order {order_id}, which is fulfilled by hand.",
            (f"flask cancel accept {number}", f"flask cancel reject {number}"),
            order_id=order_id,
        )


# Warnings


def _warnings() -> Iterator[Item]:
    """What is odd about orders that go on or ended all the same: to look at, not to settle."""
    for name, count, newest in waiting.with_warnings(now() - WARNINGS_S):
        yield Item(
            Kind.WARNING,
            f"{_count(count, 'order', 'orders')} at {name}, open or of the last 7 days, "
            f"{'has' if count == 1 else 'have'} a warning; the newest is {newest}.",
            ("flask order list --warnings", f"flask order show {newest}"),
            count,
            provider=name,
            order_id=newest,
        )


# Words


def _said(text: str) -> str:
    """What a provider said, as part of a sentence."""
    return _line(text)[:MAX_SAID].rstrip(".")


def _line(text: str) -> str:
    """A text as one printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _count(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _orders(count: int, first_order: int, waits: str, wait: str) -> str:
    if count == 1:
        return f"Order {first_order} {waits}"
    return f"{count} orders, the oldest of them {first_order}, {wait}"


def _is_are(count: int) -> str:
    return "is" if count == 1 else "are"


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
