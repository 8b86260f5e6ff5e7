"""What tests do to a real server besides asking it: to its database, and to its workers.

And the other programs that a test needs.
"""

import os
import re
import shutil
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from database.connection import close_database
from database.migrate import open_database
from support.apps import Server


@contextmanager
def at_the_desk(server: Server) -> Iterator[None]:
    """The panel's rules on the server's database, as the operator's commands apply them."""
    open_database(server.folder / "panel.db")
    try:
        yield
    finally:
        close_database()


def workers(server: Server) -> list[int]:
    """The process ids of all workers of a server's first start, as soon as all have begun."""
    deadline = time.monotonic() + 20
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


def required_program(name: str) -> str:
    """The path of a program. Without it a test is skipped, but fails in CI."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{name} is not installed")
    return path
