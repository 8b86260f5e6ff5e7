"""The ledger: of one customer, and of all."""

from collections.abc import Iterator
from typing import Any

from flask import Response, render_template, request

from panel import accounts, ledger_queries
from panel.errors import OperatorError
from panel.ledger_queries import KINDS, LedgerFilter
from panel.money import format_exact
from panel.paging import Page
from panel.reports import escape_formula
from web.dashboard import query
from web.dashboard.common import bp, number, tell, when

HEAD = ["entry", "time (UTC)", "customer", "kind", "order", "amount", "balance", "note", "by"]


@bp.get("/ledger")
def ledger_page() -> str:
    """All entries, newest first, by customer, kind, day and order."""
    refused = ""
    try:
        page = ledger_queries.page(_wanted(), number("before"))
    except OperatorError as error:
        refused = query.sentence(error)
        tell(refused, "error")
        page = Page([], None)
    return render_template("dashboard/ledger.html", page=page, kinds=KINDS, refused=refused)


def _wanted() -> LedgerFilter:
    account_id = query.customer_id(request.args.get("customer", ""))
    return narrowed(LedgerFilter(account_id, order_id=number("order")))


def narrowed(wanted: LedgerFilter) -> LedgerFilter:
    """A filter with the kind and the days of the query."""
    since, until = query.days()
    kind = request.args.get("kind", "")
    return wanted._replace(kind=kind if kind in KINDS else "", since=since, until=until)


@bp.get("/ledger.csv")
def ledger_csv() -> Response:
    """The entries that are filtered, oldest first."""
    return query.csv_file("ledger", HEAD, _rows(_wanted()))


@bp.get("/customers/<name>/ledger.csv")
def customer_csv(name: str) -> Response:
    """The entries of a customer that are filtered, oldest first."""
    wanted = narrowed(LedgerFilter(accounts.get(name).id))
    return query.csv_file(f"ledger-{name}", HEAD, _rows(wanted))


def _rows(wanted: LedgerFilter) -> Iterator[list[Any]]:
    for entry in ledger_queries.entries(wanted):
        yield [
            entry["id"],
            when(entry["created_at"]),
            entry["account_name"],
            entry["kind"],
            entry["order"] or "",
            format_exact(entry["amount_micros"]),
            format_exact(entry["balance_micros"]),
            escape_formula(entry["note"]),
            entry["operator"],
        ]
