"""The audit: what operators did."""

from collections.abc import Iterator

from flask import Response, render_template, request

from panel import audit_queries
from panel.audit_queries import AuditFilter
from panel.errors import OperatorError
from panel.operations.audit import Kind
from panel.paging import Page
from panel.reports import escape_formula
from web.dashboard import query
from web.dashboard.common import bp, number, tell, when

KINDS = {
    Kind.ORDER: "Orders",
    Kind.CUSTOMER: "Customers",
    Kind.SERVICE: "Services",
    Kind.PROVIDER: "Providers",
    Kind.SIGN_IN: "Sign-in and operators",
    Kind.PANEL: "The panel itself",
}
HEAD = ["line", "time (UTC)", "operator", "address", "action", "outcome"]


@bp.get("/audit")
def audit_page() -> str:
    """Every change: who, when, what, and the outcome; by person, kind, day and text."""
    try:
        page = audit_queries.page(_wanted(), number("before"))
    except OperatorError as error:
        tell(str(error), "error")
        page = Page([], None)
    return render_template("dashboard/audit.html", page=page, kinds=KINDS)


def _wanted() -> AuditFilter:
    args = request.args
    since, until = query.days()
    kind = args.get("kind", "")
    return AuditFilter(
        operator=args.get("operator", "").strip(),
        kind=kind if kind in set(Kind) else "",
        since=since,
        until=until,
        text=args.get("q", "").strip()[:200],
    )


@bp.get("/audit.csv")
def audit_csv() -> Response:
    """The lines that are filtered, newest first."""
    return query.csv_file("audit", HEAD, _rows(_wanted()))


def _rows(wanted: AuditFilter) -> Iterator[list[object]]:
    before = None
    while True:
        page = audit_queries.page(wanted, before)
        for line in page.rows:
            yield [
                line["id"],
                when(line["created_at"]),
                escape_formula(line["operator"]),
                line["address"],
                escape_formula(line["act"]),
                escape_formula(line["outcome"]),
            ]
        before = page.next
        if before is None:
            return
