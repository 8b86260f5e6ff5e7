"""What is told at once, beside the rounds: a unit of the system that failed, and a test."""

import socket

from database.clock import now, past
from panel.alerts import notify, record
from panel.alerts.kinds import Kind
from panel.alerts.message import Message, Type, title
from panel.alerts.rounds import Send
from settings import Settings

AGAIN_S = 3600
"""A unit that fails again and again is told once in this time."""


def tell_all(settings: Settings, message: Message, send: Send) -> list[tuple[str, str]]:
    """Send a message to every address.

    :returns: for each, how it may be shown, and why it did not take the message, or "".
    """
    return [(notify.label(address), send(address, message)) for address in settings.notify]


def trial_message(settings: Settings) -> Message:
    """What a test of the addresses sends."""
    return Message(title(settings, "a test"), "If you read this, alerts of the panel reach you.")


def unit_message(settings: Settings, unit: str) -> Message:
    """What is told of a unit that failed."""
    text = f"{unit} failed on {socket.gethostname()}, see: journalctl -u {unit} -n 50"
    return Message(title(settings, f"{unit} failed"), text, Type.FAILURE)


def was_told(unit: str) -> bool:
    """Whether it was told of late that this unit failed."""
    told_at = past(record.last_told(Kind.UNIT, unit))
    return told_at is not None and told_at > now() - AGAIN_S


def record_unit(settings: Settings, unit: str, is_told: bool) -> None:
    """Record that a unit failed."""
    record.write_event(Kind.UNIT, unit, unit_message(settings, unit).body, is_told)
