"""A request's parameters as one dict of texts, whatever form they were sent in."""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request

from actions.add import IDEMPOTENCY_KEY
from actions.parameters import LISTS, UNUSABLE

IDEMPOTENCY_HEADER = "HTTP_IDEMPOTENCY_KEY"
"""The header Idempotency-Key, as WSGI writes it."""

MAX_NUMBER = 40
"""The most digits of a JSON number that is rewritten; none that counts here has as many."""

_INDEXED = re.compile(r"(\w+)\[([0-9]*)\]", re.ASCII)


def read_texts(request: Request) -> dict[str, str]:
    """All parameters of a request as texts; the body's win over the query's.

    The header Idempotency-Key is the parameter of that name, where that was not sent.

    :raises HTTPException: 413 for a body that is too large, 400 for one that was cut off.
    """
    texts = _parameters(request)
    if IDEMPOTENCY_HEADER in request.environ and not texts.get(IDEMPOTENCY_KEY):
        texts[IDEMPOTENCY_KEY] = request.environ[IDEMPOTENCY_HEADER]
    return texts


def read_key(request: Request, texts: Mapping[str, str]) -> str:
    """The request's key: the parameter, else the bearer token, else ''."""
    if key := texts.get("key"):
        return key
    header = request.authorization
    return (header.token or "") if header is not None and header.type == "bearer" else ""


def _parameters(request: Request) -> dict[str, str]:
    """The parameters of body and query.

    A body that cannot be read has none, and the query's do not stand in for them: only a key is
    taken from there, so that the request is refused in the contract's order.
    """
    query = _flatten(_urlencoded(request.query_string)) if request.query_string else {}
    body = _body(request)
    if body is None:
        return {name: text for name, text in query.items() if name == "key"}
    for name, text in query.items():
        body[name] = body.get(name) or text
    return body


def _body(request: Request) -> dict[str, str] | None:
    """The parameters of the body; None if it cannot be read."""
    if request.content_length is not None:
        # So Werkzeug counts the bytes itself, and refuses a body that was cut off on its way:
        # half of a quantity is a quantity too.
        request.environ.pop("wsgi.input_terminated", None)
    data = request.get_data()  # kept, for the multipart parser reads it again
    if request.content_length is None and len(data) == request.max_content_length:
        raise RequestEntityTooLarge  # Werkzeug cuts a chunked body off at the limit
    if not data:
        return {}
    if request.mimetype == "application/x-www-form-urlencoded":
        return _flatten(_urlencoded(data))
    if request.mimetype == "multipart/form-data":
        return _multipart(request)
    return _json(data) if request.is_json else None


def _urlencoded(data: bytes) -> list[tuple[str, str]]:
    """The pairs of a form or a query.

    Bytes that are not UTF-8 become U+FFFD, which no parameter accepts.
    """
    return parse_qsl(data.decode(errors="replace"), keep_blank_values=True, errors="replace")


def _multipart(request: Request) -> dict[str, str] | None:
    # Werkzeug takes a malformed body for an empty one unless told otherwise.
    request.form_data_parser_class = partial(FormDataParser, silent=False)  # type: ignore[assignment]
    try:
        parts = list(request.form.items(multi=True))
    except ValueError:
        return None
    nameless = any(name is None for name, _ in parts)
    return None if nameless else _flatten(parts)


def _json(data: bytes) -> dict[str, str] | None:
    try:
        # Numbers become text: 10^30 and 1e400 are checked like any other.
        pairs = json.loads(
            data,
            object_pairs_hook=tuple,
            parse_int=str,
            parse_float=_whole_or_as_sent,
            parse_constant=lambda _: UNUSABLE,
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, tuple):
        return None
    return _flatten((name, text) for name, value in pairs for text in _json_texts(name, value))


def _whole_or_as_sent(text: str) -> str:
    """A JSON number that has a point or an exponent, as digits where it is a whole number.

    Languages without integers write 100.0 or 1E2. Any other number stays as it was sent.
    """
    if len(text) > MAX_NUMBER:
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that is larger than any number
        return text
    is_whole = number == number.to_integral_value() and not number.is_signed()
    return str(int(number)) if is_whole and number.adjusted() < MAX_NUMBER else text


def _json_texts(name: str, value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and name in LISTS and all(isinstance(v, str) for v in value):
        return [",".join(value)]
    return [UNUSABLE]


def _flatten(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keep each parameter's first value, and gather orders[], orders[0], … into orders."""
    texts: dict[str, str] = {}
    gathered: dict[str, dict[str, str]] = {}
    for position, (name, text) in enumerate(pairs):
        indexed = _INDEXED.fullmatch(name) if "[" in name else None
        if indexed and indexed[1] in LISTS:
            gathered.setdefault(indexed[1], {}).setdefault(indexed[2] or f"at {position}", text)
        elif not texts.get(name):
            # An empty value counts as not sent, so a later one may still fill it.
            texts[name] = text
    for name, parts in gathered.items():
        texts[name] = texts.get(name) or ",".join(parts.values())
    return texts
