"""flask doctor: a line for each part of the panel, and exit code 1 if something is wrong."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.apps import ROOT, Server, make_app
from support.commands import FlaskCommand, commands_of
from support.faulty import KEY, FaultyProvider
from support.ledger import tamper
from werkzeug import Response
from werkzeug.serving import make_server

import cli
import settings
from api.context import bind_settings
from cli.doctor import FORGED, judge
from database.clock import now
from database.connection import close_database
from database.driver import sqlite3
from database.migrate import open_database
from models import Heartbeat, Provider, TaskRun
from panel import heartbeat, tasks
from panel.tasks import Task

SECRET = "ntfy://bob:hunter2@example.com/topic"


def examined(flask: FlaskCommand) -> dict[str, tuple[str, str]]:
    """What was found: name -> mark and text."""
    result = flask("doctor", "--json")
    found = {item["name"]: (item["mark"], item["text"]) for item in json.loads(result.stdout)}
    assert result.exit_code == ("wrong" in {mark for mark, _ in found.values()})
    return found


@pytest.fixture
def sound(flask: FlaskCommand, upstream: FaultyProvider, panel_file: Path) -> FlaskCommand:
    """A panel of which nothing is wrong."""
    for file in panel_file.parent.glob("panel*"):
        file.chmod(0o600)
    heartbeat.record_alive()
    tasks.record_success(Task.BACKUP)
    return flask


def test_a_sound_panel_has_nothing_wrong(sound: FlaskCommand) -> None:
    found = examined(sound)
    assert {mark for mark, _ in found.values()} <= {"ok", "warn"}
    expected = {
        "panel", "libraries", "SQLite", "database", "schema", "integrity", "ledger", "disk",
        "worker", "backup", "alerts", "attention", "provider upstream", "proxy",
    }  # fmt: skip
    assert expected <= found.keys()
    assert found["provider upstream"] == ("ok", "12.5000 USD, its clock is right")
    assert found["proxy"] == ("warn", "not looked at: PANEL_PUBLIC_URL is empty")


def test_each_line_of_the_text_begins_with_its_mark(sound: FlaskCommand) -> None:
    result = sound("doctor")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("ok     PANEL_DATABASE: sqlite:///")
    assert "warn   proxy: not looked at: PANEL_PUBLIC_URL is empty" in lines
    assert {line[:7].strip() for line in lines} == {"ok", "warn"}


def spoil_schema(path: Path) -> None:
    Provider._meta.database.pragma("user_version", 99)


def widen(path: Path) -> None:
    path.chmod(0o644)


def widen_a_backup(path: Path) -> None:
    path.with_name("panel.db.version-5").touch(0o640)


def lose_the_worker(path: Path) -> None:
    Heartbeat.update(seen_at=now() - 600).execute()


def let_the_backup_grow_old(path: Path) -> None:
    TaskRun.update(succeeded_at=now() - 27 * 3600).execute()


def fail_the_backup(path: Path) -> None:
    tasks.record_failure(Task.BACKUP, "no space left on device")


def fail_the_nightly_check(path: Path) -> None:
    tasks.record_failure(Task.LEDGER_CHECK, "account alice: balance 1.00")


def stop_the_provider(path: Path) -> None:
    Provider.update(stopped_because="it redirects").execute()


def change_the_currency(path: Path) -> None:
    Provider.update(currency="EUR").execute()


def spoil_the_ledger(path: Path) -> None:
    tamper("UPDATE accounts SET balance_micros = 99000000 WHERE name = 'alice'")


@pytest.mark.parametrize(
    ("spoil", "name", "text"),
    [
        (spoil_schema, "schema", "version 99, made by a newer version of the panel"),
        (widen, "database", "can be read by others (mode 644)"),
        (widen_a_backup, "database", "panel.db.version-5 can be read by others (mode 640)"),
        (lose_the_worker, "worker", "it was not seen since 20"),
        (let_the_backup_grow_old, "backup", "27 hours ago"),
        (fail_the_backup, "backup", "the last one failed: no space left on device"),
        (fail_the_nightly_check, "ledger check", "account alice: balance 1.00"),
        (stop_the_provider, "provider upstream", "nothing is sent there: it redirects"),
        (change_the_currency, "provider upstream", "its currency was EUR and is USD"),
        (spoil_the_ledger, "ledger", "account alice: balance 99.00"),
    ],
)
def test_what_is_wrong_is_said_and_gives_exit_code_1(
    sound: FlaskCommand,
    cast: SimpleNamespace,
    panel_file: Path,
    spoil: Callable[[Path], None],
    name: str,
    text: str,
) -> None:
    spoil(panel_file)
    mark, said = examined(sound)[name]
    assert mark == "wrong"
    assert text in said


@pytest.mark.parametrize("fault", ["wrong key", "hangs up"])
def test_a_provider_that_does_not_answer_is_wrong(
    sound: FlaskCommand, upstream: FaultyProvider, fault: str
) -> None:
    if fault == "wrong key":
        Provider.update(key="another").execute()
    else:
        Provider.update(url="http://127.0.0.1:9/api/v2").execute()
    mark, text = examined(sound)["provider upstream"]
    assert mark == "wrong"
    assert text in ("Invalid API key", "the provider cannot be reached: connection refused")
    assert KEY not in text


def test_a_clock_that_is_wrong_is_said(
    sound: FlaskCommand, upstream: FaultyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("panel.doctor.providers.now", lambda: now() - 3600)
    mark, text = examined(sound)["provider upstream"]
    assert (mark, "s ahead of ours: is this machine's right?" in text) == ("wrong", True)


@pytest.mark.parametrize(
    ("funds", "mark", "text"),
    [
        ("3.00", "warn", "only 3.00 USD of ours left"),
        ("-5.00", "warn", "only -5.00 USD of ours left"),
        ("abc", "wrong", "its balance cannot be read: abc USD"),
    ],
)
def test_funds_that_are_low_or_cannot_be_read_are_said(
    sound: FlaskCommand, upstream: FaultyProvider, funds: str, mark: str, text: str
) -> None:
    upstream.funds = funds
    found = examined(sound)["provider upstream"]
    assert found[0] == mark
    assert text in found[1]


def old_version(path: Path) -> None:
    script = (ROOT / "tests" / "schemas" / "version_5.sql").read_text()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def damaged(path: Path) -> None:
    open_database(path)
    close_database()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 30] = bytes(4096 * 27)
    path.write_bytes(content)


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (id)")


def no_database(path: Path) -> None:
    path.write_text("This is a text, and a long one, so that nobody takes it for a new file." * 9)


def missing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "name", "mark", "text"),
    [
        (missing, "database", "wrong", "there is no "),
        (
            old_version,
            "schema",
            "warn",
            "version 5: the next start brings it to 9, and keeps a copy",
        ),
        (foreign, "schema", "wrong", "it is no panel's database"),
        (no_database, "integrity", "wrong", "file is not a database; stop everything"),
        (damaged, "integrity", "wrong", "stop everything and restore a backup"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_and_left_as_it_is(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[Path], None],
    name: str,
    mark: str,
    text: str,
) -> None:
    close_database()
    path = tmp_path / "here" / "panel.db"
    path.parent.mkdir()
    make(path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    before.pop("panel.db.lock", None)
    app = Flask("panel")
    bind_settings(app, settings.read({"PANEL_DATABASE": f"sqlite:///{path}"}), "http://127.0.0.1")
    cli.register(app, lambda: None, [], [])
    found = examined(commands_of(app, caplog))
    assert found[name][0] == mark
    assert text in found[name][1]
    after = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert {n: after[n] for n in before} == before
    assert not path.with_name("panel.db.state").exists() or "panel.db.state" in before
    assert path.exists() == ("panel.db" in before)


@pytest.fixture
def flask_with(
    panel_file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., FlaskCommand]:
    """The commands in another environment, on the test's database."""

    def make(**variables: str) -> FlaskCommand:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        app: Flask = make_app(panel_file, **variables)
        return commands_of(app, caplog)

    return make


