"""Session cookies, which only the dashboard has, and the key that signs them."""

import os
import secrets
from pathlib import Path

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from settings import Settings

ADMIN = "/admin"


def register(app: Flask, settings: Settings) -> None:
    """Give the app sessions, signed with the key of the settings or of its file.

    :raises OSError: if the file can be neither read nor made.
    """
    app.secret_key = settings.secret_key or kept_key(settings.secret_key_file)
    app.session_interface = DashboardSessions()


class DashboardSessions(SecureCookieSessionInterface):
    """Sessions on the dashboard's pages alone; a request to the API does no work for one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a page under /admin; None anywhere else."""
        return super().open_session(app, request) if is_dashboard(request.path) else None

    def get_cookie_name(self, app: Flask) -> str:
        """Its own name: panels beside each other on one host do not share it with others."""
        return "panel_session"

    def get_cookie_path(self, app: Flask) -> str:
        """Not sent to the API."""
        return ADMIN

    def get_cookie_samesite(self, app: Flask) -> str:
        """Not sent along with another site's forms."""
        return "Lax"

    def get_cookie_secure(self, app: Flask) -> bool:
        """Over HTTPS alone, where the request came over it."""
        return request.is_secure


def is_dashboard(path: str) -> bool:
    """Whether a path is the dashboard's."""
    return path == ADMIN or path.startswith(ADMIN + "/")


def kept_key(path: Path) -> str:
    """The signing key in this file, which is created if it is missing.

    Processes that create it at the same time end with the same key.

    :raises OSError: if it can be neither read nor made.
    """
    if not path.exists():
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return path.read_text()
