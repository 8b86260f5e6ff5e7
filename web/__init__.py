"""What is served beside the API itself: its description, and pages for people."""

from flask import Flask, Response, jsonify

from web import openapi


def register(app: Flask, currency: str) -> None:
    """Add the description of the API to the app."""
    described = openapi.document(currency)

    @app.get("/openapi.json")
    def openapi_json() -> Response:
        return jsonify(described)
