"""Drip-feed: charged at once, delivered run by run, by the provider or by the panel itself."""

import itertools
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import hypothesis
import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from hypothesis import strategies as st
from support.clock import Clock
from support.orders import balance
from support.recorder import CUT, Lane, Recorder, sandbox_lane

from database import compiled_query
from models import Order
from panel import accounts, ledger, pricing, queries, services
from panel.errors import INCORRECT_ORDER_ID
from panel.money import MICROS
from panel.orders import dispatch, dripfeed, events, lookup, place, status_sync
from panel.orders.place import OrderRequest, place_order
from panel.orders.refusal import Refusal
from panel.orders.status_sync import ProviderStatus
from panel.providers import registry
from panel.providers.registry import ProviderAccount

pytestmark = pytest.mark.usefixtures("books_are_right")

LINK = "https://a.example/drip"
PENDING = {"status": "Pending"}
WORKING = {"status": "In progress", "start_count": 50, "remains": 30}
COMPLETED = {"status": "Completed", "start_count": 50, "remains": 0}
CANCELED = {"status": "Canceled", "charge": "0", "remains": 100}

State = dict[str, Any]


@pytest.fixture
def service(cast: SimpleNamespace) -> int:
    """5.00 per 1000, 10 to 1000 in all runs together."""
    return services.add(
        name="Drip", category="Social", rate_micros=5 * MICROS, min=10, max=1000, cancel=True,
        refill=True, dripfeed=True,
    )  # fmt: skip


@pytest.fixture
def order(call: Callable[..., Any], service: int) -> Callable[..., int]:
    """Alice orders 100 three times, an hour apart: 1.50 of her 100."""

    def order(**params: Any) -> int:
        wanted = {"quantity": 100, "runs": 3, "interval": 60, **params}
        return call("add", service=service, link=LINK, **wanted)["order"]

    return order


def state(order_id: int) -> tuple[str, int, int]:
    """What the customer sees: status, remains, and what is kept of the charge."""
    found = lookup.find(accounts.get("alice").id, order_id)
    return found.status, found.remains, found.charge_micros


def part_numbers(order_id: int) -> list[int]:
    query = Order.select(Order.id).where(Order.parent == order_id).order_by(Order.part)
    return [part_id for (part_id,) in compiled_query.rows(query.tuples())]


def test_a_provider_with_drip_feed_gets_the_whole_in_one_order(
    recorder: Recorder, lane: Lane, order: Callable[..., int], service: int
) -> None:
    lane.sells(service, dripfeed=True)
    number = order()
    lane.run()

    assert recorder.adds == [
        {"service": f"9{service}", "link": LINK, "quantity": "100", "runs": "3", "interval": "60"}
    ]
    recorder.states["700"] = {"status": "In progress", "start_count": 5, "remains": 120}
    lane.run()
    assert state(number) == ("In progress", 120, 1_500_000)
    recorder.states["700"] = {"status": "Partial", "start_count": 5, "remains": 60}
    lane.run()
    assert state(number) == ("Partial", 60, 1_200_000)
    assert part_numbers(number) == []
    assert len(recorder.adds) == 1


def test_otherwise_the_panel_sends_one_part_at_each_interval(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int], service: int
) -> None:
    number = order()
    assert balance() == 98_500_000
    seen = []
    for minute in (0, 59, 60, 61, 120, 240):
        clock.seconds = 1_800_000_000 + minute * 60
        lane.run()
        sent = len(recorder.adds)
        recorder.states[f"{699 + sent}"] = COMPLETED
        lane.run()
        seen.append((minute, sent, *state(number)[:2]))

    assert seen == [
        (0, 1, "In progress", 200),
        (59, 1, "In progress", 200),
        (60, 2, "In progress", 100),
        (61, 2, "In progress", 100),
        (120, 3, "Completed", 0),
        (240, 3, "Completed", 0),
    ]
    assert recorder.adds == [{"service": f"9{service}", "link": LINK, "quantity": "100"}] * 3
    assert len(set(recorder.keys)) == 3
    assert state(number) == ("Completed", 0, 1_500_000)
    assert balance() == 98_500_000


def test_a_part_waits_for_the_end_of_the_one_before(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int]
) -> None:
    order()
    lane.run()
    recorder.states["700"] = WORKING
    clock.move(minutes=500)
    lane.run()
    assert len(recorder.adds) == 1

    recorder.states["700"] = COMPLETED
    lane.run()
    assert len(recorder.adds) == 2
    clock.move(minutes=59)
    recorder.states["701"] = COMPLETED
    lane.run()
    assert len(recorder.adds) == 2, "the interval counts from the beginning of the last part"


def test_the_status_tells_of_the_whole(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int], call: Any
) -> None:
    number = order()
    told = []
    for part in ("700", "701", "702"):
        for said in (PENDING, WORKING, COMPLETED):
            if part in recorder.states:
                recorder.states[part] = said
            lane.run()
            answer = call("status", order=number)
            told.append((answer["status"], answer["start_count"], answer["remains"]))
        clock.move(minutes=60)

    assert told == [
        ("Pending", 0, 300),
        ("In progress", 50, 230),
        ("In progress", 50, 200),
        ("In progress", 50, 200),
        ("In progress", 50, 130),
        ("In progress", 50, 100),
        ("In progress", 50, 100),
        ("In progress", 50, 30),
        ("Completed", 50, 0),
    ]
    assert call("status", orders=number)[str(number)] == call("status", order=number)


def test_the_parts_are_hidden_from_the_customer(
    recorder: Recorder,
    lane: Lane,
    order: Callable[..., int],
    call: Any,
    client: FlaskClient,
    runner: FlaskCliRunner,
) -> None:
    number = order()
    lane.run()
    recorder.states["700"] = COMPLETED
    lane.run()
    (part,) = part_numbers(number)
    unknown = 10**9

    for action, name in [
        ("status", "order"),
        ("status", "orders"),
        ("refill", "order"),
        ("refill", "orders"),
        ("cancel", "orders"),
        ("cancel", "order"),
    ]:
        told = json.dumps(call(action, **{name: part}))
        nothing = json.dumps(call(action, **{name: unknown}))
        assert INCORRECT_ORDER_ID.text in told
        assert told == nothing.replace(str(unknown), str(part))
    shown = json.loads(runner.invoke(args=["order", "show", str(part), "--json"]).stdout)
    assert (shown["part_of"], shown["charge"], shown["quantity"]) == (number, "0.00", 100)


def test_a_part_that_the_customer_asks_to_cancel_goes_on(
    recorder: Recorder, lane: Lane, order: Callable[..., int], call: Any
) -> None:
    number = order()
    lane.run()
    (part,) = part_numbers(number)
    call("cancel", orders=part)
    lane.run()

    assert recorder.cancels == []
    assert lookup.get(part).status == "Pending"


PARTIAL = {"status": "Partial", "start_count": 50, "remains": 40}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([COMPLETED, COMPLETED, COMPLETED], ("Completed", 0, 1_500_000)),
        ([COMPLETED, PARTIAL, COMPLETED], ("Partial", 40, 1_300_000)),
        ([PARTIAL, PARTIAL, PARTIAL], ("Partial", 120, 900_000)),
        ([COMPLETED, CANCELED, COMPLETED], ("Partial", 100, 1_000_000)),
        ([CANCELED, CANCELED, COMPLETED], ("Partial", 200, 500_000)),
        ([CANCELED, CANCELED, CANCELED], ("Canceled", 300, 0)),
        ([CANCELED, PARTIAL, COMPLETED], ("Partial", 140, 800_000)),
    ],
)
def test_what_the_parts_leave_undelivered_is_paid_back_at_the_end(
    recorder: Recorder,
    lane: Lane,
    clock: Clock,
    order: Callable[..., int],
    ends: list[State],
    expected: tuple[str, int, int],
) -> None:
    number = order()
    for position, end in enumerate(ends):
        assert state(number)[2] == 1_500_000, "nothing is paid back before the end"
        lane.run()
        recorder.states[f"{700 + position}"] = end
        lane.run()
        clock.move(minutes=60)

    assert state(number) == expected
    assert balance() == 100 * MICROS - expected[2]
    lane.run()
    assert (state(number), len(recorder.adds)) == (expected, 3)


@pytest.mark.parametrize(
    ("plan", "sent", "expected"),
    [
        (["Incorrect link"], 0, ("Canceled", 300, 0)),
        ([None, "Incorrect link"], 1, ("Partial", 200, 500_000)),
        ([None, None, "Incorrect link"], 2, ("Partial", 100, 1_000_000)),
    ],
    ids=["the first", "the second", "the last"],
)
def test_a_part_that_nobody_takes_stops_the_rest(
    recorder: Recorder,
    lane: Lane,
    clock: Clock,
    order: Callable[..., int],
    plan: list[str | None],
    sent: int,
    expected: tuple[str, int, int],
) -> None:
    recorder.plan = plan
    number = order()
    for _ in range(5):
        lane.run()
        recorder.states = dict.fromkeys(recorder.states, COMPLETED)
        lane.run()
        clock.move(minutes=60)

    assert state(number) == expected
    assert len(recorder.adds) == sent
    assert balance() == 100 * MICROS - expected[2]


def test_a_part_in_review_holds_the_rest_until_a_person_has_decided(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int]
) -> None:
    recorder.plan = [CUT]
    number = order()
    for _ in range(3):
        lane.run()
        clock.move(minutes=60)
    assert len(recorder.adds) == 1
    (part,) = part_numbers(number)
    assert [row["id"] for row in queries.orders_in_review()] == [part]

    dispatch.attach(part, "700")
    recorder.states["700"] = COMPLETED
    lane.run()
    assert len(recorder.adds) == 2
    assert state(number) == ("In progress", 200, 1_500_000)


def test_a_cancel_before_anything_was_sent(
    recorder: Recorder, lane: Lane, order: Callable[..., int], call: Any
) -> None:
    number = order()
    assert call("cancel", orders=number) == {str(number): {"cancel": "requested"}}
    lane.run()

    assert state(number) == ("Canceled", 300, 0)
    assert (recorder.adds, balance()) == ([], 100 * MICROS)


def test_a_cancel_before_the_first_part(
    recorder: Recorder, lane: Lane, order: Callable[..., int], call: Any
) -> None:
    number = order()
    lane.send()
    assert (lookup.get(number).dispatch_state, part_numbers(number)) == ("parts", [])
    call("cancel", orders=number)
    lane.run()

    assert state(number) == ("Canceled", 300, 0)
    assert (recorder.adds, balance()) == ([], 100 * MICROS)


def test_a_cancel_while_a_part_waits_to_be_sent(
    recorder: Recorder, lane: Lane, order: Callable[..., int], call: Any
) -> None:
    number = order()
    lane.send()
    dripfeed.run_due(0)
    call("cancel", orders=number)
    for _ in range(2):
        lane.run()

    assert state(number) == ("Canceled", 300, 0)
    assert recorder.adds == []


def test_a_cancel_in_the_middle_of_a_part(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int], call: Any
) -> None:
    number = order()
    lane.run()
    recorder.states["700"] = COMPLETED
    clock.move(minutes=60)
    lane.run()
    recorder.states["701"] = WORKING
    lane.run()
    call("cancel", orders=number)
    for _ in range(3):
        lane.run()
    assert recorder.cancels == ["701"], "the provider is asked once"
    assert state(number) == ("In progress", 130, 1_500_000)

    recorder.states["701"] = {"status": "Canceled", "remains": 25}
    clock.move(minutes=600)
    for _ in range(2):
        lane.run()
    assert state(number) == ("Partial", 125, 875_000)
    assert len(recorder.adds) == 2
    assert call("cancel", orders=number) == {str(number): {"error": "Cannot cancel"}}


def test_a_cancel_between_two_parts(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int], call: Any
) -> None:
    number = order()
    lane.run()
    recorder.states["700"] = COMPLETED
    lane.run()
    call("cancel", orders=number)
    clock.move(minutes=600)
    for _ in range(3):
        lane.run()

    assert state(number) == ("Partial", 200, 500_000)
    assert (len(recorder.adds), recorder.cancels) == (1, [])


def test_a_cancel_when_the_last_part_is_completed_all_the_same(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int], call: Any
) -> None:
    number = order(runs=1)
    lane.run()
    recorder.states["700"] = WORKING
    lane.run()
    call("cancel", orders=number)
    lane.run()
    recorder.states["700"] = COMPLETED
    for _ in range(2):
        lane.run()

    assert state(number) == ("Completed", 0, 500_000)


@pytest.mark.parametrize("knows_keys", [True, False])
def test_a_part_in_doubt_is_not_taken_for_unsent(
    recorder: Recorder, lane: Lane, order: Callable[..., int], call: Any, knows_keys: bool
) -> None:
    recorder.idempotent = knows_keys
    if knows_keys:
        registry.record_account(lane.row.id, ProviderAccount("", True), "USD")
    recorder.plan = [CUT]
    number = order()
    lane.run()
    call("cancel", orders=number)
    for _ in range(3):
        lane.run()

    assert len(recorder.adds) == 1
    assert state(number) == ("Pending", 300, 1_500_000)


def test_parts_cost_the_customer_nothing_even_without_funds(
    recorder: Recorder, lane: Lane, clock: Clock, order: Callable[..., int]
) -> None:
    number = order()
    accounts.fund("alice", -balance())
    for _ in range(8):
        lane.run()
        recorder.states = dict.fromkeys(recorder.states, COMPLETED)
        lane.run()
        clock.move(minutes=60)

    assert state(number) == ("Completed", 0, 1_500_000)
    assert (len(recorder.adds), balance()) == (3, 0)


