"""The panel as a WSGI app: composition only.

gunicorn serves 'app:create_app()', and the `flask` command finds create_app() by itself.
"""

import os
import sys
from dataclasses import replace
from functools import partial

import click
from flask import Flask, Response, current_app, g, jsonify, request
from flask.cli import FlaskGroup
from flask_limiter import Limiter, RateLimitExceeded
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

import cli
import panel.ratelimit  # noqa: F401  (registers the sqlite:// storage with limits)
import settings as panel_settings
import web
from actions import ACTIONS, dialects, params
from actions.add import IDEMPOTENCY_KEY
from models import DatabaseError, database, open_database
from panel import accounts
from panel.errors import (
    ACCOUNT_SUSPENDED,
    INCORRECT_REQUEST,
    INVALID_API_KEY,
    TOO_MANY_REQUESTS,
    Problem,
    Refused,
)
from settings import Settings, SettingsError
from web.control import Control

IDEMPOTENCY_HEADER = "Idempotency-Key"
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
        PANEL=settings,
        OPEN_DATABASE=partial(_open_database, settings),
        CREATE_SANDBOX=_create_sandbox,
    )
    if _is_searched_for_a_command():
        settings = replace(settings, ratelimit_storage="memory://")  # it counts nobody
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
    web.register(app, settings.currency)
    cli.register(app)
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
    limiter = Limiter(
        _bucket,
        app=app,
        storage_uri=settings.ratelimit_uri,
        strategy="fixed-window",
        headers_enabled=True,
    )

    @limiter.shared_limit(settings.rate_limit, scope="api")
    def answer() -> Response:
        if g.caller is None:
            raise Refused(INVALID_API_KEY)
        if g.caller.status != "active":
            raise Refused(ACCOUNT_SUSPENDED)
        name = g.texts.get("action", "")
        if name not in ACTIONS:
            raise Refused(INCORRECT_REQUEST)
        plain = ACTIONS[name].run(g.caller, g.texts)
        return jsonify(_dialect().shapes[name](plain, settings.currency))

    def api() -> Response:
        if request.method == "HEAD":  # Werkzeug adds it to GET, and an `add` must not hide there
            raise MethodNotAllowed(["GET", "POST"])
        g.texts = params.collect(request)
        if IDEMPOTENCY_HEADER in request.headers and not g.texts.get(IDEMPOTENCY_KEY):
            g.texts[IDEMPOTENCY_KEY] = request.headers[IDEMPOTENCY_HEADER]
        g.caller = accounts.find(_key(g.texts))
        response = answer()
        response.headers[IDEMPOTENT_HEADER] = "1"
        return response

    app.add_url_rule(
        "/api/v2",
        view_func=api,
        methods=["GET", "POST"],
        strict_slashes=False,
        provide_automatic_options=False,
    )


def _key(texts: params.Texts) -> str:
    """The request's key: the parameter, else the bearer header, else nothing."""
    header = request.authorization
    bearer = header.token if header is not None and header.type == "bearer" else None
    return texts.get("key") or bearer or ""


def _dialect() -> dialects.Dialect:
    """The caller's dialect, or the panel's for whoever has none."""
    caller = g.get("caller")
    default = current_app.config["PANEL"].dialect
    return dialects.DIALECTS[(caller.dialect if caller else None) or default]


def _bucket() -> str:
    """Where a request is counted: with its account, or with its address where the key is bad."""
    return f"account:{g.caller.id}" if g.caller else f"address:{request.remote_addr}"


def _add_errors(app: Flask) -> None:
    """Answer every error as the contract says, the framework's own included."""

    def refuse(problem: Problem, status: int) -> Response:
        response = jsonify(dialects.error(problem))
        response.status_code = status
        return response

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
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

    @app.after_request
    def keep_retry_after_for_refusals(response: Response) -> Response:
        # Flask-Limiter adds it to every answer; a client must not pause after a good one.
        if response.status_code != TOO_MANY_REQUESTS.status:
            response.headers.pop("Retry-After", None)
        return response


def _healthz() -> Response:
    """Whether the panel can answer: the database is read."""
    database.execute_sql("SELECT 1 FROM accounts LIMIT 1")
    return jsonify({"status": "ok"})
