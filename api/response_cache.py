"""Answers as bytes: compressed for clients that accept that, and kept while they stay the same."""

import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from flask import Request, Response

MAX_KEPT = 4
"""Enough for the list price and a few discounts; each may take a megabyte in each worker."""


class Encoded(NamedTuple):
    """An answer as JSON, the same compressed, and the ETag of both."""

    plain: bytes
    gzipped: bytes
    tag: str


class ResponseCache:
    """The newest answers of one process, by what they were made from."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Encoded] = {}
        self._making_lock = threading.Lock()

    def get_or_make(self, version: Hashable | None, make: Callable[[], Any]) -> Encoded:
        """The answer of this version; `make` gives it as plain data where it is not kept yet.

        :param version: what the answer is made from; None for one that cannot be kept.
        """
        if version is None:
            return _encoded(make())
        found = self._kept.get(version)
        if found is None:
            with self._making_lock:  # who comes meanwhile waits for this answer
                found = self._kept.get(version) or _encoded(make())
                self._kept[version] = found
                if len(self._kept) > MAX_KEPT:
                    del self._kept[next(iter(self._kept))]
        return found


def encode(value: Any) -> bytes:
    """Write an answer as compact JSON with a newline."""
    return _ENCODER.encode(value).encode() + b"\n"


_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _encoded(value: Any) -> Encoded:
    """Write an answer as JSON, plain and compressed."""
    plain = encode(value)
    tag = hashlib.sha256(plain).hexdigest()[:32]
    return Encoded(plain, gzip.compress(plain, mtime=0), tag)


def respond(request: Request, encoded: Encoded) -> Response:
    """The response: 304 for a client that has the answer already, else as it can read it."""
    # A weak tag, because it stands for the compressed bytes too.
    headers = {"ETag": f'W/"{encoded.tag}"', "Vary": "Accept-Encoding"}
    if request.if_none_match.contains_weak(encoded.tag):
        return Response(status=304, headers=headers)
    body = encoded.plain
    if request.accept_encodings["gzip"] > 0:
        headers["Content-Encoding"] = "gzip"
        body = encoded.gzipped
    return Response(body, headers=headers, mimetype="application/json")
