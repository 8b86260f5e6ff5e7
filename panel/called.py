"""What the operator's command is called where it is told of: `flask`, or `panel` on a server."""

import re

NAME = "flask"
"""What the texts of the code call it."""

GROUPS = (
    "attention", "audit", "backup", "cancel", "demo", "doctor", "init-db", "ledger", "moved",
    "notify", "operator", "order", "provider", "refill", "replica-check", "report", "restore",
    "restored", "service", "test-server", "user", "version", "worker",
)  # fmt: skip
"""The commands that texts tell of; what a customer or provider wrote is hardly one of them."""

_COMMAND = re.compile(rf"\b{NAME} (?=(?:{'|'.join(GROUPS)})\b)")


def as_called(name: str, text: str) -> str:
    """A text whose commands begin with this name, as the setting `command` has it."""
    return text if name == NAME else _COMMAND.sub(lambda _: f"{name} ", text)
