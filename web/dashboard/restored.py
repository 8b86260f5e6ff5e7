"""The page of what is in doubt since the database was restored, and its release."""

from typing import Any

from flask import render_template

from panel import queries
from panel.operations import restored as operations
from panel.orders import restored
from web.dashboard.common import back_to, bp, perform, tell

SHOWN = 500
"""The most lines that the page shows; all are released."""


@bp.get("/restored")
def restored_page() -> str:
    """The orders, refills and cancel requests that nothing is done about."""
    waiting = restored.listing()
    return render_template(
        "dashboard/restored.html",
        waiting=waiting[:SHOWN],
        count=len(waiting),
        providers=queries.provider_names(),
    )


@bp.post("/restored/release")
def restored_release() -> Any:
    """Let all of them go on."""
    chosen = restored.orders_to_release()
    done = [order_id for order_id in chosen if perform(operations.release, order_id).done]
    tell(f"Released: {len(done)} of {len(chosen)} orders.", "done")
    return back_to("admin.restored_page")
