"""The state file beside a database: the highest numbers that it gave, and who uses it.

A database that knows less than its state file is an older copy that was put back. A file that was
copied together with its database knows no more than that; it says which file it is and when it was
written, so that this is noticed. Every process that uses a database holds a shared lock on the
file, so that a restore can tell.
"""

import fcntl
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

SIZE = 512
"""The file's size: one sector of a disk, which is written as a whole or not at all."""

COPIED_S = 120
"""Where the file itself was changed so long after what it says, it was not this panel that did."""

QUIET_S = 30
"""After so long a pause what is written is on disk at once. The disk gets other writes some time
later, but perhaps the time of the change before: a power cut between must not look like a copy."""

ALONE_S = 1
"""Whoever is alone with a database for longer than this restores it."""


class State(NamedTuple):
    """What the file says.

    panel: which panel's database it belongs to.
    numbers: the highest number that was given in each table.
    """

    panel: str
    numbers: dict[str, int]


DAMAGED = State("", {})
"""What a file says that cannot be read."""

_held: tuple[Path, int] | None = None
"""The database that this process uses, and its state file, which is locked."""
_panel = ""
"""Which panel's numbers this process writes into it; "" while it writes none."""


def path_of(database: Path) -> Path:
    """The state file of a database."""
    return database.with_name(f"{database.name}.state")


def hold(database: Path) -> bool:
    """Say that this process uses a database, until release(); its forks do so, too.

    :returns: whether no other process used it until now.
    :raises BlockingIOError: while a restore replaces the database.
    :raises OSError: if the file cannot be made.
    """
    global _held
    if _held is not None and _held[0] == database:
        return False
    release()
    descriptor, was_alone = _open_locked(database, _begin)
    _held = (database, descriptor)
    return was_alone


def _begin(descriptor: int) -> bool:
    was_alone = _lock(descriptor, fcntl.LOCK_EX)
    _share(descriptor)
    return was_alone


def _open_locked(database: Path, lock: Callable[[int], bool]) -> tuple[int, bool]:
    """Open the file and lock it, and see that it was not removed before the lock was taken.

    :param lock: takes the lock.
    :returns: the file, and what lock() said.
    """
    while True:
        descriptor = os.open(path_of(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            said = lock(descriptor)
            if _is_in_place(database, descriptor):
                return descriptor, said
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_in_place(database: Path, descriptor: int) -> bool:
    """Whether an open file is still the one under its name."""
    try:
        return os.path.samestat(path_of(database).stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _share(descriptor: int) -> None:
    """Take the shared lock; another process that begins may be alone for a moment.

    :raises BlockingIOError: if somebody stays alone, as a restore does.
    """
    deadline = time.monotonic() + ALONE_S
    while not _lock(descriptor, fcntl.LOCK_SH):
        if time.monotonic() > deadline:
            raise BlockingIOError
        time.sleep(0.01)


def release() -> None:
    """Say that this process uses no database any more."""
    global _held, _panel
    held, _held, _panel = _held, None, ""  # first, for other threads do so, too
    if held is not None:
        os.close(held[1])


@contextmanager
def alone(database: Path) -> Iterator[int]:
    """Keep every other process from the database; gives the open state file.

    One that is empty at the end is removed.

    :raises BlockingIOError: if another process uses it.
    """
    descriptor, _ = _open_locked(database, _lock_alone)
    try:
        yield descriptor
    finally:
        if os.fstat(descriptor).st_size == 0:
            path_of(database).unlink(missing_ok=True)
        os.close(descriptor)


def _lock_alone(descriptor: int) -> bool:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def _lock_shared(descriptor: int) -> bool:
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return True


def put_back() -> None:
    """Use the file that is under its name now, where the one in use was removed or replaced.

    :raises BlockingIOError: while a restore replaces the database.
    :raises OSError: if it cannot be made.
    """
    global _held
    held = _held
    if held is None or _is_in_place(*held):
        return
    database, removed = held
    descriptor, _ = _open_locked(database, _lock_shared)
    _held = (database, descriptor)
    os.close(removed)


def descriptor() -> int:
    """The state file of the database that this process uses."""
    if _held is None:
        raise RuntimeError("no database is in use")
    return _held[1]


def begin(panel: str) -> None:
    """Let this process write its database's numbers into the file from now on."""
    global _panel
    _panel = panel


def panel() -> str:
    """Which panel's numbers this process writes into the file; "" if it writes none."""
    return _panel


def read(descriptor: int) -> State | None:
    """What the file says: None if it is empty, as a new one is; DAMAGED if it cannot be read."""
    stored = _stored(descriptor)
    if stored is None:
        return None
    return State(stored["panel"], stored["numbers"]) if stored else DAMAGED


def was_copied(descriptor: int) -> bool:
    """Whether the file is a copy of the one that was written, or was changed by somebody else.

    A copy is another file: it has another number on its file system. One that was written over
    the file itself has its number, but was changed long after the moment that it names. So was
    a file that has got another owner or mode.
    """
    stored, file = _stored(descriptor), os.fstat(descriptor)
    if not stored:
        return False
    is_same = stored["inode"] == file.st_ino
    return not is_same or file.st_ctime > stored["written_at"] + COPIED_S


def write(descriptor: int, state: State, durably: bool = False) -> None:
    """Write what the file says, in place and at once.

    :param durably: whether it must be on disk when this returns.
    """
    written_at = int(time.time())
    before = _stored(descriptor)
    if before and abs(written_at - before["written_at"]) > QUIET_S:
        durably = True
    record = {
        **state._asdict(), "inode": os.fstat(descriptor).st_ino, "written_at": written_at
    }  # fmt: skip
    text = json.dumps(record, separators=(",", ":")).encode()
    text = text.ljust(SIZE - 10) + b"\n"
    os.pwrite(descriptor, _checksum(text) + b" " + text, 0)
    if durably:
        os.fsync(descriptor)


def _stored(descriptor: int) -> dict[str, Any] | None:
    """What is in the file; None if that is nothing, {} if it cannot be read."""
    record = os.pread(descriptor, SIZE + 1, 0)
    if not record:
        return None
    checksum, _, text = record.partition(b" ")
    if len(record) != SIZE or checksum != _checksum(text):
        return {}
    stored: dict[str, Any] = json.loads(text)
    return stored


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
