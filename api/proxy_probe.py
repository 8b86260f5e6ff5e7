"""/healthz/proxy: what the panel sees of a request that `flask doctor` sends through the proxy.

Only for who knows the panel's secret key; for everybody else there is no such address.
"""

from flask import Flask, Response, jsonify, request
from itsdangerous import BadSignature, TimestampSigner
from werkzeug.exceptions import NotFound

PATH = "/healthz/proxy"
HEADER = "X-Panel-Probe"
MAX_AGE_S = 60
ANSWER = {"address", "forwarded_for", "https"}
"""What the answer holds."""


def sign(secret_key: str) -> str:
    """The header's value, good for a minute.

    :param secret_key: what signs the panel's cookies.
    """
    return _signer(secret_key).sign("probe").decode()


def register(app: Flask) -> None:
    """Add the address to an app that has its secret key."""
    secret_key = app.secret_key
    assert isinstance(secret_key, str)

    def probe() -> Response:
        try:
            _signer(secret_key).unsign(request.headers.get(HEADER, ""), max_age=MAX_AGE_S)
        except BadSignature:
            raise NotFound from None
        return jsonify(
            {
                "address": request.remote_addr,
                "forwarded_for": request.headers.get("X-Forwarded-For", ""),
                "https": request.is_secure,
            }
        )

    app.add_url_rule(PATH, "proxy_probe", probe)


def _signer(secret_key: str) -> TimestampSigner:
    return TimestampSigner(secret_key, salt="proxy probe")
