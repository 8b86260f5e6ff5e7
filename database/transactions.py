"""Write transactions: immediate ones, savepoints, group commit, and the queue of writers."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar

from peewee import OperationalError

from database import numbers
from database.connection import BUSY_TIMEOUT_MS, AtThreadEnd, database
from database.unavailable import NoTurnError, TransactionLostError

Result = TypeVar("Result")

while_waiting: Callable[[], AbstractContextManager[object]] = nullcontext
"""What a thread is inside while it waits for its turn to write. A server sets this, so that
another request can be worked on meanwhile."""

WAIT_S = BUSY_TIMEOUT_MS // 1000
"""How long a write waits until it can begin: in the queue and for other programs together."""

_thread = threading.local()
"""Each thread's lock file: `lock`, whose it is, and what closes it when the thread ends."""


@contextmanager
def immediate(leaves: bool = False, began: float | None = None) -> Iterator[None]:
    """One immediate transaction: all that happens inside is kept, or none of it.

    Writers queue on a file lock before they begin. SQLite's own waiting sleeps and wakes
    without order; in the queue each has its turn.

    :param leaves: whether what is committed is sent to a provider afterwards, or was. Then the
        state file has its numbers when this returns; otherwise they follow within a second or
        with the next transaction after that.
    :param began: when the wait for it began, by time.monotonic(); None for now.
    :raises OperationalError: if it cannot begin within WAIT_S, for another program holds the lock;
        NoTurnError if the others that waited before it took that time.
    :raises RuntimeError: inside another transaction, where Peewee would quietly make this a
        savepoint without the lock.
    """
    if database.in_transaction():
        raise RuntimeError("immediate() inside a transaction")
    began = time.monotonic() if began is None else began
    with ExitStack() as queue:
        with ExitStack() as transaction:
            with while_waiting():
                queue.enter_context(write_queue())
                transaction.enter_context(_begun_in_time(began))
            yield
        numbers.note(at_once=leaves)


@contextmanager
def _begun_in_time(began: float) -> Iterator[None]:
    """A transaction that begins before the wait that began then is over, or not at all.

    Who waited in the queue behind others that could not begin has that much less time: else the
    last of them would be written long after its client was told that it had failed.

    :raises OperationalError: if it cannot begin in time.
    """
    left_s = began + WAIT_S - time.monotonic()
    if left_s <= 0:
        raise NoTurnError("others waited before this write, for too long")
    with ExitStack() as transaction:
        is_shorter = left_s < BUSY_TIMEOUT_MS // 1000 - 1
        with _busy_timeout(left_s) if is_shorter else nullcontext():
            transaction.enter_context(database.atomic("IMMEDIATE"))
        yield


@contextmanager
def _busy_timeout(timeout_s: float) -> Iterator[None]:
    """Let this thread's statements wait for other programs for so long, and not for longer."""
    before = database.execute_sql("PRAGMA busy_timeout").fetchone()[0]
    database.execute_sql(f"PRAGMA busy_timeout = {max(int(timeout_s * 1000), 0)}")
    try:
        yield
    finally:
        database.execute_sql(f"PRAGMA busy_timeout = {before}")


@contextmanager
def savepoint() -> Iterator[None]:
    """A part of a transaction: what happens inside is undone if it raises, the rest is kept.

    Unless SQLite has rolled the whole transaction back, as it does when the disk is full: then
    is_lost() is true, and the transaction cannot go on.

    :raises TransactionLostError: if the transaction was lost before.
    """
    if is_lost():
        raise TransactionLostError("SQLite has rolled the transaction back")
    database.execute_sql("SAVEPOINT part")
    try:
        yield
    except BaseException:
        if not is_lost():
            database.execute_sql("ROLLBACK TO part")
            database.execute_sql("RELEASE part")
        raise
    database.execute_sql("RELEASE part")


def is_lost() -> bool:
    """Whether SQLite has ended this thread's transaction by itself, and kept nothing of it."""
    return not database.connection().in_transaction


