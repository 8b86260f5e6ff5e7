"""The nginx recipe in a real nginx: whole requests over kept connections, no order repeated."""

import re
import runpy
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from support.apps import ROOT, Server, free_port
from support.proxies import (
    ADD,
    DOWN,
    ENDS_BADLY,
    KEY,
    KEY_IN_PATH,
    Proxy,
    Upstream,
    assert_only_whole_requests_are_passed_on,
    assert_slow_clients_hold_nobody_up,
    changed,
    running,
)
from support.servers import required_program

pytestmark = pytest.mark.server

RECIPE = (ROOT / "deploy" / "nginx.conf").read_text()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


def configure(folder: Path, panel_port: int, answered_within_s: int) -> Path:
    """The recipe inside a whole configuration of a private nginx, on free ports."""
    subprocess.run(
        [required_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "2", "-subj", "/CN=panel.example.com", "-keyout", "privkey.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    recipe = changed(
        RECIPE,
        {
            r"listen 443 ssl": f"listen 127.0.0.1:{free_port()} ssl",
            r"listen 80;": f"listen 127.0.0.1:{free_port()};",
            r"listen \[::\]:.*;": "",
            r"/etc/letsencrypt/live/panel.example.com/fullchain.pem": f"{folder}/cert.pem",
            r"/etc/letsencrypt/live/panel.example.com/privkey.pem": f"{folder}/privkey.pem",
            r"/var/log/nginx": str(folder),
            r"server 127.0.0.1:8000;": f"server 127.0.0.1:{panel_port};",
            r"proxy_read_timeout 65s;": f"proxy_read_timeout {answered_within_s}s;",
        },
    )
    (folder / "panel.conf").write_text(recipe)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\n"
        f"http {{\n{temporary}include {folder}/panel.conf;\n}}\n"
    )
    return path


def start(path: Path) -> AbstractContextManager[Proxy]:
    """nginx on this configuration."""
    recipe = (path.parent / "panel.conf").read_text()
    (port,) = re.findall(r"listen 127.0.0.1:(\d+) ssl", recipe)
    (plain_port,) = re.findall(r"listen 127.0.0.1:(\d+);", recipe)
    command: list[str | Path] = [required_program("nginx"), "-e", "stderr", "-c", path]
    return running(command, path.parent / "stderr.log", Proxy(int(port), int(plain_port)))


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    return configure(tmp_path_factory.mktemp("nginx"), upstream.port, 1)


@pytest.fixture(scope="module")
def nginx(configuration: Path) -> Iterator[Proxy]:
    """nginx on the recipe, before the upstream."""
    with start(configuration) as proxy:
        yield proxy


def test_nginx_accepts_the_recipe(configuration: Path) -> None:
    done = subprocess.run(
        [required_program("nginx"), "-e", "stderr", "-t", "-c", configuration],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    assert "[warn]" not in done.stderr


def test_requests_share_a_kept_connection(nginx: Proxy, upstream: Upstream) -> None:
    upstream.close_kept()
    upstream.arrivals.clear()
    answers = [nginx.send(method, ADD) for method in ("POST", "GET") * 5]
    assert answers == [(200, {"order": 1})] * 10
    assert len(upstream.arrivals) == 10
    assert len({arrival.connection for arrival in upstream.arrivals}) == 1
    head = upstream.arrivals[-1].text.lower()
    assert " http/1.1\r\n" in head
    assert "\r\nconnection:" not in head


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
@pytest.mark.parametrize("end", sorted(ENDS_BADLY))
def test_an_order_whose_connection_ends_badly_is_sent_once_and_told_as_an_error(
    nginx: Proxy, upstream: Upstream, method: str, kept: bool, end: str
) -> None:
    upstream.close_kept()
    upstream.arrivals.clear()
    if kept:
        assert nginx.send("GET", {"action": "balance"})[0] == 200
    before = len(upstream.arrivals)

    upstream.next_end = end
    assert nginx.send(method, ADD) == DOWN
    assert len(upstream.arrivals) == before + 1, "nginx has sent the order again"
    assert not kept or upstream.arrivals[0].connection == upstream.arrivals[1].connection

    assert nginx.send(method, ADD) == (200, {"order": 1})
    assert len(upstream.arrivals) == before + 2


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_an_order_after_the_panel_closed_its_kept_connections_is_sent_on_a_new_one(
    nginx: Proxy, upstream: Upstream, method: str
) -> None:
    nginx.send("GET", {"action": "balance"})
    upstream.close_kept()
    upstream.arrivals.clear()
    assert nginx.send(method, ADD) == (200, {"order": 1})
    assert len(upstream.arrivals) == 1


def test_nginx_leaves_a_kept_connection_before_the_panel_closes_it() -> None:
    (seconds,) = re.findall(r"(?s)upstream panel \{.*?keepalive_timeout (\d+)s;", RECIPE)
    assert int(seconds) < runpy.run_path(str(ROOT / "gunicorn.conf.py"))["keepalive"]


def test_only_whole_requests_are_passed_on(nginx: Proxy, upstream: Upstream) -> None:
    assert_only_whole_requests_are_passed_on(nginx, upstream)


def test_slow_clients_hold_nobody_up(tmp_path: Path, make_server: Callable[..., Server]) -> None:
    panel = make_server()
    with start(configure(tmp_path, panel.port, 65)) as proxy:
        assert_slow_clients_hold_nobody_up(proxy, panel)


@pytest.mark.parametrize(
    ("path", "headers", "body", "told"),
    [
        ("/api/v2", {}, b"x" * (2 * 2**20 + 1), (413, {"error": "Request Entity Too Large"})),
        ("/" + "x" * 20_000, {}, None, (400, {"error": "Bad Request"})),
        ("/", {"X-Long": "x" * 20_000}, None, (400, {"error": "Bad Request"})),
        ("/", {"Content-Length": "ten"}, None, (400, {"error": "Bad Request"})),
        ("/", {"Transfer-Encoding": "odd"}, None, (400, {"error": "Bad Request"})),
    ],
    ids=["a large body", "a long address", "a large head", "no length", "an odd encoding"],
)
def test_what_nginx_refuses_by_itself_is_json(
    nginx: Proxy,
    path: str,
    headers: dict[str, str],
    body: bytes | None,
    told: tuple[int, dict[str, str]],
) -> None:
    assert nginx.request("POST" if body else "GET", path, body, headers) == told


def test_no_log_has_a_key(tmp_path: Path, upstream: Upstream) -> None:
    with start(configure(tmp_path, upstream.port, 1)) as nginx:
        for path in KEY_IN_PATH:
            nginx.request("GET", f"{path}?key=secret", None, {"X-Request-Id": KEY})
        nginx.request("GET", "/admin/orders/17")
    log = (tmp_path / "panel.log").read_text()  # read at the end: a line follows its answer
    assert log.count('"GET /api/v2/..." ') == len(KEY_IN_PATH)
    assert '"GET /admin/orders/17" ' in log
    assert not re.search(rf"secret|{KEY}|%30%31", log)


def test_plain_http_is_refused(nginx: Proxy) -> None:
    assert nginx.send_plainly("/api/v2?key=k") == (403, {"error": "Use https"})
