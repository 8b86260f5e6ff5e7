"""Every error as JSON: the contract's refusals, and what Flask and the server raise themselves."""

from flask import Flask, Response, g, jsonify
from werkzeug.exceptions import BadRequest, HTTPException

from api import dialects
from api.context import current_settings
from panel.errors import Problem, RequestRejected


def register(app: Flask) -> None:
    """Answer the app's errors in JSON."""
    app.register_error_handler(RequestRejected, _rejected)
    app.register_error_handler(HTTPException, _http_error)


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


def _error_response(problem: Problem, status: int) -> Response:
    response = jsonify(dialects.error(problem))
    response.status_code = status
    return response
