"""A pytest plugin: a real panel to test an API client against.

The fixture `panel` is a customer of a real server, which runs in a process of its own with a
temporary database; each test has a fresh customer. `panel_client` calls the API as it.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

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

    def do(self, what: str, **wish: Any) -> Any:
        """Have the remote control do something.

        :raises ValueError: with the server's words, if it cannot be done.
        """
        wished = json.dumps({"do": what, **wish}).encode()
        request = Request(self._control, wished)  # noqa: S310
        try:
            with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                return json.load(response)
        except HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None


class Panel:
    """One customer of the server, and what a test may do to it."""

    def __init__(self, server: PanelServer, balance: str, dialect: str) -> None:
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
        return self._server.do("fund", account=self._account, amount=amount)

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
        """Bring an order to any status; Partial and Canceled pay back what remains.

        :raises ValueError: if the order cannot come to that status.
        """
        self._server.do(
            "order", order=order, status=status, start_count=start_count, remains=remains
        )

    def move_refill(self, refill: int, status: str) -> None:
        """Bring a refill to a status: in progress, completed, rejected or error."""
        self._server.do("refill", refill=refill, status=status)

    def edit_service(self, service: int, **changes: Any) -> None:
        """Change a service of the catalogue, such as rate="2.50", min=1 or active=False.

        The catalogue is shared by all tests of the process.
        """
        self._server.do("service", service=service, changes=changes)

    def fail_next(
        self, error: str | None = None, *, timeout: str | None = None, times: int = 1
    ) -> None:
        """Make the next call fail.

        :param error: a text of the error table, such as "Not enough funds on balance".
        :param timeout: instead, give no answer: "before" the call is done, or "after".
        """
        self._server.do("fail", error=error, silence=timeout, times=times, dialect=self.dialect)


class PanelClient:
    """The shortest client: client.balance(), client.add(service=1, link=…, quantity=…)."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def __getattr__(self, action: str) -> Any:
        """Every action of the API is a method that takes its parameters by name."""
        return lambda **params: self.call(action, **params)

    def call(self, action: str, **params: Any) -> Any:
        """Do an action and give the decoded answer.

        :raises PanelError: for an error, in either dialect.
        """
        form = urlencode({"key": self._key, "action": action, **params}).encode()
        try:
            with urlopen(Request(self._url, form), timeout=TIMEOUT_S) as response:  # noqa: S310
                status, answer = response.status, json.load(response)
        except HTTPError as error:
            status, answer = error.code, json.load(error)
        if isinstance(answer, dict) and set(answer) == {"error"}:
            raise PanelError(status, answer["error"])
        return answer


@contextlib.contextmanager
def serve() -> Iterator[PanelServer]:
    """Run a server on a free port for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {n: v for n, v in os.environ.items() if not n.startswith("PANEL_")}
        environ |= {
            "PANEL_DATABASE": f"sqlite:///{folder}/unused.db",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "sandbox"],
            cwd=SERVER, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the panel's test server did not start; see its words above")
            yield PanelServer(json.loads(line))
        finally:
            process.terminate()
            process.communicate(timeout=TIMEOUT_S)


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
    wishes = {"balance": "1000", "dialect": "sns", **(marker.kwargs if marker else {})}
    return Panel(panel_server, **wishes)


@pytest.fixture
def panel_client(panel: Panel) -> PanelClient:
    """A client with the customer's key."""
    return PanelClient(panel.url, panel.key)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "panel(balance, dialect): the customer behind `panel`")
