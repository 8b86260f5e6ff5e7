"""The audit: what operators did."""

from flask import render_template, request

from panel import account_queries
from web.dashboard.common import bp, number


@bp.get("/audit")
def audit_page() -> str:
    """Every change: who, when, what, and the outcome."""
    operator = request.args.get("operator", "").strip()
    return render_template(
        "dashboard/audit.html", page=account_queries.audit_page(operator, number("before"))
    )
