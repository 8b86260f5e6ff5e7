"""The nginx recipe in a real nginx: connections to the panel are kept, no order is repeated."""

import json
import re
import runpy
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPSConnection
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from support.apps import ROOT, free_port
from support.servers import required_program

pytestmark = pytest.mark.server

RECIPE = (ROOT / "deploy" / "nginx.conf").read_text()
ADD = {"key": "k", "action": "add", "service": "1", "link": "https://a.b/c", "quantity": "10"}
DOWN = (503, {"error": "Service Unavailable"})
ENDS_BADLY = {
    "is closed before the request is read",
    "is closed when half of the request is read",
    "is closed after the request",
    "is reset after the request",
    "is closed within the answer",
    "stays silent",
}


class Arrival(NamedTuple):
    """A request that reached the upstream, or the part of it that was read."""

    connection: int
    text: str


class Upstream:
    """A panel that answers everything, and lets a connection end badly where it is told to."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.next_end = ""
        self._open: list[socket.socket] = []
        self._accepted = 0
        self._lock = Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._listener.close()
        self.close_kept()

    def close_kept(self) -> None:
        """Close the kept connections, and wait until nginx has closed its ends too."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
        while self._open:
            time.sleep(0.01)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(30)
                self._accepted += 1
                Thread(target=self._serve, args=(connection, self._accepted), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.append(connection)
        with connection, suppress(OSError):
            while connection.recv(1, socket.MSG_PEEK):
                end, self.next_end = self.next_end, ""
                text = _read(connection, end)
                self.arrivals.append(Arrival(number, text))
                if end:
                    _end(connection, end)
                    break
                _answer(connection, b'{"order":1}')
        with self._lock:
            self._open.remove(connection)


def _read(connection: socket.socket, end: str) -> str:
    if end == "is closed before the request is read":
        return ""
    if end == "is closed when half of the request is read":
        return connection.recv(20).decode()
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return (head + b"\r\n\r\n" + body).decode()


def _end(connection: socket.socket, end: str) -> None:
    if end == "is reset after the request":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif end == "is closed within the answer":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
    elif end == "stays silent":
        connection.recv(1)  # until nginx gives up and closes


def _answer(connection: socket.socket, body: bytes) -> None:
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    yield upstream
    upstream.close()


def changed(recipe: str, changes: dict[str, str]) -> str:
    """The recipe with other places in it, for a machine that is not the deployed one."""
    for pattern, replacement in changes.items():
        recipe, count = re.subn(pattern, replacement, recipe)
        assert count, f"the recipe has no {pattern}"
    return recipe


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    """The recipe inside a whole configuration of a private nginx, on free ports."""
    folder = tmp_path_factory.mktemp("nginx")
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
            r"server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream.port};",
            r"proxy_read_timeout 65s;": "proxy_read_timeout 1s;",
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


class Nginx(NamedTuple):
    """A running nginx."""

    port: int

    def send(self, method: str, fields: dict[str, str]) -> tuple[int, object]:
        """Send an API request over HTTPS: the status and the decoded answer."""
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=30, context=trusting)
        sent = urlencode(fields)
        try:
            if method == "GET":
                connection.request("GET", f"/api/v2?{sent}")
            else:
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                connection.request("POST", "/api/v2", sent, form)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def nginx(configuration: Path) -> Iterator[Nginx]:
    """nginx on the recipe, before the upstream."""
    ports = re.findall(
        r"listen 127.0.0.1:(\d+) ssl", (configuration.parent / "panel.conf").read_text()
    )
    log = configuration.parent / "stderr.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [required_program("nginx"), "-e", "stderr", "-c", configuration], stderr=output
        )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(ports[0]))):
                break
            time.sleep(0.02)
        else:
            raise AssertionError(f"nginx did not start:\n{log.read_text()}")
        yield Nginx(int(ports[0]))
    finally:
        process.terminate()
        process.wait()


def test_nginx_accepts_the_recipe(configuration: Path) -> None:
    done = subprocess.run(
        [required_program("nginx"), "-e", "stderr", "-t", "-c", configuration],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "test is successful" in done.stderr
    assert "[warn]" not in done.stderr


def test_requests_share_a_kept_connection(nginx: Nginx, upstream: Upstream) -> None:
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
    nginx: Nginx, upstream: Upstream, method: str, kept: bool, end: str
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
    nginx: Nginx, upstream: Upstream, method: str
) -> None:
    nginx.send("GET", {"action": "balance"})
    upstream.close_kept()
    upstream.arrivals.clear()
    assert nginx.send(method, ADD) == (200, {"order": 1})
    assert len(upstream.arrivals) == 1


def test_nginx_leaves_a_kept_connection_before_the_panel_closes_it() -> None:
    (seconds,) = re.findall(r"(?s)upstream panel \{.*?keepalive_timeout (\d+)s;", RECIPE)
    assert int(seconds) < runpy.run_path(str(ROOT / "gunicorn.conf.py"))["keepalive"]
