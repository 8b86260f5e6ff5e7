"""One order: looked at, and changed by hand. order_list.py has the list and the bulk acts."""

from typing import Any

from flask import render_template, request

from panel import queries
from panel.operations import orders as operations
from panel.operations import requests
from panel.orders import history, refills, state
from panel.providers import words
from web.dashboard import forms
from web.dashboard.common import (
    back_to,
    bp,
    explain_form,
    perform,
    tell,
)
from web.dashboard.order_acts import ACTS, possible

IN_REVIEW = (
    "Nobody knows whether the provider has it. Look it up there, by its link and time: attach the "
    "provider's number, or send it again if they do not have it, or give it up."
)
RESTORED = (
    "The database was restored from a copy, and what is done about it since is not known. Look at "
    "the provider: set what is settled there, and release the rest."
)
HELD = {
    "refusal": "The provider refused it with words that are not known. It is canceled and paid "
    "back when its time is over, unless you decide otherwise.",
    "funds": "It waits for funds at the provider, and goes out when our balance there has risen.",
    "word": "The provider tells a status that is not known. Say what it means, or set the order "
    "by hand.",
    "status": "What the provider says is not clear, and nothing is paid back on a guess. Look it "
    "up there, and set the order by hand.",
    "posts": "Posts of it cannot be charged. Look them up at the provider, and charge each by "
    "hand; or set the order.",
}
"""Why an order waits, and what to do, by its column `held_because`."""


@bp.get("/orders/<number:order_id>")
def order_page(order_id: int) -> str:
    """One order with its ledger entries, history and requests."""
    order = queries.order_details(order_id)
    records = queries.order_records(order_id)
    waits = _waits_since_a_restore(order, records)
    form = forms.ChangeOrder(data=order)
    form.status.choices = [order["status"], *state.FOLLOWS[order["status"]]]
    return render_template(
        "dashboard/order.html",
        order=order,
        form=form,
        post=forms.Post() if _takes_posts(order) else None,
        acts=possible(order) | ({"release": ACTS["release"]} if waits else {}),
        events=history.history(order_id),
        provider=queries.provider_names().get(order["provider"], ""),
        refill_follows=refills.REFILL_FOLLOWS,
        held=_why_it_waits(order) or (RESTORED if waits else ""),
        meanings=_meanings(order),
        **records,
    )


def _waits_since_a_restore(
    order: dict[str, Any], records: dict[str, list[dict[str, Any]]]
) -> bool:
    """Whether the order, its refill or its cancel request waits until it is released."""
    return any(row["restored"] for row in (order, *records["refills"], *records["cancels"]))


def _why_it_waits(order: dict[str, Any]) -> str:
    """Why an order waits for the operator, and what to do; or ''."""
    if order["dispatch_state"] == state.IN_REVIEW and state.is_open(order["status"]):
        return IN_REVIEW
    return HELD.get(order["held_because"], "")


def _takes_posts(order: dict[str, Any]) -> bool:
    is_open = state.is_subscription(order["quantity"]) and state.is_open(order["status"])
    return is_open and (order["dispatch_state"] == "" or order["held_because"] == "posts")


def _meanings(order: dict[str, Any]) -> list[str]:
    """What the words that an order is held for can be taught to mean."""
    if order["held_because"] == "refusal":
        return list(words.REFUSALS)
    return list(state.FOLLOWS) if order["held_because"] == "word" else []


@bp.post("/orders/<number:order_id>/change")
def order_change(order_id: int) -> Any:
    """Set status, start count and remains, as far as they were changed."""
    order = queries.order_details(order_id)
    form = forms.ChangeOrder()
    form.status.choices = list(state.FOLLOWS)
    if form.validate():
        values = {name: form[name].data for name in ("status", "start_count", "remains")}
        changes = {n: value for n, value in values.items() if value not in (None, "", order[n])}
        if changes:
            said = f"Order {order_id} is changed."
            perform(operations.change, order_id, **changes, said=said)
    else:
        explain_form(form)
    return back_to("admin.order_page", order_id=order_id)


@bp.post("/orders/<number:order_id>/attach")
def order_attach(order_id: int) -> Any:
    """Link an order in review to the provider's order."""
    theirs = request.form.get("provider_order", "").strip()
    said = f"Order {order_id} is the provider's order {theirs}."
    perform(operations.attach, order_id, theirs, said=said)
    return back_to("admin.order_page", order_id=order_id)


@bp.post("/orders/<number:order_id>/post")
def order_post(order_id: int) -> Any:
    """Charge a post of a subscription: by hand, or one that its provider has."""
    form = forms.Post()
    if not form.validate():
        explain_form(form)
        return back_to("admin.order_page", order_id=order_id)
    theirs = (form.theirs.data or "").strip() or None
    done = perform(operations.add_post, order_id, form.quantity.data, theirs)
    if done.done:
        tell(f"The post is order {done.value}.", "done")
    return back_to("admin.order_page", order_id=order_id)


@bp.post("/refills/<number:refill_id>")
def refill_set(refill_id: int) -> Any:
    """Set the status of a refill."""
    status = request.form.get("status", "")
    perform(requests.set_refill, refill_id, status, said=f"Refill {refill_id} is {status}.")
    return back_to("admin.order_list")


@bp.post("/cancels/<number:cancel_id>/<any(accept,reject):answer>")
def cancel_answer(cancel_id: int, answer: str) -> Any:
    """Accept or reject a cancel request."""
    operation = requests.accept_cancel if answer == "accept" else requests.reject_cancel
    perform(operation, cancel_id, said=f"Cancel request {cancel_id} is {answer}ed.")
    return back_to("admin.order_list")
