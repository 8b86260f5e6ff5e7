"""What a provider's answers mean: from decoded JSON, its numbers still texts, to plain data.

These functions are pure, as are those of statuses.py and requests.py beside this module. An
answer that is not understood raises OutcomeUnknown; one entry among many that is not understood
is left out, or says so itself.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from panel import service_types, services
from panel.money import exchanged
from panel.orders import dispatch
from panel.providers import amounts
from panel.providers.currency import currency_code
from panel.providers.listing import NO_CATEGORY, Listing
from upstream.fields import MAX_SAID, amount, first_text, flag, integer, printable, text
from upstream.provider import NotUnderstood, OutcomeUnknown

MAX_ID_LENGTH = 64
NUMBERS = ("order", "order_id", "id")
"""How panels name an order's number."""

_NOTHING = re.compile(r"\s*(0+|-[0-9]*|null|none|nan|undefined|false)?\s*", re.IGNORECASE)

_STATES = ("charge", "remains", "start_count")
"""What stands in an order's status and in no error."""


_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")


def of_any_depth(reader: Callable[_Given, _Read]) -> Callable[_Given, _Read]:
    """A reader of answers that says of one which is nested too deep that it was not understood."""

    @wraps(reader)
    def read(*args: _Given.args, **kwargs: _Given.kwargs) -> _Read:
        try:
            return reader(*args, **kwargs)
        except RecursionError:
            raise OutcomeUnknown("an answer that is nested too deep") from None

    return read


@of_any_depth
def read_error(
    answer: Any, http_status: int, about_order: bool = False, adding: bool = False
) -> str | None:
    """The error's text, if the answer is an error and nothing else; it may be long.

    A `message` alone is an error only where something else says so: it may tell of success.

    :param about_order: whether the answer may be an order's status, which may be Error, too.
    :param adding: whether the answer is to an order that was placed.
    :raises OutcomeUnknown: where an order that was placed has a number, and an error as well.
    """
    default = "Too many requests" if http_status == 429 else None
    if not isinstance(answer, dict):
        return default
    if adding and (number := _named_order(answer)):
        _check_has_no_error(answer, number)
        return None
    if not adding and answer.keys() & {"order", "refill", *_STATES}:
        return None
    failed = _says_failure(answer)
    words = _error_text(answer, with_message=failed or http_status >= 400)
    if words:
        return printable(words, MAX_SAID) or "refused with an unprintable text"
    if default or not failed or (about_order and text(answer.get("status"))):
        return default
    return "refused without a reason"


def _named_order(answer: dict[str, Any]) -> str:
    """What stands where an order's number does, whatever it is; "" for nothing."""
    told = [answer[name] for name in ("order", "order_id", "orders") if name in answer]
    number = next((value for value in told if not _is_nothing(value)), "")
    return json.dumps(number).strip('"')[:MAX_ID_LENGTH]


def _check_has_no_error(answer: dict[str, Any], number: str) -> None:
    """Refuse an answer that says both that an order was taken and that it was not."""
    failed = _says_failure(answer)
    words = _error_text(answer, with_message=failed)
    if failed or words or answer.get("error"):
        why = printable(words, MAX_SAID) or "an error without a reason"
        raise OutcomeUnknown(f"it names an order, {number}, and an error: {why}")


def _is_nothing(value: Any) -> bool:
    """Whether a value stands where there is no order's number."""
    return not value or (isinstance(value, str) and _NOTHING.fullmatch(value) is not None)


def _says_failure(answer: dict[str, Any]) -> bool:
    status = text(answer.get("status")).lower()
    return status in ("error", "fail", "failed") or answer.get("success") is False


def _error_text(answer: dict[str, Any], with_message: bool) -> str:
    return error_words(answer.get("error") or (answer.get("message") if with_message else None))


def error_words(value: Any) -> str:
    """An error's words, which may lie in an object of their own."""
    if isinstance(value, dict):
        value = value.get("message") or value.get("text") or value.get("error")
    return text(value)


@of_any_depth
def read_listings(answer: Any, ratio_ppt: int) -> list[Listing]:
    """The services of a catalogue; entries that are not understood are left out.

    :param ratio_ppt: what makes its rates ours, as Exchange.ratio() gives it.
    """
    entries = _catalogue(answer)
    if not isinstance(entries, list):
        raise not_understood(answer)
    listings = [_read_listing(entry, ratio_ppt) for entry in entries]
    return [listing for listing in listings if listing is not None]


