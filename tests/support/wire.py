"""Requests as rows of a table, sent alike to the app and to a real server."""

import json
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask.testing import FlaskClient

Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=edge"}


class Message(NamedTuple):
    """One HTTP request."""

    method: str = "POST"
    target: str = "/api/v2"
    body: bytes = b""
    headers: Mapping[str, str] = {}

    def bearing(self, key: str) -> "Message":
        """The same with a bearer header."""
        return self._replace(headers={**self.headers, "Authorization": f"Bearer {key}"})

    def asking(self, pairs: Pairs) -> "Message":
        """The same with a query behind its path."""
        return self._replace(target=f"{self.target}?{_urlencoded(pairs)}")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Send = Callable[[Message], Answer]


def form(pairs: Pairs) -> Message:
    return Message(body=_urlencoded(pairs).encode(), headers=FORM)


def query(pairs: Pairs) -> Message:
    return Message("GET").asking(pairs)


def as_json(value: Any) -> Message:
    return Message(body=json.dumps(value).encode(), headers=JSON)


def multipart(pairs: Pairs) -> Message:
    parts = b"".join(
        b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name.encode(), str(value).encode())
        for name, value in _listed(pairs)
    )
    return Message(body=parts + b"--edge--\r\n", headers=MULTIPART)


def _listed(pairs: Pairs) -> list[tuple[str, Any]]:
    return list(pairs.items() if isinstance(pairs, Mapping) else pairs)


def _urlencoded(pairs: Pairs) -> str:
    return urlencode(_listed(pairs), errors="surrogatepass")


def through(client: FlaskClient) -> Send:
    """Send through Flask's test client."""

    def send(message: Message) -> Answer:
        response = client.open(
            message.target,
            method=message.method,
            data=message.body or None,
            headers=dict(message.headers),
        )
        return Answer(response.status_code, dict(response.headers), response.get_data())

    return send


def over_http(port: int) -> Send:
    """Send to a server on this machine, each message on a connection of its own."""

    def send(message: Message) -> Answer:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(
                message.method, message.target, message.body or None, dict(message.headers)
            )
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    return send
