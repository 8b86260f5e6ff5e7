"""What a provider's answer means for an order and its money: as tables, without a database."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.orders import stored_order

from panel.money import MICROS, exchanged, parse
from panel.orders import state
from panel.orders.interpret import interpret
from panel.orders.lookup import StoredOrder
from panel.orders.provider_status import Charge, ProviderStatus
from panel.providers import words
from panel.providers.currency import Exchange
from upstream.statuses import read_statuses

COST = 900_000
"""What 1000 should cost us: 0.90."""

DOLLARS = Exchange("USD", "USD")
RUPEES = Exchange("INR", "USD", 83_200_000_000_000)
"""A panel in rupees at a provider that counts in dollars, at 83.20."""


class Outcome(NamedTuple):
    """What an answer makes of an order of 1000 at a cost of 0.90."""

    status: str
    remains: int
    cost_micros: int
    held_because: str = ""
    warned: str = ""


def order_of(**columns: Any) -> StoredOrder:
    return stored_order(
        **{"quantity": 1000, "remains": 1000, "cost_micros": COST, "charge_micros": 1_125_000}
        | columns
    )


def dripfeed_of(**columns: Any) -> StoredOrder:
    """Five runs of 100, at a cost of 0.45."""
    return order_of(
        **{"quantity": 500, "remains": 500, "runs": 5, "interval": 10, "cost_micros": 450_000}
        | columns
    )


def answered(
    order: StoredOrder, entry: dict[str, Any], exchange: Exchange = DOLLARS
) -> StoredOrder:
    """The order after an answer whose numbers are texts, as they are read from JSON."""
    reported = read_statuses({"700": entry}, ["700"], exchange)["700"]
    return after(order, reported)


def after(order: StoredOrder, reported: ProviderStatus) -> StoredOrder:
    return order._replace(**interpret(order, reported))


def outcome(order: StoredOrder, warned: str) -> Outcome:
    shown = warned if warned and warned in order.warning else order.warning
    return Outcome(order.status, order.remains, order.cost_micros, order.held_because, shown)


CANCELED = [
    # Nothing was kept, in whatever currency, and whatever is said to remain.
    ({"charge": "0", "remains": "157"}, Outcome("Canceled", 1000, 0)),
    ({"charge": "0.00", "currency": "EUR", "remains": "0"}, Outcome("Canceled", 1000, 0)),
    ({"charge": "0"}, Outcome("Canceled", 1000, 0)),
    ({"charge": "0", "remains": "5000"}, Outcome("Canceled", 1000, 0, "", "5000 remain")),
    *[
        ({"charge": written, "remains": "157"}, Outcome("Canceled", 1000, 0))
        for written in ("0.00 USD", "$0.00", "0,00", "€ 0,00", "0.000,00", "USD 0")
    ],
    # What was kept agrees with what was delivered.
    ({"charge": "$0.36", "remains": "600"}, Outcome("Canceled", 600, 360_000)),
    ({"charge": "0,36", "remains": "600"}, Outcome("Canceled", 600, 360_000)),
    *[
        ({"charge": written, "remains": "1000"},
         Outcome("Pending", 1000, COST, "status", f"{written} was kept"))
        for written in ("$0.90", "€ 0,90", "0,90", "1,234", "free of charge")
    ],
    ({"charge": "1,234", "remains": "600"},
     Outcome("Canceled", 600, 360_000, "", "1,234 is not taken as the cost: it is no amount")),
    ({"charge": "€ 0,36", "remains": "600"},
     Outcome("Canceled", 600, 360_000, "", "€ 0,36 is not taken as the cost: there is no rate")),
    ({"charge": "0.36", "remains": "600"}, Outcome("Canceled", 600, 360_000)),
    ({"charge": "0.36", "currency": "USD", "remains": "600"}, Outcome("Canceled", 600, 360_000)),
    ({"charge": "0.2", "remains": "600"}, Outcome("Canceled", 600, 200_000)),
    ({"remains": "600"}, Outcome("Canceled", 600, 360_000)),
    ({"remains": "1000"}, Outcome("Canceled", 1000, 0)),
    ({}, Outcome("Canceled", 1000, 0)),
    # More was kept than was delivered.
    ({"charge": "0.9", "remains": "1000"}, Outcome("Pending", 1000, COST, "status", "0.9 was")),
    ({"charge": "0.9", "remains": "400"}, Outcome("Pending", 1000, COST, "status", "was kept")),
    ({"charge": "0.45", "remains": "1000"}, Outcome("Pending", 1000, COST, "status", "was kept")),
    (
        {"charge": "0.9", "currency": "EUR", "remains": "1000"},
        Outcome("Pending", 1000, COST, "status", "0.9 EUR was kept"),
    ),
    (
        {"charge": "5400", "remains": "1000"},
        Outcome("Pending", 1000, COST, "status", "5400 was kept"),
    ),
    # It does not say what is to be paid back.
    ({"charge": "0.9"}, Outcome("Pending", 1000, COST, "status", "without remains")),
    ({"charge": "0.9", "remains": "0"}, Outcome("Pending", 1000, COST, "status", "nothing")),
    ({"remains": "0"}, Outcome("Pending", 1000, COST, "status", "nothing remains")),
    ({"remains": "-4"}, Outcome("Pending", 1000, COST, "status", "-4 remain of 1000")),
    ({"charge": "0.36", "remains": "1600"}, Outcome("Pending", 1000, COST, "status", "1600")),
    # It says what remains, but nobody can read it: whatever was charged, nothing is guessed.
    *[
        ({"remains": remains, **charge},
         Outcome("Pending", 1000, COST, "status", "remains cannot be read"))
        for remains in ("0,157", "157 left", "-5", "1,000", "N/A", "15.7", "9" * 30, [], ["157"],
                        {"left": "157"}, True)
        for charge in ({}, {"charge": "0"}, {"charge": "0.36"})
    ],
    ({"remains": None}, Outcome("Canceled", 1000, 0)),
    ({"remains": " "}, Outcome("Canceled", 1000, 0)),
    ({"remains": "157.0"}, Outcome("Canceled", 157, 758_700)),
    # What remains is clear, what we owe is not: it is paid back, and the charge is named.
    (
        {"charge": "30", "currency": "INR", "remains": "600"},
        Outcome("Canceled", 600, 360_000, "", "30 INR is not taken"),
    ),
    ({"charge": "5400", "remains": "600"}, Outcome("Canceled", 600, 360_000, "", "5400 is not")),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), CANCELED, ids=str)
def test_a_canceled_order_is_paid_back_by_what_was_kept_and_what_remains(
    entry: dict[str, Any], expected: Outcome
) -> None:
    order = answered(order_of(), {"status": "Canceled", **entry})
    assert outcome(order, expected.warned) == expected


PARTIAL = [
    ({"remains": "400"}, Outcome("Partial", 400, 540_000)),
    ({"remains": "400", "charge": "0.54"}, Outcome("Partial", 400, 540_000)),
    ({"remains": "400", "charge": "0.56"}, Outcome("Partial", 400, 560_000)),
    # Something was delivered, which cannot have cost nothing.
    ({"remains": "400", "charge": "0"}, Outcome("Partial", 400, 540_000, "", "0 is not taken")),
    (
        {"remains": "400", "charge": "0.00", "currency": "USD"},
        Outcome("Partial", 400, 540_000, "", "0.00 USD is not taken as the cost: it is far below"),
    ),
    ({"remains": "1000", "charge": "0"}, Outcome("Partial", 1000, 0)),
    ({"remains": "999", "charge": "0.0"}, Outcome("Partial", 999, 900)),
    ({"remains": "1000"}, Outcome("Partial", 1000, 0)),
    ({"remains": "0"}, Outcome("Completed", 0, COST, "", "Partial, but nothing remains")),
    (
        {"remains": "0", "charge": "0.9"},
        Outcome("Completed", 0, COST, "", "Partial, but nothing remains"),
    ),
    ({"remains": "0", "charge": "0.45"}, Outcome("Pending", 1000, COST, "status", "not all")),
    ({"remains": "0", "charge": "0"}, Outcome("Pending", 1000, COST, "status", "not all was")),
    ({"remains": "400", "charge": "0.9"}, Outcome("Pending", 1000, COST, "status", "was kept")),
    ({"remains": "1000", "charge": "0.9"}, Outcome("Pending", 1000, COST, "status", "was kept")),
    ({}, Outcome("Pending", 1000, COST, "status", "without remains")),
    ({"charge": "0.45"}, Outcome("Pending", 1000, COST, "status", "without remains")),
    ({"remains": "1001"}, Outcome("Pending", 1000, COST, "status", "1001 remain of 1000")),
    ({"remains": "400 left"}, Outcome("Pending", 1000, COST, "status", "'400 left'")),
]  # fmt: skip


@pytest.mark.parametrize(("entry", "expected"), PARTIAL, ids=str)
def test_a_partial_order_needs_remains_that_agree_with_the_charge(
    entry: dict[str, Any], expected: Outcome
) -> None:
    order = answered(order_of(), {"status": "Partial", **entry})
    assert outcome(order, expected.warned) == expected


CHARGES = [
    # What it should be, and what the provider's own rounding explains.
    ("Completed", {"charge": "0.90", "currency": "USD"}, Outcome("Completed", 0, COST)),
    ("Completed", {"charge": "0.90"}, Outcome("Completed", 0, COST)),
    ("Completed", {"charge": "1"}, Outcome("Completed", 0, MICROS)),
    ("Completed", {"charge": "0.8", "currency": "USD"}, Outcome("Completed", 0, 800_000)),
    ("Completed", {"charge": "0"}, Outcome("Completed", 0, COST, "", "0 is not taken")),
    ("Completed", {"charge": "0.01", "currency": "USD"},
     Outcome("Completed", 0, COST, "", "0.01 USD is not taken")),
    ("Completed", {}, Outcome("Completed", 0, COST)),
    # Without a currency it must be near what is expected.
    ("Completed", {"charge": "5400"}, Outcome("Completed", 0, COST, "", "5400 is not taken")),
    ("Completed", {"charge": "0.0108"}, Outcome("Completed", 0, COST, "", "0.0108 is not taken")),
    ("In progress", {"charge": "75"}, Outcome("In progress", 1000, COST, "", "75 is not taken")),
    ("In progress", {"charge": "0.01"}, Outcome("In progress", 1000, COST)),
    # In a currency that cannot be converted.
    (
        "Completed", {"charge": "75", "currency": "INR"},
        Outcome("Completed", 0, COST, "", "75 INR is not taken"),
    ),
    (
        "Pending", {"charge": "75", "currency": "inr"},
        Outcome("Pending", 1000, COST, "", "75 INR is not taken"),
    ),
    # More than it should cost: the cost at once.
    *[
        (
            status, {"charge": "3.60", "currency": "USD", "remains": "1000"},
            Outcome(now, 1000, 3_600_000, "", "charges 3.60 USD for what should cost 0.90"),
        )
        for status, now in [("Pending", "Pending"), ("Processing", "Processing"),
                            ("In progress", "In progress"), ("Active", "In progress")]
    ],
    (
        "Completed", {"charge": "3.60", "currency": "USD"},
        Outcome("Completed", 0, 3_600_000, "", "charges 3.60 USD"),
    ),
    ("Fail", {"charge": "3.60", "currency": "USD"},
     Outcome("Pending", 1000, 3_600_000, "word", "charges 3.60 USD")),
]  # fmt: skip


@pytest.mark.parametrize(("status", "entry", "expected"), CHARGES, ids=str)
def test_a_charge_is_the_cost_where_it_is_believed_and_a_warning_where_it_is_not(
    status: str, entry: dict[str, Any], expected: Outcome
) -> None:
    order = answered(order_of(), {"status": status, **entry})
    assert outcome(order, expected.warned) == expected


def test_a_charge_that_is_too_high_is_told_until_the_end() -> None:
    order = order_of()
    dear = {"charge": "3.60", "currency": "USD"}
    for status in ("Pending", "In progress", "In progress", "Completed"):
        order = answered(order, {"status": status, **dear})
        assert order.warning == "the provider charges 3.60 USD for what should cost 0.90"
        assert order.cost_micros == 3_600_000


def test_a_charge_in_the_providers_currency_is_converted() -> None:
    cost = exchanged((9, 10), 83_200_000_000_000)
    order = order_of(cost_micros=cost)
    for entry in ({"charge": "0.9"}, {"charge": "0.9", "currency": "USD"}):
        assert answered(order, {"status": "Completed", **entry}, RUPEES).cost_micros == cost
    own = {"status": "Completed", "charge": "74.88", "currency": "INR"}
    assert answered(order, own, RUPEES).cost_micros == 74_880_000
    kept = {"status": "Canceled", "charge": "0.9", "remains": "1000"}
    assert answered(order, kept, RUPEES).held_because == "status"


def test_an_order_of_which_no_cost_is_known_is_not_measured_by_its_charge() -> None:
    order = order_of(cost_micros=0)
    said = {"status": "Partial", "remains": "400", "charge": "0.9", "currency": "USD"}
    assert answered(order, said).status == "Partial"
    bare = answered(order, {"status": "Completed", "charge": "0.9"})
    assert (bare.cost_micros, "0.9 is not taken" in bare.warning) == (0, True)


DRIPFEED = [
    # Delivered runs count.
    ({"status": "Canceled", "runs": "3", "orders": ["1", "2", "3"]}, ("Canceled", 200, "")),
    ({"status": "Partial", "runs": "3", "orders": ["1", "2", "3"]}, ("Partial", 200, "")),
    ({"status": "Canceled", "orders": ["1", "2", "3"]}, ("Canceled", 200, "")),
    ({"status": "Canceled", "runs": "3", "orders": ["1", "2", "3"], "charge": "0.27"},
     ("Canceled", 200, "")),
    ({"status": "Canceled", "runs": "3", "orders": ["1", "2", "3"], "remains": "0"},
     ("Canceled", 200, "")),
    ({"status": "Canceled", "runs": "3", "orders": ["1", "2", "3"], "remains": "240"},
     ("Canceled", 240, "")),
    ({"status": "Canceled", "runs": "0", "orders": []}, ("Canceled", 500, "")),
    ({"status": "Canceled", "remains": "200"}, ("Canceled", 200, "")),
    ({"status": "Canceled", "remains": "157", "charge": "0"}, ("Canceled", 500, "")),
    ({"status": "Completed", "runs": "5", "orders": list("12345")}, ("Completed", 0, "")),
    ({"status": "Completed", "runs": "5"}, ("Completed", 0, "")),
    ({"status": "Completed"}, ("Completed", 0, "")),
    ({"status": "Active", "runs": "2", "orders": ["1", "2"]}, ("In progress", 300, "")),
    ({"status": "In progress", "runs": "2"}, ("In progress", 500, "")),
    # It is not clear how many were delivered.
    *[
        (entry, ("Pending", 500, "status"))
        for entry in [
            {"status": "Canceled", "runs": "3"},
            {"status": "Canceled", "runs": "3", "orders": ["1", "2"]},
            {"status": "Canceled", "runs": "6", "orders": list("123456")},
            {"status": "Canceled", "runs": "5", "orders": list("12345")},
            {"status": "Canceled", "runs": "3", "orders": list("123"), "remains": "350"},
            {"status": "Canceled", "runs": "3", "orders": list("123"), "charge": "0.45"},
            {"status": "Canceled", "runs": "3", "orders": list("123"), "charge": "0"},
            {"status": "Partial", "runs": "3"},
            {"status": "Completed", "runs": "3", "orders": ["1", "2", "3"]},
            {"status": "Completed", "runs": "3"},
        ]
    ],
]  # fmt: skip


def test_remains_that_cannot_be_read_hold_a_drip_feed_that_ends_with_a_refund() -> None:
    said = {"remains": "200 left", "runs": "3", "orders": ["1", "2", "3"]}
    assert answered(dripfeed_of(), {**said, "status": "Canceled"}).held_because == "status"
    assert answered(dripfeed_of(), {**said, "status": "Partial"}).held_because == "status"
    going_on = answered(dripfeed_of(), {**said, "status": "In progress"})
    assert (going_on.status, going_on.held_because) == ("In progress", "")


def test_remains_that_cannot_be_read_hold_no_order_that_is_completed() -> None:
    order = answered(order_of(), {"status": "Completed", "remains": "none"})
    assert (order.status, order.remains, order.warning) == ("Completed", 0, "remains 'none'")


RUNS_IN_DOUBT = [
    {"orders": [{"order": "1", "status": "Completed"}, {"order": "2", "status": "Canceled"}]},
    {"runs": "2", "orders": [{"order": "1"}, {"order": "2", "status": "Partial"}]},
    {"runs": "2", "orders": {"1": "Completed", "2": "Canceled"}},
    {"runs": "2", "sub_orders": [["1", "2"]]},
    {"child_orders": [{"number": "1"}]},
    {"order_ids": {"1": {}, "2": {}}},
]


@pytest.mark.parametrize("entry", RUNS_IN_DOUBT, ids=str)
def test_runs_that_may_not_have_been_delivered_hold_the_end(entry: dict[str, Any]) -> None:
    for status in ("Canceled", "Partial", "Completed"):
        held = answered(dripfeed_of(), {"status": status, **entry})
        assert (held.status, held.held_because) == ("Pending", "status")


def test_runs_under_another_name_count() -> None:
    said = {"status": "Canceled", "sub_orders": ["901", "902", "903"]}
    assert answered(dripfeed_of(), said).remains == 200


def number(entry: dict[str, Any], name: str) -> int | None:
    return int(entry[name]) if name in entry else None


@pytest.mark.parametrize(("entry", "expected"), DRIPFEED, ids=str)
def test_of_a_drip_feed_the_runs_that_were_not_delivered_are_paid_back(
    entry: dict[str, Any], expected: tuple[str, int, str]
) -> None:
    # What upstream makes of the answer, which is not asked here.
    charge = entry.get("charge")
    reported = ProviderStatus(
        entry["status"],
        remains=number(entry, "remains"),
        charge=None if charge is None else Charge(parse(charge), 10_000, False),
        children=tuple(entry.get("orders", ())),
        runs=number(entry, "runs"),
    )
    order = after(dripfeed_of(), reported)
    assert (order.status, order.remains, order.held_because) == expected


def test_a_drip_feed_that_goes_on_and_is_canceled_without_a_word_of_its_runs_is_held() -> None:
    bare = ProviderStatus("Canceled")
    running = dripfeed_of(status="In progress")
    assert after(running, bare).held_because == "status"
    told = after(running, ProviderStatus("In progress", runs=2, children=("1", "2")))
    assert (after(told, bare).status, after(told, bare).remains) == ("Canceled", 300)


SENSELESS = [
    ("Paused", order_of()), ("Expired", order_of()), ("Paused", dripfeed_of()),
    ("Partial", stored_order(quantity=0, remains=0, status="Active")),
]  # fmt: skip


@pytest.mark.parametrize(("status", "order"), SENSELESS)
def test_a_status_that_the_order_cannot_have_holds_it(status: str, order: StoredOrder) -> None:
    held = after(order, ProviderStatus(status, word=status))
    assert (held.status, held.held_because, held.held_text) == (order.status, "status", status)


@pytest.mark.parametrize("word", ["2", "Success", "Error", "Fail", "Reversed", "\u5b8c\u6210"])
def test_a_word_that_is_not_known_holds_the_order_with_it(word: str) -> None:
    held = answered(order_of(), {"status": word, "remains": "0", "charge": "0"})
    assert (held.status, held.held_because, held.held_text) == ("Pending", "word", word)
    assert "flask provider word" in held.warning


LONG_WORDS = [
    "a" * 500, "ab  " * 120, " a" + " " * 299 + "b", "x" * 299 + "  y", "x" * 300 + " y",
    "\u00df" * 299 + " \u00df", "\u00df " * 200, "A\u2003B " * 100,
]  # fmt: skip


@pytest.mark.parametrize("word", LONG_WORDS)
def test_a_long_word_is_held_as_a_word_that_can_be_taught(word: str) -> None:
    held = after(order_of(), ProviderStatus(word=word))
    assert held.held_because == "word"
    assert words.plain(held.held_text) == words.plain(word)


@given(word=st.text(alphabet="aB\u00df\u0130 \u2003\t", min_size=250, max_size=400))
def test_any_word_is_held_as_a_word_that_can_be_taught(word: str) -> None:
    held = after(order_of(), ProviderStatus(word=word))
    assert words.plain(held.held_text) == words.plain(word)


@pytest.mark.parametrize(
    "reported",
    [ProviderStatus("In progress"), ProviderStatus("Pending"), ProviderStatus("Completed")],
    ids=lambda reported: reported.status,
)
def test_an_answer_that_makes_sense_ends_the_hold(reported: ProviderStatus) -> None:
    held = order_of(held_because="word", held_text="Success", warning="status 'Success'")
    order = after(held, reported)
    assert (order.held_because, order.held_text, order.warning) == ("", "", "")


def test_an_answer_that_says_nothing_does_not_end_the_hold() -> None:
    held = order_of(held_because="word", held_text="Success")
    order = after(held, ProviderStatus(odd="the provider says: no"))
    assert (order.held_because, order.held_text) == ("word", "Success")


def test_an_order_that_has_ended_is_held_no_more() -> None:
    over = order_of(status="Completed", remains=0)
    for reported in (ProviderStatus(word="Success"), ProviderStatus("Canceled")):
        order = after(over, reported)
        assert (order.status, order.held_because) == ("Completed", "")
        assert order.warning != ""


def test_remains_of_another_quantity_pay_nothing_back() -> None:
    said = ProviderStatus("Partial", remains=400, quantity=500)
    assert after(order_of(), said).held_because == "status"
    assert after(order_of(), said._replace(quantity=1000)).remains == 400
    assert after(dripfeed_of(), said._replace(quantity=100)).status == "Partial"


def test_what_a_completed_order_leaves_is_told() -> None:
    order = after(order_of(), ProviderStatus("Completed", remains=300))
    assert (order.status, order.warning) == ("Completed", "Completed, though 300 remain")


# Any answer

amounts = st.sampled_from([0, 1, 90_000, 360_000, 450_000, COST, 3_600_000]) | st.integers(
    0, 10**7
)
charges = st.none() | st.builds(
    Charge, st.none() | amounts, st.sampled_from([1, 10_000]), st.booleans(), st.just("a charge")
)
reports = st.builds(
    ProviderStatus,
    status=st.none() | st.sampled_from(list(state.FOLLOWS)),
    remains=st.none() | st.integers(-5, 1100),
    charge=charges,
    word=st.sampled_from(["", "Success", "2"]),
    children=st.lists(st.sampled_from("123456"), max_size=6).map(tuple),
    runs=st.none() | st.integers(-1, 7),
    quantity=st.none() | st.sampled_from([1, 100, 500, 1000]),
)
orders = st.builds(
    lambda make, status, cost: make(status=status, cost_micros=cost),
    st.sampled_from([order_of, dripfeed_of]),
    st.sampled_from(["Pending", "Processing", "In progress"]),
    st.sampled_from([0, 1, 90_000, COST]),
)


@given(order=orders, reported=reports)
def test_nothing_is_paid_back_that_the_provider_kept(
    order: StoredOrder, reported: ProviderStatus
) -> None:
    now = after(order, reported)
    charge = reported.charge
    if not state.is_refunded(now.status) or charge is None or not order.cost_micros:
        return
    delivered = order.cost_micros * (order.quantity - now.remains) // order.quantity
    slack = charge.step_micros + order.cost_micros * 6 // 100 + 2
    kept = charge.micros if charge.is_named or now.remains == order.quantity else None
    assert kept is None or kept <= delivered + slack
    assert 0 < now.remains <= order.quantity


@given(order=orders, said=st.lists(reports, max_size=6))
def test_whatever_is_said_an_order_ends_or_goes_on_and_what_we_owe_is_seen(
    order: StoredOrder, said: list[ProviderStatus]
) -> None:
    for reported in said:
        before, order = order, after(order, reported)
        assert state.may_follow(order.status, before.status)
        assert 0 <= order.remains <= order.quantity
        if not state.is_open(before.status):
            continue
        if not state.is_open(order.status):
            assert order.held_because == ""
        charge = reported.charge
        if charge is None or charge.micros == 0:
            continue
        slack = charge.step_micros + before.cost_micros // 100
        seen = charge.micros is not None and order.cost_micros + slack >= charge.micros
        assert seen or charge.text in order.warning
