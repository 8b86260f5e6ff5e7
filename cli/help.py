"""`flask --help`: the panel's commands in groups, without Flask's own, which stay usable."""

from collections.abc import Mapping

import click
from flask import Flask
from flask.cli import AppGroup, FlaskGroup

from command_line import BadInputError, no_such_command

SECTIONS = {
    "Customers and money": ("user", "ledger", "report"),
    "Catalogue and providers": ("service", "provider"),
    "Orders": ("order", "refill", "cancel"),
    "What waits for you": ("attention", "notify", "restored"),
    "Looking after the panel": (
        "doctor", "audit", "operator", "backup", "restore", "moved", "replica-check", "init-db",
        "version",
    ),
    "Running it, and trying it out": ("worker", "test-server", "demo"),
}  # fmt: skip
"""Every command that is listed, by what it is for."""

WIDTH = 78
"""As wide as click's own help."""


class PanelCommands(AppGroup):
    """The app's commands, as Flask's `flask` finds them in it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names that click lists: none below Flask's help, where they stand in groups.

        All of them for the completion of a shell.
        """
        if isinstance(ctx.command, FlaskGroup) and not ctx.resilient_parsing:
            return []
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name.

        :raises BadInputError: if there is none.
        """
        command = super().get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            shown = [name for name, known in self.commands.items() if not known.hidden]
            hint = f"(see {ctx.find_root().info_name} --help)"
            raise BadInputError(f"{no_such_command(name, shown)} {hint}")
        return command


def arrange(app: Flask) -> None:
    """Have the app's commands listed in groups, and Flask's own not at all.

    To be called when all were added. Where `flask` looks for them in the app, it has written its
    help but for the commands already: the groups become the end of it.
    """
    app.cli = PanelCommands(app.name, app.cli.commands)
    context = click.get_current_context(silent=True)
    if context is not None and isinstance(context.command, FlaskGroup):
        for command in context.command.commands.values():
            command.hidden = True
        context.command.epilog = "\n\n".join(_sections(app.cli.commands))


def _sections(commands: Mapping[str, click.Command]) -> list[str]:
    """Each group as click leaves it: with a heading, and a line for each command."""
    column = max(map(len, commands)) + 2
    return [
        "\n".join(["\b", f"{heading}:", *(_line(name, commands[name], column) for name in names)])
        for heading, names in SECTIONS.items()
    ]


def _line(name: str, command: click.Command, column: int) -> str:
    return f"  {name:{column}}{command.get_short_help_str(WIDTH - column - 4)}"
