"""The cast and the real parts: an app on a real file, and a real gunicorn with a real database."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
import world as worlds
from clients import Crowd
from faulty import FaultyProvider
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from recorder import Clock, Recorder

import models
import settings
from app import create_app
from panel import accounts, services
from panel.money import MICROS
from panel.providers import Listing

# Property tests are never timed: a loaded machine is no bug.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["panel_testing"]
"""Our own plugin, as another project has it after an installation."""

ROOT = Path(__file__).parent.parent
PLENTY = "1000000/minute"


def make_app(path: Path, **variables: str) -> Flask:
    """An app on this database file, with PANEL_* variables on top of the tests' own."""
    environ = {"PANEL_DATABASE": f"sqlite:///{path}", "PANEL_RATE_LIMIT": PLENTY, **variables}
    return create_app(settings.read(environ))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    # The power is not cut here; the real servers below keep to the default.
    yield make_app(tmp_path / "panel.db", PANEL_SYNCHRONOUS="OFF")
    models.close_database()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@pytest.fixture
def cast(app: Flask) -> SimpleNamespace:
    """The cast, in an otherwise empty panel."""
    return add_cast()


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


@pytest.fixture(scope="session")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the world, made once and copied from then on."""
    path = tmp_path_factory.mktemp("world") / "panel.db"
    models.open_database(path)
    add_cast()
    worlds.fill()
    models.close_database()
    return path


@pytest.fixture
def world(world_file: Path, tmp_path: Path) -> Iterator[worlds.World]:
    """A copy of the world, for this test alone, and an app on it."""
    path = tmp_path / "panel.db"
    shutil.copy(world_file, path)
    yield worlds.World(path, make_app(path))
    models.close_database()


@pytest.fixture(scope="session")
def crowd() -> Iterator[Crowd]:
    """Eight processes for what must happen at once."""
    crowd = Crowd()
    yield crowd
    crowd.close()


def listed(service: str, cost_micros: int) -> Listing:
    """A provider's service at this cost."""
    return Listing(service, "S", "C", "Default", cost_micros, 1, 10**6, False, False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A real panel: gunicorn in its own process group, the `flask` command, one database."""

    folder: Path
    environ: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.folder / "gunicorn.log"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
                cwd=ROOT, env=self._environ(), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 20
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

    def worker(self) -> subprocess.Popen[bytes]:
        """Start a worker in a process group of its own; its log is worker-1.log, -2 and so on."""
        path = self.folder / f"worker-{len(self.workers) + 1}.log"
        with path.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "flask", "worker"],
                cwd=ROOT, env=self._environ(), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

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


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start real servers, each on its own database unless told otherwise, until the test ends."""
    servers: list[Server] = []

    def make(name: str = "panel", **environ: str) -> Server:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        server = Server(
            folder,
            {
                "PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}",
                "PANEL_RATE_LIMIT": PLENTY,
                **environ,
            },
        )
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.kill_workers()
        server.kill()


@pytest.fixture(scope="session")
def faulty_server() -> Iterator[FaultyProvider]:
    provider = FaultyProvider()
    yield provider
    provider.close()


@pytest.fixture
def faulty(faulty_server: FaultyProvider) -> Iterator[FaultyProvider]:
    """A provider that works well until the test tells it otherwise."""
    faulty_server.renew()
    yield faulty_server
    faulty_server.renew()


@pytest.fixture(scope="session")
def recorder_server() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def recorder(recorder_server: Recorder) -> Recorder:
    """A provider that has seen nothing yet, and takes everything."""
    recorder_server.renew()
    return recorder_server


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, standing still."""
    return Clock(monkeypatch)
