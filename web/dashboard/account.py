"""The own account of whoever is signed in: sessions, password, one-time passwords."""

import hashlib
import time
from typing import Any

import segno
from flask import redirect, render_template, session, url_for
from flask_login import current_user
from markupsafe import Markup

from api.context import current_settings
from panel import operators
from panel.operations import own_account
from panel.sign_in import sessions, totp
from web.dashboard import forms
from web.dashboard.common import bp, explain_form, perform, tell

SETUP_S = 900
"""How long the setting up of one-time passwords may take."""

SETUP = "totp_setup"
"""What the cookie holds meanwhile: the secret that the page shows, and until when."""

RENEWED = "codes_renewed"
"""What the cookie holds after new recovery codes: a hash of the code that they were made with,
which is void by then. It shows that their page was loaded again.
"""

CODES_ARE_GONE = "If you have not kept the recovery codes, make new ones below."


@bp.get("/sessions")
def sessions_page() -> str:
    """Where the operator is signed in."""
    found = sessions.listing(current_user.operator_id)
    return render_template("dashboard/sessions.html", sessions=found)


@bp.post("/sessions/<number:session_id>/end")
def session_end(session_id: int) -> Any:
    """End one of the own sessions."""
    said = "The session is ended."
    perform(own_account.end_session, current_user.operator_id, session_id, said=said)
    return redirect(url_for("admin.sessions_page"))


@bp.post("/sessions/end-others")
def session_end_others() -> Any:
    """End all own sessions but this one."""
    ended = perform(
        own_account.end_other_sessions, current_user.operator_id, current_user.session_id
    )
    if ended.done:
        tell(f"Sessions ended: {ended.value}.", "done")
    return redirect(url_for("admin.sessions_page"))


@bp.get("/account")
def account_page() -> str:
    """Password and one-time passwords."""
    operator = operators.find(current_user.operator_id)
    return render_template(
        "dashboard/account.html",
        totp_on=bool(operator and operator.totp_secret),
        codes_left=totp.codes_left(current_user.operator_id),
        password=forms.NewPassword(prefix="new"),
        begin=forms.PresentPassword(prefix="begin"),
        renew=forms.PasswordAndCode(prefix="renew"),
        off=forms.PasswordAndCode(prefix="off"),
    )


@bp.post("/account/password")
def password_change() -> Any:
    """Change the own password; all other sessions end."""
    form = forms.NewPassword(prefix="new")
    if not form.validate():
        explain_form(form)
    else:
        perform(
            own_account.change_password,
            current_user.operator_id,
            current_user.session_id,
            form.present.data or "",
            form.new.data or "",
            said="The password is changed, and all other sessions are ended.",
        )
    return redirect(url_for("admin.account_page"))


@bp.post("/account/totp")
def totp_begin() -> Any:
    """Begin to set one-time passwords up, after the present password."""
    form = forms.PresentPassword(prefix="begin")
    begun = perform(own_account.begin_totp, current_user.operator_id, form.present.data or "")
    if not begun.done:
        return redirect(url_for("admin.account_page"))
    session[SETUP] = [begun.value, int(time.time()) + SETUP_S]
    return redirect(url_for("admin.totp_page"))


@bp.get("/account/totp")
def totp_page() -> Any:
    """The secret to give to an app, as QR code and text, and the field for its first code."""
    secret = _setup_secret()
    if not secret:
        return redirect(url_for("admin.account_page"))
    uri = totp.uri(secret, current_user.name, current_settings().name)
    return render_template(
        "dashboard/totp.html",
        form=forms.FirstCode(),
        secret=" ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        uri=uri,
        qr=_qr(uri),
    )


def _setup_secret() -> str:
    """The secret that is being set up in this browser; '' if there is none."""
    secret, until = session.get(SETUP, ("", 0))
    return secret if until >= time.time() else ""


def _qr(text: str) -> Markup:
    """A QR code as SVG without styles, which the page's policy would not allow."""
    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(
        scale=5, border=4, light="#fff", dark="#000", svgclass="qr", lineclass=None, omitsize=False
    )
    return Markup(svg)  # noqa: S704 - made of squares; the text is not in it


@bp.post("/account/totp/confirm")
def totp_confirm() -> Any:
    """Turn one-time passwords on, once the app's code is right; show the recovery codes."""
    secret = _setup_secret()
    if not secret:
        _tell_why_there_is_no_setup()
        return redirect(url_for("admin.account_page"))
    form = forms.FirstCode()
    on = perform(own_account.turn_on_totp, current_user.operator_id, secret, form.code.data or "")
    if not on.done:
        return redirect(url_for("admin.totp_page"))
    session.pop(SETUP)
    return _show_codes(on.value, "One-time passwords are on")


def _tell_why_there_is_no_setup() -> None:
    """Say that it took too long, or that it is done: the page of the codes was loaded again."""
    operator = operators.find(current_user.operator_id)
    if operator and operator.totp_secret:
        tell(f"One-time passwords are on already. {CODES_ARE_GONE}", "warning")
    else:
        tell("It took too long. Begin again.", "error")


@bp.post("/account/totp/off")
def totp_off() -> Any:
    """Turn one-time passwords off, after password and code."""
    form = forms.PasswordAndCode(prefix="off")
    perform(
        own_account.turn_off_totp,
        current_user.operator_id,
        form.present.data or "",
        form.code.data or "",
        said="One-time passwords are off.",
    )
    return redirect(url_for("admin.account_page"))


@bp.post("/account/recovery-codes")
def recovery_codes() -> Any:
    """Make new recovery codes, after password and code, and show them once."""
    form = forms.PasswordAndCode(prefix="renew")
    code = hashlib.sha256((form.code.data or "").encode(errors="surrogatepass")).hexdigest()
    if session.get(RENEWED) == code:
        tell(f"New recovery codes were made already. {CODES_ARE_GONE}", "warning")
        return redirect(url_for("admin.account_page"))
    renewed = perform(
        own_account.renew_recovery_codes,
        current_user.operator_id,
        form.present.data or "",
        form.code.data or "",
    )
    if not renewed.done:
        return redirect(url_for("admin.account_page"))
    session[RENEWED] = code
    return _show_codes(renewed.value, "New recovery codes")


def _show_codes(codes: list[str], title: str) -> str:
    return render_template("dashboard/recovery_codes.html", codes=codes, title=title)
