"""The recipe for the continuous copy with the real Litestream: what is copied can be restored."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.servers import wait_until

from bench import faults_drill as drill
from bench.servers import flask
from database.driver import sqlite3
from panel.operations import replicas

pytestmark = pytest.mark.server


def test_every_order_of_a_lost_machine_that_was_answered_2_s_before_is_on_the_next_one(
    tmp_path: Path,
) -> None:
    figures = drill.lost_machine(tmp_path, seconds=4)
    assert figures["orders_answered"] > 100
    assert figures["orders_answered"] > figures["orders_lost"]
    assert figures["missing"] == []
    assert figures["ledger"].startswith("The ledger is consistent")


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A database with a customer, and its replica."""
    folder = tmp_path_factory.mktemp("replica")
    database = folder / "machine" / "panel.db"
    database.parent.mkdir()
    config = drill.configuration(folder, database)
    flask(database, "user", "add", "alice", "--balance", "5")
    with drill.replicating(folder, config) as process:
        wait_until(lambda: any((folder / "replica").rglob("*.ltx")))
        yield SimpleNamespace(folder=folder, database=database, config=config, process=process)


def check(replica: SimpleNamespace, **environ: str) -> tuple[int, str]:
    """Run the command of the timer: its exit code, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "replica-check", "--config", replica.config,
         "--litestream", environ.pop("program", drill.program()), "--behind", "1"],
        env={**os.environ, "PANEL_DATABASE": f"sqlite:///{replica.database}",
             "REPLICA_URL": f"file://{replica.folder / 'replica'}", **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    left = list(replica.database.parent.glob(f"{replicas.PREFIX}*"))
    assert left == []  # the temporary file is gone, whatever came of it
    return done.returncode, done.stdout + done.stderr


def last_check(replica: SimpleNamespace) -> tuple[bool, str]:
    """Whether a check ever succeeded, and why the last one failed."""
    connection = sqlite3.connect(replica.database)
    try:
        ((succeeded_at, problem),) = connection.execute(
            "SELECT succeeded_at, problem FROM task_runs WHERE name = 'replica check'"
        ).fetchall()
    finally:
        connection.close()
    return succeeded_at is not None, problem


def test_a_good_replica_is_told_and_recorded(replica: SimpleNamespace) -> None:
    wait_until(lambda: check(replica)[0] == 0)
    code, said = check(replica)
    assert (code, said.startswith("The replica can be restored (")) == (0, True)
    assert last_check(replica) == (True, "")


def test_a_restore_beside_a_running_litestream_is_refused(
    replica: SimpleNamespace, tmp_path: Path
) -> None:
    flask(replica.database, "backup", str(tmp_path / "copy.db"))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        flask(replica.database, "restore", str(tmp_path / "copy.db"))
    assert "such as the server, the worker, Litestream" in refused.value.stderr


def gone(replica: SimpleNamespace) -> dict[str, str]:
    return {"REPLICA_URL": f"file://{replica.folder / 'nowhere'}"}


def no_program(replica: SimpleNamespace) -> dict[str, str]:
    return {"program": str(replica.folder / "nowhere")}


@pytest.mark.parametrize("fault", [gone, no_program])
def test_a_replica_that_cannot_be_restored_is_told_and_recorded(
    replica: SimpleNamespace, fault: Callable[[SimpleNamespace], dict[str, str]]
) -> None:
    code, said = check(replica, **fault(replica))
    assert code == 1
    assert said.startswith("Error: the replica cannot be restored: ")
    assert said.count("\n") == 1
    assert last_check(replica)[1] == said.removeprefix("Error: ").rstrip("\n")


def test_a_replica_that_is_behind_is_told_and_recorded(replica: SimpleNamespace) -> None:
    """The last one of these: Litestream is stopped."""
    wait_until(lambda: check(replica)[0] == 0)
    replica.process.kill()
    replica.process.wait()
    flask(replica.database, "user", "fund", "alice", "7")
    wait_until(lambda: check(replica)[0] == 1)
    assert last_check(replica)[1].startswith("the replica is more than 1 s behind: of ledger_")
