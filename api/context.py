"""The app's settings, with their type, for code that runs while the app serves or commands."""

from flask import Flask, current_app

from settings import Settings

_EXTENSION = "panel_settings"


def bind_settings(app: Flask, settings: Settings) -> None:
    """Give the app its settings."""
    app.extensions[_EXTENSION] = settings


def settings_of(app: object) -> Settings | None:
    """The settings of a WSGI app, None if it is not the panel."""
    found = getattr(app, "extensions", {}).get(_EXTENSION)
    assert found is None or isinstance(found, Settings)
    return found


def current_settings() -> Settings:
    """The settings of the app that serves this request or runs this command."""
    settings = current_app.extensions[_EXTENSION]
    assert isinstance(settings, Settings)
    return settings
