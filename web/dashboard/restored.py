"""The page of what is in doubt since the database was restored, and its release."""

import re
from typing import Any

from flask import render_template, request

from panel import paging, queries
from panel.operations import restored as operations
from panel.orders import restored
from panel.orders.restored import Place
from web.dashboard.common import back_to, bp, perform, tell

PLACE = re.compile(r"(order|refill|cancel)-(\d{1,18})", re.ASCII)


@bp.get("/restored")
def restored_page() -> str:
    """The orders, refills and cancel requests that nothing is done about, page by page."""
    found = PLACE.fullmatch(request.args.get("after", ""))
    after = Place(found[1], int(found[2])) if found else None
    waiting = restored.listing(after, paging.PAGE + 1)
    shown = waiting[: paging.PAGE]
    return render_template(
        "dashboard/restored.html",
        waiting=shown,
        next=f"{shown[-1].kind}-{shown[-1].id}" if len(waiting) > len(shown) else None,
        count=sum(restored.counts()),
        providers=queries.provider_names(),
    )


@bp.post("/restored/release")
def restored_release() -> Any:
    """Let all of them go on."""
    chosen = restored.orders_to_release()
    done = [order_id for order_id in chosen if perform(operations.release, order_id).done]
    tell(f"Released: {len(done)} of {len(chosen)} orders.", "done")
    return back_to("admin.restored_page")
