"""Disks that are full when a test wants them to be."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from database.driver import sqlite3


class Disk:
    """A folder where nothing can be written between fill() and free().

    This one refuses by a limit of the process, which is an I/O error to SQLite, and needs no
    rights.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, *pids: int) -> None:
        """Leave no room: for this process, or for others."""
        self._limit((0, self._limits[1]), pids)

    def free(self, *pids: int) -> None:
        """Make room again."""
        self._limit(self._limits, pids)

    def _limit(self, limits: tuple[int, int], pids: tuple[int, ...]) -> None:
        if not pids:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        for pid in pids:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


class FullDisk(Disk):
    """A file system of its own, which really is full."""

    def fill(self, *pids: int) -> None:
        """Leave no room, not even for a byte."""
        with (self.folder / "filling").open("wb", buffering=0) as filling:
            try:
                while filling.write(b"\0" * 4096):
                    pass
            except OSError:
                return

    def free(self, *pids: int) -> None:
        """Make room again."""
        (self.folder / "filling").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A small file system in memory; where none may be mounted, a limited folder instead."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield Disk(folder)
        return
    try:
        yield FullDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def empty_the_log(database: Path) -> None:
    """Copy the write-ahead log into the database and cut it off: the next commit needs room."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            pass
