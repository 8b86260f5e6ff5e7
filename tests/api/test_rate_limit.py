"""The rate limit: what clients see of it, and what it assumes of Flask-Limiter."""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import limits
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter, RateLimitExceeded
from support.apps import Server, free_port, make_app
from support.clients import SIZE, Crowd
from support.clock import NOW
from support.servers import at_the_desk, each_worker, required_program, workers
from werkzeug.test import TestResponse

from api import rate_limit
from database.connection import close_database
from panel import accounts

MakeServer = Callable[..., Server]

TOO_MANY = {"error": "Too many requests"}


# What a client sees


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """An app that lets three requests pass in a minute, and the cast's keys."""
    app = make_app(tmp_path / "panel.db", PANEL_RATE_LIMIT="3")
    keys = {name: accounts.add(name) for name in ("alice", "bob", "mallory")}
    accounts.set_status("mallory", "suspended")
    (limiter,) = app.extensions["limiter"]
    yield SimpleNamespace(client=app.test_client(), storage=limiter.storage, **keys)
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


def broken(*args: object) -> None:
    raise OSError("No locks available")


def test_without_its_storage_it_counts_by_itself_and_with_it_the_storage_counts_again(
    limited: SimpleNamespace, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, key = limited.client, limited.alice
    with monkeypatch.context() as patched:
        patched.setattr("api.shared_counters.fcntl.lockf", broken)
        assert [standing(client, key) for _ in range(4)] == FOUR
    assert limited.storage.reset() == 0

    clock.now = NOW + 3600  # the limiter looks after it again and again, ever less often
    assert [standing(client, key) for _ in range(4)] == FOUR
    assert limited.storage.reset() == 1
    assert [standing(client, key) for _ in range(4)] == FOUR


def test_a_storage_that_is_down_is_not_asked_at_each_request(
    limited: SimpleNamespace, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time could take as long as a connection's timeout."""
    asked = []

    def broken_again(*args: object) -> None:
        asked.append(args)
        broken()

    monkeypatch.setattr("api.shared_counters.fcntl.lockf", broken_again)
    ask(limited.client, limited.alice)
    at_first = len(asked)
    assert at_first > 0
    for _ in range(10):
        ask(limited.client, limited.alice)
    assert len(asked) == at_first


# Whose request it is


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:DB8:0:0:1::", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("192.0.2.1:8000", "192.0.2.1"),
        ("[2001:db8::1]:8000", "2001:db8::/64"),
        ("2001:db8::1::2", "2001:db8::1::2"),
        ("unknown", "unknown"),
        ("_hidden", "_hidden"),
        ("", ""),
    ],
)
def test_an_address_counts_alone_or_with_its_network(address: str, counted_as: str) -> None:
    assert rate_limit.network(address) == counted_as


def test_the_addresses_of_a_customers_ipv6_network_share_a_window(
    limited: SimpleNamespace,
) -> None:
    def guess(address: str) -> int:
        return ask(limited.client, "guess", address).status_code

    guesses = [guess(f"2001:db8:0:7::{n:x}") for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert guess("2001:db8:0:8::1") == 401
    assert ask(limited.client, limited.alice, "2001:db8:0:7::1").status_code == 200
    mapped = [guess(address) for address in ("::ffff:192.0.2.1", "192.0.2.1") * 2]
    assert mapped == [401, 401, 401, 429]


# What is assumed of Flask-Limiter


def test_assumption_1_flask_limiter_does_nothing_around_the_requests_of_the_panel(
    limited: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    lock = type(limited.storage._lock)
    enter = lock.__enter__

    def look(self: Any) -> None:
        looks.append(self)
        enter(self)

    monkeypatch.setattr(lock, "__enter__", look)
    ask(limited.client, limited.alice)
    assert len(looks) == 1
    for path in ("/healthz", "/nowhere", "/"):
        limited.client.get(path)
    assert len(looks) == 1
    app = limited.client.application
    hooks = [app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs]
    assert [
        h for own in hooks for f in own.values() for h in f if "flask_limiter" in repr(h)
    ] == []


def bare_limiter(**options: Any) -> tuple[Limiter, Callable[[], None], FlaskClient]:
    """A limiter on an app of its own, what counts with it, and a client of another app."""
    limiter = Limiter(
        lambda: "account:1", app=Flask("own"), strategy="fixed-window",
        in_memory_fallback_enabled=True, **options,
    )  # fmt: skip
    count = limiter.shared_limit("2 per minute", scope="api")(lambda: None)
    other = Flask("other")

    @other.route("/count")
    def view() -> str:
        try:
            count()
        except RateLimitExceeded:
            return "exceeded"
        return "passed"

    return limiter, count, other.test_client()


def test_assumption_2_the_present_strategy_has_the_storage_unless_that_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limiter, _, client = bare_limiter(storage_uri="shared-memory://")
    client.get("/count")
    assert limiter.limiter.storage is limiter.storage
    monkeypatch.setattr("api.shared_counters.fcntl.lockf", broken)
    client.get("/count")
    assert limiter.limiter.storage is not limiter.storage


def test_assumption_3_a_decorated_function_counts_in_any_app_and_notices_failure_and_return(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, _, client = bare_limiter(storage_uri="shared-memory://")
    key = limits.parse("2 per minute").key_for("account:1", "api")

    def three() -> list[str]:
        return [client.get("/count").text for _ in range(3)]

    assert three() == ["passed", "passed", "exceeded"]
    assert limiter.storage.get(key) == 3
    with monkeypatch.context() as patched:
        patched.setattr("api.shared_counters.fcntl.lockf", broken)
        assert three() == ["passed", "passed", "exceeded"]
        assert limiter.limiter.storage.get(key) == 3
    clock.now = NOW + 3600
    assert three() == ["passed", "passed", "exceeded"]
    assert limiter.storage.get(key) == 3


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


def test_of_121_requests_at_once_exactly_one_is_refused(make_server: MakeServer) -> None:
    server = make_server(WEB_CONCURRENCY="4", PANEL_RATE_LIMIT="120")
    with at_the_desk(server):
        alice = accounts.add("alice")
    start = Barrier(121)

    def ask_at_once(_: int) -> int:
        start.wait(30)
        return server.call(**balance(alice))[0]

    with ThreadPoolExecutor(121) as threads:
        statuses = list(threads.map(ask_at_once, range(121)))
    assert Counter(statuses) == {200: 120, 429: 1}


def test_workers_that_replace_killed_ones_know_what_was_counted(make_server: MakeServer) -> None:
    server = make_server(WEB_CONCURRENCY="2", PANEL_RATE_LIMIT="3")
    killed = workers(server)
    assert [server.request("POST", "/api/v2")[0] for _ in range(3)] == [401] * 3
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while len(workers(server)) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.request("POST", "/api/v2")[0] == 429


def test_counting_leaves_no_file_behind(make_server: MakeServer) -> None:
    server = make_server(PANEL_RATE_LIMIT="3")
    assert [server.request("POST", "/api/v2")[0] for _ in range(4)] == [401, 401, 401, 429]
    others = [path for path in server.folder.iterdir() if not path.name.startswith("panel.db")]
    assert sorted(path.name for path in others) == ["gunicorn.log", "panel-session.key"]


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
    assert [forwarded(server, f"2001:db8::{n}") for n in (2, 2, 3, 2)] == [401, 401, 401, 429]
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


def test_redis_works_by_setting_alone_and_its_end_does_not_end_the_panel(
    make_server: MakeServer, tmp_path: Path
) -> None:
    program, port = required_program("redis-server"), free_port()
    redis = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
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
