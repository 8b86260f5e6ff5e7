"""The panel as a WSGI app: composition only.

gunicorn serves 'app:create_app()', and the `flask` command finds create_app() by itself.
"""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

import click
from flask import Flask, Request, Response, g, jsonify, request
from flask.cli import FlaskGroup
from flask.globals import request_ctx
from flask_limiter import RateLimitExceeded
from gunicorn.http.errors import ParseException
from limits.errors import ConfigurationError
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

import cli
import panel.ratelimit  # noqa: F401  (registers the mapped:// storage with limits)
import settings as panel_settings
import web
from actions import ACTIONS, Action, parameters
from actions.add import IDEMPOTENCY_KEY
from actions.limiter import QuickLimiter
from api import dialects, response_cache
from api.context import bind_settings, current_settings
from api.request import collect
from database import driver
from database.connection import DatabaseError, database
from database.migrate import open_database
from panel import accounts
from panel.accounts import Caller
from panel.errors import (
    ACCOUNT_SUSPENDED,
    INCORRECT_REQUEST,
    INVALID_API_KEY,
    TOO_MANY_REQUESTS,
    Problem,
    RequestRejected,
)
from settings import Settings, SettingsError
from test_server.control import Control

IDEMPOTENCY_HEADER = "HTTP_IDEMPOTENCY_KEY"
"""The header Idempotency-Key, as WSGI writes it."""
IDEMPOTENT_HEADER = "X-Idempotent-Add"
"""Told with every answer: an `add` sent twice under one key is one order here."""

