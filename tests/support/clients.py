"""A crowd of processes that do one thing at once: clients with a kept connection, mostly.

Each spawned process imports this module first, so that nothing slow is imported above.
"""

import json
import multiprocessing
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from multiprocessing.pool import AsyncResult
from multiprocessing.synchronize import Barrier, Event, Semaphore
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

SIZE = 8
PATIENCE_S = 60
"""After so long a client gives up: a broken server fails its test and does not hang it."""

Request = dict[str, Any]


def add(key: str, link: str = "https://a.b/c", service: int = 1, quantity: int = 10) -> Request:
    """The parameters of an order."""
    return {"key": key, "action": "add", "service": service, "link": link, "quantity": quantity}


class Answer(NamedTuple):
    """What a client was told."""

    status: int
    headers: dict[str, str]
    body: Any


class Signals(NamedTuple):
    """How a test and its clients tell each other things across processes."""

    start: Barrier
    told: Semaphore
    stop: Event


class Crowd:
    """Eight processes that begin their jobs together."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._signals = Signals(context.Barrier(SIZE), context.Semaphore(0), context.Event())
        self._pool = context.Pool(SIZE, _enter, (self._signals,))

    def begin(
        self, work: Callable[..., Any], jobs: list[tuple[Any, ...]]
    ) -> "AsyncResult[list[Any]]":
        """Let each process do one job; the result's get() waits for what each returned."""
        assert len(jobs) == SIZE, "each process waits for all the others before it begins"
        self._signals.stop.clear()
        while self._signals.told.acquire(block=False):
            pass
        return self._pool.starmap_async(work, jobs, chunksize=1)

    def send(self, port: int, requests: list[list[Request]]) -> list[Answer]:
        """Let each process send its own requests, and give the answers to all of them."""
        told = self.begin(send, [(port, own) for own in requests]).get(PATIENCE_S)
        return [answer for answers in told for answer in answers]

    def wait_until_told(self, count: int) -> None:
        """Wait until the processes that send_on have had so many answers between them."""
        for _ in range(count):
            assert self._signals.told.acquire(timeout=PATIENCE_S), "the clients get no answers"

    def stop(self) -> None:
        """Let the processes that send_on end after their present request."""
        self._signals.stop.set()

    def close(self) -> None:
        """End the processes."""
        self._pool.terminate()
        self._pool.join()


_signals: Signals


def _enter(signals: Signals) -> None:
    global _signals
    _signals = signals


def send(port: int, requests: list[Request]) -> list[Answer]:
    """POST these one after the other, each as a form, on one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    _signals.start.wait(PATIENCE_S)
    try:
        return [_post(connection, request) for request in requests]
    finally:
        connection.close()


def send_on(port: int, request: Request, at_most: int) -> tuple[list[Answer], bool]:
    """POST this again and again, until told to stop or the server is gone.

    :returns: the answers, and whether the server went away.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    answers: list[Answer] = []
    _signals.start.wait(PATIENCE_S)
    try:
        while len(answers) < at_most and not _signals.stop.is_set():
            answers.append(_post(connection, request))
            _signals.told.release()
    except (OSError, HTTPException):
        return answers, True
    finally:
        connection.close()
    return answers, False


def place_all(port: int, orders: list[Request]) -> list[int]:
    """Place orders over one kept connection: their numbers."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        return [_post(connection, order).body["order"] for order in orders]


def _post(connection: HTTPConnection, request: Request) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/api/v2", urlencode(request), headers)
    response = connection.getresponse()
    return Answer(response.status, dict(response.getheaders()), json.loads(response.read()))


def open_a_database(path: Path) -> list[str]:
    """Open a database as a starting server does, and tell what it says."""
    from database.connection import close_database
    from database.migrate import open_database

    _signals.start.wait(PATIENCE_S)
    try:
        return open_database(path)
    finally:
        close_database()
