"""flask restore: what it refuses, what it keeps, what it marks, and what it tells of the loss."""

import fcntl
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from support.apps import ROOT, listed
from support.databases import dump_file
from support.orders import everything, new_order

import cli
import settings
from api.context import bind_settings
from database import replace, state_file
from database.backup import backup
from database.connection import DatabaseError, close_database, database
from database.driver import sqlite3
from database.migrate import open_database, schema_version
from models import AuditLine, OperatorSession, Order
from panel import accounts, ledger, operators, services
from panel.money import MICROS
from panel.orders import dispatch, lookup, refills, restored, transition
from panel.orders.restored import Counts
from panel.providers import registry, sources
from panel.restore.mark import LEAST_JUMP
from panel.restore.notice import MARGIN, notice

SHARED_MEMORY = Path("/dev/shm")  # another file system than that of the tests


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A panel's database with an order that waits, and one that is done."""
    path = tmp_path / "live" / "panel.db"
    path.parent.mkdir()
    open_database(path, "OFF")
    notice()
    accounts.add("alice", 100 * MICROS)
    service = services.add(
        name="S", category="C", rate_micros=MICROS, min=1, max=1000, refill=True, cancel=True
    )
    provider = registry.add("up", "https://up.example/api/v2", "key", 60, currency="USD")
    sources.set_source(service, provider.id, listed("7", 900_000), 1)
    new_order(service, 100, "https://a.example/one")
    return path


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()
    backup(copy)
    return copy


def restore(path: Path, file: Path, *options: str) -> Result:
    """Run the command as a process does that has opened nothing before."""
    close_database()
    app = Flask("panel")
    bind_settings(app, settings.read({"PANEL_DATABASE": f"sqlite:///{path}"}), "http://127.0.0.1")
    cli.register(app, lambda: None, [], [])
    with app.app_context():
        return app.test_cli_runner().invoke(args=["restore", str(file), *options])


def refuses(path: Path, file: Path) -> str:
    """Why a restore is refused, which changes nothing and leaves nothing behind."""
    close_database()
    before = (dump_file(path), state_file.path_of(path).read_bytes())
    names = sorted(path.parent.iterdir())
    result = restore(path, file)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert (dump_file(path), state_file.path_of(path).read_bytes()) == before
    assert sorted(path.parent.iterdir()) == names
    return result.stderr.removeprefix("Error: ").rstrip("\n")


def good(result: Result) -> str:
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def reopen(path: Path) -> str:
    """Open the database as the server does next; what it says."""
    close_database()
    open_database(path, "OFF")
    return "".join(notice())


def kept(path: Path) -> Path:
    (found,) = path.parent.glob("panel.db.before-restore-*[0-9]")
    return found


# What is refused


def change(sql: str) -> Callable[[Path], None]:
    def make(copy: Path) -> None:
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute(sql)
            connection.commit()

    return make


def zeros(copy: Path) -> None:
    with copy.open("r+b") as file:
        file.seek(8192)
        file.write(bytes(copy.stat().st_size - 8192))


def cut(copy: Path) -> None:
    os.truncate(copy, copy.stat().st_size // 2)


def nothing(copy: Path) -> None:
    copy.write_bytes(b"")


def text(copy: Path) -> None:
    copy.write_text("precious")


def something_else(copy: Path) -> None:
    copy.unlink()
    change("CREATE TABLE t (a)")(copy)


def wrong_books(copy: Path) -> None:
    change("DROP TRIGGER ledger_entries_are_not_deleted")(copy)
    change("DELETE FROM ledger_entries WHERE kind = 'charge'")(copy)


def a_folder(copy: Path) -> None:
    copy.unlink()
    copy.mkdir()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (Path.unlink, "there is no "),
        (a_folder, "is no file"),
        (nothing, "is no SQLite database"),
        (text, "is no SQLite database"),
        (zeros, "damaged|malformed"),
        (cut, "damaged|malformed"),
        (something_else, "is a database of something else"),
        (change(f"PRAGMA user_version = {schema_version() + 1}"), "a newer version of the panel"),
        (change("PRAGMA user_version = 4"), "has schema version 4; only versions from 5 on"),
        (change("DELETE FROM services"), "is damaged: broken reference"),
        (wrong_books, "the ledger of .* is not consistent: account alice"),
    ],
)
def test_a_file_that_is_none_to_restore_is_refused(
    path: Path, copy: Path, harm: Callable[[Path], Any], why: str
) -> None:
    harm(copy)
    assert re.search(why, refuses(path, copy))


