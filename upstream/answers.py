"""What a provider's answers mean: from decoded JSON, its numbers still texts, to plain data.

These functions are pure. An answer that is not understood raises OutcomeUnknown; one entry among
many that is not understood is left out, or says so itself.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from panel import service_types, services
from panel.money import ONE_PPT, exchanged
from panel.orders.status_sync import Charge, ProviderStatus
from panel.providers.currency import Exchange, currency_code
from panel.providers.listing import NO_CATEGORY, Listing
from upstream import vocabulary
from upstream.provider import OutcomeUnknown

MAX_DIGITS = 18
"""A longer number is not believed."""

MAX_DECIMALS = 40
"""Of an amount, and its digits as well; one with more is not believed."""

MAX_ID_LENGTH = 64
MAX_ERROR_LENGTH = 300


def read_error(answer: Any, http_status: int) -> str | None:
    """The error's text, if the answer is an error and nothing else.

    A `message` alone is an error only where something else says so: it may tell of success.
    """
    default = "Too many requests" if http_status == 429 else None
    if not isinstance(answer, dict):
        return default
    if "order" in answer or "refill" in answer:
        return None
    failed = _says_failure(answer)
    text = _error_text(answer, with_message=failed or http_status >= 400)
    if text:
        return _printable(text)[:MAX_ERROR_LENGTH] or "refused with an unprintable text"
    return default or ("refused without a reason" if failed else None)


def _says_failure(answer: dict[str, Any]) -> bool:
    status = _text(answer.get("status")).lower()
    return status in ("error", "fail", "failed") or answer.get("success") is False


def _error_text(answer: dict[str, Any], with_message: bool) -> str:
    value = answer.get("error") or (answer.get("message") if with_message else None)
    if isinstance(value, dict):
        value = value.get("message") or value.get("text")
    return _text(value)


def read_listings(answer: Any, ratio_ppt: int) -> list[Listing]:
    """The services of a catalogue; entries that are not understood are left out.

    :param ratio_ppt: what makes its rates ours, as Exchange.ratio() gives it.
    """
    if not isinstance(answer, list):
        raise not_understood(answer)
    listings = [_read_listing(entry, ratio_ppt) for entry in answer]
    return [listing for listing in listings if listing is not None]


def read_balance(answer: Any) -> tuple[str, str]:
    """The balance as the provider writes it, with its currency; and how it names the currency.

    A name that is no code, such as "$" or "Rupees", is told as it stands: it is compared, and
    never guessed at. It is "" where there is none, beside the amount or within its text.
    """
    answer = _require_object(answer)
    balance, named = _text(answer.get("balance")), _text(answer.get("currency"))
    if not balance:
        raise not_understood(answer)
    text = "".join(c for c in f"{balance} {named}" if c.isprintable()).strip()
    return text[:64], currency_code(named) or _currency_within(balance)


def _currency_within(balance: str) -> str:
    """The currency of a balance such as "12.50 USD" or "$12.50"; "" for one without."""
    match = re.fullmatch(r"\s*([^\d\s.,+-]*)\s*-?[\d.,]+\s*([^\d\s.,+-]*)\s*", balance)
    return currency_code(match[1] or match[2]) if match else ""


def read_id(answer: Any, name: str) -> str:
    """The provider's number for what it accepted: an order or a refill."""
    answer = _require_object(answer)
    text = _text(answer.get(name))
    # Words such as NaN have no digit, and zero is no number of an order.
    if not (_is_id(text) and re.search("[1-9]", text)):
        raise not_understood(answer)
    return text


def read_statuses(
    answer: Any, provider_orders: list[str], exchange: Exchange
) -> dict[str, ProviderStatus]:
    """The statuses of these orders, as far as the answer holds them."""
    answer = _require_object(answer)
    if not answer.keys() & set(provider_orders):
        raise not_understood(answer)
    return {
        order: _read_status(answer[order], exchange)
        for order in provider_orders
        if order in answer
    }


def read_cancels(answer: Any, provider_orders: list[str]) -> dict[str, bool]:
    """Whether the provider accepted the cancel request of each order that the answer holds."""
    if isinstance(answer, dict):
        entries = answer
    elif isinstance(answer, list):
        entries = {_text(e.get("order")): e for e in answer if isinstance(e, dict)}
    else:
        raise not_understood(answer)
    return {order: _is_accepted(entries[order]) for order in provider_orders if order in entries}


def read_refill_statuses(answer: Any, provider_refills: list[str]) -> dict[str, str]:
    """Our words for the statuses of these refills, as far as they are understood."""
    if not isinstance(answer, list):
        raise not_understood(answer)
    entries = {_text(e.get("refill")): e.get("status") for e in answer if isinstance(e, dict)}
    words = {r: vocabulary.refill_status(_text(entries.get(r))) for r in provider_refills}
    return {refill: word for refill, word in words.items() if word is not None}


