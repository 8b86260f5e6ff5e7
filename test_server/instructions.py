"""What a test can have the test server do to the panel, beside calling its API.

INSTRUCTIONS names them; each function's keyword arguments are the instruction's parameters, with
their types (parameters.py), and what it returns is the answer: a JSON object.
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
from models import Order
from panel import accounts, errors, money, service_types, services
from panel.errors import OperatorError, Problem
from panel.orders import refills, subscriptions, transition
from test_server.parameters import BadInstruction, Micros

BALANCE_MICROS = Micros(1000 * money.MICROS)
"""What a new customer has."""

MAX_TIMES = 10_000

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


def add_first_customer(state: State) -> str:
    """Add the customer whose key the command prints: its key."""
    key = accounts.add(FIRST_CUSTOMER, BALANCE_MICROS)
    accounts.set_dialect(FIRST_CUSTOMER, state.dialect)
    return key


def add_customer(
    state: State, balance: Micros = BALANCE_MICROS, dialect: str | None = None
) -> dict[str, Any]:
    """Add a customer with funds: its name and key.

    A new customer means a new test: failures that are still due are forgotten, and the catalogue
    is restored.
    """
    dialect = _dialect(state, dialect)
    if balance < 0:
        raise BadInstruction("'balance' must not be negative")
    state.failures.clear()
    for type_name, number in state.services.items():
        if number in state.edited:
            fields = _service_fields(type_name)
            services.edit(number, type=type_name, active=True, one_per_link=False, **fields)
    state.edited.clear()
    name = f"test-{secrets.token_hex(6)}"
    key = accounts.add(name, balance)
    accounts.set_dialect(name, dialect)
    shown = money.format_exact(balance)
    return {"account": name, "key": key, "balance": shown, "dialect": dialect}


def fail(
    state: State,
    error: str | None = None,
    silence: str | None = None,
    times: int = 1,
    dialect: str | None = None,
) -> dict[str, Any]:
    """Make the next calls of the API fail, whichever customer makes them: how many are to fail.

    :param error: a text of the contract's error table.
    :param silence: instead, give no answer: "before" the call is done, or "after".
    :raises BadInstruction: for any other error or silence, or for both.
    """
    if (error is None) == (silence is None) or silence not in (None, "before", "after"):
        raise BadInstruction('either an error, or a silence "before" or "after"')
    if not 1 <= times <= MAX_TIMES:
        raise BadInstruction(f"'times' is {times}, and must be from 1 to {MAX_TIMES}")
    dialect = _dialect(state, dialect)
    failure = Failure(silence=silence)
    if error is not None:
        failure = _failure(_find_problem(error), dialect)
    state.failures.extend([failure] * times)
    return {"failures": len(state.failures)}


def edit_service(
    state: State,
    service: int,
    name: str | None = None,
    category: str | None = None,
    type: str | None = None,
    rate: Micros | None = None,
    min: int | None = None,
    max: int | None = None,
    active: bool | None = None,
    refill: bool | None = None,
    cancel: bool | None = None,
    dripfeed: bool | None = None,
    one_per_link: bool | None = None,
) -> dict[str, Any]:
    """Change a service until the next customer is added: what it is then."""
    given = {
        "name": name, "category": category, "type": type, "rate_micros": rate, "min": min,
        "max": max, "active": active, "refill": refill, "cancel": cancel, "dripfeed": dripfeed,
        "one_per_link": one_per_link,
    }  # fmt: skip
    services.edit(service, **{field: value for field, value in given.items() if value is not None})
    state.edited.add(service)
    row = services.get(service)
    shown = {field: getattr(row, field) for field in given if field != "rate_micros"}
    return {"service": service, **shown, "rate": money.format_exact(row.rate_micros)}


def fund(state: State, amount: Micros, account: str = FIRST_CUSTOMER) -> dict[str, Any]:
    """Deposit an amount, or withdraw a negative one: the new balance."""
    balance = money.format_exact(accounts.fund(account, amount))
    return {"account": account, "balance": balance}


def suspend(state: State, account: str = FIRST_CUSTOMER) -> dict[str, Any]:
    """Lock a customer out."""
    accounts.set_status(account, "suspended")
    return {"account": account, "status": "suspended"}


def set_order(
    state: State,
    order: int,
    status: str,
    start_count: int | None = None,
    remains: int | None = None,
) -> dict[str, Any]:
    """Bring an order to a status: what it is then, and how much was paid back of it."""
    _check_order(order)
    transition.change(order, status=status, start_count=start_count, remains=remains)
    row = Order.get_by_id(order)
    return {
        "order": order,
        "status": row.status,
        "start_count": row.start_count,
        "remains": row.remains,
        "refunded": money.format_exact(row.refunded_micros),
    }


def add_post(state: State, order: int, quantity: int) -> dict[str, Any]:
    """Add a post to a subscription: the number of the post's order."""
    _check_order(order)
    return {"order": subscriptions.add_post(order, quantity), "subscription": order}


def set_refill(state: State, refill: int, status: str) -> dict[str, Any]:
    """Bring a refill to a status."""
    refills.set_status(refill, status)
    return {"refill": refill, "status": status}


def _check_order(order: int) -> None:
    """:raises OperatorError: if there is no such order, with how to come to one."""
    if not Order.select().where(Order.id == order).exists():
        raise OperatorError(
            f"there is no order {order}: place one first, with action=add, and take the number of "
            "the answer"
        )


def _dialect(state: State, dialect: str | None) -> str:
    if dialect is not None and dialect not in DIALECTS:
        only = ", ".join(DIALECTS)
        raise BadInstruction(f"there is no dialect {dialect!r}, only: {only}")
    return dialect or state.dialect


INSTRUCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
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

    :raises BadInstruction: if there is none.
    """
    # A limit is any number, or N as in the table.
    plain = re.sub(r"(?<=minimal |maximum )[0-9]+$", "N", text)
    of_parameters = [errors.incorrect(name) for name in (*DETAILS, IDEMPOTENCY_KEY)]
    for problem in [*errors.catalogue(), *of_parameters, *FRAMEWORK_ERRORS]:
        if problem.text == plain:
            return Problem(problem.status, text)
    raise BadInstruction(
        f"{text!r} is no error of the API; its errors are listed at the panel's address"
    )


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
