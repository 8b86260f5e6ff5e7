"""The list of orders: filtered, searched, summed up, exported, and acted on in bulk."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Response, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from database.clock import now
from panel import order_lists, paging
from panel.errors import OperatorError
from panel.money import format_exact
from panel.operations import orders as operations
from panel.order_lists import OrderFilter
from panel.orders import forecast, state
from panel.paging import Page
from panel.queries import provider_names
from panel.reports import DAY_S, escape_formula
from panel.submitted import SubmittedError
from web.dashboard import bulk, query
from web.dashboard.common import (
    back_to,
    bp,
    chosen_numbers,
    form_token,
    inside,
    number,
    perform,
    show_again,
    tell,
    when,
)
from web.dashboard.order_acts import ACTS

SIZES = (50, 100, 200)
"""How many orders a page can show."""

ONLY = {
    "review": "In review",
    "requests": "With a request",
    "held": "Held",
    "warned": "With a warning, open or of 7 days",
    "warning": "With any warning",
}
"""What the filter can ask for besides columns, and how it is called."""

FILTER = ("q", "status", "customer", "service", "provider", "from", "to", "only")
"""What a page's address says of the filter."""

TOO_SHORT = "A part of a link needs 3 characters or more; only numbers of orders were looked for."

Args = MultiDict[str, str]


@bp.get("/orders")
def order_list() -> str:
    """Orders by status, customer, service, provider, day, number or a part of the link."""
    asked = number("rows")
    size = asked if asked in SIZES else paging.PAGE
    totals, refused = None, ""
    try:
        wanted = _filter(request.args)
        page = order_lists.order_page(wanted, number("before"), size)
        if "before" not in request.args:
            totals = order_lists.totals(wanted, page, size)
    except OperatorError as error:
        refused = query.sentence(error)
        tell(refused, "error")
        wanted, page = OrderFilter(), Page([], None)
    possible = forecast.possible(page.rows)
    some = {act for acts in possible.values() for act in acts}
    providers = provider_names()
    return render_template(
        "dashboard/orders.html",
        page=page,
        totals=totals,
        refused=refused,
        possible=possible,
        acts={name: act for name, act in ACTS.items() if name in some},
        statuses=list(state.FOLLOWS),
        only=ONLY,
        sizes=SIZES,
        size=size,
        most=bulk.MOST,
        too_short=TOO_SHORT if order_lists.is_too_short(wanted.text) else "",
        providers=providers,
        provider_pages={
            number: url_for("admin.provider_page", name=name) for number, name in providers.items()
        },
        query=_query(),
        act_at=_with_query(url_for("admin.order_act")),
    )


def _with_query(page: str) -> str:
    """An address with all that this page's address says, so that it can show the page again."""
    args = urlencode(list(request.args.items(multi=True)))
    return f"{page}?{args}" if args else page


def _filter(args: Args) -> OrderFilter:
    """The filter of a page's address.

    :raises OperatorError: for what narrows nothing, such as a customer that is not there or a
        service that is no number: the list would be of all orders, and so would an act on it.
    """
    status, only = args.get("status", ""), args.getlist("only")
    if unknown := set(only) - {"", *ONLY}:
        raise OperatorError(f"there is no filter {min(unknown)!r}")
    if status and status not in state.FOLLOWS:
        raise OperatorError(f"there is no status {status!r}")
    since, until = _day(args, "from"), _day(args, "to")
    query.check_range(since, until)
    return OrderFilter(
        status=status,
        account_id=query.customer_id(args.get("customer", "")),
        service_id=_number(args, "service"),
        provider_id=_number(args, "provider"),
        since=since,
        until=None if until is None else until + DAY_S,
        text=args.get("q", "").strip()[:2048],
        only=tuple(name for name in ONLY if name in only),
    )


def _number(args: Args, name: str) -> int | None:
    """A number of the query.

    :raises OperatorError: for another text.
    """
    text = args.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise OperatorError(f"{text!r} is not the number of a {name}")
    return int(text)


def _day(args: Args, name: str) -> int | None:
    """The beginning of a day of the query, in UTC."""
    text = args.get(name, "")
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise OperatorError(f"{text!r} is not a day such as 2026-01-31") from None
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _query() -> str:
    """The filter of this page's address, to be part of another one."""
    args = request.args
    return urlencode([(n, text) for n in FILTER for text in args.getlist(n) if text])


