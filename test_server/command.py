"""The command: a real server with a temporary database, for tests of API clients."""

import json
import logging
import os
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
from flask import Flask, Response
from werkzeug.serving import make_server

from api.context import current_settings
from api.dialects import DIALECTS
from command_line import OneOf, PlainCommand, Whole
from database.migrate import open_database
from settings import Settings
from test_server.control import Control

CreateApp = Callable[[Settings], Flask]


def make_command(name: str, create_app: CreateApp, hidden: bool = False) -> click.Command:
    """The command that serves a test panel.

    :param create_app: makes the app on a database of its own.
    """

    @click.command(name, cls=PlainCommand, hidden=hidden)
    @click.option("--port", type=Whole(0, 65535), default=0, help="0: any free port.")
    @click.option(
        "--dialect",
        type=OneOf(DIALECTS),
        default="sns",
        show_default=True,
        help="How the customer is answered.",
    )
    @click.option(
        "--rate-limit",
        type=Whole(1, 10**9),
        default=1_000_000,
        show_default=True,
        help="Requests a minute for each key.",
    )
    def command(port: int, dialect: str, rate_limit: int) -> None:
        """Serve a panel to test API clients against.

        Prints one line of JSON: the API's url, the key of a customer with funds, the number of a
        service of each type, and the address of the remote control. Everything is forgotten at
        the end. Nothing is sent to any provider: orders move only when the remote control moves
        them.

        It stops at Ctrl-C, with its terminal, or when the program at the other end of its
        standard input closes it.
        """
        _serve(create_app, port, dialect, f"{rate_limit} per minute")

    return command


def _serve(create_app: CreateApp, port: int, dialect: str, rate_limit: str) -> None:
    """Serve on a temporary database until the process is told to stop."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    stop = _stop_event()
    with tempfile.TemporaryDirectory(
        prefix="panel-test-server-", ignore_cleanup_errors=True
    ) as folder:
        # Listening already, for the app is told at which address.
        server = make_server("127.0.0.1", port, Response(status=503), threaded=True)
        url = f"http://127.0.0.1:{server.server_port}"
        settings = replace(
            current_settings(),
            database=Path(folder) / "panel.db",
            ratelimit_storage="memory://",
            synchronous="OFF",
            dialect=dialect,
            rate_limit=rate_limit,
            public_url=url,
        )
        open_database(settings.database, settings.synchronous)  # the app says that it created one
        control = Control(create_app(settings).wsgi_app, dialect)
        server.app = control
        line = {
            "url": f"{url}/api/v2",
            "key": control.key,
            "services": control.services,
            "control": f"{url}{control.path}",
        }
        threading.Thread(target=server.serve_forever, daemon=True).start()
        click.echo(json.dumps(line))
        sys.stdout.flush()
        stop.wait()


def _stop_event() -> threading.Event:
    """An event that is set at SIGTERM, SIGINT or SIGHUP, or when the standard input ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    def wait_for_end_of_input() -> None:
        sys.stdin.read()
        stop.set()

    if _input_is_a_pipe():
        threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    return stop


def _input_is_a_pipe() -> bool:
    """Whether another program holds the other end of the standard input.

    /dev/null is at its end already, and a terminal stops a background process that reads it.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
