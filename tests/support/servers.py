"""What tests do to a real server besides asking it: to its database, and to its workers.

And the other programs that a test needs.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import pytest

from database.connection import close_database
from database.migrate import open_database
from panel import ledger
from support.apps import PATIENCE_S, Server, make_app


@contextmanager
def at_the_desk(server: Server) -> Iterator[None]:
    """The panel's rules on the server's database, as the operator's commands apply them."""
    open_database(server.database)
    try:
        yield
    finally:
        close_database()


def operate(server: Server, *args: str, input: str | None = None, **environ: str) -> str:
    """Run an operator's command in this process, on the server's database: what it printed."""
    app = make_app(server.database)
    try:
        with app.app_context():
            result = app.test_cli_runner().invoke(args=args, input=input, env=environ)
        assert result.exit_code == 0, result.output
        return result.stdout
    finally:
        close_database()


def wait_until(reached: Callable[[], bool], *servers: Server) -> None:
    """Wait for what other processes do; if it does not come, fail with the workers' logs."""
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        if time.monotonic() > deadline:
            logs = [server.worker_log(w)[-3000:] for server in servers for w in server.workers]
            raise AssertionError("\n".join(["this never came about", *logs]))
        time.sleep(0.05)


def assert_sound(*servers: Server) -> None:
    """The books are right, and no process met a fault."""
    for server in servers:
        with at_the_desk(server):
            assert list(ledger.check()) == []
        logs = [server.log.read_text(), *map(server.worker_log, server.workers)]
        for log in logs:
            assert "Traceback" not in log
            assert "locked" not in log


def workers(server: Server) -> list[int]:
    """The process ids of all workers of a server's first start, as soon as all have begun."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        pids = re.findall(r"Booting worker with pid: (\d+)", server.log.read_text())
        if len(pids) >= int(server.environ["WEB_CONCURRENCY"]):
            return [int(pid) for pid in pids]
        time.sleep(0.02)
    raise AssertionError(f"too few workers began:\n{server.log.read_text()}")


def each_worker(server: Server) -> Generator[int, None, None]:
    """Each worker's process id, while all the others sleep: what is asked then, that one does."""
    for pid in workers(server):
        others = [other for other in workers(server) if other != pid]
        try:
            for other in others:
                os.kill(other, signal.SIGSTOP)
            yield pid
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)


def go_together(processes: list[subprocess.Popen[str]]) -> None:
    """Wait until each of these processes says that it is ready, and let all go on at once."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def required_program(name: str) -> str:
    """The path of a program. Without it a test is skipped, but fails in CI."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return path
