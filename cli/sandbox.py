"""flask sandbox: a real server with a database of its own, for tests of API clients."""

import json
import logging
import signal
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import click
from flask import current_app
from werkzeug.serving import BaseWSGIServer, make_server

from actions.dialects import DIALECTS
from cli.common import Command
from panel import accounts
from panel.money import MICROS
from web.control import Control, fill_catalogue

BALANCE_MICROS = 1000 * MICROS


@click.command("sandbox", cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free port.")
@click.option(
    "--dialect",
    type=click.Choice(list(DIALECTS)),
    default="sns",
    show_default=True,
    help="How answers are shaped.",
)
@click.option("--rate-limit", default="1000000 per minute", help="As PANEL_RATE_LIMIT.")
def command(port: int, dialect: str, rate_limit: str) -> None:
    """Serve a panel to test API clients against, until its terminal or input ends.

    Prints one line of JSON: the API's url, a key with funds, the number of a service of each
    type, and the address of the remote control. Everything is forgotten at the end: nothing is
    sent to any provider, and orders move only when the remote control moves them.
    """
    create_app = current_app.config["CREATE_APP"]
    settings = current_app.config["PANEL"]
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="panel-sandbox-") as folder:
        app = create_app(
            replace(
                settings,
                database=Path(folder) / "panel.db",
                ratelimit_storage="",
                synchronous="OFF",
                dialect=dialect,
                rate_limit=rate_limit,
            )
        )
        control = Control(app.wsgi_app)
        services = fill_catalogue()
        key = accounts.add("sandbox", BALANCE_MICROS)
        server = make_server("127.0.0.1", port, control, threaded=True)
        url = f"http://127.0.0.1:{server.server_port}"
        line = {
            "url": f"{url}/api/v2",
            "key": key,
            "services": services,
            "control": f"{url}{control.path}",
        }
        click.echo(json.dumps(line))
        sys.stdout.flush()
        _serve(server)


def _serve(server: BaseWSGIServer) -> None:
    """Serve until SIGTERM, SIGINT, or the end of standard input."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    def wait_for_the_end_of_input() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    stop.wait()
    server.shutdown()
