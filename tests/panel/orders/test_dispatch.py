"""The way of an order to a provider: its steps, its money, and what never happens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import listed
from support.clock import Clock
from support.orders import balance, new_order, refunds

from database.clock import now
from database.connection import close_database, database
from database.transactions import immediate
from models import Cancel, Order, Provider, Source
from panel import accounts, pricing, queries, services
from panel.errors import CANNOT_CANCEL, OperatorError
from panel.money import MICROS
from panel.orders import cancels, dispatch, events, lookup, rejections, transition
from panel.orders.refusal import Refusal
from panel.orders.rejections import MAX_ATTEMPTS
from panel.providers import pending, registry, sources, words
from panel.providers.pending import PendingKind
from panel.providers.registry import ProviderAccount

pytestmark = pytest.mark.usefixtures("books_are_right")

CHARGE = 500_000
"""What 100 followers cost the customer, at 5.00 per 1000."""
COST = 90_000
"""What they cost us, at 0.90."""
LINK = "https://a.example/?a=1&b=2"
WAITS = "You have active order with this link"
FINAL = "Incorrect link"
HOLD_S = 7200

Place = Callable[..., int]


def asked(service: str, quantity: int, package: bool = False) -> dict[str, str]:
    """What the provider is to receive."""
    parameters = {"service": service, "link": LINK}
    return parameters if package else parameters | {"quantity": str(quantity)}


@pytest.fixture
def shops(cast: SimpleNamespace) -> SimpleNamespace:
    """Followers are bought from `first`, then from `second`; views and the pack from `first`."""
    first = registry.add("first", "https://first.example/api/v2", "k" * 32, 600).id
    second = registry.add("second", "https://second.example/api/v2", "k" * 32, 600).id
    sources.set_source(cast.followers, first, listed("11", 900_000), 1)
    sources.set_source(cast.followers, second, listed("22", 1_000_000), 2)
    sources.set_source(cast.views, first, listed("12", 3300), 1)
    sources.set_source(cast.pack, first, listed("13", 3 * MICROS), 1)
    return SimpleNamespace(**vars(cast), first=first, second=second)


@pytest.fixture
def place(shops: SimpleNamespace) -> Place:
    """Place Alice's order, by default of 100 views: their only source is `first`."""

    def place(service: int | None = None, quantity: int | None = 100, link: str = LINK) -> int:
        return new_order(service or shops.views, quantity, link)

    return place


def caller() -> accounts.Caller:
    return accounts.caller(accounts.get("alice").id)


def claimed(provider_id: int) -> int:
    """Claim the next order there, which must be one."""
    outgoing = dispatch.claim(provider_id)
    assert outgoing is not None
    return outgoing.order_id


def refusal(passes: bool) -> Refusal:
    return Refusal.TEMPORARY if passes else Refusal.FINAL


def come_due(order_id: int) -> None:
    Order.update(send_at=0).where(Order.id == order_id).execute()


def story(order_id: int) -> list[tuple[str, str]]:
    return [(event["kind"], event["text"]) for event in events.events(order_id)]


# Waiting and being sent


def test_an_order_of_a_service_that_is_bought_waits_for_its_provider(
    shops: SimpleNamespace, place: Place
) -> None:
    order = lookup.get(place(shops.followers))
    assert (order.dispatch_state, order.provider_id, order.source_rank) == (
        "waiting",
        shops.first,
        1,
    )
    assert dispatch.any_to_send(shops.first)
    assert not dispatch.any_to_send(shops.second)


def test_an_order_of_a_service_that_is_bought_nowhere_is_fulfilled_by_hand(
    cast: SimpleNamespace, place: Place
) -> None:
    by_hand = services.add(name="By hand", category="Social", rate_micros=MICROS, min=1, max=10)
    order = lookup.get(place(by_hand, 5))
    assert (order.dispatch_state, order.provider_id) == ("", None)


@pytest.mark.parametrize(
    ("service", "quantity", "expected"),
    [
        ("followers", 100, ("11", 100, False)),
        ("views", 101, ("12", 101, False)),
        ("pack", None, ("13", 1, True)),
    ],
)
def test_a_claimed_order_is_marked_as_being_sent(
    shops: SimpleNamespace,
    place: Place,
    service: str,
    quantity: int | None,
    expected: tuple[str, int, bool],
) -> None:
    order_id = place(getattr(shops, service), quantity)
    theirs, number, package = expected
    outgoing = dispatch.claim(shops.first)
    assert outgoing is not None
    assert outgoing[:3] == (order_id, shops.first, asked(theirs, number, package))
    assert lookup.get(order_id).dispatch_state == "sending"
    assert story(order_id) == [("sending", f"as service {theirs}")]
    assert dispatch.claim(shops.first) is None
    assert not dispatch.any_to_send(shops.first)


def test_the_oldest_order_is_claimed_first(shops: SimpleNamespace, place: Place) -> None:
    placed = [place(link=f"https://a.example/{n}") for n in range(5)]
    assert [claimed(shops.first) for _ in placed] == placed


def test_an_order_is_claimed_by_one_of_eight_threads(shops: SimpleNamespace, place: Place) -> None:
    placed = [place(link=f"https://a.example/{n}") for n in range(40)]

    def claim_all(_: int) -> list[int]:
        got = []
        while outgoing := dispatch.claim(shops.first):
            got.append(outgoing.order_id)
        close_database()
        return got

    with ThreadPoolExecutor(8) as pool:
        got = [order_id for some in pool.map(claim_all, range(8)) for order_id in some]
    assert sorted(got) == placed


