"""What becomes of a customer's `balance` while something goes wrong.

    make bench-faults                                  prints a table, takes about 25 minutes
    make bench-faults ARGS="--seconds 10 --only slow-clients,write-lock,restart --json FILE"

Real processes on this machine: gunicorn on its shipped settings, clients that hold connections,
another program that holds SQLite's write lock, and restarts. A new measurement is one function
in MEASUREMENTS.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import urlencode

from bench import faults_drill, report
from bench.busy_clients import FORM, BusyClients, activated
from bench.slow_clients import KINDS, SlowClients
from database import compiled_query
from database.connection import close_database
from database.migrate import open_database
from database.transactions import immediate
from models import Order, Service
from panel import accounts, services
from panel.money import MICROS

ROOT = Path(__file__).parent.parent
ENVIRON = {name: text for name, text in os.environ.items() if not name.startswith("PANEL_")}

CLIENTS = (40, 400)
SERVICES = 4000
LOCK_S = 12
ADDERS = 24
BUSY_CLIENTS = 8
PATIENCE_S = 120
DRILL_S = 10
ASK_EVERY_S = 0.1
MEDIAN_WANTED_S, WORST_WANTED_S = 1, 5


class Row(NamedTuple):
    """One line of the table; figures by their names, with units."""

    what: str
    figures: dict[str, float]
    wanted: str
    is_good: bool


def main() -> int:
    """Measure, print, and tell by the exit code whether everything is as wanted."""
    parser = argparse.ArgumentParser(prog="make bench-faults", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each load (%(default)s)")
    parser.add_argument("--only", default=",".join(MEASUREMENTS), help="parts: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    if unknown := set(options.only.split(",")) - MEASUREMENTS.keys():
        parser.error(f"there is no part {', '.join(unknown)}")
    rows: list[Row] = []
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory(prefix="panel-faults-", dir="/var/tmp") as folder:
            for row in MEASUREMENTS[name](Path(folder), options.seconds):
                print(f"{row.what}: {_told(row)}", file=sys.stderr, flush=True)
                rows.append(row)
    lines = [[row.what, _told(row), row.wanted, "" if row.is_good else "MISSED"] for row in rows]
    print(report.table(("what", "measured", "wanted", ""), lines))
    if options.json:
        options.json.write_text(json.dumps([row._asdict() for row in rows], indent=1) + "\n")
    return 0 if all(row.is_good for row in rows) else 1


def _told(row: Row) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in row.figures.items())


# The measurements


def slow_clients(folder: Path, seconds: int) -> Iterator[Row]:
    """`balance` of another client beside connections of each kind, held open and renewed."""
    with Panel(folder) as panel:
        yield _answered("balance alone", panel.ask_for(seconds, "balance"))
        for kind in KINDS:
            for count in CLIENTS:
                with SlowClients(panel.port, kind, count, panel.key):
                    times = panel.ask_for(seconds, "balance")
                yield _answered(f"balance beside {count} clients: {kind}", times)
        with contextlib.ExitStack() as held:
            for kind in KINDS:
                held.enter_context(SlowClients(panel.port, kind, CLIENTS[0], panel.key))
            times = panel.ask_for(seconds, "balance")
        yield _answered(f"balance beside {CLIENTS[0]} clients of each kind", times)


def write_lock(folder: Path, seconds: int) -> Iterator[Row]:
    """Reads while another program holds SQLite's write lock, and customers add."""
    with Panel(folder) as panel:
        for action in ("balance", "status", "services"):
            with BusyClients(panel.port, panel.key, ADDERS) as adders:
                time.sleep(1)
                with panel.locked():
                    before = len(adders.orders)
                    time.sleep(1)
                    times = panel.ask_for(LOCK_S - 1, action, order=adders.orders[0])
                    is_held = len(adders.orders) - before <= ADDERS
            failed = adders.refused + adders.reset + len(adders.others)
            row = _answered(f"{action} while {ADDERS} adders wait {LOCK_S} s", times)
            yield Row(
                row.what,
                {**row.figures, "adds that failed": failed},
                f"{row.wanted}, 0 failed",
                row.is_good and is_held and failed == 0,
            )


def restart(folder: Path, seconds: int) -> Iterator[Row]:
    """Refused and reset requests of busy clients through restarts."""
    for how, wanted in (("with panel.socket", True), ("without", False)):
        place = folder / how.replace(" ", "-")
        place.mkdir()
        with Panel(place, holds_socket=wanted) as panel:
            with BusyClients(panel.port, panel.key, BUSY_CLIENTS) as clients:
                for _ in range(2):
                    time.sleep(2)
                    panel.stop()
                    panel.start()
                time.sleep(2)
            lost = len(set(clients.orders)) - panel.count_orders()
        figures = {
            "refused": clients.refused,
            "reset": clients.reset,
            "other answers": len(clients.others),
            "answered orders": len(clients.orders),
            "lost": lost,
            "longest s": round(clients.worst_s, 2),
        }
        failed = clients.reset + len(clients.others) + abs(lost) + wanted * clients.refused
        yield Row(
            f"{BUSY_CLIENTS} busy clients through 2 restarts, {how}",
            figures,
            "0 refused, 0 reset" if wanted else "0 reset",
            failed == 0,
        )


