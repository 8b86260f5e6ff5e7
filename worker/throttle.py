"""A provider's rate limit."""

import threading
import time


class Throttle:
    """Keeps a provider's requests apart by its rate limit."""

    def __init__(self, requests_per_minute: int, stop: threading.Event) -> None:
        self._gap_s = 60 / requests_per_minute
        self._stop = stop
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def wait(self) -> bool:
        """Wait for the next free moment; False if the worker was stopped meanwhile."""
        with self._lock:
            moment = max(self._next, time.monotonic())
            self._next = moment + self._gap_s
        return not self._stop.wait(max(moment - time.monotonic(), 0))
