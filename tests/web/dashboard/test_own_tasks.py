"""The panel's own tasks on their page, and what comes of them."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import listed
from support.clock import Clock
from support.dashboard import PASSWORD, Operator, lines, said

from database.backup import read_only
from models import Alert, Order, TaskRun
from panel import accounts, heartbeat, ledger_check, operators, pricing, services, tasks
from panel.money import MICROS
from panel.operations import backups, own_tasks
from panel.operations.audit import Actor
from panel.operators import Role
from panel.orders import dispatch, lookup
from panel.orders.place import OrderRequest, place_order
from panel.providers import registry, sources
from panel.tasks import Task


def test_the_page_shows_tasks_alerts_and_versions(olga: Operator) -> None:
    tasks.record_success(Task.BACKUP)
    tasks.record_failure(Task.LEDGER_CHECK, "rows that are wrong: 2")
    Alert.create(kind="balance", subject="up", text="up has 1.00 left.\nflask attention")
    page = olga.text("/admin/panel")
    assert re.search(r"<dt>Backup</dt>\s*<dd><span class=\"status s-completed\">done", page)
    assert "rows that are wrong: 2" in page
    assert re.search(r"<dt>Check of the copy off the machine</dt>\s*<dd>.*never done", page)
    assert "up has 1.00 left." in page
    assert "Nobody is told of alerts: PANEL_NOTIFY is empty." in page


@pytest.mark.parametrize(
    ("path", "task", "act"),
    [
        ("ledger-check", Task.LEDGER_CHECK, "panel: check the ledger"),
        ("backup", Task.BACKUP, "panel: write a backup"),
    ],
)
def test_a_button_asks_the_worker(path: str, task: Task, act: str, olga: Operator) -> None:
    heartbeat.record_alive()
    olga.post(f"/admin/panel/{path}")
    assert tasks.is_wanted(tasks.last(task))
    assert lines() == [("olga", act, "done: the worker is asked")]
    page = olga.text("/admin/panel")
    assert said(page)[0].endswith("the worker is asked. This page shows what comes of it.")
    assert '<meta http-equiv="refresh"' in page
    tasks.record_success(task)
    page = olga.text("/admin/panel")
    assert not tasks.is_wanted(tasks.last(task))
    assert '<meta http-equiv="refresh"' not in page


def test_that_the_worker_does_not_run_is_told(olga: Operator) -> None:
    olga.post("/admin/panel/backup")
    texts = said(olga.text("/admin/panel"))
    assert "The worker does not run: it is done when it runs again." in texts


def test_to_press_again_asks_for_one(olga: Operator, clock: Clock) -> None:
    tasks.want(Task.BACKUP)
    clock.move(seconds=5)
    tasks.want(Task.BACKUP)
    (row,) = TaskRun.select()
    assert row.wanted_at == clock.seconds - 5


def test_a_wanted_backup_is_a_checked_copy_beside_the_database(
    olga: Operator, panel_file: Path, cast: SimpleNamespace
) -> None:
    assert not backups.back_up_if_wanted(panel_file)
    tasks.want(Task.BACKUP)
    assert backups.back_up_if_wanted(panel_file)
    assert not backups.back_up_if_wanted(panel_file)
    (file,) = (panel_file.parent / "backups").iterdir()
    # The nightly service removes files of such names when they are old.
    assert re.fullmatch(r"panel-\d{8}-\d{6}\.db", file.name)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    with read_only(file) as copy:
        assert copy.execute("SELECT COUNT(*) FROM accounts").fetchone() == (4,)
    done = tasks.last(Task.BACKUP)
    assert done is not None
    assert (done.problem, done.wanted_at) == ("", None)


def no_folder(panel_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (panel_file.parent / "backups").write_text("a file")
    return "cannot write"


def no_room(panel_file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(ledger_check, "LEFT_FREE_PPM", 2_000_000)
    return "no room for a copy"


@pytest.mark.parametrize("trouble", [no_folder, no_room])
def test_a_wanted_backup_that_fails_is_told(
    trouble: Any, olga: Operator, panel_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = trouble(panel_file, monkeypatch)
    tasks.want(Task.BACKUP)
    assert backups.back_up_if_wanted(panel_file)
    assert not backups.back_up_if_wanted(panel_file)
    assert why in olga.text("/admin/panel")


def test_a_wanted_check_of_the_ledger_is_done_at_once(olga: Operator, panel_file: Path) -> None:
    tasks.record_success(Task.LEDGER_CHECK)  # the nightly one
    assert not ledger_check.run_if_due(panel_file)
    tasks.want(Task.LEDGER_CHECK)
    assert ledger_check.run_if_due(panel_file)
    assert not ledger_check.run_if_due(panel_file)


def test_the_doctors_findings_are_a_page(olga: Operator) -> None:
    page = olga.post("/admin/panel/doctor").text
    assert re.search(r'<th scope="row">disk</th>', page)
    assert re.search(r'<th scope="row">schema</th>', page)
    (line,) = lines()
    assert line[1] == "panel: look at every part"
    assert line[2].startswith("done: wrong: ")


def test_the_doctor_asks_the_providers(olga: Operator) -> None:
    for name in ("up", "other"):
        registry.add(name, registry.SANDBOX_URL, "", 60)
    page = olga.post("/admin/panel/doctor").text
    for name in ("up", "other"):
        assert f'<th scope="row">provider {name}</th>' in page
    assert "unlimited" in page


def test_a_test_message_without_an_address_is_refused(olga: Operator) -> None:
    olga.post("/admin/panel/notify-test")
    assert "PANEL_NOTIFY is empty: nobody is told anything" in said(olga.text("/admin/panel"))[0]
    assert lines()[0][1] == "panel: send a test message"


def test_a_test_message_tells_who_took_it(olga: Operator) -> None:
    settings: Any = SimpleNamespace(notify=("ntfy://topic", "tgram://t/c"), name="Panel",
                                    public_url="")  # fmt: skip
    sent = own_tasks.try_alerts(
        Actor("olga"), settings, lambda address, message: "no" if "tgram" in address else ""
    )
    assert [problem for _, problem in sent] == ["", "no"]
    assert lines()[-1][2] == "done: taken by 1 of 2"


# Operators


@pytest.fixture
def otto(olga: Operator) -> None:
    operators.add("otto", PASSWORD)


def act(olga: Operator, name: str, **fields: str) -> str:
    olga.post(f"/admin/operators/{name}/act", **{"present": PASSWORD, **fields})
    return said(olga.text("/admin/operators"))[-1]


def test_an_operator_is_added_with_the_own_password(olga: Operator) -> None:
    fields = {"name": "vera", "role": "viewer", "new": "a first password"}
    refused = olga.post("/admin/operators", **fields, present="a guess")
    assert "the password is wrong" in refused.text
    assert 'value="vera"' in refused.text
    assert "a first password" not in refused.text
    olga.post("/admin/operators", **fields, present=PASSWORD)
    assert operators.get("vera").role == Role.VIEWER
    assert operators.sign_in("vera", "a first password") is not None
    assert lines() == [
        ("olga", "operator vera: add as viewer", "refused: the password is wrong"),
        ("olga", "operator vera: add as viewer", "done"),
    ]


@pytest.mark.parametrize(
    ("fields", "text", "check"),
    [
        ({"act": "viewer"}, "otto is viewer now.", lambda: operators.get("otto").role == "viewer"),
        ({"act": "password", "new": "another password"}, "otto has a new password.",
         lambda: operators.sign_in("otto", "another password")),
        ({"act": "remove"}, "otto is removed.", lambda: operators.find_name("otto") is None),
        ({"act": "totp"}, "one-time passwords are off", lambda: True),
        ({"act": "password", "new": "short"}, "at least 10 characters",
         lambda: operators.sign_in("otto", PASSWORD)),
        ({"act": "nothing"}, "choose what to do", lambda: True),
    ],
    ids=["role", "password", "remove", "totp is off", "short password", "nothing"],
)  # fmt: skip
def test_what_is_done_with_another_operator(
    fields: dict[str, str], text: str, check: Any, olga: Operator, otto: None
) -> None:
    told = act(olga, "otto", **fields)
    assert text in told
    assert check()


@pytest.mark.parametrize("name", ["viewer", "password", "remove"])
def test_without_the_own_password_nothing_is_done(name: str, olga: Operator, otto: None) -> None:
    before = operators.get("otto").__data__
    told = act(olga, "otto", act=name, new="another password", present="a guess")
    assert told == "the password is wrong"
    assert operators.get("otto").__data__ == before


@pytest.mark.parametrize("name", ["viewer", "operator", "remove"])
def test_nobody_takes_the_own_rights_away(name: str, olga: Operator, otto: None) -> None:
    assert "another operator does that" in act(olga, "olga", act=name)
    assert operators.get("olga").role == Role.OPERATOR


@pytest.mark.parametrize("name", ["viewer", "remove"])
def test_the_last_who_may_change_something_stays(name: str, olga: Operator, otto: None) -> None:
    # As if otto had made olga a viewer in the moment after her page was let through.
    operators.set_role("olga", Role.VIEWER)
    with pytest.raises(Exception, match="otto is the last operator who may change anything"):
        if name == "remove":
            operators.remove("otto", keep_one=True)
        else:
            operators.set_role("otto", Role.VIEWER, keep_one=True)
    assert operators.get("otto").role == Role.OPERATOR


def test_sessions_are_ended_and_a_sign_in_is_unlocked(olga: Operator, otto: None) -> None:
    olga.post("/admin/operators/otto/unlock")
    olga.post("/admin/operators/otto/signout")
    assert [text for _, text, _ in lines()] == [
        "operator otto: unlock", "operator otto: end all sessions",
    ]  # fmt: skip


# A run of a drip-feed that a restored copy does not know


def test_a_run_that_the_provider_has_already_is_attached(
    olga: Operator, filled_with_a_restored_drip_feed: int
) -> None:
    whole = filled_with_a_restored_drip_feed
    page = olga.text(f"/admin/orders/{whole}")
    assert "has run 1 already, under this number" in page
    olga.post(f"/admin/orders/{whole}/attach-part", part="1", provider_order="502")
    (part,) = lookup.parts_of(whole)
    assert (part.part, part.provider_order) == (1, "502")
    assert lines()[-1] == ("olga", f"order {whole}: attach 502 as part 1", "done")
    assert "has run 2 already" in olga.text(f"/admin/orders/{whole}")


@pytest.fixture
def filled_with_a_restored_drip_feed(cast: SimpleNamespace) -> int:
    provider = registry.add("up", registry.SANDBOX_URL, "", 60).id
    services.edit(cast.followers, dripfeed=True)
    sources.set_source(cast.followers, provider, listed("1", MICROS), 1)
    alice = accounts.get("alice").id
    offer = pricing.find_offer(accounts.caller(alice), cast.followers)
    assert offer is not None
    wanted = OrderRequest("https://a.example/d", 10, runs=3, interval=1)
    whole = place_order(alice, offer, wanted)
    dispatch.claim(provider)
    Order.update(restored=True).where(Order.id == whole).execute()
    return whole
