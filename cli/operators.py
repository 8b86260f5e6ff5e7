"""flask operator: who may sign in to the dashboard at /admin."""

from typing import Any

import click

from cli.common import (
    COMMAND_LINE,
    Group,
    as_json,
    as_list,
    show_one,
    show_rows,
    when,
)
from cli.prompts import Secret, read_secret
from command_line import OneOf
from models import Operator
from panel import operators
from panel.operations import operators as operations
from panel.operators import Role
from panel.sign_in import sessions, totp


@click.group("operator", cls=Group, short_help="Who may sign in to the dashboard.")
def group() -> None:
    """Who may sign in to the dashboard; without an operator it is off."""


PASSWORD = Secret("password", "In a script, give --password-env VARIABLE.", repeated=True)


password_env = click.option(
    "--password-env", help="Read the password from this environment variable."
)
ROLE = OneOf([str(role) for role in Role])


@group.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=ROLE,
    default=str(Role.OPERATOR),
    show_default=True,
    help="A viewer sees everything and changes nothing.",
)
@password_env
@as_json
def add(name: str, role: str, password_env: str | None, as_json: bool) -> None:
    """Add an operator; the password is asked for.

    Example: flask operator add alice --password-env PASSWORD
    """
    operators.check_name(name)
    operations.add(COMMAND_LINE, name, read_secret(PASSWORD, password_env), Role(role))
    if as_json:
        show_one(_row(operators.get(name)), True)
    else:
        click.echo(f"Operator {name} is added and can sign in at /admin.")


@group.command("list")
@as_list
def list_(as_json: bool) -> None:
    """List all operators: their roles, and when they were last seen."""
    rows = [_row(operator) for operator in operators.listing()]
    show_rows(rows, as_json, "No operators yet; /admin is off.")


def _row(operator: Operator) -> dict[str, Any]:
    seen_at = operators.last_seen(operator.id)
    return {
        "name": operator.name,
        "added": when(operator.created_at),
        "role": operator.role,
        "totp": bool(operator.totp_secret),
        "seen": None if seen_at is None else when(seen_at),
    }


@group.command("role")
@click.argument("name")
@click.argument("role", type=ROLE)
def role(name: str, role: str) -> None:
    """Let an operator change things, or as a viewer only look.

    Example: flask operator role alice viewer
    """
    operations.set_role(COMMAND_LINE, name, Role(role))
    click.echo(f"{name} is {'a viewer' if role == Role.VIEWER else 'an operator'} now.")


@group.command("sessions")
@click.argument("name")
@as_list
def sessions_(name: str, as_json: bool) -> None:
    """Where an operator is signed in."""
    rows = [
        {
            "session": session.id,
            "device": session.device,
            "address": session.address,
            "since": when(session.created_at),
            "seen": when(session.seen_at),
        }
        for session in sessions.listing(operators.get(name).id)
    ]
    show_rows(rows, as_json, f"{name} is signed in nowhere.")


@group.command("sign-out")
@click.argument("name")
def sign_out(name: str) -> None:
    """End all sessions of an operator."""
    ended = operations.end_sessions(COMMAND_LINE, name)
    click.echo(f"Sessions of {name} that were ended: {ended}.")


@group.command("unlock")
@click.argument("name")
def unlock(name: str) -> None:
    """Let an operator sign in who is locked out after wrong passwords.

    Forgets what was counted against the name, its devices, and all addresses.
    """
    operations.unlock(COMMAND_LINE, name)
    click.echo(f"{name} can sign in again.")


@group.command("totp")
@click.argument("act", type=OneOf(["off", "show"]))
@click.argument("name")
def totp_(act: str, name: str) -> None:
    """Turn off an operator's one-time passwords, or show their state.

    Such as after the loss of a phone.

    Example: flask operator totp off alice
    """
    if act == "off":
        operations.turn_off_totp(COMMAND_LINE, name)
        click.echo(f"{name} signs in with the password alone now.")
        return
    operator = operators.get(name)
    left = totp.codes_left(operator.id)
    shown = f"on, {left} recovery codes are left" if operator.totp_secret else "off"
    click.echo(f"One-time passwords of {name}: {shown}.")


@group.command("password")
@click.argument("name")
@password_env
def password(name: str, password_env: str | None) -> None:
    """Give an operator a new password; all its sessions end.

    One-time passwords stay on.
    """
    operators.get(name)
    operations.set_password(COMMAND_LINE, name, read_secret(PASSWORD, password_env))
    click.echo(f"Operator {name} has a new password.")


@group.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove an operator; its sessions end, its audit lines stay."""
    operations.remove(COMMAND_LINE, name)
    click.echo(f"Operator {name} is removed.")
