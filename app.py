"""The panel as a WSGI app: composition only.

gunicorn serves 'app:create_app()', and the `flask` command finds create_app() by itself.
"""

import os
import sqlite3
import sys
from typing import Any

from flask import Flask, Request, Response, g, jsonify, request
from flask.globals import request_ctx
from flask_limiter import RateLimitExceeded
from gunicorn.http.errors import ParseException
from limits.errors import ConfigurationError
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

import cli
import panel.ratelimit  # noqa: F401  (registers the sqlite:// storage with limits)
import settings as panel_settings
from actions import ACTIONS, answers, dialects, params
from actions.limiter import QuickLimiter
from models import DatabaseError, database, open_database
from panel import accounts
from panel.accounts import Caller
from panel.errors import (
    ACCOUNT_SUSPENDED,
    INCORRECT_REQUEST,
    INVALID_API_KEY,
    TOO_MANY_REQUESTS,
    Problem,
    Refused,
)
from settings import Settings, SettingsError

MAX_BODY_BYTES = 1024 * 1024
"""Far above the longest order; a larger body is refused before it is read."""


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app on these settings, or on the environment's.

    :raises SystemExit: with one clear line, if a setting or the database cannot be used.
    """
    app = Flask(__name__, static_folder=None)
    settings = _prepare(settings)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        PANEL=settings,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a list answers in the order asked
    app.json.compact = True  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # a redirect would repeat the query, and the key in it
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    _add_errors(app)
    _add_api(app, settings)
    app.add_url_rule("/healthz", "healthz", _healthz)
    cli.register(app)
    return app


def _prepare(settings: Settings | None) -> Settings:
    """Read the settings and open the database, or stop with one line."""
    try:
        if settings is None:
            settings = panel_settings.read(os.environ)
            for name in panel_settings.unknown(os.environ):
                print(f"panel: {name} is not a setting of the panel, ignored", file=sys.stderr)
        for line in open_database(settings.database, settings.synchronous):
            print(f"panel: {line}", file=sys.stderr)
    except (SettingsError, DatabaseError) as error:
        print(f"panel: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    return settings


def _limiter(app: Flask, settings: Settings) -> QuickLimiter:
    """The limiter on its storage, or stop with one line."""
    try:
        return QuickLimiter(
            _bucket,
            app=app,
            storage_uri=settings.ratelimit_uri,
            strategy="fixed-window",
            request_identifier=lambda: "api",  # the limited function's name is known
            # A storage that is down must not take the panel with it: each worker counts by
            # itself until it is back.
            in_memory_fallback_enabled=True,
        )
    except (ConfigurationError, OSError, ValueError, sqlite3.Error):
        # The address may hold a password, and so may the error's text: neither is repeated.
        print(
            "panel: PANEL_RATELIMIT_STORAGE: no such storage, or it cannot be used; some "
            "need their client installed first",
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def _add_api(app: Flask, settings: Settings) -> None:
    shelf = answers.Shelf()
    limiter = _limiter(app, settings)

    @limiter.shared_limit(settings.rate_limit, scope="api")
    def answer(asked: Request, texts: params.Texts, caller: Caller | None) -> Response:
        if caller is None:
            raise Refused(INVALID_API_KEY)
        if caller.status != "active":
            raise Refused(ACCOUNT_SUSPENDED)
        name = texts.get("action", "")
        if name not in ACTIONS:
            raise Refused(INCORRECT_REQUEST)
        action, shape = ACTIONS[name], dialects.SNS[name]

        def make() -> Any:
            return shape(action.run(caller, texts), settings.currency)

        if action.version is None:
            return Response(answers.encode(make()), mimetype="application/json")
        version = action.version(caller)
        encoded = shelf.take(None if version is None else (shape, version), make)
        return answers.respond(asked, encoded)

    def api() -> Response:
        asked = request_ctx.request  # itself, for each use of the proxy costs a look-up
        if asked.method == "HEAD":  # Werkzeug adds it to GET, and an `add` must not hide there
            raise MethodNotAllowed(["GET", "POST"])
        if asked.content_length is not None:
            # So Werkzeug counts the body itself, and refuses one that was cut off on its way:
            # half of a quantity is a quantity too.
            asked.environ.pop("wsgi.input_terminated", None)
        texts = params.collect(asked)
        caller = g.caller = accounts.find(_key(asked, texts))
        return answer(asked, texts, caller)

    app.add_url_rule(
        "/api/v2",
        view_func=api,
        methods=["GET", "POST"],
        strict_slashes=False,
        provide_automatic_options=False,
    )


def _key(asked: Request, texts: params.Texts) -> str:
    """The request's key: the parameter, else the bearer header, else nothing."""
    if key := texts.get("key"):
        return key
    header = asked.authorization
    return (header.token or "") if header is not None and header.type == "bearer" else ""


def _bucket() -> str:
    """Where a request is counted: with its account, or with its address where the key is bad."""
    caller: Caller | None = g.caller
    return f"account:{caller.id}" if caller else f"address:{request.remote_addr}"


def _add_errors(app: Flask) -> None:
    """Answer every error as the contract says, the framework's own included."""

    def refuse(problem: Problem) -> Response:
        response = jsonify(dialects.error(problem))
        response.status_code = problem.status
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return refuse(error.problem)

    @app.errorhandler(RateLimitExceeded)
    def limited(error: RateLimitExceeded) -> Response:
        return refuse(TOO_MANY_REQUESTS)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        # A 500 comes here too, as the framework's own: its text tells nothing of the cause.
        response = refuse(Problem(error.code or 500, error.name))
        headers = [(n, v) for n, v in error.get_headers() if n.lower() != "content-type"]
        response.headers.extend(headers)
        return response

    @app.errorhandler(ParseException)
    def malformed_chunks(error: ParseException) -> Response:
        # gunicorn reads a chunked body when the app does; its text repeats what was sent.
        return http(BadRequest())


def _healthz() -> Response:
    """Whether the panel can answer: the database is read."""
    database.execute_sql("SELECT 1 FROM accounts LIMIT 1")
    return jsonify({"status": "ok"})
