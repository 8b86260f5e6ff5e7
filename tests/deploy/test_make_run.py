"""`make run` with a real make: what it starts ends with it, however it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from support.apps import ROOT, free_port
from support.servers import required_program

pytestmark = pytest.mark.server

PATIENCE_S = 40

Processes = dict[int, str]


OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
"""What `make test` tells the makes that it starts: this one is nobody's."""


class Run:
    """A `make run` on a database of its own, in a process group of its own."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.port = environ.pop("PORT", "") or str(free_port())
        self.log = folder / "make.log"
        own = {name: text for name, text in os.environ.items() if name not in OF_MAKE}
        variables = {**own, "PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}", **environ}
        with self.log.open("wb") as log:
            self.make = subprocess.Popen(
                # What it installs is installed: the tests run on it.
                [required_program("make"), "-o", "setup", "run", f"PORT={self.port}",
                 f"BIN={Path(sys.executable).parent}"],
                cwd=ROOT, env=variables, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=obey_signals,
            )  # fmt: skip

    def left(self) -> Processes:
        """What runs of it still, by process id."""
        return {pid: line for pid, line in processes().items() if self.make.pid == session(pid)}

    def wait_until_it_serves(self) -> None:
        """Wait until it answers, and its worker is ready."""
        wait_for(lambda: "the worker is ready" in self.said(), self.said)
        wait_for(self.answers, self.said)

    def answers(self) -> bool:
        """Whether the server answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status == 200
        except (URLError, ConnectionError):
            return False

    def said(self) -> str:
        """All that was written to the terminal."""
        return self.log.read_text()

    def pid_of(self, command: str) -> int:
        """The first process that runs this command."""
        return min(pid for pid, line in self.left().items() if command in line)

    def close(self) -> None:
        """End everything at once."""
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.make.wait()


def obey_signals() -> None:
    """Obey what the tests may have been told to ignore, as where they run in the background."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def processes() -> Processes:
    """Every process's command line, zombies included."""
    printed = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True)
    return {int(pid): line for pid, line in re.findall(r"^ *(\d+) (.*)$", printed.stdout, re.M)}


def session(pid: int) -> int:
    """The session that a process belongs to; 0 for one that has ended."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def wait_for(reached: Callable[[], bool], said: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, said()
        time.sleep(0.05)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start `make run`; whatever it left is ended with the test."""
    runs: list[Run] = []

    def start(**environ: str) -> Run:
        runs.append(Run(tmp_path, **environ))
        return runs[-1]

    yield start
    for one in runs:
        one.close()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])
def test_nothing_is_left_when_make_is_killed(run: Callable[..., Run], name: str) -> None:
    panel = run()
    panel.wait_until_it_serves()
    assert len(panel.left()) >= 5, "make, what it runs, gunicorn with two workers, the worker"
    os.kill(panel.make.pid, signal.Signals[name])
    panel.make.wait(PATIENCE_S)
    wait_for(lambda: panel.left() == {}, panel.left)
    with socket.create_server(("127.0.0.1", int(panel.port))):
        pass
    assert "the worker has stopped" in panel.said()
    assert "Shutting down: Master" in panel.said()
    assert "Traceback" not in panel.said()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of such an end")
def test_nothing_is_left_when_what_make_runs_is_killed(run: Callable[..., Run]) -> None:
    panel = run()
    panel.wait_until_it_serves()
    os.kill(panel.pid_of("python deploy/run.py"), signal.SIGKILL)
    panel.make.wait(PATIENCE_S)
    wait_for(lambda: panel.left() == {}, panel.left)
    assert "the worker has stopped" in panel.said()


def test_an_interrupt_of_the_terminal_ends_all_without_a_word(run: Callable[..., Run]) -> None:
    panel = run()
    panel.wait_until_it_serves()
    before = len(panel.said())
    os.killpg(panel.make.pid, signal.SIGINT)
    panel.make.wait(PATIENCE_S)
    # All have ended; who lost its parent is collected by the system's first process, in its time.
    wait_for(lambda: panel.left() == {}, panel.left)
    said = panel.said()[before:]
    assert [line for line in said.splitlines() if not re.search(r"INFO|\[\d\d/", line)] == []


def test_a_worker_that_ends_is_started_again_and_make_ends_with_the_server(
    run: Callable[..., Run],
) -> None:
    panel = run()
    panel.wait_until_it_serves()
    first = panel.pid_of("flask worker")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: panel.said().count("the worker is ready") == 2, panel.said)
    assert panel.pid_of("flask worker") != first
    assert first not in panel.left(), "a zombie"
    assert panel.said().count("make run: the worker has ended (-9) and is started again") == 1

    os.kill(panel.pid_of("gunicorn"), signal.SIGKILL)
    assert panel.make.wait(PATIENCE_S) == 2
    assert "Error 137" in panel.said()
    wait_for(lambda: panel.left() == {}, panel.left)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "choose another port: make run PORT=8001"),
        ({"BIND": "127.0.0.1:{port}"}, "choose another BIND, or none: make run BIND= PORT=8001"),
        ({"BIND": "127.0.0.1:http"}, "choose another BIND, or none: make run BIND= PORT=8001"),
    ],
)
def test_where_nothing_can_listen_one_line_says_so_and_nothing_is_started(
    run: Callable[..., Run], tmp_path: Path, environ: dict[str, str], told: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        panel = run(PORT=port, **{n: value.format(port=port) for n, value in environ.items()})
        assert panel.make.wait(PATIENCE_S) == 2
    line, *rest = panel.said().splitlines()
    assert line.startswith("make run: 127.0.0.1:")
    assert line.endswith(told)
    assert all(line.startswith("make: *** ") for line in rest)
    assert not (tmp_path / "panel.db").exists()


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WEB_CONCURRENCY": "x"}, "WEB_CONCURRENCY is 'x': write a number of worker processes"),
        ({"WEB_CONCURRENCY": "0"}, "WEB_CONCURRENCY is '0': write a number of worker processes"),
        ({"WEB_CONCURRENCY": ""}, "WEB_CONCURRENCY is '': write a number of worker processes"),
        ({"PORT": "abc"}, "PORT is 'abc': write a port such as 8001"),
        ({"PORT": "70000"}, "PORT is '70000': write a port such as 8001"),
    ],
)
def test_what_is_no_number_is_told_in_one_line_and_nothing_is_started(
    run: Callable[..., Run], tmp_path: Path, environ: dict[str, str], told: str
) -> None:
    panel = run(**environ)
    assert panel.make.wait(PATIENCE_S) == 2
    line, *rest = panel.said().splitlines()
    assert line.startswith(f"make run: {told}")
    assert all(line.startswith("make: *** ") for line in rest)
    assert not (tmp_path / "panel.db").exists()