def test_an_order_goes_to_where_its_service_is_bought_by_now(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    sources.set_source(shops.views, shops.second, listed("99", 4000), 1)
    assert dispatch.claim(shops.first) is None
    outgoing = dispatch.claim(shops.second)
    assert outgoing is not None
    assert outgoing[:3] == (order_id, shops.second, asked("99", 100))


# Taken


@pytest.mark.parametrize(
    ("service", "quantity", "cost"),
    [("followers", 100, COST), ("views", 101, 333), ("pack", None, 3 * MICROS)],
)
def test_a_taken_order_keeps_its_number_there_and_its_cost(
    shops: SimpleNamespace, place: Place, service: str, quantity: int | None, cost: int
) -> None:
    order_id = place(getattr(shops, service), quantity)
    claimed(shops.first)
    dispatch.record_accepted(order_id, "4711", 99)
    order = lookup.get(order_id)
    assert (order.dispatch_state, order.provider_order, order.poll_at) == ("sent", "4711", 99)
    assert (order.status, order.cost_micros, order.warning) == ("Pending", cost, "")
    assert story(order_id)[-1] == ("sent", "the provider's number is 4711")
    assert dispatch.claim(shops.first) is None


def test_an_order_that_was_canceled_by_hand_while_it_was_taken_is_a_warning(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    claimed(shops.first)
    transition.change(order_id, status="Canceled")
    dispatch.record_accepted(order_id, "4711", 0)
    order = lookup.get(order_id)
    assert (order.status, order.dispatch_state) == ("Canceled", "sent")
    assert order.warning == "sent, though it is Canceled"


# Not sent


def test_an_order_that_was_not_sent_waits_and_counts_no_attempt(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    for _ in range(MAX_ATTEMPTS + 1):
        claimed(shops.first)
        dispatch.record_not_sent(order_id, "the provider cannot be reached", 2**40)
        order = lookup.get(order_id)
        assert (order.dispatch_state, order.attempts, order.send_at) == ("waiting", 0, 2**40)
        assert order.warning == "the provider cannot be reached"
        assert dispatch.claim(shops.first) is None
        come_due(order_id)
    assert claimed(shops.first) == order_id
    dispatch.record_accepted(order_id, "1", 0)
    assert lookup.get(order_id).warning == ""


def test_an_order_that_was_not_sent_does_not_turn_to_the_second_source(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    dispatch.record_not_sent(order_id, "the provider cannot be reached", 0)
    assert dispatch.claim(shops.second) is None
    assert claimed(shops.first) == order_id


# Refused


def test_a_final_refusal_cancels_the_order_and_pays_it_back_in_full_once(
    shops: SimpleNamespace, place: Place
) -> None:
    before = balance()
    order_id = place()
    claimed(shops.first)
    for _ in range(2):
        dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S)
        order = lookup.get(order_id)
        assert (order.status, order.dispatch_state, order.remains) == ("Canceled", "failed", 100)
        assert (order.warning, order.cost_micros) == (FINAL, 0)
        assert balance() == before
        assert refunds(order_id) == [order.charge_micros]
    assert story(order_id) == [("sending", "as service 12"), ("refused", FINAL)]
    assert dispatch.claim(shops.first) is None


def test_a_refusal_that_passes_is_tried_again_with_growing_pauses_up_to_a_limit(
    shops: SimpleNamespace, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = balance()
    order_id = place()
    moment, pauses = 10**9, []
    for module in (dispatch, rejections):
        monkeypatch.setattr(module, "now", lambda: moment)
    for attempt in range(1, MAX_ATTEMPTS):
        assert claimed(shops.first) == order_id
        dispatch.record_rejected(order_id, WAITS, Refusal.TEMPORARY, HOLD_S)
        order = lookup.get(order_id)
        assert (order.status, order.dispatch_state, order.attempts) == (
            "Pending",
            "waiting",
            attempt,
        )
        assert order.warning == WAITS
        pauses.append(order.send_at - moment)
        moment = order.send_at - 1
        assert dispatch.claim(shops.first) is None
        moment += 1
    assert pauses == [60, 120, 240, 480, 960, 1920, *[3600] * 17]
    assert refunds(order_id) == []

    claimed(shops.first)
    dispatch.record_rejected(order_id, WAITS, Refusal.TEMPORARY, HOLD_S)
    order = lookup.get(order_id)
    assert (order.status, order.dispatch_state, order.warning) == ("Canceled", "failed", WAITS)
    assert balance() == before
    assert refunds(order_id) == [order.charge_micros]


def test_a_clear_refusal_turns_to_the_second_source(shops: SimpleNamespace, place: Place) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S)
    assert lookup.get(order_id).status == "Pending"
    assert dispatch.claim(shops.first) is None
    outgoing = dispatch.claim(shops.second)
    assert outgoing is not None
    assert outgoing[:3] == (order_id, shops.second, asked("22", 100))
    dispatch.record_accepted(order_id, "8", 0)
    order = lookup.get(order_id)
    assert (order.provider_id, order.provider_order, order.dispatch_state) == (
        shops.second,
        "8",
        "sent",
    )
    assert (order.cost_micros, order.warning) == (100_000, "")


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
    ids=["both final", "the first may pass", "the second may pass", "both may pass"],
)
def test_what_both_sources_refuse_is_given_up_unless_one_of_them_may_pass(
    shops: SimpleNamespace, place: Place, first: bool, second: bool, waits: bool
) -> None:
    before = balance()
    order_id = place(shops.followers)
    assert balance() == before - CHARGE
    assert claimed(shops.first) == order_id
    dispatch.record_rejected(order_id, "the first's no", refusal(first), HOLD_S)
    assert claimed(shops.second) == order_id
    dispatch.record_rejected(order_id, "the second's no", refusal(second), HOLD_S)
    order = lookup.get(order_id)
    assert order.warning == "the second's no"
    assert [text for kind, text in story(order_id) if kind == "refused"] == [
        "the first's no",
        "the second's no",
    ]
    if not waits:
        assert (order.status, order.dispatch_state) == ("Canceled", "failed")
        assert (balance(), refunds(order_id)) == (before, [CHARGE])
        return
    assert (order.status, order.dispatch_state, order.attempts) == ("Pending", "waiting", 1)
    assert refunds(order_id) == []
    # The next round begins with the first source, and remembers nothing of the last one.
    come_due(order_id)
    assert claimed(shops.first) == order_id
    dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S)
    assert claimed(shops.second) == order_id
    dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S)
    assert lookup.get(order_id).status == "Canceled"
    assert refunds(order_id) == [CHARGE]


