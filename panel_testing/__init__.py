"""A pytest plugin: a real panel to test an API client against.

The fixture `panel` is a customer of a real server, which runs in a process of its own with a
temporary database; each test has a fresh customer. `panel_client` calls the API as it.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

HERE = Path(__file__).parent
SERVER = HERE / "server" if (HERE / "server").is_dir() else HERE.parent
"""The panel's own folder: inside the installed package, or around this one."""

TIMEOUT_S = 30


class PanelError(Exception):
    """The API answered with an error; its HTTP status and its text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class PanelServer:
    """A running server: the API's url, and its remote control."""

    def __init__(self, line: dict[str, Any]) -> None:
        self.url: str = line["url"]
        self.services: dict[str, int] = line["services"]
        self._control: str = line["control"]

    def do(self, name: str, /, **parameters: Any) -> dict[str, Any]:
        """Have the remote control follow an instruction: its answer.

        :raises ValueError: with the server's words, if it cannot.
        """
        status, answer = _post(self._control, json.dumps({"do": name, **parameters}), TIMEOUT_S)
        if status != 200:
            raise ValueError(answer["error"])
        return answer


class Panel:
    """One customer of the server, and what a test may do to it.

    Each test has its own: nothing that a test does here is left for the next one.
    """

    def __init__(self, server: PanelServer, balance: str = "1000", dialect: str = "sns") -> None:
        """Add a customer with this balance, answered in the dialect sns or perfectpanel."""
        account = server.do("account", balance=balance, dialect=dialect)
        self.url = server.url
        self.key: str = account["key"]
        self.dialect = dialect
        self.services = server.services
        """The number of a service of each type, by the type's name."""
        self._server = server
        self._account = account["account"]

    def add_funds(self, amount: str) -> str:
        """Deposit an amount such as "12.50"; a negative one withdraws. The new balance."""
        return self._server.do("fund", account=self._account, amount=amount)["balance"]

    def suspend(self) -> None:
        """Lock the customer out."""
        self._server.do("suspend", account=self._account)

    def move(
        self,
        order: int,
        status: str,
        *,
        start_count: int | None = None,
        remains: int | None = None,
    ) -> None:
        """Bring an order to a status; Partial and Canceled pay back what remains.

        :raises ValueError: if the order cannot come to that status.
        """
        self._server.do(
            "order", order=order, status=status, start_count=start_count, remains=remains
        )

    def add_post(self, order: int, quantity: int) -> int:
        """Let a subscription find a post, which is charged; the number of the post's order.

        :raises ValueError: if it is over the subscription's limits or the customer's funds.
        """
        return self._server.do("post", order=order, quantity=quantity)["order"]

    def move_refill(self, refill: int, status: str) -> None:
        """Bring a refill to a status: in progress, completed, rejected or error.

        :raises ValueError: if the refill cannot come to that status.
        """
        self._server.do("refill", refill=refill, status=status)

    def edit_service(self, service: int, **changes: Any) -> None:
        """Change a service until the test ends: rate="2.50", min=1, active=False and the like.

        :raises ValueError: if the service cannot be so.
        """
        self._server.do("service", service=service, **changes)

    def fail_next(
        self, error: str | None = None, *, timeout: str | None = None, times: int = 1
    ) -> None:
        """Make the next call of the API fail, or the next so many.

        :param error: a text that the API has, such as "Not enough funds on balance".
        :param timeout: instead, give no answer: "before" the call is done, or "after".
        :raises ValueError: for any other error or timeout.
        """
        self._server.do("fail", error=error, silence=timeout, times=times, dialect=self.dialect)


class PanelClient:
    """The shortest client: client.balance(), client.add(service=1, link=…, quantity=…).

    Every action of the API is a method that takes the action's parameters by name; a list of
    numbers may be a list.
    """

    def __init__(self, url: str, key: str, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._url = url
        self._key = key

    def __getattr__(self, action: str) -> Any:
        """The method of an action."""
        if action.startswith("_"):
            raise AttributeError(action)
        return lambda **params: self.call(action, **params)

    def call(self, action: str, **params: Any) -> Any:
        """Do an action and give the decoded answer.

        :raises PanelError: for an error, in either dialect.
        :raises TimeoutError: for no answer within `timeout_s`.
        """
        form = {name: _text(value) for name, value in params.items()}
        body = urlencode({"key": self._key, "action": action, **form})
        status, answer = _post(self._url, body, self.timeout_s)
        if isinstance(answer, dict) and set(answer) == {"error"}:
            raise PanelError(status, answer["error"])
        return answer


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _post(url: str, body: str, timeout_s: float) -> tuple[int, Any]:
    """The HTTP status and the decoded answer; no proxy stands between."""
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(url, body.encode(), timeout_s) as response:
            return response.status, json.load(response)
    except HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


@contextlib.contextmanager
def serve() -> Iterator[PanelServer]:
    """Run a server on a free port for as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app:create_api_app", "test-server"],
        cwd=SERVER, env=_environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the panel's test server did not start; its output above says why")
        yield PanelServer(json.loads(line))
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT_S)


def _environ() -> dict[str, str]:
    """The environment without what is meant for a panel or a Flask app of the project's own."""
    own = {n: v for n, v in os.environ.items() if not n.startswith(("PANEL_", "FLASK_"))}
    return {**own, "FLASK_SKIP_DOTENV": "1"}


@pytest.fixture(scope="session")
def panel_server() -> Iterator[PanelServer]:
    """The server: one for all tests of a process."""
    with serve() as server:
        yield server


@pytest.fixture
def panel(panel_server: PanelServer, request: pytest.FixtureRequest) -> Panel:
    """A fresh customer with funds of 1000.

    `@pytest.mark.panel(balance="5", dialect="perfectpanel")` makes another one.
    """
    marker = request.node.get_closest_marker("panel")
    return Panel(panel_server, **(marker.kwargs if marker else {}))


@pytest.fixture
def panel_client(panel: Panel) -> PanelClient:
    """A client with the customer's key."""
    return PanelClient(panel.url, panel.key)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "panel(balance, dialect): the customer behind `panel`")
