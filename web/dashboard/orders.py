"""One order: all that is known of it, and what can be done by hand.

order_list.py has the list and the bulk acts, order_view.py the words of the page.
"""

from typing import Any

from flask import Response, render_template

from database.compiled_query import rows
from models import LedgerEntry
from panel import queries, request_queries
from panel.operations import orders as operations
from panel.orders import dispatch, history, lookup, parts, state
from panel.orders.lookup import StoredOrder
from panel.providers import words
from web.dashboard import forms, order_view
from web.dashboard.common import (
    back_to,
    bp,
    explain_form,
    form_number,
    form_token,
    number,
    page_form,
    perform,
    show_again,
    tell,
)

RESTORED = (
    "The database was restored from a copy, and what is done about it since is not known. Look at "
    "the provider: set what is settled there, and release the rest."
)
HELD = {
    "refusal": "The provider refused it with words that are not known. It is canceled and paid "
    "back when its time is over, unless you decide otherwise.",
    "funds": "It waits for funds at the provider, and goes out when our balance there has risen.",
    "cost": "It would cost more than it was sold for. It waits until you send it all the same, or "
    "give it up.",
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
    """One order: what was ordered, where it is, its story, its money, and what can be done."""
    row = queries.order_details(order_id)
    order = order_view.stored(row)
    requests = request_queries.of_order(order_id)
    provider = order_view.provider_of(order)
    story = history.history(order_id)
    form = page_form(forms.ChangeOrder, data=row)
    form.status.choices = [order.status, *state.FOLLOWS[order.status]]
    in_review = order.dispatch_state == state.IN_REVIEW
    of_parts = _parts(order)
    return render_template(
        "dashboard/order.html",
        order=row,
        service_type=(service_type := order_view.service_type(order.service_id)),
        ordered=order_view.ordered(order.parameters, service_type),
        idempotency_key=order_view.idempotency_key(order_id),
        form=form,
        post=page_form(forms.Post) if _takes_posts(order) else None,
        attach=page_form(forms.Attach, data=row),
        attach_part=page_form(forms.AttachPart),
        offers=order_view.offers(order, provider, of_parts["sums"]),
        next_part=_next_part(order),
        undecided=in_review or order.held_because in dispatch.REFUSED,
        not_again=order_view.not_again(order),
        known=order_view.known(order, provider, story.lines) if in_review else None,
        held=HELD.get(order.held_because, ""),
        restored=RESTORED if order.restored or any(one.restored for one in requests) else "",
        meanings=_meanings(order),
        provider=provider,
        story=story,
        requests=requests,
        entries=_entries(order_id),
        **of_parts,
    )


def _next_part(order: StoredOrder) -> int:
    """The run of a drip-feed that a provider may have got since the copy was made; 0 for none."""
    if not order.restored or order.dispatch_state != state.IN_PARTS:
        return 0
    known = len(lookup.parts_of(order.id))
    return known + 1 if known < (order.runs or 0) else 0


def _entries(order_id: int) -> list[dict[str, Any]]:
    query = LedgerEntry.select().where(LedgerEntry.order == order_id).order_by(LedgerEntry.id)
    return rows(query.dicts())


def _parts(order: StoredOrder) -> dict[str, Any]:
    """The parts or posts of an order, as far as it can have some."""
    if order.runs is None and not state.is_subscription(order.quantity):
        return {"parts": None, "sums": None}
    page = parts.part_page(order.id, number("before"))
    return {"parts": page, "sums": parts.part_sums(order.id)}


def _takes_posts(order: StoredOrder) -> bool:
    is_open = state.is_subscription(order.quantity) and state.is_open(order.status)
    return is_open and (order.dispatch_state == "" or order.held_because == "posts")


def _meanings(order: StoredOrder) -> list[str]:
    """What the words that an order is held for can be taught to mean."""
    if order.held_because == "refusal":
        return list(words.REFUSALS)
    return list(state.FOLLOWS) if order.held_because == "word" else []


@bp.get("/orders/<number:order_id>/ordered/<name>.txt")
def order_text(order_id: int, name: str) -> Response:
    """All of one parameter of an order, such as its comments, as a file."""
    text = order_view.whole_text(lookup.get(order_id), name)
    answer = Response(text, mimetype="text/plain")
    answer.headers["Content-Disposition"] = f'attachment; filename="order-{order_id}-{name}.txt"'
    return answer


@bp.post("/orders/<number:order_id>/change")
def order_change(order_id: int) -> Any:
    """Set status, start count and remains, as far as they were changed."""
    order = queries.order_details(order_id)
    form = forms.ChangeOrder()
    form.status.choices = list(state.FOLLOWS)
    if form.validate():
        values = {name: form[name].data for name in ("status", "start_count", "remains")}
        changes = {n: value for n, value in values.items() if value not in (None, "", order[n])}
        said = f"Order {order_id} is changed."
        if (
            not changes
            or perform(operations.change, order_id, **changes, said=said, form=form).done
        ):
            return back_to("admin.order_page", order_id=order_id)
    else:
        explain_form(form)
    return show_again("admin.order_page", form, order_id=order_id)


@bp.post("/orders/<number:order_id>/attach")
def order_attach(order_id: int) -> Any:
    """Link an order in review to the provider's order."""
    form = forms.Attach()
    theirs = (form.provider_order.data or "").strip()
    said = f"Order {order_id} is the provider's order {theirs}: its status is followed now."
    if perform(operations.attach, order_id, theirs, said=said, form=form).done:
        return back_to("admin.order_page", order_id=order_id)
    return show_again("admin.order_page", form, order_id=order_id)


@bp.post("/orders/<number:order_id>/attach-part")
def order_attach_part(order_id: int) -> Any:
    """Say that the provider has a run of a drip-feed that is not known since a restore."""
    form = forms.AttachPart()
    theirs, part = (form.provider_order.data or "").strip(), form_number("part") or 0
    said = f"Run {part} of order {order_id} is the provider's order {theirs}."
    if perform(operations.attach_part, order_id, part, theirs, said=said, form=form).done:
        return back_to("admin.order_page", order_id=order_id)
    return show_again("admin.order_page", form, order_id=order_id)


@bp.post("/orders/<number:order_id>/post")
def order_post(order_id: int) -> Any:
    """Charge a post of a subscription: by hand, or one that its provider has."""
    form = forms.Post()
    if not form.validate():
        explain_form(form)
        return show_again("admin.order_page", form, order_id=order_id)
    theirs = (form.provider_order.data or "").strip() or None
    asked = (order_id, form.quantity.data, theirs, form_token())
    done = perform(operations.add_post, *asked, form=form)
    if not done.done and not done.repeated:
        return show_again("admin.order_page", form, order_id=order_id)
    if done.done:
        tell(f"The post is order {done.value}.", "done")
    return back_to("admin.order_page", order_id=order_id)
