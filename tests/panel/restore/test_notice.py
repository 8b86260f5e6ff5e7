"""A database that was put back by hand is noticed when it is opened; a crash never looks so."""

import fcntl
import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.apps import listed, make_app
from support.orders import new_order

import app
from database import numbers, state_file
from database.backup import backup
from database.connection import DatabaseError, close_database, database
from database.driver import sqlite3
from database.migrate import open_database
from database.state_file import COPIED_S, QUIET_S, SIZE, State
from database.transactions import immediate
from models import AuditLine, Identity, Provider
from panel import accounts, services
from panel.money import MICROS
from panel.orders import dispatch, lookup, refills, restored, transition
from panel.orders.restored import Counts
from panel.providers import registry, sources
from panel.restore.mark import LEAST_JUMP, MOST_JUMP, jump
from panel.restore.notice import MARGIN, notice

OLDER = "the database is taken for an older copy that was put back: "


def start(path: Path) -> str:
    """Open the database as every process does; what it says."""
    close_database()
    open_database(path, "OFF")
    return "".join(notice())


def crash() -> None:
    """End as a killed process does: nothing is written at the end."""
    close_database()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A panel with one order that waits for its provider."""
    path = tmp_path / "panel.db"
    assert start(path) == ""
    accounts.add("alice", 100 * MICROS)
    service = services.add(name="S", category="C", rate_micros=MICROS, min=1, max=1000)
    provider = registry.add("up", "https://up.example/api/v2", "key", 60, currency="USD")
    sources.set_source(service, provider.id, listed("7", 900_000), 1)
    assert new_order(service, 100) == 1
    assert start(path) == ""
    return path


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy.db"
    backup(copy)
    return copy


def put_back(copy: Path, path: Path) -> None:
    close_database()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copy(copy, path)


# What leaves no alarm


def test_a_new_database_and_each_later_start_say_nothing(path: Path) -> None:
    for _ in range(3):
        assert start(path) == ""
        new_order(1, 100)
        crash()
    assert restored.counts() == Counts(0, 0, 0)


def test_a_database_from_before_the_state_file_says_nothing(path: Path) -> None:
    close_database()
    state_file.path_of(path).unlink()
    open_database(path, "OFF")
    Identity.delete().execute()
    assert start(path) == ""
    assert restored.counts() == Counts(0, 0, 0)
    assert start(path) == ""


def test_a_first_start_that_was_cut_off_says_nothing(path: Path) -> None:
    # The file is written before the database says so, too.
    Identity.delete().execute()
    assert start(path) == ""
    assert state_file.read(state_file.descriptor()) == State(Identity.get().panel, numbers.given())


def test_a_copy_that_nothing_came_after_says_nothing(path: Path, copy: Path) -> None:
    put_back(copy, path)
    assert start(path) == ""


def test_a_database_that_was_moved_with_its_state_file_says_nothing(
    path: Path, tmp_path: Path
) -> None:
    close_database()
    (tmp_path / "moved").mkdir()
    for file in (path, state_file.path_of(path)):
        shutil.move(file, tmp_path / "moved")
    assert start(tmp_path / "moved" / "panel.db") == ""


def test_another_process_that_is_behind_with_the_file_raises_no_alarm(path: Path) -> None:
    known = state_file.read(state_file.descriptor())
    assert known is not None
    new_order(1, 100)
    state_file.write(state_file.descriptor(), known)
    crash()
    assert start(path) == ""


# What is taken for an older copy


def send() -> None:
    dispatch.claim(1)


def order() -> None:
    new_order(1, 100)


def fund() -> None:
    accounts.fund("alice", MICROS)


def operate() -> None:
    AuditLine.create(operator="olga", address="", act="x")
    with immediate(leaves=True):
        pass


def pass_a_refill_on() -> None:
    """Nothing but the refill's own row and the order's history changes."""
    refills.record_accepted(1, "r1", 60)


@pytest.mark.parametrize("later", [send, order, fund, operate])
def test_a_copy_that_something_came_after_is_marked(
    path: Path, copy: Path, later: Callable[[], None]
) -> None:
    numbers._noted_at = float("-inf")
    later()
    known = state_file.read(state_file.descriptor())
    assert known is not None
    put_back(copy, path)
    said = start(path)
    assert said == (
        f"{OLDER}it knows less than its state file; 1 orders, 0 refills and 0 cancel requests "
        "wait until you have looked at the providers (flask restored)"
    )
    assert lookup.get(1).restored == 1
    assert Provider.get().sync_wanted
    last = AuditLine.select().order_by(AuditLine.id.desc()).get()
    assert (last.operator, last.act) == ("(start)", said.partition(";")[0])
    # Numbers go on after those that were given, and the next start finds nothing.
    assert new_order(1, 100) > known.numbers["orders"] + MARGIN
    assert start(path) == ""


def test_a_refill_that_was_passed_on_since_is_noticed(path: Path, tmp_path: Path) -> None:
    dispatch.claim(1)
    dispatch.record_accepted(1, "500", 0)
    transition.change(1, status="Completed")
    services.edit(1, refill=True)
    assert refills.request(1, [1]) == [1]
    copy = tmp_path / "with-refill.db"
    backup(copy)
    pass_a_refill_on()
    put_back(copy, path)
    assert "1 refills" in start(path)
    assert refills.next_for_provider(1) is None


def no_file(file: Path) -> None:
    file.unlink()


def an_empty_file(file: Path) -> None:
    file.write_bytes(b"")


def a_damaged_file(file: Path) -> None:
    file.write_bytes(b"\0" * SIZE)


def half_a_file(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: SIZE // 2])


def a_changed_file(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'"orders":1', b'"orders":0'))


def another_panels_file(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR)
    state_file.write(descriptor, State("f" * 32, numbers.given()))
    os.close(descriptor)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (no_file, "its state file is gone"),
        (an_empty_file, "its state file is gone"),
        (a_damaged_file, "its state file is damaged"),
        (half_a_file, "its state file is damaged"),
        (a_changed_file, "its state file is damaged"),
        (another_panels_file, "its state file is another panel's"),
    ],
)
def test_a_database_that_nothing_vouches_for_is_marked_and_its_numbers_jump(
    path: Path, harm: Callable[[Path], None], why: str
) -> None:
    close_database()
    harm(state_file.path_of(path))
    assert start(path).startswith(f"{OLDER}{why}; 1 orders")
    assert new_order(1, 100) == LEAST_JUMP + 2
    assert start(path) == ""


def test_a_new_database_in_the_place_of_one_that_is_gone_gives_no_number_again(path: Path) -> None:
    close_database()
    path.unlink()
    said = start(path)
    assert "it knows less than its state file; nothing waits" in said
    assert numbers.given()["orders"] > 1


def test_the_jump_is_as_many_again_within_bounds() -> None:
    given = {"orders": 0, "refills": 5_000_000, "cancels": 10**9}
    assert jump(given) == {
        "orders": LEAST_JUMP, "refills": 10_000_000, "cancels": 10**9 + MOST_JUMP,
    }  # fmt: skip


# What the file says, and when


def test_what_leaves_is_in_the_file_before_it_leaves(path: Path) -> None:
    numbers._noted_at = float("inf")  # nothing else is written
    assert dispatch.claim(1) is not None
    known = state_file.read(state_file.descriptor())
    assert known is not None
    assert known.numbers == numbers.given()


def test_a_transaction_that_is_undone_leaves_nothing_in_the_file(path: Path) -> None:
    before = state_file.read(state_file.descriptor())
    with pytest.raises(ZeroDivisionError), immediate(leaves=True):
        AuditLine.create(operator="olga", address="", act="x")
        raise ZeroDivisionError
    assert state_file.read(state_file.descriptor()) == before


def test_an_app_says_on_stderr_what_it_noticed(
    path: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    send()
    put_back(copy, path)
    make_app(path, PANEL_SYNCHRONOUS="OFF")
    assert capsys.readouterr().err.startswith(f"panel: {OLDER}")
    assert database.is_closed()


def test_in_the_log_it_is_a_warning(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(app, "_tell", lambda *line: told.append(line))
    send()
    put_back(copy, path)
    make_app(path, PANEL_SYNCHRONOUS="OFF")
    ((line, level),) = told
    assert line.startswith(OLDER)
    assert level == logging.WARNING


# The log of another database


def lay(path: Path, log: bytes) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(log)


def log_of_a_killed_server(path: Path) -> bytes:
    """What lies beside a database that nobody closed, after its log was begun anew."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        for number in range(300):
            writer.execute("INSERT INTO heartbeats VALUES (?, 1)", (f"{number:0900}",))
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("DELETE FROM heartbeats WHERE rowid % 2")
        return path.with_name(f"{path.name}-wal").read_bytes()


