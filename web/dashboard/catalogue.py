"""A provider's catalogue: searched, and imported from."""

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import current_app, render_template, request
from flask_login import current_user

from api.context import current_settings
from database.clock import now
from models import Provider
from panel.errors import OperatorError
from panel.operations import providers
from panel.paging import Page
from panel.providers import currency, import_counts, policy, registry
from panel.providers import offered as catalogues
from panel.providers.changes import CatalogueChange
from panel.providers.listing import Listing
from panel.providers.offered import Search
from upstream import ask
from web.dashboard import forms
from web.dashboard.common import (
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

PAGE = 200
"""The most services of a catalogue that a page shows."""

FRESH_S = 300
KEPT = 3
"""A process keeps so many catalogues for so long: a search does not ask the provider each time."""


class Catalogue(NamedTuple):
    """What a provider listed, at its own prices, and when it was asked, by both clocks."""

    listings: list[Listing]
    at: int
    asked_s: float


class Shelf:
    """The catalogues that were looked at last, by how the provider was asked.

    Of this process's app alone: another one asks the provider itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[Any, ...], Catalogue] = {}

    def get(self, row: Provider, ask_for: Callable[[], list[Listing]]) -> Catalogue:
        """The catalogue of a provider; it is asked for it where it was not of late.

        :raises ProviderFailed: if it does not answer.
        """
        how = _how(row)
        with self._lock:
            known = self._kept.get(how)
        if known is not None and time.monotonic() - known.asked_s < FRESH_S:
            return known
        found = Catalogue(ask_for(), now(), time.monotonic())
        with self._lock:
            self._kept.pop(how, None)
            self._kept[how] = found
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return found

    def forget(self, row: Provider) -> None:
        """Have a provider asked again at the next look."""
        with self._lock:
            self._kept.pop(_how(row), None)


def _how(row: Provider) -> tuple[Any, ...]:
    return row.id, row.url, row.key, row.currency


def _shelf() -> Shelf:
    return current_app.extensions["catalogues"]


@bp.get("/providers/<name>/catalogue")
def provider_catalogue(name: str) -> str:
    """Look through what a provider offers, and choose what to import.

    For a viewer, the provider is not asked.
    """
    row, ours = registry.get(name), current_settings().currency
    wanted = Search(
        request.args.get("q", ""), request.args.get("category", ""), request.args.get("only", "")
    )
    catalogue = _look(row) if current_user.may_change else None
    found: list[Any] = []
    if catalogue is not None:
        found = catalogues.search(catalogues.offered(row, catalogue.listings, ours), wanted)
    start = number("after") or 0
    end = start + PAGE
    return render_template(
        "dashboard/catalogue.html",
        provider=row,
        catalogue=catalogue,
        categories=catalogues.categories(catalogue.listings if catalogue else ()),
        kinds=catalogues.ONLY,
        page=Page(found[start:end], end if end < len(found) else None),
        count=len(found),
        theirs=currency.exchange(row, ours).theirs,
        form=page_form(forms.Markup),
    )


def _look(row: Provider) -> Catalogue | None:
    """The provider's catalogue at its own prices, or None after telling why there is none."""
    try:
        return _shelf().get(row, lambda: ask.browse(row, current_settings()))
    except OperatorError as error:
        tell(str(error), "error")
        return None


@bp.post("/providers/<name>/catalogue/again")
def provider_catalogue_again(name: str) -> Any:
    """Ask the provider for its catalogue anew."""
    _shelf().forget(registry.get(name))
    return back_to("admin.provider_catalogue", name=name)


@bp.route("/providers/<name>/import", methods=["GET", "POST"])
def provider_import(name: str) -> Any:
    """Choose services of the provider and a markup, preview the import, then do it.

    The provider is asked each time: what is imported is what it lists now. For a viewer, it is
    not asked.
    """
    row = registry.get(name)
    if request.form.get("on") == "catalogue" and (refused := _refused_choice(name)):
        return refused
    listings = _catalogue(row) if current_user.may_change else None
    form = forms.Import()
    if ticked := request.form.getlist("tick"):
        form.ids.data, form.ids.raw_data = ", ".join(ticked), None
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
        offered=import_counts.offer(changes),
        told=import_counts.heading(changes, done),
    )


def _refused_choice(name: str) -> Any:
    """The catalogue again, where nothing was chosen in it or the markup cannot be used."""
    form = forms.Markup()
    is_valid = form.validate()
    explain_form(form)
    if not request.form.getlist("tick"):
        tell("Select services first.", "error")
    elif is_valid:
        return None
    return show_again("admin.provider_catalogue", form, name=name)


def _catalogue(row: Provider) -> list[Listing] | None:
    """The provider's catalogue, or None after telling why there is none."""
    try:
        return ask_catalogue(row)
    except OperatorError as error:
        tell(str(error), "error")
        return None


def _categories(listings: list[Listing]) -> list[tuple[str, str]]:
    """The choices of the form: each category, and how many services it has."""
    counts = catalogues.categories(listings)
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