MAX_BODY_BYTES = 1024 * 1024
"""Far above the longest order; a larger body is refused before it is read."""


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app on these settings, or on the environment's.

    For the `flask` command that looks for a command in it, the database stays closed: the
    command opens it when it runs, so that `flask --help` and `flask sandbox` create none.

    :raises SystemExit: with one clear line, if a setting or the database cannot be used.
    """
    app = Flask(__name__, static_folder=None)
    settings = _read_settings() if settings is None else settings
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        OPEN_DATABASE=partial(_open_database, settings),
        CREATE_SANDBOX=_create_sandbox,
    )
    bind_settings(app, settings)
    is_serving = not _is_searched_for_a_command()
    if not is_serving:
        # It counts nobody and signs nothing, so it leaves no file behind.
        settings = replace(settings, ratelimit_storage="memory://", secret_key="unused")  # noqa: S106
    else:
        _open_database(settings)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a list answers in the order asked
    app.json.compact = True  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # a redirect would repeat the query, and the key in it
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    _add_errors(app)
    _add_api(app, settings)
    app.add_url_rule("/healthz", "healthz", _healthz)
    web.register(app, settings)
    cli.register(app)
    if is_serving and (fault := driver.fault()):
        print(f"panel: {fault}", file=sys.stderr)
    return app


def _create_sandbox(settings: Settings, dialect: str) -> Control:
    """Another app, on an empty database, behind its remote control: for `flask sandbox`."""
    return Control(create_app(settings).wsgi_app, dialect)


def _read_settings() -> Settings:
    """The environment's settings, or the end with one line."""
    try:
        settings = panel_settings.read(os.environ)
    except SettingsError as error:
        print(f"panel: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    for name in panel_settings.unknown(os.environ):
        print(f"panel: {name} is not a setting of the panel, ignored", file=sys.stderr)
    return settings


def _limiter(app: Flask, settings: Settings) -> QuickLimiter:
    """The limiter on its storage, or stop with one line."""
    try:
        return QuickLimiter(
            _bucket,
            settings.rate_limit,
            scope="api",
            app=app,
            storage_uri=settings.ratelimit_uri,
            strategy="fixed-window",
            # A storage that is down must not take the panel with it: each worker counts by
            # itself until it is back.
            in_memory_fallback_enabled=True,
        )
    except (ConfigurationError, OSError, ValueError):
        # The address may hold a password, and so may the error's text: neither is repeated.
        print(
            "panel: PANEL_RATELIMIT_STORAGE: no such storage, or it cannot be used; some "
            "need their client installed first",
            file=sys.stderr,
        )
        raise SystemExit(2) from None


def _open_database(settings: Settings) -> None:
    """Open the database, or end with one line."""
    try:
        done = open_database(settings.database, settings.synchronous)
    except DatabaseError as error:
        print(f"panel: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    for line in done:
        print(f"panel: {line}", file=sys.stderr)


def _is_searched_for_a_command() -> bool:
    """Whether the `flask` command builds the app only to find a command or to list them all.

    Flask's own `flask run` and `flask shell` use the app, and are commands by then.
    """
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


def _add_api(app: Flask, settings: Settings) -> None:
    shelf = response_cache.ResponseCache()
    limiter = _limiter(app, settings)
    # Threads that all want the interpreter hold each other up, so quick requests take turns.
    # Not where they are counted over a network: the others can go on meanwhile.
    turns: AbstractContextManager[Any] = nullcontext() if settings.ratelimit_storage else Lock()

    def answer(
        asked: Request, texts: parameters.Texts, caller: Caller | None, action: Action | None
    ) -> Response:
        if caller is None:
            raise RequestRejected(INVALID_API_KEY)
        if caller.status != "active":
            raise RequestRejected(ACCOUNT_SUSPENDED)
        if action is None:
            raise RequestRejected(INCORRECT_REQUEST)
        dialect = dialects.DIALECTS[caller.dialect or settings.dialect]
        shape = dialect.shapes[texts["action"]]

        def make() -> Any:
            return shape(action.run(caller, texts), settings.currency)

        if action.version is None:
            return Response(response_cache.encode(make()), mimetype="application/json")
        version = action.version(caller)
        encoded = shelf.take(None if version is None else (shape, version), make)
        return response_cache.respond(asked, encoded)

    def api() -> Response:
        asked = request_ctx.request  # itself, for each use of the proxy costs a look-up
        if asked.method == "HEAD":  # Werkzeug adds it to GET, and an `add` must not hide there
            raise MethodNotAllowed(["GET", "POST"])
        if asked.content_length is not None:
            # So Werkzeug counts the body itself, and refuses one that was cut off on its way:
            # half of a quantity is a quantity too.
            asked.environ.pop("wsgi.input_terminated", None)
        texts = collect(asked)
        if IDEMPOTENCY_HEADER in asked.environ and not texts.get(IDEMPOTENCY_KEY):
            texts[IDEMPOTENCY_KEY] = asked.environ[IDEMPOTENCY_HEADER]
        action = ACTIONS.get(texts.get("action", ""))
        with turns if action is not None and action.quick else nullcontext():
            caller = g.caller = accounts.find(_key(asked, texts))
            limiter.count()
            response = answer(asked, texts, caller, action)
        response.headers.add(IDEMPOTENT_HEADER, "1")
        return response

    app.add_url_rule(
        "/api/v2",
        view_func=api,
        methods=["GET", "POST"],
        strict_slashes=False,
        provide_automatic_options=False,
    )


def _key(asked: Request, texts: parameters.Texts) -> str:
    """The request's key: the parameter, else the bearer header, else nothing."""
    if key := texts.get("key"):
        return key
    header = asked.authorization
    return (header.token or "") if header is not None and header.type == "bearer" else ""


def _dialect() -> dialects.Dialect:
    """The caller's dialect, or the panel's for whoever has none."""
    caller = g.get("caller")
    default = current_settings().dialect
    return dialects.DIALECTS[(caller.dialect if caller else None) or default]


def _bucket() -> str:
    """Where a request is counted: with its account, or with its address where the key is bad."""
    caller: Caller | None = g.caller
    return f"account:{caller.id}" if caller else f"address:{request.remote_addr}"


def _add_errors(app: Flask) -> None:
    """Answer every error as the contract says, the framework's own included."""

    def refuse(problem: Problem, status: int) -> Response:
        response = jsonify(dialects.error(problem))
        response.status_code = status
        return response

    @app.errorhandler(RequestRejected)
    def refused(error: RequestRejected) -> Response:
        return refuse(error.problem, _dialect().status(error.problem))

    @app.errorhandler(RateLimitExceeded)
    def limited(error: RateLimitExceeded) -> Response:
        return refuse(TOO_MANY_REQUESTS, TOO_MANY_REQUESTS.status)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        # A 500 comes here too, as the framework's own: its text tells nothing of the cause.
        code = error.code or 500
        response = refuse(Problem(code, error.name), code)
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
