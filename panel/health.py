"""Whether the panel can do its work: the worker, the database, the disk.

Read by /readyz, /metrics, the alerts and `flask doctor`.
"""

import os
from pathlib import Path
from typing import NamedTuple

from database.clock import now
from database.transactions import immediate
from panel import heartbeat

WORKER_LATE_S = 60
"""A worker that was not seen for this long is taken to be stopped."""

LEAST_FREE_PPM = 100_000
"""A disk with less room than this, 10 %, is nearly full."""


class Room(NamedTuple):
    """The room on a disk, in bytes."""

    free: int
    total: int

    @property
    def is_low(self) -> bool:
        """Whether it is nearly full."""
        return self.free * 1_000_000 < self.total * LEAST_FREE_PPM


def disk_room(database: Path) -> Room:
    """The room on the disk that the database is on, as far as the panel's user may use it.

    :raises OSError: if the folder is gone.
    """
    disk = os.statvfs(database.parent)
    return Room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)


def worker_late_s() -> int | None:
    """For how long a worker that should run was not seen, in seconds; 0: it runs.

    None: there never was one.
    """
    seen_at = heartbeat.last_seen_at()
    if seen_at is None:
        return None
    age_s = now() - seen_at
    return age_s if age_s > WORKER_LATE_S else 0


def write_nothing() -> None:
    """Begin and commit a write transaction that changes nothing.

    :raises peewee.OperationalError: if the database cannot be written.
    """
    with immediate():
        pass
