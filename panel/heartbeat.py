"""When the worker was last alive."""

from database.clock import now, past
from database.transactions import immediate
from models import Heartbeat

WORKER = "worker"


def record_alive() -> None:
    """Record that the worker is running."""
    with immediate():
        Heartbeat.replace(name=WORKER, seen_at=now()).execute()


def last_seen_at() -> int | None:
    """When the worker was last alive; None if it never was, or if that is in the future."""
    beat = Heartbeat.get_or_none(Heartbeat.name == WORKER)
    return past(beat.seen_at) if beat else None
