"""What is wrong now, in a real database: each kind, when it is and when it is not."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from support.apps import listed
from support.orders import new_order
from support.trouble import (
    add_up,
    became_dearer,
    cancel_by_hand,
    change,
    in_review,
    paused,
    provider,
    refill_by_hand,
    refused,
    says,
    sent,
    subscription,
    waits_long,
)

import settings
from models import Account, Heartbeat, Order, Service, Source, TaskRun
from panel import attention, heartbeat, tasks
from panel.alerts import conditions
from panel.alerts.kinds import ALL, NOT_TOLD, Condition, Kind
from panel.orders.refusal import Refusal
from panel.providers import price_sync, registry, sources
from panel.providers.pending import PendingKind
from panel.providers.policy import USUAL
from panel.providers.registry import SANDBOX_URL
from panel.tasks import Task

Up = SimpleNamespace
DAY = 86400
OTHER = attention.Kind


@pytest.fixture
def up(cast: SimpleNamespace) -> Up:
    heartbeat.record_alive()
    tasks.record_success(Task.BACKUP)
    return add_up(cast)


def wrong(variables: dict[str, str] | None = None, serving_s: int = 0) -> list[Condition]:
    values = {f"PANEL_{name.upper()}": text for name, text in (variables or {}).items()}
    found = conditions.look(settings.read(values), serving_s)
    assert found.unknown == frozenset()
    return found.conditions


def old_order(hours: int = 72, **columns: Any) -> Callable[[Up], None]:
    """An order at the provider that has not moved for so long."""

    def make(up: Up) -> None:
        sent(up, "700")
        Order.update(updated_at=Order.updated_at - hours * 3600 - 1, **columns).execute()

    return make


def rises(*costs: int) -> Callable[[Up], None]:
    """The provider's catalogue is read with these prices of its service, one after the other."""

    def make(up: Up) -> None:
        for cost in costs:
            price_sync.sync_prices(up.id, [listed("7", cost)], USUAL)

    return make


def failed(task: Task) -> Callable[[Up], None]:
    return lambda up: tasks.record_failure(task, "no such file")


def backup_of(hours: int) -> Callable[[Up], None]:
    def make(up: Up) -> None:
        row = tasks.last(Task.BACKUP)
        assert row is not None and row.succeeded_at is not None
        row.update(succeeded_at=row.succeeded_at - hours * 3600).execute()

    return make


def never_backed_up(up: Up) -> None:
    TaskRun.delete().execute()
    Account.update(created_at=Account.created_at - 27 * 3600).execute()


def worker_ended(up: Up) -> None:
    Heartbeat.update(seen_at=Heartbeat.seen_at - 61).execute()


def service(**columns: Any) -> Callable[[Up], None]:
    return lambda up: Service.update(**columns).where(Service.id == up.followers).execute()


class Case(NamedTuple):
    """What happens, and what is wrong then: its kind, its subject, and a part of its text."""

    happens: Callable[[Up], Any]
    kind: str
    subject: str
    text: str


