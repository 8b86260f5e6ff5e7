"""Write transactions: kept whole or not at all, one by one or in a group that shares a commit."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from peewee import IntegrityError, OperationalError
from support.apps import ROOT, add_cast, make_app
from support.disks import Disk, small_disk

import models
from database import transactions, unavailable
from database.backup import damage
from database.connection import BUSY_TIMEOUT_MS, close_database, database
from database.driver import sqlite3
from database.transactions import group_commit
from database.unavailable import TransactionLostError
from panel import accounts, ledger, pricing, queries
from panel.errors import NOT_ENOUGH_FUNDS, RequestRejected
from panel.money import MICROS
from panel.orders.place import OrderRequest, place_order

SIZE = 6


class WorkError(Exception):
    """What a write fails with by itself."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The transactions that are begun, by the number of writes that are waiting then."""
    begun: list[int] = []
    immediate = transactions.immediate

    def counting(began: float) -> AbstractContextManager[None]:
        begun.append(len(transactions._pending))
        return immediate(began=began)

    monkeypatch.setattr(transactions, "immediate", counting)
    return begun


Gather = Callable[..., list[Any]]


@pytest.fixture
def gathered() -> Iterator[Gather]:
    """Makes calls that write while another writer has its turn: their results or errors."""
    immediate = transactions.immediate

    def gather(*calls: Callable[[], Any]) -> list[Any]:
        with immediate():
            futures = [pool.submit(call) for call in calls]
            while len(transactions._pending) < len(calls):
                threading.Event().wait(0.001)
        return [future.exception() or future.result() for future in futures]

    with ThreadPoolExecutor(SIZE) as pool:
        yield gather


def test_immediate_takes_the_lock_at_its_begin_and_keeps_all_or_nothing(app: Flask) -> None:
    seen: list[str] = []
    database.connection().set_trace_callback(seen.append)
    with transactions.immediate():
        pass
    with pytest.raises(ZeroDivisionError), transactions.immediate():
        models.Service.update(active=False).execute()
        raise ZeroDivisionError
    database.connection().set_trace_callback(None)
    # SELECT: the numbers for the state file, after the commit.
    assert [sql for sql in seen if not sql.startswith(("UPDATE", "SELECT name, seq"))] == [
        "BEGIN IMMEDIATE", "COMMIT", "BEGIN IMMEDIATE", "ROLLBACK",
    ]  # fmt: skip


def test_immediate_refuses_to_be_a_savepoint(app: Flask) -> None:
    def nested() -> None:
        with transactions.immediate(), transactions.immediate():
            pass

    with pytest.raises(RuntimeError, match="inside a transaction"):
        nested()
    with database.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        accounts.add("alice")
    assert accounts.listing() == []


def note(number: int) -> int:
    """Write something down that cannot be there twice."""
    key = accounts.hash_key(str(number))
    models.Account.create(name=f"note-{number}", key_hash=key, status="active")
    return number


def noting(number: int) -> Callable[[], int]:
    return partial(group_commit, partial(note, number))


def notes() -> list[int]:
    return sorted(int(account.name.removeprefix("note-")) for account in accounts.listing())


def test_what_gathers_is_done_in_one_transaction(
    app: Flask, gathered: Gather, begun: list[int]
) -> None:
    assert gathered(*(noting(n) for n in range(SIZE))) == list(range(SIZE))
    assert notes() == list(range(SIZE))
    # Each found out by itself that there was nothing left to do.
    assert len(begun) == 1


