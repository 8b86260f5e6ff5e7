"""What a provider does not answer now, as operators see it."""

import threading
import time

from panel.providers import registry
from worker import outages

EVERYTHING = "everything"
FORGOTTEN_S = 2 * 3600
"""A kind of requests that did not fail for so long is asked for no more: longer than anything
waits to be asked for again."""


class Failing:
    """The kinds of requests that fail at a provider; its row names one of them.

    Written only when another is named than before, not at each failure.
    """

    def __init__(self, provider_id: int, because: str) -> None:
        """Begin with what the row says."""
        self._provider_id = provider_id
        self._lock = threading.Lock()
        self._named = because.partition(":")[0]
        self._failed: dict[str, tuple[str, float]] = {}
        if because:
            self._failed[self._named] = (because, time.monotonic())

    def began(self, kind: str, why: str) -> None:
        """A kind of requests failed."""
        with self._lock:
            self._failed[kind] = (f"{kind}: {why}", time.monotonic())
            self._name_one()

    def ended(self, kind: str) -> None:
        """A kind of requests succeeded, so the provider is reached."""
        with self._lock:
            if self._failed:
                self._failed.pop(kind, None)
                self._failed.pop(EVERYTHING, None)
                self._name_one()

    def forget_old(self) -> None:
        """Leave out what was not asked for any more."""
        with self._lock:
            since = time.monotonic() - FORGOTTEN_S
            old = [kind for kind, (_, failed_at) in self._failed.items() if failed_at < since]
            for kind in old:
                del self._failed[kind]
            if old:
                self._name_one()

    def _name_one(self) -> None:
        """Name what fails in the row: everything before one kind, the longest before others."""
        kind = EVERYTHING if EVERYTHING in self._failed else next(iter(self._failed), "")
        if kind == self._named:
            return
        try:
            registry.record_failing(self._provider_id, self._failed[kind][0] if kind else "")
        except Exception as error:
            # Named the next time: what fails must not end the lane.
            outages.survive(error, "what fails at a provider was not recorded")
        else:
            self._named = kind
