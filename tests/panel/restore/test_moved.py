"""flask moved: a database that was moved with everything that happened is used as it is."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from support.orders import new_order

import cli
import settings
from api.context import bind_settings
from database import state_file
from database.backup import backup
from database.connection import close_database
from database.migrate import open_database
from database.state_file import State
from models import AuditLine
from panel import accounts, services
from panel.money import MICROS
from panel.restore.notice import notice


def start(path: Path) -> str:
    close_database()
    open_database(path, "OFF")
    return "".join(notice())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "live" / "panel.db"
    path.parent.mkdir()
    assert start(path) == ""
    accounts.add("alice", 100 * MICROS)
    service = services.add(name="S", category="C", rate_micros=MICROS, min=1, max=1000)
    new_order(service, 100)
    assert start(path) == ""
    return path


def moved(path: Path) -> Result:
    close_database()
    app = Flask("panel")
    bind_settings(app, settings.read({"PANEL_DATABASE": f"sqlite:///{path}"}), "http://127.0.0.1")
    cli.register(app, lambda: None, [], [])
    with app.app_context():
        return app.test_cli_runner().invoke(args=["moved"])


def copied(path: Path, *names: str) -> Path:
    """Files of the folder, copied to another one."""
    close_database()
    folder = path.parent.with_name("new")
    folder.mkdir()
    for name in names:
        shutil.copy2(path.with_name(name), folder)
    return folder / "panel.db"


@pytest.mark.parametrize("names", [("panel.db", "panel.db.state"), ("panel.db",)])
def test_a_moved_database_is_used_as_it_is(path: Path, names: tuple[str, ...]) -> None:
    new = copied(path, *names)
    result = moved(new)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"The database {new} is used as it is: nothing is in doubt.\n"
    assert start(new) == ""
    (line,) = AuditLine.select().order_by(AuditLine.id.desc()).limit(1)
    assert (line.operator, line.act) == ("(command line)", "the database was moved here")
    assert new_order(1, 100) == 2


def refused(path: Path) -> str:
    """Why it is refused; nothing is changed then."""
    close_database()
    files = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    result = moved(path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == files
    return result.stderr


def test_one_that_knows_less_than_its_state_file_is_refused(path: Path, tmp_path: Path) -> None:
    backup(tmp_path / "copy.db")
    new_order(1, 100)
    start(path)
    new = copied(path, "panel.db.state")
    shutil.copy(tmp_path / "copy.db", new)
    assert f"{new} knows less than {new}.state: it is an older copy" in refused(new)
    assert start(new) != ""


def test_one_beside_another_panels_state_file_is_refused(path: Path) -> None:
    new = copied(path, "panel.db")
    with state_file.alone(new) as descriptor:
        state_file.write(descriptor, State("f" * 32, {}))
    assert "is another panel's: remove it" in refused(new)


def test_one_that_is_in_use_is_refused(path: Path) -> None:
    close_database()
    descriptor = os.open(state_file.path_of(path), os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    assert "is in use: stop the server" in refused(path)
    os.close(descriptor)


def test_one_that_is_not_there_or_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fresh" / "panel.db"
    path.parent.mkdir()
    assert "there is no database" in refused(path)
    path.write_bytes(b"precious" * 1000)
    assert "cannot use the database" in refused(path)
