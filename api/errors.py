"""Every error as JSON: the contract's refusals, and what Flask and the server raise themselves."""

import logging
from functools import partial
from typing import Any

from flask import Flask, Response, g, jsonify
from peewee import PeeweeException
from werkzeug.exceptions import BadRequest, HTTPException, ServiceUnavailable

from api import dialects
from api.context import current_settings
from api.refusals import Refusals
from database import unavailable
from panel.errors import Problem, RequestRejected

log = logging.getLogger("panel")

RETRY_AFTER_S = 30
"""When a client may try again while the database cannot be used."""


def register(app: Flask) -> None:
    """Answer the app's errors in JSON."""
    app.register_error_handler(RequestRejected, _rejected)
    app.register_error_handler(HTTPException, _http_error)
    database_error = partial(_database_error, app, Refusals())
    app.register_error_handler(PeeweeException, database_error)
    app.register_error_handler(OSError, database_error)


def answer_as_bad_request(app: Flask, error: type[Exception]) -> None:
    """Answer an exception of the HTTP server with 400.

    gunicorn parses a chunked body only when the app reads it. The exception's text repeats what
    the client sent, so it is not shown.
    """
    app.register_error_handler(error, lambda _: _http_error(BadRequest()))


def _rejected(error: RequestRejected) -> Response:
    dialect = dialects.dialect_of(g.get("caller"), current_settings().dialect)
    return _error_response(error.problem, dialect.status(error.problem))


def _http_error(error: HTTPException) -> Response:
    """An HTTP error; an exception that nobody handles comes here too, as Flask's own 500."""
    status = error.code or 500
    response = _error_response(Problem(status, error.name), status)
    headers = [(n, v) for n, v in error.get_headers() if n.lower() != "content-type"]
    response.headers.extend(headers)
    return response


def _database_error(app: Flask, refusals: Refusals, error: Exception) -> Any:
    """503 while the database cannot be used, logged once a minute; else it is unforeseen.

    The dashboard shows a page of its own, unless that needs what fails.
    """
    reason = unavailable.reason(error)
    if reason is None:
        raise error
    if count := refusals.count(reason):
        requests = "1 request was" if count == 1 else f"{count} requests were"
        log.error("%s (%s refused since this was last told)", reason, requests)
    told = f"{reason[0].upper()}{reason[1:]}. What failed has changed nothing: try again later."
    refusal = ServiceUnavailable(told, retry_after=RETRY_AFTER_S)
    try:
        return app.handle_http_exception(refusal)
    except (PeeweeException, OSError):
        return _http_error(refusal)


def _error_response(problem: Problem, status: int) -> Response:
    response = jsonify(dialects.error(problem))
    response.status_code = status
    return response
