"""Cancel requests and refills: all that wait, what was said of them, and answering several."""

from typing import Any, NamedTuple

from flask import render_template, request, url_for
from markupsafe import Markup
from peewee import PeeweeException

from database import unavailable
from database.clock import now
from panel import request_queries
from panel.errors import OperatorError
from panel.operations import requests
from panel.orders import cancels, lookup
from panel.orders.refills import REFILL_FOLLOWS
from panel.request_queries import MOST_COUNTED, Cursor, Kind, Request, Which
from web.dashboard import bulk
from web.dashboard.bulk import WORD_ABOVE_MICROS, WORD_ABOVE_ORDERS
from web.dashboard.common import actor, back_to, bp, inside, perform, tell

MOST = 200
"""The most requests that are answered at once."""


class Act(NamedTuple):
    """What several requests of a kind can be answered with: its label, and its status.

    word: what is typed where there are many.
    """

    label: str
    kind: Kind
    status: str
    word: str


ACTS = {
    "accept": Act("Accept: cancel the orders", Kind.CANCEL, "accepted", "accept"),
    "reject": Act("Reject: the orders go on", Kind.CANCEL, "rejected", "reject"),
    **{
        f"refill-{status.replace(' ', '-')}": Act(
            f"Set refills {status}", Kind.REFILL, status, status.split()[-1]
        )
        for status in REFILL_FOLLOWS["pending"]
    },
}


class Question(NamedTuple):
    """What is asked before several requests are answered.

    refused: why others of those selected cannot be answered so.
    """

    name: str
    act: Act
    selected: list[str]
    possible: list[Request]
    refused: list[tuple[str, str]]
    sum_micros: int
    word: str


class Done(NamedTuple):
    """What came of one answer; text says why where it was refused."""

    request: Request
    is_done: bool
    text: str = ""
    refund_micros: int = 0


def waiting_badge() -> Markup:
    """How many requests wait for an operator, for the navigation; "" where none do.

    A screen reader reads it as a sentence.
    """
    try:
        count = request_queries.waiting_count()
    except PeeweeException:
        return Markup("")  # the page itself says what is wrong with the database
    if not count:
        return Markup("")
    shown = f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)
    said = f"more than {MOST_COUNTED}" if count > MOST_COUNTED else str(count)
    verb = "waits" if count == 1 else "wait"
    badge = Markup(' <span class="badge" aria-hidden="true">{}</span>').format(shown)
    return badge + Markup('<span class="hidden">, {} {} for you</span>').format(said, verb)


