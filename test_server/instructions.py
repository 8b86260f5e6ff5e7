"""What a test can have the test server do to the panel, beside calling its API.

INSTRUCTIONS names them; each function's keyword arguments are the instruction's parameters.
"""

import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from werkzeug.http import HTTP_STATUS_CODES

from actions.add import DETAILS, IDEMPOTENCY_KEY
from api.dialects import DIALECTS
from panel import accounts, errors, money, service_types, services
from panel.errors import Problem
from panel.orders import refills, subscriptions, transition

BALANCE = "1000"
"""What a new customer has."""

FIRST_CUSTOMER = "sandbox"
"""The customer whose key the command prints."""

FRAMEWORK_ERRORS = [Problem(code, HTTP_STATUS_CODES[code]) for code in (404, 405, 413, 415, 500)]
"""The framework's own errors, which have the same status in every dialect."""


class Failure(NamedTuple):
    """How a call of the API fails: with an error, or without an answer.

    silence: no answer "before" or "after" the call is done; None for an error.
    """

    status: int = 0
    problem: Problem | None = None
    silence: str | None = None


@dataclass
class State:
    """What the test server remembers beside the database.

    services: the number of a service of each type.
    dialect: of customers that are added without one.
    failures: how the next calls of the API fail.
    edited: the services that differ from how they were added.
    """

    services: dict[str, int]
    dialect: str
    failures: deque[Failure] = field(default_factory=deque)
    edited: set[int] = field(default_factory=set)


def add_services() -> dict[str, int]:
    """Add a service of each type to the empty catalogue; their numbers by type."""
    return {
        name: services.add(type=name, **_service_fields(name))
        for name in service_types.SERVICE_TYPES
    }


def add_customer(
    state: State, balance: str = BALANCE, dialect: str | None = None, name: str | None = None
) -> dict[str, str]:
    """Add a customer with funds: its name and key.

    A new customer means a new test: failures that are still due are forgotten, and the catalogue
    is restored.
    """
    state.failures.clear()
    for type_name, number in state.services.items():
        if number in state.edited:
            fields = _service_fields(type_name)
            services.edit(number, type=type_name, active=True, one_per_link=False, **fields)
    state.edited.clear()
    name = name or f"test-{secrets.token_hex(6)}"
    key = accounts.add(name, money.parse(balance))
    accounts.set_dialect(name, dialect or state.dialect)
    return {"account": name, "key": key}


def fail(
    state: State,
    error: str | None = None,
    silence: str | None = None,
    times: int = 1,
    dialect: str | None = None,
) -> None:
    """Make the next calls of the API fail, whichever customer makes them.

    :param error: a text of the contract's error table.
    :param silence: instead, give no answer: "before" the call is done, or "after".
    :raises ValueError: for any other error or silence, or for both.
    """
    if (error is None) == (silence is None) or silence not in (None, "before", "after"):
        raise ValueError('either an error, or a silence "before" or "after"')
    failure = Failure(silence=silence)
    if error is not None:
        failure = _failure(_find_problem(error), dialect or state.dialect)
    state.failures.extend([failure] * times)


def edit_service(state: State, service: int, **changes: Any) -> None:
    """Change a service until the next customer is added."""
    if "rate" in changes:
        changes["rate_micros"] = money.parse(changes.pop("rate"))
    services.edit(service, **changes)
    state.edited.add(service)


def fund(state: State, amount: str, account: str = FIRST_CUSTOMER) -> str:
    """Deposit an amount, or withdraw a negative one; the new balance."""
    return money.format_exact(accounts.fund(account, money.parse(amount)))


def suspend(state: State, account: str = FIRST_CUSTOMER) -> None:
    """Lock a customer out."""
    accounts.set_status(account, "suspended")


def set_order(
    state: State,
    order: int,
    status: str,
    start_count: int | None = None,
    remains: int | None = None,
) -> None:
    """Bring an order to a status."""
    transition.change(order, status=status, start_count=start_count, remains=remains)


def add_post(state: State, order: int, quantity: int) -> int:
    """Add a post to a subscription; the number of the post's order."""
    return subscriptions.add_post(order, quantity)


def set_refill(state: State, refill: int, status: str) -> None:
    """Bring a refill to a status."""
    refills.set_status(refill, status)


INSTRUCTIONS: dict[str, Callable[..., Any]] = {
    "account": add_customer,
    "fail": fail,
    "service": edit_service,
    "fund": fund,
    "suspend": suspend,
    "order": set_order,
    "post": add_post,
    "refill": set_refill,
}


def _failure(problem: Problem, dialect: str) -> Failure:
    same_status = problem in FRAMEWORK_ERRORS
    status = problem.status if same_status else DIALECTS[dialect].status(problem)
    return Failure(status, problem)


def _find_problem(text: str) -> Problem:
    """The problem with this text: of the error table, a parameter's, or the framework's own.

    :raises ValueError: if there is none.
    """
    # A limit is any number, or N as in the table.
    plain = re.sub(r"(?<=minimal |maximum )[0-9]+$", "N", text)
    of_parameters = [errors.incorrect(name) for name in (*DETAILS, IDEMPOTENCY_KEY)]
    for problem in [*errors.catalogue(), *of_parameters, *FRAMEWORK_ERRORS]:
        if problem.text == plain:
            return Problem(problem.status, text)
    raise ValueError(f"{text!r} is no error of the API")


def _service_fields(type_name: str) -> dict[str, Any]:
    """What the catalogue says of the service of this type."""
    rules = service_types.SERVICE_TYPES[type_name]
    return {
        "name": f"{type_name} of the sandbox",
        "category": "Sandbox",
        "rate_micros": money.MICROS,
        "min": 10 if rules.charged == "quantity" else 1,
        "max": 1 if rules.charged == "package" else 10_000,
        "refill": True,
        "cancel": True,
        "dripfeed": rules.dripfeed,
    }
