"""What operators did."""

from flask import render_template, request

from panel import browsing
from web.admin.common import bp, number


@bp.get("/audit")
def audit_page() -> str:
    """Every change: who, when, what, and what came of it."""
    operator = request.args.get("operator", "").strip()
    return render_template(
        "admin/audit.html", page=browsing.audit_page(operator, number("before"))
    )
