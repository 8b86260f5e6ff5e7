"""flask sandbox: a real server with a database of its own, for tests of API clients."""

import json
import logging
import os
import signal
import stat
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import click
from flask import current_app
from werkzeug.serving import make_server

from api.context import current_settings
from api.dialects import DIALECTS
from cli.common import PlainCommand


@click.command("sandbox", cls=PlainCommand)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: any free port.")
@click.option(
    "--dialect",
    type=click.Choice(list(DIALECTS)),
    default="sns",
    show_default=True,
    help="How the customer is answered.",
)
@click.option(
    "--rate-limit",
    type=click.IntRange(1),
    default=1_000_000,
    show_default=True,
    help="Requests a minute for each key.",
)
def command(port: int, dialect: str, rate_limit: int) -> None:
    """Serve a panel to test API clients against, until it is stopped.

    Prints one line of JSON: the API's url, the key of a customer with funds, the number of a
    service of each type, and the address of the remote control. Everything is forgotten at the
    end. Nothing is sent to any provider: orders move only when the remote control moves them.

    It stops at Ctrl-C, with its terminal, or when the program at the other end of its standard
    input closes it.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    stop = _stop_of_this_process()
    with tempfile.TemporaryDirectory(
        prefix="panel-sandbox-", ignore_cleanup_errors=True
    ) as folder:
        settings = replace(
            current_settings(),
            database=Path(folder) / "panel.db",
            ratelimit_storage="memory://",
            synchronous="OFF",
            dialect=dialect,
            rate_limit=f"{rate_limit} per minute",
        )
        control = current_app.config["CREATE_SANDBOX"](settings, dialect)
        server = make_server("127.0.0.1", port, control, threaded=True)
        url = f"http://127.0.0.1:{server.server_port}"
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


def _stop_of_this_process() -> threading.Event:
    """What is set at SIGTERM, SIGINT and SIGHUP, and when the input ends."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    def wait_for_the_end_of_input() -> None:
        sys.stdin.read()
        stop.set()

    if _input_is_a_pipe():
        threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    return stop


def _input_is_a_pipe() -> bool:
    """Whether another program holds the other end of the standard input.

    /dev/null has ended already, and a terminal stops those that read it in the background.
    """
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
