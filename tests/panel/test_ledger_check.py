"""The nightly proof of the ledger: when it is due, on what, and what it leaves behind."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.clock import Clock
from support.databases import run

from database.backup import backup
from models import TaskRun
from panel import ledger_check, tasks
from panel.tasks import Task

THREE = 1_800_000_000 // 86400 * 86400 + 3 * 3600
"""Three o'clock in the morning of a day, UTC."""


@pytest.mark.parametrize(
    ("succeeded_at", "failed_at", "moment", "due"),
    [
        (None, None, THREE - 3600, True),
        (THREE - 86400, None, THREE - 1, False),
        (THREE - 86400 - 1, None, THREE - 1, True),
        (THREE - 86400, None, THREE, True),
        (THREE - 86400, THREE + 1, THREE + 7200, False),
        (THREE - 9 * 86400, THREE - 86400, THREE, True),
    ],
)
def test_it_is_due_once_a_night_also_after_a_failure(
    succeeded_at: int | None, failed_at: int | None, moment: int, due: bool
) -> None:
    done = None
    if succeeded_at or failed_at:
        done = TaskRun(name=Task.LEDGER_CHECK, succeeded_at=succeeded_at, failed_at=failed_at)
    assert ledger_check.is_due(done, moment) is due


def left(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.glob("*ledger-check*"))


def test_it_is_done_on_a_copy_that_only_its_owner_can_read_and_that_goes_away(
    cast: SimpleNamespace, panel_file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def seen(copy: Path) -> None:
        backup(copy)
        modes.append(copy.stat().st_mode & 0o777)

    monkeypatch.setattr(ledger_check, "backup", seen)
    ledger_check.copy_path(panel_file).write_text("left by a process that was killed")
    assert ledger_check.run_if_due(panel_file)
    assert not ledger_check.run_if_due(panel_file)
    assert (modes, left(panel_file)) == ([0o600], [])
    done = tasks.last(Task.LEDGER_CHECK)
    assert done is not None
    assert (done.succeeded_at, done.problem) == (clock.seconds, "")


def test_what_is_wrong_is_recorded_without_names_and_amounts(
    cast: SimpleNamespace, panel_file: Path
) -> None:
    run(panel_file, "UPDATE accounts SET balance_micros = 7 WHERE name IN ('alice', 'bob')")
    assert ledger_check.run_if_due(panel_file)
    done = tasks.last(Task.LEDGER_CHECK)
    assert done is not None and done.problem == "rows that are wrong: 2"
    assert left(panel_file) == []


def test_without_room_for_a_copy_that_is_what_is_recorded(
    panel_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Any) -> Any:
        return SimpleNamespace(f_bavail=5, f_blocks=100, f_frsize=10**6)

    monkeypatch.setattr(os, "statvfs", full)
    assert "no room for a copy" in ledger_check.check_copy(panel_file)
    assert left(panel_file) == []


def test_a_copy_that_cannot_be_made_leaves_nothing(
    panel_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(copy: Path) -> None:
        copy.write_text("a part of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(ledger_check, "backup", broken)
    assert "could not be done: No space" in ledger_check.check_copy(panel_file)
    assert left(panel_file) == []
