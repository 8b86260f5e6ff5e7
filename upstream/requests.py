"""What providers answer to cancel requests and refills, in every shape that panels give it."""

from typing import Any

from panel.orders import dispatch
from panel.orders.refills import ProviderRefill
from upstream import vocabulary
from upstream.answers import NUMBERS, by_number, error_words, not_understood, of_any_depth
from upstream.fields import MAX_SAID, first_text, printable, text
from upstream.provider import NoNumber, ProviderRejected

_REFILL_NUMBERS = ("refill", "refill_id", "id")


@of_any_depth
def read_cancels(answer: Any, provider_orders: list[str]) -> dict[str, bool]:
    """Whether the provider accepted the cancel request of each order that the answer holds.

    The answer for a single one may stand by itself.
    """
    entries = by_number(answer, provider_orders, NUMBERS)
    if not entries and len(provider_orders) == 1 and isinstance(answer, dict):
        entries = {provider_orders[0]: answer} if "cancel" in answer else {}
        if _says_success(answer):
            entries = {provider_orders[0]: {"cancel": True}}
    return {order: _is_accepted(entry) for order, entry in entries.items()}


def _is_accepted(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    answer = entry.get("cancel", _says_success(entry))
    return answer is True or (isinstance(answer, str) and bool(answer.strip("0")))


def _says_success(entry: dict[str, Any]) -> bool:
    if entry.get("error"):
        return False
    words = text(entry.get("status")).lower(), text(entry.get("message")).lower()
    return entry.get("success") is True or "success" in words or "requested" in words


@of_any_depth
def read_refill(answer: Any, provider_order: str) -> str:
    """The provider's number for a refill that it accepted.

    :raises ProviderRejected: where an error stands in the number's place.
    :raises NoNumber: if the provider neither refuses nor gives a number.
    """
    found = by_number(answer, [provider_order], NUMBERS) if _is_container(answer) else {}
    entry = found.get(provider_order, answer)
    if isinstance(entry, list) and len(entry) == 1:
        entry = entry[0]
    refill = entry.get("refill") if isinstance(entry, dict) else entry
    error = refill.get("error") if isinstance(refill, dict) else None
    if error is None and isinstance(entry, dict):
        error = entry.get("error")
    number = text(refill) or (first_text(refill, ("id",)) if isinstance(refill, dict) else "")
    if dispatch.is_order_number(number) and isinstance(entry, dict):
        return number
    if error:
        raise ProviderRejected(
            printable(error_words(error), MAX_SAID) or "refused without a reason"
        )
    raise NoNumber(str(not_understood(answer)))


def _is_container(answer: Any) -> bool:
    return isinstance(answer, dict | list)


@of_any_depth
def read_refill_statuses(answer: Any, provider_refills: list[str]) -> dict[str, ProviderRefill]:
    """The statuses of these refills, as far as the answer holds them."""
    entries = by_number(answer, provider_refills, _REFILL_NUMBERS)
    is_lone = len(provider_refills) == 1 and isinstance(answer, dict) and "status" in answer
    if not entries and is_lone and text(answer.get("refill")) in ("", provider_refills[0]):
        entries = {provider_refills[0]: answer}
    if not entries and answer != []:
        raise not_understood(answer)
    return {refill: _read_refill_status(entry) for refill, entry in entries.items()}


def _read_refill_status(entry: Any) -> ProviderRefill:
    value = entry.get("status") if isinstance(entry, dict) else entry
    if isinstance(entry, dict) and (entry.get("error") or isinstance(value, dict)):
        error = entry.get("error") or (value.get("error") if isinstance(value, dict) else "")
        words = printable(error_words(error), MAX_SAID)
        return ProviderRefill(None, f"the provider says: {words}")
    word = printable(value)
    status = vocabulary.refill_status(word)
    return ProviderRefill(status, "" if status else f"status {word!r}")
