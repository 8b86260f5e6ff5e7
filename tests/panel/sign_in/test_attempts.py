"""Wrong tries to sign in: what they lock, for how long, and how much they may fill."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from support.clock import Clock
from support.commands import audit

from database.connection import disconnect
from models import AuditLine, SignInFailure
from panel import operators
from panel.operations import operators as operations
from panel.operations import sign_in
from panel.operations.audit import Actor
from panel.operations.sign_in import Browser, WrongError
from panel.sign_in import attempts, tokens
from panel.sign_in.attempts import LockedError

PASSWORD = "a good password"
STRANGER = Browser("10.9.9.9", "10.9.9.9", "curl", "")


@pytest.fixture(autouse=True)
def olga(panel_file: Path) -> None:
    operators.add("olga", PASSWORD)


def sign_in_from(browser: Browser, name: str = "olga", password: str = PASSWORD) -> Browser:
    """Sign in; the browser is a known device from then on."""
    operator = sign_in.check_password(browser, name, password)
    begun = sign_in.begin_session(browser, operator)
    return browser._replace(device_token=begun.device_token)


def fail(browser: Browser, name: str = "olga", times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(WrongError):
            sign_in.check_password(browser, name, "wrong")


def at(number: int) -> Browser:
    """A stranger's browser of one of many networks."""
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    return Browser(address, address, "curl", "")


def test_the_lock_ends_when_the_first_of_five_is_five_minutes_old(clock: Clock) -> None:
    waits = []
    for _ in range(5):
        fail(STRANGER)
        clock.move(seconds=50)
    for _ in range(5):
        with pytest.raises(LockedError) as locked:
            sign_in.check_password(STRANGER, "olga", PASSWORD)
        waits.append(locked.value.wait_s)
        clock.move(seconds=10)
    assert waits == [50, 40, 30, 20, 10]
    assert sign_in.check_password(STRANGER, "olga", PASSWORD).name == "olga"


def test_tries_that_are_refused_by_the_lock_do_not_lengthen_it(clock: Clock) -> None:
    fail(STRANGER, times=5)
    for _ in range(10):
        with pytest.raises(LockedError):
            sign_in.check_password(STRANGER, "olga", PASSWORD)
    assert SignInFailure.select().count() == 10  # of the name and of the network
    clock.move(minutes=5)
    sign_in_from(STRANGER)
    assert SignInFailure.select().count() == 0


def test_a_clock_that_was_set_back_locks_nobody_out(clock: Clock) -> None:
    fail(STRANGER, times=5)
    clock.move(minutes=-60)
    sign_in_from(STRANGER)


def test_strangers_do_not_lock_a_known_device_out() -> None:
    home = sign_in_from(STRANGER._replace(address="10.0.0.1", network="10.0.0.1"))
    fail(STRANGER, times=5)
    neighbour = home._replace(device_token="")
    for name in ("otto", "emma", "anna", "bert", "carl"):
        fail(neighbour, name)
    with pytest.raises(LockedError):
        sign_in.check_password(neighbour, "olga", PASSWORD)
    sign_in_from(home)


def test_a_known_device_is_locked_by_its_own_wrong_passwords_alone() -> None:
    operators.add("otto", PASSWORD)
    phone, desk = sign_in_from(at(1)), sign_in_from(at(2))
    fail(phone, times=5)
    with pytest.raises(LockedError):
        sign_in.check_password(phone, "olga", PASSWORD)
    for other in (desk, at(3), at(1)):
        sign_in_from(other)
    # It is a stranger to everybody else.
    fail(phone, "otto", times=5)
    with pytest.raises(LockedError):
        sign_in.check_password(at(4), "otto", PASSWORD)


def test_a_devices_token_alone_gives_nothing() -> None:
    device = sign_in_from(at(1))
    fail(device)
    with pytest.raises(WrongError):
        sign_in.check_password(at(7)._replace(device_token=device.device_token), "olga", "")


def test_tries_at_the_same_time_count_too() -> None:
    together = Barrier(16)

    def one_try(number: int) -> type[Exception]:
        together.wait(30)
        try:
            sign_in.check_password(at(number), "olga", "wrong")
        except (WrongError, LockedError) as error:
            return type(error)
        finally:
            disconnect()
        raise AssertionError("a wrong password was right")

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(one_try, range(16)))
    assert outcomes.count(WrongError) == 5
    assert outcomes.count(LockedError) == 11


