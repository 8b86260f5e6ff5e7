"""flask notify: what is wrong now, a test of who is told of it, and a unit that failed."""

import re

import click
from flask import current_app
from peewee import PeeweeException

from api.context import current_settings
from cli.common import (
    Group,
    as_list,
    open_database,
    show_rows,
    when,
)
from command_line import FailedError, PlainCommand
from database.connection import disconnect
from panel.alerts import events, notify, record
from panel.alerts.message import Message
from panel.alerts.record import Standing
from panel.alerts.words import sentence


@click.group("notify", cls=Group, short_help="Alerts: what is wrong now, and who is told.")
def group() -> None:
    """Alerts: what is wrong now, and who is told of it (PANEL_NOTIFY)."""


@group.command("list")
@as_list
def list_(as_json: bool) -> None:
    """List what is wrong now, since when, and when somebody was told."""
    rows = [_row(alert) for alert in record.standing()]
    nothing = "Nothing is wrong, as far as the worker has looked."
    show_rows(rows, as_json, nothing, ("kind", "about", "since", "text"), cut_last=("text",))


def _row(alert: Standing) -> dict[str, object]:
    return {
        "kind": alert.kind,
        "about": alert.subject,
        "since": when(alert.since),
        "told": when(alert.told_at) if alert.told_at is not None else None,
        "text": sentence(alert.text),
    }


@group.command("test", cls=PlainCommand)
def test() -> None:
    """Send a message to each address of PANEL_NOTIFY.

    Says which of them took it. Exit code 1 if one did not, or if there is none.
    """
    _send(events.trial_message(current_settings()))


@group.command("failed", cls=PlainCommand)
@click.argument("unit")
def failed(unit: str) -> None:
    """Tell that a unit of systemd failed; panel-failed@.service runs it.

    The message is sent also where the database cannot be opened.
    """
    if not re.fullmatch(r"[\w.@:\\-]{1,255}", unit, re.ASCII):
        raise click.UsageError(f"{unit!r} is not the name of a unit")
    settings = current_settings()
    is_open = _try_to_open()
    is_told = False
    try:
        if not (is_open and _was_told(unit)):
            _send(events.unit_message(settings, unit))
            is_told = True
    finally:
        if is_open:
            _try_to_record(unit, is_told)
            disconnect()


def _send(message: Message) -> None:
    """Send a message to every address, and say which of them took it.

    :raises FailedError: if one did not, or if there is none.
    """
    settings = current_settings()
    if not settings.notify:
        raise FailedError("PANEL_NOTIFY is empty: nobody is told anything")
    if not notify.is_installed():
        raise FailedError(notify.MISSING)
    results = events.tell_all(settings, message, notify.send)
    for label, problem in results:
        click.echo(f"{label}: {f'not taken: {problem}' if problem else 'taken'}")
    if count := sum(bool(problem) for _, problem in results):
        raise FailedError(f"{count} of {len(results)} did not take the message")


def _try_to_open() -> bool:
    """Open the database, if that can be done; why not is on stderr then."""
    try:
        open_database(current_app)
    except SystemExit:
        return False
    return True


def _was_told(unit: str) -> bool:
    try:
        return events.was_told(unit)
    except PeeweeException:
        return False


def _try_to_record(unit: str, is_told: bool) -> None:
    try:
        events.record_unit(current_settings(), unit, is_told)
    except PeeweeException as error:
        click.echo(f"panel: the database refused: {error}", err=True)
