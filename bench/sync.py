"""How fast the worker brings statuses back, and what that costs the customers.

    make bench-sync              prints a table, takes about a minute and a half
    python -m bench.sync --orders 20000 --seconds 4 --rounds 10 --load 100 --json FILE

20,000 open orders lie at a provider on loopback (bench/provider.py), and all of them are always
due. Measured are the statuses that the worker asks for and applies in a second (the aim: 4,000
on two cores), and the 99th percentile of `balance` over HTTP while the worker runs flat out,
against the same while the worker is stopped, in turns (the aim: at most twice). The customers'
load is steady, so many requests a second over 4 connections.

Everything runs in a folder of its own, which is removed afterwards. Exit code 1: what the worker
wrote does not agree with what the provider told.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode

from bench.provider import QUANTITY
from database import compiled_query, transactions
from database.clock import now
from database.connection import close_database
from database.migrate import open_database
from models import Order, Provider, Service, Source
from panel import accounts
from panel.money import MICROS

ROOT = Path(__file__).parent.parent
CONNECTIONS = 4
AIM_ORDERS_PER_SECOND = 4000
AIM_RATIO = 2.0


def main() -> int:
    """Measure, print, and tell whether the figures can be believed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--orders", type=int, default=20_000, help="open orders")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=10, help="with and without the worker")
    parser.add_argument("--load", type=int, default=100, help="balance requests a second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        bench = Bench(Path(folder), stack, options.orders)
        figures = bench.measure(options.seconds, options.rounds, options.load)
        wrong = bench.wrong()
    show(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if wrong:
        print(f"{wrong} orders are not as the provider told", file=sys.stderr)
    return 1 if wrong else 0


class Bench:
    """A provider, a panel with open orders there, and its web server."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, orders: int) -> None:
        self._database = folder / "panel.db"
        self._log = stack.enter_context((folder / "log").open("w+"))
        self._orders = orders
        provider = stack.enter_context(self._process("bench.provider", stdout=subprocess.PIPE))
        self._provider_port = int(provider.stdout.readline())
        self._port = _free_port()
        self._key = furnish(self._database, self._provider_port, orders)
        stack.enter_context(self._process("gunicorn", "-c", "gunicorn.conf.py"))
        self._wait_for_web()

    def measure(self, seconds: int, rounds: int, per_second: int) -> dict[str, Any]:
        """The figures, in the units that their names say; of percentiles, the rounds' median."""
        rates: list[float] = []
        took: dict[str, list[list[float]]] = {"without": [], "with": []}
        load(self._port, self._key, 2, per_second)  # the server's threads have all begun
        with self._process("flask", "worker") as worker:
            self._wait_for_worker()
            for number in range(rounds):
                began, before = time.monotonic(), self._asked()
                took["with"].append(load(self._port, self._key, seconds, per_second))
                rates.append((self._asked() - before) / (time.monotonic() - began))
                worker.send_signal(signal.SIGSTOP)
                took["without"].append(load(self._port, self._key, seconds, per_second))
                worker.send_signal(signal.SIGCONT)
                self._wait_for_worker()
                print(f"round {number + 1} of {rounds}: {rates[-1]:.0f}/s", file=sys.stderr)
        figures: dict[str, Any] = {
            "open_orders": self._orders,
            "sync_orders_per_second": round(median(rates)),
            "balance_requests_per_second": per_second,
        }
        for percent in (50, 99):
            for which, measured in took.items():
                name = f"balance_p{percent}_ms_{which}"
                figures[name] = round(median(_percentile_ms(one, percent) for one in measured), 2)
        ratio = figures["balance_p99_ms_with"] / figures["balance_p99_ms_without"]
        return figures | {"p99_ratio": round(ratio, 2)}

    def wrong(self) -> int:
        """How many orders are not as the provider told last."""
        open_database(self._database)
        delivered = [
            QUANTITY - left
            for (left,) in compiled_query.rows(Order.select(Order.remains).tuples())
        ]
        close_database()
        return delivered.count(0) + abs(sum(delivered) - self._asked())

    @contextlib.contextmanager
    def _process(self, module: str, *args: str, stdout: Any = None) -> Iterator[Any]:
        environ = {
            **os.environ,
            "PANEL_DATABASE": f"sqlite:///{self._database}",
            "PANEL_RATE_LIMIT": "1000000/minute",
            "PANEL_STATUS_SECONDS": "1",
        }
        if module == "gunicorn":
            environ["PORT"] = str(self._port)
        process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            cwd=ROOT, env=environ, stdout=stdout or self._log, stderr=self._log,
        )  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)

    def _wait_for_web(self) -> None:
        for _ in range(400):
            with contextlib.suppress(OSError):
                if _get(self._port, "/healthz") is not None:
                    return
            time.sleep(0.05)
        raise SystemExit("the web server did not start")

    def _wait_for_worker(self) -> None:
        """Until it has asked for a tenth of the orders."""
        goal = self._asked() + self._orders // 10
        for _ in range(400):
            if self._asked() > goal:
                return
            time.sleep(0.05)
        self._log.seek(0)
        raise SystemExit(f"the worker does not ask:\n{self._log.read()[-2000:]}")

    def _asked(self) -> int:
        return int(_get(self._provider_port, "/asked"))


