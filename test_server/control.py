"""The remote control of a test server: a WSGI app in front of the panel's.

It exists only where `flask test-server` puts it, under an address that is a secret.
"""

import json
import logging
import secrets
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug import Request, Response
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import HTTP_STATUS_CODES

from api.dialects import error
from panel.errors import TOO_MANY_REQUESTS, OperatorError, RequestRejected
from test_server.instructions import (
    INSTRUCTIONS,
    Failure,
    State,
    add_first_customer,
    add_services,
)
from test_server.parameters import BadInstruction, read_instruction, read_parameters

log = logging.getLogger("panel.test_server")

MAX_BODY_BYTES = 1024 * 1024

LONGEST_SILENCE_S = 300
"""How long a call that is to time out is held; its client has given up long before."""

RETRY_AFTER_S = 1
"""What a call that fails with 429 is told to wait: a test should not wait for long."""


class Control:
    """A WSGI app around the panel's: it follows instructions, and makes calls of the API fail.

    An instruction is a JSON object that is POSTed to `path`: `do` names one of INSTRUCTIONS, and
    the rest is its parameters. The answer is a JSON object and a line's end, with the key `error`
    alone where it was not followed.
    """

    def __init__(self, app: WSGIApplication, dialect: str) -> None:
        """Wrap an app on an empty database: fill its catalogue, and add the first customer."""
        self.path = f"/control/{secrets.token_hex(16)}"
        self._app = app
        self._state = State(add_services(), dialect)
        self.services = self._state.services
        self.key = add_first_customer(self._state)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Follow an instruction, or let a call of the API through or fail."""
        path = environ.get("PATH_INFO", "")
        if path == self.path:
            return _answer(self._state, Request(environ))(environ, start)
        failure = _next_failure(self._state) if path in ("/api/v2", "/api/v2/") else None
        if failure is None:
            return self._app(environ, start)
        return _fail(self._app, failure, environ, start)


def _answer(state: State, request: Request) -> Response:
    if request.method != "POST":
        how = f"""curl {request.base_url} -d '{{"do": "fund", "amount": "12.50"}}'"""
        refused = _object({"error": f"the remote control takes a POST: {how}"}, 405)
        refused.headers["Allow"] = "POST"
        return refused
    request.max_content_length = MAX_BODY_BYTES
    try:
        return _object(_follow(state, request.get_data(cache=False)))
    except RequestEntityTooLarge:
        return _object({"error": f"the body is larger than {MAX_BODY_BYTES} bytes"}, 413)
    except (BadInstruction, OperatorError, RequestRejected) as fault:
        return _object({"error": str(fault)}, 422)
    except Exception:  # a fault of ours: the test is to see that there is one, and no more
        log.exception("an instruction failed")
        return _object({"error": "the test server failed; its output on stderr says why"}, 500)


def _follow(state: State, body: bytes) -> dict[str, Any]:
    instruction = read_instruction(body)
    known = ", ".join(INSTRUCTIONS)
    if "do" not in instruction:
        raise BadInstruction(f"'do' is missing, which says what to do, one of: {known}")
    name = instruction.pop("do")
    if not isinstance(name, str) or name not in INSTRUCTIONS:
        shown = json.dumps(name, ensure_ascii=False)[:100]
        raise BadInstruction(f"'do' is {shown}, and must be one of: {known}")
    function = INSTRUCTIONS[name]
    return function(state, **read_parameters(name, function, instruction))


def _object(answer: dict[str, Any], status: int = 200) -> Response:
    return Response(f"{json.dumps(answer)}\n", status, mimetype="application/json")


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
    return [f"{json.dumps(answer, separators=(',', ':'))}\n".encode()]  # as the API's own
