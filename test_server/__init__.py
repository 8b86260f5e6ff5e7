"""`flask test-server`: a real panel to test API clients against, and its remote control."""

from flask import Flask

from test_server.command import CreateApp, make_command


def register(app: Flask, create_app: CreateApp) -> None:
    """Add the command to the app.

    :param create_app: makes the app that the command serves.
    """
    app.cli.add_command(make_command("test-server", create_app))
    # What the command was called before.
    app.cli.add_command(make_command("sandbox", create_app, hidden=True))
