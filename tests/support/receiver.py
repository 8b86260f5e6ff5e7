"""A service that takes messages and pings, and writes them down."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENT_S = 40


class Taken(NamedTuple):
    """A message that was taken, under which path."""

    path: str
    title: str
    message: str
    type: str


class Receiver:
    """An HTTP server in this process: JSON by POST is a message, a GET is a ping.

    refuses: the paths that answer 500, and take nothing. tries: how often each was tried.
    """

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.pings: list[str] = []
        self.refuses: set[str] = set()
        self.tries: Counter[str] = Counter()
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def of(self, path: str) -> list[Taken]:
        """The messages that one path took."""
        return [taken for taken in self.taken if taken.path == path]

    def await_messages(self, path: str, number: int) -> Taken:
        """Wait until a path has taken so many messages; the last of them."""
        deadline = time.monotonic() + PATIENT_S
        while len(self.of(path)) < number:
            assert time.monotonic() < deadline, self.taken
            time.sleep(0.05)
        return self.of(path)[-1]

    def await_ping(self, path: str, after: int = 0) -> int:
        """Wait for a ping of this path behind so many others; how many there are then."""
        deadline = time.monotonic() + PATIENT_S
        while path not in self.pings[after:]:
            assert time.monotonic() < deadline, self.pings
            time.sleep(0.05)
        return len(self.pings)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.receiver.tries[self.path] += 1
        if self.path in self.receiver.refuses:
            self._answer(500)
            return
        self.receiver.taken.append(Taken(self.path, body["title"], body["message"], body["type"]))
        self._answer(200)

    def do_GET(self) -> None:
        self.receiver.pings.append(self.path)
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing."""
