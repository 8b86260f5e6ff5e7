"""The running server: its start, its stop, its log, and what the operator does meanwhile."""

import json
import os
import re
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.apps import ROOT, Server
from support.clients import SIZE, Crowd, add, open_a_database, send_on
from support.databases import dump_file, order_numbers
from support.servers import at_the_desk, each_worker, wait_until, workers

from database.connection import close_database
from database.driver import sqlite3
from database.migrate import open_database, schema_version
from panel import __version__, accounts, services
from panel.money import MICROS

MakeServer = Callable[..., Server]


def furnish(server: Server) -> str:
    """Service 1, and alice with ample funds: her key."""
    with at_the_desk(server):
        services.add(name="Followers", category="Social", rate_micros=5 * MICROS, min=10, max=1000)
        return accounts.add("alice", 1000 * MICROS)


# Start


def test_a_started_server_tells_that_it_is_ready_and_its_version(make_server: MakeServer) -> None:
    server = make_server()
    status, headers, body = server.request("GET", "/healthz")
    assert (status, json.loads(body)) == (200, {"status": "ok", "version": __version__})
    assert headers["Content-Type"] == "application/json"


def test_a_second_start_goes_on_with_the_first_ones_database(make_server: MakeServer) -> None:
    server = make_server()
    key = furnish(server)
    assert server.call(**add(key)) == (200, {"order": 1})
    server.stop()
    server.start()
    assert server.call(**add(key)) == (200, {"order": 2})
    assert server.call(key, "status", order=1)[0] == 200
    assert server.log.read_text().count("created the database") == 1


def test_two_servers_that_start_at_once_create_the_database_once(make_server: MakeServer) -> None:
    with ThreadPoolExecutor() as both:
        one, other = both.map(lambda _: make_server("shared"), range(2))
    assert one.log.read_text().count("created the database") == 1
    key = furnish(one)
    assert one.call(**add(key)) == (200, {"order": 1})
    assert other.call(**add(key)) == (200, {"order": 2})
    assert one.call(key, "balance") == other.call(key, "balance")


def test_eight_processes_that_open_one_database_at_once_create_it_once(
    tmp_path: Path, crowd: Crowd
) -> None:
    for number in range(5):
        path = tmp_path / f"panel-{number}.db"
        said = crowd.begin(open_a_database, [(path,)] * SIZE).get()
        assert sorted(said) == [[]] * 7 + [[f"created the database {path}"]]


def refused_start(folder: Path, **environ: str) -> str:
    """Start a server that must refuse to, and give all that it says."""
    variables = {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}", **environ}
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"],
        cwd=ROOT, env={**os.environ, "PORT": "0", **variables}, timeout=30, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 2
    return done.stdout