def not_understood(answer: Any) -> OutcomeUnknown:
    """The error that shows the beginning of such an answer."""
    return OutcomeUnknown(f"an answer that was not understood: {json.dumps(answer)[:200]}")


def _require_object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise not_understood(answer)
    return answer


def _read_listing(entry: Any, ratio_ppt: int) -> Listing | None:
    if not isinstance(entry, dict):
        return None
    rate, least, most = (
        _amount(entry.get("rate")), _integer(entry.get("min")), _integer(entry.get("max"))
    )  # fmt: skip
    service, name = _text(entry.get("service")), _printable(entry.get("name"))
    if rate is None or least is None or most is None or not _is_id(service) or not name:
        return None
    return Listing(
        service,
        name,
        _printable(entry.get("category")) or NO_CATEGORY,
        _type_name(_text(entry.get("type")) or "Default"),
        exchanged(Fraction(rate), ratio_ppt),
        least,
        min(most, services.MAX_QUANTITY),
        _flag(entry.get("refill")),
        _flag(entry.get("cancel")),
        _flag(entry.get("dripfeed")),
    )


def _type_name(word: str) -> str:
    """Our name of a service's type, where it is one of ours in other capitals."""
    return {name.lower(): name for name in service_types.SERVICE_TYPES}.get(word.lower(), word)


def _read_status(entry: Any, exchange: Exchange) -> ProviderStatus:
    """One order's status; what is not understood in it is told in `odd`."""
    if not isinstance(entry, dict) or entry.get("error"):
        text = entry.get("error") if isinstance(entry, dict) else entry
        return ProviderStatus(odd=f"the provider says: {_printable(text)[:200]}")
    word = _text(entry.get("status"))
    status = vocabulary.status(word)
    odd = [] if status or word.strip() else ["no status"]
    for name in ("start_count", "remains"):
        raw = entry.get(name)
        if _integer(raw) is None and raw not in (None, ""):
            odd.append(f"{name} {_text(raw)[:50]!r}")
    return ProviderStatus(
        status,
        _integer(entry.get("start_count")),
        _integer(entry.get("remains")),
        _charge(entry, exchange),
        ", ".join(odd),
        tuple(_read_posts(entry.get("posts"))),
        word=word,
    )


def _charge(entry: dict[str, Any], exchange: Exchange) -> Charge | None:
    """The charge in our currency; zero is the same in every currency."""
    amount = _amount(entry.get("charge"))
    if amount is None:
        return None
    named = currency_code(_text(entry.get("currency")))
    ratio = exchange.ratio(named) if amount else ONE_PPT
    last_digit = Decimal((0, (1,), min(int(amount.as_tuple().exponent), 0)))
    return Charge(
        None if ratio is None else exchanged(Fraction(amount), ratio),
        1 if ratio is None else exchanged(Fraction(last_digit), ratio),
        bool(named),
        _printable(f"{_text(entry.get('charge'))} {named}".strip())[:50],
    )


def _read_posts(value: Any) -> Iterator[tuple[str, int]]:
    """A subscription's posts. Some panels give `posts` another meaning: all else is left out."""
    for entry in value if isinstance(value, list) else ():
        if not isinstance(entry, dict):
            continue
        order, quantity = entry.get("order"), _integer(entry.get("quantity"))
        if isinstance(order, str) and order.isalnum() and quantity is not None:
            yield order, quantity


def _is_accepted(entry: Any) -> bool:
    answer = entry.get("cancel") if isinstance(entry, dict) else None
    return answer is True or (isinstance(answer, str) and bool(answer.strip("0")))


def _is_id(text: str) -> bool:
    return len(text) <= MAX_ID_LENGTH and text.isascii() and text.isalnum()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: Any) -> int | None:
    text = _text(value).strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS):
        return None
    return int(text)


def _amount(value: Any) -> Decimal | None:
    """An amount that is not negative; None if it is none."""
    try:
        amount = Decimal(_text(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= 10**9:
        return None
    _, digits, exponent = amount.as_tuple()
    # Exact sums of a number such as 1e-999999 would take all the memory there is.
    return amount if len(digits) <= MAX_DECIMALS and int(exponent) >= -MAX_DECIMALS else None


def _flag(value: Any) -> bool:
    return value is True or _text(value).lower() in ("1", "true", "yes")


def _printable(value: Any) -> str:
    return "".join(c for c in _text(value) if c.isprintable()).strip()[:500]
