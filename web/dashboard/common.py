"""What the dashboard's pages share: access, headers, messages, operations and their outcome."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode, urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from jinja2 import pass_context
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.routing import IntegerConverter, Map
from wtforms.validators import ValidationError

from api.context import current_settings
from models import Provider
from panel import money, operators
from panel.called import as_called
from panel.errors import OperatorError, RequestRejected
from panel.operations.audit import Actor
from panel.provider_queries import count_text
from panel.providers.changes import REASONS, describe
from panel.providers.explain import describe_pending
from panel.providers.listing import Listing
from panel.providers.pending import AMOUNTS
from panel.providers.registry import ProviderAccount
from panel.submitted import MAX_TOKEN, SubmittedError
from upstream import ask
from web import headers
from web.dashboard import amounts
from web.sessions import ADMIN, is_dashboard

bp = Blueprint("admin", __name__, url_prefix=ADMIN)

HEADERS = {**headers.PAGE, "Cache-Control": "no-store"}

CHANGES = ("POST", "PUT", "PATCH", "DELETE")
MESSAGES = 10
"""The most messages that the next page shows, besides the summary of a bulk act."""

OPEN_TO_ALL = {"admin.sign_in", "admin.sign_in_code"}
"""What may be seen without being signed in."""

OWN_AFFAIRS = {
    "admin.sign_out", "admin.session_end", "admin.session_end_others", "admin.password_change",
    "admin.totp_begin", "admin.totp_confirm", "admin.totp_off", "admin.recovery_codes",
}  # fmt: skip
"""What a viewer may post: it concerns nobody else."""


class Outcome(NamedTuple):
    """Whether an operation was done, and what it returned.

    repeated: where it was not done because the form was submitted before, the number of what it
        made then; 0 otherwise.
    """

    done: bool
    value: Any = None
    repeated: int = 0


@bp.before_request
def _check_access() -> Any:
    """Require that there is an operator, a sign-in, and a CSRF token with each change.

    A viewer changes nothing, whatever is posted.
    """
    g.has_operators = operators.any_exists()
    if not g.has_operators:
        raise NotFound
    if request.endpoint not in OPEN_TO_ALL and not current_user.is_authenticated:
        back = request.full_path.rstrip("?") if request.method == "GET" else ""
        return redirect(url_for("admin.sign_in", back=back or None))
    if request.method not in ("GET", "HEAD"):
        try:
            validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRF-Token"))
        except ValidationError:
            raise BadRequest(
                "The form has expired. Go back, reload the page, and try again."
            ) from None
        g.csrf_valid = True  # a script sends it as a header: the form need not look for it again
        if request.endpoint not in OPEN_TO_ALL | OWN_AFFAIRS and not current_user.may_change:
            raise Forbidden(f"{current_user.name} is a viewer, who may look and change nothing.")
    return None


@bp.after_request
def _headers(response: Response) -> Response:
    if g.get("has_operators"):
        response.headers.update(HEADERS)
    return response


@bp.errorhandler(HTTPException)
def _error(error: HTTPException) -> Any:
    headers = [(n, v) for n, v in error.get_headers() if n.lower() != "content-type"]
    if "has_operators" not in g:  # the database does not tell
        return jsonify({"error": error.name}), error.code or 500, headers
    if not g.has_operators:
        # The same answer as for any unknown address: it does not reveal the dashboard.
        return jsonify({"error": NotFound().name}), 404
    page = render_template("dashboard/error.html", name=error.name, text=error.description)
    return page, error.code or 500, headers


@bp.errorhandler(OperatorError)
def _not_found(error: OperatorError) -> Any:
    """Show that what the address names does not exist."""
    return _error(NotFound(str(error)))


@bp.route("", methods=CHANGES, strict_slashes=False)
@bp.route("/<path:anything>", methods=["GET", *CHANGES])
def nowhere(anything: str = "") -> Any:
    """Answer an unknown address with a page; while the dashboard is off, all are unknown."""
    raise NotFound


def tell(text: str, kind: str) -> None:
    """Show a message on the next page.

    The number is limited: the messages travel in the session's cookie, and browsers drop a long
    one.

    :param kind: "done", "warning" or "error".
    """
    told = len(session.get("_flashes", ()))
    if told < MESSAGES or (kind == "done" and told == MESSAGES + 1):  # the summary
        flash(text if len(text) <= 300 else f"{text[:300]} …", kind)
    elif told == MESSAGES:
        flash("There are more messages; the audit lists everything.", "warning")


def perform(
    operation: Callable[..., Any],
    *args: Any,
    said: str = "",
    form: Any = None,
    **values: Any,
) -> Outcome:
    """Call an operation of panel.operations as the signed-in operator; show what came of it.

    :param args, values: what the operation takes after the actor.
    :param said: what the next page shows if it is done.
    :param form: the form that asked for it: a field that is refused shows why beside itself.
    """
    try:
        value = operation(actor(), *args, **values)
    except SubmittedError as error:
        tell(f"{str(error).capitalize()}.", "warning")
        return Outcome(False, repeated=error.made)
    except (OperatorError, RequestRejected) as error:
        tell(str(error), "error")
        field = getattr(error, "field", "")
        if form is not None and field in form:
            form[field].errors = (*form[field].errors, str(error))
        return Outcome(False)
    if said:
        tell(said, "done")
    return Outcome(True, value)


def form_token() -> str:
    """The token of the form that was sent, by which it is known if it is sent again."""
    token = request.form.get("form_token", "")[:MAX_TOKEN]
    return token if token.isprintable() else ""  # "" is no token: the panel made none such


def _new_form_token() -> str:
    """A form's own token: a new one, or the one that a refused form was sent with."""
    return (form_token() if request.method == "POST" else "") or secrets.token_hex(16)


