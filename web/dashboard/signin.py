"""Signing in, with a password and where it is on a code, and signing out."""

import hashlib
import time
from typing import Any

from flask import (
    Response,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from models import Operator, OperatorSession
from panel import operators
from panel.errors import OperatorError
from panel.operations import sign_in as operations
from panel.operations.sign_in import WrongError
from panel.operators import Role
from panel.sign_in.attempts import LockedError
from web.dashboard import forms
from web.dashboard.browser import current_browser, device_token, keep_device
from web.dashboard.common import bp, inside, perform, tell

CODE_S = 300
"""How long after the right password the code may be sent."""

HALF = "half_signed_in"
"""What the cookie holds between password and code: who, until when, and with which password.

It is no session: it only lets codes be tried, which are counted.
"""

manager = LoginManager()


class SignedIn(UserMixin):
    """The operator behind a session, whose token Flask-Login keeps in the cookie."""

    def __init__(self, token: str, row: OperatorSession) -> None:
        self.id = token
        self.session_id: int = row.id
        self.operator_id: int = row.operator.id
        self.name: str = row.operator.name
        self.role: str = row.operator.role

    @property
    def may_change(self) -> bool:
        """Whether the operator may do more than look."""
        return self.role == Role.OPERATOR


@manager.user_loader
def _load(token: str) -> SignedIn | None:
    by_itself = request.headers.get("X-Requested-With") == "refresh"
    found = operations.resume(token, device_token(), is_seen=not by_itself)
    return SignedIn(token, found) if found else None


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Ask for name and password."""
    if current_user.is_authenticated:
        return redirect(url_for("admin.overview_page"))
    form = forms.SignIn()
    if request.method == "GET":
        form.back.data = inside(request.args.get("back", ""))
        return render_template("dashboard/sign_in.html", form=form)
    name, password = form.name.data or "", form.password.data or ""
    try:
        operator = operations.check_password(current_browser(), name, password)
    except WrongError as error:
        return _refuse("dashboard/sign_in.html", form, error)
    except LockedError as error:
        return _slow_down("dashboard/sign_in.html", form, error)
    back = inside(form.back.data or "")
    if operator.totp_secret:
        session.clear()
        session[HALF] = [operator.id, int(time.time()) + CODE_S, _stamp(operator)]
        return redirect(url_for("admin.sign_in_code", back=back or None))
    return _begin_session(operator, "sign in", back)


@bp.route("/sign-in/code", methods=["GET", "POST"])
def sign_in_code() -> Any:
    """Ask for a one-time password, or a recovery code, after the right password."""
    operator = _half_signed_in()
    if current_user.is_authenticated or operator is None:
        session.pop(HALF, None)
        return redirect(url_for("admin.sign_in", back=inside(_asked_back()) or None))
    form = forms.Code()
    if request.method == "GET":
        form.back.data = inside(request.args.get("back", ""))
        return render_template("dashboard/sign_in_code.html", form=form)
    try:
        act = operations.check_code(current_browser(), operator, form.code.data or "")
    except WrongError as error:
        form.code.data = ""
        return _refuse("dashboard/sign_in_code.html", form, error)
    except LockedError as error:
        return _slow_down("dashboard/sign_in_code.html", form, error)
    return _begin_session(operator, act, inside(form.back.data or ""))


def _asked_back() -> str:
    return request.values.get("back", "")


def _half_signed_in() -> Operator | None:
    """Whose password was right a moment ago, in this browser."""
    found = session.get(HALF)
    if not found or found[1] < time.time():
        return None
    operator = operators.find(found[0])
    if operator is None or not operator.totp_secret or _stamp(operator) != found[2]:
        return None
    return operator


def _stamp(operator: Operator) -> str:
    """What changes with an operator's password."""
    return hashlib.sha256(operator.password_hash.encode()).hexdigest()[:16]


def _begin_session(operator: Operator, act: str, back: str) -> Response:
    try:
        begun = operations.begin_session(current_browser(), operator, act)
    except OperatorError as error:
        tell(str(error), "error")
        return make_response(redirect(url_for("admin.sign_in")))
    session.clear()
    session.permanent = True
    found = operations.resume(begun.session_token, "")
    assert found is not None
    login_user(SignedIn(begun.session_token, found))
    response = make_response(redirect(back or url_for("admin.overview_page")))
    keep_device(response, begun.device_token)
    return response


@bp.post("/sign-out")
def sign_out() -> Any:
    """End the session, also for whoever has a copy of its cookie."""
    perform(operations.sign_out, current_user.operator_id, current_user.session_id)
    logout_user()
    session.clear()
    return redirect(url_for("admin.sign_in"))


def _refuse(template: str, form: Any, error: WrongError) -> Response:
    return make_response(render_template(template, form=form, problem=str(error)), 403)


def _slow_down(template: str, form: Any, error: LockedError) -> Response:
    problem = f"Too many attempts. {error.wait.capitalize()}."
    response = make_response(render_template(template, form=form, problem=problem), 429)
    response.headers["Retry-After"] = str(error.wait_s)
    return response