class PendingWrite:
    """A write that waits for its commit, and what came of it."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.began = time.monotonic()
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None


_pending: list[PendingWrite] = []
"""The writes that no transaction has begun yet, of all threads, in the order they came."""

_leader_lock = threading.Lock()
"""Held by the thread that is committing the writes of all."""


def group_commit(do: Callable[[], Result]) -> Result:
    """Run a write in an immediate transaction, together with those of other threads.

    A commit waits for the disk, however much is in it. While one is under way the next writes
    gather, and the first thread that gets the lock runs all of them in one transaction, each
    in a savepoint: a write that raises is undone alone. Nobody returns before the commit.

    :param do: may run in another thread that calls this.
    :raises TransactionLostError: if the transaction failed for a reason that was not this
        write's; the cause is the error itself. Nothing is kept of any write of the group then.
    :raises RuntimeError: inside another transaction.
    """
    if database.in_transaction():
        raise RuntimeError("group_commit() inside a transaction")
    write = PendingWrite(do)
    _pending.append(write)
    with ExitStack() as turn:
        with while_waiting():
            turn.enter_context(_leader_lock)
        if not write.done:
            _commit_pending(write)
    if write.error is not None:
        raise write.error
    return write.value


def _commit_pending(own: PendingWrite) -> None:
    """Run all pending writes and commit; `own` is the write of this thread."""
    group: list[PendingWrite] = []
    try:
        with immediate(began=_pending[0].began):
            # Only now: whoever came while other processes were in the queue is in.
            group = _pending[:]
            del _pending[: len(group)]
            _run(group)
    except BaseException as error:
        group = group or _take_overdue(own)
        _fail(group, own, error)
    for write in group:
        write.done = True


def _take_overdue(own: PendingWrite) -> list[PendingWrite]:
    """Take what failed when the transaction could not begin: this thread's write, and those that
    have waited as long as they may. The others try by themselves.
    """
    latest = time.monotonic() - WAIT_S
    overdue = [write for write in _pending if write is own or write.began <= latest]
    for write in overdue:
        _pending.remove(write)
    return overdue


def _run(group: list[PendingWrite]) -> None:
    if len(group) == 1:
        group[0].value = group[0].do()  # the transaction is its savepoint
        return
    for write in group:
        try:
            with savepoint():
                write.value = write.do()
        except Exception as error:
            write.error = error
            if is_lost():
                raise


def _fail(group: list[PendingWrite], own: PendingWrite, error: BaseException) -> None:
    """Give each write of a transaction that failed an exception of its own.

    The error itself goes to the write that raised it, or to the committing thread. Another
    error of a write is void: it may come of a write before it, which is undone now.
    """
    culprit = next((write for write in group if write.error is error), own)
    for write in group:
        if write is culprit:
            write.error = error
        else:
            write.error = TransactionLostError(
                f"a commit shared with other writes failed: {error}"
            )
            write.error.__cause__ = error


@contextmanager
def write_queue() -> Iterator[None]:
    """Wait for this database's other writers, in this process and in others."""
    owner = (database.database, os.getpid())  # a fork inherits the lock: it opens its own
    if getattr(_thread, "owner", None) != owner:
        path = f"{database.database}.lock"
        _thread.lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _thread.at_end = AtThreadEnd(partial(os.close, _thread.lock))
        _thread.owner = owner
    fcntl.flock(_thread.lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(_thread.lock, fcntl.LOCK_UN)


def write_if_free(do: Callable[[], Any]) -> bool:
    """Run a small write in a transaction of its own, but only if it need not wait.

    For what may be left out: a page that only reads waits for no writer. It does not queue, so a
    writer that does may wait for it, for as long as a commit takes.

    :returns: whether it was done; False while another writer is at work, and where the database
        cannot be written, as on a full disk.
    """
    try:
        with _busy_timeout(0), database.atomic("IMMEDIATE"):
            do()
    except OperationalError:
        return False
    return True
