"""The rate limit at the door: Flask-Limiter, made quick for limits that are decorators alone."""

import math
import time
from functools import cache
from typing import Any

from flask import Flask, Response, g
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit


class QuickLimiter(Limiter):
    """Flask-Limiter where each limit is the decorator of a function, one a function.

    Flask-Limiter searches at each request, twice, for the limits of the app, of blueprints and
    of functions, and parses what it finds; that takes as long as all else that the panel does.
    Here a function's limit is looked up once. What is counted where, how and how long stays
    with Flask-Limiter, and so does all of it while the storage is down.
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
        if self._storage_dead:
            super()._check_request_limit(callable_name, in_middleware)
            return
        limit = self._limit_of(callable_name)
        names = [limit.key_func(), limit.scope]
        counted = RequestLimit(self, limit.limit, names, False, limit.shared)
        try:
            counted.breached = not self.limiter.hit(limit.limit, *names)
            g.counted, _ = counted, counted.window  # which is read now, for the headers
        except self.storage.base_exceptions:
            super()._check_request_limit(callable_name, in_middleware)
            return
        if counted.breached:
            raise RateLimitExceeded(limit)

    def _find_limit(self, callable_name: str | None) -> Any:
        (limit,) = self.limit_manager.decorated_limits(callable_name or "")
        return limit

    def _tell(self, response: Response) -> Response:
        """Add the headers of the limit, and to a refusal how many seconds to wait."""
        counted: RequestLimit | None = g.get("counted") or self.current_limit
        if counted is not None:
            ends, remaining = counted.window
            response.headers.add("X-RateLimit-Limit", str(counted.limit.amount))
            response.headers.add("X-RateLimit-Remaining", str(remaining))
            response.headers.add("X-RateLimit-Reset", str(counted.reset_at))
            if counted.breached:
                # Rounded up: a client that waits so long is not refused again.
                response.headers["Retry-After"] = str(max(1, math.ceil(ends - time.time())))
        return response
