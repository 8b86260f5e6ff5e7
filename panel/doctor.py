"""What `flask doctor` looks at: each part of the panel, and whether it is as it should be."""

import importlib.metadata
import importlib.util
import platform
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from peewee import PeeweeException

from database import driver
from database.backup import damage
from database.clock import now
from database.connection import database
from database.migrate import schema_version
from models import Provider
from panel import __version__, attention, health, ledger, tasks
from panel.errors import ProviderFailed
from panel.providers import currency, registry
from panel.providers.registry import ProviderAccount
from panel.tasks import Task
from settings import Settings

CLOCK_APART_S = 60
"""A provider's clock may differ from ours by so much."""

CONNECTIONS = 8
"""How many providers are asked at once."""

MB = 10**6


class Mark(StrEnum):
    """Whether something is as it should be; WARN: it may be meant so."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at."""

    mark: Mark
    name: str
    text: str


def _found(name: str, wrong: Iterable[str], fine: str) -> Finding:
    """What is wrong with something, or that it is fine."""
    problems = list(wrong)
    if not problems:
        return Finding(Mark.OK, name, fine)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Finding(Mark.WRONG, name, problems[0] + more)


def examine(
    settings: Settings, ask_account: Callable[[Provider], ProviderAccount]
) -> Iterator[Finding]:
    """Look at everything but the way to the server; a part that cannot be read is a finding too.

    :param ask_account: asks a provider about our account there; called in other threads.
    """
    parts = (
        ("software", of_software),
        ("database", partial(of_database, settings.database)),
        ("machine", partial(of_machine, settings)),
        ("providers", partial(of_providers, settings, ask_account)),
    )
    for name, look in parts:
        try:
            yield from look()
        except (PeeweeException, driver.sqlite3.Error, OSError) as error:
            yield Finding(Mark.WRONG, name, f"cannot be looked at: {error}")


def of_software() -> Iterator[Finding]:
    """The versions of what the panel runs on."""
    names = ("Flask", "gunicorn", "peewee")
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    yield Finding(Mark.OK, "panel", f"{__version__}, Python {platform.python_version()}")
    yield Finding(Mark.OK, "libraries", libraries)
    sqlite = ".".join(map(str, database.server_version))
    fault = driver.fault()
    yield Finding(Mark.WARN if fault else Mark.OK, "SQLite", fault or sqlite)


def of_database(path: Path) -> Iterator[Finding]:
    """The file, its schema, and whether SQLite and the ledger find it sound."""
    size = f"{path}, {path.stat().st_size // 1000} kB"
    yield _found("database", _readable_by_others(path), size)
    version = database.pragma("user_version")
    newest = [] if version == schema_version() else [f"version {version}, not {schema_version()}"]
    yield _found("schema", newest, f"version {version}")
    yield _found("integrity", damage(database.connection()), "SQLite finds nothing wrong")
    yield _found("ledger", ledger.check(), "every balance and every order matches its entries")


def _readable_by_others(path: Path) -> Iterator[str]:
    for file in sorted(path.parent.glob(f"{path.stem}*")):
        mode = file.stat().st_mode & 0o777
        if file.is_file() and mode & 0o077:
            yield f"{file} can be read by others (mode {mode:o}): chmod 600 {file}"


def of_machine(settings: Settings) -> Iterator[Finding]:
    """The disk, the worker, and what is done regularly."""
    room = health.disk_room(settings.database)
    share = f"{room.free // MB} MB of {room.total // MB} MB are free"
    yield Finding(Mark.WRONG if room.is_low else Mark.OK, "disk", share)
    yield _worker()
    yield _backup(settings.backup_hours)
    for task in (Task.LEDGER_CHECK, Task.REPLICA_CHECK):
        last = tasks.last(task)
        if last is not None:
            yield _found(task, [last.problem] * bool(last.problem), _ago(last.succeeded_at))
    yield _alerts(settings)
    waiting, cut = attention.everything(settings)
    if waiting:
        more = " or more" if cut else ""
        text = f"{len(waiting)}{more} things wait for you: flask attention"
        yield Finding(Mark.WARN, "attention", text)
    else:
        yield Finding(Mark.OK, "attention", "nothing waits for you")


def _worker() -> Finding:
    late_s = health.worker_late_s()
    if late_s is None:
        return Finding(Mark.WARN, "worker", "it never ran: flask worker sends the orders on")
    late = [f"it was not seen for {late_s} s: systemctl status panel-worker"] * bool(late_s)
    return _found("worker", late, "it runs")


def _backup(hours: int) -> Finding:
    last = tasks.last(Task.BACKUP)
    if last is not None and last.problem:
        return Finding(Mark.WRONG, "backup", f"the last one failed: {last.problem}")
    if last is None or last.succeeded_at is None:
        return Finding(Mark.WARN, "backup", "there was none yet: flask backup FILE")
    old = hours > 0 and last.succeeded_at < now() - hours * 3600
    return Finding(Mark.WRONG if old else Mark.OK, "backup", _ago(last.succeeded_at))


def _ago(at: int | None) -> str:
    return "never" if at is None else f"{(now() - at) // 3600} hours ago"


def _alerts(settings: Settings) -> Finding:
    if not settings.notify:
        return Finding(Mark.WARN, "alerts", "nobody is told of anything: PANEL_NOTIFY is empty")
    missing = importlib.util.find_spec("apprise") is None
    wrong = ["the package apprise is missing: pip install -r requirements-notify.txt"] * missing
    return _found(
        "alerts",
        wrong,
        f"told to {len(settings.notify)} of PANEL_NOTIFY: flask notify test tries it",
    )


def of_providers(
    settings: Settings, ask_account: Callable[[Provider], ProviderAccount]
) -> Iterator[Finding]:
    """Each provider's funds, currency and clock, as it says now; nothing is recorded."""

    def look(row: Provider) -> Finding:
        name = f"provider {row.name}"
        if not row.active:
            return Finding(Mark.WARN, name, "it is paused")
        try:
            account = ask_account(row)
        except ProviderFailed as error:
            return Finding(Mark.WRONG, name, str(error))
        clock = "" if account.clock_at is None else ", its clock is right"
        return _found(name, _wrong_with(row, account, settings), account.balance + clock)

    rows = registry.listing()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        yield from pool.map(look, rows)


def _wrong_with(row: Provider, account: ProviderAccount, settings: Settings) -> Iterator[str]:
    if row.stopped_because:
        yield f"nothing is sent there: {row.stopped_because}"
    theirs = account.currency or row.currency
    if not theirs:
        yield f"it names no currency: flask provider currency {row.name} CODE"
    elif row.currency and theirs != row.currency:
        yield f"its currency was {row.currency} and is {theirs}"
    elif currency.exchange(row, settings.currency).ratio() is None:
        yield f"its currency is {theirs}, ours {settings.currency}, and no rate of exchange is set"
    apart_s = 0 if account.clock_at is None else account.clock_at - now()
    if abs(apart_s) > CLOCK_APART_S:
        order = "ahead of" if apart_s > 0 else "behind"
        yield f"its clock is {abs(apart_s)} s {order} ours: is this machine's right?"
