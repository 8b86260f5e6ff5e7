"""Providers: added, tested, imported from, synced with, removed."""

from typing import Any

from flask import redirect, render_template, request, url_for
from flask_login import current_user

from api.context import current_settings
from models import Provider
from panel import attention
from panel.errors import OperatorError
from panel.operations import providers
from panel.orders import state, waiting
from panel.providers import currency, pending, policy, registry, words
from panel.providers.changes import CatalogueChange
from panel.providers.listing import Listing
from web.dashboard import forms
from web.dashboard.attention import lines
from web.dashboard.common import (
    ask_account,
    ask_catalogue,
    back_to,
    bp,
    explain_form,
    perform,
    tell,
)

SHOWN = 500
"""The most lines of a change report that a page shows."""


@bp.get("/providers")
def provider_list() -> str:
    """All providers with our balance there."""
    threshold = current_settings().low_balance
    rows = [(row, registry.is_low(row, threshold)) for row in registry.listing()]
    return render_template("dashboard/providers.html", providers=rows, form=forms.Provider())


@bp.post("/providers")
def provider_add() -> Any:
    """Add a provider that answers, or without asking it."""
    form = forms.Provider()
    if not form.validate():
        explain_form(form)
        return back_to("admin.provider_list")
    name = form.name.data
    added = perform(
        providers.add,
        name,
        form.url.data,
        form.key.data or "",
        form.requests_per_minute.data,
        currency.currency_code(form.currency.data or ""),
        form.exchange.data,
        ask=None if form.unchecked.data else ask_account,
        ours=current_settings().currency,
    )
    if not added.done:
        return back_to("admin.provider_list")
    told = (
        "It was not asked." if form.unchecked.data else f"Our balance there: {added.value.balance}"
    )
    tell(f"Provider {name} is added. {told}", "done")
    return redirect(url_for("admin.provider_page", name=name))


@bp.get("/providers/<name>")
def provider_page(name: str) -> str:
    """One provider, with what waits for an operator about it."""
    row, settings = registry.get(name), current_settings()
    exchange = currency.exchange(row, settings.currency)
    return render_template(
        "dashboard/provider.html",
        provider=row,
        theirs=exchange.theirs,
        exchange_is_old=currency.is_old(row, settings.currency, settings.exchange_days),
        exchange=forms.Exchange(data={"rate": row.exchange_ppt}),
        waiting=lines(attention.of_provider(settings, name)),
        changes={change.kind: change for change in pending.of_provider(row.id)},
        changed_services=len(pending.to_decide(row.id)),
        unknown_words=waiting.unknown_words(row.id),
        taught=words.listing(name),
        statuses=list(state.FOLLOWS),
        refusals=list(words.REFUSALS),
    )


@bp.post("/providers/<name>/test")
def provider_test(name: str) -> Any:
    """Ask for our balance there: address, key and connection are good if it answers."""
    _test(name)
    return back_to("admin.provider_page", name=name)


def _test(name: str) -> None:
    tested = perform(providers.test, name, ask_account, current_settings().currency)
    if tested.done:
        tell(f"{name} answers. Our balance there: {tested.value}", "done")


@bp.post("/providers/<name>/remove")
def provider_remove(name: str) -> Any:
    """Remove a provider and forget its key."""
    removed = perform(providers.remove, name)
    if not removed.done:
        return back_to("admin.provider_page", name=name)
    tell(f"Provider {name} is removed; {removed.value} services were disabled.", "done")
    return redirect(url_for("admin.provider_list"))


@bp.route("/providers/<name>/import", methods=["GET", "POST"])
def provider_import(name: str) -> Any:
    """Choose services of the provider and a markup, preview the import, then do it.

    For a viewer, the provider is not asked.
    """
    row = registry.get(name)
    listings = _catalogue(row) if current_user.may_change else None
    form = forms.Import()
    form.categories.choices = _categories(listings or [])
    changes: list[CatalogueChange] = []
    done = False
    if request.method == "POST" and listings is not None:
        if form.validate():
            changes, done = _import(name, listings, form)
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


def _catalogue(row: Provider) -> list[Listing] | None:
    """The provider's catalogue, or None after telling why there is none."""
    try:
        return ask_catalogue(row)
    except OperatorError as error:
        tell(str(error), "error")
        return None


def _categories(listings: list[Listing]) -> list[tuple[str, str]]:
    """The choices of the form: each category, and how many services it has."""
    counts: dict[str, int] = {}
    for item in listings:
        counts[item.category] = counts.get(item.category, 0) + 1
    return [(category, f"{category} ({count})") for category, count in counts.items()]


def _import(
    name: str, listings: list[Listing], form: forms.Import
) -> tuple[list[CatalogueChange], bool]:
    """What would be imported, or was; and whether it was."""
    ids = [text.strip() for text in (form.ids.data or "").split(",") if text.strip()]
    wanted = providers.Import(
        form.markup.data,
        form.step.data,
        form.categories.data or (),
        ids,
        policy.from_settings(current_settings()),
    )
    if request.form.get("act") == "import":
        outcome = perform(providers.import_services, name, listings, wanted)
        return outcome.value or [], outcome.done
    try:
        return providers.preview_import(name, listings, wanted), False
    except OperatorError as error:
        tell(str(error), "error")
        return [], False


@bp.post("/providers/<name>/sync")
def provider_sync(name: str) -> Any:
    """Read the provider's prices and ranges again, follow them, and report."""
    followed = policy.from_settings(current_settings())
    synced = perform(providers.sync, name, ask_catalogue, followed)
    if not synced.done:
        return back_to("admin.provider_page", name=name)
    changes = synced.value
    return render_template(
        "dashboard/sync.html",
        provider=registry.get(name),
        changes=changes[:SHOWN],
        count=len(changes),
    )
