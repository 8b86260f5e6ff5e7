"""Orders: found, looked at, and moved on by hand, one or several."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from flask import render_template, request

from panel import accounts, queries
from panel.errors import OperatorError
from panel.orders import cancels, dispatch, events, lookup, refills, state, transition
from panel.reports import DAY_S
from web.dashboard import forms
from web.dashboard.common import back_to, bp, explain_form, number, perform, tell


class Act(NamedTuple):
    """Something that can be done with an order, as the command does it."""

    label: str
    do: Callable[[int], None]
    careful: bool = False


def _set(status: str) -> Act:
    return Act(f"Set {status}", lambda order_id: transition.change(order_id, status=status))


def _refund_all(order_id: int) -> None:
    transition.change(order_id, status="Canceled", remains=lookup.get(order_id).quantity)


ACTS = {
    "processing": _set("Processing"),
    "in-progress": _set("In progress"),
    "completed": _set("Completed"),
    "cancel": Act(
        "Cancel, and pay back what remains",
        lambda order_id: transition.change(order_id, status="Canceled"),
        careful=True,
    ),
    "refund": Act("Cancel, and pay everything back", _refund_all, careful=True),
    "partial": Act(
        "Set Partial, and pay back what remains",
        lambda order_id: transition.change(order_id, status="Partial"),
        careful=True,
    ),
    "resend": Act("In review: send again", dispatch.resend, careful=True),
    "fail": Act("In review: give up and pay back", dispatch.fail, careful=True),
}
"""What can be done with one order and with several."""


@bp.get("/orders")
def order_list() -> str:
    """Orders by status, customer, service, provider, day, number or link."""
    try:
        page = queries.order_page(_wanted(), number("before"))
    except OperatorError as error:
        tell(str(error), "error")
        page = queries.Page([], None)
    return render_template(
        "dashboard/orders.html",
        page=page,
        acts=ACTS,
        statuses=list(state.FOLLOWS),
        providers=queries.provider_names(),
    )


def _wanted() -> queries.OrderFilter:
    args = request.args
    customer = args.get("customer", "").strip()
    status = args.get("status", "")
    until = _day("to")
    return queries.OrderFilter(
        status=status if status in state.FOLLOWS else "",
        account_id=accounts.get(customer).id if customer else None,
        service_id=number("service"),
        provider_id=number("provider"),
        since=_day("from"),
        until=None if until is None else until + DAY_S,
        text=args.get("q", "").strip()[:2048],
    )


def _day(name: str) -> int | None:
    """The beginning of a day of the query, in UTC."""
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{text!r} is not a day such as 2026-01-31") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


@bp.get("/orders/<int:order_id>")
def order_page(order_id: int) -> str:
    """One order and its whole story."""
    order = queries.order_details(order_id)
    form = forms.ChangeOrder(data=order)
    form.status.choices = [order["status"], *state.FOLLOWS[order["status"]]]
    story = queries.order_story(order_id)
    return render_template(
        "dashboard/order.html",
        order=order,
        form=form,
        acts=_possible(order),
        events=events.events(order_id),
        provider=queries.provider_names().get(order["provider"], ""),
        refill_follows=refills.REFILL_FOLLOWS,
        **story,
    )


def _possible(order: dict[str, Any]) -> dict[str, Act]:
    """The acts that the order's state allows, as far as that is plain."""
    names = []
    if order["status"] in state.OPEN:
        names = ["cancel", "refund"]
    elif order["status"] == "Completed":
        names = ["refund"]
    if order["dispatch_state"] == "review":
        names += ["resend", "fail"]
    return {name: ACTS[name] for name in names}


@bp.post("/orders/<int:order_id>/change")
def order_change(order_id: int) -> Any:
    """Set status, start count and remains."""
    order = queries.order_details(order_id)
    form = forms.ChangeOrder()
    form.status.choices = list(state.FOLLOWS)
    if not form.validate():
        explain_form(form)
        return back_to("admin.order_page", order_id=order_id)
    changes = {
        name: getattr(form, name).data
        for name in ("status", "start_count", "remains")
        if getattr(form, name).data not in (None, "", order[name])
    }
    shown = ", ".join(f"{name} {value}" for name, value in changes.items())
    if changes:
        perform(
            f"order {order_id}: set {shown}",
            lambda: transition.change(order_id, **changes),
            f"Order {order_id} is changed.",
        )
    return back_to("admin.order_page", order_id=order_id)


@bp.post("/orders/<int:order_id>/attach")
def order_attach(order_id: int) -> Any:
    """Follow an order in review under the provider's number."""
    theirs = request.form.get("provider_order", "").strip()
    perform(
        f"order {order_id}: attach {theirs}",
        lambda: dispatch.attach(order_id, theirs),
        f"Order {order_id} is the provider's order {theirs}.",
    )
    return back_to("admin.order_page", order_id=order_id)


@bp.post("/orders/act")
def order_act() -> Any:
    """Do one thing with each of the chosen orders."""
    name = request.form.get("act", "")
    texts = request.form.getlist("order")
    chosen = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
    if name not in ACTS or not chosen:
        tell("Choose orders, and what to do with them.", "error")
        return back_to("admin.order_list")
    act = ACTS[name]
    done = [
        order_id
        for order_id in chosen
        if perform(f"order {order_id}: {name}", lambda n=order_id: act.do(n)).done  # type: ignore[misc]
    ]
    if done:
        numbers = ", ".join(map(str, done[:10])) + (" …" if len(done) > 10 else "")
        tell(f"{act.label}: done with {len(done)} of {len(chosen)} ({numbers}).", "done")
    return back_to("admin.order_list")


@bp.post("/refills/<int:refill_id>")
def refill_set(refill_id: int) -> Any:
    """Move a refill on."""
    status = request.form.get("status", "")
    perform(
        f"refill {refill_id}: set {status}",
        lambda: refills.set_status(refill_id, status),
        f"Refill {refill_id} is {status}.",
    )
    return back_to("admin.order_list")


@bp.post("/cancels/<int:cancel_id>/<any(accept,reject):answer>")
def cancel_answer(cancel_id: int, answer: str) -> Any:
    """Grant a cancel request, or turn it down."""
    do = cancels.accept if answer == "accept" else cancels.reject
    perform(
        f"cancel request {cancel_id}: {answer}",
        lambda: do(cancel_id),
        f"Cancel request {cancel_id}: {answer}ed.",
    )
    return back_to("admin.order_list")
