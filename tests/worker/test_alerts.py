"""What a real worker and a real server tell a person, by real Apprise, and to whom they ping."""

import fcntl
import os
import signal
from collections.abc import Callable

from support.apps import Server
from support.databases import run
from support.receiver import Receiver
from support.recorder import Recorder
from support.servers import at_the_desk, wait_until

from models import AlertTelling, Heartbeat, Provider
from panel import tasks
from panel.providers import registry
from panel.tasks import Task

QUICK = "tests/support/quick_worker.py"
SECRET = "s3cret-t0pic"


def fail(server: Server) -> None:
    """Let the provider's balance be low, and the replica's check fail."""
    with at_the_desk(server):
        Provider.update(balance="3.00 USD").execute()
        tasks.record_failure(Task.REPLICA_CHECK, "no such file")


def mend(server: Server) -> None:
    """Let nothing be wrong any more."""
    with at_the_desk(server):
        Provider.update(balance="300 USD").execute()
        tasks.record_success(Task.REPLICA_CHECK)
        tasks.record_success(Task.BACKUP)


def add_provider(server: Server, recorder: Recorder) -> None:
    with at_the_desk(server):
        registry.add("up", recorder.url, "key", 6000, currency="USD")


def assert_nothing_leaked(server: Server, *secrets: str) -> None:
    logs = [server.log.read_text(), *map(server.worker_log, server.workers)]
    for log in logs:
        assert "Traceback" not in log
        for secret in secrets:
            assert secret not in log


def test_what_begins_lasts_and_ends_is_told_once_each_to_every_address(
    make_server: Callable[..., Server], receiver: Receiver, recorder: Recorder
) -> None:
    good, bad = f"/{SECRET}/good", f"/{SECRET}/bad"
    addresses = ",".join(f"json://user:pass@{receiver.host}{path}" for path in (good, bad))
    server = make_server(PANEL_NOTIFY=addresses, PANEL_BACKUP_HOURS="0", WEB_CONCURRENCY="1")
    receiver.refuses = {bad}
    add_provider(server, recorder)
    with at_the_desk(server):
        tasks.record_failure(Task.BACKUP, "the disk is full")
    server.worker(QUICK)
    assert recorder.asked_for_balance.wait(30)
    first = receiver.await_messages(good, 1)
    assert "The last backup failed: the disk is full." in first.message
    assert first.type == "failure"

    # What begins together is one message; what lasts is not told again.
    fail(server)
    second = receiver.await_messages(good, 2)
    assert second.title.endswith("2 new alerts")
    assert "up has 3.00 USD of ours left" in second.message
    assert "The check of the replica failed: no such file." in second.message
    tries = receiver.tries[bad]
    wait_until(lambda: receiver.tries[bad] > tries + 1, server)
    assert (len(receiver.of(good)), len(receiver.of(bad))) == (2, 0)

    # One that took nothing is told all, and the other nothing twice.
    receiver.refuses = set()
    late = receiver.await_messages(bad, 1)
    assert late.title.endswith("3 new alerts")
    assert "up has 3.00 USD" in late.message
    assert "The last backup failed: the disk is full." in late.message
    assert len(receiver.of(good)) == 2

    # Told again daily.
    wait_until(lambda: server.rows("SELECT count(*) FROM alert_tellings") == [(6,)], server)
    with at_the_desk(server):
        AlertTelling.update(told_at=AlertTelling.told_at - 86400).execute()
    third = receiver.await_messages(good, 3)
    assert third.title.endswith("3 lasting alerts")
    assert third.type == "info"
    assert receiver.await_messages(bad, 2).message == third.message

    # And when it is over.
    mend(server)
    last = receiver.await_messages(good, 4)
    assert last.title.endswith("3 over alerts")
    assert last.type == "success"
    assert receiver.await_messages(bad, 3).title.endswith("3 over alerts")
    assert (len(receiver.of(good)), len(receiver.of(bad))) == (4, 3)
    assert "refused with 500" in server.worker_log(server.workers[0])
    assert_nothing_leaked(server, SECRET, "pass@")
    assert server.rows("SELECT count(*) FROM alerts WHERE end_told_at IS NULL") == [(0,)]
    assert server.rows(
        "SELECT succeeded_at NOT NULL FROM task_runs WHERE name = 'ledger check'"
    ) == [(1,)]
    assert not list(server.folder.glob("*.ledger-check*"))


def test_the_server_tells_of_a_worker_that_was_killed_and_the_next_one_that_it_is_over(
    make_server: Callable[..., Server], receiver: Receiver
) -> None:
    server = make_server(
        config="tests/support/quick_gunicorn.py",
        PANEL_NOTIFY=f"json://{receiver.host}/a",
        PANEL_BACKUP_HOURS="0",
        WEB_CONCURRENCY="2",
    )
    worker = server.worker(QUICK)
    wait_until(lambda: bool(server.rows("SELECT 1 FROM heartbeats")), server)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    assert server.request("GET", "/readyz")[0] == 200
    with at_the_desk(server):  # a minute and more goes by
        Heartbeat.update(seen_at=Heartbeat.seen_at - 100).execute()
    told = receiver.await_messages("/a", 1)
    assert "The worker was not seen since" in told.message

    server.worker(QUICK)
    assert receiver.await_messages("/a", 2).title.endswith("1 over alert")
    assert len(receiver.taken) == 2
    assert_nothing_leaked(server, "/a")


def test_pings_come_while_all_lanes_turn_and_tell_when_one_or_the_loop_does_not(
    make_server: Callable[..., Server], receiver: Receiver, recorder: Recorder
) -> None:
    ping, fail = f"/{SECRET}?a=b", f"/{SECRET}/fail?a=b"
    server = make_server(
        PANEL_PING_URL=f"http://{receiver.host}{ping}",
        PANEL_PROVIDER_TIMEOUT="1",
        WEB_CONCURRENCY="1",
    )
    add_provider(server, recorder)
    worker = server.worker(QUICK)
    seen = receiver.await_ping(ping)

    # The loop waits for the database's other writers.
    with open(f"{server.database}.lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        seen = receiver.await_ping(fail, seen)
    seen = receiver.await_ping(ping, seen)

    # The lane has an internal error.
    run(server.database, "ALTER TABLE refills RENAME TO away")
    seen = receiver.await_ping(fail, seen)
    run(server.database, "ALTER TABLE away RENAME TO refills")
    receiver.await_ping(ping, seen)

    worker.terminate()
    assert worker.wait(30) == 0
    seen = len(receiver.pings)
    assert server.request("GET", "/healthz")[0] == 200
    assert len(receiver.pings) == seen
    log = server.worker_log(worker)
    assert SECRET not in log
    assert "the ping tells: the worker's loop does not go on" in log
    assert "the ping tells: the lane of up has an internal error (refill" in log  # or its status
