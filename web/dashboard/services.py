"""Services: edited, enabled, put in order, and marked up in bulk."""

from collections.abc import Callable
from typing import Any

from flask import redirect, render_template, request, url_for

from panel import queries, services
from panel.money import MICROS, format_exact, format_percent
from panel.providers import import_services, sources
from web.dashboard import forms
from web.dashboard.common import back_to, bp, explain_form, number, perform, tell

STEP_MICROS = MICROS // 100
"""Marked up rates are rounded up to so much, unless told otherwise."""
EDITED = (
    "name", "category", "type", "rate_micros", "min", "max", "sort_order", "refill", "cancel",
)  # fmt: skip


@bp.get("/services")
def service_list() -> str:
    """The catalogue in its order."""
    category, text = request.args.get("category", ""), request.args.get("q", "").strip()
    return render_template(
        "dashboard/services.html",
        page=queries.service_page(category, text, number("after")),
        categories=queries.categories(),
        markup=forms.Markup(),
    )


@bp.route("/services/add", methods=["GET", "POST"])
def service_add() -> Any:
    """A new service, at the catalogue's end."""
    form = forms.Service()
    del form.sort_order
    if request.method == "POST" and form.validate():
        values = _values(form)
        added = perform(f"service {values['name']}: add", lambda: services.add(**values))
        if added.done:
            tell(f"Service {added.value} is added.", "done")
            return redirect(url_for("admin.service_page", service_id=added.value))
    explain_form(form)
    return render_template(
        "dashboard/service_add.html", form=form, categories=queries.categories()
    )


@bp.get("/services/<int:service_id>")
def service_page(service_id: int) -> str:
    """One service."""
    service = services.get(service_id)
    form = forms.Service(data=service.__data__)
    if service.sort_order == services.MAX_SORT_ORDER:
        form.sort_order.data = None  # at the end, as every service that was not moved
    return render_template(
        "dashboard/service.html",
        service=service,
        form=form,
        sources=sources.sources(service_id),
        categories=queries.categories(),
    )


@bp.post("/services/<int:service_id>")
def service_edit(service_id: int) -> Any:
    """Change what was changed in the form, and nothing else."""
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
        perform(
            f"service {service_id}: set {_shown(changes)}",
            lambda: services.edit(service_id, **changes),
            f"Service {service_id} is changed.",
        )
    return back_to("admin.service_page", service_id=service_id)


def _values(form: forms.Service) -> dict[str, Any]:
    return {name: form[name].data for name in EDITED if name in form}


def _shown(changes: dict[str, Any]) -> str:
    texts = []
    for name, value in changes.items():
        money = name.endswith("_micros")
        text = format_exact(value) if money else str(value)
        texts.append(f"{name.removesuffix('_micros')} {text}")
    return ", ".join(texts)


@bp.post("/services/act")
def service_act() -> Any:
    """Enable, disable or mark up the chosen services."""
    texts = request.form.getlist("service")
    chosen = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19]
    act = request.form.get("act", "")
    if not chosen:
        tell("Choose services first.", "error")
    elif act == "markup":
        _mark_up(chosen)
    elif act in ("enable", "disable"):
        active = act == "enable"
        _each(chosen, act, lambda service_id: services.edit(service_id, active=active))
    return back_to("admin.service_list")


def _each(chosen: list[int], act: str, do: Callable[[int], None]) -> None:
    done = [
        service_id
        for service_id in chosen
        if perform(f"service {service_id}: {act}", lambda n=service_id: do(n)).done  # type: ignore[misc]
    ]
    if done:
        tell(f"{len(done)} services {act}d.", "done")


def _mark_up(chosen: list[int]) -> None:
    form = forms.Markup()
    if not form.validate():
        explain_form(form)
        return
    markup, step = form.markup.data, form.step.data or STEP_MICROS
    numbers = ", ".join(map(str, chosen))
    outcome = perform(
        f"services {numbers}: markup {format_percent(markup)}, step {format_exact(step)}",
        lambda: import_services.mark_up(chosen, markup, step),
    )
    for change in outcome.value or []:
        kind = "warning" if change.what.startswith("left out") else "done"
        tell(f"Service {change.service_id}: {change.what}", kind)


@bp.post("/services/<int:service_id>/move")
def service_move(service_id: int) -> Any:
    """Put a service before another one, or at the end."""
    text = request.form.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    where = "to the end" if before is None else f"before {before}"
    outcome = perform(
        f"service {service_id}: move {where}", lambda: services.move(service_id, before)
    )
    if request.headers.get("X-Requested-With") == "fetch":
        return ("", 204) if outcome.done else ("", 422)
    return back_to("admin.service_list")
