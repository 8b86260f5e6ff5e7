"""The Caddy recipe in a real Caddy: whole requests, none repeated, JSON from Caddy too."""

import re
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

RECIPE = (ROOT / "deploy" / "Caddyfile").read_text()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


def configure(folder: Path, panel_port: int, answered_within_s: int) -> Path:
    """The recipe with a certificate of its own making, on free ports."""
    recipe = changed(
        RECIPE,
        {
            r"(?m)^\{$": "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects",
            r"(?m)^panel\.example\.com \{$": f"https://localhost:{free_port()} {{\n\ttls internal",
            r"(?m)^http://panel\.example\.com \{$": f"http://localhost:{free_port()} {{",
            r"127\.0\.0\.1:8000 \{": f"127.0.0.1:{panel_port} {{",
            r"response_header_timeout 65s": f"response_header_timeout {answered_within_s}s",
        },
    )
    path = folder / "Caddyfile"
    path.write_text(recipe)
    return path


def homes(path: Path) -> dict[str, str]:
    """Where Caddy keeps its certificate: nowhere but beside its configuration."""
    return {"HOME": str(path.parent), "XDG_DATA_HOME": str(path.parent / "data")}


def start(path: Path) -> AbstractContextManager[Proxy]:
    """Caddy on this configuration."""
    recipe = path.read_text()
    (port,) = re.findall(r"https://localhost:(\d+)", recipe)
    (plain_port,) = re.findall(r"http://localhost:(\d+)", recipe)
    command: list[str | Path] = [
        required_program("caddy"), "run", "--config", path, "--adapter", "caddyfile",
    ]  # fmt: skip
    log = path.parent / "stderr.log"
    return running(command, log, Proxy(int(port), int(plain_port)), **homes(path))


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    return configure(tmp_path_factory.mktemp("caddy"), upstream.port, 1)


@pytest.fixture(scope="module")
def caddy(configuration: Path) -> Iterator[Proxy]:
    """Caddy on the recipe, before the upstream."""
    with start(configuration) as proxy:
        yield proxy


def test_caddy_accepts_the_recipe_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "Caddyfile"
    path.write_text(RECIPE)
    done = subprocess.run(
        [required_program("caddy"), "validate", "--config", path, "--adapter", "caddyfile"],
        capture_output=True, text=True, env={"PATH": "/usr/bin", **homes(path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "not formatted" not in done.stderr
    assert "Valid configuration" in done.stdout + done.stderr


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("end", sorted(ENDS_BADLY))
def test_an_order_whose_connection_ends_badly_is_sent_once_and_told_as_an_error(
    caddy: Proxy, upstream: Upstream, method: str, end: str
) -> None:
    assert caddy.send("GET", {"action": "balance"})[0] == 200
    upstream.arrivals.clear()
    upstream.next_end = end
    assert caddy.send(method, ADD) == DOWN
    assert len(upstream.arrivals) == 1, "Caddy has sent the order again"
    assert caddy.send(method, ADD) == (200, {"order": 1})
    assert len(upstream.arrivals) == 2


def test_while_the_panel_is_down_clients_read_json_and_no_log_has_a_key(tmp_path: Path) -> None:
    path = configure(tmp_path, free_port(), 1)
    with start(path) as proxy:
        for method in ("GET", "POST"):
            assert proxy.send(method, {**ADD, "key": "secret"}) == DOWN
        assert proxy.send_plainly("/api/v2?key=secret") == (403, {"error": "Use https"})
        for address in KEY_IN_PATH:
            assert proxy.request("GET", address, None, {"X-Request-Id": KEY}) == DOWN
    log = (tmp_path / "stderr.log").read_text()
    assert not re.search(rf"secret|{KEY}|%30%31", log)


def test_only_whole_requests_are_passed_on(caddy: Proxy, upstream: Upstream) -> None:
    assert_only_whole_requests_are_passed_on(caddy, upstream)


def test_slow_clients_hold_nobody_up(tmp_path: Path, make_server: Callable[..., Server]) -> None:
    panel = make_server()
    with start(configure(tmp_path, panel.port, 65)) as proxy:
        assert_slow_clients_hold_nobody_up(proxy, panel)


def test_what_the_panel_refuses_reaches_the_client(
    tmp_path: Path, make_server: Callable[..., Server]
) -> None:
    panel = make_server()
    with start(configure(tmp_path, panel.port, 65)) as proxy:
        large = [proxy.request("POST", "/api/v2", b"x" * size) for size in (2**20 + 1, 5 * 2**20)]
        long = proxy.request("GET", "/" + "x" * 20_000)
    assert large == [(413, {"error": "Request Entity Too Large"})] * 2
    assert long[0] == 414
    assert isinstance(long[1], dict)
    assert list(long[1]) == ["error"]
