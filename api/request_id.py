"""X-Request-Id: each request has an id, by which its answer, its log line and its order are found.

A client's own id is taken where it is well formed, so that no id can forge a line of a log, and
where it is not a key.
"""

import re
import secrets
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from flask import Flask

HEADER = "X-Request-Id"
REQUEST_ID = "panel.request_id"
ACCOUNT = "panel.account"
"""Where the WSGI environment holds the id, and the number of the account that asks: the access
log has both from there."""

_SENT = "HTTP_X_REQUEST_ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_KEY = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{48}(?![0-9A-Fa-f])")
"""What looks like a customer's key, as panel.accounts makes them: an id is logged and stored."""


def register(app: Flask) -> None:
    """Give each request of the app an id, and tell it in the answer, whoever gives that."""
    app.wsgi_app = _with_ids(app.wsgi_app)  # type: ignore[method-assign, assignment]


def _with_ids(application: WSGIApplication) -> WSGIApplication:
    """The application, with an id for each request."""

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request_id = environ.get(_SENT, "")
        if not _WELL_FORMED.fullmatch(request_id) or _KEY.search(request_id):
            request_id = secrets.token_hex(12)
        environ[REQUEST_ID] = request_id

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, (HEADER, request_id)], *error)

        return application(environ, start)

    return answer
