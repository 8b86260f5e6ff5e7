"""flask operator: who may sign in to the dashboard at /admin."""

import sys

import click

from cli.common import COMMAND_LINE, Group, as_json, show_rows, when
from panel import operators
from panel.operations import operators as operations


@click.group("operator", cls=Group)
def group() -> None:
    """Who may sign in to the dashboard; without an operator it is off."""


def _password() -> str:
    """The password, asked for or read from stdin: no process list shows it there."""
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")


@group.command("add")
@click.argument("name")
def add(name: str) -> None:
    """Add an operator; the password is asked for.

    Example: flask operator add alice
    """
    operators.check_name(name)
    operations.add(COMMAND_LINE, name, _password())
    click.echo(f"Operator {name} is added and can sign in at /admin.")


@group.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List all operators."""
    rows = [{"name": o.name, "added": when(o.created_at)} for o in operators.listing()]
    show_rows(rows, as_json, "No operators yet; /admin is off.")


@group.command("password")
@click.argument("name")
def password(name: str) -> None:
    """Give an operator a new password; sessions with the old one end."""
    operators.get(name)
    operations.set_password(COMMAND_LINE, name, _password())
    click.echo(f"Operator {name} has a new password.")


@group.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove an operator; its sessions end, its audit lines stay."""
    operations.remove(COMMAND_LINE, name)
    click.echo(f"Operator {name} is removed.")
