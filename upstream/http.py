"""A provider behind somebody's /api/v2, of either dialect.

Nothing is ever sent twice here: no retry, and no redirect is followed. Every answer that is not
understood raises one of the errors of upstream.provider.
"""

import json
import ssl
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import NewConnectionError as NoConnectionError

from panel.orders.dispatch import Outgoing
from panel.orders.provider_status import ProviderStatus
from panel.orders.refills import ProviderRefill
from panel.providers.currency import Exchange
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount, funds_micros
from upstream import (
    answers,
    connection,
    redirects,
    requests,
    secrets,
    statuses,
    tape,
    vocabulary,
)
from upstream.provider import (
    NotUnderstood,
    OutcomeUnknown,
    ProviderMoved,
    ProviderRejected,
    ProviderUnreachable,
)

CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 30
"""For the whole answer: a provider that sends it byte by byte does not hold a connection."""
MAX_ANSWER_BYTES = 32 * 1024 * 1024

IDEMPOTENT_HEADER = "X-Idempotent-Add"
"""What a panel like ours answers with: an order that is sent twice under one key is one order."""

MAX_TEXT_LENGTH = 300
"""Of what a provider says in words."""
MAX_AMOUNT_LENGTH = 64
"""Of an amount as the provider writes it."""

_Given = ParamSpec("_Given")
_Told = TypeVar("_Told")


def _without_key(
    method: Callable[Concatenate["HttpProvider", _Given], _Told],
) -> Callable[Concatenate["HttpProvider", _Given], _Told]:
    """A method of the client whose errors do not repeat our key, and are not endless."""

    @wraps(method)
    def ask(client: "HttpProvider", *args: _Given.args, **kwargs: _Given.kwargs) -> _Told:
        try:
            return method(client, *args, **kwargs)
        except ProviderMoved:  # its address is without the key, and must stay one
            raise
        except (ProviderRejected, ProviderUnreachable, OutcomeUnknown) as error:
            error.reword(client.without_key)
            raise

    return ask


