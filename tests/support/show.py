"""Serve a panel to look at: PYTHONPATH=.:tests python -m support.show tidy, or every_state."""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from panel import heartbeat
from support import every_state, tidy_panel
from support.apps import Server
from support.dashboard import PASSWORD
from support.every_state import VIEWER
from support.faulty import FaultyProvider
from support.servers import at_the_desk
from support.steps import OLGA

PANELS: dict[str, Callable[[Path, str], object]] = {
    "tidy": tidy_panel.build,
    "every_state": every_state.build,
}


def main(name: str) -> None:
    """Serve the panel until the command is interrupted, on a database that is gone afterwards."""
    folder = Path(tempfile.mkdtemp())
    provider = FaultyProvider()
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    try:
        PANELS[name](server.database, provider.url)
        server.start()
        print(f"http://127.0.0.1:{server.port}/admin")
        print(f"Sign in as {OLGA.name} or {VIEWER}, with the password: {PASSWORD}")
        with at_the_desk(server):
            while not threading.Event().wait(20):
                heartbeat.record_alive()  # as the worker does, which would move the orders on
    except KeyboardInterrupt:
        print()
    finally:
        server.kill()
        provider.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    if sys.argv[1:] not in ([name] for name in PANELS):
        sys.exit(f"Say which panel: {' or '.join(PANELS)}.")
    main(sys.argv[1])
