"""The threads that work on requests: so many as usual, and more while some wait to write."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from time import monotonic

from database.unavailable import NoTurnError

Job = Callable[[], None]

PATIENCE_S = 0.02
"""Who has waited for the write lock so long is replaced; a commit takes less, as a rule."""
SURPLUS_S = 10
"""How long threads beyond the usual number are kept after they were needed."""


class RequestThreads:
    """Threads for requests. All methods but waiting() are for the main thread alone.

    A thread that has waited for the write lock for long counts as no thread: another one takes its
    place, up to `max_threads` in all, so that requests which do not write go on.
    """

    def __init__(self, usual: int, max_threads: int) -> None:
        self._usual = usual
        self._max = max_threads
        self._threads = 0
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._waiting_since: dict[int, float] = {}
        self._last_needed = 0.0
        self._unfinished = 0

    def submit(self, job: Job) -> None:
        """Run a job, which must not raise. Its end is to be told by finish()."""
        self._unfinished += 1
        self._jobs.put(job)
        if self._threads < self._usual and self._unfinished > self._threads:
            self._start_thread()

    def finish(self) -> None:
        """Take note that a job has ended."""
        self._unfinished -= 1

    def has_free_thread(self) -> bool:
        """Whether a job that came now would be run at once."""
        return self._unfinished < self._usual or (
            self._unfinished - self._stalled() < self._usual and self._unfinished < self._max
        )

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark the calling thread as one that waits for the write lock.

        :raises NoTurnError: if the others would be left no thread.
        """
        if len(self._waiting_since) >= self._max - self._usual:
            raise NoTurnError("another program holds it, and too many writes wait")
        me = threading.get_ident()
        self._waiting_since[me] = monotonic()
        try:
            yield
        finally:
            del self._waiting_since[me]

    def adjust(self) -> None:
        """Begin threads in place of those that have waited for long, and end those in excess."""
        if self._unfinished > self._threads:
            wanted = min(self._usual + self._stalled(), self._unfinished, self._max)
            for _ in range(wanted - self._threads):
                self._start_thread()
        if self._threads > self._usual:
            now = monotonic()
            if self._threads <= self._usual + self._stalled():
                self._last_needed = now
            elif now - self._last_needed > SURPLUS_S:
                self._end_thread()

    def shutdown(self, wait: bool = True) -> None:
        """Let each thread end as soon as it has nothing to do."""
        while self._threads:
            self._end_thread()

    def _stalled(self) -> int:
        """How many threads have waited for long."""
        limit = monotonic() - PATIENCE_S
        return sum(since < limit for since in list(self._waiting_since.values()))

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work).start()
        except RuntimeError:  # there may be no more: those that are there go on
            if not self._threads:
                raise
        else:
            self._threads += 1

    def _end_thread(self) -> None:
        self._threads -= 1
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
