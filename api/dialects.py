"""Dialects: the only place that shapes an action's plain answer for a client.

A dialect has one function for each action. None of them knows HTTP.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from actions.parameters import parse_id
from panel.accounts import Caller
from panel.errors import TOO_MANY_REQUESTS, Problem
from panel.money import format_exact, format_fixed
from panel.orders.lookup import OrderState
from panel.orders.place import Placed
from panel.pricing import Offer

Shape = Callable[[Any, str], Any]


def error(problem: Problem) -> dict[str, str]:
    """The body of a refusal; also what stands in a list for a refused entry."""
    return {"error": problem.text}


def _services(offers: list[Offer], currency: str) -> list[dict[str, Any]]:
    return [
        {
            "service": offer.id,
            "name": offer.name,
            "category": offer.category,
            "type": offer.type,
            "rate": format_exact(offer.rate_micros),
            "min": offer.min,
            "max": offer.max,
            "refill": bool(offer.refill),
            "cancel": bool(offer.cancel),
            "dripfeed": bool(offer.dripfeed),
        }
        for offer in offers
    ]


def _balance(micros: int, currency: str) -> dict[str, str]:
    return {"balance": format_fixed(micros, 4), "currency": currency}


def _add(placed: Placed, currency: str) -> dict[str, int]:
    return {"order": placed.order_id}


def _order(state: OrderState | Problem, currency: str) -> dict[str, Any]:
    if isinstance(state, Problem):
        return error(state)
    shaped: dict[str, Any] = {
        "charge": format_fixed(state.charge_micros, 6),
        "start_count": state.start_count,
        "status": state.status,
        "remains": state.remains,
        "currency": currency,
    }
    if state.posts is not None:
        shaped["posts"] = [post._asdict() for post in state.posts]
    return shaped


def _status(answer: OrderState | dict[str, Any], currency: str) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {sent: _order(state, currency) for sent, state in answer.items()}
    return _order(answer, currency)


def _value_or_error(value: Any) -> Any:
    return error(value) if isinstance(value, Problem) else value


def _refill(answer: int | dict[int | str, Any], currency: str) -> Any:
    if isinstance(answer, dict):
        return [
            {"order": order, "refill": _value_or_error(value)} for order, value in answer.items()
        ]
    return {"refill": answer}


def _refill_status(answer: str | dict[int | str, Any], currency: str) -> Any:
    if isinstance(answer, dict):
        return [
            {"refill": refill, "status": _value_or_error(value)}
            for refill, value in answer.items()
        ]
    return {"status": answer}


def _cancel(answer: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        order: error(value) if isinstance(value, Problem) else {"cancel": "requested"}
        for order, value in answer.items()
    }


_SNS: dict[str, Shape] = {
    "services": _services,
    "balance": _balance,
    "add": _add,
    "status": _status,
    "refill": _refill,
    "refill_status": _refill_status,
    "cancel": _cancel,
}


def _with_texts(entry: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The entry with these of its numbers as texts."""
    return {name: str(value) if name in names else value for name, value in entry.items()}


def _perfect_services(offers: list[Offer], currency: str) -> list[dict[str, Any]]:
    return [_with_texts(entry, ("min", "max")) for entry in _services(offers, currency)]


def _perfect_status(answer: OrderState | dict[str, Any], currency: str) -> dict[str, Any]:
    shaped = _status(answer, currency)
    numbers = ("start_count", "remains")
    if isinstance(answer, dict):
        return {sent: _with_texts(entry, numbers) for sent, entry in shaped.items()}
    return _with_texts(shaped, numbers)


def _perfect_refill(answer: int | dict[int | str, Any], currency: str) -> Any:
    shaped = _refill(answer, currency)
    return shaped if isinstance(answer, dict) else _with_texts(shaped, ("refill",))


def _perfect_refill_status(answer: str | dict[int | str, Any], currency: str) -> Any:
    if isinstance(answer, str):
        return _refill_status(answer.capitalize(), currency)
    capitalized = {r: s.capitalize() if isinstance(s, str) else s for r, s in answer.items()}
    return _refill_status(capitalized, currency)


def _perfect_cancel(answer: dict[str, Any], currency: str) -> list[dict[str, Any]]:
    return [
        {"order": _number(order), "cancel": _value_or_error(value)}
        for order, value in answer.items()
    ]


def _number(sent: str) -> int | str:
    """The number that an order has, or what was sent in place of one."""
    return sent if parse_id(sent) is None else int(sent)


class Dialect(NamedTuple):
    """How answers look: a shape for each action, and the HTTP status of a refusal."""

    shapes: dict[str, Shape]
    refusals_are_200: bool = False

    def status(self, problem: Problem) -> int:
        """The HTTP status of a refusal; the rate limit keeps its own in every dialect."""
        is_kept = problem.status == TOO_MANY_REQUESTS.status or problem.status >= 500
        return problem.status if is_kept or not self.refusals_are_200 else 200


DIALECTS = {
    "sns": Dialect(_SNS),
    "perfectpanel": Dialect(
        {
            **_SNS,
            "services": _perfect_services,
            "status": _perfect_status,
            "refill": _perfect_refill,
            "refill_status": _perfect_refill_status,
            "cancel": _perfect_cancel,
        },
        refusals_are_200=True,
    ),
}


def dialect_of(caller: Caller | None, default: str) -> Dialect:
    """The caller's dialect; the panel's default for one that has none, or without a caller."""
    return DIALECTS[(caller.dialect if caller else None) or default]
