"""The sign-in over all processes of a real server: the lock, the sessions, and a restart."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

from support.apps import Server
from support.servers import each_worker, operate

PASSWORD = "a good password"


class Visitor:
    """A browser, as far as the cookies and a form's token go."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._cookies: dict[str, str] = {}

    def request(self, method: str, path: str, **fields: str) -> tuple[int, str]:
        """Send a request with the cookies, and keep those that are answered."""
        headers = {"Cookie": "; ".join(f"{n}={text}" for n, text in self._cookies.items())}
        if fields:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        status, answered, body = self._server.request(method, path, urlencode(fields), headers)
        for name, text in re.findall(r"(panel_\w+)=([^;]*);", answered.get("Set-Cookie", "")):
            self._cookies[name] = text
        return status, body.decode()

    def sign_in(self, password: str = PASSWORD) -> int:
        found = re.search(
            r'"csrf_token" value="([^"]+)"', self.request("GET", "/admin/sign-in")[1]
        )
        assert found is not None
        fields = {"name": "olga", "password": password, "csrf_token": found[1]}
        return self.request("POST", "/admin/sign-in", **fields)[0]


def test_all_processes_lock_together_also_after_a_restart_until_an_unlock(
    make_server: Callable[..., Server],
) -> None:
    server = make_server(WEB_CONCURRENCY="2")
    operate(server, "operator", "add", "olga", input=f"{PASSWORD}\n")
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: Visitor(server).sign_in("wrong"), range(12)))
    assert statuses.count(403) == 5
    assert statuses.count(429) == 7
    for _ in each_worker(server):
        assert Visitor(server).sign_in() == 429
    server.stop()
    server.start()
    assert Visitor(server).sign_in() == 429
    operate(server, "operator", "unlock", "olga")

    visitor = Visitor(server)
    assert visitor.sign_in() == 302
    assert visitor.request("GET", "/admin")[0] == 200
    server.stop()
    server.start()
    assert visitor.request("GET", "/admin")[0] == 200
    operate(server, "operator", "sign-out", "olga")
    assert visitor.request("GET", "/admin")[0] == 302
