"""Sending a message to the addresses of PANEL_NOTIFY, by Apprise in a process of its own.

Apprise is an extra requirement. In a process of its own it can be ended for good when a service
does not answer, whatever it waits for, and takes no memory between two messages. The address goes
there by a pipe: it is a secret.
"""

import importlib.util
import ipaddress
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from panel.alerts.message import Message

SEND_S = 30
"""How long an address has to take a message."""

MISSING = (
    "PANEL_NOTIFY needs the package apprise: .venv/bin/pip install -r requirements-notify.txt"
)
NO_ANSWER = "no answer in time"
_SENDER = Path(__file__).with_name("sender.py")


def is_installed() -> bool:
    """Whether messages can be sent: Apprise is an extra."""
    return importlib.util.find_spec("apprise") is not None


def send(address: str, message: Message, limit_s: int = SEND_S) -> str:
    """Send a message to one address; why it was not taken, or "".

    What is returned never holds any part of the address.
    """
    request = json.dumps({"address": address, **message._asdict(), "limit_s": limit_s})
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", str(_SENDER)],
            input=request, capture_output=True, text=True, timeout=limit_s, check=False,
            env=_environment(),
        )  # fmt: skip
        return str(json.loads(done.stdout)["problem"])
    except subprocess.TimeoutExpired:
        return NO_ANSWER
    except (OSError, ValueError, KeyError, TypeError):
        return "the message could not be sent: an internal error"


def _environment() -> dict[str, str]:
    """The environment without the panel's own settings, for some of them are secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PANEL_")}


def label(address: str) -> str:
    """An address as it may be shown: its scheme, and its host where that is one.

    In many addresses a token or a topic stands where others have the host.
    """
    scheme, _, rest = address.partition("://")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?", place)
    if found is None or scheme in _NO_HOST or not _is_host(found[1]):
        return f"{scheme}://\N{HORIZONTAL ELLIPSIS}"
    return f"{scheme}://{place}"


_NO_HOST = ("tgram", "slack", "discord", "bark", "pover", "pbul", "line")
"""Schemes of which the first part is always a secret."""


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return text == "localhost" or bool(re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,24}", text, re.I))
    return True
