"""/healthz: whether the panel can answer, and its version. /readyz: whether it does its work.

/readyz is for anybody: it says what is wrong in fixed words, and nothing of why.
"""

import threading
import time
from pathlib import Path

from flask import Flask, Response, jsonify
from peewee import PeeweeException

from api.context import current_settings
from database.connection import database, disconnect
from panel import __version__, health

KEPT_S = 5
"""For how long an answer is given again: nobody can have the database written at will."""
WRITE_S = 2
"""A write that takes longer is taken to be impossible now."""

WORKER_LATE = "the worker is late"
NOT_READ = "the database cannot be read"
NOT_WRITTEN = "the database cannot be written"
DISK_FULL = "the disk is nearly full"
NOT_KNOWN = "the state is not known yet"


def register(app: Flask) -> None:
    """Add /healthz and /readyz to the app."""
    readiness = Readiness()
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule("/readyz", "readyz", lambda: _readyz(readiness))


def _healthz() -> Response:
    database.execute_sql("SELECT 1 FROM accounts LIMIT 1")
    return jsonify({"status": "ok", "version": __version__})


def _readyz(readiness: "Readiness") -> Response:
    problems = readiness.problems(current_settings().database)
    if not problems:
        return jsonify({"status": "ready"})
    response = jsonify({"status": "not ready", "problems": problems})
    response.status_code = 503
    return response


class Readiness:
    """What keeps the panel from its work, as it was found a few seconds ago at most."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._found_at: float | None = None
        self._found: list[str] = []
        self._write = _Write()

    def problems(self, path: Path) -> list[str]:
        """What is wrong; one request finds it out, and the others do not wait for that.

        :param path: the database.
        """
        first = self._found_at is None
        if not self._lock.acquire(timeout=2 * WRITE_S if first else 0):
            return [NOT_KNOWN] if self._found_at is None else self._found
        try:
            if self._found_at is None or time.monotonic() - self._found_at > KEPT_S:
                self._found = self._look(path)
                self._found_at = time.monotonic()
            return self._found
        finally:
            self._lock.release()

    def _look(self, path: Path) -> list[str]:
        found = []
        try:
            if health.is_worker_late(int(time.monotonic() - self._began)):
                found.append(WORKER_LATE)
        except PeeweeException:
            found.append(NOT_READ)
        if not self._write.succeeds(WRITE_S):
            found.append(NOT_WRITTEN)
        if _is_disk_low(path):
            found.append(DISK_FULL)
        return found


def _is_disk_low(path: Path) -> bool:
    try:
        return health.disk_room(path).is_low
    except OSError:
        return True


class _Write:
    """A write in a thread of its own: it takes its turn among the other writers.

    Nobody waits for it longer than wanted, and no second one is begun meanwhile.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._succeeded = False

    def succeeds(self, limit_s: float) -> bool:
        """Whether a write is done in time."""
        if self._thread is None or not self._thread.is_alive():
            self._succeeded = False
            self._thread = threading.Thread(target=self._run, name="write test", daemon=True)
            self._thread.start()
        self._thread.join(limit_s)
        return self._succeeded

    def _run(self) -> None:
        try:
            health.write_nothing()
            self._succeeded = True
        except (PeeweeException, OSError):
            self._succeeded = False
        finally:
            disconnect()
