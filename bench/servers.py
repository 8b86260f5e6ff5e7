"""Servers: the panel and bare Flask, each under gunicorn with the panel's own settings."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from bench.load import FORM, Work

ROOT = Path(__file__).parent.parent
START_TIMEOUT_S = 60
BARE = "bench.bare:app"


ENVIRON = {name: text for name, text in os.environ.items() if not name.startswith("PANEL_")}
"""Settings of the panel that happen to be set here are not measured."""


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


class Server:
    """A gunicorn that was started and answers."""

    def __init__(self, folder: Path, app: str | None = None, **environ: str) -> None:
        """Start it, on the shipped settings.

        :param folder: where its log goes.
        :param app: what to serve in place of the panel.
        :param environ: variables on top of this process's own.
        :raises RuntimeError: if it does not answer.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._log = folder / "gunicorn.log"
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        begun = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, app] if app else command,
                cwd=ROOT, env={**ENVIRON, **environ, "PORT": str(self.port)},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._wait(begun + START_TIMEOUT_S)
        self.first_answer_s = time.perf_counter() - begun

    def _wait(self, deadline: float) -> None:
        while time.perf_counter() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, HTTPException):
                self.ask(Work("first", ["/api/v2"]))
                return
            time.sleep(0.005)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Stop it and its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, work: Work) -> Answer:
        """Send the first request of a work, once."""
        path, _, form = work.requests[0].partition(" ")
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            method = "POST" if form else "GET"
            headers = {"Content-Type": FORM, **work.headers}
            connection.request(method, path, form or None, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def pss_mb(self) -> list[float]:
        """The memory of each worker, what it shares divided among those that share it."""
        pid = self._process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        sizes = []
        for worker in workers:
            for line in Path(f"/proc/{worker}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    sizes.append(int(line.split()[1]) / 1024)
        return sizes


@contextlib.contextmanager
def panel(folder: Path, database: Path) -> Iterator[Server]:
    """The panel on a database, with a rate limit that is never reached."""
    server = Server(
        folder, PANEL_DATABASE=f"sqlite:///{database}", PANEL_RATE_LIMIT="1000000000/hour"
    )
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def bare(folder: Path, answer: Answer) -> Iterator[Server]:
    """Bare Flask, answering these bytes to everything."""
    body = folder / "body"
    body.write_bytes(answer.body)
    server = Server(folder, BARE, BARE_BODY=str(body), BARE_STATUS=str(answer.status))
    try:
        yield server
    finally:
        server.stop()


def flask(database: Path, *args: str) -> str:
    """Run one of the operator's commands on a database, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *args],
        cwd=ROOT, env={**ENVIRON, "PANEL_DATABASE": f"sqlite:///{database}"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout
