"""A lane, which is the worker for one provider: what fails there stops only itself."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import free_port
from support.clock import Clock
from support.faulty import KEY, Call, Fault, FaultyProvider, hang, says
from support.orders import account_id
from support.shop import (
    OpenLane,
    come_due,
    follow_until,
    forwards,
    none_waits,
    open_shop,
    place,
    refunded,
    until,
)

from models import AskedSingly, Cancel, Order, Provider, Refill, Service
from panel import accounts, pricing
from panel.orders import cancels, dispatch, lookup, refills, transition
from panel.orders.place import OrderRequest, place_order
from panel.providers import abilities, registry
from worker import lane as lanes_module
from worker import send
from worker.failing import EVERYTHING, Failing

ASKED = ["balance", "status", "services", "cancel", "refill"]
MOVED = "https://new.example/api/v2"


def moved(status: int = 301, location: str = f"{MOVED}?key={KEY}") -> Fault:
    return Fault(says(b"", status, "text/html", Location=location))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes that look for work all the time, and pause so long that a test sees no second try."""
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 600)
    monkeypatch.setattr(lanes_module, "LONGEST_PAUSE_S", 600)
    monkeypatch.setattr(lanes_module, "ACCOUNT_FIRST_S", 0.5)
    monkeypatch.setattr(lanes_module, "IDLE_S", 0.01)


pytestmark = pytest.mark.usefixtures("quick")


def row_of(shop: SimpleNamespace) -> Provider:
    return Provider.get_by_id(shop.provider)


def sent_there(shop: SimpleNamespace, number: int = 3) -> list[int]:
    """Orders that the provider has, as its 1, 2, 3 …, and that are asked for at once."""
    placed = place(shop, number)
    for order_id in placed:
        outgoing = dispatch.claim(shop.provider)
        assert outgoing is not None
        assert outgoing.order_id == order_id
        send.send(shop.client, outgoing, 0, 0, 0)
    return placed


def complete(faulty: FaultyProvider) -> None:
    for order in faulty.orders.values():
        order |= {"status": "Completed", "remains": 0, "charge": "0.00033"}


def statuses(placed: Iterable[int]) -> list[str]:
    return [lookup.get(order_id).status for order_id in placed]


def have_asked(shop: SimpleNamespace, action: str) -> None:
    """An order that the provider has, about which a lane has to ask so."""
    (order_id,) = sent_there(shop, 1)
    Service.update(cancel=True, refill=True).where(Service.id == shop.service).execute()
    if action == "refill":
        transition.change(order_id, status="Completed")
        refills.request(account_id(), [order_id])
    if action == "cancel":
        transition.change(order_id, status="In progress")
        cancels.request(account_id(), [order_id])


# A panel that moved


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_panel_that_moved_is_sent_one_order_and_stops_its_lane(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    faulty.plan("add", moved(status), forever=True)
    placed = place(shop, 8)
    with caplog.at_level(logging.INFO, "panel.worker"):
        open_lane(shop)
        until(lambda: row_of(shop).stopped_because)
        asked = len(faulty.requests)
        come_due(placed)
        faulty.plan("status", None)
    assert len(faulty.sent("add")) == 1
    assert forwards(placed) == ["waiting"] * 8
    row = row_of(shop)
    assert (row.moved_to, KEY in row.stopped_because) == (MOVED, False)
    (alarm,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert f"flask provider resume {shop.row.name} --url {MOVED}" in alarm.getMessage()
    assert KEY not in caplog.text
    # Nothing more is asked, whatever is due.
    more = place(shop, 2)
    Order.update(poll_at=0).execute()
    assert not faulty.ended.wait(0.2)
    assert len(faulty.requests) <= asked + 1  # the balance may have been under way

    faulty.plan("add", None)
    registry.resume(shop.row.name)
    come_due(placed)
    until(lambda: none_waits([*placed, *more]))
    assert sorted(faulty.taken().values()) == [1] * 10
    assert refunded(placed) == []


@pytest.mark.parametrize("action", ASKED)
def test_a_redirect_of_any_request_stops_the_lane(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, action: str
) -> None:
    have_asked(shop, action)
    wanted = action == "services"
    Provider.update(sync_wanted=wanted, currency="USD").where(
        Provider.id == shop.provider
    ).execute()
    shop.row = row_of(shop)
    faulty.plan(action, moved(), forever=True)
    open_lane(shop)
    until(lambda: row_of(shop).moved_to == MOVED)
    assert len(faulty.sent(action)) == 1


def test_a_redirect_that_may_come_after_the_work_leaves_one_order_in_review(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    faulty.plan("add", moved(302, "/login"), forever=True)
    placed = place(shop, 8)
    open_lane(shop)
    until(lambda: row_of(shop).stopped_because)
    assert forwards(placed) == ["review"] + ["waiting"] * 7
    assert len(faulty.sent("add")) == 1
    assert row_of(shop).moved_to == ""


@pytest.mark.parametrize("action", ASKED)
def test_a_redirect_that_does_not_say_what_it_means_stops_a_lane_only_where_money_is_at_stake(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, action: str
) -> None:
    have_asked(shop, action)
    Provider.update(sync_wanted=True, currency="USD").where(Provider.id == shop.provider).execute()
    shop.row = row_of(shop)
    faulty.plan(action, moved(302, "/login"), forever=True)
    open_lane(shop)
    if action == "balance":
        until(lambda: row_of(shop).stopped_because)
        return
    until(lambda: faulty.sent(action))
    more = place(shop, 6)
    until(lambda: none_waits(more))
    assert forwards(more) == ["sent"] * 6
    assert row_of(shop).stopped_because == ""


# One order first


@pytest.mark.parametrize("reply", [says(b"no", 500), says(b"<html>"), says({"status": "success"})])
def test_a_provider_whose_answers_are_unclear_is_sent_one_order_at_a_time(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    reply: Callable[[Call], Iterable[bytes]],
) -> None:
    faulty.plan("add", Fault(reply), forever=True)
    placed = place(shop, 8)
    open_lane(shop)
    until(lambda: "review" in forwards(placed))
    assert not faulty.ended.wait(0.2)
    assert len(faulty.sent("add")) == 1
    assert sorted(forwards(placed)) == ["review"] + ["waiting"] * 7


NOT_ITSELF: dict[str, Callable[[Call], Iterable[bytes]]] = {
    "HTML": says(b"<html>", 200, "text/html"),
    "403": says(b"<html>", 403, "text/html"),
    "410": says(b"Gone", 410, "text/plain"),
    "a meta refresh": says(b"<meta http-equiv=refresh content='0;url=/new'>", 200, "text/html"),
    "nothing": says(b""),
    "500": says(b"no", 500),
    "an empty object": says({}),
}


@pytest.mark.parametrize("name", NOT_ITSELF)
def test_a_provider_that_is_not_itself_any_more_gets_one_order_until_its_balance_is_read(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(lanes_module, "LONGEST_PAUSE_S", 0.02)
    first = place(shop, 1)
    open_lane(shop)
    until(lambda: none_waits(first))
    for action in ("add", "balance", "status", "services"):
        faulty.plan(action, Fault(NOT_ITSELF[name]), forever=True)
    placed = place(shop, 8)
    until(lambda: "review" in forwards(placed))
    asked = len(faulty.sent("balance"))
    until(lambda: len(faulty.sent("balance")) > asked + 5)
    # Several were on their way, for it had answered before.
    reviews = forwards(placed).count("review")
    assert reviews <= lanes_module.CONNECTIONS
    assert len(faulty.sent("add")) == 1 + reviews
    faulty.plan("add", None)
    faulty.plan("balance", None)
    until(lambda: none_waits(placed))
    assert sorted(forwards(placed)) == ["review"] * reviews + ["sent"] * (8 - reviews)


def test_a_provider_that_tells_no_balance_is_sent_orders_again_after_a_pause(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 0)
    faulty.plan("balance", Fault(says({"error": "Incorrect action"})), forever=True)
    faulty.plan("add", Fault(says(b"no", 500)))
    placed = place(shop, 4)
    open_lane(shop)
    until(lambda: none_waits(placed))
    assert sorted(forwards(placed)) == ["review", "sent", "sent", "sent"]


def test_a_provider_that_refuses_every_order_for_now_is_tried_with_one_after_each_pause(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    faulty.plan("add", Fault(says({"error": "Too many requests"}, 429)), forever=True)
    placed = place(shop, 30)
    open_lane(shop)
    until(lambda: any(lookup.get(order_id).attempts for order_id in placed))
    assert not faulty.ended.wait(0.2)
    assert len(faulty.sent("add")) == 1
    assert forwards(placed) == ["waiting"] * 30


@pytest.mark.parametrize("why", ["You have active order with this link", "Insufficient wallet"])
def test_a_refusal_for_now_that_is_about_one_order_pauses_no_other(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, why: str
) -> None:
    faulty.plan("add", *[Fault(says({"error": why}))] * 3)
    placed = place(shop, 10)
    open_lane(shop)
    until(lambda: forwards(placed).count("sent") == 7)
    assert forwards(placed).count("waiting") == 3


def test_a_provider_that_gives_every_order_the_same_number_is_soon_left_alone(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    faulty.plan("add", Fault(says({"order": 77})), forever=True)
    placed = place(shop, 30)
    open_lane(shop)
    until(lambda: "review" in forwards(placed))
    assert not faulty.ended.wait(0.2)
    asked = len(faulty.sent("add"))
    assert asked <= 1 + lanes_module.CONNECTIONS
    found = sorted(forwards(placed))
    assert found == ["review"] * (asked - 1) + ["sent"] + ["waiting"] * (30 - asked)


# Kinds of requests

ODD: dict[str, Callable[[Call], Iterable[bytes]]] = {
    "500": says(b"no", 500),
    "HTML": says(b"<html>"),
    "a text": says("Welcome"),
    "a wrong object": says({"message": "Welcome"}),
    "a refusal": says({"error": "Invalid action"}),
    "a refusal that passes": says({"error": "Too many requests"}, 429),
    "silence": hang,
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize(
    "action", ["balance", "status", "services", "cancel", "refill", "refill_status"]
)
def test_a_kind_of_request_that_fails_holds_up_no_other(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, action: str, name: str
) -> None:
    Service.update(cancel=True, refill=True).where(Service.id == shop.service).execute()
    faulty.services[1] |= {"min": 1, "max": 1000, "cancel": True, "refill": True}
    stays, canceled, refilled, refilling = placed = sent_there(shop, 4)
    for order_id in (refilled, refilling):
        transition.change(order_id, status="Completed")
        refills.request(account_id(), [order_id])
    (running,) = Refill.select().where(Refill.order == refilling)
    faulty.refills[1] = "completed"
    refills.record_accepted(running.id, "1", 0)
    transition.change(canceled, status="In progress")
    cancels.request(account_id(), [canceled])
    Provider.update(sync_wanted=True, currency="USD").where(Provider.id == shop.provider).execute()
    shop.row = row_of(shop)
    faulty.plan(action, Fault(ODD[name]), forever=True)

    open_lane(shop)
    more = place(shop, 8)
    until(lambda: none_waits(more))
    assert forwards(more) == ["sent"] * 8
    others = {"balance", "services", "cancel", "refill", "refill_status"} - {action}
    if action == "balance":
        others.remove("services")  # no price is believed whose currency is not known
    for other in others:
        until(partial(faulty.sent, other))
    if action != "status":
        complete(faulty)
        follow_until(placed, lambda: statuses([stays]) == ["Completed"])
    if action != "refill_status":
        until(lambda: Refill.get_by_id(running.id).status == "completed")
    if action not in ("cancel", "status"):
        until(lambda: Cancel.get(Cancel.order == canceled).status != "pending")
    assert row_of(shop).stopped_because == ""
    faulty.ended.set()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written of failing providers, in turn."""
    written: list[str] = []
    record = registry.record_failing

    def recording(provider_id: int, because: str) -> None:
        written.append(because)
        record(provider_id, because)

    monkeypatch.setattr(registry, "record_failing", recording)
    return written


@pytest.mark.parametrize("action", ["balance", "status", "services", "add"])
def test_a_kind_that_fails_is_named_once_until_it_is_answered_again(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
    named: list[str],
    action: str,
) -> None:
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 0)
    if action == "status":
        sent_there(shop, 1)
    wanted = action == "services"
    Provider.update(sync_wanted=wanted, currency="USD").where(
        Provider.id == shop.provider
    ).execute()
    shop.row = row_of(shop)
    faulty.plan(action, *[Fault(says({"error": "Too many requests"}, 429))] * 20)

    def try_all() -> bool:
        Order.update(poll_at=0, send_at=0).where(Order.provider == shop.provider).execute()
        return len(faulty.sent(action)) > 20

    open_lane(shop)
    placed = place(shop, 1) if action == "add" else []
    until(try_all)
    until(lambda: row_of(shop).failing_because == "")
    assert named == [f"{action}: Too many requests", ""]
    assert row_of(shop).failing_since is None
    assert none_waits(placed)


def test_a_provider_that_is_not_reached_is_named_with_everything(
    shop: SimpleNamespace, open_lane: OpenLane
) -> None:
    down = open_shop(f"http://127.0.0.1:{free_port()}/api/v2")
    open_lane(down)
    until(lambda: row_of(down).failing_because)
    assert row_of(down).failing_because.startswith("everything: the provider cannot be reached")
    assert row_of(down).failing_since


def test_a_lane_goes_on_with_what_failed_before(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    registry.record_failing(shop.provider, "balance: HTTP 500")
    shop.row = row_of(shop)
    open_lane(shop)
    until(lambda: row_of(shop).failing_because == "")


def test_a_provider_that_tells_no_balance_does_not_fail(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, named: list[str]
) -> None:
    faulty.plan("balance", Fault(says({"error": "Incorrect action"})), forever=True)
    placed = place(shop, 4)
    open_lane(shop)
    until(lambda: none_waits(placed))
    assert faulty.sent("balance")
    assert named == []


def test_of_several_that_fail_one_is_named_at_a_time(
    shop: SimpleNamespace, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(shop.provider, "")
    for kind in ("status", "refill", "status", EVERYTHING, "refill"):
        failing.began(kind, "down")
    failing.ended("cancel")
    failing.ended("status")
    failing.ended("add")
    expected = ["status: down", "everything: down", "status: down", "refill: down"]
    assert named == expected
    failing.forget_old()
    assert named == expected
    monkeypatch.setattr("worker.failing.FORGOTTEN_S", 0)
    failing.forget_old()
    assert named == [*expected, ""]


def test_a_fault_of_our_own_pauses_its_kind_alone(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: Any) -> None:
        raise KeyError

    monkeypatch.setattr("worker.poll.poll_statuses", breaks)
    sent_there(shop)
    open_lane(shop)
    more = place(shop, 5)
    until(lambda: none_waits(more))
    assert forwards(more) == ["sent"] * 5


# Lists


@pytest.mark.parametrize(
    "fault", [Fault(says(b"no", 500)), Fault(says({"error": "Incorrect order ID"}, 404))]
)
def test_one_odd_order_holds_up_no_others(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, fault: Fault
) -> None:
    placed = sent_there(shop, 9)
    complete(faulty)
    faulty.spoils["5"] = fault
    open_lane(shop)
    rest = [order_id for order_id in placed if order_id != placed[4]]
    until(lambda: statuses(rest) == ["Completed"] * 8)
    until(lambda: lookup.get(placed[4]).warning)
    assert statuses([placed[4]]) == ["Pending"]

    # From now on it spoils no list.
    more = place(shop, 4)
    until(lambda: none_waits(more))
    complete(faulty)
    before = len(faulty.sent("status"))
    follow_until([placed[4], *more], lambda: statuses(more) == ["Completed"] * 4)
    lists = [sent["orders"] for sent in faulty.sent("status")[before:] if "orders" in sent]
    assert all("5" not in listed.split(",") or listed == "5" for listed in lists)
    # And it is well as soon as the provider says so.
    del faulty.spoils["5"]
    follow_until(placed, lambda: statuses([placed[4]]) == ["Completed"])


def test_an_order_that_is_refused_for_now_pauses_nothing(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    placed = sent_there(shop, 5)
    complete(faulty)
    faulty.spoils["2"] = Fault(says({"error": "Order 2 is temporarily unavailable"}))
    open_lane(shop)
    rest = [order_id for order_id in placed if order_id != placed[1]]
    until(lambda: statuses(rest) == ["Completed"] * 4)
    until(lambda: lookup.get(placed[1]).warning)
    del faulty.spoils["2"]
    follow_until(placed, lambda: statuses([placed[1]]) == ["Completed"])


@pytest.mark.parametrize("form", ["alone", "list"])
def test_a_provider_that_knows_one_form_only_is_followed_in_it(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, form: str
) -> None:
    Service.update(cancel=True, refill=True).where(Service.id == shop.service).execute()
    faulty.forms = {form}
    placed = sent_there(shop, 6)
    canceled, kept = sent_there(shop, 2)
    for order_id in (canceled, kept):
        transition.change(order_id, status="In progress")
    cancels.request(account_id(), [canceled, kept])
    for order_id in placed[:3]:
        transition.change(order_id, status="Completed")
    refills.request(account_id(), list(placed[:3]))
    complete(faulty)
    for number in (7, 8):
        faulty.orders[number] |= {"status": "In progress", "remains": 50}
    open_lane(shop)
    until(lambda: statuses(placed) == ["Completed"] * 6)
    until(lambda: len(faulty.refills) == 3)
    for number in faulty.refills:
        faulty.refills[number] = "completed"

    def refills_are_completed() -> bool:
        Refill.update(poll_at=0).execute()
        done = Refill.select().where(Refill.order.in_(placed), Refill.status == "completed")
        return done.count() == 3

    until(refills_are_completed)
    waiting = Cancel.select().where(Cancel.order.in_([canceled, kept]), Cancel.passed_on == 0)
    until(lambda: not waiting.exists())
    learned = AskedSingly.select().where(AskedSingly.provider == shop.provider)
    known = {row.action for row in learned}
    assert "status" in known if form == "alone" else known == set()


def test_what_a_provider_cannot_do_is_kept_and_tried_again_after_a_day(
    shop: SimpleNamespace, clock: Clock
) -> None:
    assert not abilities.asked_singly(shop.provider, "status")
    abilities.learn(shop.provider, "status")
    abilities.learn(shop.provider, "status")
    assert abilities.asked_singly(shop.provider, "status")
    assert not abilities.asked_singly(shop.provider, "cancel")
    clock.move(seconds=abilities.RELEARN_S)
    assert not abilities.asked_singly(shop.provider, "status")
    abilities.forget(shop.provider, "status")
    assert not abilities.asked_singly(shop.provider, "status")


# Refills


@pytest.fixture
def refillable(shop: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Two completed orders whose customer asked for refills; nothing is put off for long."""
    monkeypatch.setattr(lanes_module, "FIRST_PAUSE_S", 0)
    Service.update(refill=True).where(Service.id == shop.service).execute()
    placed = sent_there(shop, 2)
    for order_id in placed:
        transition.change(order_id, status="Completed")
    return [
        number for number in refills.request(account_id(), list(placed)) if isinstance(number, int)
    ]


def come_due_again(wanted: list[int]) -> bool:
    Refill.update(send_at=0).where(Refill.id.in_(wanted)).execute()
    return True


@pytest.mark.parametrize(
    ("reply", "most"),
    [
        (says({"status": "success"}), refills.MAX_UNNUMBERED),
        (says({"refill": True}), refills.MAX_UNNUMBERED),
        (says([]), refills.MAX_UNNUMBERED),
        (says(b"no", 500), refills.MAX_UNCLEAR),
    ],
)
def test_a_refill_without_a_number_waits_for_a_person_and_holds_up_no_other(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    refillable: list[int],
    reply: Callable[[Call], Iterable[bytes]],
    most: int,
) -> None:
    odd, good = refillable
    faulty.spoils["1"] = Fault(reply)
    open_lane(shop)
    until(lambda: come_due_again(refillable) and Refill.get_by_id(odd).warning)
    until(lambda: Refill.get_by_id(good).provider_refill == "1")
    asked = [sent for sent in faulty.sent("refill") if sent["order"] == "1"]
    come_due_again(refillable)
    assert not faulty.ended.wait(0.1)
    assert len(asked) == most
    assert len([sent for sent in faulty.sent("refill") if sent["order"] == "1"]) == most
    assert Refill.get_by_id(odd).status == "pending"
    # A person who knows what became of it says so; or has it asked for again.
    faulty.spoils.clear()
    refills.set_status(odd, "pending")
    until(lambda: Refill.get_by_id(odd).provider_refill == "2")
    assert Refill.get_by_id(odd).warning == ""


def test_a_refill_is_asked_for_with_a_list_where_the_other_form_is_refused(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, refillable: list[int]
) -> None:
    faulty.plan("refill", Fault(says({"error": "Incorrect request"}, 422)), None)
    open_lane(shop)
    until(lambda: all(Refill.get_by_id(number).provider_refill for number in refillable))
    first, second, *_ = faulty.sent("refill")
    assert (first["order"], second["orders"]) == ("1", "1")


def test_a_refill_whose_word_is_not_known_says_so_and_is_asked_for_again(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane, refillable: list[int]
) -> None:
    open_lane(shop)
    until(lambda: len(faulty.refills) == 2)
    faulty.refills |= {1: "Refilling now", 2: "completed"}

    def is_asked_again(wanted: Callable[[Refill], bool]) -> bool:
        Refill.update(poll_at=0).where(Refill.id.in_(refillable)).execute()
        return wanted(Refill.get_by_id(refillable[0]))

    until(lambda: is_asked_again(lambda refill: refill.warning == "status 'Refilling now'"))
    until(lambda: Refill.get_by_id(refillable[1]).status == "completed")
    faulty.refills[1] = "completed"
    until(lambda: is_asked_again(lambda refill: refill.status == "completed"))
    assert Refill.get_by_id(refillable[0]).warning == ""


# Funds and prices


def test_orders_that_wait_for_funds_go_out_once_each_when_funds_have_risen(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "FUNDS_EVERY_S", 0)
    faulty.funds = "0.0010"
    refusal = Fault(says({"error": "Insufficient wallet"}))
    faulty.plan("add", refusal, forever=True)
    placed = place(shop, 8)
    open_lane(shop)
    until(lambda: all(lookup.get(order_id).held_because == "funds" for order_id in placed))
    read = len(faulty.sent("balance"))
    until(lambda: len(faulty.sent("balance")) > read + 2)
    assert forwards(placed) == ["waiting"] * 8
    assert len(faulty.sent("add")) == 8
    faulty.plan("add", None)
    faulty.funds = "50.0000"
    until(lambda: none_waits(placed))
    assert forwards(placed) == ["sent"] * 8
    links = [sent["link"] for sent in faulty.sent("add")[8:]]
    assert lookup.get(placed[0]).link in links[: lanes_module.CONNECTIONS]
    assert sorted(faulty.taken().values()) == [1] * 8
    assert refunded(placed) == []


def test_funds_that_rise_not_far_enough_are_tried_with_a_few_orders_alone(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes_module, "FUNDS_EVERY_S", 0)
    faulty.funds = "0.0010"
    faulty.plan("add", Fault(says({"error": "Insufficient wallet"})), forever=True)
    placed = place(shop, 40)
    open_lane(shop)
    until(lambda: all(lookup.get(order_id).held_because == "funds" for order_id in placed))
    assert len(faulty.sent("add")) == 40
    for funds in ("0.0011", "0.0012", "0.0013"):
        asked = len(faulty.sent("add"))
        faulty.funds = funds
        until(partial(lambda asked: len(faulty.sent("add")) > asked, asked))
        until(lambda: all(lookup.get(order_id).send_at for order_id in placed))
    assert not faulty.ended.wait(0.2)
    most = lanes_module.MOST_WITHOUT_FUNDS + lanes_module.CONNECTIONS
    assert len(faulty.sent("add")) <= 40 + 3 * most
    assert forwards(placed) == ["waiting"] * 40
    assert sorted({lookup.get(order_id).attempts for order_id in placed}) == [1]


def test_prices_that_are_wanted_are_read_at_once_and_not_all_the_time(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    Provider.update(currency="USD").where(Provider.id == shop.provider).execute()
    shop.row = row_of(shop)
    open_lane(shop)
    until(lambda: faulty.sent("balance"))
    assert faulty.sent("services") == []
    for _ in range(2):
        Provider.update(sync_wanted=True).where(Provider.id == shop.provider).execute()
        until(lambda: faulty.sent("services"))
    assert not faulty.ended.wait(0.2)
    assert len(faulty.sent("services")) == 1
    assert row_of(shop).sync_wanted


def test_a_quantity_that_the_provider_refuses_has_its_range_read_again(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    Provider.update(currency="USD").where(Provider.id == shop.provider).execute()
    shop.row = row_of(shop)
    faulty.services[1]["min"] = 500
    faulty.plan("add", Fault(says({"error": "Quantity less than minimum 500"})))
    (order_id,) = place(shop, 1)
    open_lane(shop)
    until(lambda: Service.get_by_id(shop.service).min == 500)
    assert statuses([order_id]) == ["Canceled"]
    assert refunded([order_id]) == [order_id]


# Subscriptions


def test_the_orders_inside_a_subscription_are_asked_for_and_charged_once_each(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    Service.update(type="Subscriptions").where(Service.id == shop.service).execute()
    details = {"username": "a", "min": 10, "max": 200, "delay": 5, "posts": 10}
    caller = accounts.caller(account_id())
    offer = pricing.find_offer(caller, shop.service)
    assert offer is not None
    order_id = place_order(caller.id, offer, OrderRequest("", None, details))
    outgoing = dispatch.claim(shop.provider)
    assert outgoing is not None
    send.send(shop.client, outgoing, 0, 0, 0)
    faulty.orders[1] |= {"status": "Active", "expiry": True, "posts": 10, "orders": [901, 902]}
    for number, quantity in ((901, 50), (902, 100)):
        faulty.orders[number] = {"status": "Pending", "remains": quantity, "quantity": quantity}
    open_lane(shop)
    until(lambda: len(lookup.parts_of(order_id)) == 2)
    follow_until(
        [order_id],
        lambda: len([sent for sent in faulty.sent("status") if "1" in str(sent)]) > 2,
    )
    posts = lookup.parts_of(order_id)
    assert [(post.provider_order, post.quantity) for post in posts] == [("901", 50), ("902", 100)]
    assert [post.charge_micros for post in posts] == [50_000, 100_000]


# Our key, which a provider may repeat


@pytest.mark.parametrize(
    "repeated", [KEY, KEY.upper(), "".join(f"\\u{ord(c):04X}" for c in KEY)], ids=len
)
def test_a_key_that_is_repeated_comes_into_no_row_and_no_log(
    shop: SimpleNamespace,
    faulty: FaultyProvider,
    open_lane: OpenLane,
    caplog: pytest.LogCaptureFixture,
    repeated: str,
) -> None:
    answer = f'{{"error": "Account {repeated} is suspended"}}'.encode()
    for action in ("add", "balance", "services"):
        faulty.plan(action, Fault(says(answer, 403)), forever=True)
    placed = place(shop, 1)
    with caplog.at_level(logging.INFO, "panel.worker"):
        open_lane(shop)
        until(lambda: "rejected" in caplog.text and "balance" in caplog.text)
        until(lambda: Order.get_by_id(placed[0]).warning)
    order = Order.get_by_id(placed[0])
    told = f"{order.warning} {order.held_text} {caplog.text}"
    assert "Account [key] is suspended" in told
    assert KEY.lower() not in told.lower()
    assert repeated not in told


def test_an_address_with_our_key_is_not_where_the_panel_moved_to(
    shop: SimpleNamespace, faulty: FaultyProvider, open_lane: OpenLane
) -> None:
    path = KEY.replace("5", "%35").upper()
    faulty.plan("add", moved(301, f"https://new.example/{path}/v2"), forever=True)
    place(shop, 1)
    open_lane(shop)
    until(lambda: row_of(shop).stopped_because)
    assert row_of(shop).moved_to == "https://new.example/KEY/v2"
    assert "https://new.example/KEY/v2" in row_of(shop).stopped_because