def test_settings_are_listed_with_where_they_came_from_and_without_secrets(
    flask_with: Callable[..., FlaskCommand], tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("s" * 40)
    flask = flask_with(
        PANEL_CURRENCY="EUR", PANEL_NOTIFY=SECRET, PANEL_SECRET_KEY_FILE=str(tmp_path / "key"),
        PANEL_RATELIMIT="5",
    )  # fmt: skip
    result = flask("doctor", "--json")
    found = {item["name"]: (item["mark"], item["text"]) for item in json.loads(result.stdout)}
    assert found["PANEL_CURRENCY"] == ("ok", "EUR (environment)")
    assert found["PANEL_DIALECT"] == ("ok", "sns (default)")
    assert found["PANEL_PING_URL"] == ("ok", "empty (default)")
    assert found["PANEL_NOTIFY"] == ("ok", "set (environment)")
    assert found["PANEL_SECRET_KEY"] == ("ok", f"set ({tmp_path / 'key'})")
    assert found["PANEL_RATELIMIT"] == ("warn", "is not a setting of the panel, ignored")
    for secret in ("hunter2", "example.com", "s" * 40):
        assert secret not in result.output


@pytest.mark.parametrize(
    ("address", "forwarded_for", "https", "trusted", "problem"),
    [
        # Nobody in between, and none believed.
        ("127.0.0.1", FORGED, True, 0, ""),
        # One proxy that sets the header, or adds to it.
        ("198.51.100.1", "198.51.100.1", True, 1, ""),
        ("198.51.100.1", f"{FORGED}, 198.51.100.1", True, 1, ""),
        ("198.51.100.1", f"{FORGED}, 198.51.100.1, 10.0.0.1", True, 2, ""),
        (FORGED, FORGED, True, 1, "clients choose their address"),
        (FORGED, f"{FORGED}, 198.51.100.1", True, 2, "clients choose their address"),
        ("127.0.0.1", "198.51.100.1", True, 0, "customers share its address"),
        ("127.0.0.1", f"{FORGED}, 198.51.100.1", True, 0, "customers share its address"),
        ("127.0.0.1", "", True, 1, "the proxies pass on 0 addresses"),
        ("127.0.0.1", "198.51.100.1", True, 2, "the proxies pass on 1 addresses"),
        ("198.51.100.1", "198.51.100.1", False, 1, "X-Forwarded-Proto"),
    ],
)
def test_whether_the_number_of_proxies_fits_a_request(
    address: str, forwarded_for: str, https: bool, trusted: int, problem: str
) -> None:
    seen: dict[str, Any] = {
        "address": address, "forwarded_for": forwarded_for, "https": https,
    }  # fmt: skip
    said = judge(seen, trusted, "https://panel.example.com")
    assert problem in said
    assert bool(said) == bool(problem)


@pytest.mark.parametrize(
    ("proxies", "mark", "text"),
    [
        ("0", "ok", "this machine is seen as 127.0.0.1"),
        ("1", "wrong", "PANEL_TRUSTED_PROXIES is 1, and fewer proxies stand before the panel"),
    ],
)
def test_a_real_request_tells_whether_the_proxies_fit(
    make_server: Callable[..., Server], proxies: str, mark: str, text: str
) -> None:
    server = make_server(PANEL_TRUSTED_PROXIES=proxies)
    server.environ["PANEL_PUBLIC_URL"] = f"http://127.0.0.1:{server.port}"
    result = server.flask("doctor", "--json", check=False)
    (found,) = [item for item in json.loads(result.stdout) if item["name"] == "proxy"]
    assert found["mark"] == mark
    assert found["text"].startswith(text)
    assert server.request("GET", "/healthz/proxy")[0] == 404
    assert (
        server.request("GET", "/healthz/proxy", headers={"X-Panel-Probe": "probe.x.y"})[0] == 404
    )


def test_an_address_where_another_server_answers_is_wrong(
    flask_with: Callable[..., FlaskCommand], faulty: FaultyProvider
) -> None:
    url = faulty.url.removesuffix("/api/v2")
    flask = flask_with(PANEL_PUBLIC_URL=url, PANEL_SECRET_KEY="k" * 40)
    mark, text = examined(flask)["proxy"]
    assert mark == "wrong"
    assert text == f"{url} is answered by another server, or by another panel"


@pytest.mark.parametrize("answer", ['{"a": 1}', "[]", "<html>", ""])
def test_an_answer_that_is_not_the_panels_is_of_another_server(
    flask_with: Callable[..., FlaskCommand], answer: str
) -> None:
    other = make_server("127.0.0.1", 0, Response(answer), threaded=True)
    Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{other.server_port}"
    try:
        flask = flask_with(PANEL_PUBLIC_URL=url, PANEL_SECRET_KEY="k" * 40)
        assert "is answered by another server" in examined(flask)["proxy"][1]
    finally:
        other.shutdown()
        other.server_close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9", "nobody answers there"),
        ("http://nowhere.invalid", "its name cannot be resolved"),
    ],
)
def test_an_address_where_nobody_answers_is_wrong_in_words(
    flask_with: Callable[..., FlaskCommand], url: str, why: str
) -> None:
    flask = flask_with(PANEL_PUBLIC_URL=url, PANEL_SECRET_KEY="k" * 40)
    assert examined(flask)["proxy"] == ("wrong", f"{url}: {why}")
