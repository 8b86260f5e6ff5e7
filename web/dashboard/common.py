"""What the dashboard's pages share: its door, its headers, acts with their audit line, paging."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user
from flask_wtf.csrf import generate_csrf, validate_csrf
from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from wtforms.validators import ValidationError

import upstream
from api.context import current_settings
from models import Provider
from panel import money, operators
from panel.errors import OperatorError, RequestRejected
from upstream.provider import Provider as UpstreamProvider
from web import headers
from web.sessions import ADMIN

bp = Blueprint("admin", __name__, url_prefix=ADMIN)

HEADERS = {**headers.PAGE, "Cache-Control": "no-store"}

CHANGES = ("POST", "PUT", "PATCH", "DELETE")
MESSAGES = 10
"""The most messages that the next page shows."""

OPEN_TO_ALL = {"admin.sign_in"}
"""What may be seen without being signed in."""


class Outcome(NamedTuple):
    """Whether an act was done, and what it gave."""

    done: bool
    value: Any = None


@bp.before_request
def _door() -> Any:
    """Nobody comes further without an operator, a sign-in, and a token with each change."""
    if not operators.any_exists():
        raise NotFound
    if request.endpoint not in OPEN_TO_ALL and not current_user.is_authenticated:
        back = request.full_path.rstrip("?") if request.method == "GET" else ""
        return redirect(url_for("admin.sign_in", back=back or None))
    if request.method not in ("GET", "HEAD"):
        try:
            validate_csrf(request.form.get("csrf_token") or request.headers.get("X-CSRF-Token"))
        except ValidationError:
            raise BadRequest("The form has expired. Go back, load it again, and retry.") from None
    return None


@bp.after_request
def _headers(response: Response) -> Response:
    if operators.any_exists():
        response.headers.update(HEADERS)
    return response


@bp.errorhandler(HTTPException)
def _error(error: HTTPException) -> Any:
    if not operators.any_exists():
        # As any address that does not exist: nobody learns that there could be a dashboard.
        return jsonify({"error": NotFound().name}), 404
    page = render_template("dashboard/error.html", name=error.name, text=error.description)
    return page, error.code or 500


@bp.errorhandler(OperatorError)
def _invalid(error: OperatorError) -> Any:
    """What was asked for in the address does not exist."""
    return _error(NotFound(str(error)))


@bp.route("", methods=CHANGES, strict_slashes=False)
@bp.route("/<path:anything>", methods=["GET", *CHANGES])
def nowhere(anything: str = "") -> Any:
    """What does not exist is told as a page; and while the dashboard is off, nothing does."""
    raise NotFound


def tell(text: str, kind: str) -> None:
    """Tell the next page something.

    Only so much: the messages travel in the session's cookie, and a browser drops a long one.
    """
    told = len(session.get("_flashes", ()))
    if told < MESSAGES or (kind == "done" and told == MESSAGES + 1):  # the sum of it all
        flash(text if len(text) <= 300 else f"{text[:300]} …", kind)
    elif told == MESSAGES:
        flash("There is more to tell; the audit has all of it.", "warning")


def perform(act: str, do: Callable[[], Any], said: str = "") -> Outcome:
    """Do an act in the operator's name, with its audit line, and tell the next page about it.

    :param act: what is done to what, for the audit: "order 17: cancel".
    :param said: what the operator reads when it is done.
    """
    try:
        with operators.audited(current_user.name, request.remote_addr or "", act):
            value = do()
    except (OperatorError, RequestRejected) as error:
        tell(str(error), "error")
        return Outcome(False)
    if said:
        tell(said, "done")
    return Outcome(True, value)


def back_to(endpoint: str, **values: Any) -> Any:
    """Redirect to where the form says that it was, else to a page."""
    return redirect(inside(request.form.get("back", "")) or url_for(endpoint, **values))


def inside(path: str) -> str:
    """The path, if it is one of the dashboard's and no way out of it; otherwise ''."""
    parts = urlsplit(path) if path.isprintable() and "\\" not in path else None
    if parts is None or parts.scheme or parts.netloc or path.startswith("//"):
        return ""
    return path if parts.path == ADMIN or parts.path.startswith(ADMIN + "/") else ""


def number(name: str) -> int | None:
    """A number of the query, or None for what is none."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def connect(row: Provider) -> UpstreamProvider:
    """The provider behind a row, with this panel's settings."""
    settings = current_settings()
    return upstream.connect(
        row,
        currency=settings.currency,
        timeout_s=settings.provider_timeout,
        sandbox_seconds=settings.sandbox_seconds,
    )


def explain_form(form: Any) -> None:
    """Tell the next page what is wrong with each field."""
    for field in form:
        for error in field.errors:
            tell(f"{field.label.text}: {error}", "error")


def when(seconds: int | None) -> str:
    """A stored time as a person reads it, in UTC."""
    if seconds is None:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _with_args(**changes: Any) -> str:
    """This page's address with other query arguments; None takes one away."""
    args = {**request.args.to_dict(), **changes}
    kept = {name: value for name, value in args.items() if value not in (None, "")}
    return url_for(request.endpoint or "admin.overview_page", **(request.view_args or {}), **kept)


def _here() -> str:
    return request.full_path.rstrip("?")


def add_filters(app: Flask) -> None:
    """Give the templates what they need."""
    app.jinja_env.filters.update(money=money.format_exact, percent=money.format_percent, when=when)
    app.jinja_env.globals.update(csrf_token=generate_csrf, with_args=_with_args, here=_here)
