"""The one route of /api/v2: it counts a request, checks key and account, and runs the action.

Errors are raised in this order, which is the contract's: too many requests, an unknown key, a
suspended account, an unknown action, and then whatever the action finds.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import Any

from flask import Flask, Request, Response, g
from flask.globals import request_ctx
from werkzeug.exceptions import MethodNotAllowed

from actions import ACTIONS, Action
from actions.parameters import Texts
from api import dialects, response_cache
from api.dialects import Shape
from api.request import read_key, read_texts
from api.request_id import ACCOUNT, REQUEST_ID
from api.response_cache import ResponseCache
from panel import accounts
from panel.accounts import Caller
from panel.errors import ACCOUNT_SUSPENDED, INCORRECT_REQUEST, INVALID_API_KEY, RequestRejected
from panel.orders.place import Placed
from settings import Settings

IDEMPOTENT_HEADER = "X-Idempotent-Add"
"""Told with every good answer: an `add` sent twice under one key is one order here."""
REPLAYED_HEADER = "Idempotent-Replayed"
"""Told with the answer to an `add` that repeats one: its order was placed before."""


@dataclass(frozen=True)
class _Endpoint:
    """What the requests of one app have in common.

    quick_requests: held by the one quick request that runs.
    """

    settings: Settings
    count_request: Callable[[], None]
    cache: ResponseCache
    quick_requests: AbstractContextManager[Any]


def register(app: Flask, settings: Settings, count_request: Callable[[], None]) -> None:
    """Add the route to the app.

    :param count_request: counts the request against the caller's rate limit, and raises if it is
        one too many; the caller is `flask.g.caller`, None for an unknown key.
    """
    # One quick request runs at a time: threads that all want the interpreter take it from each
    # other at each step of a query, which costs more than waiting (docs/decisions.md). Not where
    # requests are counted over a network: the others can go on meanwhile.
    quick_requests = nullcontext() if settings.ratelimit_storage else Lock()
    endpoint = _Endpoint(settings, count_request, ResponseCache(), quick_requests)

    def api() -> Response:  # Flask-Limiter wants a view with a name, which a partial() has not
        return _handle(endpoint)

    app.add_url_rule(
        "/api/v2",
        view_func=api,
        methods=["GET", "POST"],
        strict_slashes=False,
        provide_automatic_options=False,
    )


def _handle(endpoint: _Endpoint) -> Response:
    request = request_ctx.request  # not the proxy: each use of that costs a look-up
    if request.method == "HEAD":  # Werkzeug adds it to GET, and an `add` must not hide there
        raise MethodNotAllowed(["GET", "POST"])
    texts = read_texts(request)
    action = ACTIONS.get(texts.get("action", ""))
    with endpoint.quick_requests if action is not None and action.quick else nullcontext():
        caller = _find_caller(request, texts)
        endpoint.count_request()
        response = _answer(endpoint, request, texts, _checked(caller), action)
    response.headers.add(IDEMPOTENT_HEADER, "1")
    return response


def _find_caller(request: Request, texts: Texts) -> Caller | None:
    """The account behind the request's key, which the access log tells too; None without one."""
    environ = request.environ
    caller = g.caller = accounts.find(read_key(request, texts), environ[REQUEST_ID])
    if caller is not None:
        environ[ACCOUNT] = caller.id
    return caller


def _checked(caller: Caller | None) -> Caller:
    """The caller, if it may use the API.

    :raises RequestRejected: Invalid API key, or Account suspended.
    """
    if caller is None:
        raise RequestRejected(INVALID_API_KEY)
    if caller.status != "active":
        raise RequestRejected(ACCOUNT_SUSPENDED)
    return caller


def _answer(
    endpoint: _Endpoint, request: Request, texts: Texts, caller: Caller, action: Action | None
) -> Response:
    """Run the action and shape its answer in the caller's dialect.

    :raises RequestRejected: Incorrect request for an unknown action, or what the action raises.
    """
    if action is None:
        raise RequestRejected(INCORRECT_REQUEST)
    settings = endpoint.settings
    shape = dialects.dialect_of(caller, settings.dialect).shapes[texts["action"]]
    if action.version is None:
        return _answer_once(action.run(caller, texts), shape, settings.currency)

    def make() -> Any:
        return shape(action.run(caller, texts), settings.currency)

    version = action.version(caller)
    encoded = endpoint.cache.get_or_make(None if version is None else (shape, version), make)
    return response_cache.respond(request, encoded)


def _answer_once(answer: Any, shape: Shape, currency: str) -> Response:
    """An answer that is not kept."""
    encoded = response_cache.encode(shape(answer, currency))
    response = Response(encoded, mimetype="application/json")
    if isinstance(answer, Placed) and answer.is_repeated:
        response.headers.add(REPLAYED_HEADER, "true")
    return response