CASES = {
    "a worker that ended": Case(worker_ended, Kind.WORKER, "", "The worker was not seen since"),
    "a ledger that is wrong": Case(
        failed(Task.LEDGER_CHECK), Kind.LEDGER, "", "check of the ledger failed: no such file."
    ),
    "a backup that failed": Case(
        failed(Task.BACKUP), Kind.BACKUP, "", "The last backup failed: no such file."
    ),
    "an old backup": Case(backup_of(27), Kind.BACKUP, "", "older than 26 hours"),
    "no backup": Case(never_backed_up, Kind.BACKUP, "", "There is no backup"),
    "a replica that cannot be restored": Case(
        failed(Task.REPLICA_CHECK), Kind.REPLICA, "", "check of the replica failed: no such file."
    ),
    "a low balance": Case(
        provider(balance="9.99 USD"), Kind.BALANCE, "up", "up has 9.99 USD of ours left"
    ),
    "a provider that fails": Case(
        provider(failing_because="status: HTTP 502", failing_since=86_400),
        Kind.UNREACHABLE, "up", "up fails since 1970-01-02 00:00 UTC: status: HTTP 502.",
    ),
    "prices that are not read": Case(
        provider(prices_at=86_400), Kind.PRICES_OLD, "up", "could not be read since"
    ),
    "an order that waits": Case(waits_long, Kind.WAITING, "up", "waits for more than an hour"),
    "an order that does not move": Case(old_order(), Kind.STUCK, "up", "Order 1 at up has not"),
    "one by hand": Case(
        old_order(dispatch_state="", provider=None), Kind.STUCK, "", "by hand, has not moved"
    ),
    "a rate below the cost": Case(
        service(rate_micros=899_999), Kind.BELOW_COST, "service 1", "at 0.899999 and costs 0.90"
    ),
    "a service that was disabled for that": Case(
        service(active=False, inactive_because="below cost"),
        Kind.BELOW_COST, "service 1", "would be sold below its cost",
    ),
    "a service that vanished": Case(
        service(active=False, inactive_because="vanished"),
        Kind.VANISHED, "service 1", "up no longer offers it",
    ),
    "a price that rose": Case(
        rises(1_100_000), Kind.PRICE, "service 1", "costs 1.10 at up: it was 0.90"
    ),
    "a price that crept up": Case(
        rises(1_000_000, 1_050_000, 1_100_000), Kind.PRICE, "service 1", "it was 0.90"
    ),
    "a service that changed": Case(
        change(PendingKind.NAME, "Followers", "Views"), OTHER.SERVICE, "service 1", "Followers"
    ),
    "a provider's currency": Case(
        change(PendingKind.CURRENCY, "USD", "EUR"), OTHER.CURRENCY, "up", "EUR"
    ),
    "a provider that moved": Case(
        provider(stopped_because="it redirects"), OTHER.STOPPED, "up", "Nothing is sent to up"
    ),
    "services that moved": Case(change(PendingKind.MOVED, "", "9"), OTHER.PROVIDER, "up", "up: "),
    "an order in review": Case(in_review, OTHER.REVIEW, "up", "Nobody knows whether up has"),
    "no funds": Case(
        lambda up: refused(up, "no funds", Refusal.FUNDS), OTHER.FUNDS, "up", "for funds at up"
    ),
    "a refusal": Case(lambda up: refused(up, "Odd"), OTHER.REFUSAL, "up", "not known: “Odd”"),
    "an unknown status": Case(
        lambda up: says(sent(up, "700"), word="Odd"), OTHER.WORD, "up", "not known: “Odd”"
    ),
    "an order that became dearer": Case(became_dearer, OTHER.COST, "up", "is not sent to up"),
    "posts": Case(
        lambda up: says(subscription(up), status="Active", children=("901",)),
        OTHER.POSTS, "up", "cannot be charged",
    ),
    "a refill by hand": Case(refill_by_hand, OTHER.REFILL, "", "Refill 1 of order 1"),
    "a cancel by hand": Case(cancel_by_hand, OTHER.CANCEL, "", "asks to cancel order 1"),
}  # fmt: skip


@pytest.mark.parametrize(("happens", "kind", "subject", "text"), CASES.values(), ids=list(CASES))
def test_what_is_wrong_is_found(
    happens: Callable[[Up], Any], kind: str, subject: str, text: str, up: Up
) -> None:
    assert wrong() == []
    happens(up)
    (found,) = [one for one in wrong() if one.kind == kind]
    assert found.subject == subject
    assert text in found.text
    assert "\n" in found.text  # a command to paste
    assert kind in ALL


def no_longer(*steps: Callable[[Up], Any]) -> Callable[[Up], None]:
    def make(up: Up) -> None:
        for step in steps:
            step(up)

    return make


