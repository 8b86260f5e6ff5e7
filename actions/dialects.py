"""Dialects: the only place that shapes an action's plain answer for a client.

Each dialect has one function an action; none of them knows HTTP.
"""

from collections.abc import Callable
from typing import Any

from panel.errors import Problem
from panel.money import format_exact, format_fixed
from panel.orders import OrderState
from panel.services import Offer

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
            "dripfeed": False,
        }
        for offer in offers
    ]


def _balance(micros: int, currency: str) -> dict[str, str]:
    return {"balance": format_fixed(micros, 4), "currency": currency}


def _add(order_id: int, currency: str) -> dict[str, int]:
    return {"order": order_id}


def _order(state: OrderState | Problem, currency: str) -> dict[str, Any]:
    if isinstance(state, Problem):
        return error(state)
    return {
        "charge": format_fixed(state.charge_micros, 6),
        "start_count": state.start_count,
        "status": state.status,
        "remains": state.remains,
        "currency": currency,
    }


def _status(answer: OrderState | dict[str, Any], currency: str) -> dict[str, Any]:
    if isinstance(answer, dict):
        return {sent: _order(state, currency) for sent, state in answer.items()}
    return _order(answer, currency)


def _entry(value: Any) -> Any:
    return error(value) if isinstance(value, Problem) else value


def _refill(answer: int | dict[int | str, Any], currency: str) -> Any:
    if isinstance(answer, dict):
        return [{"order": order, "refill": _entry(value)} for order, value in answer.items()]
    return {"refill": answer}


def _refill_status(answer: str | dict[int | str, Any], currency: str) -> Any:
    if isinstance(answer, dict):
        return [{"refill": refill, "status": _entry(value)} for refill, value in answer.items()]
    return {"status": answer}


def _cancel(answer: dict[str, Any], currency: str) -> dict[str, Any]:
    return {
        order: error(value) if isinstance(value, Problem) else {"cancel": "requested"}
        for order, value in answer.items()
    }


SNS: dict[str, Shape] = {
    "services": _services,
    "balance": _balance,
    "add": _add,
    "status": _status,
    "refill": _refill,
    "refill_status": _refill_status,
    "cancel": _cancel,
}
