"""`python -m cli`: the operator's commands as `panel` has them on a server (deploy/panel)."""

import os

import click
from flask.cli import FlaskGroup

from command_line import plainly
from panel.called import NAME


class PanelGroup(FlaskGroup):
    """Flask's `flask`, with the panel's help, and errors of one line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As Flask's, with the error in one line."""
        with plainly(ctx):
            return super().parse_args(ctx, args)


main = PanelGroup(
    help="The panel's commands. Each explains itself with --help.", add_version_option=False
)
for option in main.params:
    option.hidden = True  # type: ignore[attr-defined]  # Flask's own, which is told its app here


if __name__ == "__main__":
    main.main(prog_name=os.environ.get("PANEL_COMMAND", NAME))
