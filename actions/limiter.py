"""The rate limit at the door: Flask-Limiter, made quick for one limit that is always asked."""

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask, Response, g, request
from flask_limiter import Limiter, RateLimitExceeded

from panel.accounts import Caller


class Count(NamedTuple):
    """Where a caller stands in a window: how many requests it has, had, and when it ends."""

    limit: int
    counted: int
    ends: float


class QuickLimiter(Limiter):
    """Flask-Limiter with one limit, of which a request is counted where count() is called.

    Flask-Limiter searches at each request, twice, for the limits of the app, of blueprints and
    of functions, parses what it finds, and asks the storage four times: that takes as long as
    all else that the panel does. Here the limit is known, and a request is one count. While
    the storage is down all is Flask-Limiter's own.
    """

    def __init__(
        self, key_func: Callable[[], str], limit: str, scope: str, **options: Any
    ) -> None:
        """Count by what `key_func` says of a request; the options are Flask-Limiter's."""
        super().__init__(key_func, **options)
        self._scope = scope
        shared = self.shared_limit(limit, scope=scope)
        self.limit_manager.add_decorated_limit(scope, shared)
        (self._limit,) = shared

    def init_app(self, app: Flask) -> None:
        """As Flask-Limiter's, without its work before and after the requests of all routes."""
        app.extensions.setdefault("limiter", set()).add(self)  # so it adds none
        super().init_app(app)
        app.after_request(self._tell)

    def count(self) -> None:
        """Count this request.

        :raises RateLimitExceeded: if it is one too many.
        """
        if not self._storage_dead:
            limit = self._limit.limit
            key = limit.key_for(self._key_func(), self._scope)
            try:
                counted = self.storage.incr(key, limit.get_expiry())
                ends = self.storage.get_expiry(key)
            except self.storage.base_exceptions:
                pass
            else:
                g.count = Count(limit.amount, counted, ends)
                if counted > limit.amount:
                    raise RateLimitExceeded(self._limit)
                return
        self._check_request_limit(self._scope, in_middleware=False)

    def _tell(self, response: Response) -> Response:
        """Add the headers of the limit, and to a refusal how many seconds to wait."""
        count: Count | None = g.get("count")
        if count is None and (own := self.current_limit):  # counted while the storage was down
            ends, remaining = own.window
            count = Count(own.limit.amount, own.limit.amount - remaining + own.breached, ends)
        if count is not None:
            headers = response.headers
            headers.add("X-RateLimit-Limit", str(count.limit))
            headers.add("X-RateLimit-Remaining", str(max(0, count.limit - count.counted)))
            headers.add("X-RateLimit-Reset", str(int(count.ends + 1)))
            if count.counted > count.limit:
                # Rounded up: a client that waits so long is not refused again.
                headers["Retry-After"] = str(max(1, math.ceil(count.ends - time.time())))
        return response


def rate_limit_key() -> str:
    """Where a request is counted: with its account, or with its address where the key is bad."""
    caller: Caller | None = g.caller
    return f"account:{caller.id}" if caller else f"address:{request.remote_addr}"
