"""The steps of an order's life, as customers, providers and the operator make them.

Each is made with the product's own functions, so nothing comes about that could not.
"""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from actions import add
from database.transactions import immediate
from models import Cancel, Refill
from panel import accounts
from panel.operations import orders, requests
from panel.operations.audit import Actor
from panel.orders import cancels, dispatch, dripfeed, exchanges, lookup, refills, status_sync
from panel.orders.lookup import StoredOrder
from panel.orders.provider_status import ProviderStatus
from panel.orders.refills import ProviderRefill
from panel.orders.refusal import Refusal

OLGA = Actor("olga", "203.0.113.5")
"""The operator, who works from one address."""

HOLD_S = 7200
POLL_S = 15

Step = Callable[[int], Any]
"""What happens to an order, by its number."""

numbers = count(70_001)
"""The providers' own numbers."""


def place(customer: str, service_id: int, **texts: Any) -> int:
    """Order as the API does, from the texts of a request: the order's number."""
    caller = accounts.caller(accounts.get(customer).id)
    caller = caller._replace(request_id=f"{next(numbers):032x}")
    sent = {name: str(text) for name, text in texts.items()}
    return add.run(caller, {"service": str(service_id), **sent}).order_id


def live(order_id: int, steps: tuple[Step | int, ...]) -> Iterator[int]:
    """The story of an order: its steps, and the seconds between them."""
    for step in steps:
        if isinstance(step, int):
            yield step
        else:
            step(order_id)


# The way to a provider


def answered(
    order_id: int, action: str, answer: Any, http_status: int | None = 200
) -> exchanges.Exchange:
    """What an order's provider was asked, and answered."""
    provider_id = lookup.get(order_id).provider_id
    return exchanges.Exchange(provider_id, action, {}, http_status, json.dumps(answer))


def claim(order_id: int) -> None:
    """The worker begins to send the order."""
    outgoing = dispatch.claim(lookup.get(order_id).provider_id or 0)
    assert outgoing is not None, f"order {order_id} is not to be sent"
    assert outgoing.order_id == order_id, f"order {outgoing.order_id} came before {order_id}"


def put_off(order_id: int) -> None:
    """The worker finds a reason not to send the order, and sends nothing."""
    assert dispatch.claim(lookup.get(order_id).provider_id or 0) is None


def send(order_id: int) -> None:
    """The provider takes the order."""
    claim(order_id)
    number = next(numbers)
    dispatch.record_accepted(
        order_id, str(number), 0, answered(order_id, "add", {"order": number})
    )


def refuse(
    why: str, refusal: Refusal = Refusal.FINAL, then: Step | None = None
) -> Callable[[int], None]:
    """The provider refuses the order."""

    def step(order_id: int) -> None:
        claim(order_id)
        if then is not None:
            then(order_id)
        answer = answered(order_id, "add", {"error": why}, 422)
        dispatch.record_rejected(order_id, why, refusal, HOLD_S, answer)

    return step


def fail_to_reach(order_id: int) -> None:
    """The provider is not reached."""
    claim(order_id)
    dispatch.record_not_sent(order_id, "the connection was refused", 0)


def lose(order_id: int) -> None:
    """The provider's answer is lost: nobody knows whether it has the order."""
    claim(order_id)
    why = "no whole answer (ReadTimeoutError)"
    dispatch.mark_in_doubt(order_id, why, resend=False)


def lose_and_resend(order_id: int) -> None:
    """The same, at a provider that takes an order under one key once."""
    claim(order_id)
    answer = answered(order_id, "add", "<html><title>Bad gateway</title>", 502)
    dispatch.mark_in_doubt(order_id, "HTTP 502", answer=answer)


def reports(**status: Any) -> Step:
    """What the provider says of the order."""
    said = ProviderStatus(**{"word": status.get("status", ""), **status})

    def step(order_id: int) -> None:
        told = {**status, "status": said.word, "charge": said.charge and said.charge.text}
        answer = answered(order_id, "status", told)
        status_sync.apply_statuses({order_id: said}, POLL_S, lambda number: answer)

    return step


