"""The storage of the rate limit: fixed windows in memory that all workers of a server share."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from support import forked
from support.clock import NOW

from api import shared_counters
from api.shared_counters import BUCKET_SLOTS, BUCKETS, SharedCounters, Window

SLOTS = BUCKETS * BUCKET_SLOTS


@pytest.fixture
def storage() -> SharedCounters:
    return SharedCounters()


def keys(count: int) -> list[str]:
    return [f"address:{n}" for n in range(count)]


# Windows


def test_a_window_begins_with_the_first_hit_and_ends_after_its_time(
    storage: SharedCounters, clock: SimpleNamespace
) -> None:
    assert storage.incr("key", 60) == 1
    clock.now = NOW + 40
    assert storage.incr("key", 60) == 2
    clock.now = NOW + 59.999
    assert storage.incr("key", 60) == 3
    assert storage.get_expiry("key") == NOW + 60, "a later hit has moved the window's end"
    clock.now = NOW + 60
    assert storage.get("key") == 0
    assert storage.incr("key", 60) == 1
    assert storage.get_expiry("key") == NOW + 120


def test_a_hit_tells_the_count_and_the_end_at_once(
    storage: SharedCounters, clock: SimpleNamespace
) -> None:
    assert storage.hit("key", 60) == Window(hits=1, ends=NOW + 60)
    clock.now = NOW + 10
    assert storage.hit("key", 60, amount=2) == Window(hits=3, ends=NOW + 60)
    clock.now = NOW + 60
    assert storage.hit("key", 60) == Window(hits=1, ends=NOW + 120)


def test_a_hit_may_count_for_several(storage: SharedCounters, clock: SimpleNamespace) -> None:
    assert storage.incr("key", 60, amount=5) == 5
    assert storage.incr("key", 60, amount=2) == 7
    clock.now = NOW + 60
    assert storage.incr("key", 60, amount=3) == 3


def test_a_key_without_a_window_has_no_hits_and_expires_now(
    storage: SharedCounters, clock: SimpleNamespace
) -> None:
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == NOW
    storage.incr("key", 60)
    clock.now = NOW + 61
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == NOW + 61


def test_keys_have_windows_of_their_own(storage: SharedCounters, clock: SimpleNamespace) -> None:
    storage.incr("one", 60)
    clock.now = NOW + 30
    storage.incr("other", 60)
    assert (storage.get("one"), storage.get_expiry("one")) == (1, NOW + 60)
    assert (storage.get("other"), storage.get_expiry("other")) == (1, NOW + 90)


def test_a_clock_that_is_set_back_locks_nobody_out(
    storage: SharedCounters, clock: SimpleNamespace
) -> None:
    storage.incr("key", 60, amount=1000)
    clock.now = NOW - 3600
    assert storage.hit("key", 60) == Window(hits=1, ends=NOW - 3540)
    assert storage.hit("key", 60) == Window(hits=2, ends=NOW - 3540)


def test_clear_forgets_one_key_and_reset_all(storage: SharedCounters) -> None:
    for key in ("one", "two", "three"):
        storage.incr(key, 60)
    storage.clear("one")
    storage.clear("never counted")
    assert [storage.get(key) for key in ("one", "two", "three")] == [0, 1, 1]
    assert storage.reset() == 2
    assert [storage.get(key) for key in ("one", "two", "three")] == [0, 0, 0]
    assert storage.incr("two", 60) == 1


def test_the_strategy_of_the_limits_package_works_on_it(
    storage: SharedCounters, clock: SimpleNamespace
) -> None:
    windows = FixedWindowRateLimiter(storage)
    item = RateLimitItemPerMinute(3)
    assert windows.get_window_stats(item, "a") == (NOW, 3)
    assert [windows.hit(item, "a") for _ in range(5)] == [True, True, True, False, False]
    assert windows.get_window_stats(item, "a") == (NOW + 60, 0)
    assert not windows.test(item, "a")
    assert windows.test(item, "b")
    clock.now = NOW + 60
    assert windows.test(item, "a")
    assert windows.hit(item, "a")
    windows.clear(item, "a")
    assert windows.get_window_stats(item, "a") == (clock.now, 3)


def test_limits_knows_it_by_its_scheme() -> None:
    assert isinstance(storage_from_string("shared-memory://"), SharedCounters)


# Many keys


def test_thousands_of_keys_are_kept_apart_and_none_is_lost(storage: SharedCounters) -> None:
    for times in (1, 2):
        assert {storage.incr(key, 60) for key in keys(4096)} == {times}
    assert {storage.get(key) for key in keys(4096)} == {2}
    assert storage.reset() == 4096


FEW_BUCKETS = 64
FEW_SLOTS = FEW_BUCKETS * BUCKET_SLOTS


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> SharedCounters:
    """A storage with fewer buckets, and so the sooner full; each is as large as ever."""
    monkeypatch.setattr(shared_counters, "BUCKETS", FEW_BUCKETS)
    return SharedCounters()


def test_windows_that_are_over_make_room(small: SharedCounters, clock: SimpleNamespace) -> None:
    for minute in range(8):  # twice as many keys as slots, and a quarter of them at a time
        clock.now = NOW + 60 * minute
        own = [f"{minute}-{key}" for key in keys(FEW_SLOTS // 4)]
        assert {small.incr(key, 60) for key in own} == {1}
        assert {small.get(key) for key in own} == {1}
    assert small.reset() == FEW_SLOTS // 4


def test_of_more_keys_than_slots_those_whose_windows_end_last_are_kept(
    small: SharedCounters, clock: SimpleNamespace
) -> None:
    everyone = keys(3 * FEW_SLOTS)
    for number, key in enumerate(everyone):
        clock.now = NOW + number / FEW_SLOTS
        assert small.incr(key, 60) == 1
    assert {small.get(key) for key in everyone[-FEW_SLOTS // 4 :]} == {1}
    assert {small.get(key) for key in everyone[: FEW_SLOTS // 4]} == {0}
    assert small.reset() == FEW_SLOTS, "a place was left empty"


def test_keys_that_would_share_a_bucket_cannot_be_foreseen() -> None:
    """Each storage has other places for them: nobody can choose addresses that fill a bucket."""

    def places() -> list[int]:
        storage = SharedCounters()
        return [storage._find(storage._hash(key))[0] for key in keys(64)]

    assert places() != places()


def test_a_key_may_hold_whatever_a_client_sent(storage: SharedCounters) -> None:
    for key in ("", "\0", "\udcff", "é" * 10_000):
        assert [storage.incr(key, 60), storage.incr(key, 60)] == [1, 2]


# Processes and threads


@pytest.mark.server
def test_exactly_the_limit_passes_from_eight_processes() -> None:
    assert forked.run(forked.passed_of_200) == [[100, 200]] * 5


@pytest.mark.server
def test_new_keys_of_one_process_disturb_no_counts_of_others() -> None:
    assert forked.run(forked.counted_beside_new_keys) == {
        "counted": list(range(1, 7001)),
        "brought": [1],
        "seen by the parent": [1],
    }


def test_eight_threads_count_exactly(storage: SharedCounters) -> None:
    with ThreadPoolExecutor(8) as threads:
        told = threads.map(lambda _: [storage.incr("key", 60) for _ in range(500)], range(8))
        assert sorted(number for own in told for number in own) == list(range(1, 4001))


@pytest.mark.server
def test_a_process_that_is_killed_while_it_has_the_lock_stops_nobody() -> None:
    assert forked.run(forked.counted_after_the_lock_holder_was_killed) == [2, 3, 4, 5, 6]


@pytest.mark.server
def test_processes_that_are_killed_while_they_count_damage_nothing() -> None:
    assert forked.run(forked.faults_beside_killed_processes) == []


@pytest.mark.server
def test_a_fork_does_not_inherit_the_lock_of_a_thread_that_it_does_not_have() -> None:
    assert forked.run(forked.counted_in_a_fork_while_a_thread_had_the_lock) == [1, 2]


@pytest.mark.server
def test_it_writes_no_file_so_a_full_disk_does_not_matter() -> None:
    assert forked.run(forked.counted_where_no_file_takes_a_byte) == {
        "new keys": [[1], [1]],
        "check": True,
        "one key": [1, 2, 3],
    }


# The lock


def broken(*args: object) -> None:
    raise OSError("No locks available")


def test_check_tells_whether_the_lock_works(
    storage: SharedCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.check() is True
    monkeypatch.setattr("api.shared_counters.fcntl.lockf", broken)
    assert storage.check() is False
    with pytest.raises(storage.base_exceptions):
        storage.incr("key", 60)
    monkeypatch.undo()
    assert storage.check() is True
    assert storage.incr("key", 60) == 1


def test_where_the_system_has_no_memory_files_a_deleted_file_serves_as_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.memfd_create", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    storage = SharedCounters()
    assert list(tmp_path.iterdir()) == []
    assert [storage.incr("key", 60) for _ in range(3)] == [1, 2, 3]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the system has no /proc")
def test_a_storage_that_is_dropped_gives_its_descriptor_back() -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        assert SharedCounters().incr("key", 60) == 1
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