def actor() -> Actor:
    """Who is signed in, as operations are told it."""
    return Actor(current_user.name, request.remote_addr or "")


def chosen_numbers(name: str) -> list[int]:
    """The numbers that were ticked in a form; what is none is ignored."""
    texts = request.form.getlist(name)
    return [number for text in texts if (number := _as_number(text)) is not None]


def form_number(name: str) -> int | None:
    """A number of the form, or None for what is none."""
    return _as_number(request.form.get(name, ""))


def _as_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def back_to(endpoint: str, **values: Any) -> Any:
    """Redirect to the page that the form was on, or else to this endpoint."""
    return redirect(inside(request.form.get("back", "")) or url_for(endpoint, **values))


def inside(path: str) -> str:
    """The path if it belongs to the dashboard, otherwise '': no redirect leads elsewhere."""
    if not path.isprintable() or path.startswith("//"):
        return ""
    try:
        parts = urlsplit(path)
    except ValueError:  # an address of another place, with a broken bracket
        return ""
    if parts.scheme or parts.netloc:
        return ""
    place = unquote(parts.path)  # a browser takes %2e for a dot
    if "\\" in path + place or not place.isprintable() or {".", ".."} & set(place.split("/")):
        return ""
    return path if is_dashboard(place) and "//" not in place else ""


class NumberConverter(IntegerConverter):
    """The number of something in a page's address; one that no row can have is not found."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=10**18 - 1)


def number(name: str) -> int | None:
    """A number of the query, or None for what is none."""
    return _as_number(request.args.get(name, ""))


def ask_account(row: Provider) -> ProviderAccount:
    """Ask a provider about our account there; for panel.operations."""
    return ask.ask_account(row, current_settings())


def ask_catalogue(row: Provider) -> list[Listing]:
    """Ask a provider for its catalogue; for panel.operations."""
    return ask.ask_catalogue(row, current_settings())


def explain_form(form: Any) -> None:
    """Show at the head of the page what is wrong with each field; the fields show it, too."""
    for field in form:
        for error in field.errors:
            tell(f"{field.label.text}: {error}", "error")


def show_again(endpoint: str, form: Any, **values: Any) -> Any:
    """Show the page that a refused form was on, with what was typed, and what is wrong with it.

    With the status 200: browsers log any other as an error of the page.

    :param endpoint: the page's, which gets its forms from page_form().
    :param form: the form as it was sent, or None where only the page's ticks are kept.
    :param values: what the page's address names, such as its service.
    """
    g.shown = (endpoint, values)
    g.refused = form
    return current_app.view_functions[endpoint](**values)


def page_form(kind: type[Any], **given: Any) -> Any:
    """A form of a page: as it was typed where it was refused, else a new one.

    :param given: what a new one is made from, such as `data`.
    """
    refused = g.get("refused")
    return refused if type(refused) is kind else kind(formdata=None, **given)


def is_ticked(name: str, value: object) -> bool:
    """Whether a box was ticked in a form that was refused."""
    return "shown" in g and str(value) in request.form.getlist(name)


def when(seconds: int | None) -> str:
    """A stored time as a person reads it, in UTC."""
    if seconds is None:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def is_web(link: str) -> bool:
    """Whether a link is one that a page may lead to: of the web, and no script."""
    return link.lower().startswith(("http://", "https://"))


def _with_args(**changes: Any) -> str:
    """This page's address with other query arguments; None takes one away."""
    args = {**request.args.to_dict(flat=False), **changes}
    kept = {name: value for name, value in args.items() if value not in (None, "", [""])}
    endpoint, values = _shown()
    page = url_for(endpoint, **values)
    return f"{page}?{urlencode(kept, doseq=True)}" if kept else page


def _shown() -> tuple[str, dict[str, Any]]:
    """The page that is shown: the request's, or the one that a refused form was on."""
    own = (request.endpoint or "admin.overview_page", request.view_args or {})
    return g.get("shown", own)


def _here() -> str:
    if "shown" in g:
        return inside(request.form.get("back", "")) or _with_args()
    return request.full_path.rstrip("?")


def _pending_value(text: str, kind: str) -> str:
    """What a pending change was before or is now, as a person reads it."""
    return money.format_exact(int(text)) if kind in AMOUNTS else text


@pass_context  # or Jinja would call it when it compiles a template
def _as_called(context: object, text: str) -> str:
    """A text with its commands as the operator calls them."""
    return as_called(current_settings().command, text)


def add_filters(app: Flask) -> None:
    """Give the templates their filters and functions."""
    amounts.add_filters(app)
    app.jinja_env.filters.update(
        money=money.format_exact,
        percent=money.format_percent,
        ratio=money.format_ratio,
        when=when,
        as_called=_as_called,
        is_web=is_web,
        describe=describe,
        describe_pending=describe_pending,
        pending_value=_pending_value,
        count_text=count_text,
        reason=lambda stored: REASONS.get(stored, stored),
    )
    app.jinja_env.globals.update(
        csrf_token=generate_csrf,
        with_args=_with_args,
        here=_here,
        is_ticked=is_ticked,
        new_form_token=_new_form_token,
    )