class HttpProvider:
    """One provider's address and key, with its connections kept open between requests."""

    def __init__(
        self,
        url: str,
        key: str,
        exchange: Exchange,
        connections: int = 8,
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._key = key
        self._exchange = exchange
        self._timeout_s = timeout_s
        self.idempotent = False
        self._date = ""
        self._pool = connection.pools(connections)
        # An order never goes over a connection that was kept: if the provider had just closed
        # it, nobody could tell whether the order arrived.
        self._unkept_pool = connection.pools(connections, keep=False)

    @_without_key
    def services(self) -> list[Listing]:
        """The whole catalogue, in our currency; entries that are not understood are left out.

        :raises OperatorError: if the provider's prices cannot be converted into our currency.
        """
        ratio_ppt = self._exchange.required_ratio()
        return answers.read_listings(self._call({"action": "services"}), ratio_ppt)

    @_without_key
    def account(self) -> ProviderAccount:
        """Our funds there, with the currency; and whether idempotency keys are known there."""
        balance, currency = answers.read_balance(self._call({"action": "balance"}))
        balance = self._amount_without_key(balance, funds_micros(balance) is not None)
        return ProviderAccount(balance, self.idempotent, currency, _seconds(self._date))

    @_without_key
    def add(self, order: Outgoing) -> str:
        """Place an order; the provider's number for it."""
        params = {"action": "add", **order.parameters}
        return answers.read_order(self._call(params, self._unkept_pool, order.key))

    @_without_key
    def statuses(
        self, provider_orders: list[str], alone: bool = False
    ) -> dict[str, ProviderStatus]:
        """The statuses of up to 100 orders."""
        params = {"action": "status", **_numbers("order", provider_orders, alone)}
        answer = self._call(params, about_order=alone)
        found = statuses.read_statuses(answer, provider_orders, self._exchange)
        return {order: self._worded(status) for order, status in found.items()}

    def _worded(self, status: ProviderStatus) -> ProviderStatus:
        """A status without our key in what people read of it: what is an amount stays one."""
        word, charge = status.word, status.charge
        if not vocabulary.status(word):
            word = self.without_key(word)
        if charge is not None:
            words = self._amount_without_key(charge.text, charge.is_amount)
            charge = charge._replace(text=words)
        return status._replace(odd=self.without_key(status.odd), word=word, charge=charge)

    @_without_key
    def cancel(self, provider_orders: list[str], alone: bool = False) -> dict[str, bool]:
        """Request to cancel up to 100 orders: for each, whether the provider accepted."""
        answer = self._call({"action": "cancel", **_numbers("order", provider_orders, alone)})
        return requests.read_cancels(answer, provider_orders)

    @_without_key
    def refill(self, provider_order: str, listed: bool = False) -> str:
        """Request to refill an order; the provider's number for the refill.

        :raises NoNumber: if the provider neither refuses nor gives a number.
        """
        numbers = _numbers("order", [provider_order], alone=not listed)
        return requests.read_refill(self._call({"action": "refill", **numbers}), provider_order)

    @_without_key
    def refill_statuses(
        self, provider_refills: list[str], alone: bool = False
    ) -> dict[str, ProviderRefill]:
        """The statuses of up to 100 refills, in our words."""
        numbers = _numbers("refill", provider_refills, alone)
        answer = self._call({"action": "refill_status", **numbers}, about_order=alone)
        found = requests.read_refill_statuses(answer, provider_refills)
        return {
            n: refill._replace(odd=self.without_key(refill.odd)) for n, refill in found.items()
        }

    def without_key(self, text: str) -> str:
        """What a provider says in words, without our key and not endless."""
        return secrets.hide(text, self._key)[:MAX_TEXT_LENGTH]

    def _amount_without_key(self, text: str, is_amount: bool) -> str:
        """What stands for an amount: a key of digits may be a part of one by chance."""
        if not (is_amount and self._key.isdecimal()):
            text = self.without_key(text)
        return text[:MAX_AMOUNT_LENGTH]

    def _call(
        self,
        params: dict[str, str],
        pool: urllib3.PoolManager | None = None,
        idempotency_key: str | None = None,
        about_order: bool = False,
    ) -> Any:
        """POST an action and return the decoded answer, its numbers as texts.

        :param about_order: whether the answer may be the status of one order or refill.
        :raises ProviderRejected: for an error, whatever its HTTP status but 5xx.
        :raises ProviderUnreachable, OutcomeUnknown: if there is no answer, or none to rely on.
        """
        status, body = self._post(params, pool or self._pool, idempotency_key)
        if status >= 500:
            raise OutcomeUnknown(f"HTTP {status}", status)
        try:
            # ValueError covers bytes that are not UTF-8; numbers stay as they were written.
            answer = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
            answer = secrets.hide_in_data(answer, self._key)
        except (ValueError, RecursionError):
            raise NotUnderstood(f"HTTP {status} without readable JSON", status) from None
        adding = params["action"] == "add"
        error = answers.read_error(answer, status, about_order, adding)
        if error is None:
            return answer
        if vocabulary.leaves_outcome_unknown(error):
            raise OutcomeUnknown(error, status)
        raise ProviderRejected(error, status)

    def _post(
        self, params: dict[str, str], pool: urllib3.PoolManager, idempotency_key: str | None
    ) -> tuple[int, bytes]:
        """Send a request once: the HTTP status and the body of its answer."""
        headers = {**pool.headers, "Accept": "application/json", "User-Agent": "panel"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        status, body = None, b""
        try:
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
            self._date = response.headers.get("Date", "")
            if response.status < 400:  # the error page of a proxy tells nothing of the panel
                self.idempotent = IDEMPOTENT_HEADER in response.headers
            body = _read_body(response)
        except (HTTPError, OSError) as error:
            raise _connection_error(error, self._timeout_s) from None
        finally:
            tape.note(params, status, body, self._key)
        if response.status in redirects.STATUSES:
            location = secrets.hide_in_address(response.headers.get("Location", ""), self._key)
            raise redirects.read_redirect(self._url, response.status, location)
        return response.status, body


def _numbers(name: str, numbers: list[str], alone: bool) -> dict[str, str]:
    """The parameter that names one thing, or a list of them."""
    return {name: numbers[0]} if alone else {f"{name}s": ",".join(numbers)}


def _seconds(date: str) -> int | None:
    """The time of a Date header, or None for what is none."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, OverflowError):
        return None


def _connection_error(
    error: HTTPError | OSError, timeout_s: float
) -> ProviderUnreachable | OutcomeUnknown:
    """Whether it is certain that a request which failed like this did not arrive."""
    if isinstance(error, LocationValueError):
        return ProviderUnreachable("the provider's address cannot be used")
    if isinstance(error, NoConnectionError | ConnectTimeoutError):
        return ProviderUnreachable(f"the provider cannot be reached: {_why_no_connection(error)}")
    if isinstance(error, ReadTimeoutError | TimeoutError):
        return OutcomeUnknown(f"no whole answer within {timeout_s:g} s")
    if not isinstance(error, SSLError):
        return OutcomeUnknown(f"no whole answer ({type(error).__name__})")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args):
        return ProviderUnreachable("the provider's certificate is not valid")
    return OutcomeUnknown("the encrypted connection broke")


def _why_no_connection(error: NoConnectionError | ConnectTimeoutError) -> str:
    if isinstance(error, NameResolutionError):
        return "its name cannot be resolved"
    if isinstance(error, NoConnectionError):  # which is a ConnectTimeoutError, too
        strerror = getattr(error.__cause__, "strerror", None)
        return strerror.lower() if strerror else "no connection"
    return f"no connection within {CONNECT_TIMEOUT_S} s"


def _read_body(response: urllib3.BaseHTTPResponse) -> bytes:
    """The body.

    :raises OutcomeUnknown: if it is larger than any answer.
    """
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
