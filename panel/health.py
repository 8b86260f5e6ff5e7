"""Whether the panel can do its work: the worker, the database, the disk.

Read by /readyz, /metrics, the alerts and `flask doctor`.
"""

import os
from pathlib import Path
from typing import NamedTuple

from database.clock import now
from database.compiled_query import literal
from database.transactions import immediate
from models import Heartbeat, Order
from panel import heartbeat
from panel.orders import state
from panel.providers import registry
from panel.providers.currency import SANDBOX_URL

WORKER_LATE_S = 60
"""A worker that was not seen for this long is taken to be stopped."""

WORKER_MISSED_S = 300
"""A worker that never ran is missed after this time, if there is work for it."""

WRITE_TEST = "write test"
"""The row that is written to see whether the database can be."""

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


def is_worker_late(serving_s: int) -> bool:
    """Whether a worker that should run does not.

    One that never ran is missed once the panel has served for a while and there is work for it:
    a provider that is not the built-in sandbox, or an order that waits.

    :param serving_s: for how long the panel has served, in seconds.
    """
    late_s = worker_late_s()
    if late_s is not None:
        return late_s > 0
    return serving_s >= WORKER_MISSED_S and _is_worker_needed()


def _is_worker_needed() -> bool:
    if any(provider.url != SANDBOX_URL for provider in registry.listing()):
        return True
    return Order.select().where(Order.dispatch_state == literal(state.WAITING)).exists()


def write_nothing() -> None:
    """Commit a write that changes nothing but the time of the last such test.

    A transaction without a write would succeed on a full disk, too.

    :raises peewee.PeeweeException: if the database cannot be written.
    """
    with immediate():
        Heartbeat.replace(name=WRITE_TEST, seen_at=now()).execute()
