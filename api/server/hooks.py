"""What the panel changes in gunicorn: its logs, its error answers, and how a worker begins."""

import json
import logging
import re
import signal
import socket

from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker


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
