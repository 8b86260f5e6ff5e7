"""What is done with several services at once, with the outcome of each."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import render_template, request

from api.context import current_settings
from panel import services
from panel.errors import OperatorError
from panel.operations import services as operations
from panel.providers import explain, policy
from panel.providers.changes import CatalogueChange, describe, names_kept
from web.dashboard import forms
from web.dashboard.common import (
    actor,
    back_to,
    bp,
    chosen_numbers,
    explain_form,
    inside,
    perform,
    show_again,
    tell,
)


class Result(NamedTuple):
    """What came of an act on one service: kind is "done", "warning" or "error"."""

    service_id: int
    text: str
    kind: str = "done"
    change: CatalogueChange | None = None


@bp.post("/services/act")
def service_act() -> Any:
    """Enable, disable or mark up the selected services, or confirm what waits for them."""
    selected = chosen_numbers("service")
    act = request.form.get("act", "")
    if not selected:
        tell("Select services first.", "error")
        return show_again("admin.service_list", forms.Markup())
    if act == "markup":
        return _mark_up(selected)
    acts: dict[str, Callable[[list[int]], list[Result] | None]] = {
        "enable": _enable,
        "disable": _disable,
        "confirm": _confirm,
        "fix": _fix,
    }
    results = acts[act](selected) if act in acts else None
    summary = f"Services confirmed: {len(selected)}." if act == "confirm" else ""
    return _show(act, selected, results, summary)


def _show(act: str, selected: list[int], results: list[Result] | None, summary: str = "") -> Any:
    """The outcome of each service on a page; of a single one, on the page that it was on."""
    if results is None:
        return back_to("admin.service_list")
    if len(selected) == 1:
        for result in results:
            tell(f"Service {result.service_id}: {result.text}", result.kind)
    kept = names_kept(result.change for result in results if result.change is not None)
    if summary := f"{summary} {kept}".strip():
        tell(summary, "done")
    if len(selected) == 1:
        return back_to("admin.service_list")
    names = {number: _name(number) for number in selected}
    return render_template(
        "dashboard/service_results.html",
        act=act,
        results=results,
        names=names,
        done=len({result.service_id for result in results if result.kind == "done"}),
        total=len(selected),
        back=inside(request.form.get("back", "")),
    )


def _name(service_id: int) -> str:
    try:
        return services.get(service_id).name
    except OperatorError:
        return ""


def _enable(selected: list[int]) -> list[Result]:
    return [result for number in selected for result in _enable_one(number)]


def _enable_one(service_id: int) -> list[Result]:
    """What came of enabling a service, and why it may not be sold all the same."""
    results = [_one(operations.enable, service_id, "enabled")]
    if results[0].kind == "done":
        why = explain.why_held(service_id, current_settings().currency)
        results += [Result(service_id, why, "warning")] if why else []
    return results


def _disable(selected: list[int]) -> list[Result]:
    return [_one(operations.disable, number, "disabled") for number in selected]


def _one(operation: Callable[..., None], service_id: int, done: str) -> Result:
    """What came of an operation on one service."""
    try:
        operation(actor(), service_id)
    except OperatorError as error:
        return Result(service_id, str(error), "error")
    return Result(service_id, done)


def _fix(selected: list[int]) -> list[Result] | None:
    if not perform(operations.fix_rates, selected).done:
        return None
    return [
        Result(number, "its rate stays as it is, whatever its cost does") for number in selected
    ]


def _confirm(selected: list[int]) -> list[Result] | None:
    followed = policy.from_settings(current_settings())
    outcome = perform(operations.confirm, selected, followed)
    if not outcome.done:
        return None
    return _of_changes(outcome.value)


def _mark_up(selected: list[int]) -> Any:
    form = forms.Markup()
    if form.validate():
        marked = perform(operations.mark_up, selected, form.markup.data, form.step.data, form=form)
        if marked.done:
            return _show("markup", selected, _of_changes(marked.value))
    else:
        explain_form(form)
    if request.form.get("on") == "service":
        return show_again("admin.service_page", form, service_id=selected[0])
    return show_again("admin.service_list", form)


def _of_changes(changes: list[CatalogueChange]) -> list[Result]:
    return [
        Result(
            change.service_id, describe(change), "warning" if change.skipped else "done", change
        )
        for change in changes
        if change.service_id is not None
    ]
