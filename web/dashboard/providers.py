"""Providers: added, tested, and their services taken over and followed."""

from typing import Any

from flask import redirect, render_template, request, url_for

from api.context import current_settings
from models import Provider
from panel.errors import OperatorError
from panel.money import format_percent
from panel.providers import import_services, price_sync, registry
from panel.providers.import_services import CatalogueChange
from panel.providers.listing import Listing
from upstream import PROVIDER_ERRORS
from web.dashboard import forms
from web.dashboard.common import back_to, bp, connect, explain_form, perform, tell
from web.dashboard.services import STEP_MICROS

SHOWN = 500
"""The most lines of a change report that a page shows."""


@bp.get("/providers")
def provider_list() -> str:
    """All providers with our funds there."""
    threshold = current_settings().low_balance
    rows = [(row, registry.is_low(row, threshold)) for row in registry.listing()]
    return render_template("dashboard/providers.html", providers=rows, form=forms.Provider())


@bp.post("/providers")
def provider_add() -> Any:
    """Add a provider, and ask it for our funds there."""
    form = forms.Provider()
    if not form.validate():
        explain_form(form)
        return back_to("admin.provider_list")
    name, url = form.name.data, form.url.data

    def add() -> Provider:
        # Judged first, as the command does: a name that is taken is not given a new key.
        registry.check(name, url, form.requests_per_minute.data)
        return registry.add(name, url, form.key.data or "", form.requests_per_minute.data)

    added = perform(f"provider {name}: add {url}", add, f"Provider {name} is added.")
    if not added.done:
        return back_to("admin.provider_list")
    _ask_balance(added.value)
    return redirect(url_for("admin.provider_page", name=name))


@bp.get("/providers/<name>")
def provider_page(name: str) -> str:
    """One provider."""
    return render_template("dashboard/provider.html", provider=registry.get(name))


@bp.post("/providers/<name>/test")
def provider_test(name: str) -> Any:
    """Ask for our funds there: address, key and connection are good if it answers."""
    row = registry.get(name)
    perform(f"provider {name}: test", lambda: _ask_balance(row))
    return back_to("admin.provider_page", name=name)


def _ask_balance(row: Provider) -> None:
    try:
        balance = connect(row).balance()
    except PROVIDER_ERRORS as error:
        tell(f"{row.name} gives no balance: {error}", "error")
        return
    registry.record_balance(row.id, balance)
    tell(f"{row.name} answers. Our balance there: {balance}", "done")


@bp.post("/providers/<name>/remove")
def provider_remove(name: str) -> Any:
    """Remove a provider and forget its key."""
    registry.get(name)
    removed = perform(f"provider {name}: remove", lambda: registry.remove(name))
    if not removed.done:
        return back_to("admin.provider_page", name=name)
    tell(f"Provider {name} is removed; {removed.value} services were disabled.", "done")
    return redirect(url_for("admin.provider_list"))


@bp.route("/providers/<name>/import", methods=["GET", "POST"])
def provider_import(name: str) -> Any:
    """Choose services of theirs and a markup, see what would come of it, then take them over."""
    row = registry.get(name)
    listings = _catalogue(row)
    form = forms.Import()
    counts: dict[str, int] = {}
    for item in listings or []:
        counts[item.category] = counts.get(item.category, 0) + 1
    form.categories.choices = [(c, f"{c} ({count})") for c, count in counts.items()]
    changes: list[CatalogueChange] = []
    done = False
    if request.method == "POST" and listings is not None:
        if form.validate():
            changes, done = _take_over(row, listings, form, request.form.get("act") == "import")
        else:
            explain_form(form)
    return render_template(
        "dashboard/import.html",
        provider=row,
        form=form,
        listings=listings,
        changes=changes[:SHOWN],
        count=len(changes),
        done=done,
    )


def _take_over(
    row: Provider, listings: list[Listing], form: forms.Import, really: bool
) -> tuple[list[CatalogueChange], bool]:
    """What would be done, or was."""
    ids = [text.strip() for text in (form.ids.data or "").split(",") if text.strip()]
    markup, step = form.markup.data, form.step.data or STEP_MICROS

    def do(dry_run: bool) -> list[CatalogueChange]:
        wanted = import_services.select_listings(listings, form.categories.data or (), ids)
        return import_services.import_services(row.id, wanted, markup, step, dry_run=dry_run)

    if really:
        chosen = ", ".join([*(form.categories.data or ()), *ids]) or "everything"
        act = f"provider {row.name}: import {chosen} at {format_percent(markup)}"
        outcome = perform(act, lambda: do(dry_run=False))
        return outcome.value or [], outcome.done
    try:
        return do(dry_run=True), False
    except OperatorError as error:
        tell(str(error), "error")
        return [], False


@bp.post("/providers/<name>/sync")
def provider_sync(name: str) -> Any:
    """Re-read their prices and ranges, follow them, and report."""
    row = registry.get(name)
    listings = _catalogue(row)
    if listings is None:
        return back_to("admin.provider_page", name=name)
    disable = current_settings().below_cost == "disable"
    synced = perform(
        f"provider {name}: sync", lambda: price_sync.sync_prices(row.id, listings, disable)
    )
    if not synced.done:
        return back_to("admin.provider_page", name=name)
    changes = synced.value
    return render_template(
        "dashboard/sync.html", provider=row, changes=changes[:SHOWN], count=len(changes)
    )


def _catalogue(row: Provider) -> list[Listing] | None:
    """Their catalogue; None after telling the next page why there is none."""
    try:
        return connect(row).services()
    except PROVIDER_ERRORS as error:
        tell(f"{row.name} gives no catalogue: {error}", "error")
        return None
