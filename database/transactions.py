"""Write transactions: immediate ones, group commit, and the queue of writers."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from database.connection import database

Result = TypeVar("Result")

_thread = threading.local()


@contextmanager
def immediate() -> Iterator[None]:
    """One immediate transaction: all that happens inside is kept, or none of it.

    Writers queue on a file lock before they begin. SQLite's own waiting sleeps and wakes
    without order; in the queue each has its turn.

    :raises RuntimeError: inside another transaction, where Peewee would quietly make this a
        savepoint without the lock.
    """
    if database.in_transaction():
        raise RuntimeError("immediate() inside a transaction")
    with write_queue(), database.atomic("IMMEDIATE"):
        yield


class _Work:
    """What one caller of together() wants done, and what came of it."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do = do
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None


_brought: list[_Work] = []
_doing = threading.Lock()


def group_commit(do: Callable[[], Result]) -> Result:
    """Do something in an immediate transaction, along with what other threads bring.

    A commit is a wait for the disk, whatever is in it. While one is under way the next callers
    gather, and the first of them does the work of all in one transaction, each in a savepoint
    of its own: each is kept whole or not at all, and nobody is answered before the commit.

    :param do: may run in another caller's thread.
    :raises RuntimeError: inside another transaction.
    """
    if database.in_transaction():
        raise RuntimeError("together() inside a transaction")
    work = _Work(do)
    _brought.append(work)
    with _doing:
        if not work.done:
            _do_all(work)
    if work.error is not None:
        raise work.error
    return work.value


def _do_all(own: _Work) -> None:
    """Do all that was brought, and commit; where that fails, it fails for all."""
    works = [own]
    try:
        with immediate():
            # Only now: whoever came while other processes were in the queue is in.
            works = _brought[:]
            del _brought[: len(works)]
            if len(works) == 1:
                own.value = own.do()  # alone, it is the transaction
            else:
                for work in works:
                    _do(work)
    except BaseException as error:  # a full disk, for one: nothing is left of the transaction
        for work in works:
            work.error = error
    if own in _brought:  # it was not even begun; the others try for themselves
        _brought.remove(own)
    for work in works:
        work.done = True


def _do(work: _Work) -> None:
    database.execute_sql("SAVEPOINT work")
    try:
        work.value = work.do()
    except Exception as error:
        # Raises in its turn, and ends it for all, where SQLite gave up the whole transaction.
        database.execute_sql("ROLLBACK TO work")
        work.error = error
    database.execute_sql("RELEASE work")


@contextmanager
def write_queue() -> Iterator[None]:
    """Wait for this database's other writers, in this process and in others."""
    owner = (database.database, os.getpid())  # a lock is shared with a fork: each opens its own
    lock = getattr(_thread, "lock", None)
    if lock is None or _thread.owner != owner:
        path = f"{database.database}.lock"
        _thread.lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        _thread.owner = owner
        if lock is not None:
            os.close(lock)
    fcntl.flock(_thread.lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(_thread.lock, fcntl.LOCK_UN)