# Drip-feeds in parts


def run_parts(order_id: int) -> None:
    """The worker moves drip-feeds on."""
    dripfeed.run_due(POLL_S)


def begin_parts(order_id: int) -> None:
    """The provider has no drip-feed: the order goes in parts, of which the first begins."""
    put_off(order_id)
    run_parts(order_id)


def newest_part(order_id: int) -> StoredOrder:
    """The newest part or post of an order."""
    return lookup.parts_of(order_id)[-1]


def part(step: Step) -> Step:
    """A step of an order's newest part."""
    return lambda order_id: step(newest_part(order_id).id)


# What customers ask for


def ask_to_cancel(order_id: int) -> None:
    """The customer asks to cancel the order."""
    (asked,) = cancels.request(lookup.get(order_id).account_id, [order_id], "ask" + "0" * 29)
    assert isinstance(asked, int), asked


def newest_cancel(order_id: int) -> int:
    """The number of an order's newest cancel request."""
    return Cancel.select().where(Cancel.order == order_id).order_by(Cancel.id.desc()).get().id


def pass_on_cancel(accepted: bool) -> Step:
    """The provider is told that the customer wants the order canceled, and answers."""
    why = "" if accepted else "The order is nearly done"

    def step(order_id: int) -> None:
        answer = answered(order_id, "cancel", {"cancel": 1 if accepted else {"error": why}})
        said = cancels.CancelAnswer(accepted, why, answer)
        cancels.record_answers({newest_cancel(order_id): said})

    return step


def accept_cancel(order_id: int) -> None:
    """The operator grants the customer's wish."""
    requests.accept_cancel(OLGA, newest_cancel(order_id))


def reject_cancel(order_id: int) -> None:
    """The operator turns it down."""
    requests.reject_cancel(OLGA, newest_cancel(order_id))


def ask_for_refill(order_id: int) -> None:
    """The customer asks for a refill."""
    (asked,) = refills.request(lookup.get(order_id).account_id, [order_id], "ask" + "1" * 29)
    assert isinstance(asked, int), asked


def newest_refill(order_id: int) -> int:
    """The number of an order's newest refill."""
    return Refill.select().where(Refill.order == order_id).order_by(Refill.id.desc()).get().id


def set_refill(status: str) -> Step:
    """The operator moves the refill on."""
    return lambda order_id: requests.set_refill(OLGA, newest_refill(order_id), status)


def take_refill(order_id: int) -> None:
    """The provider takes the refill."""
    refills.record_accepted(newest_refill(order_id), str(next(numbers)), POLL_S)


def refill_reports(status: str | None, odd: str = "") -> Step:
    """What the provider says of the refill."""
    said = ProviderRefill(status, odd)
    return lambda order_id: refills.apply_statuses({newest_refill(order_id): said})


def leave_refill_without_number(order_id: int) -> None:
    """The provider gives no number for the refill."""
    refills.record_unnumbered(newest_refill(order_id), "the answer names none", POLL_S)


# What the operator does


def set_order(**values: Any) -> Step:
    """The operator changes the order."""
    return lambda order_id: orders.change(OLGA, order_id, **values)


def refund(order_id: int) -> None:
    """The operator pays everything back."""
    orders.refund(OLGA, order_id)


def attach(order_id: int) -> None:
    """The operator has found the order at its provider."""
    orders.attach(OLGA, order_id, str(next(numbers)))


def resend(order_id: int) -> None:
    """The operator has it sent again."""
    orders.resend(OLGA, order_id)


def give_up(order_id: int) -> None:
    """The operator gives the order up."""
    orders.fail(OLGA, order_id)


def add_post(quantity: int) -> Step:
    """The operator charges a post of a subscription that is fulfilled by hand."""
    return lambda order_id: orders.add_post(OLGA, order_id, quantity)


def at_once(step: Callable[[], Any]) -> Step:
    """What happens in one transaction beside the order."""

    def run(order_id: int) -> None:
        with immediate():
            step()

    return run
