"""What the system does not permit is told with who asks, and which folder works."""

import json
import os
import pwd
import re
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.apps import make_app

from database.connection import DatabaseError, close_database
from database.migrate import open_database

pytestmark = pytest.mark.server

NOBODY = 65534

Denied = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that everybody may look into, with one of the panel's own that it may write."""
    folder = Path(tempfile.mkdtemp(prefix="panel-permissions-"))
    folder.chmod(0o755)
    for name in ("panel", "panel/backups", "private"):
        folder.joinpath(name).mkdir()
    folder.joinpath("private").chmod(0o500)  # another's: it may not be written
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def denied(home: Path, panel_file: Path) -> Iterator[Denied]:
    """Run a command in a process without root's powers: its exit code, output and errors."""
    close_database()
    shutil.copy(panel_file, home / "panel" / "panel.db")
    app = make_app(home / "panel" / "panel.db")
    close_database()

    def run(*args: Any) -> tuple[int, str, str]:
        if os.geteuid() == 0:
            for path in (home / "panel").rglob("*"):
                os.chown(path, NOBODY, NOBODY)
            os.chown(home / "panel", NOBODY, NOBODY)
        return in_a_fork(lambda: invoke(args))

    def invoke(args: tuple[Any, ...]) -> tuple[int, str, str]:
        with app.app_context():
            result = app.test_cli_runner().invoke(args=[str(arg) for arg in args])
        return result.exit_code, result.stdout, result.stderr

    yield run
    close_database()


def in_a_fork(work: Callable[[], Any]) -> Any:
    """Do something in a fork that has given up being root."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as result:
        told = result.read()
    os.waitpid(child, 0)
    return json.loads(told)


def name_of_user() -> str:
    return pwd.getpwuid(NOBODY if os.geteuid() == 0 else os.geteuid()).pw_name


def test_a_backup_says_where_it_may_be_written(home: Path, denied: Denied) -> None:
    file = home / "private" / "x.db"
    code, out, err = denied("backup", file)
    works = home / "panel" / "backups" / "x.db"
    assert (code, out) == (2, "")
    assert err == (
        f"Error: cannot write {file}: Permission denied; this runs as the user {name_of_user()}, "
        f"who may write {works}\n"
    )
    code, out, err = denied("backup", works)
    assert (code, err) == (0, "")
    assert out.startswith(f"Wrote {works} ")


def test_without_a_folder_for_copies_the_databases_own_is_named(
    home: Path, denied: Denied
) -> None:
    home.joinpath("panel/backups").rmdir()
    _, _, err = denied("backup", home / "private" / "x.db")
    assert err.endswith(f"who may write {home / 'panel' / 'x.db'}\n")


def test_a_restore_says_how_a_copy_can_be_read(home: Path, denied: Denied) -> None:
    copy = home / "theirs.db"
    shutil.copy(home / "panel" / "panel.db", copy)
    copy.chmod(0)
    code, out, err = denied("restore", copy)
    user = name_of_user()
    works = home / "panel" / "backups" / "theirs.db"
    assert (code, out) == (2, "")
    assert err == (
        f"Error: cannot restore {copy}: Permission denied; this runs as the user {user}; give it "
        f"a copy, as root: install -o {user} -m 600 {copy} {works}\n"
    )


def test_a_folder_that_may_not_be_looked_into_is_told_of_alike(home: Path, denied: Denied) -> None:
    home.joinpath("private").chmod(0)
    for command in ("backup", "restore"):
        code, out, err = denied(command, home / "private" / "x.db")
        assert (code, out) == (2, "")
        assert f"Permission denied; this runs as the user {name_of_user()}" in err
        assert err.count("\n") == 1


def test_a_restore_beside_which_nothing_may_be_written_says_so(home: Path, denied: Denied) -> None:
    copy = home / "copy.db"
    shutil.copy(home / "panel" / "panel.db", copy)
    copy.chmod(0o644)
    with_folder_closed = home / "panel"
    for path in with_folder_closed.glob("panel.db.*"):
        path.unlink()
    if os.geteuid() == 0:
        os.chown(copy, NOBODY, NOBODY)
    code, out, err = in_closed(with_folder_closed, lambda: denied("restore", copy))
    assert (code, out) == (2, "")
    assert "Permission denied" in err
    assert f"this runs as the user {name_of_user()}" in err
    assert err.count("\n") == 1


def in_closed(folder: Path, work: Callable[[], Any]) -> Any:
    """Do something while a folder may not be written."""
    before = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(0o555)
    try:
        return work()
    finally:
        folder.chmod(before)


def test_a_replica_whose_configuration_cannot_be_read_is_told_of(
    home: Path, denied: Denied
) -> None:
    config = home / "litestream.yml"
    code, _, err = denied("replica-check", "--config", config)
    assert (code, err) == (
        1, f"Error: there is no {config}, which is to say where the replica is\n"
    )  # fmt: skip
    config.touch(0o000)
    code, _, err = denied("replica-check", "--config", config)
    assert (code, err) == (
        1, f"Error: {config} may not be read: this runs as the user {name_of_user()}\n"
    )  # fmt: skip
    config.chmod(0o644)
    code, _, err = denied("replica-check", "--config", "9" * 300)
    assert (code, err) == (1, f"Error: {'9' * 300} cannot be read: File name too long\n")
    code, _, err = denied("replica-check", "--config", config, "--litestream", "/no/litestream")
    assert (code, err) == (
        1, "Error: the replica cannot be restored: /no/litestream: No such file or directory\n"
    )  # fmt: skip


def test_a_database_that_may_not_be_used_is_told_of_with_who_asked(
    home: Path, denied: Denied
) -> None:
    path = home / "panel" / "panel.db"
    for file in path.parent.glob("panel.db*"):
        file.chmod(0)

    def why() -> str:
        with pytest.raises(DatabaseError) as refused:
            open_database(path)
        return str(refused.value)

    assert re.fullmatch(
        rf"cannot use the database {path}: {path}\S*: Permission denied; "
        rf"this runs as the user {name_of_user()}",
        in_a_fork(why),
    )