def test_an_order_that_turned_to_a_second_source_that_is_gone_goes_back_to_the_first(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    dispatch.record_rejected(order_id, WAITS, Refusal.TEMPORARY, HOLD_S)
    third = registry.add("third", "https://third.example/api/v2", "k" * 32, 600).id
    sources.set_source(shops.followers, third, listed("33", 1), 2)
    assert dispatch.claim(shops.second) is None
    assert claimed(shops.first) == order_id


# Unknown


def test_what_nobody_knows_waits_for_a_person_and_is_never_sent_by_itself(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    before = balance()
    dispatch.mark_in_doubt(order_id, "no whole answer")
    come_due(order_id)
    order = lookup.get(order_id)
    assert (order.status, order.dispatch_state, order.warning) == (
        "Pending",
        "review",
        "no whole answer",
    )
    assert (balance(), refunds(order_id)) == (before, [])
    assert story(order_id)[-1] == ("unknown", "no whole answer")
    assert [row["id"] for row in queries.orders_in_review()] == [order_id]
    assert dispatch.claim(shops.first) is None
    assert dispatch.claim(shops.second) is None


def test_the_orders_that_a_dead_worker_was_sending_wait_for_a_person(
    shops: SimpleNamespace, place: Place
) -> None:
    placed = [place(link=f"https://a.example/{n}") for n in range(4)]
    dispatch.record_accepted(claimed(shops.first), "1", 0)
    for _ in range(2):
        claimed(shops.first)
    assert dispatch.recover_interrupted() == 2
    assert [lookup.get(order_id).dispatch_state for order_id in placed] == [
        "sent", "review", "review", "waiting"
    ]  # fmt: skip
    assert lookup.get(placed[1]).warning == "the worker ended while it was being sent"
    assert dispatch.recover_interrupted() == 0


@pytest.mark.parametrize(
    "late",
    [
        lambda order_id: dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S),
        lambda order_id: dispatch.record_rejected(order_id, WAITS, Refusal.TEMPORARY, HOLD_S),
        lambda order_id: dispatch.record_not_sent(order_id, "not reached", 0),
    ],
    ids=["refused", "refused for now", "not sent"],
)
def test_an_order_in_review_is_moved_by_a_person_only(
    shops: SimpleNamespace, place: Place, late: Callable[[int], None]
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    dispatch.recover_interrupted()
    late(order_id)
    order = lookup.get(order_id)
    assert (order.dispatch_state, order.status) == ("review", "Pending")


def test_a_late_answer_that_the_order_was_taken_settles_its_review(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    claimed(shops.first)
    dispatch.recover_interrupted()
    dispatch.record_accepted(order_id, "4711", 0)
    assert lookup.get(order_id).dispatch_state == "sent"
    assert queries.orders_in_review() == []


def test_a_late_doubt_of_an_order_that_was_settled_meanwhile_changes_nothing(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    claimed(shops.first)
    dispatch.recover_interrupted()
    dispatch.attach(order_id, "4711")
    dispatch.mark_in_doubt(order_id, "no whole answer")
    order = lookup.get(order_id)
    assert (order.dispatch_state, order.provider_order, order.warning) == ("sent", "4711", "")


# A person settles it


@pytest.fixture
def reviewed(shops: SimpleNamespace, place: Place) -> int:
    """An order in review."""
    order_id = place(shops.followers)
    claimed(shops.first)
    dispatch.mark_in_doubt(order_id, "no whole answer")
    return order_id


def test_an_order_that_the_provider_does_not_have_is_sent_again(
    shops: SimpleNamespace, reviewed: int
) -> None:
    dispatch.resend(reviewed)
    assert story(reviewed)[-1] == ("operator", "resend")
    assert lookup.get(reviewed).warning == ""
    assert claimed(shops.first) == reviewed
    dispatch.record_accepted(reviewed, "4711", 0)
    assert lookup.get(reviewed).dispatch_state == "sent"


def test_an_order_that_the_provider_has_is_followed_under_its_number(
    shops: SimpleNamespace, reviewed: int
) -> None:
    dispatch.attach(reviewed, "4711")
    order = lookup.get(reviewed)
    assert (order.dispatch_state, order.provider_order) == ("sent", "4711")
    assert (order.cost_micros, order.warning) == (COST, "")
    assert story(reviewed)[-1] == ("operator", "attach 4711")
    assert dispatch.claim(shops.first) is None


def test_an_order_that_is_given_up_is_canceled_and_paid_back_once(
    shops: SimpleNamespace, reviewed: int
) -> None:
    dispatch.fail(reviewed)
    order = lookup.get(reviewed)
    assert (order.status, order.dispatch_state) == ("Canceled", "failed")
    assert order.warning == "given up by the operator"
    assert (balance(), refunds(reviewed)) == (100 * MICROS, [CHARGE])
    with pytest.raises(OperatorError, match="does not need review"):
        dispatch.fail(reviewed)
    assert refunds(reviewed) == [CHARGE]
    assert dispatch.claim(shops.first) is None


@pytest.mark.parametrize("status", ["Completed", "Partial", "Canceled"])
def test_an_order_that_was_ended_by_hand_while_in_review_is_given_up_as_it_is(
    shops: SimpleNamespace, reviewed: int, status: str
) -> None:
    transition.change(reviewed, status=status, remains=0 if status == "Completed" else 40)
    kept = lookup.find(caller().id, reviewed)
    dispatch.fail(reviewed)
    assert lookup.get(reviewed).dispatch_state == "failed"
    assert lookup.find(caller().id, reviewed) == kept


@pytest.mark.parametrize(
    "settle",
    [dispatch.resend, lambda order_id: dispatch.attach(order_id, "1"), dispatch.fail],
    ids=["resend", "attach", "fail"],
)
@pytest.mark.parametrize("forward", ["waiting", "sending", "sent", "failed", "nobody's"])
def test_only_an_order_in_review_is_settled(
    shops: SimpleNamespace, place: Place, settle: Callable[[int], None], forward: str
) -> None:
    order_id = place()
    if forward not in ("waiting", "nobody's"):
        claimed(shops.first)
    if forward == "sent":
        dispatch.record_accepted(order_id, "2", 0)
    if forward == "failed":
        dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S)
    before = queries.order_details(order_id)
    with pytest.raises(OperatorError):
        settle(999 if forward == "nobody's" else order_id)
    assert queries.order_details(order_id) == before


UNFIT = ["", " ", "47 11", "47,11", "x" * 65, "\x1b", "47\n", "47\u00a011", "\u2028"]
NO_NUMBERS = [
    *UNFIT, "-5", "-", "-1.5", "1.5", ".5", "0", "000", "null", "None", "NaN", "undefined", "true",
    "FALSE", "-Infinity",
]  # fmt: skip


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_is_no_number_is_read_out_of_no_answer(number: str) -> None:
    assert not dispatch.is_order_number(number)


@pytest.mark.parametrize("number", ["-NxYz_1a2B3c", "-5a", "--7x", "A-7", "1e5", "1.5.2"])
def test_a_number_may_begin_with_a_minus_or_hold_points(number: str) -> None:
    assert dispatch.is_order_number(number)


@pytest.mark.parametrize(
    "number",
    ["4711", "007", "4711;", "deadbeef", "0x1F", "9" * 64, "a_b.c:d/e#f",
     "5f0c1f6e-8c4b-4a53-9d2e-3c1a7e8b9f00", "-NxYz_1a2B3c",
     # What an answer would not be believed, a person is.
     "-5", "1.5", "0", "done", "null"],
)  # fmt: skip
def test_whatever_else_a_provider_calls_an_order_is_its_number(reviewed: int, number: str) -> None:
    dispatch.attach(reviewed, number)
    assert lookup.get(reviewed).provider_order == number


@pytest.mark.parametrize("number", UNFIT)
def test_what_cannot_be_a_providers_number_is_not_attached(reviewed: int, number: str) -> None:
    with pytest.raises(OperatorError, match="order number"):
        dispatch.attach(reviewed, number)
    assert lookup.get(reviewed).dispatch_state == "review"


def test_a_number_is_attached_to_one_order_only(
    shops: SimpleNamespace, place: Place, reviewed: int
) -> None:
    other = place()
    claimed(shops.first)
    dispatch.record_accepted(other, "4711", 0)
    with pytest.raises(OperatorError, match=f"belongs to order {other}"):
        dispatch.attach(reviewed, "4711")
    assert lookup.get(reviewed).dispatch_state == "review"


@pytest.mark.parametrize("status", ["In progress", "Completed", "Canceled"])
def test_an_order_that_was_moved_by_hand_while_in_review_is_not_sent_again(
    shops: SimpleNamespace, reviewed: int, status: str
) -> None:
    transition.change(reviewed, status=status)
    with pytest.raises(OperatorError, match=f"is {status}"):
        dispatch.resend(reviewed)
    assert dispatch.claim(shops.first) is None


# By hand, and canceled, meanwhile

MOVES: dict[str, Callable[[int], object]] = {
    "in progress": lambda order_id: transition.change(order_id, status="In progress"),
    "completed": lambda order_id: transition.change(order_id, status="Completed"),
    "partial": lambda order_id: transition.change(order_id, status="Partial", remains=40),
    "canceled": lambda order_id: transition.change(order_id, status="Canceled"),
}
each_move = pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)


@each_move
def test_an_order_that_was_moved_by_hand_while_it_waited_is_never_sent(
    shops: SimpleNamespace, place: Place, move: Callable[[int], object]
) -> None:
    order_id = place()
    move(order_id)
    assert dispatch.claim(shops.first) is None
    assert lookup.get(order_id).dispatch_state == ""


@each_move
@pytest.mark.parametrize(
    "answer",
    [
        lambda order_id: dispatch.record_rejected(order_id, WAITS, Refusal.TEMPORARY, HOLD_S),
        lambda order_id: dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S),
        lambda order_id: dispatch.record_not_sent(order_id, "not reached", 0),
    ],
    ids=["refused for now", "refused", "not sent"],
)
def test_an_order_that_was_moved_by_hand_while_it_was_refused_is_never_sent_again(
    shops: SimpleNamespace,
    place: Place,
    move: Callable[[int], object],
    answer: Callable[[int], None],
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    move(order_id)
    kept = lookup.find(caller().id, order_id)
    answer(order_id)
    come_due(order_id)
    assert dispatch.claim(shops.first) is None
    assert dispatch.claim(shops.second) is None
    assert lookup.find(caller().id, order_id) == kept


def ask_to_cancel(order_id: int) -> Any:
    (answer,) = cancels.request(caller().id, [order_id])
    return answer


def cancel_status(order_id: int) -> str:
    return Cancel.get(Cancel.order == order_id).status


def test_an_order_that_was_canceled_while_it_waited_is_never_sent(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place(shops.followers)
    ask_to_cancel(order_id)
    assert lookup.get(order_id).status == "Canceled"
    assert (balance(), refunds(order_id)) == (100 * MICROS, [CHARGE])
    assert dispatch.claim(shops.first) is None


def test_a_cancel_of_an_order_that_is_being_sent_waits_for_the_provider(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    cancel_id = ask_to_cancel(order_id)
    assert ask_to_cancel(order_id) == cancel_id
    assert (lookup.get(order_id).status, cancel_status(order_id)) == ("Pending", "pending")
    assert cancels.due_for_provider(shops.first) == []
    assert refunds(order_id) == []
    dispatch.record_accepted(order_id, "4711", 0)
    assert cancels.due_for_provider(shops.first) == [(cancel_id, "4711")]


@pytest.mark.parametrize(
    "answer",
    [
        lambda order_id: dispatch.record_rejected(order_id, WAITS, Refusal.TEMPORARY, HOLD_S),
        lambda order_id: dispatch.record_rejected(order_id, FINAL, Refusal.FINAL, HOLD_S),
        lambda order_id: dispatch.record_not_sent(order_id, "not reached", 0),
    ],
    ids=["refused for now", "refused", "not sent"],
)
def test_a_cancel_of_an_order_that_is_being_sent_is_granted_if_it_was_not_taken(
    shops: SimpleNamespace, place: Place, answer: Callable[[int], None]
) -> None:
    order_id = place(shops.followers)
    claimed(shops.first)
    ask_to_cancel(order_id)
    answer(order_id)
    come_due(order_id)
    assert (lookup.get(order_id).status, cancel_status(order_id)) == ("Canceled", "accepted")
    assert (balance(), refunds(order_id)) == (100 * MICROS, [CHARGE])
    assert dispatch.claim(shops.first) is None
    assert dispatch.claim(shops.second) is None
    assert ask_to_cancel(order_id) == CANNOT_CANCEL


def test_a_cancel_of_an_order_in_review_is_granted_when_it_is_given_up(
    shops: SimpleNamespace, reviewed: int
) -> None:
    ask_to_cancel(reviewed)
    assert (lookup.get(reviewed).status, cancel_status(reviewed)) == ("Pending", "pending")
    dispatch.fail(reviewed)
    assert cancel_status(reviewed) == "accepted"
    assert refunds(reviewed) == [CHARGE]


# Providers that come and go


def test_a_provider_with_orders_on_their_way_is_not_removed(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    for step in (
        lambda: None,
        lambda: claimed(shops.first),
        lambda: dispatch.mark_in_doubt(order_id, "?"),
        lambda: dispatch.attach(order_id, "1"),
        lambda: transition.change(order_id, status="In progress"),
    ):
        step()
        with pytest.raises(OperatorError, match="1 order is not finished at"):
            registry.remove("first")
    transition.change(order_id, status="Completed")
    assert registry.remove("first") == 3
    assert [service.id for service in pricing.offers(caller())] == []


def test_an_order_in_review_that_was_settled_by_hand_holds_no_provider(
    shops: SimpleNamespace, reviewed: int
) -> None:
    transition.change(reviewed, status="Canceled")
    assert queries.orders_in_review() == []
    registry.remove("first")


def test_an_order_whose_service_is_bought_nowhere_by_now_is_left_to_a_person(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    with immediate():
        Source.delete().where(Source.service == shops.views).execute()
    assert dispatch.claim(shops.first) is None
    order = lookup.get(order_id)
    assert (order.dispatch_state, order.status) == ("", "Pending")
    assert order.warning == "the service has no provider any more"


def test_what_is_written_down_of_an_order_has_a_bounded_length(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    claimed(shops.first)
    dispatch.mark_in_doubt(order_id, "x" * 10_000)
    assert len(story(order_id)[-1][1]) == 500


def test_a_number_that_another_order_has_puts_the_order_before_a_person(
    shops: SimpleNamespace, place: Place
) -> None:
    first, second = place(), place(link=f"{LINK}&2")
    for order_id in (first, second):
        assert claimed(shops.first) == order_id
        dispatch.record_accepted(order_id, "77", 0)
    assert lookup.get(first).dispatch_state == "sent"
    assert lookup.get(second).dispatch_state == "review"
    assert lookup.get(second).warning == f"the provider gave the number of order {first}, 77"


def test_an_order_whose_customer_asked_to_cancel_it_is_not_sent_again(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place(shops.followers)
    assert claimed(shops.first) == order_id
    dispatch.mark_in_doubt(order_id, "HTTP 502")
    cancels.request(caller().id, [order_id])
    with pytest.raises(OperatorError, match="asked to cancel"):
        dispatch.resend(order_id)
    dispatch.fail(order_id)
    assert lookup.get(order_id).status == "Canceled"


# One order that cannot be sent


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        ("UPDATE orders SET parameters = '[]' WHERE id = ?", "AttributeError"),
        ("UPDATE orders SET service_id = 999 WHERE id = ?", "TypeError"),
    ],
    ids=["parameters", "no service"],
)
def test_an_order_that_cannot_be_sent_waits_for_a_person_and_the_next_is_sent(
    shops: SimpleNamespace,
    place: Place,
    caplog: pytest.LogCaptureFixture,
    damage: str,
    error: str,
) -> None:
    bad, good = place(), place()
    database.execute_sql("PRAGMA foreign_keys = 0")
    database.execute_sql(damage, (bad,))
    assert claimed(shops.first) == good
    order = lookup.get(bad)
    why = f"it cannot be sent: an internal error ({error})"
    assert (order.dispatch_state, order.status, order.warning) == ("review", "Pending", why)
    assert story(bad) == [("warning", why)]
    assert f"order {bad} cannot be sent" in caplog.text
    assert bad in [row["id"] for row in queries.orders_in_review()]
    assert queries.order_details(bad)["account_name"] == "alice"


def test_an_order_is_accepted_once(shops: SimpleNamespace, place: Place) -> None:
    order_id, waiting = place(), place()
    dispatch.record_accepted(waiting, "4710", 0)
    assert lookup.get(waiting).dispatch_state == "waiting"
    claimed(shops.first)
    dispatch.record_accepted(order_id, "4711", 0)
    before = lookup.get(order_id)
    dispatch.record_accepted(order_id, "4712", 99)
    assert lookup.get(order_id) == before


@pytest.mark.parametrize(("status", "remains"), [("Canceled", None), ("Partial", 40)])
def test_an_order_in_review_that_was_ended_by_hand_stays_in_the_warnings(
    shops: SimpleNamespace, place: Place, status: str, remains: int | None
) -> None:
    order_id = place()
    claimed(shops.first)
    dispatch.mark_in_doubt(order_id, "no whole answer")
    transition.change(order_id, status=status, remains=remains)
    assert queries.orders_in_review() == []
    assert [row["id"] for row in queries.with_warning(10)] == [order_id]


# A refusal that is not known


UNKNOWN = "Daily limit 500 reached"
FUNDS = "Insufficient wallet"


def refuse(
    order_id: int, provider_id: int, kind: Refusal, why: str, hold_s: int = HOLD_S
) -> Order:
    """Claim an order, have it refused, and tell how it stands."""
    assert claimed(provider_id) == order_id
    dispatch.record_rejected(order_id, why, kind, hold_s)
    return Order.get_by_id(order_id)


def test_an_order_that_was_refused_in_unknown_words_waits_for_the_operator(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    order_id = place()
    order = refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    assert (order.status, order.dispatch_state) == ("Pending", "waiting")
    assert (order.held_because, order.held_text) == ("refusal", UNKNOWN)
    assert order.send_at == clock.seconds + HOLD_S
    assert UNKNOWN in order.warning
    assert "flask provider word" in order.warning
    assert [row["id"] for row in queries.order_listing(held=True)] == [order_id]
    clock.move(seconds=HOLD_S - 1)
    assert dispatch.claim(shops.first) is None
    assert (refunds(order_id), lookup.get(order_id).status) == ([], "Pending")


def test_if_nobody_comes_it_is_canceled_and_paid_back_and_not_sent(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    before = balance()
    order_id, other = place(), place()
    refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    Order.update(send_at=clock.seconds + HOLD_S).where(Order.id == other).execute()
    clock.move(seconds=HOLD_S)
    assert claimed(shops.first) == other, "the next one is sent"
    order = lookup.get(order_id)
    assert (order.status, order.dispatch_state) == ("Canceled", "failed")
    assert (order.held_because, order.warning) == ("", UNKNOWN)
    assert refunds(order_id) == [order.charge_micros]
    assert balance() == before - lookup.get(other).charge_micros
    assert ("refused", f"given up, nobody decided in time: {UNKNOWN}") in story(order_id)


def test_with_no_time_to_wait_an_unknown_refusal_is_final(
    shops: SimpleNamespace, place: Place
) -> None:
    order = refuse(place(), shops.first, Refusal.UNKNOWN, UNKNOWN, hold_s=0)
    assert (order.status, order.dispatch_state) == ("Canceled", "failed")


def test_a_refused_order_is_sent_again_by_the_operator(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    dispatch.resend(order_id)
    assert (lookup.get(order_id).held_because, lookup.get(order_id).held_text) == ("", "")
    assert claimed(shops.first) == order_id


@pytest.mark.parametrize("kind", [Refusal.UNKNOWN, Refusal.FUNDS])
def test_a_refused_order_is_given_up_by_the_operator(
    shops: SimpleNamespace, place: Place, kind: Refusal
) -> None:
    order_id = place()
    refuse(order_id, shops.first, kind, UNKNOWN)
    dispatch.fail(order_id)
    order = lookup.get(order_id)
    assert (order.status, order.dispatch_state, order.held_because) == ("Canceled", "failed", "")
    assert refunds(order_id) == [order.charge_micros]
    come_due(order_id)
    assert dispatch.claim(shops.first) is None


@pytest.mark.parametrize("kind", [Refusal.UNKNOWN, Refusal.FUNDS])
def test_a_customers_cancel_of_a_refused_order_is_granted_at_once(
    shops: SimpleNamespace, place: Place, kind: Refusal
) -> None:
    order_id = place(shops.followers)
    Source.delete().where(Source.source_rank == 2).execute()
    refuse(order_id, shops.first, kind, UNKNOWN)
    ask_to_cancel(order_id)
    order = lookup.get(order_id)
    assert (order.status, order.held_because, order.held_text) == ("Canceled", "", "")
    assert refunds(order_id) == [CHARGE]
    come_due(order_id)
    assert dispatch.claim(shops.first) is None


@each_move
def test_a_refused_order_that_is_moved_by_hand_is_held_no_more(
    shops: SimpleNamespace, place: Place, move: Callable[[int], object]
) -> None:
    order_id = place()
    refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    move(order_id)
    assert lookup.get(order_id).held_because == ""
    assert queries.order_listing(held=True) == []


def test_a_refusal_that_is_taught_to_wait_has_its_orders_sent_and_later_ones_retried(
    shops: SimpleNamespace, place: Place
) -> None:
    held = place()
    refuse(held, shops.first, Refusal.UNKNOWN, UNKNOWN)
    words.teach("first", "daily LIMIT 7  reached", "wait")
    assert dispatch.settle_refused(shops.first) == 1
    order = refuse(held, shops.first, Refusal.UNKNOWN, UNKNOWN)
    assert (order.dispatch_state, order.held_because, order.attempts) == ("waiting", "", 1)


def test_a_refusal_that_is_taught_to_cancel_pays_its_orders_back_and_later_ones(
    shops: SimpleNamespace, place: Place
) -> None:
    held, later = place(), place()
    refuse(held, shops.first, Refusal.UNKNOWN, UNKNOWN)
    words.teach("first", "daily LIMIT 7  reached", "cancel")
    assert dispatch.settle_refused(shops.first) == 1
    refuse(later, shops.first, Refusal.UNKNOWN, "Daily limit 9 reached")
    for order in (lookup.get(held), lookup.get(later)):
        assert (order.status, order.dispatch_state) == ("Canceled", "failed")
        assert (order.held_because, refunds(order.id)) == ("", [order.charge_micros])


def test_what_was_taught_goes_before_what_the_words_seem_to_mean(
    shops: SimpleNamespace, place: Place
) -> None:
    words.teach("first", FINAL, "wait")
    order = refuse(place(), shops.first, Refusal.FINAL, FINAL)
    assert (order.status, order.dispatch_state, order.attempts) == ("Pending", "waiting", 1)


def test_what_is_taught_of_one_provider_says_nothing_of_another(
    shops: SimpleNamespace, place: Place
) -> None:
    words.teach("second", UNKNOWN, "cancel")
    order_id = place()
    refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    assert dispatch.settle_refused(shops.first) == 0
    assert lookup.get(order_id).held_because == "refusal"


def test_a_held_order_is_given_up_in_time_though_nothing_is_sent_there(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    soon, later, other = place(), place(), place()
    refuse(soon, shops.first, Refusal.UNKNOWN, UNKNOWN)
    clock.move(seconds=10)
    refuse(later, shops.first, Refusal.UNKNOWN, UNKNOWN)
    registry.stop(shops.first, "it redirects")
    assert dispatch.expire_held() == 0
    clock.move(seconds=lookup.get(soon).send_at - now())
    assert dispatch.expire_held() == 1
    assert dispatch.expire_held() == 0
    order = lookup.get(soon)
    assert (order.status, order.dispatch_state) == ("Canceled", "failed")
    assert refunds(soon) == [order.charge_micros]
    assert story(soon)[-1] == ("refused", f"given up, nobody decided in time: {UNKNOWN}")
    assert [lookup.get(number).dispatch_state for number in (later, other)] == ["waiting"] * 2


def test_held_orders_are_given_up_some_at_a_time_and_one_that_fails_stops_only_itself(
    shops: SimpleNamespace, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = [place() for _ in range(4)]
    for order_id in placed:
        refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    for order_id in placed:
        come_due(order_id)
    monkeypatch.setattr(dispatch, "MOST_EXPIRED", 2)
    failure = rejections.failure

    def fails_once(order: lookup.StoredOrder, why: str) -> transition.Change:
        if order.id == placed[0]:
            raise RuntimeError
        return failure(order, why)

    monkeypatch.setattr(rejections, "failure", fails_once)
    assert [dispatch.expire_held() for _ in range(3)] == [2, 2, 0]
    found = [lookup.get(order_id).dispatch_state for order_id in placed]
    assert found == ["review", "failed", "failed", "failed"]


def test_a_refusal_that_was_taught_while_its_order_came_due_is_not_given_up(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    refuse(order_id, shops.first, Refusal.UNKNOWN, UNKNOWN)
    words.teach("first", UNKNOWN, "wait")
    come_due(order_id)
    assert dispatch.expire_held() == 0
    assert claimed(shops.first) == order_id


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("unknown", "final", ("refusal", "first", 1)),
        ("unknown", "range", ("refusal", "first", 1)),
        ("final", "unknown", ("refusal", "second", 2)),
        ("unknown", "unknown", ("refusal", "first", 1)),
        ("temporary", "unknown", ("", "first", 1)),
        ("unknown", "temporary", ("", "first", 1)),
        ("funds", "final", ("funds", "first", 1)),
        ("funds", "unknown", ("funds", "first", 1)),
        ("final", "funds", ("funds", "second", 2)),
        ("funds", "temporary", ("funds", "first", 1)),
        ("range", "final", None),
    ],
    ids=str,
)
def test_what_two_sources_refuse_is_held_where_the_open_question_is(
    shops: SimpleNamespace,
    place: Place,
    first: str,
    second: str,
    expected: tuple[str, str, int] | None,
) -> None:
    order_id = place(shops.followers)
    refuse(order_id, shops.first, Refusal(first), f"the first's {first}")
    order = refuse(order_id, shops.second, Refusal(second), f"the second's {second}")
    if expected is None:
        assert order.status == "Canceled"
        return
    because, provider, rank = expected
    assert (order.status, order.dispatch_state) == ("Pending", "waiting")
    assert (order.held_because, order.source_rank) == (because, rank)
    assert order.provider_id == getattr(shops, provider)
    if because:
        assert order.held_text.startswith(f"the {provider}'s")


@pytest.mark.parametrize("kind", [Refusal.UNKNOWN, Refusal.TEMPORARY, Refusal.FUNDS])
def test_in_doubt_an_unclear_refusal_tells_nothing_of_the_earlier_try(
    shops: SimpleNamespace, place: Place, kind: Refusal
) -> None:
    registry.record_account(shops.first, ProviderAccount("", True), "USD")
    order_id = place()
    assert claimed(shops.first) == order_id
    dispatch.mark_in_doubt(order_id, "HTTP 502")
    come_due(order_id)
    order = refuse(order_id, shops.first, kind, UNKNOWN)
    expected = "review" if kind == Refusal.UNKNOWN else "waiting"
    assert (order.dispatch_state, bool(order.may_be_at_provider)) == (expected, True)
    assert (order.status, refunds(order_id)) == ("Pending", [])


def test_a_refusal_of_the_quantity_pays_back_and_has_the_prices_read_again(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    order = refuse(order_id, shops.first, Refusal.RANGE, "Quantity less than minimum 500")
    assert (order.status, refunds(order_id)) == ("Canceled", [order.charge_micros])
    assert registry.get("first").sync_wanted
    assert not registry.get("second").sync_wanted


# Funds at the provider


def test_orders_wait_for_funds_and_go_out_oldest_first_and_once(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    placed = [place(link=f"{LINK}{n}") for n in range(3)]
    assert not dispatch.waits_for_funds(shops.first)
    for order_id in placed:
        order = refuse(order_id, shops.first, Refusal.FUNDS, FUNDS)
        assert (order.held_because, order.held_text, order.warning) == ("funds", FUNDS, FUNDS)
        clock.move(seconds=1)
    assert dispatch.waits_for_funds(shops.first)
    assert not dispatch.waits_for_funds(shops.second)
    assert dispatch.release_for_funds(shops.second) == 0
    assert dispatch.claim(shops.first) is None

    assert dispatch.release_for_funds(shops.first) == 3
    assert [claimed(shops.first) for _ in placed] == placed
    assert dispatch.claim(shops.first) is None
    assert not dispatch.waits_for_funds(shops.first)
    dispatch.record_accepted(placed[0], "1", 0)
    assert lookup.get(placed[0]).held_text == ""


def test_funds_that_rise_often_but_not_enough_give_no_order_up(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    for _ in range(2 * MAX_ATTEMPTS):
        order = refuse(order_id, shops.first, Refusal.FUNDS, FUNDS)
        assert (order.status, order.held_because) == ("Pending", "funds")
        dispatch.release_for_funds(shops.first)


# What an operator has to confirm first


def not_trusted(provider: int, kind: PendingKind, source: int | None = None) -> None:
    with immediate():
        pending.add(provider, kind, "Followers", "Views", source)


def test_an_order_of_a_service_that_waits_for_the_operator_is_not_sent(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    held, other = place(), place(shops.followers)
    source = Source.get(Source.service == shops.views)
    not_trusted(shops.first, PendingKind.NAME, source.id)
    assert claimed(shops.first) == other
    assert dispatch.claim(shops.first) is None
    order = lookup.get(held)
    assert (order.dispatch_state, order.status) == ("waiting", "Pending")
    assert order.send_at == clock.seconds + dispatch.UNTRUSTED_PAUSE_S
    assert order.warning == (
        "not sent to first: not sold from there until you confirm it: their name 'Followers' → "
        f"'Views' (flask service confirm {shops.views})"
    )

    with immediate():
        pending.remove(shops.first, (PendingKind.NAME,), source.id)
    clock.move(seconds=dispatch.UNTRUSTED_PAUSE_S)
    assert claimed(shops.first) == held
    dispatch.record_accepted(held, "1", 0)
    assert lookup.get(held).warning == ""


@pytest.mark.parametrize(
    ("kind", "before", "after", "told"),
    [
        (PendingKind.RISE, "900000", "90000000", "not sold from there until you confirm it: cost "
         "0.90 → 90.00 (flask service confirm {service})"),
        (PendingKind.CATEGORY, "Old", "N" * 500, "not sold from there until you confirm it: their "
         f"category 'Old' → '{'N' * 60}' (flask service confirm {{service}})"),
        (PendingKind.CURRENCY, "USD", "INR", "its prices are in INR now, and were in USD: nothing "
         "is sold from there (flask attention)"),
        (PendingKind.CURRENCY, "", "INR", "its prices are in INR, and there is no rate of "
         "exchange (flask attention)"),
        (PendingKind.MOVED, "", "50", "50 names stand under other numbers there: nothing is sold "
         "from there until you confirm it (flask attention)"),
    ],
)  # fmt: skip
def test_an_order_that_is_put_off_says_why_as_the_operator_reads_it(
    shops: SimpleNamespace, place: Place, kind: PendingKind, before: str, after: str, told: str
) -> None:
    order_id = place()
    source = Source.get(Source.service == shops.views).id
    with immediate():
        of_source = None if kind in pending.OF_PROVIDER else source
        pending.add(shops.first, kind, before, after, of_source)
    assert dispatch.claim(shops.first) is None
    assert lookup.get(order_id).warning == f"not sent to first: {told.format(service=shops.views)}"


@pytest.mark.parametrize("kind", [PendingKind.CURRENCY, PendingKind.MOVED])
def test_nothing_is_sent_to_a_provider_that_waits_for_the_operator(
    shops: SimpleNamespace, place: Place, kind: PendingKind
) -> None:
    placed = [place(link=f"{LINK}{n}") for n in range(dispatch.A_TRANSACTION + 2)]
    not_trusted(shops.first, kind)
    assert dispatch.claim(shops.first) is None
    assert {lookup.get(order_id).dispatch_state for order_id in placed} == {"waiting"}
    assert all("flask attention" in lookup.get(order_id).warning for order_id in placed)


@pytest.mark.parametrize("kind", [PendingKind.FALL, PendingKind.CHARGE])
def test_a_change_that_does_not_stop_the_sale_stops_no_order(
    shops: SimpleNamespace, place: Place, kind: PendingKind
) -> None:
    order_id = place()
    not_trusted(shops.first, kind, Source.get(Source.service == shops.views).id)
    assert claimed(shops.first) == order_id


def test_a_second_source_that_waits_for_the_operator_is_not_turned_to(
    shops: SimpleNamespace, place: Place
) -> None:
    source = Source.get(Source.service == shops.followers, Source.source_rank == 2)
    not_trusted(shops.second, PendingKind.RISE, source.id)
    order = refuse(place(shops.followers), shops.first, Refusal.FINAL, FINAL)
    assert (order.status, order.provider_id) == ("Canceled", shops.first)


def test_a_provider_that_was_stopped_gets_no_order_until_it_is_resumed(
    shops: SimpleNamespace, place: Place
) -> None:
    order_id = place()
    registry.stop(shops.first, "it has moved", "https://new.example/api/v2")
    assert dispatch.claim(shops.first) is None
    assert lookup.get(order_id).dispatch_state == "waiting"
    Provider.update(stopped_because="").execute()
    assert claimed(shops.first) == order_id


def test_a_second_source_that_was_stopped_is_not_turned_to(
    shops: SimpleNamespace, place: Place
) -> None:
    registry.stop(shops.second, "it has moved")
    order = refuse(place(shops.followers), shops.first, Refusal.UNKNOWN, UNKNOWN)
    assert (order.held_because, order.provider_id) == ("refusal", shops.first)


# Doubts that do not end


def test_a_provider_that_knows_keys_is_asked_ten_times_with_growing_pauses(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    registry.record_account(shops.first, ProviderAccount("", True), "USD")
    order_id, pauses = place(), []
    for _ in range(dispatch.MAX_RESENDS):
        assert claimed(shops.first) == order_id
        dispatch.mark_in_doubt(order_id, "HTTP 502")
        pauses.append(lookup.get(order_id).send_at - clock.seconds)
        clock.move(seconds=pauses[-1])
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]
    assert claimed(shops.first) == order_id
    dispatch.mark_in_doubt(order_id, "HTTP 502")
    assert lookup.get(order_id).dispatch_state == "review"

    # A person who looked begins anew.
    dispatch.resend(order_id)
    assert claimed(shops.first) == order_id
    dispatch.mark_in_doubt(order_id, "HTTP 502")
    assert lookup.get(order_id).dispatch_state == "waiting"


# What became dearer while it waited


@pytest.fixture
def dearer(shops: SimpleNamespace, place: Place) -> int:
    """An order of views that waited while their cost and their rate rose tenfold."""
    order_id = place()
    Source.update(cost_micros=20 * MICROS).where(Source.service == shops.views).execute()
    services.edit(shops.views, rate_micros=25 * MICROS)
    return order_id


def test_an_order_that_became_dearer_than_it_was_sold_for_is_held(
    shops: SimpleNamespace, dearer: int
) -> None:
    assert dispatch.claim(shops.first) is None
    order = lookup.get(dearer)
    assert (order.dispatch_state, order.held_because) == ("waiting", "cost")
    assert order.held_text == "it costs 2.00 now, and was sold for 0.0015"
    assert [row["id"] for row in queries.order_listing(held=True)] == [dearer]
    assert not dispatch.any_to_send(shops.first)


def test_the_operator_sends_it_at_a_loss_or_pays_it_back(
    shops: SimpleNamespace, place: Place, dearer: int
) -> None:
    assert dispatch.claim(shops.first) is None
    dispatch.resend(dearer)
    assert claimed(shops.first) == dearer
    dispatch.record_accepted(dearer, "500", 0)
    assert lookup.get(dearer).cost_micros == 2 * MICROS

    Source.update(cost_micros=40 * MICROS).where(Source.service == shops.views).execute()
    later = place()
    services.edit(shops.views, rate_micros=50 * MICROS)
    assert dispatch.claim(shops.first) is None
    dispatch.fail(later)
    order = lookup.get(later)
    assert (order.status, order.refunded_micros) == ("Canceled", order.charge_micros)


def test_what_was_sold_below_its_cost_all_along_is_sent(
    shops: SimpleNamespace, place: Place
) -> None:
    Source.update(cost_micros=20 * MICROS).where(Source.service == shops.views).execute()
    below = place()
    assert claimed(shops.first) == below
    alice = accounts.get("alice")
    services.edit(shops.views, rate_micros=25 * MICROS)
    pricing.set_account_rate(alice.id, shops.views, MICROS)
    own_rate = place()
    assert claimed(shops.first) == own_rate


def test_an_order_in_doubt_is_not_sent_again_where_no_key_is_promised_any_more(
    shops: SimpleNamespace, place: Place, clock: Clock
) -> None:
    registry.record_account(shops.first, ProviderAccount("1.00 USD", True, "USD"), "USD")
    order_id = place()
    assert claimed(shops.first) == order_id
    dispatch.mark_in_doubt(order_id, "no whole answer")
    assert lookup.get(order_id).dispatch_state == "waiting"
    registry.record_account(shops.first, ProviderAccount("1.00 USD", False, "USD"), "USD")
    clock.move(minutes=10)
    assert dispatch.claim(shops.first) is None
    assert lookup.get(order_id).dispatch_state == "review"
