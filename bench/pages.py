"""How long the server takes for each page of the dashboard, with 5,000,000 orders.

    make bench-pages                                   makes a database first, which takes long
    make bench-pages ARGS="--database FILE"            makes it there, or takes the one there
    make bench-pages ARGS="--database FILE --only order_list,audit_page --explain --json FILE"

Wanted: 200 ms for the overview, 100 ms for every other page (median; of a file that is sent in
parts, until its first part). An operator signs in, and the pages are asked for in this process,
each some 20 times after one that is not counted. "cold" is a request after the operating system
was told to forget the file's contents, so that everything is read from the disk. "cpu" is the
processor's time alone, which others on the machine lengthen less; --busy judges by it.

A database that is taken is brought to this version, and its file is written to: give a copy.
Exit code 1: a page takes too long, or is not answered with 200.
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import settings
from app import create_app
from bench import daily_work, report
from bench.addresses import Page, facts, pages
from bench.database import Size
from database.connection import database, disconnect
from panel import operators, sums
from panel.heartbeat import record_alive
from panel.orders import link_index

OPERATOR = "bench"
LIMIT_MS = 100
LIMITS_MS = {"overview_page": 200}
"""The limits of other pages than most."""
ACCOUNTS, ORDERS = 100_000, 5_000_000
ENOUGH_S = 10
"""Of one page, after which no more rounds are made; but always three."""
SLOWEST = 3


class Figure(NamedTuple):
    """What was measured of one page, in milliseconds.

    bytes: of its body, as far as it was read.
    """

    endpoint: str
    address: str
    status: int
    bytes: int
    cold: float
    least: float
    median: float
    most: float
    cpu: float
    limit: int
    is_good: bool


class Answer(NamedTuple):
    """An answer, and what it took, in milliseconds of the clock and of the processor."""

    status: int
    bytes: int
    ms: float
    cpu_ms: float


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and tell by the exit code whether every page is quick enough."""
    options = _options(arguments)
    with contextlib.ExitStack() as stack:
        path = options.database
        if path is None:
            folder = tempfile.TemporaryDirectory(prefix="panel-pages-", dir=options.folder)
            path = Path(stack.enter_context(folder)) / "large.db"
        if not path.exists():
            _make(path, options.orders)
        return _measure(path, options)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-pages", description=__doc__)
    parser.add_argument("--database", type=Path, metavar="FILE",
                        help="measure on it; made if it is not there, and kept")  # fmt: skip
    parser.add_argument("--orders", type=int, default=ORDERS, help="to make (%(default)s)")
    parser.add_argument("--folder", type=Path, default="/var/tmp",  # noqa: S108
                        help="for a database that does not stay (%(default)s)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=20, help="of each page (%(default)s)")
    parser.add_argument("--only", default="", help="endpoints such as order_list,audit_page")
    parser.add_argument("--busy", action="store_true",
                        help="judge by the processor's time, not the clock's")  # fmt: skip
    parser.add_argument("--explain", action="store_true",
                        help="print the slowest queries of what is over its limit")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args(arguments)


def _make(path: Path, orders: int) -> None:
    """A database of so many orders, a fifth of them of one customer."""
    begun = time.monotonic()
    daily_work.make(path, Size(max(10, ACCOUNTS * orders // ORDERS), orders, orders // 5))
    print(f"made {path} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def _measure(path: Path, options: argparse.Namespace) -> int:
    begun = time.monotonic()
    visitor = Visitor(path)
    opened_s = time.monotonic() - begun
    wanted = [name for name in options.only.split(",") if name]
    figures = []
    for page in pages(visitor.app, facts()):
        if wanted and page.endpoint not in wanted:
            continue
        figure = visitor.measure(page, options.rounds, options.busy)
        figures.append(figure)
        print(f"{figure.address}: {figure.median:.0f} ms", file=sys.stderr, flush=True)
        if options.explain and not figure.is_good:
            print("\n".join(visitor.explain(page)), file=sys.stderr, flush=True)
    print(f"opened, and brought to this version, in {opened_s:.1f} s\n\n{report.pages(figures)}")
    if options.json:
        options.json.write_text(json.dumps([one._asdict() for one in figures], indent=1) + "\n")
    return 0 if all(figure.is_good for figure in figures) else 1


class Visitor:
    """An operator who is signed in to the panel on a database, in this process."""

    def __init__(self, path: Path) -> None:
        """Open the database, which is brought to this version, and sign in."""
        environ = {
            "PANEL_DATABASE": f"sqlite:///{path}",
            "PANEL_SECRET_KEY": secrets.token_hex(32),
        }
        self._path = path
        self.app = create_app(settings.read(environ))
        self._client = self.app.test_client()
        self._sign_in()
        record_alive()  # as if the worker ran, and had done its work
        sums.sum_all()
        while link_index.index_next():
            pass

    def _sign_in(self) -> None:
        password = secrets.token_urlsafe()
        if OPERATOR in {operator.name for operator in operators.listing()}:
            operators.set_password(OPERATOR, password)
        else:
            operators.add(OPERATOR, password)
        form = self._client.get("/admin/sign-in").text
        found = re.search(r'name="csrf_token" value="([^"]+)"', form)
        if found is None:
            raise RuntimeError("there is no form to sign in with")
        values = {"csrf_token": found[1], "name": OPERATOR, "password": password}
        answer = self._client.post("/admin/sign-in", data=values)
        if answer.status_code != 302:
            raise RuntimeError(f"the sign-in was answered with {answer.status}")

    def ask(self, page: Page) -> Answer:
        """Ask for a page; of a file, only the first part is read."""
        begun, cpu = time.perf_counter(), time.thread_time()
        response = self._client.get(page.address)
        parts = iter(response.response)
        first = next(parts, b"")
        rest = 0 if response.is_streamed else sum(map(len, parts))
        ms, cpu_ms = (time.perf_counter() - begun) * 1000, (time.thread_time() - cpu) * 1000
        response.close()
        return Answer(response.status_code, len(first) + rest, ms, cpu_ms)

    def measure(self, page: Page, rounds: int, is_busy: bool) -> Figure:
        """Ask for a page once without counting, once from the disk, and some times more.

        :param is_busy: whether the machine is; then it is judged by the processor's time.
        """
        self.ask(page)
        self._forget()
        cold = self.ask(page)
        begun, answers = time.monotonic(), [self.ask(page) for _ in range(min(rounds, 3))]
        while len(answers) < rounds and time.monotonic() - begun < ENOUGH_S:
            answers.append(self.ask(page))
        took = [answer.ms for answer in answers]
        cpu = median(answer.cpu_ms for answer in answers)
        limit = LIMITS_MS.get(page.endpoint, LIMIT_MS)
        is_good = cold.status == 200 and (cpu if is_busy else median(took)) <= limit
        return Figure(
            page.endpoint, page.address, cold.status, cold.bytes, cold.ms, min(took), median(took),
            max(took), cpu, limit, is_good,
        )  # fmt: skip

    def _forget(self) -> None:
        """Have the operating system forget what it keeps of the file in memory."""
        disconnect()
        with self._path.open("rb") as file:
            os.fdatasync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def explain(self, page: Page) -> Iterator[str]:
        """The slowest queries of a page, each with its time and its plan."""
        connection, asked = database.connection(), list[str]()
        connection.set_trace_callback(asked.append)
        self.ask(page)
        connection.set_trace_callback(None)
        queries = [sql for sql in asked if sql.startswith(("SELECT", "WITH"))]
        timed = sorted(((_time_ms(connection.execute, sql), sql) for sql in queries), reverse=True)
        for ms, sql in timed[:SLOWEST]:
            yield f"  {ms:.1f} ms of {sum(ms for ms, _ in timed):.1f} in {len(timed)}: {sql}"
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
                yield f"      {step}"


def _time_ms(execute: Callable[[str], Any], sql: str) -> float:
    begun = time.perf_counter()
    execute(sql).fetchall()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    sys.exit(main())
