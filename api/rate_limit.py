"""The rate limit: Flask-Limiter with one limit, and a request counts where count() is called.

Left to itself, Flask-Limiter looks before and after each request for limits of the app, of
blueprints and of functions, and asks the storage four times, which takes as long as all else that
the panel does. Here a request is one count in Flask-Limiter's storage. While that storage is
down, Flask-Limiter itself counts, in this process's memory, and looks for the storage's return.

What this assumes of Flask-Limiter, each with a test of its own:

1. Its work around every request is done by hooks of the app that it is given. It is given one of
   its own, so the panel's app has no such hooks.
2. `limiter.limiter` is what counts at present, and its `storage` is `limiter.storage` unless that
   is down.
3. A function that `shared_limit` has decorated counts the request in which it is called, in any
   app, under the key that `limits` makes of `request_key()` and the scope; and there Flask-Limiter
   notices that the storage fails, and that it is back.
"""

import ipaddress
import math
import time
from typing import NamedTuple

import limits
from flask import Flask, Response, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits.storage import Storage

from api.shared_counters import SharedCounters
from panel.accounts import Caller
from panel.errors import TOO_MANY_REQUESTS, RequestRejected

SCOPE = "api"
"""Part of each key, apart from what else is counted in the storage."""


class Standing(NamedTuple):
    """Where a request stands in its window: the limit, its number, and when the window ends."""

    limit: int
    counted: int
    ends: float


class RateLimit:
    """One limit for all requests that are counted, told in their answers' headers."""

    def __init__(self, app: Flask, limit: str, storage_uri: str) -> None:
        """Set up the limit and its headers on an app.

        :param limit: as `limits` writes it, such as "120 per minute".
        :param storage_uri: a storage of `limits`; empty for memory that all workers share.
        :raises limits.errors.ConfigurationError, OSError, ValueError: if the storage is unknown
            or cannot be used.
        """
        self._limit = limits.parse(limit)
        self._limiter = Limiter(
            request_key,
            app=Flask(__name__, static_folder=None),
            storage_uri=storage_uri or "shared-memory://",
            strategy="fixed-window",
            in_memory_fallback_enabled=True,
        )
        self._count_by_flask_limiter = self._limiter.shared_limit(limit, scope=SCOPE)(_do_nothing)
        app.extensions["limiter"] = {self._limiter}  # where Flask-Limiter's own users look for it
        app.after_request(_add_headers)

    def count(self) -> None:
        """Count this request.

        :raises RequestRejected: if it is one too many.
        """
        standing = self._count_in_storage() or self._count_while_storage_is_down()
        g.rate_limit = standing
        if standing.counted > standing.limit:
            raise RequestRejected(TOO_MANY_REQUESTS)

    def _count_in_storage(self) -> Standing | None:
        """Count with one look into the storage; None if it is down."""
        storage = self._limiter.storage
        if self._limiter.limiter.storage is not storage:
            return None
        key = self._limit.key_for(request_key(), SCOPE)
        try:
            hits, ends = _hit(storage, key, self._limit.get_expiry())
        except storage.base_exceptions:
            return None
        return Standing(self._limit.amount, hits, ends)

    def _count_while_storage_is_down(self) -> Standing:
        try:
            self._count_by_flask_limiter()
            exceeded = False
        except RateLimitExceeded:
            exceeded = True
        present = self._limiter.limiter
        ends, remaining = present.get_window_stats(self._limit, request_key(), SCOPE)
        return Standing(self._limit.amount, self._limit.amount - remaining + exceeded, ends)


def request_key() -> str:
    """With what a request is counted: its account, or its address where the key is bad."""
    caller: Caller | None = g.caller
    return f"account:{caller.id}" if caller else f"address:{network(request.remote_addr or '')}"


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 network of an IPv6 address.

    A customer of an IPv6 provider has at least a /64, so one address of it is nobody's limit. An
    IPv4 address in IPv6's notation is an IPv4 address; what is no address is returned as it is.
    """
    if ":" not in address:
        return address
    if address.startswith("["):  # some proxies add the port
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        return address.partition(":")[0]
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.IPv6Network((int(parsed), 64), strict=False))


def _do_nothing() -> None:
    """What Flask-Limiter decorates: it counts when this is called."""


def _hit(storage: Storage, key: str, expiry_s: int) -> tuple[int, float]:
    """Count a hit; return the hits of the key's window and when it ends."""
    if isinstance(storage, SharedCounters):  # both with one look
        return storage.hit(key, expiry_s)
    return storage.incr(key, expiry_s), storage.get_expiry(key)


def _add_headers(response: Response) -> Response:
    """Tell where the request stands, and with a refusal how many seconds to wait."""
    standing: Standing | None = g.get("rate_limit")
    if standing is not None:
        headers = response.headers
        headers.add("X-RateLimit-Limit", str(standing.limit))
        headers.add("X-RateLimit-Remaining", str(max(0, standing.limit - standing.counted)))
        headers.add("X-RateLimit-Reset", str(int(standing.ends + 1)))
        if standing.counted > standing.limit:
            # Rounded up: a client that waits so long is not refused again.
            headers["Retry-After"] = str(max(1, math.ceil(standing.ends - time.time())))
    return response
