"""The app's settings and address, for code that runs while the app serves or commands."""

from flask import Flask, current_app

from settings import Settings

_EXTENSION = "panel_settings"
_LISTENING = "panel_listening_url"


def bind_settings(app: Flask, settings: Settings, listening_url: str) -> None:
    """Give the app its settings, and the address that its server listens on."""
    app.extensions[_EXTENSION] = settings
    app.extensions[_LISTENING] = listening_url


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


def listening_url() -> str:
    """The address that the server listens on, such as http://127.0.0.1:8000."""
    url = current_app.extensions[_LISTENING]
    assert isinstance(url, str)
    return url


def public_url() -> str:
    """The address that the pages show to customers, without a path.

    Never the Host header, which is whatever a client sends.
    """
    return current_settings().public_url or listening_url()
