"""A provider behind somebody's /api/v2, of either dialect.

Nothing is ever sent twice here: no retry, no redirect. Every answer that is not understood
raises, and says which of the three errors it is.
"""

import json
import re
import ssl
from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationValueError, SSLError
from urllib3.exceptions import NewConnectionError as NoConnectionError

from panel import service_types, services
from panel.money import MICROS
from panel.orders.dispatch import Outgoing
from panel.orders.status_sync import ProviderStatus
from panel.providers.listing import Listing
from upstream import connection, vocabulary
from upstream.provider import OutcomeUnknown, ProviderRejected, ProviderUnreachable

CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 30
"""For the whole answer: a provider that trickles does not hold a connection for ever."""
MAX_ANSWER_BYTES = 32 * 1024 * 1024

IDEMPOTENT_HEADER = "X-Idempotent-Add"
"""What a panel like ours answers with: it takes an order under one key once."""

_NUMBER = 18
"""Most digits of a number that is believed."""

_SHORTEST_SECRET = 16
"""Keys are longer; a shorter one could be a part of any word."""


class HttpProvider:
    """One provider's address and key, with its connections kept open between requests."""

    def __init__(
        self,
        url: str,
        key: str,
        currency: str,
        connections: int = 4,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._key = key
        self._currency = currency
        self._timeout_s = timeout_s
        self.idempotent = False
        self._pool = connection.pools(connections)
        # An order never goes over a connection that was kept: if the provider had just closed
        # it, nobody could tell whether the order arrived.
        self._fresh = connection.pools(connections, keep=False)

    def services(self) -> list[Listing]:
        """The whole catalogue; entries that cannot be understood are left out."""
        answer = self._call({"action": "services"})
        if not isinstance(answer, list):
            raise _not_understood(answer)
        listings = [_listing(entry) for entry in answer]
        return [listing for listing in listings if listing is not None]

    def balance(self) -> str:
        """Our funds there, as the provider writes them, with the currency."""
        answer = _object(self._call({"action": "balance"}))
        if not _text(answer.get("balance")):
            raise _not_understood(answer)
        text = f"{_text(answer['balance'])} {_text(answer.get('currency'))}".strip()
        return "".join(c for c in text if c.isprintable())[:64]

    def add(self, order: Outgoing) -> str:
        """Place an order; the provider's number for it."""
        params = {"action": "add", **order.parameters}
        return _ident(_object(self._call(params, self._fresh, order.key)), "order")

    def statuses(self, provider_orders: list[str]) -> dict[str, ProviderStatus]:
        """How far up to 100 orders are."""
        answer = _object(self._call({"action": "status", "orders": ",".join(provider_orders)}))
        if not answer.keys() & set(provider_orders):
            raise _not_understood(answer)
        return {order: self._report(answer[order]) for order in provider_orders if order in answer}

    def cancel(self, provider_orders: list[str]) -> dict[str, bool]:
        """Ask to cancel up to 100 orders: for each, whether the provider took the request."""
        answer = self._call({"action": "cancel", "orders": ",".join(provider_orders)})
        if isinstance(answer, dict):
            entries = answer
        elif isinstance(answer, list):
            entries = {_text(e.get("order")): e for e in answer if isinstance(e, dict)}
        else:
            raise _not_understood(answer)
        return {order: _took(entries[order]) for order in provider_orders if order in entries}

    def refill(self, provider_order: str) -> str:
        """Ask to refill an order; the provider's number for the refill."""
        return _ident(_object(self._call({"action": "refill", "order": provider_order})), "refill")

    def refill_statuses(self, provider_refills: list[str]) -> dict[str, str]:
        """How far up to 100 refills are, in our words."""
        answer = self._call({"action": "refill_status", "refills": ",".join(provider_refills)})
        if not isinstance(answer, list):
            raise _not_understood(answer)
        entries = {_text(e.get("refill")): e.get("status") for e in answer if isinstance(e, dict)}
        words = {r: vocabulary.refill_status(_text(entries.get(r))) for r in provider_refills}
        return {refill: word for refill, word in words.items() if word is not None}

    def _report(self, entry: Any) -> ProviderStatus:
        if not isinstance(entry, dict) or entry.get("error"):
            text = entry.get("error") if isinstance(entry, dict) else entry
            return ProviderStatus(odd=f"the provider says: {_printable(text)[:200]}")
        word = _text(entry.get("status"))
        status = vocabulary.status(word)
        odd = [] if status else [f"status {word[:50]!r}"]
        numbers: dict[str, int | None] = {}
        for name in ("start_count", "remains"):
            raw = entry.get(name)
            numbers[name] = _integer(raw)
            if numbers[name] is None and raw not in (None, ""):
                odd.append(f"{name} {_text(raw)[:50]!r}")
        posts = tuple(_posts(entry.get("posts")))
        charge = _micros(entry.get("charge"))
        if charge and entry.get("currency") not in (None, "", self._currency):
            charge = None  # nothing at all is the same in every currency
        return ProviderStatus(
            status, numbers["start_count"], numbers["remains"], charge, ", ".join(odd), posts
        )

    def _call(
        self,
        params: dict[str, str],
        pool: urllib3.PoolManager | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """POST an action and give the decoded answer, its numbers as texts.

        :raises RefusedError: for an answer with an error, whatever its HTTP status but 5xx.
        """
        try:
            pool = pool or self._pool
            headers = {**pool.headers, "Accept": "application/json", "User-Agent": "panel"}
            if idempotency_key is not None:
                headers["Idempotency-Key"] = idempotency_key
            response = pool.request(
                "POST",
                self._url,
                fields={"key": self._key, **params},
                encode_multipart=False,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=self._timeout_s),
                redirect=False,
                preload_content=False,
            )
            status = response.status
            self.idempotent = self.idempotent or IDEMPOTENT_HEADER in response.headers
            body = self._hide_key(_read(response))
        except LocationValueError:
            raise ProviderUnreachable("the provider's address cannot be used") from None
        except (NoConnectionError, ConnectTimeoutError) as error:
            raise ProviderUnreachable(
                f"the provider cannot be reached ({type(error).__name__})"
            ) from None
        except SSLError as error:
            if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args):
                raise ProviderUnreachable("the provider's certificate is not valid") from None
            raise OutcomeUnknown("the encrypted connection broke") from None
        except (HTTPError, OSError) as error:
            raise OutcomeUnknown(f"no whole answer ({type(error).__name__})") from None
        if status >= 500:
            raise OutcomeUnknown(f"HTTP {status}")
        try:
            # ValueError covers bytes that are no UTF-8; numbers stay as they were written.
            answer = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError):
            raise OutcomeUnknown(f"HTTP {status} without readable JSON") from None
        if (text := _refusal(answer, status)) is not None:
            raise OutcomeUnknown(text) if vocabulary.unclear(text) else ProviderRejected(text)
        return answer

    def _hide_key(self, body: bytes) -> bytes:
        """Some providers repeat a request in what they answer, and answers come into logs."""
        if len(self._key) < _SHORTEST_SECRET:
            return body
        return body.replace(self._key.encode(), b"[key]")


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    chunks, size = [], 0
    try:
        for chunk in response.stream(65536):
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER_BYTES:
                response.close()
                raise OutcomeUnknown("the answer was too large")
    finally:
        response.release_conn()
    return b"".join(chunks)


