"""Operators: who may sign in, in which role, and where they are signed in.

Whoever sits down at a browser that was left signed in does not know the password: what would let
somebody in, or keep somebody out, asks for it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import render_template, request
from flask_login import current_user

from panel import operators
from panel.errors import OperatorError
from panel.operations import operators as operations
from panel.operations import own_account
from panel.operators import Role
from panel.sign_in import sessions
from web.dashboard import forms
from web.dashboard.common import (
    back_to,
    bp,
    explain_form,
    page_form,
    perform,
    show_again,
    tell,
)


@bp.get("/operators")
def operator_list() -> str:
    """All operators, with what can be done about them."""
    rows = [
        (row, operators.last_seen(row.id), sessions.listing(row.id)) for row in operators.listing()
    ]
    return render_template(
        "dashboard/operators.html", operators=rows, form=page_form(forms.AddOperator)
    )


@bp.post("/operators")
def operator_add() -> Any:
    """Add an operator."""
    form = forms.AddOperator()
    if form.validate():
        name = (form.name.data or "").strip()
        added = perform(
            operations.add,
            name,
            form.new.data or "",
            Role(form.role.data),
            check=_knows_password(),
            said=f"{name} is added as {form.role.data}.",
        )
        if added.done:
            return back_to("admin.operator_list")
    else:
        explain_form(form)
    return show_again("admin.operator_list", form)


def _knows_password() -> Callable[[], object]:
    """Makes sure that whoever acts knows the own password."""
    return partial(
        own_account.check_password, current_user.operator_id, request.form.get("present", "")
    )


@bp.post("/operators/<name>/<any(unlock,signout):act>")
def operator_ease(name: str, act: str) -> Any:
    """Forget an operator's wrong tries, or end all sessions."""
    if act == "unlock":
        perform(operations.unlock, name, said=f"{name} can sign in again.")
    else:
        done = perform(operations.end_sessions, name)
        if done.done:
            tell(f"Sessions of {name} that were ended: {done.value}.", "done")
    return back_to("admin.operator_list")


@bp.post("/operators/<name>/act")
def operator_act(name: str) -> Any:
    """Change the role, give another password, turn one-time passwords off, or remove."""
    act = request.form.get("act", "")
    if act in ("operator", "viewer", "remove") and name == current_user.name:
        tell("Nobody takes the own rights away: another operator does that.", "error")
        return back_to("admin.operator_list")
    try:
        operation, said = _wanted(name, act)
    except OperatorError as error:
        tell(str(error), "error")
        return back_to("admin.operator_list")
    perform(operation, check=_knows_password(), said=said)
    return back_to("admin.operator_list")


def _wanted(name: str, act: str) -> tuple[Callable[..., Any], str]:
    """The operation behind an act, and what is said when it is done.

    :raises OperatorError: for no such act.
    """
    if act in set(Role):
        role = Role(act)
        return _of(operations.set_role, name, role, keep_one=True), f"{name} is {role} now."
    if act == "password":
        password = request.form.get("new", "")
        return _of(operations.set_password, name, password), f"{name} has a new password."
    if act == "totp":
        said = f"{name} signs in with the password alone now."
        return _of(operations.turn_off_totp, name), said
    if act == "remove":
        return _of(operations.remove, name, keep_one=True), f"{name} is removed."
    raise OperatorError("choose what to do")


def _of(operation: Callable[..., Any], *args: Any, **values: Any) -> Callable[..., Any]:
    """An operation with all of its arguments but the actor and what is given later."""

    def act(actor: Any, **more: Any) -> Any:
        return operation(actor, *args, **values, **more)

    return act