AHEAD: dict[str, tuple[Callable[[Up], Any], str]] = {
    "the worker": (
        lambda up: Heartbeat.update(seen_at=Heartbeat.seen_at + 9 * DAY).execute(), Kind.WORKER,
    ),
    "a backup": (
        no_longer(
            lambda up: TaskRun.update(succeeded_at=TaskRun.succeeded_at + 9 * DAY).execute(),
            lambda up: Account.update(created_at=Account.created_at - 2 * DAY).execute(),
        ),
        Kind.BACKUP,
    ),
    "a provider that fails": (
        provider(failing_because="x", failing_since=2**40), Kind.UNREACHABLE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("happens", "kind"), AHEAD.values(), ids=list(AHEAD))
def test_what_was_recorded_while_the_clock_was_ahead_counts_as_never(
    happens: Callable[[Up], Any], kind: str, up: Up
) -> None:
    happens(up)
    assert [one.kind for one in wrong(serving_s=600)] == [kind]


QUIET: dict[str, Callable[[Up], Any]] = {
    "a balance that cannot be read": provider(balance="plenty"),
    "a provider that has just begun to fail": lambda up: registry.record_failing(up.id, "status"),
    "an order that moved of late": old_order(71),
    "a subscription without posts": lambda up: (
        subscription(up), Order.update(updated_at=0).execute()
    ),
    "a drip-feed with runs far apart": old_order(runs=9, interval=10_000),
    "a whole drip-feed": old_order(dispatch_state="parts"),
    "an order that is completed": old_order(status="Completed"),
    "a price that rose a little": rises(1_080_000),
    "a price that fell back": rises(1_100_000, 1_080_000),
    "a price that rose yesterday": no_longer(
        rises(1_100_000), lambda up: Source.update(risen_at=Source.risen_at - DAY).execute()
    ),
    "a service that an operator disabled": service(active=False, rate_micros=1),
    "a backup of last night": backup_of(25),
    "an order with a warning that goes on": lambda up: (
        sent(up, "700"), Order.update(warning="odd").execute()
    ),
}  # fmt: skip


@pytest.mark.parametrize("happens", QUIET.values(), ids=list(QUIET))
def test_what_is_not_wrong_is_not_told(happens: Callable[[Up], Any], up: Up) -> None:
    happens(up)
    assert wrong() == []


SWITCHED_OFF: dict[str, tuple[Callable[[Up], Any], str]] = {
    "low_balance": (provider(balance="0.01 USD"), "0"),
    "failing_minutes": (provider(failing_because="x", failing_since=1), "0"),
    "stuck_hours": (old_order(), "0"),
    "price_alert": (rises(1_700_000), "100"),
    "backup_hours": (never_backed_up, "0"),
}


@pytest.mark.parametrize("name", SWITCHED_OFF)
def test_a_setting_says_when_it_is_wrong(name: str, up: Up) -> None:
    happens, value = SWITCHED_OFF[name]
    happens(up)
    assert len(wrong()) == 1
    assert wrong({name: value}) == []


def test_every_kind_of_attention_is_told_or_left_out_for_a_reason() -> None:
    """A new kind of attention becomes an alert by itself."""
    assert set(ALL) == {*Kind, *set(attention.Kind) - set(NOT_TOLD)}
    assert all(NOT_TOLD.values())
    assert {case.kind for case in CASES.values()} >= {
        *set(Kind) - {Kind.DISK, Kind.UNIT},
        *set(attention.Kind) - {*NOT_TOLD, OTHER.STATUS, "restored"},
    }
    assert len(set(ALL)) == len(ALL)


def test_a_disk_that_is_nearly_full_is_told(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    def nearly_full(path: Any) -> Any:
        found = real(path)
        return SimpleNamespace(f_bavail=9, f_blocks=100, f_frsize=found.f_frsize)

    monkeypatch.setattr(os, "statvfs", nearly_full)
    (found,) = wrong()
    assert (found.kind, "disk is nearly full" in found.text) == (Kind.DISK, True)


def test_several_orders_are_one_alert_with_how_many(up: Up) -> None:
    for _ in range(5):
        in_review(up)
    (found,) = wrong()
    assert found.text.count("Nobody knows") == 3
    assert found.text.endswith("And 2 more.\nflask attention")


@pytest.mark.parametrize("url", [SANDBOX_URL, "https://up.example/api"])
def test_a_worker_that_never_ran_is_missed_where_there_is_work_for_it(
    url: str, cast: SimpleNamespace
) -> None:
    row = registry.add("one", url, "key", 60)
    is_ours = url == SANDBOX_URL
    assert wrong(serving_s=299) == []
    assert [one.kind for one in wrong(serving_s=300)] == ([] if is_ours else [Kind.WORKER])
    if is_ours:
        sources.set_source(cast.followers, row.id, listed("1", 1), 1)
        new_order(cast.followers)
        assert [one.kind for one in wrong(serving_s=300)] == [Kind.WORKER]


def test_what_cannot_be_found_out_is_left_as_it_is(
    up: Up, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider(balance="1 USD")(up)
    monkeypatch.setattr(attention, "everything", lambda *_: 1 / 0)
    found = conditions.look(settings.read({}), 0)
    assert [one.kind for one in found.conditions] == [Kind.BALANCE]
    assert found.unknown == set(attention.Kind) - set(NOT_TOLD)
    assert "it was not found out" in caplog.text


@pytest.mark.parametrize(
    "happens",
    [paused, waits_long, old_order(dispatch_state="waiting"), lambda up: refused(up, "no funds")],
    ids=["new ones wait", "one waits for long", "one does not move", "one was refused"],
)
def test_what_waits_because_an_operator_paused_the_provider_alarms_nobody(
    up: Up, happens: Callable[[Up], Any]
) -> None:
    """An operator's own act: it is shown by `flask attention`, and told by no message."""
    happens(up)
    provider(paused_at=86_400)(up)
    Order.update(held_because="funds").where(Order.held_because == "refusal").execute()
    assert wrong() == []
    (shown,) = attention.everything(settings.read({})).items
    assert shown.kind == OTHER.PAUSED


def test_what_a_paused_provider_has_is_watched_all_the_same(up: Up) -> None:
    old_order()(up)
    provider(paused_at=86_400, failing_because="status: HTTP 502", failing_since=86_400)(up)
    assert {found.kind for found in wrong()} == {Kind.STUCK, Kind.UNREACHABLE}
