"""Counting in processes that were forked after the storage was made, as gunicorn's workers are.

run() calls one of the functions in an interpreter of its own, which has no threads of pytest's.
What they return is written as JSON.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
KEY = "LIMITER/account:1/100/1/minute"
"""The key that `limits` makes of "account:1" and 100 a minute."""


def run(function: Callable[[], Any]) -> Any:
    """Call a function of this module in a new interpreter, and return what it returned."""
    program = f"import json, forked; print(json.dumps(forked.{function.__name__}()))"
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Do each work in a fork of its own, all beginning together; give what each returned."""
    wait, start = os.pipe()
    results = []
    for work in works:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(start)
            os.read(wait, 1)  # until the parent closes its end
            with os.fdopen(writer, "w") as result:
                json.dump(work(), result)
            os._exit(0)
        os.close(writer)
        results.append(reader)
    os.close(start)
    told = []
    for reader in results:
        with os.fdopen(reader) as result:
            told.append(json.load(result))
    for _ in works:
        os.wait()
    return told


def passed_of_200() -> list[tuple[int, int]]:
    """Hit a limit of 100 in eight processes, 25 times each: how many pass, and the count."""
    import limits

    from api.shared_counters import SharedCounters

    item = limits.parse("100/minute")
    told = []
    for _ in range(5):
        storage = SharedCounters()
        window = limits.strategies.FixedWindowRateLimiter(storage)

        def hit(window: limits.strategies.RateLimiter = window) -> int:
            return sum(window.hit(item, "account:1") for _ in range(25))

        told.append((sum(_at_once([hit] * 8)), storage.get(KEY)))
    return told


def counted_beside_new_keys() -> dict[str, list[int]]:
    """Count one key in seven processes while another brings thousands of new ones."""
    from api.shared_counters import SharedCounters

    storage = SharedCounters()
    keys = [f"address:{n}" for n in range(8192)]

    def count() -> list[int]:
        return [storage.incr(KEY, 60) for _ in range(1000)]

    def bring() -> list[int]:
        return [storage.incr(key, 60) for key in keys]

    *counted, brought = _at_once([*[count] * 7, bring])
    return {
        "counted": sorted(number for own in counted for number in own),
        "brought": sorted(set(brought)),
        "seen by the parent": sorted({storage.get(key) for key in keys}),
    }


def counted_after_the_lock_holder_was_killed() -> list[int]:
    """Kill a process that has the lock: the counts of one that waited for it, three others, us."""
    from api.shared_counters import SharedCounters

    storage = SharedCounters()
    storage.incr(KEY, 60)
    told, tell = os.pipe()
    holder = os.fork()
    if holder == 0:
        with storage._lock:
            os.write(tell, b"!")
            time.sleep(60)
        os._exit(1)
    os.read(told, 1)
    waiting = os.fork()
    if waiting == 0:
        os._exit(storage.incr(KEY, 60))
    time.sleep(0.2)
    assert os.waitpid(waiting, os.WNOHANG) == (0, 0), "the lock keeps nobody out"
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    _, status = os.waitpid(waiting, 0)
    others = _at_once([lambda: storage.incr(KEY, 60)] * 3)
    return [os.waitstatus_to_exitcode(status), *sorted(others), storage.incr(KEY, 60)]


def faults_beside_killed_processes() -> list[str]:
    """Kill thirty processes in the middle of counting, and count beside them: what went wrong."""
    from api.shared_counters import SharedCounters

    storage = SharedCounters()
    storage.incr("untouched", 60)
    faults = []
    last = 0
    for _ in range(30):
        child = os.fork()
        if child == 0:
            signal.alarm(30)
        while child == 0:
            storage.incr(KEY, 60)
            storage.incr(f"address:{time.time_ns()}", 60)
        for step in range(200):
            if step == 199:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            before, last = last, storage.incr(KEY, 60)
            if last <= before:
                faults.append(f"{last} after {before}")
        if storage.get("untouched") != 1:
            faults.append("another key's count")
    return faults


def counted_in_a_fork_while_a_thread_had_the_lock() -> list[int]:
    """Fork while another thread has the lock: the counts of the child, and of us afterwards."""
    from api.shared_counters import SharedCounters

    storage = SharedCounters()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with storage._lock:
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads is the point
        child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(storage.incr(KEY, 60))  # it waits for the parent's thread, and no longer
    time.sleep(0.2)
    assert os.waitpid(child, os.WNOHANG) == (0, 0), "the lock keeps nobody out"
    release.set()
    thread.join()
    _, status = os.waitpid(child, 0)
    return [os.waitstatus_to_exitcode(status), storage.incr(KEY, 60)]


def counted_where_no_file_takes_a_byte() -> dict[str, Any]:
    """Count more keys than there are slots, in two processes, as if every disk were full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    from api.shared_counters import BUCKET_SLOTS, BUCKETS, SharedCounters

    storage = SharedCounters()
    keys = [f"address:{n}" for n in range(BUCKETS * BUCKET_SLOTS * 3 // 5)]

    def count(prefix: str) -> list[int]:
        return sorted({storage.incr(prefix + key, 60) for key in keys})

    return {
        "new keys": _at_once([lambda: count("one "), lambda: count("other ")]),
        "check": storage.check(),
        "one key": sorted(_at_once([lambda: storage.incr(KEY, 60)] * 3)),
    }