def test_the_sandbox_delivers_a_drip_feed_part_by_part(
    clock: Clock, order: Callable[..., int], service: int
) -> None:
    lane = sandbox_lane()
    lane.sells(service)
    number = order(interval=1)
    lane.run()
    remains = []
    for _ in range(12):
        lane.run()
        remains.append(state(number)[1])
        clock.move(seconds=20)

    assert state(number) == ("Completed", 0, 1_500_000)
    assert remains == sorted(remains, reverse=True)
    assert {300, 200, 100, 0} <= set(remains)


def test_by_hand_a_drip_feed_is_one_order(
    order: Callable[..., int], clock: Clock, runner: FlaskCliRunner
) -> None:
    number = order()
    dripfeed.run_due(0)
    assert part_numbers(number) == []

    args = ["order", "set", str(number), "--status", "Partial", "--remains", "100"]
    assert runner.invoke(args=args).exit_code == 0
    assert state(number) == ("Partial", 100, 1_000_000)


ENDS = st.one_of(
    st.just(("Completed", 0)),
    st.tuples(st.just("Partial"), st.integers(1, 50)),
    st.tuples(st.just("Canceled"), st.integers(1, 50)),
    st.just(("failed", 50)),
)
_numbers = itertools.count(1)


@hypothesis.settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@hypothesis.given(
    rate_micros=st.integers(1, 50_000_000),
    ends=st.lists(ENDS, min_size=1, max_size=5),
)
def test_what_is_kept_and_what_is_paid_back_is_the_charge(
    app: object, lane: Lane, service: int, rate_micros: int, ends: list[tuple[str, int]]
) -> None:
    """Whatever becomes of each part of 50."""
    services.edit(service, rate_micros=rate_micros)
    caller = accounts.caller(accounts.get("alice").id)
    before = balance()
    wanted = OrderRequest(LINK, 50, runs=len(ends), interval=1)
    number = place_order(caller.id, pricing.offer_for(caller, service), wanted)
    charge = lookup.get(number).charge_micros
    assert charge == max((rate_micros * 50 * len(ends) * 2 + 1000) // 2000, 1)

    lane_id = lane.row.id
    assert dispatch.claim(lane_id) is None, "it goes in parts"
    undelivered, stopped = 0, False
    for status, remains in ends:
        if stopped:
            undelivered += 50
            continue
        Order.update(poll_at=0).where(Order.id == number).execute()
        Order.update(created_at=0).where(Order.parent == number).execute()
        dripfeed.run_due(0)
        sent = dispatch.claim(lane_id)
        assert sent is not None
        if status == "failed":
            dispatch.record_rejected(sent.order_id, "Incorrect link", Refusal.FINAL, 0)
            stopped = True
        else:
            dispatch.record_accepted(sent.order_id, f"n{next(_numbers)}", 0)
            status_sync.apply_statuses({sent.order_id: ProviderStatus(status, 0, remains)}, 0)
        undelivered += remains
    dripfeed.run_due(0)

    quantity = 50 * len(ends)
    refund = (charge * undelivered * 2 + quantity) // (2 * quantity)
    end = "Partial" if 0 < undelivered < quantity else "Canceled" if undelivered else "Completed"
    assert state(number) == (end, undelivered, charge - refund)
    assert balance() == before - charge + refund
    assert list(ledger.check()) == []
    accounts.fund("alice", charge - refund + 1)


def test_a_drip_feed_that_cannot_be_moved_on_stops_only_itself(
    recorder: Recorder,
    lane: Lane,
    clock: Clock,
    order: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad, good = order(), order()
    lane.send()
    insert = place.insert_charged

    def failing(*args: Any, parent_id: int, part: int) -> int:
        if parent_id == bad:
            raise TypeError("with a secret")
        return insert(*args, parent_id=parent_id, part=part)

    monkeypatch.setattr(dripfeed, "insert_charged", failing)
    dripfeed.run_due(15)

    assert (part_numbers(bad), len(part_numbers(good))) == ([], 1)
    why = "it cannot be moved on: an internal error (TypeError)"
    assert (lookup.get(bad).warning, lookup.get(bad).poll_at) == (why, clock.seconds + 15)
    assert state(bad) == ("Pending", 300, 1_500_000)
    assert f"drip-feed {bad} cannot be moved on" in caplog.text
    clock.move(seconds=15)
    dripfeed.run_due(15)
    told = [event["text"] for event in events.events(bad) if event["kind"] == "warning"]
    assert told == [why], "once, not at each try"