def _catalogue(answer: Any) -> Any:
    """The entries of a catalogue: a list, or an object by number, both maybe in an envelope."""
    if not isinstance(answer, dict):
        return answer
    inner = next((answer[name] for name in ("services", "data") if answer.get(name)), answer)
    if not isinstance(inner, dict):
        return inner
    return [entry for entry in inner.values() if isinstance(entry, dict) and entry] or None


@of_any_depth
def read_balance(answer: Any) -> tuple[str, str]:
    """The balance as the provider writes it, maybe at length; and how it names the currency.

    A name that is no code, such as "$" or "Rupees", is told as it stands: it is compared, and
    never guessed at. It is "" where there is none, beside the amount or within its text.
    """
    if not isinstance(answer, dict) or not text(answer.get("balance")):
        raise not_understood(answer)
    balance, named = text(answer["balance"]), text(answer.get("currency"))
    words = "".join(c for c in f"{balance} {named}" if c.isprintable()).strip()
    return words[:MAX_SAID], currency_code(named) or _currency_within(balance)


def _currency_within(balance: str) -> str:
    """The currency of a balance such as "12.50 USD" or "$12.50"; "" for one without."""
    found = amounts.read(balance)
    return currency_code(found.mark) if found and not found.rest else ""


@of_any_depth
def read_order(answer: Any) -> str:
    """The provider's number for an order that it accepted."""
    number = text(answer.get("order")) if isinstance(answer, dict) else ""
    if not dispatch.is_order_number(number):
        raise not_understood(answer)
    return number


def by_number(answer: Any, numbers: Sequence[str], names: tuple[str, ...]) -> dict[str, Any]:
    """The entries of an answer for many, from an object by number or from a list of objects.

    What stands there twice in two versions is left out: nobody knows which is true.

    :param names: how an entry of a list may name its number.
    """
    answer = _contents(answer, numbers)
    if isinstance(answer, dict):
        return {number: answer[number] for number in numbers if number in answer}
    if not isinstance(answer, list):
        raise not_understood(answer)
    found: dict[str, Any] = {}
    contradictory = set()
    for entry in answer:
        number = first_text(entry, names) if isinstance(entry, dict) else ""
        if found.setdefault(number, entry) != entry:
            contradictory.add(number)
    return {n: found[n] for n in numbers if n in found and n not in contradictory}


def _contents(answer: Any, numbers: Sequence[str]) -> Any:
    """What an answer for many holds, without the envelope that may be around it."""
    if not isinstance(answer, dict) or answer.keys() & set(numbers):
        return answer
    inner = (answer.get(name) for name in ("data", "result", "response"))
    return next((value for value in inner if isinstance(value, dict | list)), answer)


def not_understood(answer: Any) -> NotUnderstood:
    """The error that shows the beginning of such an answer."""
    return NotUnderstood(f"an answer that was not understood: {json.dumps(answer)[:MAX_SAID]}")


def _read_listing(entry: Any, ratio_ppt: int) -> Listing | None:
    if not isinstance(entry, dict):
        return None
    rate, least, most = (
        amount(entry.get("rate")), integer(entry.get("min")), integer(entry.get("max"))
    )  # fmt: skip
    service, name = text(entry.get("service")), printable(entry.get("name"))
    if rate is None or least is None or most is None or not _is_id(service) or not name:
        return None
    return Listing(
        service,
        name,
        printable(entry.get("category")) or NO_CATEGORY,
        _type_name(text(entry.get("type")) or "Default"),
        exchanged(rate.as_integer_ratio(), ratio_ppt),
        least,
        min(most, services.MAX_QUANTITY),
        flag(entry.get("refill")),
        flag(entry.get("cancel")),
        flag(entry.get("dripfeed")),
    )


def _is_id(number: str) -> bool:
    return len(number) <= MAX_ID_LENGTH and number.isascii() and number.isalnum()


def _type_name(word: str) -> str:
    """Our name of a service's type, where it is one of ours in other capitals."""
    return {name.lower(): name for name in service_types.SERVICE_TYPES}.get(word.lower(), word)
