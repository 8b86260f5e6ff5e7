"""How gunicorn serves the panel: gunicorn -c gunicorn.conf.py 'app:create_app()'."""

import json
import logging
import os
import re
import signal
import socket
from pathlib import Path

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker
from gunicorn.workers.gthread import ThreadWorker

REQUESTS_BETWEEN_CLIENTS = 8
"""After so many a busy worker takes a new client all the same, so that none waits forever."""

wsgi_app = "app:create_app()"
bind = os.environ.get("BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")


class EvenWorker(ThreadWorker):
    """gunicorn's gthread, where a worker whose threads are all busy leaves clients to the others.

    Otherwise the first to wake takes all that connect at once, and keeps them for as long as
    they keep their connections, while another worker and its core have nothing to do.
    """

    _at_last_accept = 0

    def accept(self, listener: socket.socket) -> None:
        """Accept a new client."""
        super().accept(listener)
        self._at_last_accept = self.nr

    @property
    def worker_connections(self) -> int:
        """How many clients may be connected; gunicorn asks whether it may accept one more."""
        busy = self.nr_conns - len(self.keepalived_conns) - len(self.pending_conns)
        if busy < self.cfg.threads or self.nr - self._at_last_accept >= REQUESTS_BETWEEN_CLIENTS:
            return self.cfg.worker_connections
        return 0

    @worker_connections.setter
    def worker_connections(self, number: int) -> None:
        """Do nothing: gunicorn copies the setting that is read above."""


# Threads keep slow clients' connections open without holding up the others; two processes use
# the second core where there is one. Of eight, some answer while the others wait for the disk.
worker_class = EvenWorker
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8
keepalive = 15

# Loaded once: a wrong setting is told once, and the workers share the code's memory.
preload_app = True
# A stopped server finishes the requests in flight.
graceful_timeout = 30
timeout = 60
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True

# A GET may carry a link of 2048 characters, percent-encoded.
limit_request_line = 8190

accesslog = "-"
# The path without the query, for the query may hold a key; no header either.
access_log_format = '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s %(L)ss'


class _KeepRequestsOut(logging.Filter):
    """Cuts out of gunicorn's messages what a client sent: a key may stand anywhere in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = re.sub(r"\?[^\s'\"]*", "?...", record.getMessage())
        record.msg = re.sub(r"(Invalid request from ip=\S*: [^:]*).*", r"\1", text, flags=re.S)
        record.args = ()
        return True


class _KeepPathsClean(logging.Filter):
    """Writes a path without what looks like a query, and without characters that forge lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        atoms: dict[str, str | None] = record.args  # type: ignore[assignment]
        path = re.split("[?;&]", atoms["U"] or "-", maxsplit=1)[0]
        atoms["U"] = re.sub(r"[^!-~]", "?", path)
        return True


def _write_error(sock: socket.socket, status: int, reason: str, text: str) -> None:
    """Answer what gunicorn refuses before the app sees it, in JSON as the app would."""
    body = json.dumps({"error": reason}, separators=(",", ":")) + "\n"
    head = (
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    util.write_nonblock(sock, "\r\n".join((*head, "", body)).encode())


def on_starting(server: object) -> None:
    """Keep keys out of both logs, and HTML out of the answers."""
    logging.getLogger("gunicorn.error").addFilter(_KeepRequestsOut())
    logging.getLogger("gunicorn.access").addFilter(_KeepPathsClean())
    util.write_error = _write_error


def post_fork(server: Arbiter, worker: Worker) -> None:
    """Let a worker that has only just begun obey a stop.

    Until it listens to signals itself, gunicorn puts them into its copy of the master's queue
    and forgets them: the stop would wait for it in vain, and kill it in the end.
    """
    signal.signal(signal.SIGTERM, lambda *_: setattr(worker, "alive", False))
    while not server.SIG_QUEUE.empty():
        if server.SIG_QUEUE.get() == signal.SIGTERM:
            worker.alive = False
