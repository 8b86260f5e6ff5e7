"""Bare Flask: one route that answers the same bytes every time and does nothing else."""

import os
from pathlib import Path

from flask import Flask, Response

app = Flask(__name__, static_folder=None)
BODY = Path(os.environ["BARE_BODY"]).read_bytes()
STATUS = int(os.environ["BARE_STATUS"])


@app.route("/api/v2", methods=["GET", "POST"])
def answer() -> Response:
    """The bytes."""
    return Response(BODY, STATUS, mimetype="application/json")