def test_a_flood_from_many_networks_fills_nothing_and_keeps_known_devices_in(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(attempts, "MAX_ROWS", 60)
    home = sign_in_from(at(1))
    locked = 0
    for number in range(2, 60):
        try:
            sign_in.check_password(at(number), f"nobody {number}", "wrong")
        except WrongError:
            pass
        except LockedError:
            locked += 1
    assert locked == 58 - 30
    assert SignInFailure.select().count() == 60
    with pytest.raises(LockedError):
        sign_in.check_password(at(99), "olga", PASSWORD)
    fail(home)
    sign_in_from(home)
    clock.move(minutes=5)
    sign_in_from(at(99))


def test_unlock_forgets_all_that_keeps_an_operator_out() -> None:
    operators.add("otto", PASSWORD)
    home = sign_in_from(at(1))
    fail(home, times=5)
    fail(at(1), times=5)
    fail(at(2), "otto", times=5)
    operations.unlock(Actor("(command line)"), "olga")
    for browser in (home, at(1), at(2)):
        sign_in_from(browser)
    with pytest.raises(LockedError):
        sign_in.check_password(at(3), "otto", PASSWORD)


# The audit


def refusals() -> list[tuple[str, str, str]]:
    lines = AuditLine.select().where(AuditLine.act == "sign in").order_by(AuditLine.id)
    return [(line.operator, line.address, line.outcome) for line in lines]


def test_failed_sign_ins_are_audited_until_the_lock_and_the_lock_with_the_last() -> None:
    fail(at(1), times=5)
    for _ in range(20):
        with pytest.raises(LockedError):
            sign_in.check_password(at(1), "olga", "wrong")
    wrong = ("olga", "10.0.0.1", "refused: wrong password, from curl")
    last = "refused: wrong password, from curl; locked for 5 minutes"
    assert refusals() == [*[wrong] * 4, ("olga", "10.0.0.1", last)]


def test_what_is_typed_for_a_name_or_password_is_not_audited() -> None:
    for typed in ("a good password\x1b[31m", "olga ", "Olga", "x" * 100_000, "\0"):
        fail(at(len(typed)), typed)
    with pytest.raises(WrongError):
        sign_in.check_password(at(3), "olga", "my other secret")
    text = str(refusals()) + str(audit())
    assert [operator for operator, _, _ in refusals()] == ["(unknown name)"] * 5 + ["olga"]
    for typed in ("good", "Olga", "xxx", "secret", "\x1b"):
        assert typed not in text


def test_an_attacker_cannot_fill_the_audit(clock: Clock) -> None:
    for number in range(300):
        fail(at(number), f"nobody {number % 40}" if number % 2 else "olga")
        clock.move(minutes=4)
    by_name = [operator for operator, _, _ in refusals()]
    assert by_name.count("olga") == by_name.count("(unknown name)") == 50
    assert sum("more of this day are not written" in text for *_, text in refusals()) == 2
    # What succeeds is always written, and so are failures again on the next day.
    sign_in_from(at(1))
    assert refusals()[-1] == ("olga", "10.0.0.1", "done: from curl")
    clock.move(minutes=24 * 60)
    fail(at(2))
    assert refusals()[-1] == ("olga", "10.0.0.2", "refused: wrong password, from curl")


def test_a_device_token_is_stored_as_a_hash_everywhere() -> None:
    device = sign_in_from(at(1))
    fail(device)
    stored = SignInFailure.get().counted_against
    assert device.device_token not in stored
    assert tokens.hashed(device.device_token).hex() in stored


@pytest.mark.parametrize(
    ("wait_s", "told"),
    [
        (1, "1 minute"), (60, "1 minute"), (61, "2 minutes"), (181, "4 minutes"),
        (300, "5 minutes"),
    ],
)  # fmt: skip
def test_how_long_to_wait_is_told_in_whole_minutes(wait_s: int, told: str) -> None:
    error = LockedError(wait_s)
    assert str(error) == f"too many wrong tries; wait {told}"
    assert error.wait_s == wait_s
