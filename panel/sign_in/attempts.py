"""Tries to sign in: five wrong ones in five minutes lock what they are counted against.

That is the name and the caller's network, or a known device alone (panel.sign_in.devices). A try
is counted before its password is checked, so tries at the same time count too, and its rows are
removed when it was right. The rows are in the database: all processes see them.
"""

import hashlib
from typing import Any, NamedTuple

from database.clock import now
from database.transactions import immediate
from models import SignInFailure
from panel.errors import OperatorError

TRIES = 5
WINDOW_S = 300
"""The most wrong tries, and within how long."""

MAX_ROWS = 2000
"""The most rows of the table. When a flood from many networks has filled it, only known devices
may try, until rows are old enough to go.
"""


class LockedError(OperatorError):
    """Too many wrong tries: nothing was checked. `wait_s`: in how many seconds to try again;
    `wait`: that in words, in whole minutes.
    """

    def __init__(self, wait_s: int) -> None:
        minutes = -(-wait_s // 60)
        self.wait = f"wait {minutes} minute{'' if minutes == 1 else 's'}"
        super().__init__(f"too many wrong tries; {self.wait}")
        self.wait_s = wait_s


class Attempt(NamedTuple):
    """A try that is counted: its rows, and whether one more would be too many."""

    rows: list[int]
    is_last: bool


def of_name(name: str) -> str:
    """What a name is counted as: a hash, because a name is whatever somebody typed."""
    return "name:" + hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()


def of_network(network: str) -> str:
    """What a caller's network is counted as."""
    return f"network:{network[:64]}"


def of_device(operator_id: int, token_hash: bytes) -> str:
    """What an operator's known device is counted as."""
    return f"device:{operator_id}:{token_hash.hex()}"


def of_account(operator_id: int) -> str:
    """What a signed-in operator is counted as, who is asked for the password again."""
    return f"account:{operator_id}"


def begin(subjects: list[str], *, is_known: bool) -> Attempt:
    """Count a try against these, before it is checked.

    :param is_known: whether it comes from a known device or a session: it is counted even while
        strangers fill the table.
    :raises LockedError: if one of them is locked; the try is not counted then.
    """
    _check(subjects, is_known)  # who is locked does not even queue for writing
    with immediate():
        _delete_old()
        _check(subjects, is_known)
        rows = [
            SignInFailure.insert(counted_against=subject, failed_at=now()).execute()
            for subject in subjects
        ]
        is_last = any(len(_times(subject)) == TRIES for subject in subjects)
    return Attempt(rows, is_last)


def _check(subjects: list[str], is_known: bool) -> None:
    locked = [times[-1] for subject in subjects if len(times := _times(subject)) == TRIES]
    if locked:
        raise LockedError(max(1, max(locked) + WINDOW_S - now()))
    if not is_known and SignInFailure.select().where(_counts()).count() >= MAX_ROWS:
        raise LockedError(WINDOW_S)


def _times(subject: str) -> list[int]:
    """When the last tries that count were, the newest first; TRIES of them at most."""
    query = (
        SignInFailure.select(SignInFailure.failed_at)
        .where(SignInFailure.counted_against == subject, _counts())
        .order_by(SignInFailure.failed_at.desc())
        .limit(TRIES)
    )
    return [row.failed_at for row in query]


def _counts() -> Any:
    """The condition of a row that still counts."""
    present = now()
    # One of the future was counted before the clock was set back.
    return SignInFailure.failed_at.between(present - WINDOW_S + 1, present)


def _delete_old() -> None:
    SignInFailure.delete().where(~_counts()).execute()


def take_back(attempt: Attempt) -> None:
    """Do not count a try after all: it was right."""
    with immediate():
        SignInFailure.delete().where(SignInFailure.id.in_(attempt.rows)).execute()


def clear(subjects: list[str]) -> None:
    """Forget what was counted against these."""
    with immediate():
        SignInFailure.delete().where(SignInFailure.counted_against.in_(subjects)).execute()


def clear_networks() -> None:
    """Forget what was counted against any network."""
    with immediate():
        SignInFailure.delete().where(
            SignInFailure.counted_against.startswith("network:")
        ).execute()
