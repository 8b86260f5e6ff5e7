"""What an operator asks of the panel itself in the dashboard: its own tasks, and a look at it."""

from collections.abc import Callable

from panel import doctor, tasks
from panel.alerts import events, notify
from panel.doctor import Finding, Mark
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited
from panel.operations.providers import AskAccount
from panel.tasks import Task
from settings import Settings

WANTED = {
    Task.LEDGER_CHECK: "panel: check the ledger",
    Task.BACKUP: "panel: write a backup",
}
"""What can be asked for, and what the audit calls it. The worker does it: it may take minutes."""


def want(actor: Actor, task: Task) -> None:
    """Ask the worker to check the ledger, or to write a backup, as soon as it can."""
    with audited(actor, WANTED[task]) as result:
        tasks.want(task)
        result.text = "the worker is asked"


def examine(actor: Actor, settings: Settings, ask_account: AskAccount) -> list[Finding]:
    """Look at every part of the panel that can be looked at quickly; providers are asked."""
    with audited(actor, "panel: look at every part") as result:
        findings = list(doctor.examine_running(settings, ask_account))
        wrong = sum(finding.mark is Mark.WRONG for finding in findings)
        result.text = f"wrong: {wrong}"
    return findings


def try_alerts(
    actor: Actor, settings: Settings, send: Callable[..., str] = notify.send
) -> list[tuple[str, str]]:
    """Send a message to every address of PANEL_NOTIFY.

    :returns: for each, how it may be shown, and why it did not take the message, or "".
    :raises OperatorError: if there is no address, or Apprise is not installed.
    """
    with audited(actor, "panel: send a test message") as result:
        if not settings.notify:
            raise OperatorError("PANEL_NOTIFY is empty: nobody is told anything")
        if not notify.is_installed():
            raise OperatorError(notify.MISSING)
        results = events.tell_all(settings, events.trial_message(settings), send)
        taken = sum(not problem for _, problem in results)
        result.text = f"taken by {taken} of {len(results)}"
    return results
