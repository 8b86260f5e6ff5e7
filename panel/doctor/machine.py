"""What the panel runs on and by: versions, the disk, the worker, and what is done regularly."""

import importlib.metadata
import platform
from collections.abc import Iterator

from database import driver
from database.clock import now
from panel import __version__, attention, health, tasks
from panel.alerts import notify
from panel.attention.items import moment
from panel.doctor.findings import Finding, Mark, found
from panel.tasks import Task
from settings import Settings

MB = 10**6


def of_software() -> Iterator[Finding]:
    """The versions of what the panel runs on."""
    names = ("Flask", "gunicorn", "peewee")
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    yield Finding(Mark.OK, "panel", f"{__version__}, Python {platform.python_version()}")
    yield Finding(Mark.OK, "libraries", libraries)
    fault = driver.fault()
    sqlite = fault or driver.sqlite3.sqlite_version
    yield Finding(Mark.WARN if fault else Mark.OK, "SQLite", sqlite)


def of_disk(settings: Settings) -> Iterator[Finding]:
    """The room on the database's disk."""
    room = health.disk_room(settings.database)
    share = f"{room.free // MB} MB of {room.total // MB} MB are free"
    yield Finding(Mark.WRONG if room.is_low else Mark.OK, "disk", share)


def of_tasks(settings: Settings) -> Iterator[Finding]:
    """The worker, and what is done regularly; whether somebody is told, and what waits."""
    yield _worker()
    yield _backup(settings.backup_hours)
    for task in (Task.LEDGER_CHECK, Task.REPLICA_CHECK):
        last = tasks.last(task)
        if last is not None:
            yield found(task, [last.problem] * bool(last.problem), _ago(last.succeeded_at))
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
    since = moment(now() - late_s)
    late = [f"it was not seen since {since} UTC: systemctl status panel-worker"] * bool(late_s)
    return found("worker", late, "it runs")


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
    missing = [] if notify.is_installed() else [notify.MISSING]
    fine = f"told to {len(settings.notify)} of PANEL_NOTIFY: flask notify test tries it"
    return found("alerts", missing, fine)
