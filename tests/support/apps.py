"""Apps on a file of their own, the cast, and real servers: gunicorn, worker, commands."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

import settings
from app import create_app
from bench.busy_clients import activated
from database.driver import sqlite3
from panel import accounts, services
from panel.money import MICROS
from panel.providers.listing import Listing

ROOT = Path(__file__).parent.parent.parent
PLENTY = "1000000/minute"
PATIENCE_S = 120
"""How long a test waits for another process: a busy machine takes its time."""


class KnownRule(Rule):
    """A route whose code is compiled once for all apps of a run, for it is most of their cost."""

    _known: ClassVar[dict[Any, Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if self.defaults:
            return super()._compile_builder(append_unknown)
        known = (append_unknown, *self._trace)
        if known not in self._known:
            self._known[known] = super()._compile_builder(append_unknown)
        return self._known[known]


class KnownTemplates(BytecodeCache):
    """Templates that are compiled once for all apps of a run."""

    def __init__(self) -> None:
        self._known: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if known := self._known.get(bucket.key):
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key] = bucket.bytecode_to_string()


def make_app(path: Path, **variables: str) -> Flask:
    """An app on this database file, with PANEL_* variables on top of the tests' own."""
    environ = {"PANEL_DATABASE": f"sqlite:///{path}", "PANEL_RATE_LIMIT": PLENTY, **variables}
    return create_app(settings.read(environ))


def add_cast() -> SimpleNamespace:
    """Alice has funds, Bob too, Poor has nearly nothing, Mallory is suspended: each one's key.

    followers: 5.00 per 1000, 10 to 1000, refill and cancel. views: 0.015, 100 to 1,000,000,
    neither. pack: a Package at 3.90. hidden: not active.
    """
    keys = SimpleNamespace(
        alice=accounts.add("alice", 100 * MICROS),
        bob=accounts.add("bob", 100 * MICROS),
        poor=accounts.add("poor", 1),
        mallory=accounts.add("mallory", 100 * MICROS),
    )
    accounts.set_status("mallory", "suspended")
    keys.followers = services.add(
        name="Followers", category="Social", rate_micros=5 * MICROS, min=10, max=1000,
        refill=True, cancel=True,
    )  # fmt: skip
    keys.views = services.add(
        name="Views", category="Video", rate_micros=15_000, min=100, max=1_000_000
    )
    keys.pack = services.add(
        name="Pack", category="Video", rate_micros=3_900_000, min=1, max=1, type="Package",
        cancel=True,
    )  # fmt: skip
    keys.hidden = services.add(name="Hidden", category="Video", rate_micros=MICROS, min=1, max=10)
    services.edit(keys.hidden, active=False)
    return keys


def listed(service: str, cost_micros: int) -> Listing:
    """A provider's service at this cost."""
    return Listing(service, "S", "C", "Default", cost_micros, 1, 10**6, False, False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A real panel: gunicorn in its own process group, the `flask` command, one database.

    listener: an open socket that gunicorn gets as it does from systemd.
    """

    folder: Path
    environ: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    configuration: str = "gunicorn.conf.py"
    listener: socket.socket | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "gunicorn.log"

    @property
    def database(self) -> Path:
        return self.folder / "panel.db"

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Rows of the database as they lie on disk."""
        path = f"file:{self.database}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=30)) as connection:
            return connection.execute(sql, values).fetchall()

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", self.configuration]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                activated(command, self.listener) if self.listener else command,
                pass_fds=[self.listener.fileno()] if self.listener else [],
                cwd=ROOT, env=self._environ(), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.request("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def _environ(self) -> dict[str, str]:
        return {**os.environ, **self.environ, "PORT": str(self.port)}

    def kill(self) -> None:
        """Kill master and workers at once, as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Stop as systemd would, and wait for the end."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=40)
            self.process = None

    def worker(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a worker in a process group of its own; its log is worker-1.log, -2 and so on.

        :param command: what Python is to run in place of `flask worker`.
        """
        path = self.folder / f"worker-{len(self.workers) + 1}.log"
        with path.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, *(command or ("-m", "flask", "worker"))],
                cwd=ROOT, env=self._environ(), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def worker_log(self, worker: subprocess.Popen[bytes]) -> str:
        """What this worker has logged."""
        return (self.folder / f"worker-{self.workers.index(worker) + 1}.log").read_text()

    def kill_workers(self) -> None:
        """Kill every worker that still runs."""
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()

    def flask(
        self, *args: str, check: bool = True, input: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run an operator's command."""
        return subprocess.run(
            [sys.executable, "-m", "flask", *args],
            cwd=ROOT, env=self._environ(), input=input, capture_output=True, text=True,
            check=check,
        )  # fmt: skip

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """One HTTP request on a connection of its own: status, headers, body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def call(self, key: str, action: str, **params: Any) -> tuple[int, Any]:
        """POST an action as a form: status and decoded answer."""
        status, _, body = self.request(
            "POST",
            "/api/v2",
            urlencode({"key": key, "action": action, **params}),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )
        return status, json.loads(body)