def waited(since: int) -> str:
    """How long something has waited, in the largest whole unit."""
    seconds = max(now() - since, 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if count := seconds // length:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


@bp.get("/requests")
def request_list() -> str:
    """Cancel requests and refills: those that wait, with the longest first, all open ones, or all.

    Of all requests, the newest come first.
    """
    which = _of(Which, "show") or Which.WAITING
    usual = "newest" if which is Which.ALL else "oldest"
    order = request.args.get("order", "")
    order = order if order in ("oldest", "newest") else usual
    kind = _of(Kind, "kind")
    page = request_queries.request_page(which, kind, _cursor(), order == "newest")
    return render_template(
        "dashboard/requests.html",
        page=page,
        next=f"{page.next.cancel}-{page.next.refill}" if page.next else None,
        which=which,
        order=order,
        acts={name: act for name, act in ACTS.items() if kind in (None, act.kind)},
    )


def _of(kinds: Any, name: str) -> Any:
    """A choice of the query; None for what is none."""
    text = request.args.get(name, "")
    return kinds(text) if text in list(kinds) else None


def _cursor() -> Cursor | None:
    parts = request.args.get("after", "").split("-")
    is_one = len(parts) == 2 and all(p.isascii() and p.isdigit() and len(p) < 19 for p in parts)
    return Cursor(int(parts[0]), int(parts[1])) if is_one else None


@bp.post("/refills/<number:refill_id>")
def refill_set(refill_id: int) -> Any:
    """Set the status of a refill."""
    status = request.form.get("status", "")
    perform(requests.set_refill, refill_id, status, said=f"Refill {refill_id} is {status}.")
    return back_to("admin.request_list")


@bp.post("/cancels/<number:cancel_id>/<any(accept,reject):answer>")
def cancel_answer(cancel_id: int, answer: str) -> Any:
    """Accept or reject a cancel request."""
    operation = requests.accept_cancel if answer == "accept" else requests.reject_cancel
    if perform(operation, cancel_id).done:
        tell(f"Cancel request {cancel_id} is {answer}ed: {_became(cancel_id)}", "done")
    return back_to("admin.request_list")


def _became(cancel_id: int) -> str:
    """What became of the order of a cancel request that was answered."""
    order = lookup.get(cancels.order_of(cancel_id) or 0)
    return f"order {order.id} is {order.status}."


# Several at once


@bp.post("/requests/act")
def request_act() -> Any:
    """Answer each of the selected requests, after a question: how many, and which sum."""
    name = request.form.get("act", "")
    selected = list(dict.fromkeys(request.form.getlist("request")))
    if name not in ACTS or not selected:
        tell("Select requests and an answer first.", "error")
        return back_to("admin.request_list")
    if len(selected) > MOST:
        tell(f"Select at most {MOST} requests at once.", "error")
        return back_to("admin.request_list")
    question = _question(name, selected)
    back = inside(request.form.get("back", "")) or url_for("admin.request_list")
    confirmed, typed = "confirmed" in request.form, request.form.get("word", "")
    is_answered = bulk.is_answered(question.word, typed)
    has_grown = bulk.has_grown(question.sum_micros, request.form.get("sum", ""))
    if has_grown or not (confirmed and is_answered):
        page = render_template(
            "dashboard/requests_ask.html",
            question=question,
            back=back,
            wrong=confirmed and not has_grown,
            has_grown=has_grown,
        )
        return page, 422 if confirmed else 200
    done = _do_each(question)
    return render_template("dashboard/requests_done.html", question=question, done=done, back=back)


def _question(name: str, selected: list[str]) -> Question:
    act = ACTS[name]
    found = {f"{one.kind}-{one.id}": one for one in request_queries.named(_numbers(selected))}
    possible, refused = [], []
    for text in selected:
        one = found.get(text)
        why = _why_not(act, one)
        if one is None or why:
            refused.append((text.replace("-", " "), why))
        else:
            possible.append(one)
    total = sum(one.refund_micros for one in possible) if name == "accept" else 0
    needs_word = len(possible) > WORD_ABOVE_ORDERS or total > WORD_ABOVE_MICROS
    return Question(name, act, selected, possible, refused, total, act.word if needs_word else "")


def _numbers(selected: list[str]) -> list[tuple[Kind, int]]:
    """The requests that were ticked; what is none is left out."""
    found = []
    for text in selected:
        kind, _, digits = text.partition("-")
        if kind in list(Kind) and digits.isascii() and digits.isdigit() and len(digits) < 19:
            found.append((Kind(kind), int(digits)))
    return found


def _why_not(act: Act, one: Request | None) -> str:
    """Why a request cannot be answered so; "" if it can be."""
    if one is None:
        return "there is no such request"
    if one.kind is not act.kind:
        return f"it is a {'refill' if one.kind is Kind.REFILL else 'cancel request'}"
    if one.kind is Kind.REFILL:
        return "" if act.status in one.follows else f"it is {one.status} already"
    if one.status != "pending":
        return f"it was {one.status} already"
    return one.why_not if act.status == "accepted" else ""


def _do_each(question: Question) -> list[Done]:
    """Answer each for itself: what is refused stops no other.

    Where the database cannot be written any more, the rest is left, and is told as not done.
    """
    done: list[Done] = []
    for one in question.possible:
        try:
            done.append(_do(question.act, one))
        except PeeweeException as error:
            why = unavailable.reason(error)
            if why is None or not done:
                raise
            left = question.possible[len(done) :]
            done += [Done(other, False, f"not tried: {why}") for other in left]
            break
    return done


def _do(act: Act, one: Request) -> Done:
    paid_micros = 0
    try:
        if act.kind is Kind.REFILL:
            requests.set_refill(actor(), one.id, act.status)
        elif act.status == "accepted":
            paid_micros = requests.accept_cancel(actor(), one.id)
        else:
            requests.reject_cancel(actor(), one.id)
    except OperatorError as error:
        return Done(one, False, str(error))
    return Done(one, True, refund_micros=paid_micros)
