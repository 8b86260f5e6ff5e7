"""Signing in to the dashboard and out of it, each with its line in the audit.

A sign-in has one step, the password, or two: then a code, where one-time passwords are on. Wrong
tries of both are counted alike (panel.sign_in.attempts).
"""

from typing import NamedTuple

from models import Operator, OperatorSession
from panel import operators
from panel.errors import OperatorError
from panel.operations.audit import Actor, audited, record_refused
from panel.sign_in import attempts, devices, sessions, tokens, totp
from panel.sign_in.attempts import Attempt

UNKNOWN_NAME = "(unknown name)"
"""Who is audited for an unknown name: what was typed there may be a password."""

FAILURES_A_DAY = 50
"""The most lines of failed sign-ins for each operator, and for all unknown names."""


class Browser(NamedTuple):
    """From where somebody signs in.

    network: what counts as one caller: the address, or its network.
    device: what the browser calls itself, as a person reads it.
    device_token: of the known device's cookie; '' without one.
    """

    address: str
    network: str
    device: str
    device_token: str


class SignedIn(NamedTuple):
    """The tokens for the cookies of a session and of its device."""

    session_token: str
    device_token: str


class WrongError(OperatorError):
    """The name, the password or the code is wrong."""


def check_password(browser: Browser, name: str, password: str) -> Operator:
    """The first step: the operator of this name and password, who is not signed in yet.

    :raises WrongError: for a wrong password or an unknown name, without saying which.
    :raises LockedError: after too many wrong ones; nothing was checked.
    """
    named = operators.find_name(name)
    subjects, is_known = _counted_against(browser, named, name)
    attempt = attempts.begin(subjects, is_known=is_known)
    operator = operators.sign_in(name, password)
    if operator is None:
        _record_failure(browser, named, "wrong password", attempt)
        raise WrongError("Wrong name or password.")
    if operator.totp_secret:
        attempts.take_back(attempt)
    return operator


def check_code(browser: Browser, operator: Operator, code: str) -> str:
    """The second step: take a one-time password, or a recovery code in place of one.

    :param operator: as check_password() returned it.
    :returns: what the sign-in is audited as.
    :raises WrongError: for a wrong code, or one that was used before.
    :raises LockedError: after too many wrong ones; nothing was checked.
    """
    subjects, is_known = _counted_against(browser, operator, operator.name)
    attempt = attempts.begin(subjects, is_known=is_known)
    kind = totp.take(operator, code)
    if kind is None:
        _record_failure(browser, operator, "wrong code", attempt)
        raise WrongError("The code is wrong, or was used already. The app shows a new one soon.")
    if kind is totp.Kind.RECOVERY:
        return f"sign in with a recovery code, {totp.codes_left(operator.id)} left"
    return "sign in with a one-time password"


def begin_session(browser: Browser, operator: Operator, act: str = "sign in") -> SignedIn:
    """Sign an operator in who was checked, and forget the wrong tries.

    :raises OperatorError: if the operator was removed or changed meanwhile.
    """
    with audited(Actor(operator.name, browser.address), act) as result:
        result.text = f"from {browser.device}" if browser.device else ""
        token = sessions.begin(operator, browser.address, browser.device)
        device_token = devices.remember(operator.id, browser.device_token)
        attempts.clear(_counted_against(browser, operator, operator.name)[0])
    return SignedIn(token, device_token)


def _counted_against(
    browser: Browser, operator: Operator | None, name: str
) -> tuple[list[str], bool]:
    """What a try is counted against, and whether that is a known device."""
    if operator is not None and devices.is_known(operator.id, browser.device_token):
        return [attempts.of_device(operator.id, tokens.hashed(browser.device_token))], True
    return [attempts.of_name(name), attempts.of_network(browser.network)], False


def _record_failure(
    browser: Browser, operator: Operator | None, why: str, attempt: Attempt
) -> None:
    actor = Actor(operator.name if operator else UNKNOWN_NAME, browser.address)
    why += f", from {browser.device}" if browser.device else ""
    if attempt.is_last:
        why += f"; locked for {attempts.WINDOW_S // 60} minutes"
    record_refused(actor, "sign in", why, FAILURES_A_DAY)


def resume(
    session_token: str, device_token: str, *, is_seen: bool = True
) -> OperatorSession | None:
    """The session of a cookie, with its operator; None if it is over.

    :param is_seen: whether a person asks: a page that refreshes itself keeps no session alive.
    """
    session = sessions.find(session_token)
    if session is not None and is_seen:
        sessions.note_seen(session, device_token)
    return session


def sign_out(actor: Actor, operator_id: int, session_id: int) -> None:
    """End the session that asks for it.

    :raises OperatorError: if it is over already.
    """
    with audited(actor, "sign out"):
        sessions.end(operator_id, session_id)