def _refusal(answer: Any, http_status: int) -> str | None:
    """The error's text, where an answer is one and nothing else.

    A `message` alone is an error only where something else says so: it may tell of success.
    """
    default = "Too many requests" if http_status == 429 else None
    if not isinstance(answer, dict):
        return default
    if "order" in answer or "refill" in answer:
        return None
    failed = _text(answer.get("status")).lower() in ("error", "fail", "failed")
    failed = failed or answer.get("success") is False
    text = answer.get("error") or (answer.get("message") if failed or http_status >= 400 else None)
    if isinstance(text, dict):
        text = text.get("message") or text.get("text")
    if isinstance(text, str) and text:
        return _printable(text)[:300] or "refused with an unprintable text"
    return default or ("refused without a reason" if failed else None)


def _not_understood(answer: Any) -> OutcomeUnknown:
    return OutcomeUnknown(f"an answer that was not understood: {json.dumps(answer)[:200]}")


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise _not_understood(answer)
    return answer


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _posts(value: Any) -> Iterator[tuple[str, int]]:
    """A subscription's posts; anything else under that name is somebody else's meaning."""
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, dict):
            continue
        order, quantity = entry.get("order"), _integer(entry.get("quantity"))
        if isinstance(order, str) and order.isalnum() and quantity is not None:
            yield order, quantity


def _ident(answer: dict[str, Any], name: str) -> str:
    """The number that the provider gave to what it took."""
    text = _text(answer.get(name))
    # Words such as NaN have no digit, and zero is nobody's number.
    if not (_is_ident(text) and re.search("[1-9]", text)):
        raise _not_understood(answer)
    return text


def _is_ident(text: str) -> bool:
    return len(text) <= 64 and text.isascii() and text.isalnum()


def _integer(value: Any) -> int | None:
    text = _text(value).strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _NUMBER):
        return None
    return int(text)


def _micros(value: Any) -> int | None:
    """An amount as micros, rounded up to one; None for what is none."""
    try:
        amount = Decimal(_text(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= 10**9:
        return None
    return int((amount * MICROS).to_integral_value(ROUND_CEILING))


def _flag(value: Any) -> bool:
    return value is True or _text(value).lower() in ("1", "true", "yes")


def _took(entry: Any) -> bool:
    answer = entry.get("cancel") if isinstance(entry, dict) else None
    return answer is True or (isinstance(answer, str) and bool(answer.strip("0")))


def _listing(entry: Any) -> Listing | None:
    if not isinstance(entry, dict):
        return None
    rate, least, most = (
        _micros(entry.get("rate")), _integer(entry.get("min")), _integer(entry.get("max"))
    )  # fmt: skip
    service, name = _text(entry.get("service")), _printable(entry.get("name"))
    if rate is None or least is None or most is None or not _is_ident(service) or not name:
        return None
    return Listing(
        service,
        name,
        _printable(entry.get("category")) or "Other",
        _type(_text(entry.get("type")) or "Default"),
        rate,
        least,
        min(most, services.MAX_QUANTITY),
        _flag(entry.get("refill")),
        _flag(entry.get("cancel")),
        _flag(entry.get("dripfeed")),
    )


def _type(word: str) -> str:
    """Our spelling of a service's type, where it is one of ours in other capitals."""
    return {name.lower(): name for name in service_types.SERVICE_TYPES}.get(word.lower(), word)


def _printable(value: Any) -> str:
    return "".join(c for c in _text(value) if c.isprintable()).strip()[:500]