COLUMNS = (
    "order", "status", "customer", "service", "service name", "link", "quantity", "start count",
    "remains", "charge", "refunded", "cost", "profit", "provider", "provider's order",
    "dispatch state", "held because", "provider's words", "warning", "placed (UTC)",
    "updated (UTC)",
)  # fmt: skip


@bp.get("/orders.csv")
def order_csv() -> Response:
    """All orders that the filter finds, newest first, with exact amounts."""
    wanted = _filter(request.args)
    response = Response(_csv(wanted), mimetype="text/csv")
    day = datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%d")
    response.headers["Content-Disposition"] = f'attachment; filename="orders-{day}.csv"'
    return response


def _csv(wanted: OrderFilter) -> Iterator[str]:
    """The lines one by one: the orders may not fit into memory, and are read in parts."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    names = provider_names()
    for order in order_lists.every(wanted):
        writer.writerow(_csv_row(order, names.get(order["provider"], "")))
        yield out.getvalue()
        out.seek(0)
        out.truncate()
    yield out.getvalue()


def _csv_row(order: dict[str, Any], provider: str) -> list[Any]:
    profit = order["charge_micros"] - order["refunded_micros"] - order["cost_micros"]
    amounts = [order[f"{name}_micros"] for name in ("charge", "refunded", "cost")] + [profit]
    texts = [
        provider,
        order["provider_order"] or "",
        order["dispatch_state"],
        order["held_because"],
        order["held_text"],
        order["warning"],
    ]
    return [
        order["id"],
        order["status"],
        escape_formula(order["account_name"] or ""),
        order["service"],
        escape_formula(order["service_name"] or ""),
        escape_formula(order["link"]),
        order["quantity"],
        order["start_count"],
        order["remains"],
        *map(format_exact, amounts),
        *map(escape_formula, texts),
        when(order["created_at"]),
        when(order["updated_at"]),
    ]


@bp.post("/orders/act")
def order_act() -> Any:
    """Do one thing with one order at once, or with each of those selected after a question.

    `confirmed` is 1 where the page of one order has said what will be done; the page that asks
    sends "bulk", and the word that was typed.
    """
    name = request.form.get("act", "")
    selected, is_all = _selected()
    if name not in ACTS or not selected:
        tell("Select orders and an action first.", "error")
        return show_again("admin.order_list", None)
    if len(selected) > bulk.MOST:
        tell(f"Select at most {bulk.MOST} orders at once.", "error")
        return back_to("admin.order_list")
    confirmed = request.form.get("confirmed", "")
    if confirmed == "1" and len(selected) == 1:
        said = f"{ACTS[name].label}: done with order {selected[0]}."
        perform(ACTS[name].operation, selected[0], said=said)
        return back_to("admin.order_list")
    question = bulk.ask(name, selected, is_all)
    back = inside(request.form.get("back", "")) or url_for("admin.order_list")
    typed = request.form.get("word", "")
    told = request.form.get("sum", "")
    has_grown = question.pays_back and bulk.has_grown(question.sum_micros, told)
    if not confirmed or has_grown or not bulk.is_answered(question.word, typed):
        page = render_template(
            "dashboard/orders_ask.html",
            question=question,
            back=back,
            wrong=bool(confirmed) and not has_grown,
            has_grown=has_grown,
            typed=typed,
        )
        return page, 422 if confirmed else 200
    try:
        operations.begin_bulk(form_token())
    except SubmittedError as error:
        tell(f"{str(error).capitalize()}.", "warning")
        return back_to("admin.order_list")
    return render_template("dashboard/orders_done.html", result=bulk.do(question), back=back)


def _selected() -> tuple[list[int], bool]:
    """The orders that are meant, and whether they are all that were asked for.

    They are those that were ticked, or the newest of all that the filter finds.
    """
    if "all" not in request.form:
        return list(dict.fromkeys(chosen_numbers("order"))), True
    args: Args = MultiDict(parse_qsl(request.form.get("filter", ""), keep_blank_values=True))
    if unknown := args.keys() - set(FILTER):
        raise OperatorError(f"there is no filter {min(unknown)!r}")
    return order_lists.numbers(_filter(args), bulk.MOST)
