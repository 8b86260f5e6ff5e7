"""What is wrong now: what waits for an operator (panel.attention), and the panel's own health."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from database.clock import now
from models import Account
from panel import attention, health, money, service_queries
from panel.alerts.kinds import ALL, NOT_TOLD, Condition, Kind, Look
from panel.alerts.things import Thing, key
from panel.alerts.words import condition_text, sentence, with_commands
from panel.attention import Item
from panel.attention.items import count_of, is_are, moment, said
from panel.attention.of_providers import long_waiting, old_prices, unanswered
from panel.orders import waiting
from panel.providers import registry, rises
from panel.providers.changes import VANISHED
from panel.tasks import Task, last
from settings import Settings

log = logging.getLogger("panel.alerts")

HOUR_S = 3600
LIMIT = 1000
"""The most lines of one kind that are looked at."""
SHOWN = 3
"""So many things of one kind at one provider are told, and how many more there are."""
NEVER_ONE_LINE = 10**9


class Moment(NamedTuple):
    """When and where it is looked: the settings, and for how long the panel has served."""

    settings: Settings
    serving_s: int


Source = Callable[[Moment], Iterator[Condition]]


def look(settings: Settings, serving_s: int) -> Look:
    """All that is wrong now. What cannot be found out leaves the rest as it is.

    :param serving_s: for how long the panel has served, in seconds.
    """
    found: list[Condition] = []
    unknown: set[str] = set()
    for kinds, source in _SOURCES:
        try:
            found += source(Moment(settings, serving_s))
        except Exception:
            log.exception("it was not found out whether anything is wrong with: %s", kinds[0])
            unknown |= set(kinds)
    try:
        lingering = _lingering(settings)
    except Exception:
        log.exception("it was not found out which providers fail")
        unknown.add(Kind.UNREACHABLE)
        lingering = frozenset()
    return Look(found, frozenset(unknown), lingering)


def _lingering(settings: Settings) -> frozenset[tuple[str, str]]:
    """The providers that fail at all: that one does not answer is not over yet."""
    if not settings.failing_minutes:
        return frozenset()
    failing = [one.name for one in registry.listing() if one.failing_since is not None]
    return frozenset((Kind.UNREACHABLE, name) for name in failing)


# What waits for an operator


def _attention(at: Moment) -> Iterator[Condition]:
    found = attention.everything(at.settings, LIMIT, NEVER_ONE_LINE).items
    items = [item for item in found if item.kind not in NOT_TOLD]
    together: dict[tuple[str, str], list[Item]] = {}
    for item in items:
        subject = item.provider
        if item.kind == attention.Kind.SERVICE and item.service_id is not None:
            subject = _service(item.service_id)
        together.setdefault((item.kind, subject), []).append(item)
    for (kind, subject), same in together.items():
        yield _of_items(kind, subject, same)


def _of_items(kind: str, subject: str, items: list[Item]) -> Condition:
    """Several things of one kind at one provider as one condition."""
    text = _of_item(items[0])
    if len(items) > 1:
        text = _several(items)
    # The first command names what it is about, whatever is told of it.
    things = tuple(Thing(key(item.commands[0]), item.newest, item.orders) for item in items)
    return Condition(kind, subject, text, things)


def _of_item(item: Item) -> str:
    return condition_text(item.text, item.commands, (item.provider,))


def _several(items: list[Item]) -> str:
    """Several sentences as one, with the command that lists them all."""
    shown = [sentence(_of_item(item)) for item in items[:SHOWN]]
    more = len(items) - SHOWN
    tail = f" And {more} more." if more > 0 else ""
    return with_commands(" ".join(shown) + tail, "flask attention")


def _unreachable(at: Moment) -> Iterator[Condition]:
    minutes = at.settings.failing_minutes
    if minutes:
        yield from _each(Kind.UNREACHABLE, unanswered(minutes * 60))


def _prices_old(at: Moment) -> Iterator[Condition]:
    return _each(Kind.PRICES_OLD, old_prices(at.settings))


def _waiting(at: Moment) -> Iterator[Condition]:
    return _each(Kind.WAITING, long_waiting())


def _each(kind: Kind, items: Iterable[Item]) -> Iterator[Condition]:
    for item in items:
        yield Condition(kind, item.provider, _of_item(item))


# Providers, services, orders


def _balance(at: Moment) -> Iterator[Condition]:
    threshold_micros = at.settings.low_balance
    for provider in registry.listing():
        if threshold_micros and registry.is_low(provider, threshold_micros):
            text = f"{provider.name} has {provider.balance} of ours left: add funds there."
            command = f"flask provider balance {provider.name}"
            told = condition_text(text, (command,), (provider.name,))
            yield Condition(Kind.BALANCE, provider.name, told)


def _below_cost(at: Moment) -> Iterator[Condition]:
    for row in service_queries.below_cost(LIMIT):
        rate, cost = (money.format_exact(row[name]) for name in ("rate_micros", "cost"))
        text = f"Service {row['id']} {row['name']} is sold at {rate} and costs {cost}."
        commands = (
            f"flask service edit {row['id']} --rate RATE",
            f"flask service disable {row['id']}",
        )
        yield Condition(Kind.BELOW_COST, _service(row["id"]), condition_text(text, commands))


def _off_sale(at: Moment) -> Iterator[Condition]:
    for row in service_queries.off_sale():
        number, name = row["id"], f"Service {row['id']} {row['name']}"
        if row["because"] == VANISHED:
            text = f"{name} is not sold: {row['provider']} no longer offers it."
            command = f"flask service source {number} PROVIDER THEIR_SERVICE"
            kind = Kind.VANISHED
        else:
            text = f"{name} is not sold: it would be sold below its cost."
            command = f"flask service edit {number} --rate RATE"
            kind = Kind.BELOW_COST
        settle = (command, f"flask service disable {number}")
        told = condition_text(text, settle, (row["provider"] or "",))
        yield Condition(kind, _service(number), told)


def _prices(at: Moment) -> Iterator[Condition]:
    for rise in rises.listing(at.settings.price_alert):
        before, after = map(money.format_exact, (rise.before_micros, rise.after_micros))
        text = (
            f"Service {rise.service_id} {rise.service_name} costs {after} at {rise.provider}: "
            f"it was {before} a day ago or less."
        )
        command = f"flask service show {rise.service_id}"
        told = condition_text(text, (command,), (rise.provider,))
        yield Condition(Kind.PRICE, _service(rise.service_id), told)


def _service(number: int) -> str:
    """The subject of what is about one service."""
    return f"service {number}"


def _stuck(at: Moment) -> Iterator[Condition]:
    hours = at.settings.stuck_hours
    found: dict[str, list[tuple[int, int]]] = {}
    for order_id, since, name in waiting.unmoved(now() - hours * HOUR_S, LIMIT) if hours else ():
        found.setdefault(name or "", []).append((order_id, since))
    for name, orders in found.items():
        order_id, since = min(orders, key=lambda order: order[1])
        where = f" at {name}" if name else ", which is fulfilled by hand,"
        text = f"Order {order_id}{where} has not moved since {moment(since)} UTC"
        if more := len(orders) - 1:
            at_least = "at least " if len(orders) == LIMIT else ""
            text += f", and {at_least}{more} more there {is_are(more)} as still"
        told = condition_text(f"{text}.", (f"flask order show {order_id}",), (name,))
        things = tuple(Thing(str(number)) for number, _ in orders)
        yield Condition(Kind.STUCK, name, told, things)


# The panel itself


def _worker(at: Moment) -> Iterator[Condition]:
    if (late := late_worker(at.serving_s)) is not None:
        yield late


def late_worker(serving_s: int) -> Condition | None:
    """That the worker is late, if it is.

    :param serving_s: for how long the panel has served, in seconds.
    """
    if not health.is_worker_late(serving_s):
        return None
    late_s = health.worker_late_s()
    since = f"since {moment(now() - late_s)} UTC" if late_s else "at all"
    text = f"The worker was not seen {since}: no order is sent, and none is followed."
    commands = ("systemctl status panel-worker", "journalctl -u panel-worker -n 50")
    return Condition(Kind.WORKER, "", condition_text(text, commands))


def _disk(at: Moment) -> Iterator[Condition]:
    room = health.disk_room(at.settings.database)
    if room.is_low:
        megabytes = room.free // 1_000_000
        text = f"The database's disk is nearly full: {megabytes} MB are free. Make room."
        yield Condition(Kind.DISK, "", condition_text(text, ("df -h",)))


def _ledger(at: Moment) -> Iterator[Condition]:
    done = last(Task.LEDGER_CHECK)
    if done is not None and done.problem:
        text = f"The nightly check of the ledger failed: {said(done.problem)}."
        yield Condition(Kind.LEDGER, "", condition_text(text, ("flask ledger check",)))


def _replica(at: Moment) -> Iterator[Condition]:
    done = last(Task.REPLICA_CHECK)
    if done is not None and done.problem:
        text = f"The check of the replica failed: {said(done.problem)}."
        command = "journalctl -u panel-replica-check -n 50"
        yield Condition(Kind.REPLICA, "", condition_text(text, (command,)))


def _backup(at: Moment) -> Iterator[Condition]:
    if problem := _backup_problem(at.settings.backup_hours):
        commands = ("systemctl start panel-backup", "journalctl -u panel-backup -n 50")
        yield Condition(Kind.BACKUP, "", condition_text(problem, commands))


def _backup_problem(hours: int) -> str:
    """What is wrong with the backups, or ""; a new panel has a day's time for its first one."""
    done = last(Task.BACKUP)
    if done is not None and done.problem:
        return f"The last backup failed: {said(done.problem)}."
    since = now() - hours * HOUR_S
    if not hours or (done is not None and (done.succeeded_at or 0) > since):
        return ""
    if done is not None and done.succeeded_at is not None:
        return f"The last backup is of {moment(done.succeeded_at)} UTC: older than {hours} hours."
    first = Account.select().where(Account.created_at <= since).order_by(Account.id).first()
    if first is None:
        return ""
    since_when = f"for more than {count_of(hours, 'hour', 'hours')}"
    return f"There is no backup, and the panel has run {since_when}."


_SOURCES: tuple[tuple[tuple[str, ...], Source], ...] = (
    ((Kind.WORKER,), _worker),
    ((Kind.DISK,), _disk),
    ((Kind.LEDGER,), _ledger),
    ((Kind.BACKUP,), _backup),
    ((Kind.REPLICA,), _replica),
    ((Kind.BALANCE,), _balance),
    ((Kind.UNREACHABLE,), _unreachable),
    ((Kind.PRICES_OLD,), _prices_old),
    ((Kind.WAITING,), _waiting),
    (tuple(kind for kind in ALL if not isinstance(kind, Kind)), _attention),
    ((Kind.STUCK,), _stuck),
    ((Kind.BELOW_COST, Kind.VANISHED), _off_sale),
    ((Kind.BELOW_COST,), _below_cost),
    ((Kind.PRICE,), _prices),
)
"""Which function finds out what; in the order of the message."""
