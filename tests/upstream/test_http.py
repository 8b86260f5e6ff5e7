"""A provider behind HTTP: what of its answers is understood, and which error the rest gives."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from support.apps import free_port
from support.faulty import (
    DOLLARS,
    FAULTS,
    KEY,
    PATIENT_S,
    UNCLEAR,
    Fault,
    FaultyProvider,
    Forgetful,
    patience_s,
    says,
)

from database.clock import now
from panel.orders.dispatch import Outgoing
from panel.orders.provider_status import Charge, ProviderStatus
from panel.orders.refills import ProviderRefill
from panel.providers.currency import Exchange
from panel.providers.listing import Listing
from panel.providers.registry import ProviderAccount
from upstream import http
from upstream.http import HttpProvider
from upstream.provider import (
    NoNumber,
    OutcomeUnknown,
    ProviderMoved,
    ProviderRejected,
    ProviderUnreachable,
    RedirectedUnclear,
)

ERRORS = (ProviderUnreachable, ProviderRejected, OutcomeUnknown)
LINK = "https://example.com/p?id=1&lang=en#top+äß%20"


@pytest.fixture(params=["sns", "perfectpanel"])
def either(faulty: FaultyProvider, request: pytest.FixtureRequest) -> FaultyProvider:
    """A provider of either dialect."""
    faulty.renew(request.param)
    return faulty


def connect(provider: FaultyProvider | Forgetful, key: str = KEY) -> HttpProvider:
    return HttpProvider(provider.url, key, DOLLARS, timeout_s=PATIENT_S)


def order(service: str = "1", quantity: int = 100, package: bool = False) -> Outgoing:
    parameters = {"service": service, "link": LINK}
    return Outgoing(1, 1, parameters if package else parameters | {"quantity": str(quantity)}, "k")


# Every method, in either dialect


def test_the_catalogue_is_read(either: FaultyProvider) -> None:
    assert connect(either).services() == [
        Listing("1", "Followers", "Social", "Default", 900_000, 10, 5000, True, True),
        Listing("2", "Views", "Video", "Default", 3300, 100, 1_000_000, False, False),
        Listing("3", "Starter pack", "Video", "Package", 3_000_000, 1, 1, False, True),
        Listing("4", "Poll votes", "Social", "Live Views", 1_000_000, 10, 100, False, False),
    ]


def test_the_balance_is_told_with_its_currency(either: FaultyProvider) -> None:
    account = connect(either).account()
    assert account._replace(clock_at=None) == ProviderAccount("12.5000 USD", False, "USD")


def test_a_provider_tells_what_time_it_is_there(either: FaultyProvider) -> None:
    at = connect(either).account().clock_at
    assert at is not None
    assert abs(at - now()) < 60


def test_an_order_is_placed_with_its_link_unchanged(either: FaultyProvider) -> None:
    assert connect(either).add(order("2", 1500)) == "1"
    assert either.sent("add") == [
        {"key": KEY, "action": "add", "service": "2", "link": LINK, "quantity": "1500"}
    ]
    assert either.taken() == {LINK: 1}


def test_a_package_is_ordered_without_a_quantity(either: FaultyProvider) -> None:
    assert connect(either).add(order("3", 1, package=True)) == "1"
    assert "quantity" not in either.sent("add")[0]


def test_an_order_is_refused_whatever_the_http_status(either: FaultyProvider) -> None:
    with pytest.raises(ProviderRejected, match=r"^Incorrect service ID$"):
        connect(either).add(order("99"))
    with pytest.raises(ProviderRejected, match=r"^Invalid API key$"):
        connect(either, "wrong").add(order())
    assert either.taken() == {}


def test_an_order_without_a_number_and_with_an_error_was_refused(faulty: FaultyProvider) -> None:
    faulty.plan("add", Fault(says({"order": None, "error": "Not enough funds"})))
    with pytest.raises(ProviderRejected, match=r"^Not enough funds$"):
        connect(faulty).add(order())


def test_an_order_with_a_number_and_an_error_is_in_doubt(faulty: FaultyProvider) -> None:
    faulty.plan("add", Fault(says({"order": 907, "error": "Not enough funds"})))
    with pytest.raises(OutcomeUnknown, match="907"):
        connect(faulty).add(order())


def test_statuses_are_read_for_many_at_once(either: FaultyProvider) -> None:
    client = connect(either)
    for _ in range(2):
        client.add(order())
    either.orders[2] |= {"status": "Partial", "start_count": 70, "remains": 40, "charge": "0.3"}
    assert client.statuses(["1", "2", "9"]) == {
        "1": ProviderStatus(
            "Pending", 0, 100, Charge(500_000, 1, True, "0.500000 USD"), word="Pending"
        ),
        "2": ProviderStatus(
            "Partial", 70, 40, Charge(300_000, 100_000, True, "0.3 USD"), word="Partial"
        ),
        "9": ProviderStatus(odd="the provider says: Incorrect order ID"),
    }
    assert [request["orders"] for request in either.sent("status")] == ["1,2,9"]


def test_cancels_are_asked_for_many_at_once(either: FaultyProvider) -> None:
    client = connect(either)
    client.add(order())
    assert client.cancel(["1", "9"]) == {"1": True, "9": False}


def test_refills_are_asked_for_and_followed(either: FaultyProvider) -> None:
    client = connect(either)
    client.add(order())
    assert client.refill("1") == "1"
    assert client.refill_statuses(["1", "9"]) == {
        "1": ProviderRefill("pending"),
        "9": ProviderRefill(None, "the provider says: Refill not found"),
    }
    either.refills[1] = "completed"
    assert client.refill_statuses(["1"]) == {"1": ProviderRefill("completed")}
    with pytest.raises(ProviderRejected, match=r"^Incorrect order ID$"):
        client.refill("9")


# What single answers mean

GOOD = {"service": 5, "name": "Likes", "rate": "1.5", "min": "10", "max": "1000"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Listing("5", "Likes", "Other", "Default", 1_500_000, 10, 1000, False, False)),
        (
            {"service": "5", "category": " Social ", "type": "Package", "refill": 1},
            Listing("5", "Likes", "Social", "Package", 1_500_000, 10, 1000, True, False),
        ),
        (
            {"type": "default", "refill": "true", "cancel": "1", "rate": 2, "min": 5},
            Listing("5", "Likes", "Other", "Default", 2_000_000, 5, 1000, True, True),
        ),
        (
            {"type": "Subscriptions", "refill": "0", "cancel": None, "rate": 0.00000012},
            Listing("5", "Likes", "Other", "Subscriptions", 1, 10, 1000, False, False),
        ),
        (
            {"name": "Li\x1b[31mkes\n", "rate": "0.0000015"},
            Listing("5", "Li[31mkes", "Other", "Default", 2, 10, 1000, False, False),
        ),
        (
            {"max": "2147483647"},
            Listing("5", "Likes", "Other", "Default", 1_500_000, 10, 10**9, False, False),
        ),
        ({"rate": "cheap"}, None),
        ({"rate": "-1"}, None),
        ({"rate": "NaN"}, None),
        ({"rate": "1e400"}, None),
        ({"rate": None}, None),
        ({"min": "few"}, None),
        ({"max": None}, None),
        ({"max": "9" * 19}, None),
        ({"service": None}, None),
        ({"service": "5 6"}, None),
        ({"service": "5" * 65}, None),
        ({"name": "\x00"}, None),
        ({"name": ["Likes"]}, None),
    ],
    ids=str,
)
def test_a_service_is_taken_as_far_as_it_can_be_understood(
    faulty: FaultyProvider, changes: dict[str, Any], expected: Listing | None
) -> None:
    faulty.plan("services", Fault(says([{**GOOD, **changes}, "text", None, [1], {}])))
    assert connect(faulty).services() == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"balance": "1.50", "currency": "EUR"}, ("1.50 EUR", "EUR")),
        ({"balance": 12.3456789}, ("12.3456789", "")),
        ({"status": "success", "balance": 0, "currency": "inr "}, ("0 inr", "INR")),
        ({"balance": "1.50", "message": "Welcome"}, ("1.50", "")),
        ({"balance": "1.50 USD"}, ("1.50 USD", "USD")),
        ({"balance": "1\x1b[31m\n", "currency": None}, ("1[31m", "")),
    ],
    ids=str,
)
def test_a_balance_is_told_as_the_provider_writes_it(
    faulty: FaultyProvider, answer: Any, expected: tuple[str, str]
) -> None:
    faulty.plan("balance", Fault(says(answer)))
    account = connect(faulty).account()
    assert (account.balance, account.currency) == expected


STATE = {
    "charge": "0.27", "start_count": "3572", "status": "In progress", "remains": "57",
    "currency": "USD",
}  # fmt: skip


CHARGED = Charge(270_000, 10_000, True, "0.27 USD")
READ = ProviderStatus("In progress", 3572, 57, CHARGED, word="In progress")


def charged(
    micros: int | None, step: int, named: bool, text: str, is_amount: bool = True
) -> ProviderStatus:
    return READ._replace(charge=Charge(micros, step, named, text, is_amount))


def word(word: str, status: str | None = None) -> ProviderStatus:
    return READ._replace(status=status, word=word)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (STATE, READ),
        ({**STATE, "start_count": 3572, "remains": 57}, READ),
        ({**STATE, "start_count": None}, READ._replace(start_count=None)),
        ({**STATE, "start_count": "", "remains": ""},
         READ._replace(start_count=None, remains=None)),
        ({"status": "Completed"}, ProviderStatus("Completed", word="Completed")),
        ("Completed", ProviderStatus("Completed", word="Completed")),
        ({**STATE, "status": "Inprogress"}, word("Inprogress", "In progress")),
        ({**STATE, "status": "COMPLETED"}, word("COMPLETED", "Completed")),
        ({**STATE, "status": "cancelled"}, word("cancelled", "Canceled")),
        ({**STATE, "status": "Fail"}, word("Fail")),
        ({**STATE, "status": None}, word("")._replace(odd="no status")),
        ({**STATE, "status": {"name": "Completed"}}, word("")._replace(odd="no status")),
        ({**STATE, "status": 3}, word("3")),
        ({**STATE, "status": 2, "status_name": "Completed"}, word("Completed", "Completed")),
        ({**STATE, "status": "2", "status_name": "Fertig"}, word("Fertig")),
        ({**STATE, "status": "Pending", "status_name": "Completed"}, word("Pending", "Pending")),
        ({**STATE, "status": "\u672acompleted"}, word("\u672acompleted")),
        ({**STATE, "remains": -3}, READ._replace(remains=-3, has_unread_remains=True)),
        ({**STATE, "remains": "Unknown"},
         READ._replace(remains=None, odd="remains 'Unknown'", has_unread_remains=True)),
        ({**STATE, "start_count": 1.5, "remains": "9" * 19},
         READ._replace(start_count=None, remains=None,
                       odd=f"start_count '1.5', remains '{'9' * 19}'", has_unread_remains=True)),
        ({**STATE, "quantity": 1000}, READ._replace(quantity=1000)),
        ({**STATE, "error": None}, READ),
        ("Incorrect order ID", ProviderStatus(odd="the provider says: Incorrect order ID")),
        ({"error": "Incorrect order ID"},
         ProviderStatus(odd="the provider says: Incorrect order ID")),
        ({"error": "no\x1b[31m"}, ProviderStatus(odd="the provider says: no[31m")),
        ({"error": {"message": "gone"}}, ProviderStatus(odd="the provider says: gone")),
        ({"error": {"code": 5}}, ProviderStatus(odd="the provider says: ")),
        (None, ProviderStatus(odd="the provider says: ")),
        ([], ProviderStatus(odd="the provider says: ")),
        # An envelope that says anything of its own is none.
        ({"status": "error", "result": STATE}, ProviderStatus(word="error")),
        ({"status": "Completed", "result": STATE}, ProviderStatus("Completed", word="Completed")),
        ({"status": "success", "result": {"id": 5}}, ProviderStatus(word="success")),
        ({"status": "success", "result": "Completed"}, ProviderStatus(word="success")),
        ({"status": "success", "error": "no", "result": STATE},
         ProviderStatus(odd="the provider says: no")),
        ({"status": "success", "result": {"error": "no"}},
         ProviderStatus(odd="the provider says: no")),
        # Charges. What another currency's is in ours, nobody said: but nothing is nothing.
        ({**STATE, "charge": "0.0000001"}, charged(1, 1, True, "0.0000001 USD")),
        ({**STATE, "charge": 3}, charged(3_000_000, 1_000_000, True, "3 USD")),
        ({**STATE, "charge": "5400", "currency": "INR"}, charged(None, 1, True, "5400 INR")),
        ({**STATE, "charge": "0.00", "currency": "INR"}, charged(0, 10_000, True, "0.00 INR")),
        ({**STATE, "currency": None}, charged(270_000, 10_000, False, "0.27")),
        ({**STATE, "currency": "usd"}, READ),
        ({**STATE, "charge": None}, READ._replace(charge=None)),
        ({**STATE, "charge": ""}, READ._replace(charge=None)),
        # A charge that cannot be read is one all the same.
        ({**STATE, "charge": "-0.5"}, charged(None, 1, True, "-0.5 USD", False)),
        ({**STATE, "charge": "1,234"}, charged(None, 1, True, "1,234 USD", False)),
        ({**STATE, "charge": "(0.27)"}, charged(None, 1, True, "(0.27) USD", False)),
        ({**STATE, "charge": "$-0.27"}, charged(None, 1, True, "$-0.27 USD", False)),
        ({**STATE, "charge": "0.27 of 1"}, charged(None, 1, True, "0.27 of 1 USD", False)),
        ({**STATE, "charge": "free"}, charged(None, 1, True, "free USD", False)),
        # With its currency within, or with a comma where that can only be a decimal point.
        ({**STATE, "charge": "$0.27"}, charged(270_000, 10_000, True, "$0.27 USD")),
        ({**STATE, "charge": "0,27"}, charged(270_000, 10_000, True, "0,27 USD")),
        ({**STATE, "charge": "0,270"}, charged(270_000, 1_000, True, "0,270 USD")),
        ({**STATE, "charge": "1,234.50"}, charged(1_234_500_000, 10_000, True, "1,234.50 USD")),
        ({**STATE, "charge": "1.234,50"}, charged(1_234_500_000, 10_000, True, "1.234,50 USD")),
        ({**STATE, "charge": "0.27 EUR"}, charged(None, 1, True, "0.27 EUR USD")),
        *[
            ({**STATE, "charge": written, "currency": None}, charged(*charge, written))
            for written, charge in [
                ("0.27 USD", (270_000, 10_000, True)), ("USD0.27", (270_000, 10_000, True)),
                ("$0.27 usd", (270_000, 10_000, True)), ("US$ 0.27", (270_000, 10_000, True)),
                ("$0.27", (270_000, 10_000, False)), ("0,27$", (270_000, 10_000, False)),
                ("€ 0,90", (None, 1, True)), ("0.27 EUR", (None, 1, True)),
                ("£0.27", (None, 1, True)), ("Rs. 75", (None, 1, True)),
                ("0.00 USD", (0, 10_000, True)), ("$0.00", (0, 10_000, False)),
                ("0,00", (0, 10_000, False)), ("€ 0,00", (0, 10_000, True)),
                ("0.000,00 EUR", (0, 10_000, True)), ("0,000", (0, 1_000, False)),
                ("00.0", (0, 100_000, False)),
            ]
        ],
        ({**STATE, "charge": "Infinity"}, charged(None, 1, True, "Infinity USD", False)),
        ({**STATE, "charge": {"amount": 5}}, charged(None, 1, True, "USD", False)),
        # The orders inside a subscription or a drip-feed.
        ({**STATE, "orders": [901, "902", 901]}, READ._replace(children=("901", "902"))),
        ({**STATE, "posts": [901]}, READ._replace(children=("901",))),
        ({**STATE, "posts": 10, "orders": [901]}, READ._replace(children=("901",))),
        ({**STATE, "posts": 10, "orders": []}, READ),
        ({**STATE, "posts": 10, "orders": [], "status": "Completed"},
         READ._replace(status="Completed", word="Completed", runs=10)),
        ({**STATE, "posts": 10}, READ._replace(runs=10)),
        ({**STATE, "posts": 0}, READ),
        ({**STATE, "posts": [{"order": "5", "quantity": 20}, {"order": 6}]},
         READ._replace(posts=(("5", 20),), children=("6",))),
        ({**STATE, "orders": [{"id": 901, "quantity": "40"}]},
         READ._replace(posts=(("901", 40),))),
        ({**STATE, "orders": {"901": {"quantity": 40}, "902": {}, "count": 2}},
         READ._replace(posts=(("901", 40),), children=("902",))),
        ({**STATE, "orders": {"0": 1, "2": 3}}, READ._replace(children=("1", "3"))),
        ({**STATE, "orders": "[1, 2]"}, READ._replace(children=("1", "2"))),
        ({**STATE, "orders": "1, 2"}, READ._replace(children=("1", "2"))),
        ({**STATE, "orders": 9701}, READ._replace(runs=9701)),
        ({**STATE, "runs": "3.0"}, READ._replace(runs=3)),
        # What stands there and cannot be read may be anything.
        ({**STATE, "orders": [None, True, {}, "", "a b", "0", [5]]},
         READ._replace(unread="orders")),
        ({**STATE, "posts": [{"quantity": 100}]}, READ._replace(unread="posts")),
        ({**STATE, "orders": [[901, 902], [903]]}, READ._replace(unread="orders")),
        ({**STATE, "orders": [[]]}, READ._replace(unread="orders")),
        ({**STATE, "orders": [{"number": 901}]}, READ._replace(unread="orders")),
        ({**STATE, "orders": ["Completed", "Canceled"]}, READ._replace(unread="orders")),
        ({**STATE, "orders": {"first": {"number": 901}}}, READ._replace(unread="orders")),
        ({**STATE, "orders": {"1": {"quantity": 100}, "2": {"quantity": 100}}},
         READ._replace(unread="orders")),
        ({**STATE, "orders": {"901": "Completed", "902": "Canceled"}},
         READ._replace(unread="orders")),
        ({**STATE, "orders": {"901": "In progress"}}, READ._replace(unread="orders")),
        ({**STATE, "orders": {"901": "reversed"}}, READ._replace(unread="orders")),
        ({**STATE, "orders": {"901": {}, "902": "reversed"}},
         READ._replace(children=("901",), unread="orders")),
        ({**STATE, "orders": {"done": 3, "left": 2}}, READ._replace(unread="orders")),
        ({**STATE, "orders": {"list": [901, 902]}}, READ._replace(unread="orders")),
        ({**STATE, "orders": True}, READ._replace(unread="orders")),
        # Panels name it otherwise, too.
        *[
            ({**STATE, name: value}, expected)
            for name in ("sub_orders", "child_orders", "order_ids", "subOrders", "Orders")
            for value, expected in [
                ([901, 902], READ._replace(children=("901", "902"))),
                ([{"order_id": 901, "quantity": 40}], READ._replace(posts=(("901", 40),))),
                ("901,902", READ._replace(children=("901", "902"))),
                ([["901"]], READ._replace(unread=name)),
                (3, READ._replace(runs=3)),
                ([], READ),
            ]
        ],
        ({**STATE, "posts": [{"order": 901, "quantity": 40}], "order_ids": [901, 902]},
         READ._replace(posts=(("901", 40),), children=("902",))),
        # A run that was not delivered wholly, or of which nobody knows, counts for nothing.
        *[
            ({**STATE, "orders": [{"order": 901, "status": "Completed"}, {"order": 902, **said}]},
             READ._replace(children=("901",), unread="orders"))
            for said in ({"status": "Canceled"}, {"status": "partial"}, {"status": "Refunded"},
                         {"status": "Error"}, {"status": 4, "status_name": "Canceled"})
        ],
        ({**STATE, "posts": [{"order": 901, "quantity": 40, "status": "Canceled"}]},
         READ._replace(unread="posts")),
        ({**STATE, "orders": {"901": {"status": "Canceled"}, "902": {"status": "Completed"}}},
         READ._replace(children=("902",), unread="orders")),
        ({**STATE, "orders": [{"order": 901, "status": "Pending"},
                              {"order": 902, "status": "Inprogress"}]},
         READ._replace(children=("901", "902"))),
        ({**STATE, "orders": "[1, 2", "runs": "3/5"}, READ._replace(unread="orders and runs")),
        ({**STATE, "runs": [1, 2]}, READ._replace(unread="runs")),
        ({**STATE, "runs": 3, "orders": [1, 2, 3]},
         READ._replace(runs=3, children=("1", "2", "3"))),
    ],
    ids=str,
)  # fmt: skip
def test_a_status_is_read_as_far_as_it_can_be_understood(
    faulty: FaultyProvider, entry: Any, expected: ProviderStatus
) -> None:
    faulty.plan("status", Fault(says({"7": entry})))
    assert connect(faulty).statuses(["7"]) == {"7": expected}


@pytest.mark.parametrize(
    "answer",
    [
        {"7": STATE, "8": STATE},
        [{**STATE, "order": 7}, {**STATE, "order": "8"}],
        [{**STATE, "id": 7}, {**STATE, "order_id": "8"}, "text", None],
        {"status": "success", "data": {"7": STATE, "8": STATE}},
        {"data": [{**STATE, "order": 7}, {**STATE, "order": 8}]},
        {"status": "success", "result": {"7": STATE, "8": STATE}},
        {"response": [{**STATE, "order": 7}, {**STATE, "order": 8}]},
        {"7": {"status": "success", "result": STATE}, "8": {"success": True, "data": STATE}},
        {"7": {"status": "OK", "response": STATE}, "8": {"order": STATE}},
        [{"status": 1, "order": 7, "data": STATE}, {"id": 8, "result": STATE}],
        {"7": {"currency": "USD", "result": {k: STATE[k] for k in STATE if k != "currency"}},
         "8": {"charge": None, "data": STATE}},
    ],
    ids=str,
)  # fmt: skip
def test_statuses_are_an_object_or_a_list(faulty: FaultyProvider, answer: Any) -> None:
    faulty.plan("status", Fault(says(answer)))
    assert connect(faulty).statuses(["7", "8"]) == {"7": READ, "8": READ}


@pytest.mark.parametrize(
    "answer",
    [STATE, [STATE], {"7": STATE}, [{**STATE, "order": 7}], {"data": STATE},
     {**STATE, "order": "7"}, {"status": "success", "result": STATE},
     {"success": True, "response": STATE}, {"status": "success", "order": {**STATE, "id": 7}},
     {"data": {"status": "ok", "result": {**STATE, "order": "7"}}}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("alone", [False, True])
def test_the_status_of_one_order_may_stand_by_itself(
    faulty: FaultyProvider, answer: Any, alone: bool
) -> None:
    faulty.plan("status", Fault(says(answer)))
    assert connect(faulty).statuses(["7"], alone) == {"7": READ}
    assert faulty.sent("status") == [
        {"key": KEY, "action": "status", "order" if alone else "orders": "7"}
    ]


@pytest.mark.parametrize(
    "answer",
    [{**STATE, "order": "8"}, {"status": "success", "result": {**STATE, "order": "8"}},
     {"order": "8", "data": STATE}, {"order_id": "8", "data": STATE}, [STATE, STATE],
     {"8": STATE}, {"status": None}, {"status": []}, {"message": "Welcome"}],
    ids=str,
)  # fmt: skip
def test_the_status_of_no_order_is_taken_for_one(faulty: FaultyProvider, answer: Any) -> None:
    faulty.plan("status", Fault(says(answer)))
    with pytest.raises(OutcomeUnknown):
        connect(faulty).statuses(["7"], alone=True)


def test_one_status_is_never_taken_for_one_of_several(faulty: FaultyProvider) -> None:
    faulty.plan("status", Fault(says(STATE)))
    with pytest.raises(OutcomeUnknown):
        connect(faulty).statuses(["7", "8"])


def test_an_order_that_is_told_of_twice_is_not_told_of(faulty: FaultyProvider) -> None:
    entries = [{**STATE, "order": 7}, {**STATE, "order": 8}, {**STATE, "order": 7, "remains": 1}]
    faulty.plan("status", Fault(says(entries)))
    assert list(connect(faulty).statuses(["7", "8"])) == ["8"]


def test_a_status_of_error_is_a_status_where_one_order_is_asked_for(
    faulty: FaultyProvider,
) -> None:
    faulty.plan("status", Fault(says({"status": "Error"})))
    assert connect(faulty).statuses(["7"], alone=True) == {"7": ProviderStatus(word="Error")}


RUPEES = Exchange("INR", "USD", 83_200_000_000_000)


@pytest.mark.parametrize(
    ("exchange", "charge", "named", "expected"),
    [
        (RUPEES, "0.9", "USD", (74_880_000, 8_320_000, True)),
        (RUPEES, "0.9", None, (74_880_000, 8_320_000, False)),
        (RUPEES, "0.90", "INR", (900_000, 10_000, True)),
        (RUPEES, "0.9", "EUR", (None, 1, True)),
        (RUPEES, "0.0000001", "USD", (9, 9, True)),
        (Exchange("INR", "USD"), "0.9", "USD", (None, 1, True)),
        (Exchange("INR", "USD"), "0.9", None, (None, 1, False)),
        (Exchange("INR", "USD"), "0.9", "INR", (900_000, 100_000, True)),
        (Exchange("INR"), "0.9", None, (None, 1, False)),
        (Exchange("INR"), "0", None, (0, 0, False)),
        (Exchange("INR"), "0.00", None, (0, 10_000, False)),
    ],
)
def test_a_charge_is_taken_in_our_currency_or_not_at_all(
    faulty: FaultyProvider,
    exchange: Exchange,
    charge: str,
    named: str | None,
    expected: tuple[int | None, int, bool],
) -> None:
    faulty.plan("status", Fault(says({"7": {**STATE, "charge": charge, "currency": named}})))
    client = HttpProvider(faulty.url, KEY, exchange, timeout_s=PATIENT_S)
    told = client.statuses(["7"])["7"].charge
    assert told == Charge(*expected, f"{charge} {named or ''}".strip())


def test_orders_that_were_not_asked_for_are_not_told(faulty: FaultyProvider) -> None:
    faulty.plan("status", Fault(says({"7": STATE, "8": STATE, "": STATE})))
    assert list(connect(faulty).statuses(["7", "9"])) == ["7"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"7": {"cancel": "requested"}, "8": {"error": "Cannot cancel"}}, {"7": True, "8": False}),
        ({"7": {"cancel": 1}, "8": {"cancel": 0}}, {"7": True, "8": False}),
        ({"7": {"cancel": True}, "8": {"cancel": False}}, {"7": True, "8": False}),
        ({"7": {"cancel": {"error": "no"}}, "8": "no"}, {"7": False, "8": False}),
        ([{"order": 7, "cancel": 12}, {"order": "8", "cancel": {"error": "no"}}],
         {"7": True, "8": False}),
        ([{"order": 99, "cancel": 1}, "text", {"cancel": 1}], {}),
        ({"7": {"status": "success"}, "8": {"status": "fail"}}, {"7": True, "8": False}),
        ({"data": {"7": {"cancel": 1}}}, {"7": True}),
        ({}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_a_cancel_is_answered_by_an_object_or_an_array(
    faulty: FaultyProvider, answer: Any, expected: dict[str, bool]
) -> None:
    faulty.plan("cancel", Fault(says(answer)))
    assert connect(faulty).cancel(["7", "8"]) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([{"refill": 7, "status": "Completed"}], {"7": ProviderRefill("completed")}),
        ([{"refill": "7", "status": "In progress"}, {"refill": 8, "status": "Rejected"}],
         {"7": ProviderRefill("in progress"), "8": ProviderRefill("rejected")}),
        ([{"refill": 7, "status": "Awaiting"}, {"refill": 8, "status": "Fail"}],
         {"7": ProviderRefill("pending"), "8": ProviderRefill("error")}),
        ({"7": {"status": "Completed"}, "8": "Rejected", "9": {"status": "Completed"}},
         {"7": ProviderRefill("completed"), "8": ProviderRefill("rejected")}),
        ({"data": [{"id": 7, "status": "Completed"}]}, {"7": ProviderRefill("completed")}),
        ([{"refill": 7, "status": {"error": "Refill not found"}}, {"refill": 8, "status": "?"}],
         {"7": ProviderRefill(None, "the provider says: Refill not found"),
          "8": ProviderRefill(None, "status '?'")}),
        ([{"refill": 7, "status": "Completed"}, {"refill": 7, "status": "Rejected"}], None),
        ([{"refill": 99, "status": "Completed"}, "text", None], None),
        ([], {}),
    ],
    ids=str,
)  # fmt: skip
def test_refill_statuses_are_read_in_the_words_of_the_trade(
    faulty: FaultyProvider, answer: Any, expected: dict[str, ProviderRefill] | None
) -> None:
    faulty.plan("refill_status", Fault(says(answer)))
    if expected is None:
        with pytest.raises(OutcomeUnknown):
            connect(faulty).refill_statuses(["7", "8"])
    else:
        assert connect(faulty).refill_statuses(["7", "8"]) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"refill": 12}, "12"),
        ({"refill": "3f25-04e0"}, "3f25-04e0"),
        ({"status": "success", "refill": "12"}, "12"),
        ({"refill": {"id": 12}}, "12"),
        ([{"order": 7, "refill": 12}], "12"),
        ([{"refill": 12}], "12"),
        ({"7": {"refill": 12}}, "12"),
        ({"7": 12}, None),
    ],
    ids=str,
)
def test_a_refills_number_is_found_in_every_shape(
    faulty: FaultyProvider, answer: Any, expected: str | None
) -> None:
    faulty.plan("refill", Fault(says(answer)))
    if expected is None:
        with pytest.raises(NoNumber):
            connect(faulty).refill("7")
    else:
        assert connect(faulty).refill("7") == expected


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "Cannot refill"},
        {"refill": {"error": "Cannot refill"}},
        [{"order": 7, "refill": {"error": "Cannot refill"}}],
        {"7": {"error": "Cannot refill"}},
        [{"order": 7, "error": "Cannot refill"}],
    ],
    ids=str,
)
def test_a_refill_is_refused_in_every_shape(faulty: FaultyProvider, answer: Any) -> None:
    faulty.plan("refill", Fault(says(answer)))
    with pytest.raises(ProviderRejected, match=r"^Cannot refill$"):
        connect(faulty).refill("7")


@pytest.mark.parametrize(
    "answer",
    [{"status": "success"}, {"refill": True}, {"refill": "success"}, {"refill": None}, {},
     {"refill": 0}, [], [{"order": 8, "refill": 12}, {"order": 9, "refill": 13}], "done", None],
    ids=str,
)  # fmt: skip
def test_a_refill_without_a_number_is_told_from_one_without_an_answer(
    faulty: FaultyProvider, answer: Any
) -> None:
    faulty.plan("refill", Fault(says(answer)), Fault(UNCLEAR["500"]))
    client = connect(faulty)
    with pytest.raises(NoNumber):
        client.refill("7")
    with pytest.raises(OutcomeUnknown) as unknown:
        client.refill("7")
    assert not isinstance(unknown.value, NoNumber)


@pytest.mark.parametrize(
    ("ask", "sent"),
    [
        (lambda client: client.cancel(["7"], alone=True), {"action": "cancel", "order": "7"}),
        (lambda client: client.refill("7"), {"action": "refill", "order": "7"}),
        (lambda client: client.refill("7", listed=True), {"action": "refill", "orders": "7"}),
        (
            lambda client: client.refill_statuses(["7"], alone=True),
            {"action": "refill_status", "refill": "7"},
        ),
        (
            lambda client: client.refill_statuses(["7"]),
            {"action": "refill_status", "refills": "7"},
        ),
    ],
)
def test_one_thing_can_be_asked_for_in_either_form(
    faulty: FaultyProvider, ask: Callable[[HttpProvider], Any], sent: dict[str, str]
) -> None:
    faulty.plan(sent["action"], Fault(says({})))
    with suppress(*ERRORS):
        ask(connect(faulty))
    assert faulty.requests == [{"key": KEY, **sent}]


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [({"status": "success"}, True), ({"cancel": 1}, True), ({"cancel": 0}, False),
     ({"success": True, "message": "done"}, True), ({"7": {"cancel": 5}}, True),
     ({"cancel": {"error": "Cannot cancel"}}, False)],
    ids=str,
)  # fmt: skip
def test_the_cancel_of_one_order_may_be_answered_by_itself(
    faulty: FaultyProvider, answer: Any, accepted: bool
) -> None:
    faulty.plan("cancel", Fault(says(answer)))
    assert connect(faulty).cancel(["7"], alone=True) == {"7": accepted}


def test_the_status_of_one_refill_may_stand_by_itself(faulty: FaultyProvider) -> None:
    faulty.plan("refill_status", Fault(says({"status": "Completed"})))
    client = connect(faulty)
    assert client.refill_statuses(["7"], alone=True) == {"7": ProviderRefill("completed")}


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("action", ["balance", "services", "add", "status", "refill"])
def test_a_panel_that_moved_took_nothing_and_is_not_followed(
    faulty: FaultyProvider, action: str, status: int
) -> None:
    where = {"Location": f"https://me:{KEY}@new.example/{KEY}/v2?key={KEY}&a=b#top"}
    faulty.plan(action, Fault(says(b"", status, "text/html", **where)))
    with pytest.raises(ProviderMoved) as moved:
        CALLS[action](connect(faulty))
    assert moved.value.address == "https://new.example/KEY/v2"
    assert KEY not in repr(moved.value)
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["", "/api/v2", "/api/v2?order=5", "http://[::1/", "javascript:alert(1)", "https:///x",
     "ftp://new.example/", "//", "https://new.example/" + "a" * 300],
)  # fmt: skip
def test_a_redirect_that_leads_nowhere_else_leaves_it_unknown(
    faulty: FaultyProvider, location: str, status: int
) -> None:
    faulty.plan("add", Fault(says(b"", status, "text/html", Location=location)))
    with pytest.raises(RedirectedUnclear):
        connect(faulty).add(order())
    assert len(faulty.requests) == 1


# What becomes of an order


@pytest.mark.parametrize(
    "answer",
    [
        {"order": 123},
        {"order": "123"},
        {"status": "success", "order": "123"},
        {"order": 123, "message": "Thank you"},
        {"order": "123", "error": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("status", [200, 201, 429])
def test_an_answer_with_a_number_is_an_order_taken(
    faulty: FaultyProvider, answer: Any, status: int
) -> None:
    faulty.plan("add", Fault(says(answer, status)))
    assert connect(faulty).add(order()) == "123"


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ({"error": "Incorrect link"}, 200, "Incorrect link"),
        ({"error": "Incorrect link"}, 422, "Incorrect link"),
        ({"error": "Not enough funds on balance"}, 402, "Not enough funds on balance"),
        ({"error": "Too many requests"}, 429, "Too many requests"),
        ({"message": "Too Many Attempts."}, 429, "Too Many Attempts."),
        ({}, 429, "Too many requests"),
        ([], 429, "Too many requests"),
        ({"message": "Unauthenticated."}, 401, "Unauthenticated."),
        ({"status": "error", "message": "Bad link"}, 200, "Bad link"),
        ({"status": "fail", "error": "Bad link"}, 200, "Bad link"),
        ({"success": False, "message": "Bad link"}, 200, "Bad link"),
        ({"status": "Failed"}, 200, "refused without a reason"),
        ({"error": {"message": "Bad link", "code": 7}}, 200, "Bad link"),
        ({"error": 17}, 200, "17"),
        ({"error": "x" * 1000}, 200, "x" * 300),
        ({"error": "Bad\n\x1b[31mlink"}, 200, "Bad[31mlink"),
        ({"error": "\x00"}, 200, "refused with an unprintable text"),
    ],
    ids=str,
)
def test_an_error_is_a_refusal(
    faulty: FaultyProvider, answer: Any, status: int, text: str
) -> None:
    faulty.plan("add", Fault(says(answer, status)))
    with pytest.raises(ProviderRejected) as refused:
        connect(faulty).add(order())
    assert str(refused.value) == text


@pytest.fixture
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe no answer over a megabyte, so that a test's huge one need not be huge."""
    monkeypatch.setattr(http, "MAX_ANSWER_BYTES", 1_000_000)