@pytest.mark.server
@pytest.mark.parametrize(
    ("variable", "value", "advice"),
    [
        ("PANEL_DATABASE", "panel.db", "write sqlite:///panel.db"),
        ("PANEL_CURRENCY", "dollars", "write a currency code such as USD"),
        ("PANEL_RATE_LIMIT", "0", "write a number of requests per minute"),
        ("PANEL_RATELIMIT_STORAGE", "hunter2", "write a storage address"),
        ("PANEL_RATELIMIT_STORAGE", "nosuch://:hunter2@127.0.0.1", "no such storage"),
        ("PANEL_RATELIMIT_STORAGE", "mapped:////hunter2/hits", "no such storage"),
        ("PANEL_RATELIMIT_STORAGE", "redis://127.0.0.1:hunter2", "it cannot be used"),
        ("PANEL_RATELIMIT_STORAGE_FILE", "/nowhere/storage", "cannot read the file"),
        ("PANEL_SYNCHRONOUS", "SOMETIMES", "write EXTRA, FULL, NORMAL or OFF"),
        ("PANEL_TRUSTED_PROXIES", "all", "write a whole number from 0 to 99"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    tmp_path: Path, variable: str, value: str, advice: str
) -> None:
    open_database(tmp_path / "panel.db")
    close_database()
    (line,) = refused_start(tmp_path, **{variable: value}).splitlines()
    assert line.startswith(f"panel: {variable}")
    assert advice in line
    assert "hunter2" not in line, "a storage's address may hold a password"


def not_a_database(path: Path) -> None:
    path.write_text("These are the minutes of the meeting. " * 20)


def of_something_else(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")


def of_a_newer_version(path: Path) -> None:
    open_database(path)
    close_database()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema_version() + 1}")


@pytest.mark.server
@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (not_a_database, "file is not a database"),
        (of_something_else, "is a database of something else"),
        (of_a_newer_version, "was made by a newer version of the panel"),
    ],
)
def test_a_database_that_is_not_ours_stops_the_start_and_keeps_its_content(
    tmp_path: Path, prepare: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "panel.db"
    prepare(path)
    before = dump_file(path)
    (line,) = refused_start(tmp_path).splitlines()
    assert line.startswith("panel: ")
    assert str(path) in line
    assert reason in line
    assert dump_file(path) == before


@pytest.mark.server
def test_a_database_in_a_folder_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    (line,) = refused_start(tmp_path / "nowhere").splitlines()
    assert line.startswith(f"panel: cannot use the database {tmp_path / 'nowhere' / 'panel.db'}")
    assert not (tmp_path / "nowhere").exists()


def test_a_misspelt_setting_is_told_and_does_no_harm(make_server: MakeServer) -> None:
    server = make_server(PANEL_CURENCY="EUR", PANEL_KEY="hunter2")
    log = server.log.read_text()
    assert "panel: PANEL_CURENCY is not a setting of the panel, ignored" in log
    assert "panel: PANEL_KEY is not a setting" in log
    assert "hunter2" not in log
    assert server.call(furnish(server), "balance")[1]["currency"] == "USD"


# Stop


def begin_order(server: Server, key: str) -> tuple[socket.socket, bytes]:
    """Send an add but for its last bytes, which are returned; the server waits for them."""
    body = urlencode(add(key)).encode()
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(
        b"POST /api/v2 HTTP/1.1\r\nHost: panel\r\nExpect: 100-continue\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    # The server is reading the request once it asks for the body.
    assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
    connection.sendall(body[:-1])
    return connection, body[-1:]


def wait_until_stopping(kept: HTTPConnection) -> None:
    """Ask on a kept connection until the worker says that it was the last time."""
    for _ in range(100_000):
        kept.request("GET", "/healthz")
        response = kept.getresponse()
        response.read()
        if response.will_close:
            return
    raise AssertionError("the worker does not stop")


def test_a_stop_waits_for_the_request_that_is_still_arriving(make_server: MakeServer) -> None:
    server = make_server(WEB_CONCURRENCY="1")
    key = furnish(server)
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as kept:
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        connection, last = begin_order(server, key)
        with connection:
            assert server.process is not None
            server.process.terminate()
            wait_until_stopping(kept)
            connection.sendall(last)
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body) == {"order": 1}
    assert server.process.wait(timeout=30) == 0

    server.start()
    status, state = server.call(key, "status", order=1)
    assert (status, state["status"]) == (200, "Pending")


SLEEPY = """
import os, tempfile, time
from pathlib import Path

def create_app():
    return answer

def answer(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        tempfile.mkstemp(dir=os.environ["ASLEEP"])
        while not Path(os.environ["WAKE"]).exists():
            time.sleep(0.01)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.mark.server
def test_a_worker_that_is_busy_leaves_new_clients_to_the_other(tmp_path: Path) -> None:
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    (tmp_path / "sleepy.conf.py").write_text(
        "from pathlib import Path\nexec(Path('gunicorn.conf.py').read_text())\n"
        f"wsgi_app, pythonpath = 'sleepy:create_app()', {str(tmp_path)!r}\n"
    )
    wake, asleep = tmp_path / "wake", tmp_path / "asleep"
    asleep.mkdir()
    environ = {"WEB_CONCURRENCY": "2", "WAKE": str(wake), "ASLEEP": str(asleep)}
    server = Server(tmp_path, environ)
    server.configuration = str(tmp_path / "sleepy.conf.py")
    server.start()
    try:
        one_at_a_time = each_worker(server)
        busy = str(next(one_at_a_time))
        threads = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"]
        slow = [HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(threads)]
        for connection in slow:
            connection.request("GET", "/slow")
        wait_until(lambda: len(list(asleep.iterdir())) == threads)
        one_at_a_time.close()  # now the other one is awake too

        answers = {server.request("GET", "/")[2].decode() for _ in range(20)}
        assert len(answers) == 1
        assert busy not in answers
        wake.touch()
        assert {connection.getresponse().read().decode() for connection in slow} == {busy}
        for connection in slow:
            connection.close()
    finally:
        server.kill()


@pytest.mark.server
def test_a_stop_reaches_a_worker_that_has_only_just_begun(tmp_path: Path) -> None:
    slow = tmp_path / "slow.conf.py"
    slow.write_text(
        "import time\n"
        "from pathlib import Path\n"
        "exec(Path('gunicorn.conf.py').read_text())\n"
        "begin = post_fork\n"
        "def post_fork(server, worker):\n"
        "    time.sleep(0.5)\n"
        "    begin(server, worker)\n"
    )
    environ = {"PORT": "0", "PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}"}
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", str(slow), "--graceful-timeout", "5"],
        cwd=ROOT, env={**os.environ, **environ}, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        begun = 0
        while begun < 2:
            begun += "Booting worker" in next(process.stderr)
        process.terminate()
        said = process.stderr.read()
    assert said.count("Worker exiting") == 2, "a worker did not hear of the stop and was killed"


def test_a_stop_under_load_answers_every_order_that_it_takes(
    make_server: MakeServer, crowd: Crowd
) -> None:
    server = make_server(WEB_CONCURRENCY="2")
    key = furnish(server)
    load = crowd.begin(send_on, [(server.port, add(key), 5000)] * SIZE)
    crowd.wait_until_told(40)
    server.stop()

    told = load.get()
    assert all(gone for _, gone in told), "the stop came after the load"
    answers = [answer for answers, _ in told for answer in answers]
    assert {answer.status for answer in answers} == {200}
    given = sorted(answer.body["order"] for answer in answers)
    assert given == order_numbers(server.database)
    assert "Traceback" not in server.log.read_text()


def test_an_order_that_was_cut_off_on_its_way_is_not_placed(make_server: MakeServer) -> None:
    """Otherwise a quantity of 1000 that ends early would be an order of 10."""
    server = make_server()
    key = furnish(server)
    body = urlencode(add(key))
    for kind, length in (("form", len(body) + 2), ("chunked", None)):
        framed = f"Content-Length: {length}\r\n\r\n{body}"
        if kind == "chunked":
            framed = f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n"
        answer = exchange(
            server,
            "POST /api/v2 HTTP/1.1\r\nHost: panel\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n{framed}",
        )
        assert answer.startswith("HTTP/1.1 400 "), kind
        assert answer.endswith('{"error":"Bad Request"}\n')
    assert order_numbers(server.database) == []


# The log


def exchange(server: Server, text: str) -> str:
    """Send these very bytes, and give all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


GOOD = "HTTP/1.1\r\nHost: panel\r\n"
SENT_WITH_A_KEY = {
    "by query": f"GET /api/v2?action=balance&key=KEY {GOOD}\r\n",
    "by query, to another path": f"GET /api/v3?key=KEY {GOOD}\r\n",
    "by query, to an absolute address": f"GET http://p/api/v2?action=balance&key=KEY {GOOD}\r\n",
    "by header": f"GET /api/v2?action=balance {GOOD}Authorization: Bearer KEY\r\n\r\n",
    "by form": f"POST /api/v2 {GOOD}Content-Type: application/x-www-form-urlencoded\r\n"
    "Content-Length: 67\r\n\r\nkey=KEY&action=balance",
    "in the path": f"GET /api/v2&key=KEY {GOOD}\r\n",
    "behind an encoded question mark": f"GET /api/v2%3Fkey=KEY {GOOD}\r\n",
    "behind a semicolon": f"GET /api/v2;key=KEY {GOOD}\r\n",
    "with a blank in the query": f"GET /api/v2?link=a b&key=KEY {GOOD}\r\n",
    "with a line that is too long": f"GET /api/v2?key=KEY&link={'a' * 9000} {GOOD}\r\n",
    "with an unknown HTTP version": "GET /api/v2?key=KEY HTTP/9.7\r\n\r\n",
    "with two blanks": f"GET  /api/v2?key=KEY {GOOD}\r\n",
    "as the method": f"KEY /api/v2 {GOOD}\r\n",
    "as a request of its own": f"POST /api/v2 {GOOD}Content-Length: 0\r\n\r\nkey=KEY&x=1\r\n\r\n",
    "in a header without a colon": f"GET /api/v2 {GOOD}Authorization Bearer KEY\r\n\r\n",
    "in a header's name": f"GET /api/v2 {GOOD}Bearer KEY: x\r\n\r\n",
    "in a folded header": f"GET /api/v2 {GOOD}Authorization: Bearer\r\n KEY\r\n\r\n",
    "with a NUL in the header": f"GET /api/v2 {GOOD}Authorization: Bearer KEY\0\r\n\r\n",
    "as a length": f"POST /api/v2 {GOOD}Content-Length: KEY\r\n\r\n",
    "as an encoding": f"POST /api/v2 {GOOD}Transfer-Encoding: KEY\r\n\r\n",
    "as an expectation": f"POST /api/v2 {GOOD}Expect: KEY\r\n\r\n",
    "as a chunk's size": f"POST /api/v2 {GOOD}Transfer-Encoding: chunked\r\n\r\nkey=KEY\r\n\r\n",
    "in a chunk's name": f"POST /api/v2 {GOOD}Transfer-Encoding: chunked\r\n\r\n5;KEY\r\nkey=\r\n",
    "in a chunk that is too long": f"POST /api/v2 {GOOD}Transfer-Encoding: chunked\r\n\r\n"
    "2\r\nkey=KEY\r\n0\r\n\r\n",
}


def test_the_log_holds_no_key_however_it_was_sent(make_server: MakeServer) -> None:
    server = make_server()
    key = furnish(server)
    statuses = {}
    for how, text in SENT_WITH_A_KEY.items():
        answer = exchange(server, text.replace("KEY", key))
        statuses[how] = int(answer.split()[1])
        assert "<html>" not in answer, how
        assert '{"error":' in answer or statuses[how] == 200, how
    assert [how for how, status in statuses.items() if status == 200] == [
        "by query", "by query, to an absolute address", "by header", "by form",
    ]  # fmt: skip
    server.stop()

    log = server.log.read_text()
    assert key not in log
    # Nor a part of it: gunicorn repeats only some bytes of some mistakes.
    assert not [key[n : n + 8] for n in range(len(key) - 7) if key[n : n + 8] in log]
    assert "Bearer" not in log
    assert "action=" not in log
    assert "Traceback" not in log


def test_the_access_log_tells_time_address_path_and_outcome_and_nothing_else(
    make_server: MakeServer,
) -> None:
    server = make_server()
    for path in ("/api/v2?action=balance", "/nowhere", "/x%0A203.0.113.9%20%22GET%20/", "/%C3%A9"):
        server.request("GET", path, headers={"User-Agent": "spy", "Referer": "http://spy/"})
    server.stop()

    lines = re.findall(
        r"^\[\d.*\] 127\.0\.0\.1 .*s \w{24} -$", server.log.read_text(), re.MULTILINE
    )
    told = [re.sub(r"^\[\S+ \S+\] | \d+\.\d{6}s \w{24} -$", "", line) for line in lines]
    # Sorted: two workers write it.
    assert sorted(line for line in told if "/healthz" not in line) == [
        '127.0.0.1 "GET /??" 404 22',
        '127.0.0.1 "GET /api/v2" 401 28',
        '127.0.0.1 "GET /nowhere" 404 22',
        r'127.0.0.1 "GET /x?203.0.113.9?\"GET?/" 404 22',
    ]
    assert "spy" not in server.log.read_text()
    assert "\n203.0.113.9" not in server.log.read_text(), "a client has forged a line"


# What the operator does while it serves


def test_a_backup_while_customers_order_is_whole_and_right(
    make_server: MakeServer, crowd: Crowd, tmp_path: Path
) -> None:
    server = make_server()
    key = furnish(server)
    server.call(**add(key))
    server.flask("backup", str(tmp_path / "early.db"))
    assert order_numbers(tmp_path / "early.db") == [1], "an answered order is not in the copy"

    copy = tmp_path / "copy.db"
    load = crowd.begin(send_on, [(server.port, add(key), 5000)] * SIZE)
    crowd.wait_until_told(40)
    before = order_numbers(server.database)
    made = server.flask("backup", str(copy))
    crowd.stop()
    told = load.get()
    assert not any(gone for _, gone in told)
    answers = [answer for answers, _ in told for answer in answers]
    assert {answer.status for answer in answers} == {200}, "an order was refused meanwhile"

    assert f"Wrote {copy}" in made.stdout
    kept = order_numbers(copy)
    everything = order_numbers(server.database)
    assert kept == everything[: len(kept)]
    assert len(before) <= len(kept) < len(everything), "the backup came before or after the load"
    assert [path.name for path in tmp_path.glob("copy.db*")] == ["copy.db"]

    server.environ["PANEL_DATABASE"] = f"sqlite:///{copy}"
    assert "is consistent" in server.flask("ledger", "check").stdout


def test_a_rotated_key_is_unknown_to_every_worker_at_once(make_server: MakeServer) -> None:
    server = make_server(WEB_CONCURRENCY="4")
    old = furnish(server)
    assert [server.call(old, "balance")[0] for _ in each_worker(server)] == [200] * 4
    with at_the_desk(server):
        new = accounts.rotate_key("alice")
    unknown = (401, {"error": "Invalid API key"})
    assert [server.call(old, "balance") for _ in each_worker(server)] == [unknown] * 4
    assert [server.call(new, "balance")[0] for _ in each_worker(server)] == [200] * 4


def test_a_suspension_takes_effect_in_every_worker_at_once(make_server: MakeServer) -> None:
    server = make_server(WEB_CONCURRENCY="4")
    key = furnish(server)
    assert [server.call(key, "balance")[0] for _ in each_worker(server)] == [200] * 4
    with at_the_desk(server):
        accounts.set_status("alice", "suspended")
    suspended = (403, {"error": "Account suspended"})
    assert [server.call(**add(key)) for _ in each_worker(server)] == [suspended] * 4
    with at_the_desk(server):
        accounts.set_status("alice", "active")
    assert [server.call(**add(key))[0] for _ in each_worker(server)] == [200] * 4


def test_a_changed_service_is_sold_as_changed_by_every_worker_at_once(
    make_server: MakeServer,
) -> None:
    server = make_server(WEB_CONCURRENCY="4")
    key = furnish(server)

    def sold() -> list[tuple[str, str]]:
        """The rate that each worker shows, and the charge of an order that it takes."""
        seen = []
        for _ in each_worker(server):
            (service,) = server.call(key, "services")[1]
            number = server.call(**add(key))[1]["order"]
            seen.append((service["rate"], server.call(key, "status", order=number)[1]["charge"]))
        return seen

    assert sold() == [("5.00", "0.050000")] * 4
    with at_the_desk(server):
        services.edit(1, rate_micros=6_500_000)
    assert sold() == [("6.50", "0.065000")] * 4
    with at_the_desk(server):
        services.edit(1, active=False)
    unknown = (404, {"error": "Incorrect service ID"})
    for _ in each_worker(server):
        assert server.call(key, "services") == (200, [])
        assert server.call(**add(key)) == unknown


def test_no_worker_dies_of_malformed_requests(make_server: MakeServer) -> None:
    server = make_server(WEB_CONCURRENCY="4")
    before = workers(server)
    for pid in each_worker(server):
        for text in SENT_WITH_A_KEY.values():
            exchange(server, text)
        assert server.request("GET", "/healthz")[0] == 200, pid
    assert workers(server) == before, "a worker had to be replaced"
