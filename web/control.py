"""The remote control of a sandbox server: what a test does to the panel behind the API's back.

It exists only where `flask sandbox` puts it before the app, under an address that is a secret.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from actions.dialects import DIALECTS, error
from panel import accounts, errors, money, orders, refills, services
from panel.errors import Invalid

LONGEST_SILENCE_S = 300
"""How long a request that is to time out is held; its client has given up long before."""

_CATALOGUE: dict[str, dict[str, Any]] = {
    "Default": {"dripfeed": True},
    "Package": {"min": 1, "max": 1},
}
"""Where a type's service differs from the others'."""


class Control:
    """A WSGI app around another: `fail` makes its next calls fail, the rest are helpers."""

    def __init__(self, app: WSGIApplication) -> None:
        self.path = f"/control/{secrets.token_hex(16)}"
        self._app = app
        self._failures: list[dict[str, Any]] = []

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a control request, or let the API's go through or fail."""
        path = environ.get("PATH_INFO", "")
        if path == self.path:
            return self._answer(environ, start)
        if path.rstrip("/") == "/api/v2" and self._failures:
            return self._fail(self._failures.pop(0), environ, start)
        return self._app(environ, start)

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            wish = json.loads(body)
            answer = _WISHES[wish.pop("do")](self, **wish)
        except (Invalid, KeyError, TypeError, ValueError) as fault:
            return _json(start, 422, {"error": str(fault)})
        return _json(start, 200, answer)

    def fail(self, error: str | None, silence: str | None, times: int, dialect: str) -> None:
        """Make the next calls fail.

        :param error: a text of the contract's error table.
        :param silence: "before" or "after": give no answer, the call not done or done.
        :raises ValueError: for any other error or silence.
        """
        known = [problem for problem in errors.catalogue() if problem.text == error]
        if not known and silence not in ("before", "after"):
            raise ValueError(f"{error!r} is no error of the contract")
        failure = {
            "problem": known[0] if known else None,
            "silence": silence,
            "dialect": dialect,
        }
        self._failures += [failure] * times

    def _fail(
        self, failure: dict[str, Any], environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
        problem = failure["problem"]
        if problem is not None:
            return _json(start, DIALECTS[failure["dialect"]].status(problem), error(problem))
        if failure["silence"] == "after":
            list(self._app(environ, lambda *_: lambda _: None))
        time.sleep(LONGEST_SILENCE_S)
        return _json(start, 504, {"error": "Gateway Timeout"})


def _json(start: StartResponse, status: int, answer: Any) -> Iterable[bytes]:
    start(f"{status} {'OK' if status < 400 else 'Error'}", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


def _account(_: Control, balance: str, dialect: str) -> dict[str, str]:
    name = f"test-{secrets.token_hex(6)}"
    key = accounts.add(name, money.parse(balance))
    accounts.set_dialect(name, dialect)
    return {"account": name, "key": key}


def _fund(_: Control, account: str, amount: str) -> str:
    return money.format_exact(accounts.fund(account, money.parse(amount)))


def _suspend(_: Control, account: str) -> None:
    accounts.set_status(account, "suspended")


def _order(
    _: Control, order: int, status: str, start_count: int | None, remains: int | None
) -> None:
    orders.change(order, status=status, start_count=start_count, remains=remains)


def _refill(_: Control, refill: int, status: str) -> None:
    refills.set_refill_status(refill, status)


def _service(_: Control, service: int, changes: dict[str, Any]) -> None:
    if "rate" in changes:
        changes["rate_micros"] = money.parse(changes.pop("rate"))
    services.edit(service, **changes)


_WISHES: dict[str, Callable[..., Any]] = {
    "fail": Control.fail,
    "account": _account,
    "fund": _fund,
    "suspend": _suspend,
    "order": _order,
    "refill": _refill,
    "service": _service,
}


def fill_catalogue() -> dict[str, int]:
    """Add a service of every type; their numbers by type."""
    return {
        kind: services.add(
            **{
                "name": f"{kind} of the sandbox",
                "category": "Sandbox",
                "rate_micros": money.MICROS,
                "min": 10 if services.takes_quantity(kind) else 1,
                "max": 10_000,
                "refill": True,
                "cancel": True,
                **_CATALOGUE.get(kind, {}),
            },
            type=kind,
        )
        for kind in services.TYPES
    }
