"""A provider that writes down what it is sent, and the worker's steps for one, taken by hand."""

import json
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.serving import WSGIRequestHandler, make_server

from models import Order
from models import Provider as ProviderRow
from panel.orders import dispatch, dripfeed, status_sync
from panel.providers import registry, sources
from panel.providers.listing import Listing
from panel.providers.registry import SANDBOX_URL
from support.faulty import DOLLARS
from upstream.http import IDEMPOTENT_HEADER, HttpProvider
from upstream.provider import OutcomeUnknown, Provider, ProviderRejected
from upstream.sandbox import SandboxProvider
from worker import poll, send
from worker.contact import Contact

CUT = "the connection ends after the order was taken"
PATIENCE_S = 30
HOLD_S = 7200
"""How long an order waits for the operator after a refusal that is not known."""
SANDBOX_S = 40
"""How long an order takes in the sandbox of these tests."""


class Recorder:
    """A provider in this process, on a port of its own.

    adds: the parameters of each `add`, beside key and action; keys: what each had for a key.
    states: what it says of the orders that it took, by number; the first is 700, or
        what `first` says.
    plan: what becomes of the next adds: None is well, CUT, or the text of a refusal.
    idempotent: whether it takes an order under one key once, and says so.
    """

    def __init__(self) -> None:
        self.renew()
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=_Silent)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v2"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def renew(self) -> None:
        """Forget all that was."""
        self.adds: list[dict[str, str]] = []
        self.keys: list[str | None] = []
        self.cancels: list[str] = []
        self.states: dict[str, Any] = {}
        self.first = 700
        self.plan: list[str | None] = []
        self.idempotent = False
        self.asked_again = threading.Event()
        self.asked_for_balance = threading.Event()
        self._numbers: dict[str, str] = {}

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        form = dict(parse_qsl(environ["wsgi.input"].read(length).decode(), keep_blank_values=True))
        del form["key"]
        fate = None
        answer: Any = {"balance": "12.50", "currency": "USD"}
        if (action := form.pop("action")) == "add":
            fate = self.plan.pop(0) if self.plan else None
            key = environ.get("HTTP_IDEMPOTENCY_KEY")
            answer = {"error": fate} if fate not in (None, CUT) else self._take(form, key)
        elif action == "balance":
            self.asked_for_balance.set()
        elif action == "status":
            answer = {n: self.states[n] for n in _numbers(form) if n in self.states}
        elif action == "cancel":
            self.cancels += _numbers(form)
            answer = {n: {"cancel": "requested"} for n in _numbers(form)}
        told = [(IDEMPOTENT_HEADER, "1")] if self.idempotent else []
        start("200 OK", [("Content-Type", "application/json"), *told])
        if fate == CUT:
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        return [json.dumps(answer).encode()]

    def _take(self, form: dict[str, str], key: str | None) -> dict[str, str]:
        self.adds.append(form)
        self.keys.append(key)
        if self.idempotent and key in self._numbers:
            self.asked_again.set()
            return {"order": self._numbers[key]}
        number = str(self.first + len(self.states))
        self.states[number] = {"status": "Pending"}
        if key is not None:
            self._numbers[key] = number
        return {"order": number}


def _numbers(form: dict[str, str]) -> list[str]:
    return (form.get("orders") or form["order"]).split(",")


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing: the tests look at what the panel does."""


class Lane:
    """The steps that the worker takes for one provider, each when a test asks for it."""

    def __init__(self, row: ProviderRow, provider: Provider) -> None:
        self.row = row
        self.provider = provider
        self.contact = Contact(row.id, provider, lambda: True, {})

    def sells(
        self,
        service: int,
        *,
        source_rank: int = 1,
        dripfeed: bool = False,
        cost_micros: int = 1_000_000,
    ) -> None:
        """Buy a service here, as the provider's service 9<its number>."""
        listing = Listing(
            f"9{service}", "Theirs", "Theirs", "Default", cost_micros, 1, 10**6, True, True,
            dripfeed,
        )  # fmt: skip
        sources.set_source(service, self.row.id, listing, source_rank)

    def send(self) -> None:
        """Send all orders that are due."""
        while order := dispatch.claim(self.row.id):
            with suppress(OutcomeUnknown, ProviderRejected):
                send.send(self.provider, order, 0, 0, HOLD_S)

    def ask(self) -> None:
        """Ask for the status of every order here, due or not."""
        Order.update(poll_at=0).where(Order.dispatch_state == "sent").execute()
        if due := status_sync.due_for_status(self.row.id, 100):
            poll.poll_statuses(self.contact, due, 0)

    def run(self) -> None:
        """Everything: ask, add up, send what waits and the parts that this begins, pass on."""
        self.ask()
        for _ in range(2):
            dripfeed.run_due(0)
            self.send()
        send.send_cancels(self.contact, 0)


def http_lane(url: str, key: str = "a-key", name: str = "upstream", timeout_s: float = 30) -> Lane:
    """A lane to a provider behind this address."""
    provider = HttpProvider(url, key, DOLLARS, timeout_s=timeout_s)
    return Lane(registry.add(name, url, key, 10**6), provider)


def sandbox_lane() -> Lane:
    """A lane to the sandbox."""
    return Lane(registry.add("sandbox", SANDBOX_URL, "", 10**6), SandboxProvider(SANDBOX_S, "USD"))
