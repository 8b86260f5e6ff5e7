"""What is earned, and the sums by the hour."""

from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient
from support.apps import listed
from support.clock import Clock
from support.dashboard import place
from support.pricing import ask

from panel import accounts, ledger, reports
from panel.money import MICROS
from panel.orders import dispatch, status_sync, transition
from panel.orders.refusal import Refusal
from panel.orders.status_sync import Charge, ProviderStatus
from panel.providers import registry, sources
from panel.reports import DAY_S


@pytest.fixture
def earned(client: FlaskClient, cast: SimpleNamespace, clock: Clock) -> SimpleNamespace:
    """Alice's orders with 10 % off, and Bob's: of followers, at a cost of 0.80, and by hand.

    One is completed, one half delivered, one canceled, one refused, and one by hand. The first
    was placed on the second day of 1970, the others a day later.
    """
    upstream = registry.add("upstream", "https://panel.example/api/v2", "u5" * 16, 600).id
    accounts.set_discount("alice", 100_000)
    sources.set_source(cast.followers, upstream, listed("7", 800_000), 1)
    clock.seconds = DAY_S
    for key in (cast.alice, cast.alice, cast.bob, cast.bob):
        ask(client, key, "add", service=cast.followers, quantity=100, link="https://a.example")
        clock.seconds = 2 * DAY_S
    ask(client, cast.bob, "add", service=cast.views, quantity=1000, link="https://a.example")
    for order_id in (1, 2, 3):
        dispatch.claim(upstream)
        dispatch.record_accepted(order_id, str(order_id), 0)
    dispatch.claim(upstream)
    dispatch.record_rejected(4, "Incorrect link", Refusal.FINAL, 0)
    reports = {
        1: ProviderStatus("Completed", 5, 0),
        2: ProviderStatus("Partial", 5, 50, Charge(40_000)),
        3: ProviderStatus("Canceled", 5, 100),
    }
    status_sync.apply_statuses(reports, 15)
    return cast


def sums(by: str, since: int = 0) -> dict[str, tuple[int, ...]]:
    return {
        row[by]: tuple(row[n] for n in ("orders", "revenue", "refunds", "cost", "profit"))
        for row in reports.earnings(by, since)
    }


@pytest.mark.parametrize(
    ("by", "since", "expected"),
    [
        (
            "user", 0,
            {
                "alice": (2, 900_000, 225_000, 120_000, 555_000),
                "bob": (3, 1_015_000, 1_000_000, 0, 15_000),
            },
        ),
        (
            "service", 0,
            {
                "1 Followers": (4, 1_900_000, 1_225_000, 120_000, 555_000),
                "2 Views": (1, 15_000, 0, 0, 15_000),
            },
        ),
        (
            "provider", 0,
            {
                "upstream": (4, 1_900_000, 1_225_000, 120_000, 555_000),
                "(by hand)": (1, 15_000, 0, 0, 15_000),
            },
        ),
        (
            "day", 0,
            {
                "1970-01-02": (1, 450_000, 0, 80_000, 370_000),
                "1970-01-03": (4, 1_465_000, 1_225_000, 40_000, 200_000),
            },
        ),
        ("day", 2 * 86_400, {"1970-01-03": (4, 1_465_000, 1_225_000, 40_000, 200_000)}),
        ("day", 2 * 86_400 + 1, {}),
    ],
    ids=str,
)  # fmt: skip
def test_profit_is_what_was_paid_less_what_went_back_and_what_it_cost(
    earned: SimpleNamespace, by: str, since: int, expected: dict[str, tuple[int, ...]]
) -> None:
    assert sums(by, since) == expected


def test_the_report_agrees_with_the_ledger(earned: SimpleNamespace) -> None:
    entries = ledger.listing()
    for kind, name in (("charge", 1), ("refund", 2)):
        entered = sum(abs(row["amount_micros"]) for row in entries if row["kind"] == kind)
        assert sum(row[name] for row in sums("user").values()) == entered
    assert list(ledger.check()) == []


def test_the_sums_by_the_hour_are_the_reports_sums(cast: SimpleNamespace) -> None:
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    numbers = [place(cast, "alice") for _ in range(6)]
    while dispatch.claim(provider.id):
        pass
    dispatch.record_accepted(numbers[0], "1", 0)
    dispatch.record_accepted(numbers[1], "2", 0)
    transition.change(numbers[0], status="Partial", remains=40)
    transition.change(numbers[1], status="Completed")
    transition.change(numbers[1], status="Canceled", remains=100)
    transition.change(numbers[2], status="In progress")
    span = reports.RANGES["7"]
    sums = reports.sums(span)
    (expected,) = reports.earnings("day")
    assert len(sums) == 7
    assert {
        name: sums[-1][name] for name in ("orders", "revenue", "refunds", "cost", "profit")
    } == {name: expected[name] for name in ("orders", "revenue", "refunds", "cost", "profit")}
    assert reports.statuses(span) == {
        "Pending": 3, "Processing": 0, "In progress": 1, "Completed": 0, "Partial": 1,
        "Canceled": 1, "Active": 0, "Paused": 0, "Expired": 0,
    }  # fmt: skip
    hours = reports.sums(reports.RANGES["today"])
    assert sum(row["orders"] for row in hours) == 6
    assert sum(row["profit"] for row in hours) == expected["profit"]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@name", "\t1", "\r1", "\n1", " =1+1", "\n=1+1", "\uff1d1+1"]
)
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text: str) -> None:
    assert reports.escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "alice", "https://a.example/?a=1", "1-1", "a\n=1"])
def test_any_other_text_is_exported_as_it_is(text: str) -> None:
    assert reports.escape_formula(text) == text
