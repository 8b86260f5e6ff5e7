"""The rate limit: fixed windows in a file that all workers share, and what clients see of it."""

import os
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter
from support.apps import Server, free_port, make_app
from support.clients import SIZE, Crowd, hit
from support.servers import at_the_desk, each_worker
from werkzeug.test import TestResponse

from database.connection import close_database
from panel import accounts
from panel.ratelimit import FIRST_SLOTS, REACH, MappedStorage

MakeServer = Callable[..., Server]

NOW = 1_800_000_000.25
TOO_MANY = {"error": "Too many requests"}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until a test moves it."""
    clock = SimpleNamespace(now=NOW)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    return clock


@pytest.fixture
def storage(tmp_path: Path) -> MappedStorage:
    return MappedStorage(f"mapped:///{tmp_path / 'hits'}")


# The storage


def test_exactly_the_limit_passes_from_eight_processes(tmp_path: Path, crowd: Crowd) -> None:
    # Each time on a new file: creating it at once is part of the test.
    for number in range(5):
        uri = f"mapped:///{tmp_path / f'hits-{number}'}"
        passed = crowd.begin(hit, [(uri, "100/minute", 25)] * SIZE).get()
        assert sum(passed) == 100
        assert MappedStorage(uri).get("LIMITER/account:1/100/1/minute") == 200


def test_a_window_begins_with_the_first_hit_and_ends_after_its_time(
    storage: MappedStorage, clock: SimpleNamespace
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


def test_a_hit_may_count_for_several(storage: MappedStorage, clock: SimpleNamespace) -> None:
    assert storage.incr("key", 60, amount=5) == 5
    assert storage.incr("key", 60, amount=2) == 7
    clock.now = NOW + 60
    assert storage.incr("key", 60, amount=3) == 3


def test_a_key_without_a_window_has_no_hits_and_expires_now(
    storage: MappedStorage, clock: SimpleNamespace
) -> None:
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == NOW
    storage.incr("key", 60)
    clock.now = NOW + 61
    assert storage.get("key") == 0
    assert storage.get_expiry("key") == NOW + 61


def test_keys_have_windows_of_their_own(storage: MappedStorage, clock: SimpleNamespace) -> None:
    storage.incr("one", 60)
    clock.now = NOW + 30
    storage.incr("other", 60)
    assert (storage.get("one"), storage.get_expiry("one")) == (1, NOW + 60)
    assert (storage.get("other"), storage.get_expiry("other")) == (1, NOW + 90)


def test_clear_forgets_one_key_and_reset_all(storage: MappedStorage) -> None:
    for key in ("one", "two", "three"):
        storage.incr(key, 60)
    storage.clear("one")
    assert [storage.get(key) for key in ("one", "two", "three")] == [0, 1, 1]
    assert storage.reset() == 2
    assert [storage.get(key) for key in ("one", "two", "three")] == [0, 0, 0]
    assert storage.incr("two", 60) == 1


def keys(count: int) -> list[str]:
    return [f"address:{n}" for n in range(count)]


def test_the_file_grows_with_the_keys_and_loses_none(
    tmp_path: Path, storage: MappedStorage
) -> None:
    size = (tmp_path / "hits").stat().st_size
    other = MappedStorage(f"mapped:///{tmp_path / 'hits'}")  # as another process has it
    for times, one in enumerate((storage, other), start=1):
        assert [one.incr(key, 60) for key in keys(4 * FIRST_SLOTS)] == [times] * 4 * FIRST_SLOTS
    assert (tmp_path / "hits").stat().st_size > 4 * size
    assert {storage.get(key) for key in keys(4 * FIRST_SLOTS)} == {2}
    assert storage.reset() == 4 * FIRST_SLOTS


def test_windows_that_are_over_make_room(
    tmp_path: Path, storage: MappedStorage, clock: SimpleNamespace
) -> None:
    size = (tmp_path / "hits").stat().st_size
    for minute in range(20):
        clock.now = NOW + 60 * minute
        hits = [storage.incr(f"{minute}-{key}", 60) for key in keys(FIRST_SLOTS // 4)]
        assert set(hits) == {1}
    assert (tmp_path / "hits").stat().st_size == size


def test_eight_processes_let_the_file_grow_and_count_exactly(tmp_path: Path, crowd: Crowd) -> None:
    uri = f"mapped:///{tmp_path / 'hits'}"
    storage = MappedStorage(uri)
    counting = crowd.begin(hit, [(uri, "1000000/minute", 1000)] * SIZE)
    for key in keys(8 * FIRST_SLOTS):
        storage.incr(key, 60)
    assert sum(counting.get()) == SIZE * 1000
    assert storage.get("LIMITER/account:1/1000000/1/minute") == SIZE * 1000
    assert {storage.get(key) for key in keys(8 * FIRST_SLOTS)} == {1}


def test_keys_that_would_collide_cannot_be_foreseen(tmp_path: Path) -> None:
    """Each file has slots of its own for them: nobody can choose addresses that fill one place."""

    def slots(name: str) -> list[int]:
        storage = MappedStorage(f"mapped:///{tmp_path / name}")
        places = []
        for key in keys(REACH):
            storage.incr(key, 60)
            content = (tmp_path / name).read_bytes()
            places.append(
                next(at for at in range(32, len(content), 32) if any(content[at : at + 32]))
            )
            storage.reset()
        return places

    assert slots("one") != slots("other")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", id="empty"),
        pytest.param(lambda content: content[: len(content) // 2], id="half of it"),
        pytest.param(lambda content: content + b"more", id="longer"),
        pytest.param(lambda content: bytes(len(content)), id="zeros"),
        pytest.param(lambda content: os.urandom(len(content)), id="noise"),
        pytest.param(lambda content: b"no counters at all", id="something else"),
    ],
)
def test_a_damaged_file_still_counts(
    tmp_path: Path, storage: MappedStorage, damage: Callable[[bytes], bytes]
) -> None:
    """It may forget what it knew, as after a power cut, but what comes now is counted."""
    for key in keys(100):
        storage.incr(key, 60)
    content = (tmp_path / "hits").read_bytes()
    (tmp_path / "found").write_bytes(damage(content))
    found = MappedStorage(f"mapped:///{tmp_path / 'found'}")
    before = {key: found.get(key) for key in keys(300)}
    assert {key: found.incr(key, 60) - before[key] for key in keys(300)} == dict.fromkeys(
        keys(300), 1
    )


def test_a_full_disk_is_an_error_and_what_was_counted_stays(
    tmp_path: Path, storage: MappedStorage
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (tmp_path / "hits").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        counted = []
        with pytest.raises(storage.base_exceptions):
            for key in keys(4 * FIRST_SLOTS):
                storage.incr(key, 60)
                counted.append(key)
        assert len(counted) > FIRST_SLOTS // 2
        assert {storage.get(key) for key in counted} == {1}
        assert storage.incr("address:0", 60) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert storage.check()


def test_check_tells_whether_the_file_can_be_used(
    storage: MappedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert storage.check() is True
    monkeypatch.setattr("panel.ratelimit.fcntl.flock", broken)
    assert storage.check() is False
    monkeypatch.undo()
    assert storage.check() is True


def broken(*args: object) -> None:
    raise OSError("Input/output error")


def test_the_strategy_of_the_limits_package_works_on_it(
    storage: MappedStorage, clock: SimpleNamespace
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


# What a client sees


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """An app that lets three requests pass in a minute, and the cast's keys."""
    app = make_app(tmp_path / "panel.db", PANEL_RATE_LIMIT="3")
    keys = {name: accounts.add(name) for name in ("alice", "bob", "mallory")}
    accounts.set_status("mallory", "suspended")
    yield SimpleNamespace(client=app.test_client(), **keys)
    close_database()


