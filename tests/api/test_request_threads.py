"""The threads of a server: more while some wait for the write lock, and no more than that."""

import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from api.server.threads import PATIENCE_S, RequestThreads
from database.unavailable import NoTurnError


@pytest.fixture
def threads() -> Iterator[RequestThreads]:
    threads = RequestThreads(usual=2, max_threads=6)
    yield threads
    threads.shutdown()


def hold(threads: RequestThreads, count: int, *, is_writer: bool) -> Callable[[], None]:
    """Keep so many threads; gives what lets them go."""
    go, begun = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        begun.release()
        assert go.wait(30)

    def wait_to_write() -> None:
        with threads.waiting():
            wait()

    for _ in range(count):
        threads.submit(wait_to_write if is_writer else wait)
    for _ in range(count):
        threads.adjust()
        assert begun.acquire(timeout=30)
    return go.set


def test_so_many_work_at_a_time_and_the_next_one_waits(threads: RequestThreads) -> None:
    done: SimpleQueue[str] = SimpleQueue()
    assert threads.has_free_thread()
    let_go = hold(threads, 2, is_writer=False)
    threads.submit(lambda: done.put("next"))
    time.sleep(2 * PATIENCE_S)
    threads.adjust()
    assert not threads.has_free_thread()
    assert done.empty()
    let_go()
    assert done.get(timeout=30) == "next"


def test_who_waits_to_write_for_long_is_replaced(threads: RequestThreads) -> None:
    done: SimpleQueue[str] = SimpleQueue()
    let_go = hold(threads, 2, is_writer=True)
    threads.submit(lambda: done.put("next"))
    threads.adjust()
    time.sleep(2 * PATIENCE_S)
    assert threads.has_free_thread()
    threads.adjust()
    assert done.get(timeout=30) == "next"
    let_go()


def test_so_many_may_wait_to_write_that_the_usual_number_of_threads_is_left(
    threads: RequestThreads,
) -> None:
    done: SimpleQueue[str] = SimpleQueue()
    lets = []
    for _ in range(2):
        lets.append(hold(threads, 2, is_writer=True))
        time.sleep(2 * PATIENCE_S)

    def wait_to_write() -> None:
        with pytest.raises(NoTurnError), threads.waiting():
            pass
        done.put("refused")

    threads.submit(wait_to_write)
    threads.submit(lambda: done.put("read"))
    threads.adjust()
    assert [done.get(timeout=30), done.get(timeout=30)] == ["refused", "read"]
    for let_go in lets:
        let_go()


def test_threads_in_excess_end(threads: RequestThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.server.threads.SURPLUS_S", 0)
    count_new = counter()
    let_go = hold(threads, 2, is_writer=True)
    time.sleep(2 * PATIENCE_S)
    let_go_too = hold(threads, 2, is_writer=True)
    assert count_new() == 4
    let_go()
    let_go_too()
    for _ in range(4):
        threads.finish()

    def is_adjusted() -> bool:
        threads.adjust()
        return count_new() == 2

    wait_for(is_adjusted)
    threads.adjust()
    time.sleep(2 * PATIENCE_S)
    assert count_new() == 2, "the usual ones stay"


def test_all_end_with_the_server() -> None:
    count_new = counter()
    threads = RequestThreads(usual=2, max_threads=6)
    done: SimpleQueue[int] = SimpleQueue()
    for number in range(20):
        threads.submit(lambda number=number: done.put(number))  # type: ignore[misc]
    threads.shutdown()
    assert sorted(done.get(timeout=30) for _ in range(20)) == list(range(20))
    wait_for(lambda: count_new() == 0)


def counter() -> Callable[[], int]:
    """Counts the threads that have begun since."""
    before = set(threading.enumerate())
    return lambda: len(set(threading.enumerate()) - before)


def wait_for(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)