def furnish(database: Path, provider_port: int, orders: int) -> str:
    """Make a panel with so many orders at the provider; give a customer's key."""
    open_database(database)
    key = accounts.add("customer", 10**9 * MICROS)
    # Older orders are asked for less often; these are to be always due.
    created_at = now() + 24 * 3600
    with transactions.immediate():
        provider = Provider.create(
            name="loopback", url=f"http://127.0.0.1:{provider_port}/api/v2", key="key",
            requests_per_minute=10**6,
        )  # fmt: skip
        service = Service.create(
            name="Views", category="Video", type="Default", rate_micros=1000, min=1, max=QUANTITY
        )
        Source.create(
            service=service,
            source_rank=1,
            provider=provider,
            provider_service="1",
            cost_micros=500,
        )
        rows = [
            {
                "account": 1, "service": service, "link": f"https://example.com/{number}",
                "quantity": QUANTITY, "charge_micros": MICROS, "status": "Pending",
                "remains": QUANTITY, "dispatch_state": "sent", "provider": provider,
                "provider_order": str(number), "created_at": created_at,
                "cost_micros": MICROS // 2,
            }
            for number in range(1, orders + 1)
        ]  # fmt: skip
        for start in range(0, orders, 1000):
            Order.insert_many(rows[start : start + 1000]).execute()
    close_database()
    return key


def load(port: int, key: str, seconds: int, per_second: int) -> list[float]:
    """Ask for the balance at a steady rate over some connections: how long each answer took."""
    took: list[float] = []
    begin = time.monotonic() + 0.1

    def ask(offset: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = urlencode({"key": key, "action": "balance"})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for turn in range(offset, seconds * per_second, CONNECTIONS):
            time.sleep(max(begin + turn / per_second - time.monotonic(), 0))
            start = time.perf_counter()
            connection.request("POST", "/api/v2", body, headers)
            response = connection.getresponse()
            answer = response.read()
            took.append(time.perf_counter() - start)
            if response.status != 200:
                raise SystemExit(f"balance was refused: {answer!r}")
        connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def show(figures: dict[str, Any]) -> None:
    """Print the figures beside what they should be."""
    aims = {
        "sync_orders_per_second": f"{AIM_ORDERS_PER_SECOND} or more",
        "p99_ratio": f"{AIM_RATIO} or less",
    }
    for name, value in figures.items():
        print(f"{name:28} {value:>10}  {aims.get(name, '')}".rstrip())


def _percentile_ms(took_s: list[float], percent: int) -> float:
    return quantiles(took_s, n=100)[percent - 1] * 1000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _get(port: int, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
