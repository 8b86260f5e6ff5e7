"""The remote control of a test server: a WSGI app in front of the panel's.

It exists only where `flask test-server` puts it, under an address that is a secret.
"""

import json
import secrets
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.http import HTTP_STATUS_CODES

from api.dialects import error
from panel.errors import TOO_MANY_REQUESTS
from test_server.instructions import (
    FIRST_CUSTOMER,
    INSTRUCTIONS,
    Failure,
    State,
    add_customer,
    add_services,
)

LONGEST_SILENCE_S = 300
"""How long a call that is to time out is held; its client has given up long before."""

RETRY_AFTER_S = 1
"""What a call that fails with 429 is told to wait: a test should not wait for long."""


class Control:
    """A WSGI app around the panel's: it follows instructions, and makes calls of the API fail.

    An instruction is a JSON object that is POSTed to `path`: `do` names one of INSTRUCTIONS, and
    the rest is its parameters.
    """

    def __init__(self, app: WSGIApplication, dialect: str) -> None:
        """Wrap an app on an empty database: fill its catalogue, and add the first customer."""
        self.path = f"/control/{secrets.token_hex(16)}"
        self._app = app
        self._state = State(add_services(), dialect)
        self.services = self._state.services
        self.key = add_customer(self._state, name=FIRST_CUSTOMER)["key"]

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Follow an instruction, or let a call of the API through or fail."""
        path = environ.get("PATH_INFO", "")
        if path == self.path:
            return _follow(self._state, environ, start)
        failure = _next_failure(self._state) if path in ("/api/v2", "/api/v2/") else None
        if failure is None:
            return self._app(environ, start)
        return _fail(self._app, failure, environ, start)


def _follow(state: State, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        parameters = json.loads(body)
        name = parameters.pop("do", None)
        if name not in INSTRUCTIONS:
            raise ValueError(f"cannot do {name!r}, only: {', '.join(INSTRUCTIONS)}")
        answer = INSTRUCTIONS[name](state, **parameters)
    except Exception as fault:  # whatever is wrong with an instruction, the test is to read it
        return _json(start, 422, {"error": str(fault)})
    return _json(start, 200, answer)


def _next_failure(state: State) -> Failure | None:
    try:
        return state.failures.popleft()
    except IndexError:
        return None


def _fail(
    app: WSGIApplication, failure: Failure, environ: WSGIEnvironment, start: StartResponse
) -> Iterable[bytes]:
    if failure.problem is not None:
        return _json(start, failure.status, error(failure.problem))
    if failure.silence == "after":
        list(app(environ, lambda *_: lambda _: None))
    time.sleep(LONGEST_SILENCE_S)
    return _json(start, 504, {"error": HTTP_STATUS_CODES[504]})


def _json(start: StartResponse, status: int, answer: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json")]
    if status == TOO_MANY_REQUESTS.status:
        headers.append(("Retry-After", str(RETRY_AFTER_S)))
    start(f"{status} {HTTP_STATUS_CODES[status]}", headers)
    return [json.dumps(answer).encode()]