def test_a_copy_beside_the_log_of_another_database_is_not_served(path: Path, copy: Path) -> None:
    close_database()
    log = log_of_a_killed_server(path)
    lay(path, log)
    shutil.copyfile(copy, path)
    with pytest.raises(DatabaseError, match="a copy was put there beside the log of another"):
        open_database(path)


def test_a_log_that_is_older_than_its_database_is_checked_and_used(path: Path) -> None:
    """As after a crash at the end of a checkpoint: no alarm."""
    close_database()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("INSERT INTO heartbeats VALUES ('in the log', 1)")
        log = path.with_name("panel.db-wal").read_bytes()
        main = path.read_bytes()
    lay(path, log)
    path.write_bytes(main)
    assert start(path) == ""
    assert database.execute_sql("SELECT name FROM heartbeats").fetchall() == [("in the log",)]


# A folder that was copied with its state file


def copy_folder(path: Path, target: Path) -> Path:
    """Copy everything beside the database, with times and modes, as `cp -a` and restic do."""
    close_database()
    shutil.copytree(path.parent, target)
    return target / path.name


COPIED = f"{OLDER}its state file was copied with it, or changed; 1 orders"


def test_a_folder_that_was_copied_is_held_and_its_numbers_jump(path: Path, tmp_path: Path) -> None:
    copied = copy_folder(path, tmp_path / "copied")
    assert start(copied).startswith(COPIED)
    assert new_order(1, 100) == LEAST_JUMP + 2
    assert start(copied) == ""


