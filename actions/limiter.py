"""The rate limit at the door: Flask-Limiter, made quick for limits that are decorators alone."""

import math
import time
from functools import cache
from typing import Any, NamedTuple

from flask import Flask, Response, g
from flask_limiter import Limiter, RateLimitExceeded


class Count(NamedTuple):
    """Where a caller stands in a window: how many requests it has, had, and when it ends."""

    limit: int
    counted: int
    ends: float


class QuickLimiter(Limiter):
    """Flask-Limiter where each limit is the decorator of a function, one a function.

    Flask-Limiter searches at each request, twice, for the limits of the app, of blueprints and
    of functions, parses what it finds, and asks the storage four times: that takes as long as
    all else that the panel does. Here a function's limit is looked up once, and a request is
    one count. While the storage is down all is Flask-Limiter's own.
    """

    def init_app(self, app: Flask) -> None:
        """As Flask-Limiter's, without its work before and after the requests of all routes."""
        self._limit_of = cache(self._find_limit)
        app.extensions.setdefault("limiter", set()).add(self)  # so it adds none
        super().init_app(app)
        app.after_request(self._tell)

    def _check_request_limit(
        self, callable_name: str | None = None, in_middleware: bool = True
    ) -> None:
        """Count a call of a decorated function.

        :raises RateLimitExceeded: if it is one too many.
        """
        if not self._storage_dead:
            limit = self._limit_of(callable_name)
            key = limit.limit.key_for(limit.key_func(), limit.scope)
            try:
                counted = self.storage.incr(key, limit.limit.get_expiry())
                ends = self.storage.get_expiry(key)
            except self.storage.base_exceptions:
                pass
            else:
                g.count = Count(limit.limit.amount, counted, ends)
                if counted > limit.limit.amount:
                    raise RateLimitExceeded(limit)
                return
        super()._check_request_limit(callable_name, in_middleware)

    def _find_limit(self, callable_name: str | None) -> Any:
        (limit,) = self.limit_manager.decorated_limits(callable_name or "")
        return limit

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
