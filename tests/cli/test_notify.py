"""flask notify: what is wrong, a test of the addresses, and a unit that failed."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import Server, make_app
from support.commands import Call, bad, commands_of, good
from support.databases import run
from support.receiver import Receiver

from database.connection import close_database
from models import Alert
from panel.alerts import notify
from panel.alerts.message import Message

ADDRESSES = "json://user:s3cret@good.example/t0ken,json://bad.example/t0ken"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Message]]:
    """What is sent; one address takes nothing."""
    sent = []

    def send(address: str, message: Message) -> str:
        sent.append((address, message))
        return "refused with 404" if "bad.example" in address else ""

    monkeypatch.setattr(notify, "send", send)
    return sent


@pytest.fixture
def flask(panel_file: Path, cast: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> Any:
    """Run a command with addresses to tell, or others."""

    def call(*args: str, notify: str = ADDRESSES) -> Any:
        close_database()
        app = make_app(panel_file, PANEL_NOTIFY=notify)
        return commands_of(app, caplog)(*args)

    return call


def test_a_test_says_who_took_it_and_shows_no_secret(
    flask: Call, sent: list[tuple[str, Message]]
) -> None:
    result = flask("notify", "test")
    assert result.stdout.splitlines() == [
        "json://good.example: taken",
        "json://bad.example: not taken: refused with 404",
    ]
    assert (result.exit_code, result.stderr) == (1, "Error: 1 of 2 did not take the message\n")
    assert [address for address, _ in sent] == ADDRESSES.split(",")
    assert good(flask("notify", "test", notify=ADDRESSES.split(",")[0]))


def test_a_test_without_addresses_or_without_apprise_fails_in_one_line(
    flask: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "PANEL_NOTIFY is empty" in bad(flask("notify", "test", notify=""), 1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert bad(flask("notify", "test"), 1) == (
        "PANEL_NOTIFY needs the package apprise: .venv/bin/pip install -r requirements-notify.txt"
    )


def test_the_server_says_at_its_start_that_apprise_is_missing(
    panel_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    make_app(panel_file)
    assert capsys.readouterr().err == ""
    make_app(panel_file, PANEL_NOTIFY=ADDRESSES)
    assert capsys.readouterr().err == f"panel: {notify.MISSING}\n"


def test_what_is_wrong_is_listed_with_when_it_was_told(flask: Call) -> None:
    assert good(flask("notify", "list")) == "Nothing is wrong, as far as the worker has looked.\n"
    Alert.create(kind="balance", subject="up", text="up has 1 USD.\nfix", began_at=86400)
    Alert.create(kind="disk", subject="", text="Full.\ndf -h", began_at=86460, told_at=86520)
    Alert.create(kind="price", subject="", text="Over.", began_at=1, ended_at=2)
    listed = good(flask("notify", "list"))
    assert "1970-01-02 00:00:00Z" in listed
    assert "Over" not in listed
    one, other = json.loads(good(flask("notify", "list", "--json")))
    assert one == {
        "kind": "balance", "about": "up", "since": "1970-01-02 00:00:00Z", "told": None,
        "text": "up has 1 USD.",
    }  # fmt: skip
    assert other["told"] == "1970-01-02 00:02:00Z"


def test_a_unit_that_failed_is_told_at_once_and_once_an_hour(
    flask: Call, sent: list[tuple[str, Message]]
) -> None:
    only = "json://good.example/t0ken"
    assert "taken" in good(flask("notify", "failed", "panel-backup.service", notify=only))
    ((_, message),) = sent
    assert "panel-backup.service failed on " in message.body
    assert message.body.endswith("journalctl -u panel-backup.service -n 50")
    assert good(flask("notify", "failed", "panel-backup.service", notify=only)) == ""
    good(flask("notify", "failed", "panel.service", notify=only))
    assert len(sent) == 2
    assert [row.subject for row in Alert.select()] == [
        "panel-backup.service", "panel-backup.service", "panel.service",
    ]  # fmt: skip
    assert good(flask("notify", "list")).startswith("Nothing is wrong")


@pytest.mark.parametrize("unit", ["a b", "x;reboot", "", "-x" * 200])
def test_what_is_no_unit_is_refused(flask: Call, unit: str) -> None:
    assert "is not the name of a unit" in bad(flask("notify", "failed", "--", unit))


def test_a_real_message_is_sent_also_where_the_database_cannot_be_opened(
    make_server: Callable[..., Server], receiver: Receiver
) -> None:
    server = make_server(PANEL_NOTIFY=f"json://{receiver.host}/s3cret", WEB_CONCURRENCY="1")
    tested = server.flask("notify", "test")
    assert (tested.stdout, tested.stderr) == (f"json://{receiver.host}: taken\n", "")
    server.stop()
    run(server.database, "PRAGMA user_version = 999")
    done = server.flask("notify", "failed", "panel.service")
    assert "made by a newer version" in done.stderr
    assert "s3cret" not in done.stderr + done.stdout
    assert [taken.path for taken in receiver.taken] == ["/s3cret"] * 2
    assert [taken.type for taken in receiver.taken] == ["info", "failure"]