def written(file: Path, ago_s: int) -> None:
    """As if a state file had been written some time ago, and its inode changed now."""
    descriptor = os.open(file, os.O_RDWR)
    record = json.loads(file.read_bytes()[9:])
    record["written_at"] -= ago_s
    text = json.dumps(record, separators=(",", ":")).encode().ljust(SIZE - 10) + b"\n"
    os.pwrite(descriptor, b"%08x " % zlib.crc32(text) + text, 0)
    os.close(descriptor)


@pytest.mark.parametrize(
    ("ago_s", "said"), [(0, ""), (COPIED_S - 20, ""), (COPIED_S + 20, COPIED)]
)
def test_a_folder_that_was_copied_over_its_own_files_is_told_by_the_time(
    path: Path, ago_s: int, said: str
) -> None:
    """The file keeps its number on the disk, and its contents are as old as the copy.

    A power cut may leave contents that are some seconds older than the file's times.
    """
    close_database()
    written(state_file.path_of(path), ago_s)
    assert start(path)[: len(COPIED)] == said
    assert start(path) == ""


def test_a_quiet_panel_that_was_moved_within_its_file_system_says_nothing(path: Path) -> None:
    close_database()
    file = state_file.path_of(path)
    os.utime(file, (0, 0))
    assert start(path) == ""


def test_after_a_pause_what_is_written_is_on_the_disk_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file, descriptor = state_file.path_of(path), state_file.descriptor()
    known = state_file.read(descriptor)
    assert known is not None
    for ago_s, times in ((0, 0), (QUIET_S - 2, 0), (QUIET_S + 2, 1), (-QUIET_S - 2, 1)):
        written(file, ago_s)
        state_file.write(descriptor, known)
        assert len(synced) == times
        synced.clear()


def test_the_greatest_numbers_fit(path: Path) -> None:
    known = State("f" * 32, dict.fromkeys(numbers.TABLES, 2**63 - 1))
    state_file.write(state_file.descriptor(), known)
    assert state_file.path_of(path).stat().st_size == SIZE
    assert state_file.read(state_file.descriptor()) == known


# A state file that is removed while the panel runs


def replace_by_another(file: Path) -> None:
    other = file.with_name("other")
    shutil.copy(file, other)
    other.replace(file)


@pytest.mark.parametrize("harm", [Path.unlink, replace_by_another])
def test_a_state_file_that_goes_while_the_panel_runs_is_written_anew(
    path: Path, harm: Callable[[Path], object]
) -> None:
    file = state_file.path_of(path)
    harm(file)
    send()
    descriptor = os.open(file, os.O_RDWR)
    assert state_file.read(descriptor) == State(Identity.get().panel, numbers.given())
    with pytest.raises(BlockingIOError):  # and a restore sees that the database is in use
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    assert file.stat().st_mode & 0o777 == 0o600
    crash()
    assert start(path) == ""


def test_each_process_finds_the_file_that_another_has_written_anew(path: Path) -> None:
    file = state_file.path_of(path)
    file.unlink()
    with closing(os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")) as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        send()
        assert state_file.read(other.fileno()) is not None
    with pytest.raises(BlockingIOError), state_file.alone(path):
        pass


def test_while_a_restore_goes_on_no_file_is_made_and_the_commit_stands(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state_file.path_of(path).unlink()
    with state_file.alone(path) as descriptor:
        send()
        assert state_file.read(descriptor) is None
    assert "the state file was not written" in caplog.text
    assert lookup.get(1).dispatch_state == "sending"
