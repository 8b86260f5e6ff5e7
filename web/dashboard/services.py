"""Services: added, edited, enabled, moved, and marked up in bulk."""

from typing import Any

from flask import redirect, render_template, request, url_for

from api.context import current_settings
from panel import service_queries, services
from panel.operations import services as operations
from panel.providers import explain, pending, policy, sources
from panel.providers.changes import CatalogueChange, describe, names_kept
from web.dashboard import forms
from web.dashboard.common import (
    back_to,
    bp,
    chosen_numbers,
    explain_form,
    form_number,
    number,
    perform,
    tell,
)

EDITED = (
    "name", "category", "type", "rate_micros", "min", "max", "sort_order", "refill", "cancel",
)  # fmt: skip
"""The columns of a service that its form has."""


@bp.get("/services")
def service_list() -> str:
    """The services in the catalogue's order."""
    category, text = request.args.get("category", ""), request.args.get("q", "").strip()
    return render_template(
        "dashboard/services.html",
        page=service_queries.service_page(category, text, number("after")),
        categories=service_queries.categories(),
        markup=forms.Markup(),
    )


@bp.route("/services/add", methods=["GET", "POST"])
def service_add() -> Any:
    """A new service, at the catalogue's end."""
    form = forms.Service()
    del form.sort_order
    if request.method == "POST" and form.validate():
        values = _values(form)
        added = perform(operations.add, **values)
        if added.done:
            tell(f"Service {added.value} is added.", "done")
            return redirect(url_for("admin.service_page", service_id=added.value))
    explain_form(form)
    return render_template(
        "dashboard/service_add.html", form=form, categories=service_queries.categories()
    )


@bp.get("/services/<number:service_id>")
def service_page(service_id: int) -> str:
    """One service."""
    service = services.get(service_id)
    form = forms.Service(data=service.__data__)
    changes = pending.of_service(service_id)
    if service.sort_order == services.MAX_SORT_ORDER:
        form.sort_order.data = None  # at the end, as every service that was not moved
    return render_template(
        "dashboard/service.html",
        service=service,
        form=form,
        sources=sources.sources(service_id),
        changes=changes,
        on_confirm=[
            explain.on_confirm(change, service) for change in changes if change.service_id
        ],
        categories=service_queries.categories(),
    )


@bp.post("/services/<number:service_id>")
def service_edit(service_id: int) -> Any:
    """Change the columns that were changed in the form, and no others."""
    service = services.get(service_id)
    form = forms.Service()
    if not form.validate():
        explain_form(form)
        return back_to("admin.service_page", service_id=service_id)
    changes = {
        name: value
        for name, value in _values(form).items()
        if value is not None and value != getattr(service, name)
    }
    if changes:
        said = f"Service {service_id} is changed."
        perform(operations.edit, service_id, changes, said=said)
    return back_to("admin.service_page", service_id=service_id)


def _values(form: forms.Service) -> dict[str, Any]:
    return {name: form[name].data for name in EDITED if name in form}


@bp.post("/services/act")
def service_act() -> Any:
    """Enable, disable or mark up the selected services, or confirm what waits for them."""
    selected = chosen_numbers("service")
    act = request.form.get("act", "")
    if not selected:
        tell("Select services first.", "error")
    elif act == "markup":
        _mark_up(selected)
    elif act == "confirm":
        _confirm(selected)
    elif act in ("enable", "disable"):
        operation = operations.enable if act == "enable" else operations.disable
        done = [service_id for service_id in selected if perform(operation, service_id).done]
        if done:
            tell(f"Services {act}d: {len(done)}.", "done")
        if act == "enable":
            _tell_held(done)
    return back_to("admin.service_list")


def _tell_held(enabled: list[int]) -> None:
    """Say of which services that were enabled nothing is sold all the same, and why."""
    ours = current_settings().currency
    for service_id in enabled:
        if why := explain.why_held(service_id, ours):
            tell(f"Service {service_id} is {why}.", "warning")


def _mark_up(selected: list[int]) -> None:
    form = forms.Markup()
    if not form.validate():
        explain_form(form)
        return
    outcome = perform(operations.mark_up, selected, form.markup.data, form.step.data)
    _tell_changes(outcome.value or [])


def _confirm(selected: list[int]) -> None:
    followed = policy.from_settings(current_settings())
    outcome = perform(operations.confirm, selected, followed)
    changes = outcome.value or []
    _tell_changes(changes)
    if outcome.done:
        tell(f"Services confirmed: {len(selected)}. {names_kept(changes)}".rstrip(), "done")


def _tell_changes(changes: list[CatalogueChange]) -> None:
    for change in changes:
        kind = "warning" if change.skipped else "done"
        tell(f"Service {change.service_id}: {describe(change)}", kind)


@bp.post("/services/<number:service_id>/move")
def service_move(service_id: int) -> Any:
    """Move a service before another one, or to the end."""
    outcome = perform(operations.move, service_id, form_number("before"))
    if request.headers.get("X-Requested-With") == "fetch":
        return ("", 204) if outcome.done else ("", 422)
    return back_to("admin.service_list")
