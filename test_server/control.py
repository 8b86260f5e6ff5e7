"""The remote control of a sandbox server: what a test does to the panel behind the API's back.

It exists only where `flask sandbox` puts it before the app, under an address that is a secret.
"""

import json
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.http import HTTP_STATUS_CODES

from actions.add import IDEMPOTENCY_KEY
from actions.parameters import DETAILS
from api.dialects import DIALECTS, error
from panel import accounts, errors, money, service_types, services
from panel.errors import Problem
from panel.orders import refills, subscriptions, transition

LONGEST_SILENCE_S = 300
"""How long a call that is to time out is held; its client has given up long before."""

RETRY_AFTER_S = 1
"""What a call that fails with 429 is told to wait: a test should not wait for long."""

BALANCE = "1000"
"""What a new customer has."""

SANDBOX = "sandbox"
"""The customer whose key `flask sandbox` prints."""

_FRAMEWORK = [Problem(code, HTTP_STATUS_CODES[code]) for code in (404, 405, 413, 415, 500)]
"""The framework's own errors, which have the same status in every dialect."""


class _Failure(NamedTuple):
    """How the next call fails: with an answer, or with none before or after it is done."""

    status: int = 0
    problem: Problem | None = None
    silence: str | None = None


class Control:
    """A WSGI app around the panel's own: it carries out wishes, and makes calls fail.

    A wish is a JSON object, POSTed to `path`: what to `do`, and the parameters of the method or
    function of that name below.
    """

    def __init__(self, app: WSGIApplication, dialect: str) -> None:
        """Wrap an app on an empty database: fill its catalogue, and add the first customer."""
        self.path = f"/control/{secrets.token_hex(16)}"
        self.services = {
            kind: services.add(type=kind, **_listed(kind)) for kind in service_types.SERVICE_TYPES
        }
        """The number of a service of each type."""
        self._app = app
        self._dialect = dialect
        self._failures: deque[_Failure] = deque()
        self._edited: set[int] = set()
        self._wishes: dict[str, Callable[..., Any]] = {
            "account": self.new_customer,
            "fail": self.fail,
            "service": self.edit_service,
            "fund": _fund,
            "suspend": _suspend,
            "order": _order,
            "post": _post,
            "refill": _refill,
        }
        self.key = self.new_customer(name=SANDBOX)["key"]

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a wish, or let a call of the API through or fail."""
        path = environ.get("PATH_INFO", "")
        if path == self.path:
            return self._carry_out(environ, start)
        failure = self._next_failure() if path in ("/api/v2", "/api/v2/") else None
        if failure is None:
            return self._app(environ, start)
        return self._fail(failure, environ, start)

    def _carry_out(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            wish = json.loads(body)
            what = wish.pop("do", None)
            if what not in self._wishes:
                raise ValueError(f"cannot do {what!r}, only: {', '.join(self._wishes)}")
            answer = self._wishes[what](**wish)
        except Exception as fault:  # whatever is wrong with a wish, the test is to read it
            return _json(start, 422, {"error": str(fault)})
        return _json(start, 200, answer)

    def _next_failure(self) -> _Failure | None:
        try:
            return self._failures.popleft()
        except IndexError:
            return None

    def _fail(
        self, failure: _Failure, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        if failure.problem is not None:
            return _json(start, failure.status, error(failure.problem))
        if failure.silence == "after":
            list(self._app(environ, lambda *_: lambda _: None))
        time.sleep(LONGEST_SILENCE_S)
        return _json(start, 504, {"error": HTTP_STATUS_CODES[504]})

    def new_customer(
        self, balance: str = BALANCE, dialect: str | None = None, name: str | None = None
    ) -> dict[str, str]:
        """Add a customer with funds: its name and key.

        A new customer is a new test: failures that are still due are forgotten, and the
        catalogue is as it was at the beginning.
        """
        self._failures.clear()
        for kind, number in self.services.items():
            if number in self._edited:
                plain = {"type": kind, "active": True, "one_per_link": False, **_listed(kind)}
                services.edit(number, **plain)
        self._edited.clear()
        name = name or f"test-{secrets.token_hex(6)}"
        key = accounts.add(name, money.parse(balance))
        accounts.set_dialect(name, dialect or self._dialect)
        return {"account": name, "key": key}

    def fail(
        self,
        error: str | None = None,
        silence: str | None = None,
        times: int = 1,
        dialect: str | None = None,
    ) -> None:
        """Make the next calls of the API fail, whoever's they are.

        :param error: a text of the contract's error table.
        :param silence: instead, give no answer: "before" the call is done, or "after".
        :raises ValueError: for any other error or silence, or for both.
        """
        if (error is None) == (silence is None) or silence not in (None, "before", "after"):
            raise ValueError('either an error, or a silence "before" or "after"')
        failure = _Failure(silence=silence)
        if error is not None:
            failure = _refusal(_problem(error), dialect or self._dialect)
        self._failures.extend([failure] * times)

    def edit_service(self, service: int, **changes: Any) -> None:
        """Change a service until the next customer comes."""
        if "rate" in changes:
            changes["rate_micros"] = money.parse(changes.pop("rate"))
        services.edit(service, **changes)
        self._edited.add(service)


def _json(start: StartResponse, status: int, answer: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json")]
    if status == errors.TOO_MANY_REQUESTS.status:
        headers.append(("Retry-After", str(RETRY_AFTER_S)))
    start(f"{status} {HTTP_STATUS_CODES[status]}", headers)
    return [json.dumps(answer).encode()]


def _refusal(problem: Problem, dialect: str) -> _Failure:
    kept = problem in _FRAMEWORK
    return _Failure(problem.status if kept else DIALECTS[dialect].status(problem), problem)


def _problem(text: str) -> Problem:
    """The problem with this text: of the table, a parameter's, or the framework's own.

    :raises ValueError: if there is none.
    """
    # A limit is any number, or N as in the table.
    plain = re.sub(r"(?<=minimal |maximum )[0-9]+$", "N", text)
    named = [errors.incorrect(name) for name in (*DETAILS, IDEMPOTENCY_KEY)]
    for problem in [*errors.catalogue(), *named, *_FRAMEWORK]:
        if problem.text == plain:
            return Problem(problem.status, text)
    raise ValueError(f"{text!r} is no error of the API")


def _listed(kind: str) -> dict[str, Any]:
    """What the catalogue says of the service of this type."""
    charged = service_types.SERVICE_TYPES[kind].charged
    return {
        "name": f"{kind} of the sandbox",
        "category": "Sandbox",
        "rate_micros": money.MICROS,
        "min": 10 if charged == "quantity" else 1,
        "max": 1 if charged == "package" else 10_000,
        "refill": True,
        "cancel": True,
        "dripfeed": service_types.SERVICE_TYPES[kind].dripfeed,
    }


def _fund(amount: str, account: str = SANDBOX) -> str:
    return money.format_exact(accounts.fund(account, money.parse(amount)))


def _suspend(account: str = SANDBOX) -> None:
    accounts.set_status(account, "suspended")


def _order(
    order: int, status: str, start_count: int | None = None, remains: int | None = None
) -> None:
    transition.change(order, status=status, start_count=start_count, remains=remains)


def _post(order: int, quantity: int) -> int:
    return subscriptions.add_post(order, quantity)


def _refill(refill: int, status: str) -> None:
    refills.set_status(refill, status)
