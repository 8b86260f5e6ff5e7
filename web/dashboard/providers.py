"""Providers: added, edited, tested, synced with, removed."""

from typing import Any

from flask import redirect, render_template, url_for

from api.context import current_settings
from models import Provider
from panel import attention, provider_queries
from panel.operations import providers
from panel.orders import state, waiting
from panel.providers import currency, pending, policy, registry, words
from panel.providers.edit import ProviderEdit
from web.dashboard import forms
from web.dashboard.attention import lines
from web.dashboard.common import (
    ask_account,
    ask_catalogue,
    back_to,
    bp,
    explain_form,
    number,
    page_form,
    perform,
    show_again,
    tell,
)

SHOWN = 500
"""The most lines of a change report that a page shows."""


@bp.get("/providers")
def provider_list() -> str:
    """Providers with their state, our balance there, and what waits."""
    threshold = current_settings().low_balance
    page = provider_queries.provider_page(number("after"))
    for row in page.rows:
        row["low"] = registry.is_low(Provider(**row), threshold)
        row["work"] = provider_queries.work_of(row["id"])
    return render_template("dashboard/providers.html", page=page, form=page_form(forms.Provider))


@bp.post("/providers")
def provider_add() -> Any:
    """Add a provider that answers, or without asking it."""
    form = forms.Provider()
    if not form.validate():
        explain_form(form)
        return show_again("admin.provider_list", form)
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
        form=form,
    )
    if not added.done:
        return show_again("admin.provider_list", form)
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
    changes = {change.kind: change for change in pending.of_provider(row.id)}
    changed = changes.get(pending.PendingKind.CURRENCY)
    return render_template(
        "dashboard/provider.html",
        provider=row,
        theirs=exchange.theirs,
        exchange_is_old=currency.is_old(row, settings.currency, settings.exchange_days),
        edit=page_form(forms.EditProvider, data=_data(row)),
        exchange=page_form(forms.Exchange, data={"rate": row.exchange_ppt}),
        code=page_form(forms.CurrencyChoice, data={"currency": changed.after if changed else ""}),
        word=page_form(forms.Word),
        work=provider_queries.work_of(row.id),
        waiting=lines(attention.of_provider(settings, name)),
        changes=changes,
        changed_services=len(pending.to_decide(row.id)),
        unknown_words=waiting.unknown_words(row.id),
        taught=words.listing(name),
        statuses=list(state.FOLLOWS),
        refusals=list(words.REFUSALS),
    )


def _data(row: Provider) -> dict[str, Any]:
    """What the form of a provider begins with: never its key."""
    return {
        "name": row.name, "url": row.url, "requests_per_minute": row.requests_per_minute,
    }  # fmt: skip


@bp.post("/providers/<name>/edit")
def provider_edit(name: str) -> Any:
    """Change a provider's name, address, key or rate limit, if it answers so."""
    row = registry.get(name)
    form = forms.EditProvider()
    if not form.validate():
        explain_form(form)
        return show_again("admin.provider_page", form, name=name)
    present = _data(row)
    changed = {field: form[field].data for field in present if form[field].data != present[field]}
    wanted = ProviderEdit(key=form.key.data or None, **changed)
    if wanted == ProviderEdit():
        return redirect(url_for("admin.provider_page", name=name))
    edited = perform(
        providers.edit,
        name,
        wanted,
        ask_account,
        current_settings().currency,
        unchecked=form.unchecked.data,
        same_panel=form.same_panel.data,
        form=form,
    )
    if not edited.done:
        return show_again("admin.provider_page", form, name=name)
    balance = edited.value.balance
    told = f" It answers. Our balance there: {balance}" if balance is not None else ""
    tell(f"Provider {edited.value.name} is changed.{told}", "done")
    return redirect(url_for("admin.provider_page", name=edited.value.name))


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
