"""Works that share a commit: each is kept whole or not at all, whatever becomes of the others."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from peewee import IntegrityError

import models
from database import transactions
from database.connection import close_database, database
from database.transactions import group_commit
from panel import accounts, ledger, pricing, queries
from panel.errors import NOT_ENOUGH_FUNDS, RequestRejected
from panel.money import MICROS
from panel.orders.place import OrderRequest, place_order

SIZE = 6


class WorkError(Exception):
    """What a work fails with by itself."""


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The transactions that are begun, by the number of works that are waiting then."""
    begun: list[int] = []
    immediate = transactions.immediate

    def counting() -> AbstractContextManager[None]:
        begun.append(len(transactions._brought))
        return immediate()

    monkeypatch.setattr(transactions, "immediate", counting)
    return begun


@pytest.fixture
def gathered(app: Flask) -> Iterator[Callable[..., list[Any]]]:
    """Makes calls that bring work while another writer has its turn: their results or errors."""
    immediate = transactions.immediate
    barrier = threading.Barrier(SIZE)

    def gather(*calls: Callable[[], Any]) -> list[Any]:
        with immediate():
            futures = [pool.submit(call) for call in calls]
            while len(transactions._brought) < len(calls):
                threading.Event().wait(0.001)
        return [future.exception() or future.result() for future in futures]

    def close() -> None:
        barrier.wait()  # so that each thread gets one
        close_database()

    with ThreadPoolExecutor(SIZE) as pool:
        yield gather
        for future in [pool.submit(close) for _ in range(SIZE)]:
            future.result()


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
    gathered: Callable[..., list[Any]], begun: list[int]
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


def test_one_that_fails_leaves_nothing_and_the_others_stay(
    gathered: Callable[..., list[Any]],
) -> None:
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
    database.execute_sql("INSERT INTO refills VALUES (1, 999, 'pending', 1, 1, NULL, 0)")


def lose_the_transaction() -> None:
    """What SQLite does by itself on a full disk: the transaction is rolled back under us."""
    note(100)
    database.execute_sql("ROLLBACK")
    raise WorkError


@pytest.mark.parametrize("fault", [break_the_commit, lose_the_transaction])
def test_where_the_transaction_fails_all_are_told_and_nothing_is_kept(
    gathered: Callable[..., list[Any]], fault: Callable[[], None]
) -> None:
    told = gathered(noting(1), partial(group_commit, fault), noting(2))
    assert all(isinstance(error, Exception) for error in told), told
    assert notes() == []
    assert gathered(noting(1), noting(2)) == [1, 2]
    assert notes() == [1, 2]


def test_who_cannot_begin_fails_alone(
    gathered: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    immediate, faults = transactions.immediate, [OSError("no lock")]

    def failing_once() -> AbstractContextManager[None]:
        if faults:
            with transactions.write_queue():
                raise faults.pop()
        return immediate()

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
    gathered: Callable[..., list[Any]], cast: SimpleNamespace, begun: list[int]
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
