"""The cast and the real parts: an app on a real file, and a real gunicorn with a real database."""

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner
from support import world as worlds
from support.apps import PLENTY, KnownRule, KnownTemplates, Server, add_cast, make_app
from support.clients import Crowd
from support.clock import Clock
from support.dashboard import put_in_review
from support.faulty import FaultyProvider
from support.receiver import Receiver
from support.recorder import Recorder
from werkzeug.security import generate_password_hash

from database.connection import close_database
from database.migrate import open_database
from panel import ledger

# Property tests are never timed: a loaded machine is no bug.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

pytest_plugins = ["panel_testing"]
"""Our own plugin, as another project has it after an installation."""


UNSAFE = "OFF"
"""How the tests' databases are synchronized, for the power is not cut here.

The real servers keep to the default.
"""

Flask.url_rule_class = KnownRule
Flask.jinja_options = {"bytecode_cache": KnownTemplates()}

PROCESSES = {"browser", "crowd", "make_server", "panel_server"}
"""The fixtures that start processes: who has one, directly or not, is no part of `make check`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a browser or another process by the fixtures that it has."""
    for item in items:
        used = PROCESSES.intersection(getattr(item, "fixturenames", ()))
        if used:
            item.add_marker("browser" if "browser" in used else "server")


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was made so far: it stays until the end."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let no test start a process that is not marked so: the quick half stays quick."""
    with pytest.MonkeyPatch.context() as patch:
        if not {"browser", "server"} & {marker.name for marker in item.iter_markers()}:
            patch.setattr(subprocess.Popen, "__init__", _refuse_a_process)
        return (yield)


def _refuse_a_process(*args: object, **kwargs: object) -> None:
    pytest.fail("a test that starts a process is marked with @pytest.mark.server")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing is skipped: what a test needs is installed there."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
    return report


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Passwords are hashed slowly on purpose; the one test of that is marked slow_hash."""
    if request.node.get_closest_marker("slow_hash"):
        return
    monkeypatch.setattr(generate_password_hash, "__defaults__", ("pbkdf2:sha256:1", 16))


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with nothing in it, made once and copied from then on."""
    path = tmp_path_factory.mktemp("empty") / "panel.db"
    open_database(path)
    close_database()
    return path


@pytest.fixture(scope="session")
def cast_file(
    tmp_path_factory: pytest.TempPathFactory, empty_file: Path
) -> tuple[Path, SimpleNamespace]:
    """A database with the cast in it, made once and copied from then on, and the cast."""
    path = tmp_path_factory.mktemp("cast") / "panel.db"
    shutil.copy(empty_file, path)
    open_database(path)
    cast = add_cast()
    close_database()
    return path, cast


class Panel(NamedTuple):
    """An open database, and the app on it where the test has one."""

    path: Path
    app: Flask | None


@pytest.fixture
def panel_of_the_test(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Panel]:
    """A database with nothing in it, or with the cast where the test has one."""
    path = tmp_path / "panel.db"
    if "cast" in request.fixturenames:
        shutil.copy(request.getfixturevalue("cast_file")[0], path)
    else:
        shutil.copy(request.getfixturevalue("empty_file"), path)
    if "app" in request.fixturenames:
        yield Panel(path, make_app(path, PANEL_SYNCHRONOUS=UNSAFE))
    else:
        open_database(path, UNSAFE)
        yield Panel(path, None)
    close_database()


@pytest.fixture
def panel_file(panel_of_the_test: Panel) -> Path:
    """The test's database, which is open."""
    return panel_of_the_test.path


@pytest.fixture
def app(panel_of_the_test: Panel) -> Flask:
    """An app on the test's database."""
    assert panel_of_the_test.app is not None
    return panel_of_the_test.app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@pytest.fixture
def cast(panel_file: Path, cast_file: tuple[Path, SimpleNamespace]) -> SimpleNamespace:
    """The cast, in an otherwise empty panel."""
    return copy(cast_file[1])


@pytest.fixture
def in_review(cast: SimpleNamespace) -> int:
    """An order that was being sent to the sandbox when nobody answered any more."""
    return put_in_review(cast)


@pytest.fixture(scope="session")
def world_file(
    tmp_path_factory: pytest.TempPathFactory, cast_file: tuple[Path, SimpleNamespace]
) -> Path:
    """The database of the world, made once and copied from then on."""
    path = tmp_path_factory.mktemp("world") / "panel.db"
    shutil.copy(cast_file[0], path)
    open_database(path)
    worlds.fill()
    close_database()
    return path


@pytest.fixture
def world(world_file: Path, tmp_path: Path) -> Iterator[worlds.World]:
    """A copy of the world, for this test alone, and an app on it."""
    path = tmp_path / "panel.db"
    shutil.copy(world_file, path)
    yield worlds.World(path, make_app(path, PANEL_SYNCHRONOUS=UNSAFE))
    close_database()


@pytest.fixture(scope="session")
def crowd() -> Iterator[Crowd]:
    """Eight processes for what must happen at once."""
    crowd = Crowd()
    yield crowd
    crowd.close()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start real servers, each on its own database unless told otherwise, until the test ends."""
    servers: list[Server] = []

    def make(name: str = "panel", config: str = "gunicorn.conf.py", **environ: str) -> Server:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        server = Server(
            folder,
            {
                "PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}",
                "PANEL_RATE_LIMIT": PLENTY,
                **environ,
            },
            configuration=config,
        )
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.kill_workers()
        server.kill()


@pytest.fixture
def world_server(world_file: Path, tmp_path: Path, make_server: Callable[..., Server]) -> Server:
    """A real server on a copy of the world."""
    path = tmp_path / "panel" / "panel.db"
    path.parent.mkdir()
    shutil.copy(world_file, path)
    return make_server()


@pytest.fixture
def books_are_right(panel_file: Path) -> Iterator[None]:
    """After the test the ledger checks, whatever happened."""
    yield
    assert list(ledger.check()) == []


@pytest.fixture(scope="session")
def faulty_server() -> Iterator[FaultyProvider]:
    provider = FaultyProvider()
    yield provider
    provider.close()


@pytest.fixture
def faulty(faulty_server: FaultyProvider) -> Iterator[FaultyProvider]:
    """A provider that works well until the test tells it otherwise."""
    faulty_server.renew()
    yield faulty_server
    faulty_server.renew()


@pytest.fixture(scope="session")
def recorder_server() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


@pytest.fixture
def recorder(recorder_server: Recorder) -> Recorder:
    """A provider that has seen nothing yet, and takes everything."""
    recorder_server.renew()
    return recorder_server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A service that takes messages and pings."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time, standing still."""
    return Clock(monkeypatch)
