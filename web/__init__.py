"""Public pages: the API's description, its reference page, and the static files of all pages.

The pages are rendered on the server, with nothing loaded from elsewhere and no inline script.
"""

import hashlib
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request

from panel import __version__
from settings import Settings
from web import openapi
from web.reference import page

STATIC = Path(__file__).parent / "static"


def register(app: Flask, settings: Settings) -> None:
    """Add the description of the API, its reference page and the static files to the app."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        panel_name=settings.name, panel_version=__version__, currency=settings.currency
    )
    app.register_blueprint(_assets())
    page.register(app, settings.currency)
    described = openapi.document(settings.currency, settings.name)

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return jsonify(described)


def _assets() -> Blueprint:
    """The static files: a hash of them is in their addresses, so that browsers can keep them."""
    assets = Blueprint(
        "assets",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    files_hash = _files_hash()

    @assets.url_defaults
    def add_hash(endpoint: str, values: dict[str, Any]) -> None:
        values.setdefault("v", files_hash)

    @assets.after_request
    def allow_caching(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.args.get("v") == files_hash and response.status_code in (200, 304):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    return assets


def _files_hash() -> str:
    """A short hash of all static files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
