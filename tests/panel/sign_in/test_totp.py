"""One-time passwords and recovery codes: when they are right, and that each is taken once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyotp
import pytest
from support.clock import Clock

from database.connection import disconnect
from models import Operator, RecoveryCode
from panel import operators
from panel.errors import OperatorError
from panel.operations import own_account, sign_in
from panel.operations.audit import Actor
from panel.operations.sign_in import Browser, WrongError
from panel.sign_in import totp
from panel.sign_in.attempts import LockedError
from panel.sign_in.totp import Kind

PASSWORD = "a good password"
OLGA = Actor("olga", "10.0.0.9")
HOME = Browser("10.0.0.9", "10.0.0.9", "Firefox on Linux", "")


@pytest.fixture(autouse=True)
def added(panel_file: Path, clock: Clock) -> None:
    operators.add("olga", PASSWORD)


def olga() -> Operator:
    return operators.get("olga")


def code(secret: str, clock: Clock, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock.seconds, counter_offset=steps)


@pytest.fixture
def secret(clock: Clock) -> str:
    """One-time passwords are on; the code of the present step is not used yet."""
    made = totp.new_secret()
    totp.turn_on(olga().id, made, code(made, clock))
    clock.move(minutes=10)
    return made


@pytest.mark.parametrize(
    ("steps", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_is_right_in_its_step_and_the_next_to_it(
    steps: int, is_taken: bool, secret: str, clock: Clock
) -> None:
    taken = totp.take(olga(), code(secret, clock, steps))
    assert taken is (Kind.ONE_TIME if is_taken else None)


def test_no_code_is_taken_twice_nor_one_before_it(secret: str, clock: Clock) -> None:
    assert totp.take(olga(), code(secret, clock)) is Kind.ONE_TIME
    for steps in (0, -1):
        assert totp.take(olga(), code(secret, clock, steps)) is None
    assert totp.take(olga(), code(secret, clock, 1)) is Kind.ONE_TIME


def test_the_code_of_the_setting_up_is_used_by_it(clock: Clock) -> None:
    made = totp.new_secret()
    totp.turn_on(olga().id, made, code(made, clock))
    assert totp.take(olga(), code(made, clock)) is None


def test_of_two_who_send_one_code_at_once_one_is_let_in(secret: str, clock: Clock) -> None:
    present, together = code(secret, clock), Barrier(8)
    operator = olga()

    def take(_: int) -> Kind | None:
        together.wait(30)
        try:
            return totp.take(operator, present)
        finally:
            disconnect()

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(take, range(8)))
    assert outcomes.count(Kind.ONE_TIME) == 1
    assert outcomes.count(None) == 7


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "000000 ",
        "12345",
        "1234567",
        "abcdef",
        "\uff11\uff12\uff13\uff14\uff15\uff16",
        "\udcff",
        "x" * 10_000,
    ],
)
def test_what_is_no_code_is_wrong(typed: str, secret: str) -> None:
    assert totp.take(olga(), typed) is None


def test_a_code_may_be_typed_as_it_is_shown(secret: str, clock: Clock) -> None:
    present = code(secret, clock)
    assert totp.take(olga(), f" {present[:3]} {present[3:]} ") is Kind.ONE_TIME


def test_while_they_are_off_no_code_is_right(clock: Clock) -> None:
    for typed in ("000000", code("A" * 32, clock), ""):
        assert totp.take(olga(), typed) is None


def test_they_are_on_only_after_a_right_code(clock: Clock) -> None:
    made = totp.new_secret()
    for typed in ("000000", code(made, clock, 5), code(totp.new_secret(), clock)):
        with pytest.raises(OperatorError, match="wrong"):
            totp.turn_on(olga().id, made, typed)
    assert olga().totp_secret == ""
    totp.turn_on(olga().id, made, code(made, clock))
    with pytest.raises(OperatorError, match="on already"):
        other = totp.new_secret()
        totp.turn_on(olga().id, other, code(other, clock))
    assert olga().totp_secret == made


def test_each_recovery_code_is_taken_once(clock: Clock) -> None:
    made = totp.new_secret()
    codes = totp.turn_on(olga().id, made, code(made, clock))
    assert len(set(codes)) == totp.codes_left(olga().id) == 10
    assert totp.take(olga(), f" {codes[0].upper().replace('-', ' ')} ") is Kind.RECOVERY
    assert totp.take(olga(), codes[0]) is None
    assert totp.codes_left(olga().id) == 9
    assert not any(codes[1].replace("-", "").encode() in bytes(row.code_hash)
                   for row in RecoveryCode.select())  # fmt: skip
    renewed = totp.renew_codes(olga().id)
    assert totp.take(olga(), codes[1]) is None
    assert totp.take(olga(), renewed[1]) is Kind.RECOVERY


def test_turning_them_off_forgets_all_codes(secret: str) -> None:
    totp.turn_off(olga().id)
    assert (olga().totp_secret, RecoveryCode.select().count()) == ("", 0)
    with pytest.raises(OperatorError, match="are off"):
        totp.turn_off(olga().id)


def test_what_an_app_is_told_names_panel_and_operator() -> None:
    uri = totp.uri("A" * 32, "olga@example.com", "Ann's: <Panel>")
    parsed = pyotp.parse_uri(uri)
    assert (parsed.secret, parsed.name, parsed.issuer) == (
        "A" * 32, "olga@example.com", "Ann's  <Panel>",
    )  # fmt: skip


# In the sign-in


def test_a_wrong_code_counts_like_a_wrong_password(secret: str, clock: Clock) -> None:
    for _ in range(4):
        sign_in.check_password(HOME, "olga", PASSWORD)  # the right one does not count
    operator = sign_in.check_password(HOME, "olga", PASSWORD)
    for _ in range(3):
        with pytest.raises(WrongError):
            sign_in.check_code(HOME, operator, "000000")
    for _ in range(2):
        with pytest.raises(WrongError):
            sign_in.check_password(HOME, "olga", "wrong")
    with pytest.raises(LockedError):
        sign_in.check_code(HOME, operator, code(secret, clock))
    with pytest.raises(LockedError):
        sign_in.check_password(HOME, "olga", PASSWORD)


def test_the_right_password_does_not_forget_wrong_codes(secret: str) -> None:
    for _ in range(5):
        operator = sign_in.check_password(HOME, "olga", PASSWORD)
        with pytest.raises(WrongError):
            sign_in.check_code(HOME, operator, "000000")
    with pytest.raises(LockedError):
        sign_in.check_password(HOME, "olga", PASSWORD)


def test_a_new_password_by_command_keeps_them_on(secret: str) -> None:
    operators.set_password("olga", "another password")
    assert olga().totp_secret == secret
    assert totp.codes_left(olga().id) == 10


# In the own account


def test_whoever_finds_a_browser_signed_in_cannot_guess_the_password() -> None:
    for _ in range(5):
        with pytest.raises(OperatorError, match="the password is wrong"):
            own_account.begin_totp(OLGA, olga().id, "wrong")
    with pytest.raises(LockedError):
        own_account.change_password(OLGA, olga().id, 1, PASSWORD, "another password")
    assert operators.sign_in("olga", PASSWORD) is not None
    # The sign-in itself is another matter.
    sign_in.check_password(HOME, "olga", PASSWORD)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
@pytest.mark.parametrize("good_code", [True, False])
def test_turning_off_and_new_codes_need_password_and_code(
    password: str, good_code: bool, secret: str, clock: Clock
) -> None:
    before = {bytes(row.code_hash) for row in RecoveryCode.select()}
    typed = code(secret, clock) if good_code else "000000"
    if password == PASSWORD and good_code:
        own_account.renew_recovery_codes(OLGA, olga().id, password, typed)
        assert before.isdisjoint(bytes(row.code_hash) for row in RecoveryCode.select())
        own_account.turn_off_totp(OLGA, olga().id, password, code(secret, clock, 1))
        assert olga().totp_secret == ""
        return
    for operation in (own_account.renew_recovery_codes, own_account.turn_off_totp):
        with pytest.raises(OperatorError):
            operation(OLGA, olga().id, password, typed)
    assert olga().totp_secret == secret
    assert before == {bytes(row.code_hash) for row in RecoveryCode.select()}


def test_a_wrong_password_uses_no_code_up(secret: str, clock: Clock) -> None:
    with pytest.raises(OperatorError):
        own_account.turn_off_totp(OLGA, olga().id, "wrong", code(secret, clock))
    own_account.turn_off_totp(OLGA, olga().id, PASSWORD, code(secret, clock))
