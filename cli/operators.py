"""flask operator: who may sign in to the dashboard at /admin."""

import sys

import click

from cli.common import Group, as_json, show_rows, when
from panel import operators
from panel.errors import OperatorError

COMMAND_LINE = "(command line)"


@click.group("operator", cls=Group)
def group() -> None:
    """Who may sign in to the dashboard; without an operator there is none."""


def _password() -> str:
    """The password, from where no process list shows it."""
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
    password = _password()
    with operators.audited(COMMAND_LINE, "", f"operator {name}: add"):
        operators.add(name, password)
    click.echo(f"Operator {name} is added and can sign in at /admin.")


@group.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All operators."""
    rows = [{"name": o.name, "added": when(o.created_at)} for o in operators.listing()]
    show_rows(rows, as_json, "No operators yet; /admin is off.")


@group.command("password")
@click.argument("name")
def password(name: str) -> None:
    """Give an operator another password; sessions with the old one end."""
    if name not in {operator.name for operator in operators.listing()}:
        raise OperatorError(f"there is no operator {name}")
    new = _password()
    with operators.audited(COMMAND_LINE, "", f"operator {name}: new password"):
        operators.set_password(name, new)
    click.echo(f"Operator {name} has a new password.")


@group.command("remove")
@click.argument("name")
def remove(name: str) -> None:
    """Remove an operator; its sessions end, the lines of what it did stay."""
    with operators.audited(COMMAND_LINE, "", f"operator {name}: remove"):
        operators.remove(name)
    click.echo(f"Operator {name} is removed.")