@pytest.mark.parametrize("name", ["panel.db", "a link", "a hard link"])
def test_the_present_database_itself_is_refused(path: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "a link").symlink_to(path)
    (tmp_path / "a hard link").hardlink_to(path)
    file = path if name == "panel.db" else tmp_path / name
    assert refuses(path, file) == f"{file} is the present database itself"


def test_a_database_that_another_process_uses_is_refused(path: Path, copy: Path) -> None:
    close_database()
    descriptor = os.open(state_file.path_of(path), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    assert "is in use: stop the server, the worker" in refuses(path, copy)
    os.close(descriptor)
    good(restore(path, copy))


def test_a_database_that_a_sqlite3_shell_has_open_is_refused(path: Path, copy: Path) -> None:
    close_database()
    with closing(sqlite3.connect(path)) as shell:
        shell.execute("SELECT * FROM accounts").fetchall()
        result = restore(path, copy)
    assert result.exit_code == 2
    assert "another program has" in result.stderr
    assert not list(path.parent.glob("*.before-restore-*"))


def test_nothing_is_opened_while_a_restore_goes_on(path: Path) -> None:
    close_database()
    with state_file.alone(path), pytest.raises(DatabaseError, match="just being restored"):
        open_database(path)


# What it does


def test_the_copy_takes_the_place_of_the_database_which_is_kept(path: Path, copy: Path) -> None:
    in_copy = dump_file(copy)
    new_order(1, 100, "https://a.example/two")  # in the log still
    before = everything()
    said = good(restore(path, copy))
    assert f"The database before is kept: {kept(path)}\n" in said
    assert f"Restored {copy}.\n" in said
    assert kept(path).stat().st_mode & 0o777 == 0o600
    assert dump_file(kept(path)) == before
    assert dump_file(copy) == in_copy
    assert sorted(copy.parent.iterdir()) == [copy]
    assert {file.name for file in path.parent.iterdir()} == {
        "panel.db", "panel.db.lock", "panel.db.state", kept(path).name,
    }  # fmt: skip
    assert reopen(path) == ""
    assert Order.select().count() == 1
    assert list(ledger.check()) == []


def test_what_waited_is_in_doubt_and_everything_is_read_anew(path: Path, copy: Path) -> None:
    dispatch.claim(1)
    dispatch.record_accepted(1, "70003", 0)
    said = good(restore(path, copy))
    assert "In doubt: 1 orders, 0 refills and 0 cancel requests wait" in said
    assert reopen(path) == ""
    order = lookup.get(1)
    assert (order.dispatch_state, order.restored, order.provider_order) == ("review", 1, "70003")
    assert "at up under the number 70003" in order.warning
    assert registry.get("up").sync_wanted
    (last,) = AuditLine.select().order_by(AuditLine.id.desc()).limit(1)
    assert (last.operator, last.act, last.outcome) == (
        "(command line)", f"restore {copy}", "done",
    )  # fmt: skip


def test_nobody_stays_signed_in(path: Path, tmp_path: Path) -> None:
    operators.add("olga", "a long password")
    OperatorSession.create(
        operator=1, token_hash=b"t" * 32, address="", device="", created_at=0, seen_at=0
    )
    backup(tmp_path / "signed-in.db")
    good(restore(path, tmp_path / "signed-in.db"))
    reopen(path)
    assert OperatorSession.select().count() == 0


def test_what_is_lost_is_told(path: Path, copy: Path) -> None:
    new_order(1, 100, "https://a.example/two")
    accounts.fund("alice", MICROS, "invoice 7")
    accounts.fund("alice", -MICROS)
    dispatch.claim(1)
    dispatch.record_accepted(1, "70003", 0)
    transition.change(1, status="Completed")
    refills.request(1, [1])
    found = json.loads(good(restore(path, copy, "--json")))
    lost = found["lost"]
    assert {kind: len(rows) for kind, rows in lost.items()} == {
        "orders": 1, "deposits": 1, "withdrawals": 1, "refills": 1, "cancels": 0, "acts": 0,
    }  # fmt: skip
    assert lost["orders"][0]["link"] == "https://a.example/two"
    assert (lost["orders"][0]["user"], lost["orders"][0]["charge"]) == ("alice", "0.10")
    assert (lost["deposits"][0]["amount"], lost["deposits"][0]["note"]) == ("1.00", "invoice 7")
    assert lost["withdrawals"][0]["amount"] == "-1.00"
    assert found["in_doubt"] == {"orders": 1, "refills": 0, "cancels": 0}

    shown = good(restore(path, Path(found["kept"])))
    assert "Nothing came after the copy was made." not in shown  # what the restore itself did
    assert "Lost, what operators did: 1" in shown


def test_a_long_loss_is_cut_in_the_table(path: Path, copy: Path) -> None:
    for number in range(25):
        new_order(1, 100, f"https://a.example/{number}")
    said = good(restore(path, copy))
    assert "Lost, orders: 25\n" in said
    assert "… and 5 more (--json has all)" in said


# Numbers


def test_numbers_go_on_after_those_of_the_database_before(path: Path, copy: Path) -> None:
    last = [new_order(1, 100, f"https://a.example/{number}") for number in range(3)][-1]
    good(restore(path, copy))
    reopen(path)
    assert new_order(1, 100) == last + 1


def test_numbers_go_on_after_the_state_file_where_the_database_is_gone(
    path: Path, copy: Path
) -> None:
    last = new_order(1, 100, "https://a.example/two")
    reopen(path)  # the file has it
    close_database()
    path.unlink()
    said = good(restore(path, copy))
    assert "What is lost is not known from the database before: there is none." in said
    assert reopen(path) == ""
    assert new_order(1, 100) == last + MARGIN + 1
    assert not list(path.parent.glob("*.before-restore-*"))


def test_numbers_jump_on_a_machine_where_nothing_is_known(copy: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh" / "panel.db"
    fresh.parent.mkdir()
    good(restore(fresh, copy))
    assert fresh.stat().st_mode & 0o777 == 0o600
    assert reopen(fresh) == ""
    assert restored.counts() == Counts(1, 0, 0)
    assert new_order(1, 100) == LEAST_JUMP + 2


def test_numbers_jump_where_a_server_has_made_an_empty_database_already(
    copy: Path, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh" / "panel.db"
    fresh.parent.mkdir()
    reopen(fresh)
    said = good(restore(fresh, copy))
    assert "it is not the one that this copy was made of" in said
    assert reopen(fresh) == ""
    assert new_order(1, 100) == LEAST_JUMP + 2


def test_numbers_jump_where_the_state_file_is_a_copy_as_old_as_the_database(
    path: Path, copy: Path, tmp_path: Path
) -> None:
    close_database()
    shutil.copytree(path.parent, tmp_path / "copied")
    copied = tmp_path / "copied" / "panel.db"
    good(restore(copied, copy))
    assert reopen(copied) == ""
    assert new_order(1, 100) == LEAST_JUMP + 2


def test_numbers_jump_where_the_state_file_was_removed(path: Path, copy: Path) -> None:
    """As after a disk was rolled back."""
    close_database()
    state_file.path_of(path).unlink()
    good(restore(path, copy))
    assert reopen(path) == ""
    assert new_order(1, 100) == LEAST_JUMP + 2


@pytest.mark.parametrize("file", ["copy.db", "nothing.db"])
def test_a_restore_that_fails_leaves_no_empty_state_file(
    path: Path, copy: Path, tmp_path: Path, file: str
) -> None:
    copy.write_bytes(b"nothing")
    fresh = tmp_path / "fresh" / "panel.db"
    fresh.parent.mkdir()
    assert restore(fresh, copy.with_name(file)).exit_code == 2
    assert list(fresh.parent.iterdir()) == []


# The present database


def zero_pages(path: Path) -> None:
    close_database()
    zeros(path)


def no_database(path: Path) -> None:
    close_database()
    path.write_bytes(b"precious")


def damaged_with_a_log(path: Path) -> None:
    close_database()
    path.write_bytes(b"precious" * 1000)
    path.with_name("panel.db-wal").write_bytes(b"log")


@pytest.mark.parametrize("harm", [zero_pages, no_database, damaged_with_a_log])
def test_a_damaged_database_is_kept_as_it_is(
    path: Path, copy: Path, harm: Callable[[Path], None]
) -> None:
    harm(path)
    bytes_before = path.read_bytes()
    said = good(restore(path, copy))
    assert f"The database before is damaged, it is kept as it is: {kept(path)}" in said
    assert kept(path).read_bytes() == bytes_before
    if harm is damaged_with_a_log:
        assert replace.beside(kept(path), "-wal").read_bytes() == b"log"
    assert reopen(path) == ""
    assert lookup.get(1).restored == 1


def test_a_stale_log_does_not_spoil_what_was_restored(path: Path, copy: Path) -> None:
    new_order(1, 100, "https://a.example/two")
    close_database()
    with closing(sqlite3.connect(path)) as writer:  # a server that was killed left its log
        writer.execute("UPDATE services SET name = 'changed'")
        writer.commit()
        log = path.with_name("panel.db-wal").read_bytes()
        main = path.read_bytes()
    path.write_bytes(main)
    path.with_name("panel.db-wal").write_bytes(log)
    good(restore(path, copy))
    assert not path.with_name("panel.db-wal").exists()
    with closing(sqlite3.connect(kept(path))) as before:
        assert before.execute("SELECT name FROM services").fetchall() == [("changed",)]
    reopen(path)
    assert services.get(1).name == "S"


def test_a_restore_can_be_undone(path: Path, copy: Path) -> None:
    order_id = new_order(1, 100, "https://a.example/two")
    good(restore(path, copy))
    first = kept(path)
    reopen(path)
    assert new_order(1, 100, "https://a.example/three") > order_id
    good(restore(path, first))
    reopen(path)
    assert lookup.get(order_id).link == "https://a.example/two"
    assert restored.counts() == Counts(2, 0, 0)


# The copy


def test_a_copy_of_an_older_version_is_upgraded(path: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as connection:
        connection.executescript((ROOT / "tests" / "schemas" / "version_5.sql").read_text())
    before = dump_file(old)
    said = good(restore(path, old))
    assert "upgraded the database to version 8" in said
    assert "kept a copy" not in said
    assert dump_file(old) == before
    assert reopen(path) == ""
    assert database.pragma("user_version") == schema_version()
    waiting = Order.select().where(Order.dispatch_state.in_(("waiting", "sending")))
    assert not waiting.exists()
    assert list(ledger.check()) == []


def test_a_copy_with_a_log_beside_it_is_restored_with_that(path: Path, tmp_path: Path) -> None:
    """As the files of a dead disk are."""
    close_database()
    dead = tmp_path / "dead.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE services SET name = 'in the log'")
        writer.commit()
        for end in ("", "-wal"):
            shutil.copy(path.with_name(f"panel.db{end}"), dead.with_name(f"dead.db{end}"))
    good(restore(path, dead))
    reopen(path)
    assert services.get(1).name == "in the log"
    assert dead.with_name("dead.db-wal").exists()


def test_a_copy_that_may_only_be_read_is_restored(path: Path, copy: Path) -> None:
    copy.chmod(0o400)
    copy.parent.chmod(0o500)
    good(restore(path, copy))
    copy.parent.chmod(0o700)
    assert reopen(path) == ""


def test_a_database_behind_a_link_is_replaced_where_it_is(path: Path, copy: Path) -> None:
    close_database()
    (path.parent / "elsewhere").mkdir()
    path.rename(path.parent / "elsewhere" / "real.db")
    path.symlink_to(path.parent / "elsewhere" / "real.db")
    good(restore(path, copy))
    assert path.is_symlink()
    assert list((path.parent / "elsewhere").glob("real.db.before-restore-*"))
    assert reopen(path) == ""


def test_a_restore_that_is_cut_off_before_its_end_changes_nothing(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_order(1, 100, "https://a.example/two")

    def fail(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(replace, "put_in_place", fail)
    assert refuses(path, copy) == f"cannot restore {copy}: No space left on device"
    assert reopen(path) == ""
    assert Order.select().count() == 2


@pytest.mark.skipif(
    not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == ROOT.stat().st_dev,
    reason="there is no second file system to write to",
)
def test_a_database_on_another_file_system_is_replaced_there(path: Path, copy: Path) -> None:
    close_database()
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        real = Path(folder) / "panel.db"
        shutil.move(path, real)
        path.symlink_to(real)
        good(restore(path, copy))
        assert path.is_symlink()
        assert len(list(real.parent.glob("panel.db.before-restore-*"))) == 1
        assert reopen(path) == ""
        close_database()


def contents(folder: Path) -> dict[str, bytes]:
    """Its files, but SQLite's memory, and a database's head, which says whether it has a log."""
    files = [file for file in folder.iterdir() if not file.name.endswith("-shm")]
    return {file.name: file.read_bytes()[100:] or file.read_bytes() for file in files}


def nothing_wrong(path: Path) -> None:
    close_database()


@pytest.mark.parametrize("harm", [damaged_with_a_log, nothing_wrong])
def test_a_step_that_fails_is_undone(
    path: Path, copy: Path, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    harm(path)
    replaces = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if target == path:
            raise OSError(18, "Invalid cross-device link")
        return replaces(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    files = contents(path.parent)
    result = restore(path, copy)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Invalid cross-device link" in result.stderr
    close_database()
    assert contents(path.parent) == files


def test_where_there_are_no_hard_links_the_database_before_is_copied(
    path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    new_order(1, 100, "https://a.example/two")
    before = everything()
    monkeypatch.setattr(os, "link", fail)
    good(restore(path, copy))
    assert dump_file(kept(path)) == before
    assert kept(path).stat().st_mode & 0o777 == 0o600
    assert reopen(path) == ""
