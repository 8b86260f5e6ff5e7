"""What providers say of orders, in every shape that panels give it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from panel.money import ONE_PPT, exchanged
from panel.orders import dispatch
from panel.orders.provider_status import Charge, ProviderStatus
from panel.providers import amounts
from panel.providers.currency import Exchange, currency_code, may_mean
from upstream import vocabulary
from upstream.answers import NUMBERS, by_number, error_words, not_understood, of_any_depth
from upstream.fields import MAX_SAID, amount, first_text, integer, printable, text

_FIELDS = ("status", "charge", "remains", "start_count")
_ENVELOPES = ("data", "result", "response", "order")
_SUCCESS = ("", "success", "ok", "true", "1", "200")
"""What stands for a status in an envelope."""
_PARTS = ("orders", "posts", "suborders", "childorders", "orderids")
"""How panels name the orders inside an order, without what sets their words apart."""
_COUNTS = ("Pending", "Processing", "In progress", "Active", "Completed")
"""The statuses of a part that was delivered, or still may be."""
_NAMES = ("status_name", "status_text", "order_status")
"""Where panels write a status as a word whose `status` is a number of their own."""


@of_any_depth
def read_statuses(
    answer: Any, provider_orders: list[str], exchange: Exchange
) -> dict[str, ProviderStatus]:
    """The statuses of these orders, as far as the answer holds them.

    The status of a single one may stand by itself.
    """
    entries = by_number(answer, provider_orders, NUMBERS)
    if not entries and len(provider_orders) == 1:
        entries = {provider_orders[0]: _lone_entry(answer, provider_orders[0])}
    if not entries:
        raise not_understood(answer)
    return {order: _read_status(entry, exchange) for order, entry in entries.items()}


def _lone_entry(answer: Any, order: str) -> dict[str, Any]:
    """The status that is the whole answer, unless it names another order."""
    entry = _opened(answer[0] if isinstance(answer, list) and len(answer) == 1 else answer)
    if not isinstance(entry, dict) or not any(text(entry.get(name)) for name in _FIELDS):
        raise not_understood(answer)
    if any(text(entry.get(name)) not in ("", order) for name in ("order", "order_id")):
        raise not_understood(answer)
    return entry


def _opened(entry: Any) -> Any:
    """A status out of an envelope that says no more than that the request succeeded."""
    if not isinstance(entry, dict) or entry.get("error"):
        return entry
    says_success = text(entry.get("status")).strip().lower() in _SUCCESS
    for name in _ENVELOPES if says_success else ():
        inner = entry.get(name)
        if isinstance(inner, dict) and inner.keys() & {*_FIELDS, *_NAMES, "error"}:
            beside = {key: value for key, value in entry.items() if key not in ("status", name)}
            return {**beside, **inner}
    return entry


def _read_status(entry: Any, exchange: Exchange) -> ProviderStatus:
    """One order's status; what is not understood in it is told in `odd`."""
    entry = _opened(entry)
    if isinstance(entry, str) and vocabulary.status(entry):
        entry = {"status": entry}
    if not isinstance(entry, dict) or entry.get("error"):
        words = error_words(entry.get("error")) if isinstance(entry, dict) else entry
        return ProviderStatus(odd=f"the provider says: {printable(words, MAX_SAID)}")
    word = _word(entry)
    status = vocabulary.status(word)
    odd = [] if status or word else ["no status"]
    start_count, remains = (_number(entry, name, odd) for name in ("start_count", "remains"))
    parts = _parts(entry, status)
    return ProviderStatus(
        status,
        start_count,
        remains,
        _charge(entry, exchange),
        ", ".join(odd),
        tuple(
            (order, quantity) for order, quantity in parts.found.items() if quantity is not None
        ),
        word=word,
        children=tuple(order for order, quantity in parts.found.items() if quantity is None),
        runs=parts.runs,
        quantity=integer(entry.get("quantity")),
        unread=" and ".join(parts.unread),
        has_unread_remains=not _is_absent(entry.get("remains"))
        and (remains is None or remains < 0),
    )


def _number(entry: dict[str, Any], name: str, odd: list[str]) -> int | None:
    """A number of a status; one that cannot be read is added to what is odd."""
    raw = entry.get(name)
    number = integer(raw)
    if number is None and not _is_absent(raw):
        odd.append(f"{name} {text(raw)[:MAX_SAID]!r}")
    return number


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _word(entry: dict[str, Any]) -> str:
    """The provider's word for a status: beside a number of its own, the name of that number."""
    word = printable(entry.get("status"))
    return word if vocabulary.status(word) else printable(first_text(entry, _NAMES)) or word


