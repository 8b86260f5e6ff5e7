"""Rounds of alerts in a real database, with a stand-in for Apprise."""

import fcntl
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from peewee import PeeweeException
from support.apps import listed
from support.clock import Clock
from support.trouble import (
    add_up,
    became_dearer,
    cancel_by_hand,
    in_review,
    provider,
    refill_by_hand,
    refused,
    restored,
    says,
    sent,
    subscription,
)

import settings
from database.compiled_query import rows
from database.connection import database
from models import Alert, AlertTelling, Order, Service, Source
from panel import heartbeat, services, tasks
from panel.alerts import record
from panel.alerts.book import Pace
from panel.alerts.message import Message
from panel.alerts.rounds import Teller
from panel.attention.items import moment
from panel.money import MICROS
from panel.orders import transition
from panel.orders.refusal import Refusal
from panel.providers import registry, sources
from panel.tasks import Task

GOOD, BAD = "json://good.example/s3cret", "json://bad.example/s3cret"


YEAR_MINUTES = 365 * 24 * 60


class Apprise:
    """Takes messages, but for the addresses that are down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.tries: list[str] = []
        self.taken: list[tuple[str, Message]] = []

    def send(self, address: str, message: Message) -> str:
        assert not database.in_transaction()
        self.tries.append(address)
        if address in self.down:
            return "refused with 500"
        self.taken.append((address, message))
        return ""

    def of(self, address: str) -> list[str]:
        return [message.body for taken_by, message in self.taken if taken_by == address]


@pytest.fixture
def apprise() -> Apprise:
    return Apprise()


@pytest.fixture
def up(cast: SimpleNamespace, clock: Clock) -> SimpleNamespace:
    tasks.record_success(Task.BACKUP)
    return add_up(cast)


def teller(path: Path, apprise: Apprise, *addresses: str, **variables: str) -> Teller:
    values = {"PANEL_DATABASE": f"sqlite:///{path}", "PANEL_NOTIFY": ",".join(addresses)}
    ours = settings.read({**values, **variables})
    return Teller(ours, Pace(), apprise.send, lambda: int(time.time()))


def look(teller: Teller, clock: Clock, minutes: int = 0, seconds: int = 0) -> int:
    clock.move(minutes=minutes, seconds=seconds)
    heartbeat.record_alive()
    tasks.record_success(Task.BACKUP)
    return teller.run_round(threading.Event())


def test_a_day_of_two_things_that_are_wrong(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD, PANEL_PUBLIC_URL="https://panel.example")
    provider(balance="1 USD")(up)
    in_review(up)
    assert look(ours, clock) == 15  # soon again: what begins now is told together
    assert apprise.taken == []
    assert look(ours, clock, seconds=15) == 60
    (told,) = apprise.taken
    assert told[1].title.endswith("): 2 new alerts")
    assert told[1].body.endswith("https://panel.example/admin/attention")
    assert "    flask provider balance up" in told[1].body

    for _ in range(60):
        look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1
    look(ours, clock, minutes=23 * 60)
    assert apprise.taken[1][1].title.endswith("): 2 lasting alerts")

    provider(balance="500 USD")(up)
    look(ours, clock, minutes=1)
    look(ours, clock, minutes=9)
    assert len(apprise.taken) == 2
    look(ours, clock, minutes=1)
    assert apprise.taken[2][1].title.endswith("): 1 over alert")
    assert "UTC: up has 1 USD of ours left" in apprise.taken[2][1].body
    for _ in range(60):
        look(ours, clock, minutes=1)
    assert len(apprise.taken) == 3


def test_what_comes_back_before_its_end_was_told_is_told_again(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD)
    provider(balance="1 USD")(up)
    look(ours, clock)
    look(ours, clock, minutes=1)
    provider(balance="500 USD")(up)
    look(ours, clock, minutes=5)
    provider(balance="2 USD")(up)
    look(ours, clock, minutes=4)
    returned_at = clock.seconds
    look(ours, clock, minutes=50)
    assert len(apprise.taken) == 1
    look(ours, clock, minutes=1)
    assert len(apprise.taken) == 2
    told = apprise.taken[1][1]
    assert told.title.endswith("): 1 back alert")
    assert told.body.startswith(f"Back again:\n- Since {moment(returned_at)} UTC: up has 2 USD")
    assert [one.since for one in record.standing()] == [returned_at]
    for _ in range(12):
        look(ours, clock, minutes=10)
    assert len(apprise.taken) == 2


def test_that_a_provider_answers_is_not_told_while_it_fails_again(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD)
    registry.record_failing(up.id, "status: HTTP 502")
    for _ in range(17):
        look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1
    for because in ("", "add: HTTP 502"):  # it answers for five minutes, and fails for ten
        registry.record_failing(up.id, because)
        for _ in range(5 if not because else 10):
            look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1
    registry.record_failing(up.id, "")
    for _ in range(11):
        look(ours, clock, minutes=1)
    (told,) = apprise.taken[1:]
    assert told[1].title.endswith("): 1 over alert")


def test_a_clock_that_was_ahead_for_a_while_silences_nothing(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    clock.move(minutes=YEAR_MINUTES)
    ours = teller(panel_file, apprise, GOOD)
    in_review(up)
    provider(balance="1 USD")(up)
    tasks.record_failure(Task.REPLICA_CHECK, "no such file")
    look(ours, clock)
    look(ours, clock, minutes=1)
    tasks.record_success(Task.REPLICA_CHECK)
    look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1
    clock.move(minutes=-YEAR_MINUTES)
    provider(balance="100 USD")(up)
    look(ours, clock, minutes=1)
    assert apprise.taken[1][1].title.endswith("): 1 lasting alert")
    for _ in range(20):
        look(ours, clock, minutes=1)
    (over,) = apprise.taken[2:]
    assert over[1].title.endswith("): 2 over alerts")
    look(ours, clock, minutes=24 * 60)
    assert apprise.taken[3][1].title.endswith("): 1 lasting alert")
    assert {row.since <= clock.seconds for row in record.standing()} == {True}


def test_a_pause_does_not_last_for_a_year_when_the_clock_is_put_back(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    apprise.down = {GOOD}
    turning = [0]
    values = {"PANEL_DATABASE": f"sqlite:///{panel_file}", "PANEL_NOTIFY": GOOD}
    ours = Teller(settings.read(values), Pace(), apprise.send, lambda: turning[0])
    in_review(up)
    look(ours, clock)
    look(ours, clock, minutes=1)
    assert len(apprise.tries) == 1
    apprise.down = set()
    clock.move(minutes=-YEAR_MINUTES)
    look(ours, clock)
    assert len(apprise.tries) == 1
    turning[0] = 60
    look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1


def more_stuck(up: SimpleNamespace) -> None:
    sent(up, str(700 + Order.select().count()))
    Order.update(updated_at=1).execute()


def more_below_cost(up: SimpleNamespace) -> None:
    """Twelve services and more are told as some, and the others."""
    for _ in range(12 if Service.select().count() < 12 else 1):
        number = services.add(name="x", category="C", rate_micros=MICROS, min=1, max=9)
        sources.set_source(number, up.id, listed(f"s{number}", 2 * MICROS), 1)


def one_dearer(up: SimpleNamespace) -> None:
    """Another order waits that has become dearer."""
    Source.update(cost_micros=900_000).execute()
    Service.update(rate_micros=MICROS).where(Service.id == up.followers).execute()
    became_dearer(up)


def post(up: SimpleNamespace) -> None:
    says(subscription(up), status="Active", children=("901",))


MORE_OF: dict[str, Callable[[SimpleNamespace], Any]] = {
    "review": in_review,
    "refusal": lambda up: refused(up, "Odd"),
    "another refusal": lambda up: refused(up, f"Odd {chr(65 + Order.select().count())}"),
    "funds": lambda up: refused(up, "no funds", Refusal.FUNDS),
    "cost": one_dearer,
    "word": lambda up: says(sent(up, str(Order.select().count())), word="Odd"),
    "status": lambda up: says(
        sent(up, str(Order.select().count())), status="Partial", word="Partial"
    ),
    "posts": post,
    "refill": refill_by_hand,
    "cancel": cancel_by_hand,
    "restored": restored,
    "stuck": more_stuck,
    "below cost": more_below_cost,
}


@pytest.mark.parametrize("kind", MORE_OF)
def test_what_is_new_under_an_alert_is_told_within_the_hour_and_once(
    kind: str, up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD)
    MORE_OF[kind](up)
    look(ours, clock)
    look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1
    clock.move(minutes=5)
    MORE_OF[kind](up)
    look(ours, clock, minutes=1)
    assert len(apprise.taken) == 1
    for _ in range(12):
        look(ours, clock, minutes=10)
    (told,) = [taken for taken in apprise.taken if "growing" in taken[1].title]
    assert re.match(r"More of the same:\n- [12] more: ", told[1].body)


def test_what_is_settled_while_another_comes_is_told(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD)
    refused(up, "Odd")
    look(ours, clock)
    look(ours, clock, minutes=1)
    refused(up, "Odd")
    transition.change(1, status="Canceled")
    look(ours, clock, minutes=60)
    assert len(apprise.taken) == 2
    assert "1 more: up refused with words" in apprise.taken[1][1].body


def test_one_address_that_fails_is_told_later_and_the_other_not_twice(
    up: SimpleNamespace,
    panel_file: Path,
    apprise: Apprise,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    apprise.down = {BAD}
    ours = teller(panel_file, apprise, BAD, GOOD)
    in_review(up)
    look(ours, clock)
    for _ in range(240):
        look(ours, clock, minutes=1)
    assert apprise.tries.count(GOOD) == len(apprise.of(GOOD)) == 1
    assert apprise.tries.count(BAD) == 9  # the pauses grow to an hour
    apprise.down = set()
    for _ in range(61):
        look(ours, clock, minutes=1)
    assert apprise.of(BAD) == apprise.of(GOOD)
    assert "s3cret" not in caplog.text
    assert "json://bad.example took no message: refused with 500" in caplog.text


def test_another_process_tells_nothing_again(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    worker, server = (teller(panel_file, apprise, GOOD) for _ in range(2))
    in_review(up)
    look(worker, clock)
    look(server, clock, minutes=1)
    look(worker, clock, minutes=1)
    assert len(apprise.taken) == 1
    with Path(f"{panel_file}.alerts").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        provider(balance="1 USD")(up)
        look(server, clock, minutes=1)
    assert Alert.select().count() == 1
    assert Path(f"{panel_file}.alerts").stat().st_mode & 0o777 == 0o600


def test_without_addresses_the_table_is_kept_and_a_new_address_is_told_what_is_wrong(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    nobody = teller(panel_file, apprise)
    in_review(up)
    provider(balance="1 USD")(up)
    look(nobody, clock)
    provider(balance="100 USD")(up)
    look(nobody, clock, minutes=60)
    look(nobody, clock, minutes=60)
    assert [(one.kind, one.told_at) for one in record.standing()] == [("review", None)]
    look(teller(panel_file, apprise, GOOD), clock, minutes=1)
    (told,) = apprise.of(GOOD)
    assert "Nobody knows" in told
    assert "Over:" not in told


def test_a_database_that_cannot_be_written_is_told_all_the_same_and_once(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD)
    provider(balance="1 USD")(up)
    heartbeat.record_alive()
    database.execute_sql("PRAGMA query_only = 1")
    for _ in range(3):
        clock.move(minutes=1)
        with pytest.raises(PeeweeException):
            ours.run_round(threading.Event())
    (told,) = apprise.of(GOOD)
    assert told.startswith("- The database cannot be written: attempt to write a readonly")
    assert "up has 1 USD" in told
    database.execute_sql("PRAGMA query_only = 0")
    look(ours, clock)
    look(ours, clock, minutes=1)
    assert len(apprise.taken) == 2


def test_what_ended_long_ago_is_forgotten(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    ours = teller(panel_file, apprise, GOOD)
    for _ in range(3):
        provider(balance="1 USD")(up)
        look(ours, clock, minutes=91 * 24 * 60)
        look(ours, clock, minutes=1)
        provider(balance="100 USD")(up)
        look(ours, clock, minutes=1)
    assert rows(Alert.select(Alert.returns).tuples()) == [(0,)]
    assert AlertTelling.select().count() == 1
    assert len(apprise.taken) >= 3


def test_no_message_or_table_holds_a_link_a_name_or_a_key(
    up: SimpleNamespace, panel_file: Path, apprise: Apprise, clock: Clock
) -> None:
    said = "link https://a.example/customer of @customer: key 5ecre75ecre75ecre75ecre7 is wrong"
    provider(failing_because=f"add: {said}", failing_since=1)(up)
    ours = teller(panel_file, apprise, GOOD)
    look(ours, clock)
    look(ours, clock, minutes=1)
    (told,) = apprise.of(GOOD)
    stored = str(rows(Alert.select().tuples()) + rows(AlertTelling.select().tuples()))
    for text in (told, stored):
        assert "is wrong" in text
        for secret in ("customer", "a.example", "5ecre7", "s3cret"):
            assert secret not in text
