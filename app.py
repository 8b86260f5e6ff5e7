"""The panel as a WSGI app: composition only.

gunicorn serves 'app:create_app()', and the `flask` command finds create_app() by itself.
"""

import logging
import os
import sys
from functools import partial
from typing import NoReturn

import click
from flask import Flask
from flask.cli import FlaskGroup
from limits.errors import ConfigurationError
from werkzeug.middleware.proxy_fix import ProxyFix

import settings as panel_settings
import test_server
import web
from api import endpoint, errors, health, proxy_probe, request_id
from api.context import bind_settings
from api.rate_limit import RateLimit
from database import driver
from database.connection import DatabaseError
from database.migrate import open_database
from panel.called import as_called
from panel.money import bind_currency
from panel.restore.notice import notice
from settings import Settings, SettingsError

MAX_BODY_BYTES = 1024 * 1024
"""Far above the longest order; a larger body is refused before it is read."""


def create_app(settings: Settings | None = None) -> Flask:
    """The panel on these settings, or on the environment's: create_api_app() and all the rest.

    :raises SystemExit: with one clear line, if a setting or the database cannot be used.
    """
    # Imported here: the packages that only an operator needs are missing where the pytest plugin
    # is installed, which serves create_api_app().
    from gunicorn.http.errors import ParseException

    import cli
    from api import logs, metrics
    from panel.alerts import notify
    from web import dashboard, sessions

    if _logs_as_json():
        logs.configure(logs.JSON)
    settings = _read_settings() if settings is None else settings
    app = create_api_app(settings)
    cli.register(
        app,
        partial(_open_database, settings),
        panel_settings.explain(os.environ),
        panel_settings.unknown(os.environ),
    )
    if not _is_searched_for_a_command():
        errors.answer_as_bad_request(app, ParseException)
        sessions.register(app, settings)
        proxy_probe.register(app)
        dashboard.register(app)
        metrics.register(app, settings)
        if settings.notify and not notify.is_installed():
            _tell(notify.MISSING, logging.WARNING)
        if fault := driver.fault():
            _tell(fault, logging.WARNING)
    return app


def create_api_app(settings: Settings | None = None) -> Flask:
    """The API with its public pages, and the command `test-server`, which serves another one.

    For the `flask` command that looks for a command in it, nothing is opened or served: a
    command that needs the database opens it, and `flask --help` creates none.

    :raises SystemExit: as create_app().
    """
    settings = _read_settings() if settings is None else settings
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES)
    app.config["PANEL_COMMAND"] = settings.command  # for the commands themselves
    app.json.sort_keys = False  # type: ignore[attr-defined]  # a list answers in the order asked
    app.json.compact = True  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # a redirect would repeat the query, and the key in it
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    request_id.register(app)
    bind_settings(app, settings, panel_settings.listening_url(os.environ))
    bind_currency(settings.currency)
    test_server.register(app, create_api_app)
    if not _is_searched_for_a_command():
        _open_database(settings)
        errors.register(app)
        endpoint.register(app, settings, _rate_limit(app, settings).count)
        health.register(app)
        web.register(app, settings)
    return app


def _is_searched_for_a_command() -> bool:
    """Whether the `flask` command builds the app only to find a command or to list them all.

    Flask's own `flask run` and `flask shell` use the app, and are commands by then.
    """
    context = click.get_current_context(silent=True)
    return context is not None and isinstance(context.command, FlaskGroup)


def _read_settings() -> Settings:
    try:
        settings = panel_settings.read(os.environ)
    except SettingsError as error:
        _stop(str(error))
    for name in panel_settings.unknown(os.environ):
        _tell(f"{name} is not a setting of the panel, ignored", logging.WARNING)
    return settings


def _rate_limit(app: Flask, settings: Settings) -> RateLimit:
    try:
        return RateLimit(app, settings.rate_limit, settings.ratelimit_storage)
    except (ConfigurationError, OSError, ValueError):
        # The address may hold a password, and so may the error's text: neither is repeated.
        _stop(
            "PANEL_RATELIMIT_STORAGE: no such storage, or it cannot be used; some need their "
            "client installed first"
        )


def _open_database(settings: Settings) -> None:
    try:
        done = open_database(settings.database, settings.synchronous)
        doubts = notice()
    except DatabaseError as error:
        _stop(as_called(settings.command, str(error)))
    for line in done:
        _tell(as_called(settings.command, line), logging.INFO)
    for line in doubts:
        _tell(as_called(settings.command, line), logging.WARNING)


def _logs_as_json() -> bool:
    """Whether stderr is a log of JSON: also for lines about settings that cannot be used."""
    return os.environ.get(panel_settings.variable("log_format")) == "json"


def _tell(line: str, level: int) -> None:
    """Write one line to stderr."""
    if _logs_as_json():
        logging.getLogger("panel").log(level, line)
    else:
        print(f"panel: {line}", file=sys.stderr)


def _stop(reason: str) -> NoReturn:
    """End the process with one line on stderr."""
    _tell(reason, logging.ERROR)
    raise SystemExit(2) from None
