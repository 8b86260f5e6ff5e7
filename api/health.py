"""/healthz: whether the panel can answer, and its version."""

from flask import Flask, Response, jsonify

from database.connection import database
from panel import __version__


def register(app: Flask) -> None:
    """Add /healthz to the app."""
    app.add_url_rule("/healthz", "healthz", _healthz)


def _healthz() -> Response:
    database.execute_sql("SELECT 1 FROM accounts LIMIT 1")
    return jsonify({"status": "ok", "version": __version__})
