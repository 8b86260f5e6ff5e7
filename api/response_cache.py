"""Answers as bytes: compressed where the client can, kept where nothing has changed."""

import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from flask import Request, Response

MAX_KEPT = 4
"""For the list price and a few discounts; each may take a megabyte in each worker."""


class Encoded(NamedTuple):
    """An answer as JSON, the same compressed, and the tag of both."""

    plain: bytes
    gzipped: bytes
    tag: str


def encode(value: Any) -> bytes:
    """Write an answer as compact JSON with a line's end."""
    return _ENCODER.encode(value).encode() + b"\n"


_ENCODER = json.JSONEncoder(separators=(",", ":"))


class ResponseCache:
    """The answers that one process keeps, by what they were made from."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Encoded] = {}
        self._making = threading.Lock()

    def take(self, version: Hashable | None, make: Callable[[], Any]) -> Encoded:
        """The answer of this version, made where it is not there; with None always made."""
        if version is None:
            return _encoded(make())
        found = self._kept.get(version)
        if found is None:
            with self._making:  # the others wait for the first one's
                found = self._kept.get(version) or _encoded(make())
                self._kept[version] = found
                if len(self._kept) > MAX_KEPT:
                    del self._kept[next(iter(self._kept))]
        return found


def _encoded(value: Any) -> Encoded:
    plain = encode(value)
    tag = hashlib.sha256(plain).hexdigest()[:32]
    return Encoded(plain, gzip.compress(plain, mtime=0), tag)


def respond(request: Request, encoded: Encoded) -> Response:
    """The response: 304 where the client has it already, compressed where it can take that."""
    # A weak tag, for it stands for the compressed bytes too.
    headers = {"ETag": f'W/"{encoded.tag}"', "Vary": "Accept-Encoding"}
    if request.if_none_match.contains_weak(encoded.tag):
        return Response(status=304, headers=headers)
    body = encoded.plain
    if request.accept_encodings["gzip"] > 0:
        headers["Content-Encoding"] = "gzip"
        body = encoded.gzipped
    return Response(body, headers=headers, mimetype="application/json")
