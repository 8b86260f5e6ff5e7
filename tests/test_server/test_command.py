"""`flask test-server`: a panel to test API clients against, and its remote control."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from support.apps import ROOT
from support.refusals import refusal

from panel import service_types
from panel_testing import PanelClient

pytestmark = pytest.mark.server

TIMEOUT_S = 60


class Running:
    """A `flask test-server` in an empty folder, and what it printed."""

    def __init__(
        self, folder: Path, *args: str, stdin: int = subprocess.PIPE, name: str = "test-server"
    ) -> None:
        self.here, self.temporary = folder / "here", folder / "temporary"
        self.here.mkdir()
        self.temporary.mkdir()
        environ = {n: v for n, v in os.environ.items() if not n.startswith("PANEL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", str(ROOT / "app.py"), name, *args],
            cwd=self.here, env={**environ, "TMPDIR": str(self.temporary)},
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        printed = self.process.stdout.readline()
        self.line: dict[str, Any] = json.loads(printed) if printed else {}

    def ended(self) -> tuple[int, str]:
        """Wait for the end: its exit code, and what else it printed."""
        printed, _ = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, printed

    def left(self) -> list[Path]:
        """The files that it has left behind."""
        return [*self.here.iterdir(), *self.temporary.iterdir()]


@contextmanager
def run_server(
    folder: Path, *args: str, stdin: int = subprocess.PIPE, name: str = "test-server"
) -> Iterator[Running]:
    running = Running(folder, *args, stdin=stdin, name=name)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.communicate()


def balance(running: Running) -> str:
    """What the customer of the printed key has."""
    return PanelClient(running.line["url"], running.line["key"]).balance()["balance"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_serves_until_a_signal_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    with run_server(tmp_path) as running:
        assert set(running.line) == {"url", "key", "services", "control"}
        assert set(running.line["services"]) == set(service_types.SERVICE_TYPES)
        assert balance(running) == "1000.0000"
        running.process.send_signal(number)
        assert running.ended() == (0, "")
        assert running.left() == []


def test_its_old_name_still_serves(tmp_path: Path) -> None:
    with run_server(tmp_path, name="sandbox") as running:
        assert set(running.line) == {"url", "key", "services", "control"}
        assert balance(running) == "1000.0000"


def test_it_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    with run_server(tmp_path) as running:
        assert balance(running) == "1000.0000"
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.process.stdin = None  # communicate() would write to it
        assert running.ended() == (0, "")
        assert running.left() == []


def test_it_runs_without_an_input_too(tmp_path: Path) -> None:
    with run_server(tmp_path, stdin=subprocess.DEVNULL) as running:
        assert balance(running) == "1000.0000"
        assert running.process.poll() is None


def test_it_takes_a_port_a_dialect_and_a_limit(tmp_path: Path) -> None:
    with run_server(tmp_path, "--dialect", "perfectpanel", "--rate-limit", "2") as running:
        client = PanelClient(running.line["url"], running.line["key"])
        assert refusal(client.status, order=999) == (200, "Incorrect order ID")
        assert client.balance()
        assert refusal(client.balance) == (429, "Too many requests")

        (port,) = re.findall(r":(\d+)/", running.line["url"])
        other = tmp_path / "other"
        other.mkdir()
        with run_server(other, "--port", port) as refused:
            assert refused.line == {}
            assert refused.ended() == (1, "")
            assert refused.left() == []


def test_the_remote_control_is_asked_with_json(tmp_path: Path) -> None:
    with run_server(tmp_path) as running:
        ask = running.line["control"]
        with urlopen(ask, b'{"do":"fund","amount":"0.5"}') as response:
            assert response.read() == b'{"account": "sandbox", "balance": "1000.50"}\n'
        for wrong, status in ((b"", 422), (b"[]", 422), (None, 405)):
            with pytest.raises(HTTPError) as caught, urlopen(ask, wrong):
                pass
            with caught.value as refused:
                assert (refused.code, list(json.load(refused))) == (status, ["error"])
        with pytest.raises(HTTPError) as caught, urlopen(f"{ask}0", b"{}"):
            pass
        with caught.value as refused:
            assert refused.code == 404
        assert balance(running) == "1000.5000"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("--help", []),
        ("user --help", []),
        ("test-server --help", []),
        ("sandbox --help", []),
        ("version", []),
        ("user list", ["panel.db", "panel.db.lock", "panel.db.state"]),
    ],
)
def test_only_a_command_that_needs_the_database_creates_it(
    tmp_path: Path, line: str, left: list[str]
) -> None:
    environ = {n: v for n, v in os.environ.items() if not n.startswith("PANEL_")}
    subprocess.run(
        [sys.executable, "-m", "flask", "--app", str(ROOT / "app.py"), *line.split()],
        cwd=tmp_path, env=environ, check=True, capture_output=True,
    )  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == left
