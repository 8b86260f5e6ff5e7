"""The time, standing still in a test until the test moves it."""

import time

import pytest

NOW = 1_800_000_000.25


class Clock:
    """The time, which stands still until a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1_800_000_000
        monkeypatch.setattr(time, "time", lambda: float(self.seconds))
        monkeypatch.setattr(time, "time_ns", lambda: self.seconds * 10**9)

    def move(self, *, minutes: int = 0, seconds: int = 0) -> None:
        """Let time pass."""
        self.seconds += minutes * 60 + seconds