def test_one_alone_waits_for_nobody(app: Flask) -> None:
    assert group_commit(partial(note, 1)) == 1
    assert notes() == [1]
    with pytest.raises(ZeroDivisionError):
        group_commit(lambda: note(2) // 0)
    assert notes() == [1]
    assert group_commit(partial(note, 2)) == 2


def test_one_that_fails_leaves_nothing_and_the_others_stay(app: Flask, gathered: Gather) -> None:
    def fail() -> None:
        note(100)
        raise WorkError

    def twice() -> None:
        note(101)
        note(101)

    told = gathered(
        noting(1), partial(group_commit, fail), noting(2), partial(group_commit, twice), noting(3)
    )
    assert [told[0], told[2], told[4]] == [1, 2, 3]
    assert isinstance(told[1], WorkError)
    assert isinstance(told[3], IntegrityError)
    assert notes() == [1, 2, 3]


def break_the_commit() -> None:
    """Something wrong that SQLite finds only when it commits."""
    note(100)
    database.execute_sql("PRAGMA defer_foreign_keys = on")
    models.Refill.create(order=999, status="pending")


def lose_the_transaction() -> None:
    """What SQLite does by itself on a full disk: the transaction is rolled back under us."""
    note(100)
    database.execute_sql("ROLLBACK")
    raise WorkError


def assert_each_has_its_own_error(told: list[Any]) -> Exception:
    """Nobody was told success, and one error is the cause of all the others."""
    assert all(isinstance(error, Exception) for error in told), told
    assert len({id(error) for error in told}) == len(told)
    (cause,) = [error for error in told if error.__cause__ not in told]
    for error in told:
        assert error is cause or (error.__cause__ is cause and str(cause) in str(error))
        assert error is cause or isinstance(error, OperationalError)
    assert not re.search("cannot (commit|rollback)|no such savepoint", str(cause))
    return cause


@pytest.mark.parametrize(
    ("fault", "kind"), [(break_the_commit, IntegrityError), (lose_the_transaction, WorkError)]
)
def test_where_the_transaction_fails_all_are_told_and_nothing_is_kept(
    app: Flask, gathered: Gather, fault: Callable[[], None], kind: type[Exception]
) -> None:
    told = gathered(noting(1), partial(group_commit, fault), noting(2))
    assert isinstance(assert_each_has_its_own_error(told), kind)
    assert notes() == []
    assert gathered(noting(1), noting(2)) == [1, 2]
    assert notes() == [1, 2]


def test_the_write_that_lost_the_transaction_has_the_error_itself(
    app: Flask, gathered: Gather
) -> None:
    told = gathered(noting(1), partial(group_commit, lose_the_transaction), noting(2))
    assert [type(error) for error in told] == [
        TransactionLostError,
        WorkError,
        TransactionLostError,
    ]


def test_a_refusal_for_what_was_undone_is_not_told(app: Flask, gathered: Gather) -> None:
    # The second one is refused because of the first, of which nothing is kept in the end.
    told = gathered(noting(1), noting(1), partial(group_commit, lose_the_transaction))
    assert [type(error) for error in told] == [
        TransactionLostError,
        TransactionLostError,
        WorkError,
    ]
    assert noting(1)() == 1


def test_a_transaction_alone_that_was_lost_tells_why(app: Flask) -> None:
    for _ in range(2):
        with pytest.raises(WorkError), transactions.immediate():
            lose_the_transaction()
        with pytest.raises(WorkError):
            group_commit(lose_the_transaction)
    assert notes() == []
    assert noting(1)() == 1


def test_a_savepoint_undoes_only_what_is_inside(app: Flask) -> None:
    with transactions.immediate():
        note(1)
        with pytest.raises(WorkError), transactions.savepoint():
            note(2)
            with transactions.savepoint():
                note(3)
            raise WorkError
        with transactions.savepoint():
            note(4)
    assert notes() == [1, 4]


def test_there_is_no_savepoint_in_a_transaction_that_was_lost(app: Flask) -> None:
    def goes_on() -> None:
        with pytest.raises(WorkError), transactions.savepoint():
            lose_the_transaction()
        assert transactions.is_lost()
        with transactions.savepoint():  # it would be kept without its transaction
            note(2)

    with pytest.raises(OperationalError, match="has rolled the transaction back"):
        group_commit(goes_on)
    assert notes() == []


FORK = """
import fcntl, os, sys
from pathlib import Path
from database import transactions, unavailable
from database.connection import close_database
from database.migrate import open_database
open_database(Path(sys.argv[1]))
with transactions.immediate():
    pass
child_has_it, tell_parent = os.pipe()
parent_has_tried, tell_child = os.pipe()
if os.fork() == 0:
    with transactions.write_queue():
        os.write(tell_parent, b".")
        os.read(parent_has_tried, 1)
    os._exit(0)
os.read(child_has_it, 1)
try:
    fcntl.flock(transactions._thread.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("both are in")
except BlockingIOError:
    print("the parent waits")
os.write(tell_child, b".")
os.wait()
close_database()
"""


@pytest.mark.server
def test_a_forked_child_queues_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, tmp_path / "panel.db"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("the parent waits\n", "")


# A full disk


@pytest.fixture(params=["small", "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk that can be full, with an app on it whose next commit needs room."""
    tmp_path.joinpath("disk").mkdir()
    with (
        small_disk(tmp_path / "disk")
        if request.param == "small"
        else nullcontext(Disk(tmp_path / "disk")) as disk
    ):
        make_app(disk.folder / "panel.db")
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        yield disk
        disk.free()
        close_database()


def note_much() -> None:
    """Write more than SQLite keeps in memory, so that it needs the disk before the commit."""
    database.execute_sql("PRAGMA cache_size = 10")
    for number in range(1000, 1200):
        note(number)


@pytest.mark.server
@pytest.mark.parametrize("count", [1, 2, SIZE])
@pytest.mark.parametrize("much", [False, True], ids=["at the commit", "before the commit"])
def test_a_full_disk_is_told_to_every_writer_and_ends(
    disk: Disk, gathered: Gather, count: int, much: bool
) -> None:
    writes = [noting(n) for n in range(count)]
    if much:
        writes[count // 2] = partial(group_commit, note_much)
    disk.fill()
    told = gathered(*writes)
    cause = assert_each_has_its_own_error(told)
    assert isinstance(cause, OperationalError)
    assert str(cause) in ("database or disk is full", "disk I/O error")
    if much:
        assert told[count // 2] is cause
    assert notes() == []

    disk.free()
    assert gathered(*(noting(n) for n in range(SIZE))) == list(range(SIZE))
    assert notes() == list(range(SIZE))
    assert damage(database.connection()) == []


@pytest.mark.server
def test_an_order_on_a_full_disk_is_not_placed_and_not_charged(disk: Disk) -> None:
    cast = add_cast()
    client = make_app(disk.folder / "panel.db").test_client()
    order = {"key": cast.alice, "action": "add", "service": cast.followers, "link": "l"}
    database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    disk.fill()
    refused = client.post("/api/v2", data={**order, "quantity": 1000})
    disk.free()
    assert (refused.status_code, refused.json) == (503, {"error": "Service Unavailable"})
    assert queries.order_listing() == []
    assert accounts.get("alice").balance_micros == 100 * MICROS

    placed = client.post("/api/v2", data={**order, "quantity": 1000})
    assert placed.json == {"order": 1}
    assert accounts.get("alice").balance_micros == 95 * MICROS
    assert list(ledger.check()) == []


def test_who_cannot_begin_fails_alone(
    app: Flask, gathered: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    immediate, faults = transactions.immediate, [OSError("no lock")]

    def failing_once(began: float) -> AbstractContextManager[None]:
        if faults:
            with transactions.write_queue():
                raise faults.pop()
        return immediate(began=began)

    monkeypatch.setattr(transactions, "immediate", failing_once)
    told = gathered(*(noting(n) for n in range(SIZE)))
    errors = [value for value in told if isinstance(value, OSError)]
    assert len(errors) == 1
    assert notes() == [value for value in told if value not in errors]


def test_it_refuses_to_wait_inside_a_transaction(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transactions.immediate():
        group_commit(partial(note, 1))
    with pytest.raises(RuntimeError, match="inside a transaction"):
        group_commit(lambda: group_commit(partial(note, 1)))
    assert notes() == []
    assert group_commit(partial(note, 1)) == 1


def test_orders_that_share_a_commit_are_judged_each_by_itself(
    gathered: Gather, cast: SimpleNamespace, begun: list[int]
) -> None:
    def order(name: str, quantity: int) -> Callable[[], int]:
        caller = accounts.find(getattr(cast, name))
        assert caller is not None
        offer = pricing.find_offer(caller, cast.followers)
        assert offer is not None
        wanted = OrderRequest("https://a.example", quantity)
        return partial(place_order, caller.id, offer, wanted)

    accounts.fund("alice", -85 * MICROS)  # three times 1000 are left, at 5.00
    begun.clear()
    told = gathered(
        order("alice", 1000), order("poor", 10), order("alice", 1000), order("bob", 10),
        order("alice", 1000), order("alice", 1000),
    )  # fmt: skip
    refused = [error.problem for error in told if isinstance(error, RequestRejected)]
    assert refused == [NOT_ENOUGH_FUNDS] * 2
    placed = [number for number in told if isinstance(number, int)]
    assert sorted(placed) == [row["id"] for row in reversed(queries.order_listing())]
    assert len(placed) == 4
    assert accounts.get("alice").balance_micros == 0
    assert list(ledger.check()) == []
    assert len(begun) == 1


# How long a write waits

WRITES: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "in a group": group_commit,
    "alone": lambda do: _in_immediate(do),
}


@contextmanager
def held_by_another_program(path: Path) -> Iterator[None]:
    """SQLite's write lock, which a program holds that does not queue."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_that_cannot_begin_in_time_is_never_done(
    panel_file: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Callable[[], Any]], Any]
) -> None:
    monkeypatch.setattr(transactions, "WAIT_S", 0.3)
    with ThreadPoolExecutor() as others, held_by_another_program(panel_file):
        futures = [others.submit(write, partial(note, n)) for n in range(SIZE)]
        reasons = [unavailable.reason(future.exception() or ValueError()) for future in futures]
    assert {str(reason).partition(":")[0] for reason in reasons} == {
        "the database cannot be written"
    }
    assert transactions._pending == []
    assert notes() == []
    monkeypatch.undo()
    assert write(partial(note, 1)) == 1
    assert database.execute_sql("PRAGMA busy_timeout").fetchone() == (BUSY_TIMEOUT_MS,)


def test_a_write_whose_time_is_over_is_not_done_by_those_that_came_later(
    app: Flask, gathered: Gather
) -> None:
    late = transactions.PendingWrite(partial(note, 0))
    late.began -= 2 * transactions.WAIT_S
    transactions._pending.append(late)
    told = gathered(*(noting(n) for n in range(1, SIZE)))
    assert isinstance(late.error, TransactionLostError)
    assert late.done
    assert 0 not in notes()
    assert notes() == [value for value in told if isinstance(value, int)]
    assert len(notes()) >= SIZE - 2


# What a server is told


@pytest.mark.parametrize("write", [group_commit, lambda do: _in_immediate(do)])
def test_a_thread_says_so_while_it_waits_to_write_and_not_while_it_writes(
    panel_file: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Callable[[], Any]], Any]
) -> None:
    waiting: set[int] = set()
    begun = threading.Semaphore(0)

    @contextmanager
    def marked() -> Iterator[None]:
        waiting.add(threading.get_ident())
        begun.release()
        yield
        waiting.discard(threading.get_ident())

    def is_waiting() -> bool:
        return threading.get_ident() in waiting

    with ThreadPoolExecutor() as others:
        with transactions.immediate():
            monkeypatch.setattr(transactions, "while_waiting", marked)
            writes = [others.submit(write, is_waiting) for _ in range(3)]
            for _ in writes:
                assert begun.acquire(timeout=30)
            assert len(waiting) == 3
        assert [written.result() for written in writes] == [False] * 3
    assert waiting == set()


def _in_immediate(do: Callable[[], Any]) -> Any:
    with transactions.immediate():
        return do()