def lost_machine(folder: Path, seconds: int) -> Iterator[Row]:
    """The time until another machine answers, from a replica of one that was lost under load."""
    found = faults_drill.lost_machine(folder, min(seconds, DRILL_S))
    figures = {
        "until the first answer s": found["until_the_first_answer_s"],
        "answered orders": found["orders_answered"],
        "of the last 2 s lost": found["orders_lost"],
        "of before lost": len(found["missing"]),
    }
    is_good = not found["missing"] and "consistent" in found["ledger"]
    yield Row("a lost machine", figures, "0 of before lost, ledger right", is_good)


MEASUREMENTS: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    "slow-clients": slow_clients,
    "write-lock": write_lock,
    "restart": restart,
    "lost-machine": lost_machine,
}


def _answered(what: str, times_s: list[float]) -> Row:
    figures = {
        "median s": round(median(times_s), 3),
        "worst s": round(max(times_s), 3),
        "requests": len(times_s),
    }
    is_good = figures["median s"] <= MEDIAN_WANTED_S and figures["worst s"] <= WORST_WANTED_S
    return Row(what, figures, f"median {MEDIAN_WANTED_S}, worst {WORST_WANTED_S}", is_good)


# What is measured


_HOLD = """
import sys
from database.driver import sqlite3
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


class Panel:
    """A panel of one customer and 4,000 services, served by gunicorn on its shipped settings."""

    def __init__(self, folder: Path, *, holds_socket: bool = False) -> None:
        self._database = folder / "panel.db"
        self._log = folder / "log"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self._holds_socket = holds_socket
        if not holds_socket:
            self._listener.close()
        self.key = self._furnish()
        self._process: subprocess.Popen[bytes] | None = None

    def _furnish(self) -> str:
        open_database(self._database)
        services.add(name="Followers", category="Social", rate_micros=MICROS, min=10, max=1000)
        row = {
            "name": "Views", "category": "Video", "type": "Default", "rate_micros": 1,
            "min": 1, "max": 10,
        }  # fmt: skip
        with immediate():
            for _ in range(SERVICES // 100):
                Service.insert_many([row] * 100).execute()
        key = accounts.add("customer", 10**9 * MICROS)
        close_database()
        return key

    def __enter__(self) -> "Panel":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        self._listener.close()

    def start(self) -> None:
        """Start gunicorn, and wait until it answers.

        :raises RuntimeError: if it does not.
        """
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
        environ = {
            **ENVIRON,
            "PORT": str(self.port),
            "PANEL_DATABASE": f"sqlite:///{self._database}",
            "PANEL_RATE_LIMIT": "1000000000/hour",
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                activated(command, self._listener) if self._holds_socket else command,
                pass_fds=[self._listener.fileno()] if self._holds_socket else [],
                cwd=ROOT, env=environ, stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, HTTPException):
                self.ask("balance")
                return
            time.sleep(0.02)
        raise RuntimeError(f"the server did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Stop it as systemd does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def ask(self, action: str, **parameters: object) -> float:
        """Send one request on a connection of its own: the seconds until its whole answer.

        :raises RuntimeError: if it is refused.
        """
        begun = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            body = urlencode({"key": self.key, "action": action, **parameters})
            connection.request("POST", "/api/v2", body, FORM)
            response = connection.getresponse()
            answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{action}: {response.status} {answer[:200]!r}")
        return time.monotonic() - begun

    def ask_for(self, seconds: float, action: str, **parameters: object) -> list[float]:
        """Ask at a steady rate for so long, whether answers come or not: how long each took."""
        times: list[float] = []
        threads = []

        def ask() -> None:
            try:
                times.append(self.ask(action, **parameters))
            except (OSError, HTTPException):
                times.append(PATIENCE_S)

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            threads.append(threading.Thread(target=ask))
            threads[-1].start()
            time.sleep(ASK_EVERY_S)
        for thread in threads:
            thread.join()
        return times

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let another program hold SQLite's write lock meanwhile."""
        with subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(self._database)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as other:  # fmt: skip
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdout.readline()
            try:
                yield
            finally:
                other.stdin.close()

    def count_orders(self) -> int:
        """How many orders lie in the database."""
        open_database(self._database)
        try:
            return len(compiled_query.rows(Order.select(Order.id).tuples()))
        finally:
            close_database()


if __name__ == "__main__":
    sys.exit(main())
