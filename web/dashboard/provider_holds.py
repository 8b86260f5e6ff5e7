"""What an operator decides about a provider: its currency, its moves, and what its words mean."""

from typing import Any

from flask import render_template, request

from api.context import current_settings
from panel.operations import providers, services, words
from panel.providers import pending, policy, registry
from panel.providers.changes import names_kept
from panel.providers.currency import currency_code
from web.dashboard import forms
from web.dashboard.common import (
    ask_account,
    ask_catalogue,
    back_to,
    bp,
    explain_form,
    perform,
    show_again,
    tell,
)

SHOWN = 500
"""The most lines of a change report that a page shows."""


@bp.post("/providers/<name>/exchange")
def provider_exchange(name: str) -> Any:
    """Say what the provider's currency is worth in ours."""
    registry.get(name)
    form, settings = forms.Exchange(), current_settings()
    if form.validate():
        done = perform(
            providers.set_exchange,
            name,
            form.rate.data,
            settings.currency,
            policy.from_settings(settings),
            currency_code(form.currency.data or ""),
            said=f"The rate of exchange of {name} is set.",
            form=form,
        )
        if done.done:
            changes = done.value
            return _report(name, changes) if changes else back_to("admin.provider_page", name=name)
    else:
        explain_form(form)
    return show_again("admin.provider_page", form, name=name)


@bp.post("/providers/<name>/currency")
def provider_currency(name: str) -> Any:
    """Say in which currency the provider's prices are."""
    registry.get(name)
    form = forms.CurrencyChoice()
    if form.validate():
        code = currency_code(form.currency.data or "")
        ours = current_settings().currency
        said = f"The prices of {name} are in {code}."
        if perform(providers.set_currency, name, code, ours, said=said, form=form).done:
            return back_to("admin.provider_page", name=name)
    else:
        explain_form(form)
    return show_again("admin.provider_page", form, name=name)


@bp.post("/providers/<name>/confirm")
def provider_confirm(name: str) -> Any:
    """Follow a catalogue that shrank or moved to other numbers."""
    followed = policy.from_settings(current_settings())
    done = perform(providers.confirm, name, ask_catalogue, followed)
    return _report(name, done.value) if done.done else back_to("admin.provider_page", name=name)


@bp.post("/providers/<name>/confirm-services")
def provider_confirm_services(name: str) -> Any:
    """Take over what changed of all services there that wait for an operator."""
    followed = policy.from_settings(current_settings())
    waiting = sorted(pending.to_decide(registry.get(name).id))
    done = perform(services.confirm, waiting, followed)
    if kept := names_kept(done.value or []):
        tell(kept, "done")
    return _report(name, done.value) if done.done else back_to("admin.provider_page", name=name)


def _report(name: str, changes: list[Any]) -> str:
    return render_template(
        "dashboard/sync.html",
        provider=registry.get(name),
        changes=changes[:SHOWN],
        count=len(changes),
    )


@bp.post("/providers/<name>/pause")
def provider_pause(name: str) -> Any:
    """Send nothing new to a provider."""
    perform(providers.pause, name, said=f"Provider {name} is paused: nothing new is sent there.")
    return back_to("admin.provider_page", name=name)


@bp.post("/providers/<name>/resume")
def provider_resume(name: str) -> Any:
    """Send to a provider again, at the address that it redirects to where one is given."""
    url = request.form.get("url", "").strip()
    if url:
        ours = current_settings().currency
        done = perform(providers.resume_at, name, url, ask_account, ours)
    else:
        done = perform(providers.resume, name)
    if done.done:
        sent = f" Orders for funds that are sent now: {done.value}." if done.value else ""
        tell(f"Provider {name} is resumed.{sent}", "done")
    return back_to("admin.provider_page", name=name)


@bp.post("/providers/<name>/words")
def provider_word(name: str) -> Any:
    """Teach what a word of the provider means."""
    registry.get(name)
    form = forms.Word()
    if form.validate():
        word, meaning = form.word.data, form.meaning.data
        done = perform(words.teach, name, word, meaning, form=form)
        if done.done:
            waited = f"Orders that waited: {done.value.orders}."
            tell(f"{word!r} of {name} means {meaning}. {waited}", "done")
            return back_to("admin.provider_page", name=name)
    else:
        explain_form(form)
    return show_again("admin.provider_page", form, name=name)


@bp.post("/providers/<name>/words/forget")
def provider_word_forget(name: str) -> Any:
    """Forget what a word of the provider means."""
    word = request.form.get("word", "")
    perform(words.forget, name, word, said=f"{word!r} of {name} has no meaning any more.")
    return back_to("admin.provider_page", name=name)
