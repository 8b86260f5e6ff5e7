"""What the panel changes in gunicorn: the worker class, its logs, and its own error answers."""

import json
import logging
import re
import signal
import socket

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker

REQUESTS_BETWEEN_CLIENTS = 8
"""After so many a busy worker takes a new client all the same, so that none waits forever."""


class BalancedThreadWorker(ThreadWorker):
    """gunicorn's gthread, where a worker whose threads are all busy leaves clients to the others.

    Otherwise the first to wake takes all that connect at once, and keeps them for as long as
    they keep their connections, while another worker and its core have nothing to do.
    """

    _requests_at_last_accept = 0

    def accept(self, listener: socket.socket) -> None:
        """Accept a new client."""
        super().accept(listener)
        self._requests_at_last_accept = self.nr

    @property
    def worker_connections(self) -> int:
        """How many clients may be connected; gunicorn asks whether it may accept one more."""
        busy = self.nr_conns - len(self.keepalived_conns) - len(self.pending_conns)
        since = self.nr - self._requests_at_last_accept
        if busy < self.cfg.threads or since >= REQUESTS_BETWEEN_CLIENTS:
            return self.cfg.worker_connections
        return 0

    @worker_connections.setter
    def worker_connections(self, number: int) -> None:
        """Do nothing: gunicorn copies the setting that is read above."""


class RequestTextFilter(logging.Filter):
    """Cuts out of gunicorn's messages what a client sent: a key may stand anywhere in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the message."""
        text = re.sub(r"\?[^\s'\"]*", "?...", record.getMessage())
        record.msg = re.sub(r"(Invalid request from ip=\S*: [^:]*).*", r"\1", text, flags=re.S)
        record.args = ()
        return True


class AccessPathFilter(logging.Filter):
    """Writes a path without what looks like a query, and without characters that forge lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the path."""
        atoms: dict[str, str | None] = record.args  # type: ignore[assignment]
        path = re.split("[?;&]", atoms["U"] or "-", maxsplit=1)[0]
        atoms["U"] = re.sub(r"[^!-~]", "?", path)
        return True


def write_json_error(sock: socket.socket, status: int, reason: str, text: str) -> None:
    """Answer what gunicorn refuses before the app sees it, in JSON as the app would.

    :param text: gunicorn's explanation, which may repeat the request: it is left out.
    """
    body = json.dumps({"error": reason}, separators=(",", ":")) + "\n"
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    util.write_nonblock(sock, "\r\n".join((*head, "", body)).encode())


def protect_output() -> None:
    """Keep keys out of both logs, and HTML out of the answers: before gunicorn starts."""
    logging.getLogger("gunicorn.error").addFilter(RequestTextFilter())
    logging.getLogger("gunicorn.access").addFilter(AccessPathFilter())
    util.write_error = write_json_error


def obey_early_stop(server: Arbiter, worker: Worker) -> None:
    """Let a worker that has only just begun obey a stop: in the worker, right after the fork.

    Until it listens to signals itself, gunicorn puts them into its copy of the master's queue
    and forgets them: the stop would wait for it in vain, and kill it in the end.
    """
    signal.signal(signal.SIGTERM, lambda *_: setattr(worker, "alive", False))
    while not server.SIG_QUEUE.empty():
        if server.SIG_QUEUE.get() == signal.SIGTERM:
            worker.alive = False
