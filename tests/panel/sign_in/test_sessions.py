"""Sessions of the dashboard: how they begin, how long they last, and what ends them."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.clock import Clock

from database.connection import database
from database.driver import sqlite3
from models import Operator, OperatorDevice, OperatorSession
from panel import operators
from panel.errors import OperatorError
from panel.operations import sign_in
from panel.operations.audit import Actor
from panel.sign_in import devices, sessions, tokens

PASSWORD = "a good password"
HOURS = 60


@pytest.fixture
def olga(panel_file: Path, clock: Clock) -> Operator:
    operators.add("olga", PASSWORD)
    return operators.get("olga")


def begin(operator: Operator, device: str = "Firefox on Linux") -> str:
    return sessions.begin(operator, "10.0.0.9", device)


def test_a_session_is_found_by_its_token_alone(olga: Operator) -> None:
    token = begin(olga)
    found = sessions.find(token)
    assert found is not None
    assert (found.operator.name, found.device, found.address) == (
        "olga", "Firefox on Linux", "10.0.0.9",
    )  # fmt: skip
    stored = OperatorSession.get().token_hash
    assert stored == tokens.hashed(token)
    for other in ("", token[:-1], stored.hex(), "\udcff"):
        assert sessions.find(other) is None


def test_a_session_lasts_while_it_is_used_but_not_longer_than_its_life(
    olga: Operator, clock: Clock
) -> None:
    token = begin(olga)
    for _ in range(13):
        clock.move(minutes=12 * HOURS - 1)
        assert sign_in.resume(token, "") is not None
    clock.move(minutes=11 * HOURS)
    assert sign_in.resume(token, "") is not None
    clock.move(minutes=HOURS + 13)
    assert sign_in.resume(token, "") is None, "7 days are over"


def test_a_session_that_is_not_used_ends(olga: Operator, clock: Clock) -> None:
    token = begin(olga)
    clock.move(minutes=12 * HOURS)
    assert sign_in.resume(token, "") is None


def test_a_sign_in_removes_the_sessions_that_are_over(olga: Operator, clock: Clock) -> None:
    begin(olga)
    clock.move(minutes=12 * HOURS)
    assert OperatorSession.select().count() == 1
    assert sessions.listing(olga.id) == []
    begin(olga)
    assert OperatorSession.select().count() == 1


def test_reading_pages_writes_once_a_minute(olga: Operator, clock: Clock) -> None:
    token = begin(olga)
    seen = []
    for _ in range(5):
        clock.move(seconds=30)
        assert sign_in.resume(token, "") is not None
        seen.append(OperatorSession.get().seen_at - clock.seconds)
    assert seen == [-30, 0, -30, 0, -30]


def test_a_session_and_its_device_are_seen_together(olga: Operator, clock: Clock) -> None:
    begun = sign_in.begin_session(sign_in.Browser("10.0.0.9", "10.0.0.9", "curl", ""), olga)
    clock.move(minutes=1)
    sign_in.resume(begun.session_token, begun.device_token)
    assert OperatorDevice.get().seen_at == OperatorSession.get().seen_at == clock.seconds
    sign_in.sign_out(Actor("olga"), olga.id, OperatorSession.get().id)
    assert operators.last_seen(olga.id) == clock.seconds


def block_by_another_writer(path: Path) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


@pytest.mark.parametrize("why", ["another writer", "cannot be written"])
def test_a_session_goes_on_where_it_cannot_be_written(
    why: str, olga: Operator, clock: Clock, panel_file: Path
) -> None:
    token = begin(olga)
    clock.move(minutes=2)
    with closing(block_by_another_writer(panel_file)) as other:
        if why == "cannot be written":
            other.execute("ROLLBACK")
            database.execute_sql("PRAGMA query_only = 1")
        assert sign_in.resume(token, "") is not None
        assert OperatorSession.get().seen_at == clock.seconds - 120
    database.execute_sql("PRAGMA query_only = 0")
    assert sign_in.resume(token, "") is not None
    assert OperatorSession.get().seen_at == clock.seconds
    assert database.execute_sql("PRAGMA busy_timeout").fetchone() == (30_000,)


@pytest.mark.parametrize(
    "change",
    [
        lambda: operators.set_password("olga", "another password"),
        lambda: operators.remove("olga"),
        lambda: Operator.update(totp_secret="A" * 32).execute(),
    ],
    ids=["new password", "removed", "one-time passwords"],
)
def test_no_session_begins_with_what_was_changed_after_the_check(
    change: Callable[[], object], olga: Operator
) -> None:
    checked = operators.sign_in("olga", PASSWORD)
    assert checked is not None
    change()
    with pytest.raises(OperatorError):
        begin(checked)
    assert OperatorSession.select().count() == 0


def test_only_ones_own_session_can_be_ended(olga: Operator) -> None:
    operators.add("otto", PASSWORD)
    begin(olga)
    session = sessions.listing(olga.id)[0]
    with pytest.raises(OperatorError):
        sessions.end(operators.get("otto").id, session.id)
    sessions.end(olga.id, session.id)
    with pytest.raises(OperatorError):
        sessions.end(olga.id, session.id)


def test_a_new_password_ends_all_sessions_but_the_one_it_is_changed_in(olga: Operator) -> None:
    operators.add("otto", PASSWORD)
    begin(operators.get("otto"))
    kept, ended = begin(olga), begin(olga)
    session = sessions.find(kept)
    assert session is not None
    operators.set_password("olga", "another password", keep_session=session.id)
    assert sessions.find(kept) is not None
    assert sessions.find(ended) is None
    operators.set_password("olga", "one more password")
    assert [row.operator.name for row in OperatorSession.select()] == ["otto"]


def test_what_belongs_to_an_operator_goes_with_it(olga: Operator) -> None:
    begin(olga)
    devices.remember(olga.id, "")
    operators.remove("olga")
    assert OperatorSession.select().count() == OperatorDevice.select().count() == 0


def test_an_operator_has_so_many_sessions_and_devices_at_most(
    olga: Operator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 3)
    monkeypatch.setattr(devices, "MAX_DEVICES", 3)
    begun = []
    for _ in range(5):
        clock.move(seconds=1)
        begun.append((begin(olga), devices.remember(olga.id, "")))
    assert [sessions.find(token) is not None for token, _ in begun] == [False] * 2 + [True] * 3
    assert [devices.is_known(olga.id, token) for _, token in begun] == [False] * 2 + [True] * 3


# Devices


def test_a_device_is_known_to_whoever_signed_in_there(olga: Operator, clock: Clock) -> None:
    operators.add("otto", PASSWORD)
    otto = operators.get("otto").id
    token = devices.remember(olga.id, "")
    assert devices.is_known(olga.id, token)
    assert not devices.is_known(otto, token)
    assert not devices.is_known(olga.id, "")
    assert devices.remember(otto, token) == token, "both use the same browser"
    assert devices.is_known(otto, token)
    assert devices.is_known(olga.id, token)
    clock.move(minutes=400 * 24 * HOURS)
    assert not devices.is_known(olga.id, token)


def test_a_token_that_nobody_was_given_does_not_become_a_device(olga: Operator) -> None:
    token = devices.remember(olga.id, "planted")
    assert token != "planted"
    assert not devices.is_known(olga.id, "planted")
    assert [row.token_hash for row in OperatorDevice.select()] == [tokens.hashed(token)]
