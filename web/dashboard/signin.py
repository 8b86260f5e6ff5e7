"""Signing in and out; the tries are limited for each name and for each caller's address."""

import hashlib
import math
import time
from typing import Any

from flask import (
    Response,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from limits import RateLimitItemPerMinute

from api.rate_limit import network
from models import Operator
from panel import operators
from web.dashboard import forms
from web.dashboard.common import bp, inside

SESSION_S = 12 * 3600
TRIES = RateLimitItemPerMinute(5, 5, namespace="sign-in")
"""The most tries: five in five minutes, for each name, and for each address or IPv6 network."""

manager = LoginManager()


class SignedIn(UserMixin):
    """The operator behind a session."""

    def __init__(self, operator: Operator) -> None:
        self.name = operator.name
        # A new password ends the sessions that began with the old one.
        stamp = hashlib.sha256(operator.password_hash.encode()).hexdigest()[:16]
        self.id = f"{operator.id}:{stamp}"


@manager.user_loader
def _load(ident: str) -> SignedIn | None:
    operator = operators.find(int(ident.partition(":")[0]))
    if operator is None or SignedIn(operator).id != ident:
        return None
    return SignedIn(operator)


@bp.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Any:
    """Ask for name and password."""
    if current_user.is_authenticated:
        return redirect(url_for("admin.overview_page"))
    form = forms.SignIn()
    if request.method == "GET":
        form.back.data = inside(request.args.get("back", ""))
        return render_template("dashboard/sign_in.html", form=form)
    name = form.name.data or ""
    if not _may_try(name):
        return _slow_down(form)
    operator = operators.sign_in(name, form.password.data or "")
    if operator is None:
        page = render_template("dashboard/sign_in.html", form=form, wrong=True)
        return make_response(page, 403)
    _forget_tries(name)
    session.clear()
    session.permanent = True
    login_user(SignedIn(operator))
    return redirect(inside(form.back.data or "") or url_for("admin.overview_page"))


@bp.post("/sign-out")
def sign_out() -> Any:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("admin.sign_in"))


def _counter() -> Any:
    """The strategy of the app's rate limit, on its storage, which all processes share."""
    (limiter,) = current_app.extensions["limiter"]
    return limiter.limiter


def _keys(name: str) -> tuple[str, str]:
    # A hash, because a name is whatever somebody typed, of any length.
    hashed = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return f"operator:{hashed}", f"address:{network(request.remote_addr or '')}"


def _may_try(name: str) -> bool:
    """Count a try before its password is checked, so that parallel tries count too."""
    tries = [_counter().hit(TRIES, key) for key in _keys(name)]
    return all(tries)


def _forget_tries(name: str) -> None:
    for key in _keys(name):
        _counter().clear(TRIES, key)


def _slow_down(form: forms.SignIn) -> Response:
    ends = [_counter().get_window_stats(TRIES, key).reset_time for key in _keys(form.name.data)]
    response = make_response(render_template("dashboard/sign_in.html", form=form, slow=True), 429)
    response.headers["Retry-After"] = str(max(1, math.ceil(max(ends) - time.time())))
    return response
