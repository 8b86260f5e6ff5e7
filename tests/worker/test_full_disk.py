"""A real worker whose disk becomes full: it waits, and sends nothing twice.

The provider fills the disk while it answers, so each test knows what is not recorded yet.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import Server
from support.disks import Disk, FullDisk, empty_the_log, small_disk
from support.faulty import Call, Fault, FaultyProvider, honest
from support.servers import wait_until
from support.shop import open_shop, place

from database.connection import close_database
from database.migrate import open_database
from models import Cancel, Order, Refill, Service
from panel import accounts, ledger
from panel.money import MICROS
from panel.orders import cancels, dispatch, refills

pytestmark = pytest.mark.server

MANY = 30
REFUSED = "the database cannot be written: "


class Site:
    """A panel on a small disk, and its worker."""

    def __init__(self, disk: Disk, server: Server) -> None:
        self.disk = disk
        self.server = server
        self.filled = threading.Event()

    @property
    def database(self) -> Path:
        return self.disk.folder / "panel.db"

    def worker(self) -> Popen[bytes]:
        """Start a worker."""
        return self.server.worker()

    @contextmanager
    def desk(self) -> Iterator[None]:
        """The panel's rules on its database."""
        open_database(self.database)
        try:
            yield
        finally:
            close_database()

    def fill(self) -> None:
        """Leave no room for the worker."""
        empty_the_log(self.database)
        self.disk.fill(*(worker.pid for worker in self.server.workers if worker.poll() is None))
        self.filled.set()

    def free(self) -> None:
        """Make room again."""
        self.filled.clear()
        self.disk.free(*(worker.pid for worker in self.server.workers if worker.poll() is None))

    def fills(self, call: Call) -> Iterable[bytes]:
        """Give the right answer, on a disk that has become full meanwhile."""
        self.fill()
        return honest(call)

    def log(self) -> str:
        """What the last worker has logged."""
        return self.server.worker_log(self.server.workers[-1])

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Wait for what the worker does."""
        wait_until(reached, self.server)

    def wait_for_refusal(self, times: int = 1) -> None:
        """Wait until the worker has met the full disk."""
        self.wait_until(self.filled.is_set)
        if isinstance(self.disk, FullDisk):
            self.wait_until(lambda: self.log().count(REFUSED) >= times)
        time.sleep(0.5)  # what it does wrong on a full disk, it does now


@pytest.fixture
def site(tmp_path: Path, faulty: FaultyProvider) -> Iterator[SimpleNamespace]:
    """A panel with a customer, and a service that is bought from the faulty provider."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "log").mkdir()
    with small_disk(tmp_path / "disk") as disk:
        database = disk.folder / "panel.db"
        environ = {"PANEL_DATABASE": f"sqlite:///{database}", "PANEL_STATUS_SECONDS": "1"}
        site = Site(disk, Server(tmp_path / "log", environ))
        with site.desk():
            accounts.add("alice", 10**6 * MICROS)
            shop = open_shop(faulty.url)
            Service.update(refill=True, cancel=True).execute()
        faulty.services = [{**one, "refill": True, "cancel": True} for one in faulty.services]
        yield SimpleNamespace(site=site, shop=shop)
        site.free()
        site.server.kill_workers()
        with site.desk():
            assert list(ledger.check()) == []


def states(table: Any, column: Any) -> list[Any]:
    return [row[0] for row in table.select(column).order_by(table.id).tuples()]


def test_a_worker_goes_on_when_there_is_room_and_sends_nothing_twice(
    site: SimpleNamespace, faulty: FaultyProvider
) -> None:
    panel, shop = site.site, site.shop
    with panel.desk():
        placed = place(shop, MANY)
    faulty.plan("add", None, None, Fault(panel.fills, takes=True))
    worker = panel.worker()
    panel.wait_for_refusal()
    before = len(faulty.sent("add"))
    assert before < MANY
    assert worker.poll() is None
    panel.free()
    with panel.desk():
        panel.wait_until(lambda: states(Order, Order.dispatch_state) == ["sent"] * MANY)
        numbers = states(Order, Order.provider_order)
    assert sorted(map(int, numbers)) == list(range(1, MANY + 1))
    assert list(faulty.taken().values()) == [1] * len(placed)

    # A status, a refill and a cancel that are answered while there is no room.
    for order in list(faulty.orders.values())[:4]:
        order |= {"status": "Completed", "remains": 0}
    faulty.plan("status", Fault(panel.fills, takes=True))
    panel.wait_for_refusal()
    panel.free()
    with panel.desk():
        panel.wait_until(lambda: states(Order, Order.status).count("Completed") == 4)
        shop_orders = {row.id: row.status for row in Order.select()}
    completed = [number for number, status in shop_orders.items() if status == "Completed"]
    is_open = [number for number, status in shop_orders.items() if status == "Pending"]

    for action, ask, table in (
        ("refill", lambda: refills.request(1, [completed[0]]), Refill),
        ("cancel", lambda: cancels.request(1, [is_open[0]]), Cancel),
    ):
        faulty.plan(action, Fault(panel.fills, takes=True))
        with panel.desk():
            Order.update(poll_at=2**40).execute()  # nobody asks for anything else meanwhile
            ask()
        panel.wait_for_refusal()
        panel.free()
        with panel.desk():
            wanted = (
                (Refill.status == "in progress") if table is Refill else (Cancel.passed_on == 1)
            )
            panel.wait_until(lambda t=table, w=wanted: t.select().where(w).count() == 1)
        assert len(faulty.sent(action)) == 1
    assert worker.poll() is None
    assert "Traceback" not in panel.log()
    if isinstance(panel.disk, FullDisk):
        assert panel.log().count(REFUSED) == 1, "told once a minute"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_an_order_whose_answer_was_lost_with_the_worker_waits_for_a_person(
    site: SimpleNamespace, faulty: FaultyProvider, name: str
) -> None:
    panel, shop = site.site, site.shop
    with panel.desk():
        place(shop, 1)
    faulty.plan("add", Fault(panel.fills, takes=True))
    worker = panel.worker()
    panel.wait_for_refusal()
    worker.send_signal(signal.Signals[name])
    assert worker.wait(30) == (0 if name == "SIGTERM" else -signal.SIGKILL)
    if name == "SIGTERM" and isinstance(panel.disk, FullDisk):
        assert "not recorded, for the worker is stopped: order 1 is the provider's" in panel.log()
        assert "Traceback" not in panel.log()

    # The next worker starts while there is still no room, and waits.
    if isinstance(panel.disk, FullDisk):
        panel.worker()
        panel.wait_until(lambda: "the database cannot be" in panel.log())
        panel.free()
    else:
        panel.free()
        panel.worker()
    with panel.desk():
        panel.wait_until(lambda: states(Order, Order.dispatch_state) == ["review"])
        dispatch.attach(1, "1")
    assert list(faulty.taken().values()) == [1]
    assert "Traceback" not in panel.log()
