"""When the panel's own tasks were last done: backup, ledger check, check of a replica."""

from enum import StrEnum

from database.clock import now, past
from database.transactions import immediate
from models import TaskRun

MAX_PROBLEM = 500
"""The most characters of a problem that are kept."""


class TaskFailedError(Exception):
    """A task failed; the text says why, in one line."""


class Task(StrEnum):
    """What is done regularly."""

    BACKUP = "backup"
    LEDGER_CHECK = "ledger check"
    REPLICA_CHECK = "replica check"


def record_success(task: Task) -> None:
    """Record that a task has just been done."""
    with immediate():
        TaskRun.insert(name=task, succeeded_at=now()).on_conflict(
            conflict_target=[TaskRun.name],
            update={TaskRun.succeeded_at: now(), TaskRun.problem: "", TaskRun.wanted_at: None},
        ).execute()


def record_failure(task: Task, problem: str) -> None:
    """Record that a task has just failed.

    :param problem: what went wrong, in one line; never a secret.
    """
    text = problem[:MAX_PROBLEM]
    with immediate():
        TaskRun.insert(name=task, failed_at=now(), problem=text).on_conflict(
            conflict_target=[TaskRun.name],
            update={TaskRun.failed_at: now(), TaskRun.problem: text, TaskRun.wanted_at: None},
        ).execute()


def want(task: Task) -> None:
    """Ask the worker to do a task as soon as it can; to ask again changes nothing."""
    if is_wanted(last(task)):
        return
    with immediate():
        TaskRun.insert(name=task, wanted_at=now()).on_conflict(
            conflict_target=[TaskRun.name], update={TaskRun.wanted_at: now()}
        ).execute()


def is_wanted(done: TaskRun | None) -> bool:
    """Whether a task was asked for, and neither done nor tried since."""
    return done is not None and done.wanted_at is not None


def tried_at(done: TaskRun | None) -> int:
    """When a task was last done or tried; 0 for never."""
    return max(done.succeeded_at or 0, done.failed_at or 0) if done is not None else 0


def last(task: Task) -> TaskRun | None:
    """A task's last success and its last failure; None if it never ran.

    Times in the future, from when the clock was ahead, count as never.
    """
    done = TaskRun.get_or_none(TaskRun.name == task)
    if done is not None:
        done.succeeded_at, done.failed_at = past(done.succeeded_at), past(done.failed_at)
    return done