def _charge(entry: dict[str, Any], exchange: Exchange) -> Charge | None:
    """The charge in our currency; zero is the same in every currency.

    What stands there and is no amount is a charge that nobody can convert.
    """
    raw = entry.get("charge")
    if raw in (None, "", False):
        return None
    beside = currency_code(text(entry.get("currency")))
    words = printable(f"{text(raw)} {beside}".strip(), MAX_SAID)
    charged, within = _amount(text(raw))
    named = beside or ("" if may_mean(within, exchange.theirs) else within)
    if charged is None:
        return Charge(None, 1, bool(named), words, is_amount=False)
    is_agreed = not (beside and within) or within == beside or may_mean(within, beside)
    ratio = (exchange.ratio(named) if is_agreed else None) if charged else ONE_PPT
    if ratio is None:
        return Charge(None, 1, bool(named), words)
    decimals = max(-int(charged.as_tuple().exponent), 0)
    # A bare 0 is no amount that was rounded.
    last_digit = (1, 10**decimals) if charged or decimals else (0, 1)
    return Charge(
        exchanged(charged.as_integer_ratio(), ratio),
        exchanged(last_digit, ratio),
        bool(named),
        words,
    )


def _amount(written: str) -> tuple[Decimal | None, str]:
    """An amount, and the currency that stands within its text; "" for none."""
    number = amount(written)
    found = amounts.read(written) if number is None else None
    if found is None or found.is_negative or found.rest:
        return number, ""
    return amount(found.number), currency_code(found.mark)


class _Part(NamedTuple):
    """A post of a subscription or a run of a drip-feed, with its quantity where it is told.

    word: its own status as the provider says it; "" for none.
    """

    order: str
    quantity: int | None = None
    word: str = ""


class _Parts(NamedTuple):
    """The orders inside an order, as far as they can be read.

    unread: the names of the fields that stand there and cannot be, or not wholly.
    """

    found: dict[str, int | None]
    runs: int | None
    unread: list[str]


def _parts(entry: dict[str, Any], status: str | None) -> _Parts:
    """The orders inside an order, and the count of its `runs`, as panels say them.

    Where such a field is a number, it counts them, and tells nothing that could be asked for.
    An empty list says that there are none, unless the order is completed.
    """
    found: dict[str, int | None] = {}
    unread = []
    fields = {name: value for name, value in entry.items() if _folded(name) in _PARTS}
    for name, value in fields.items():
        parts = list(_listed(value))
        found |= {
            part.order: part.quantity
            for part in parts
            if _is_read(part) and (part.quantity is not None or part.order not in found)
        }
        is_nothing = not value or _is_absent(value) or integer(value) is not None
        if not (all(map(_is_read, parts)) if parts else is_nothing):
            unread.append(name)
    runs = integer(entry.get("runs"))
    if runs is None and entry.get("runs") not in (None, ""):
        unread.append("runs")
    lists = [value for name, value in fields.items() if _folded(name) != "posts"]
    is_none = any(value in ([], {}) for value in lists) and status != "Completed"
    if not found and not runs and not is_none:
        counts = (integer(fields[name]) for name in sorted(fields, key=_folded, reverse=True))
        runs = next((count for count in counts if count), runs)
    return _Parts(found, runs, unread)


@lru_cache(maxsize=1000)
def _folded(name: str) -> str:
    """A field's name without what only sets its words apart: sub_orders, subOrders."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _is_read(part: _Part) -> bool:
    """Whether a part's number is one, and its status does not put in doubt that it counts."""
    is_doubtful = part.word != "" and vocabulary.status(part.word) not in _COUNTS
    return dispatch.is_order_number(part.order) and not is_doubtful


def _listed(value: Any) -> Iterator[_Part]:
    if isinstance(value, str):
        value = _as_list(value)
    if isinstance(value, dict):
        yield from _by_key(value)
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield _part(first_text(item, NUMBERS), item)
        else:
            yield _Part("" if vocabulary.status(text(item)) else text(item))


def _by_key(value: dict[str, Any]) -> Iterator[_Part]:
    """The parts of an object: by their numbers, or a list with gaps, as PHP writes it.

    A word in a part's place may be anything, and so may a key that only counts the parts.
    """
    is_list = not any(isinstance(inner, dict) for inner in value.values())
    for key, inner in value.items():
        if isinstance(inner, dict):
            own = first_text(inner, NUMBERS)
            yield _part(own or ("" if _is_index(key, len(value)) else key), inner)
        elif is_list:
            yield _Part(text(inner) if _has_digit(key) and _has_digit(text(inner)) else "")
        elif _has_digit(key) or integer(inner) is None:
            yield _Part("")


def _is_index(key: str, count: int) -> bool:
    """Whether a key is no order's number: a name, or a small number such as a list's index."""
    number = integer(key)
    return not _has_digit(key) or (number is not None and number <= count)


def _has_digit(written: str) -> bool:
    return any(letter.isdigit() for letter in written)


def _part(number: str, entry: dict[str, Any]) -> _Part:
    return _Part(number, integer(entry.get("quantity")), _word(entry))


def _as_list(written: str) -> Any:
    """A list that was written as a text: as JSON, or with commas."""
    if written.strip().startswith(("[", "{")):
        try:
            return json.loads(written, parse_int=str, parse_float=str)
        except (ValueError, RecursionError):
            return None
    return [part.strip() for part in written.split(",")] if "," in written else None
