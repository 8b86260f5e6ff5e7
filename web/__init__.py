"""What is served beside the API itself: its description, and pages for people.

The pages are rendered on the server, with nothing loaded from elsewhere and no inline script.
"""

import hashlib
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request

from web import dashboard, openapi, sessions
from web.reference import page

STATIC = Path(__file__).parent / "static"


def register(app: Flask, settings: Any) -> None:
    """Add the description of the API and the pages to the app.

    :param settings: the app's Settings; this floor reads them but does not know their module.
    """
    app.secret_key = settings.secret_key or sessions.kept_key(settings.secret_key_file)
    app.session_interface = sessions.DashboardSessions()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["panel_name"] = settings.name
    app.jinja_env.globals["currency"] = settings.currency
    app.register_blueprint(_assets())
    page.register(app, settings.currency)
    dashboard.register(app)
    described = openapi.document(settings.currency, settings.name)

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return jsonify(described)


def _assets() -> Blueprint:
    """The static files: their version is in their address, so that browsers keep them."""
    assets = Blueprint(
        "assets",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    version = _version()

    @assets.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("v", version)

    @assets.after_request
    def keep(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.args.get("v") == version and response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    return assets


def _version() -> str:
    """A short hash of all static files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
