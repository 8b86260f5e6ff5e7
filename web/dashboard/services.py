"""Services: listed, added, edited, and moved."""

from typing import Any

from flask import redirect, render_template, request, url_for

from models import Service
from panel import service_queries, services
from panel.operations import services as operations
from panel.operations.services import SourceChange
from panel.providers import explain, pending, registry, sources
from panel.service_queries import ServiceFilter
from web.dashboard import forms
from web.dashboard.common import (
    ask_catalogue,
    back_to,
    bp,
    explain_form,
    form_number,
    form_token,
    number,
    page_form,
    perform,
    show_again,
    tell,
)

EDITED = (
    "name", "category", "type", "rate_micros", "min", "max", "sort_order", "refill", "cancel",
    "dripfeed", "one_per_link", "description",
)  # fmt: skip
"""The columns of a service that its form has."""

SOURCES = {"source": 1, "second": 2}
"""The fields of a service's sources, with their ranks."""


@bp.get("/services")
def service_list() -> str:
    """The services in the catalogue's order."""
    wanted = ServiceFilter(
        request.args.get("category", ""),
        request.args.get("q", "").strip(),
        request.args.get("only", ""),
        request.args.get("provider", ""),
    )
    return render_template(
        "dashboard/services.html",
        page=service_queries.service_page(wanted, number("after")),
        categories=service_queries.categories(),
        providers=[row.name for row in registry.listing()],
        kinds=service_queries.ONLY,
        markup=page_form(forms.Markup),
    )


@bp.route("/services/add", methods=["GET", "POST"])
def service_add() -> Any:
    """A new service, at the catalogue's end."""
    form = _with_choices(forms.Service())
    del form.sort_order
    if request.method == "POST" and _is_valid(form):
        values = {name: form[name].data for name in EDITED if name in form}
        added = perform(
            operations.add,
            bought_from=_changed_sources(form, {}),
            ask=ask_catalogue,
            form=form,
            form_token=form_token(),
            **values,
        )
        if added.repeated:
            return redirect(url_for("admin.service_page", service_id=added.repeated))
        if added.done:
            tell(f"Service {added.value} is added.", "done")
            _warn_of_loss(added.value)
            return redirect(url_for("admin.service_page", service_id=added.value))
    return render_template(
        "dashboard/service_add.html", form=form, categories=service_queries.categories()
    )


@bp.get("/services/<number:service_id>")
def service_page(service_id: int) -> str:
    """One service."""
    service = services.get(service_id)
    bought_from = sources.sources(service_id)
    changes = pending.of_service(service_id)
    return render_template(
        "dashboard/service.html",
        service=service,
        form=_with_choices(page_form(forms.Service, data=_data(service, bought_from))),
        markup=page_form(
            forms.Markup,
            data={
                "markup": service.markup_ppm,
                "step": service.round_micros if service.round_micros > 1 else None,
            },
        ),
        move=page_form(forms.Move),
        sources=bought_from,
        changes=changes,
        on_confirm=[
            explain.on_confirm(change, service) for change in changes if change.service_id
        ],
        done=service_queries.last_changes(service_id),
        categories=service_queries.categories(),
    )


def _data(service: Service, bought_from: list[dict[str, Any]]) -> dict[str, Any]:
    """What the form of a service begins with."""
    data = dict(service.__data__)
    if service.sort_order == services.MAX_SORT_ORDER:
        data["sort_order"] = None  # at the end, as every service that was not moved
    for field, rank in SOURCES.items():
        for source in bought_from:
            if source["source_rank"] == rank:
                data[field] = source["provider_name"]
                data[f"{field}_theirs"] = source["provider_service"]
    return data


def _with_choices(form: forms.Service) -> forms.Service:
    """The form with the providers to choose from."""
    names = [row.name for row in registry.listing()]
    form.source.choices = [("", "none: by hand"), *((name, name) for name in names)]
    form.second.choices = [("", "none"), *((name, name) for name in names)]
    return form


def _is_valid(form: forms.Service) -> bool:
    """Whether the form can be used; what is wrong is told where it cannot."""
    if form.validate():
        return True
    explain_form(form)
    return False


@bp.post("/services/<number:service_id>")
def service_edit(service_id: int) -> Any:
    """Change what was changed in the form, and nothing else."""
    service = services.get(service_id)
    form = _with_choices(forms.Service())
    if _is_valid(form):
        changes = {
            name: value
            for name in EDITED
            if _was_sent(form, name)
            and (value := form[name].data) is not None
            and value != getattr(service, name)
        }
        moved = _changed_sources(form, _data(service, sources.sources(service_id)))
        if not changes and not moved:
            tell("Nothing was changed: the service is as the form has it.", "warning")
            return back_to("admin.service_page", service_id=service_id)
        said = f"Service {service_id} is changed."
        edit = (operations.edit, service_id, changes, moved, ask_catalogue)
        if perform(*edit, said=said, form=form).done:
            _warn_of_loss(service_id)
            return back_to("admin.service_page", service_id=service_id)
    return show_again("admin.service_page", form, service_id=service_id)


def _warn_of_loss(service_id: int) -> None:
    if loss := sources.told_loss(service_id):
        tell(loss, "warning")


def _was_sent(form: forms.Service, name: str) -> bool:
    """Whether a field was in the form that was sent; a box that is not ticked never is."""
    return name in request.form or form[name].type == "BooleanField"


def _changed_sources(form: forms.Service, before: dict[str, Any]) -> list[SourceChange]:
    """The sources that the form changes.

    :param before: what the form began with.
    """
    changes = []
    for field, rank in SOURCES.items():
        chosen = (form[field].data or "", (form[f"{field}_theirs"].data or "").strip())
        present = (before.get(field, ""), before.get(f"{field}_theirs", ""))
        if field in request.form and chosen != present:
            changes.append(SourceChange(rank, *chosen))
    return changes


@bp.post("/services/<number:service_id>/source/remove")
def service_source_remove(service_id: int) -> Any:
    """Buy a service at its first or second source no longer."""
    rank = 2 if form_number("rank") == 2 else 1
    removed = perform(operations.remove_source, service_id, rank)
    if removed.done:
        left = [source["provider_name"] for source in sources.sources(service_id)]
        where = f"bought from {left[0]}" if left else "fulfilled by hand"
        tell(f"Service {service_id} is {where} now.", "done")
    return back_to("admin.service_page", service_id=service_id)


@bp.post("/services/<number:service_id>/move")
def service_move(service_id: int) -> Any:
    """Move a service before another one, or to the end."""
    form = forms.Move()
    is_fetched = request.headers.get("X-Requested-With") == "fetch"
    done = False
    if form.validate():
        said = "" if is_fetched else f"Service {service_id} is moved."
        done = perform(operations.move, service_id, form.before.data, said=said, form=form).done
    elif not is_fetched:
        explain_form(form)
    if is_fetched:
        return ("", 204) if done else ("", 422)
    if not done:
        return show_again("admin.service_page", form, service_id=service_id)
    return back_to("admin.service_list")
