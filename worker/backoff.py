"""Pauses that grow while something fails, and are not in step with those of others."""

import random
import threading
import time


class Backoff:
    """One thing that may fail, and until when it rests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._paused_until = 0.0

    def is_paused(self) -> bool:
        """Whether it still rests."""
        return time.monotonic() < self._paused_until

    def pause(self, first_s: float, longest_s: float) -> float | None:
        """Let it rest, twice as long as the last time; the seconds, or None if it does already."""
        with self._lock:
            if self.is_paused():
                return None
            pause = min(first_s * 2**self._failures, longest_s)
            pause_s = pause * random.uniform(0.5, 1.5)  # noqa: S311
            self._failures = min(self._failures + 1, 10)
            self._paused_until = time.monotonic() + pause_s
            return pause_s

    def end(self) -> None:
        """Let it rest no longer; if it fails again, the next pause is longer."""
        self._paused_until = 0.0

    def succeeded(self) -> None:
        """The next pause is a short one again."""
        self._failures = 0
