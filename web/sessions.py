"""Session cookies, for the dashboard alone, and the key that signs them."""

import os
import secrets
from pathlib import Path

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

ADMIN = "/admin"


class DashboardSessions(SecureCookieSessionInterface):
    """Cookies for the dashboard: whoever calls the API has no session and pays for none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a page under /admin; None anywhere else."""
        return super().open_session(app, request) if belongs(request.path) else None

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


def belongs(path: str) -> bool:
    """Whether a path is the dashboard's."""
    return path == ADMIN or path.startswith(ADMIN + "/")


def kept_key(path: Path) -> str:
    """The signing key in this file, which is made if there is none.

    All processes end with the same one, whichever of them was first.

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
