"""A restore with real processes: what was sent after the copy was made is not sent again."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from support.apps import ROOT, Server
from support.faulty import KEY, FaultyProvider
from support.servers import operate, wait_until

from database.driver import sqlite3

LINK = "https://a.example/post"


class Shop:
    """A panel that buys from the faulty provider, with an order that waits in a backup."""

    def __init__(self, server: Server, provider: FaultyProvider) -> None:
        self.server = server
        self.provider = provider
        operate(
            server, "provider", "add", "up", provider.url, "--key-env", "UPSTREAM_KEY",
            "--currency", "USD", "--requests-per-minute", "1000000", UPSTREAM_KEY=KEY,
        )  # fmt: skip
        operate(server, "provider", "import", "up", "--markup", "50%")
        self.key = operate(server, "user", "add", "alice", "--balance", "100").strip()
        self.copy = server.folder / "copies" / "copy.db"
        self.copy.parent.mkdir()

    def add(self, link: str = LINK) -> int:
        status, answer = self.server.call(self.key, "add", service=1, link=link, quantity=100)
        assert status == 200, answer
        return answer["order"]

    def stop(self) -> None:
        """Stop the server and its workers, as systemd would."""
        for worker in self.server.workers:
            if worker.poll() is None:
                worker.terminate()
                worker.wait(30)
        self.server.stop()

    def send_everything(self) -> None:
        """Let a worker send what waits, and stop it."""
        worker = self.server.worker()
        wait_until(lambda: not self.in_state("waiting") + self.in_state("sending"), self.server)
        worker.terminate()
        worker.wait(30)

    def took_more_than(self, number: int) -> bool:
        return len(self.provider.taken()) > number

    def in_state(self, state: str) -> list[int]:
        found = self.server.rows("SELECT id FROM orders WHERE dispatch_state = ?", state)
        return [number for (number,) in found]


@pytest.fixture
def shop(make_server: Callable[..., Server], faulty: FaultyProvider) -> Shop:
    return Shop(make_server(), faulty)


def restore(shop: Shop) -> None:
    done = shop.server.flask("restore", str(shop.copy))
    assert "1 orders, 0 refills and 0 cancel requests wait" in done.stdout


def put_back(shop: Shop) -> None:
    """As somebody does who does not know the command."""
    shutil.copy(shop.copy, shop.server.database)


@pytest.mark.parametrize("way", [restore, put_back])
def test_an_order_that_was_sent_after_the_copy_is_not_bought_again(
    shop: Shop, way: Callable[[Shop], None]
) -> None:
    server = shop.server
    order = shop.add()
    server.flask("backup", str(shop.copy))
    shop.send_everything()
    later = shop.add("https://a.example/later")
    ((theirs,),) = server.rows("SELECT provider_order FROM orders WHERE id = ?", order)
    refused = server.flask("restore", str(shop.copy), check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is in use: stop the server, the worker" in refused.stderr
    shop.stop()
    way(shop)

    server.start()
    # No number is given twice.
    assert shop.add("https://a.example/next") > later
    shop.send_everything()
    assert shop.provider.taken() == {LINK: 1, "https://a.example/next": 1}
    review = operate(server, "order", "review", "--wide")
    assert "the database was restored from a copy since" in review
    if way is restore:
        assert f"up under the number {theirs}" in review
    else:
        assert "it knows less than its state file" in server.log.read_text()
    operate(server, "order", "attach", str(order), theirs)
    assert operate(server, "restored", "list") == "Nothing waits since a restore.\n"
    operate(server, "ledger", "check")
    # The next start finds nothing odd.
    shop.stop()
    size = server.log.stat().st_size
    server.start()
    assert "older copy" not in server.log.read_text()[size:]


def test_a_folder_that_was_put_back_is_noticed_and_one_that_was_moved_is_used(shop: Shop) -> None:
    server = shop.server
    order = shop.add()
    shop.stop()
    folder = server.database.parent
    names = [f"{server.database.name}{end}" for end in ("", ".state")]
    saved = folder / "saved"
    saved.mkdir()
    copy = partial(subprocess.run, check=True)
    copy(["cp", "-a", *(folder / name for name in names), saved])
    server.start()
    shop.send_everything()
    shop.stop()
    for name in names:  # as restic does: not over the file, but in its place
        (folder / name).unlink()
    copy(["cp", "-a", *(saved / name for name in names), folder])
    server.start()
    shop.send_everything()
    assert shop.provider.taken() == {LINK: 1}
    assert f'"order": {order},' in operate(server, "restored", "list", "--json")
    in_use = server.flask("moved", check=False)
    assert (in_use.returncode, in_use.stdout) == (2, "")
    assert "is in use: stop the server" in in_use.stderr

    shop.stop()
    for name in names:
        (saved / name).unlink()
    copy(["cp", "-a", *(folder / name for name in names), saved])
    for name in names:
        (folder / name).unlink()
    copy(["cp", "-a", *(saved / name for name in names), folder])
    assert "nothing is in doubt" in server.flask("moved").stdout
    said = server.flask("restored", "list")
    assert "older copy" not in said.stderr


def test_a_state_file_that_is_removed_while_the_panel_runs_holds_nothing(shop: Shop) -> None:
    server = shop.server
    server.worker()
    wait_until(lambda: server.rows("SELECT 1 FROM heartbeats") != [], server)
    file = server.database.with_name(f"{server.database.name}.state")
    file.unlink()
    shop.add()
    wait_until(lambda: file.exists() and file.stat().st_size > 0, server)
    listed = server.flask("restored", "list")
    assert (listed.stdout, listed.stderr) == ("Nothing waits since a restore.\n", "")
    shop.stop()
    assert server.flask("restored", "list").stderr == ""


def test_a_crash_under_load_is_taken_for_no_restore(shop: Shop) -> None:
    server = shop.server
    for life in range(2):
        worker = server.worker()
        with ThreadPoolExecutor(4) as pool:
            for number in range(60):
                pool.submit(shop.add, f"https://a.example/{life}-{number}")
            before = len(shop.provider.taken())
            wait_until(partial(shop.took_more_than, before + 5), server)
            server.kill()
            server.kill_workers()
            pool.shutdown(cancel_futures=True)
        server.start()
        assert "the worker is ready" in server.worker_log(worker)
    assert "older copy" not in server.log.read_text()
    assert server.rows("SELECT COUNT(*) FROM orders WHERE restored") == [(0,)]
    assert set(shop.provider.taken().values()) == {1}


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let files be made as readable as their programs ask for."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_every_file_is_its_owners_alone_and_no_part_of_the_repository(
    make_server: Callable[..., Server], tmp_path: Path
) -> None:
    folder = tmp_path / "panel"
    copies = folder / "copies"
    copies.mkdir(parents=True)
    name = "panel.db"
    database = folder / name
    # One that is upgraded.
    script = (ROOT / "tests" / "schemas" / "version_5.sql").read_text()
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)
    database.chmod(0o600)
    server = make_server(PANEL_DATABASE=f"sqlite:///{database}")
    worker = server.worker()
    wait_until(lambda: "the worker is ready" in server.worker_log(worker), server)
    seen = modes(folder)
    server.flask("backup", str(copies / name))
    worker.terminate()
    worker.wait(30)
    server.stop()
    server.flask("restore", str(copies / name))
    seen |= modes(folder)
    ends = ("", "-wal", "-shm", ".lock", ".worker", ".alerts", ".state", ".version-5")
    expected = {f"{name}{end}" for end in ends} | {"panel-session.key", f"copies/{name}"}
    kept = {path for path in seen if ".before-restore-" in path}
    assert len(kept) == 1
    # The nightly check of the ledger may be under way: its copy is gone afterwards.
    passing = {path for path in seen if ".ledger-check" in path}
    assert seen == dict.fromkeys(expected | kept | passing, 0o600)
    part = {f"copies/{name}.part", f"{name}.restoring", f"{name}.restoring-wal"}
    assert not_ignored([*seen, *part]) == []


@pytest.mark.server
def test_no_name_of_a_database_lets_its_files_into_the_repository() -> None:
    beside = ["", "-wal", "-shm", "-journal", ".lock", ".worker", ".state", ".version-7", ".part",
              ".restoring", ".before-restore-20260131-120000",
              ".before-restore-20260131-120000-wal"]  # fmt: skip
    names = ["panel.db", "test.db", "data/x.sqlite", "y.sqlite3", "data/mine"]
    assert not_ignored([f"{name}{end}" for name in names for end in beside]) == []
    assert not_ignored(["deploy/panel.env.example", "schema.sql"]) != []


def not_ignored(names: list[str]) -> list[str]:
    """Which of these files, somewhere in the project's folder, git would take."""
    paths = [str(ROOT / name) for name in names]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return sorted(set(paths) - set(done.stdout.split()))


def modes(folder: Path) -> dict[str, int]:
    """The files in a folder and those below, but the logs that the test itself has written."""
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".log"
    }
