"""The threads that work on requests, and how many of them work at a time."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

Job = Callable[[], None]

IDLE_S = 10
"""After so long without work, threads beyond the usual number end."""


class RequestThreads:
    """Threads of which `places` work at a time.

    A thread that waits for the write lock has no place meanwhile: another request goes on, in
    another thread where need be. The thread that had work last is the first to get some again.
    """

    def __init__(self, places: int, max_threads: int) -> None:
        self._places = places
        self._max_threads = max_threads
        self._lock = threading.Lock()
        self._free = places  # below zero, while threads that have waited go on
        self._threads = 0
        self._jobs: deque[Job] = deque()
        self._idle: list[SimpleQueue[Job | None]] = []  # each thread's own; the last was last busy
        self._is_over = False
        self.unfinished = 0
        """Jobs that were submitted and have not ended."""

    @property
    def has_place(self) -> bool:
        """Whether a request that came now would be worked on at once."""
        return self._free > 0

    def submit(self, job: Job) -> None:
        """Run a job, which must not raise, as soon as there is a place."""
        with self._lock:
            self.unfinished += 1
            self._jobs.append(job)
            self._start_jobs()

    @contextmanager
    def without_place(self) -> Iterator[None]:
        """Give this thread's place to another request, while this one waits."""
        with self._lock:
            self._free += 1
            self._start_jobs()
        try:
            yield
        finally:
            with self._lock:
                self._free -= 1

    def shutdown(self, wait: bool = True) -> None:
        """Let each thread end as soon as it has nothing to do; gunicorn calls this at the end."""
        with self._lock:
            self._is_over = True
            for own in self._idle:
                own.put(None)
            self._threads -= len(self._idle)
            self._idle.clear()

    def _start_jobs(self) -> None:
        while self._jobs and self._free > 0 and (self._idle or self._threads < self._max_threads):
            job = self._jobs.popleft()
            self._free -= 1
            if self._idle:
                self._idle.pop().put(job)
            else:
                self._threads += 1
                threading.Thread(target=self._work, args=(job,)).start()

    def _work(self, job: Job | None) -> None:
        own: SimpleQueue[Job | None] = SimpleQueue()
        while job is not None:
            job()
            job = self._next_job(own)

    def _next_job(self, own: SimpleQueue[Job | None]) -> Job | None:
        """Wait for the thread's next job; None for its end."""
        with self._lock:
            self.unfinished -= 1
            self._free += 1
            if self._jobs and self._free > 0:
                self._free -= 1
                return self._jobs.popleft()
            if self._is_over:
                self._threads -= 1
                return None
            self._idle.append(own)
        while True:
            try:
                return own.get(timeout=IDLE_S)
            except Empty:
                with self._lock:
                    if own in self._idle and self._threads > self._places:
                        self._idle.remove(own)
                        self._threads -= 1
                        return None
