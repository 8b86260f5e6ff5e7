"""The state file beside a database: the highest numbers that it gave, and who uses it.

A database that knows less than its state file is an older copy that was put back. Every process
that uses a database holds a shared lock on the file, so that a restore can tell.
"""

import fcntl
import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SIZE = 512
"""The file's size: one sector of a disk, which is written as a whole or not at all."""


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
    descriptor = _open(database)
    try:
        was_alone = _lock(descriptor, fcntl.LOCK_EX)
        _share(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    _held = (database, descriptor)
    return was_alone


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
    if _held is not None:
        os.close(_held[1])
        _held, _panel = None, ""


@contextmanager
def alone(database: Path) -> Iterator[int]:
    """Keep every other process from the database; gives the open state file.

    :raises BlockingIOError: if another process uses it.
    """
    descriptor = _open(database)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    finally:
        os.close(descriptor)


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


def _open(database: Path) -> int:
    return os.open(path_of(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def read(descriptor: int) -> State | None:
    """What the file says: None if it is empty, as a new one is; DAMAGED if it cannot be read."""
    record = os.pread(descriptor, SIZE + 1, 0)
    if not record:
        return None
    checksum, _, text = record.partition(b" ")
    if len(record) != SIZE or checksum != _checksum(text):
        return DAMAGED
    stored = json.loads(text)
    return State(stored["panel"], stored["numbers"])


def write(descriptor: int, state: State, durably: bool = False) -> None:
    """Write what the file says, in place and at once.

    :param durably: whether it must be on disk when this returns.
    """
    text = json.dumps(state._asdict(), separators=(",", ":")).encode()
    text = text.ljust(SIZE - 10) + b"\n"
    os.pwrite(descriptor, _checksum(text) + b" " + text, 0)
    if durably:
        os.fsync(descriptor)


def _checksum(text: bytes) -> bytes:
    return b"%08x" % zlib.crc32(text)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