@pytest.mark.usefixtures("small_answers")
@pytest.mark.parametrize("name", FAULTS)
def test_where_it_is_not_known_whether_the_order_was_taken_it_is_said_so(
    faulty: FaultyProvider, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    faulty.plan("add", FAULTS[name], forever=True)
    with pytest.raises(OutcomeUnknown) as unknown:
        HttpProvider(faulty.url, KEY, DOLLARS, timeout_s=patience_s(name)).add(order())
    faulty.await_sent("add", 1)
    assert len(faulty.requests) == 1
    assert faulty.taken() == ({LINK: 1} if FAULTS[name].takes else {})
    assert KEY not in f"{unknown.value!r} {caplog.text}"


def nowhere() -> str:
    return f"http://127.0.0.1:{free_port()}/api/v2"


@pytest.mark.parametrize(
    "url",
    [
        nowhere,
        lambda: "http://127.0.0.1:99999/api/v2",
        lambda: "http://127.0.0.1:port/api/v2",
        lambda: "http://two..dots/api/v2",
        lambda: f"http://{'a' * 64}.example/api/v2",
        lambda: "http://[::1/api/v2",
    ],
    ids=["a closed port", "no port", "no number", "no name", "a long name", "no address"],
)
def test_an_order_that_cannot_leave_is_not_sent(url: Callable[[], str]) -> None:
    with pytest.raises(ProviderUnreachable):
        HttpProvider(url(), KEY, DOLLARS, timeout_s=0.5).add(order())


def test_a_provider_without_encryption_behind_https_leaves_it_unknown(
    faulty: FaultyProvider,
) -> None:
    url = faulty.url.replace("http:", "https:")
    with pytest.raises(OutcomeUnknown, match="encrypted"):
        HttpProvider(url, KEY, DOLLARS, timeout_s=0.5).add(order())
    assert faulty.requests == []


def test_an_order_never_goes_over_a_connection_that_was_kept() -> None:
    forgetful = Forgetful()
    try:
        client = connect(forgetful)
        assert client.account().balance == "1.00"
        assert [client.add(order()) for _ in range(3)] == ["123"] * 3
        with pytest.raises(OutcomeUnknown):  # what the orders were spared
            client.account()
    finally:
        forgetful.close()


# The other methods' errors, and the key

CALLS: dict[str, Callable[[HttpProvider], Any]] = {
    "services": lambda client: client.services(),
    "balance": lambda client: client.account(),
    "add": lambda client: client.add(order()),
    "status": lambda client: client.statuses(["1"]),
    "cancel": lambda client: client.cancel(["1"]),
    "refill": lambda client: client.refill("1"),
    "refill_status": lambda client: client.refill_statuses(["1"]),
}
each_action = pytest.mark.parametrize("action", CALLS)
QUICK = ("cuts the connection", "500", "HTML", "302", "nothing", "truncated JSON")


@each_action
@pytest.mark.parametrize("name", QUICK)
def test_every_action_says_what_is_unknown(faulty: FaultyProvider, action: str, name: str) -> None:
    faulty.plan(action, Fault(UNCLEAR[name]), forever=True)
    with pytest.raises(OutcomeUnknown):
        CALLS[action](connect(faulty))
    assert len(faulty.sent(action)) == 1


@each_action
@pytest.mark.parametrize("answer", ["text", "5", 5, None, True], ids=str)
def test_every_action_refuses_to_guess(faulty: FaultyProvider, action: str, answer: Any) -> None:
    faulty.plan(action, Fault(says(answer)), forever=True)
    with pytest.raises(OutcomeUnknown, match="not understood"):
        CALLS[action](connect(faulty))


@each_action
@pytest.mark.parametrize("status", [200, 403, 429])
def test_every_action_can_be_refused(faulty: FaultyProvider, action: str, status: int) -> None:
    faulty.plan(action, Fault(says({"error": "Account suspended"}, status)))
    with pytest.raises(ProviderRejected, match=r"^Account suspended$"):
        CALLS[action](connect(faulty))


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("services", {}), ("balance", []), ("balance", {"balance": None, "currency": "USD"}),
        ("status", []), ("status", {}), ("status", {"9": STATE}), ("refill", {"refill": 0}),
        ("refill", {"status": "success"}), ("refill_status", {}),
    ],
    ids=str,
)  # fmt: skip
def test_an_answer_of_the_wrong_shape_is_not_understood(
    faulty: FaultyProvider, action: str, answer: Any
) -> None:
    faulty.plan(action, Fault(says(answer)))
    with pytest.raises(OutcomeUnknown, match="not understood"):
        CALLS[action](connect(faulty))


@each_action
@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize(
    "answer",
    [
        {"error": f"Bad request: key={KEY}&action=x"},
        {"message": f"no such key {KEY}"},
        {"order": f"{KEY}!", "refill": f"{KEY}!", "balance": KEY},
        f"key={KEY}",
        [KEY],
    ],
    ids=["an error", "a message", "a number", "a text", "a list"],
)
def test_a_key_that_the_provider_repeats_is_hidden(
    faulty: FaultyProvider,
    caplog: pytest.LogCaptureFixture,
    action: str,
    status: int,
    answer: Any,
) -> None:
    caplog.set_level(logging.DEBUG)
    faulty.plan(action, Fault(says(answer, status)))
    try:
        told = repr(CALLS[action](connect(faulty)))
    except ERRORS as error:
        told = f"{error!r} {error.__cause__!r} {error.__context__!r}"
    assert faulty.requests[0]["key"] == KEY
    assert KEY not in told + caplog.text
