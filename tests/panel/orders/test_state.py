"""The two state machines and the predicates, as tables."""

import re

import pytest
from support.apps import ROOT

from models import Order
from panel.orders import state

STATUSES = tuple(state.FOLLOWS)
DISPATCH_STATES = tuple(state.DISPATCH_FOLLOWS)


def allowed(column: str) -> set[str]:
    """The values that schema.sql allows in a column of orders."""
    schema = (ROOT / "schema.sql").read_text()
    (values,) = re.findall(
        rf"CHECK \(\s*{column} IN \(([^)]*)\)", schema[schema.index("TABLE orders") :]
    )[:1]
    return set(re.findall(r"'([^']*)'", values))


@pytest.mark.parametrize(
    ("column", "follows"),
    [("status", state.FOLLOWS), ("dispatch_state", state.DISPATCH_FOLLOWS)],
)
def test_the_schema_allows_the_states_of_the_table_and_no_other(
    column: str, follows: dict[str, tuple[str, ...]]
) -> None:
    assert allowed(column) == set(follows)
    assert {after for afters in follows.values() for after in afters} <= set(follows)


def test_nothing_returns_to_the_beginning() -> None:
    assert not any("Pending" in after for after in state.FOLLOWS.values())
    assert [old for old, after in state.DISPATCH_FOLLOWS.items() if state.SENDING in after] == [
        state.WAITING
    ]


@pytest.mark.parametrize("status", STATUSES)
def test_an_order_is_open_refunded_or_over(status: str) -> None:
    over = status in ("Completed", "Expired")
    assert [state.is_open(status), state.is_refunded(status), over].count(True) == 1
    if state.is_refunded(status):
        assert state.FOLLOWS[status] == ()


def test_nobody_has_begun_an_order_that_is_pending_or_waits_for_posts() -> None:
    assert [status for status in STATUSES if state.is_untouched(status)] == ["Pending", "Active"]


def test_only_a_subscription_has_no_quantity() -> None:
    assert [state.is_subscription(quantity) for quantity in (0, 1, 10**9)] == [True, False, False]


@pytest.mark.parametrize("dispatch_state", DISPATCH_STATES)
def test_a_provider_may_have_what_was_sent_is_being_sent_or_is_in_doubt(
    dispatch_state: str,
) -> None:
    known = dispatch_state in ("sending", "sent", "review", "parts")
    assert state.may_be_at_provider(dispatch_state, False) == known
    assert state.may_be_at_provider(dispatch_state, True)


@pytest.mark.parametrize("before", STATUSES)
def test_a_status_may_stay_or_follow(before: str) -> None:
    possible = {status for status in STATUSES if state.may_follow(status, before)}
    assert possible == {before, *state.FOLLOWS[before]}


def test_the_conditions_are_written_as_the_indexes_have_them() -> None:
    schema = (ROOT / "schema.sql").read_text()
    for condition in (state.open_orders(), state.orders_in_doubt()):
        sql, parameters = Order.select(Order.id).where(condition).sql()
        values = re.findall(r"IN \((.*?)\)", sql)[0]
        assert parameters == []
        assert f"IN ({values})" in schema
