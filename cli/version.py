"""flask version: which version of the panel this is, and what it runs on."""

import platform

import click

from command_line import PlainCommand
from database.connection import database
from panel import __version__


@click.command("version", cls=PlainCommand)
def command() -> None:
    """Print the panel's version, Python's and SQLite's."""
    sqlite = ".".join(map(str, database.server_version))
    click.echo(f"{__version__}\nPython {platform.python_version()}, SQLite {sqlite}")
