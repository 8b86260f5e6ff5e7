"""An order's story: requests, events and the audit in one, each thing once, by time."""

from types import SimpleNamespace

import pytest
from support.clock import Clock
from support.orders import Place

from database.transactions import immediate
from models import Order
from panel.operations import orders as operations
from panel.operations import restored
from panel.operations.audit import Actor
from panel.orders import cancels, dispatch, events, history, lookup, transition
from panel.orders.history import MOST_EVENTS, MOST_LINES

pytestmark = pytest.mark.usefixtures("app")  # which knows the currency

OLGA = Actor("olga", "192.0.2.1")


def told(order_id: int) -> list[tuple[str, str, str]]:
    return [(line.kind, line.who, line.text) for line in history.history(order_id).lines]


def happens(order_id: int, kind: str, text: str) -> None:
    with immediate():
        events.record_event(order_id, kind, text)


def test_an_act_that_left_an_event_is_told_once_and_in_its_place(
    cast: SimpleNamespace, in_review: int, clock: Clock
) -> None:
    operations.resend(OLGA, in_review)
    assert dispatch.claim(lookup.get(in_review).provider_id or 0) is not None
    dispatch.mark_in_doubt(in_review, "HTTP 503")
    operations.fail(OLGA, in_review)
    lines = [line for line in told(in_review) if line[0] != "warning"]
    assert lines == [
        ("sending", "worker", "as service 1"),
        ("unknown", "worker", "HTTP 502"),
        ("operator", "olga", "resend"),
        ("sending", "worker", "as service 1"),
        ("unknown", "worker", "HTTP 503"),
        ("operator", "olga", "fail: refunded 0.50 USD"),
    ]


def test_what_was_refused_is_told_beside_what_was_done(place: Place, in_review: int) -> None:
    transition.change(in_review, status="In progress")
    for act in (operations.resend, operations.fail):
        try:
            act(OLGA, in_review)
        except Exception as error:
            assert "there is nothing to send" in str(error)
    acts = [text for kind, _, text in told(in_review) if kind == "operator"]
    assert acts == [
        f"resend: refused: order {in_review} is In progress, there is nothing to send",
        "fail: refunded 0.50 USD",
    ]


def test_a_release_after_a_restore_is_told_once(in_review: int) -> None:
    Order.update(restored=True).where(Order.id == in_review).execute()
    restored.release(OLGA, in_review)
    acts = [line for line in told(in_review) if line[0] == "operator"]
    assert acts == [("operator", "olga", "release after a restore")]


def test_an_operators_event_without_a_line_of_the_audit_stays(place: Place) -> None:
    order_id = place()
    happens(order_id, "operator", "the refusal means: final")
    operations.change(OLGA, order_id, status="In progress")
    assert sorted(told(order_id)) == [
        ("operator", "olga", "set status In progress"),
        ("operator", "operator", "the refusal means: final"),
    ]


def test_a_customers_requests_are_told_with_their_numbers(place: Place, clock: Clock) -> None:
    order_id = place("In progress")
    clock.move(minutes=1)
    cancels.request(1, [order_id], "req-9")
    assert told(order_id) == [("cancel", "customer", "asked to cancel (request req-9)")]


@pytest.mark.parametrize(("more", "is_cut"), [(0, False), (1, True)])
def test_only_the_newest_lines_are_told(more: int, is_cut: bool, place: Place) -> None:
    of_events, of_acts = place(), place()
    for number in range(MOST_EVENTS + more):
        happens(of_events, "warning", f"warning {number}")
    for number in range(MOST_LINES + more):
        operations.change(OLGA, of_acts, start_count=number)
    for order_id, most in ((of_events, MOST_EVENTS), (of_acts, MOST_LINES)):
        story = history.history(order_id)
        assert (len(story.lines), story.is_cut) == (most, is_cut)
        assert story.lines[-1].text.endswith(str(most + more - 1))
