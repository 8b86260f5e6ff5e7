"""The panel itself: its own tasks, its state, and a look at every part of it."""

from typing import Any

from flask import render_template

from api.context import current_settings
from database import driver
from panel import figures, health, heartbeat, queries, tasks
from panel.alerts import record
from panel.doctor import Mark
from panel.operations import own_tasks
from panel.tasks import Task
from upstream import ask
from web.dashboard.attention import alert_lines
from web.dashboard.common import back_to, bp, perform, tell

TITLES = {
    Task.BACKUP: "Backup",
    Task.LEDGER_CHECK: "Check of the ledger",
    Task.REPLICA_CHECK: "Check of the copy off the machine",
}


@bp.get("/panel")
def panel_page() -> str:
    """The panel's own tasks with what came of them, what is wrong now, and versions."""
    settings = current_settings()
    runs = {task: tasks.last(task) for task in Task}
    return render_template(
        "dashboard/panel.html",
        titles=TITLES,
        runs=runs,
        wanted={task for task, done in runs.items() if tasks.is_wanted(done)},
        worker_late_s=health.worker_late_s(),
        seen_at=heartbeat.last_seen_at(),
        alerts=alert_lines(record.standing()),
        is_told=bool(settings.notify),
        database=settings.database.name,
        megabytes=figures.database_bytes(settings.database) // 10**6,
        room=health.disk_room(settings.database),
        sqlite=driver.sqlite3.sqlite_version,
    )


@bp.post("/panel/ledger-check")
def panel_ledger_check() -> Any:
    """Ask the worker to check the ledger."""
    return _want(Task.LEDGER_CHECK)


@bp.post("/panel/backup")
def panel_backup() -> Any:
    """Ask the worker to write a backup."""
    return _want(Task.BACKUP)


def _want(task: Task) -> Any:
    said = f"{TITLES[task]}: the worker is asked. This page shows what comes of it."
    perform(own_tasks.want, task, said=said)
    if health.worker_late_s() != 0:
        tell("The worker does not run: it is done when it runs again.", "warning")
    return back_to("admin.panel_page")


@bp.post("/panel/doctor")
def panel_doctor() -> Any:
    """Look at every part of the panel, and show what is found."""
    settings = current_settings()
    # The providers are asked by threads of their own, which know nothing of this request.
    done = perform(own_tasks.examine, settings, lambda row: ask.ask_account(row, settings))
    if not done.done:
        return back_to("admin.panel_page")
    order = [Mark.WRONG, Mark.WARN, Mark.OK]
    findings = sorted(done.value, key=lambda finding: order.index(finding.mark))
    return render_template(
        "dashboard/doctor.html",
        findings=findings,
        providers=set(queries.provider_names().values()),
    )


@bp.post("/panel/notify-test")
def panel_notify_test() -> Any:
    """Send a test message to every address that alerts are sent to."""
    done = perform(own_tasks.try_alerts, current_settings())
    for label, problem in done.value or []:
        tell(f"{label}: {f'not taken: {problem}' if problem else 'taken'}",
             "error" if problem else "done")  # fmt: skip
    return back_to("admin.panel_page")
