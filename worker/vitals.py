"""Whether the worker does its work: its loop and lanes turn, and none has an internal error."""

import threading
import time


class Pulse:
    """When a loop turned last, and what of its work ended with an internal error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turned_at = time.monotonic()
        self._faults: dict[str, None] = {}

    def turn(self) -> None:
        """Record that the loop goes on."""
        self._turned_at = time.monotonic()

    def failed(self, kind: str) -> None:
        """Record an internal error in one kind of work: it stands until that kind is done."""
        with self._lock:
            self._faults[kind] = None

    def went_well(self, kind: str) -> None:
        """Record that one kind of work had no internal error."""
        with self._lock:
            self._faults.pop(kind, None)

    def problem(self, late_s: float) -> str:
        """What is wrong, or "".

        :param late_s: a loop that did not turn for longer than this hangs, or has ended.
        """
        if time.monotonic() - self._turned_at > late_s:
            return "does not go on"
        with self._lock:
            fault = next(iter(self._faults), "")
        return f"has an internal error ({fault})" if fault else ""


class Vitals:
    """The pulses of the worker's loop and of its lanes."""

    def __init__(self) -> None:
        self.loop = Pulse()
        self._lanes: dict[str, Pulse] = {}

    def turn(self, lanes: dict[str, Pulse]) -> None:
        """Record that the loop goes on, with these lanes, by their providers' names."""
        self._lanes = lanes
        self.loop.turn()

    def problem(self, late_s: float) -> str:
        """What is wrong, or "": of the loop, or of the first lane that is not well."""
        if problem := self.loop.problem(late_s):
            return f"the worker's loop {problem}"
        for name, pulse in self._lanes.items():
            if problem := pulse.problem(late_s):
                return f"the lane of {name} {problem}"
        return ""