def ask(client: FlaskClient, key: str, address: str = "192.0.2.1", **params: str) -> TestResponse:
    return client.post(
        "/api/v2",
        data={"key": key, "action": "balance", **params},
        environ_overrides={"REMOTE_ADDR": address},
    )


@pytest.mark.parametrize(
    ("who", "params", "status"),
    [
        pytest.param("alice", {}, 200, id="a good request"),
        pytest.param("alice", {"action": "dance"}, 422, id="a wrong action"),
        pytest.param("alice", {"action": "status", "order": "7"}, 404, id="no such order"),
        pytest.param("mallory", {}, 403, id="a suspended account"),
        pytest.param("nobody", {}, 401, id="an unknown key"),
        pytest.param("", {}, 401, id="no key"),
    ],
)
def test_every_request_counts_and_the_limit_is_judged_first(
    limited: SimpleNamespace, who: str, params: dict[str, str], status: int
) -> None:
    key = getattr(limited, who, who)
    answers = [ask(limited.client, key, **params) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [status] * 3 + [429]
    assert answers[3].json == TOO_MANY


def test_only_a_429_carries_retry_after_and_all_carry_the_window(
    limited: SimpleNamespace, clock: SimpleNamespace
) -> None:
    told = []
    for moment in range(5):
        clock.now = NOW + moment
        headers = ask(limited.client, limited.alice).headers
        told.append([headers.get(f"X-RateLimit-{name}") for name in ("Limit", "Remaining")])
        told[-1].append(headers.get("Retry-After"))
        assert headers["X-RateLimit-Reset"] == str(int(NOW) + 61)
    assert told == [
        ["3", "2", None],
        ["3", "1", None],
        ["3", "0", None],
        ["3", "0", "57"],
        ["3", "0", "56"],
    ]


@pytest.mark.parametrize("waited_s", [0, 0.3, 30.5, 58.9, 59, 59.001, 59.9])
def test_a_client_that_waits_as_told_passes(
    limited: SimpleNamespace, clock: SimpleNamespace, waited_s: float
) -> None:
    for _ in range(3):
        ask(limited.client, limited.alice)
    clock.now = NOW + waited_s
    refused = ask(limited.client, limited.alice)
    assert refused.status_code == 429
    pause_s = int(refused.headers["Retry-After"])
    assert 1 <= pause_s <= 60

    clock.now = NOW + waited_s + pause_s - 1
    assert ask(limited.client, limited.alice).status_code == 429, "told to wait for too long"
    clock.now = NOW + waited_s + pause_s
    assert ask(limited.client, limited.alice).status_code == 200, "told to come back too early"


def test_one_account_is_counted_from_all_its_addresses_and_in_all_forms(
    limited: SimpleNamespace,
) -> None:
    client, key = limited.client, limited.alice
    answers = [
        ask(client, key, "192.0.2.1"),
        client.get("/api/v2/", query_string={"key": key, "action": "services"}),
        client.post(
            "/api/v2", json={"action": "balance"}, headers={"Authorization": f"Bearer {key}"}
        ),
        ask(client, key, "192.0.2.2"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert ask(client, limited.bob).status_code == 200


def test_a_new_key_does_not_begin_a_new_window(limited: SimpleNamespace) -> None:
    for _ in range(3):
        ask(limited.client, limited.alice)
    assert ask(limited.client, accounts.rotate_key("alice")).status_code == 429


def test_guesses_count_against_the_address_and_a_good_key_still_passes(
    limited: SimpleNamespace,
) -> None:
    guesses = [ask(limited.client, f"guess-{n}", "192.0.2.1").status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert ask(limited.client, limited.alice, "192.0.2.1").status_code == 200
    assert ask(limited.client, "guess", "192.0.2.2").status_code == 401


def test_other_paths_are_neither_counted_nor_refused(limited: SimpleNamespace) -> None:
    for _ in range(5):
        assert limited.client.get("/healthz").status_code == 200
        assert limited.client.get("/nowhere").status_code == 404
    assert [ask(limited.client, "").status_code for _ in range(4)] == [401, 401, 401, 429]
    assert limited.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("setting", "limit", "lasts_s"),
    [("2", 2, 60), ("5/second", 5, 1), ("4 per 2 minutes", 4, 120)],
)
def test_the_setting_gives_the_number_and_the_time(
    tmp_path: Path, clock: SimpleNamespace, setting: str, limit: int, lasts_s: int
) -> None:
    client = make_app(tmp_path / "panel.db", PANEL_RATE_LIMIT=setting).test_client()
    assert [ask(client, "").status_code for _ in range(limit + 1)] == [401] * limit + [429]
    clock.now = NOW + lasts_s - 0.01
    assert ask(client, "").status_code == 429
    clock.now = NOW + lasts_s
    assert ask(client, "").status_code == 401
    close_database()


def standing(client: FlaskClient, key: str) -> tuple[int, str, str | None]:
    """The status, what remains in the window, and how long to wait."""
    answer = ask(client, key)
    headers = answer.headers
    return answer.status_code, headers["X-RateLimit-Remaining"], headers.get("Retry-After")


FOUR = [(200, "2", None), (200, "1", None), (200, "0", None), (429, "0", "60")]
"""Four requests where three are allowed."""


def test_without_its_file_it_counts_by_itself_and_with_it_the_file_counts_again(
    tmp_path: Path,
    limited: SimpleNamespace,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client, key = limited.client, limited.alice
    storage = MappedStorage(f"mapped:///{tmp_path / 'panel-ratelimit.counters'}")
    with monkeypatch.context() as patched:
        patched.setattr("panel.ratelimit.fcntl.flock", broken)
        assert [standing(client, key) for _ in range(4)] == FOUR
    assert storage.reset() == 0

    clock.now = NOW + 3600  # the limiter looks after it again and again, ever less often
    assert [standing(client, key) for _ in range(4)] == FOUR
    assert storage.reset() == 1
    assert [standing(client, key) for _ in range(4)] == FOUR


# Over a real gunicorn


def balance(key: str) -> dict[str, Any]:
    return {"key": key, "action": "balance"}


def test_four_workers_share_the_120_requests_of_a_minute(
    make_server: MakeServer, crowd: Crowd
) -> None:
    server = make_server()
    server.kill()
    del server.environ["PANEL_RATE_LIMIT"]  # the default is what is tested
    server.environ["WEB_CONCURRENCY"] = "4"
    server.log.unlink()
    server.start()
    with at_the_desk(server):
        alice, bob = accounts.add("alice"), accounts.add("bob")

    # Worker by worker: each lets its 30 requests pass, and together they have passed 120.
    shares = [[server.call(**balance(alice))[0] for _ in range(30)] for _ in each_worker(server)]
    assert shares == [[200] * 30] * 4
    assert [server.call(**balance(alice)) for _ in each_worker(server)] == [(429, TOO_MANY)] * 4

    # All at once, from eight processes.
    answers = crowd.send(server.port, [[balance(bob)] * 20] * SIZE)
    assert Counter(answer.status for answer in answers) == {200: 120, 429: 40}
    for answer in answers:
        assert answer.headers["X-RateLimit-Limit"] == "120"
        assert ("Retry-After" in answer.headers) == (answer.status == 429)
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.body == TOO_MANY
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(refused.headers["X-RateLimit-Reset"]) - time.time() <= 61


def test_the_address_of_120_guesses_is_locked_out_and_its_customer_is_not(
    make_server: MakeServer, crowd: Crowd
) -> None:
    server = make_server(WEB_CONCURRENCY="4", PANEL_RATE_LIMIT="120")
    with at_the_desk(server):
        alice = accounts.add("alice")
    guesses = [[balance(f"guess-{n}-{m}") for m in range(20)] for n in range(SIZE)]
    answers = crowd.send(server.port, guesses)
    assert Counter(answer.status for answer in answers) == {401: 120, 429: 40}
    assert server.call(**balance(alice))[0] == 200


def forwarded(server: Server, addresses: str) -> int:
    """The status of a guess that a proxy says comes from these addresses."""
    return server.request("POST", "/api/v2", headers={"X-Forwarded-For": addresses})[0]


def test_a_forwarded_address_is_not_believed_unasked(make_server: MakeServer) -> None:
    server = make_server(PANEL_RATE_LIMIT="3")
    told = [forwarded(server, f"203.0.113.{n}") for n in range(4)]
    assert told == [401, 401, 401, 429]
    assert "203.0.113" not in server.log.read_text()


def test_behind_a_trusted_proxy_each_address_has_its_own_window(make_server: MakeServer) -> None:
    server = make_server(PANEL_RATE_LIMIT="3", PANEL_TRUSTED_PROXIES="1")
    assert [forwarded(server, "203.0.113.1") for _ in range(4)] == [401, 401, 401, 429]
    assert [forwarded(server, "2001:db8::2") for _ in range(4)] == [401, 401, 401, 429]
    # What a client writes before the proxy's own entry opens no further window.
    assert forwarded(server, "198.51.100.7, 203.0.113.1") == 429
    server.stop()  # a line is written after its answer
    log = server.log.read_text()
    assert ' 203.0.113.1 "POST /api/v2" 401 ' in log
    assert ' 2001:db8::2 "POST /api/v2" 429 ' in log
    assert "198.51.100.7" not in log


def test_another_storage_works_by_setting_alone(make_server: MakeServer) -> None:
    server = make_server(
        PANEL_RATE_LIMIT="3", PANEL_RATELIMIT_STORAGE="memory://", WEB_CONCURRENCY="1"
    )
    answers = [server.request("POST", "/api/v2") for _ in range(4)]
    assert [status for status, _, _ in answers] == [401, 401, 401, 429]
    assert 1 <= int(answers[3][1]["Retry-After"]) <= 60
    assert not list(server.folder.glob("*ratelimit*")), "the default's file is there too"


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_redis_works_by_setting_alone_and_its_end_does_not_end_the_panel(
    make_server: MakeServer, tmp_path: Path
) -> None:
    port = free_port()
    redis = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        cwd=tmp_path, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        server = make_server(
            PANEL_RATE_LIMIT="3",
            PANEL_RATELIMIT_STORAGE=f"redis://127.0.0.1:{port}",
            WEB_CONCURRENCY="2",
        )
        answers = [server.request("POST", "/api/v2") for _ in range(4)]
        assert [status for status, _, _ in answers] == [401, 401, 401, 429]
        assert 1 <= int(answers[3][1]["Retry-After"]) <= 60
    finally:
        redis.kill()
        redis.wait()
    assert server.request("POST", "/api/v2")[0] == 401
