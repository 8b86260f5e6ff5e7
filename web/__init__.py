"""What is served beside the API itself: its description, and pages for people.

The pages are rendered on the server, with nothing loaded from elsewhere and no inline script.
"""

from typing import Any

from flask import Blueprint, Flask, Response, jsonify

from web import admin, openapi, sessions


def register(app: Flask, settings: Any) -> None:
    """Add the description of the API and the pages to the app.

    :param settings: the app's Settings; this floor reads them but does not know their module.
    """
    app.secret_key = settings.secret_key or sessions.kept_key(settings.secret_key_file)
    app.session_interface = sessions.DashboardSessions()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["panel_name"] = settings.name
    app.jinja_env.globals["currency"] = settings.currency
    assets = Blueprint(
        "assets",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    assets.after_request(_never_sniff)
    app.register_blueprint(assets)
    admin.register(app)
    described = openapi.document(settings.currency, settings.name)

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return jsonify(described)


def _never_sniff(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
