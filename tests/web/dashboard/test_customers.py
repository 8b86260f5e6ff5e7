"""The dashboard's customers."""

import csv
import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from support.dashboard import Operator, lines, said

from panel import accounts, ledger, pricing
from panel.money import MICROS


def test_a_customer_is_added_and_its_key_shown_once(olga: Operator) -> None:
    answer = olga.post("/admin/customers", name="carol", balance="25.5")
    found = re.search(r'id="key">([0-9a-f]{48})<', answer.text)
    assert found is not None
    caller = accounts.find(found[1])
    assert caller is not None
    assert caller.balance_micros == 25_500_000
    assert found[1] not in olga.text("/admin/customers/carol")
    assert found[1] not in str(lines())
    assert lines() == [("olga", "customer carol: add with 25.50", "done")]


def test_a_customers_key_is_rotated_and_shown_once(olga: Operator, cast: SimpleNamespace) -> None:
    answer = olga.post("/admin/customers/alice/rotate-key")
    found = re.search(r'id="key">([0-9a-f]{48})<', answer.text)
    assert found is not None
    assert accounts.find(cast.alice) is None
    assert accounts.find(found[1]) is not None
    assert found[1] not in str(lines())


@pytest.mark.parametrize(
    ("path", "fields", "act", "check"),
    [
        ("suspend", {}, "suspend", lambda a: a.status == "suspended"),
        ("fund", {"amount": "-40"}, "fund -40.00", lambda a: a.balance_micros == 60 * MICROS),
        (
            "fund",
            {"amount": "0.000001", "note": "a gift"},
            "fund 0.000001 (a gift)",
            lambda a: a.balance_micros == 100 * MICROS + 1,
        ),
        (
            "discount",
            {"percent": "12.5%"},
            "discount 12.5%",
            lambda a: a.discount_ppm == 125_000,
        ),
        (
            "dialect",
            {"dialect": "perfectpanel"},
            "dialect perfectpanel",
            lambda a: a.dialect == "perfectpanel",
        ),
        ("dialect", {"dialect": "default"}, "dialect default", lambda a: a.dialect is None),
        (
            "rate",
            {"service": "1", "rate": "4"},
            "service 1 at 4.00",
            lambda a: pricing.account_rates(a.id) == {1: 4 * MICROS},
        ),
        (
            "rate",
            {"service": "1", "rate": ""},
            "service 1 at the usual rate",
            lambda a: pricing.account_rates(a.id) == {},
        ),
    ],
    ids=[
        "suspend",
        "withdraw",
        "deposit",
        "discount",
        "dialect",
        "usual dialect",
        "own rate",
        "usual rate",
    ],
)
def test_an_act_on_a_customer_is_the_commands_act(
    path: str, fields: dict[str, str], act: str, check: Any, olga: Operator
) -> None:
    olga.post(f"/admin/customers/alice/{path}", **fields)
    assert check(accounts.get("alice"))
    assert lines() == [("olga", f"customer alice: {act}", "done")]
    assert list(ledger.check()) == []


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        ("fund", {"amount": "-1000"}, "alice has only 100.00"),
        ("fund", {"amount": "1e3"}, "not an amount"),
        ("fund", {"amount": ""}, "is required"),
        ("discount", {"percent": "101"}, "from 0 to 100"),
        ("dialect", {"dialect": "klingon"}, "Not a valid choice"),
        ("rate", {"service": "99", "rate": "1"}, "no service 99"),
    ],
    ids=["overdrawn", "no number", "nothing", "too much", "no dialect", "no such service"],
)
def test_what_cannot_be_done_with_a_customer_is_told(
    path: str, fields: dict[str, str], why: str, olga: Operator
) -> None:
    olga.post(f"/admin/customers/alice/{path}", **fields)
    assert accounts.get("alice").balance_micros == 100 * MICROS
    messages = said(olga.text("/admin/customers/alice"))
    assert any(why in text for text in messages), messages


def test_a_rate_below_its_cost_is_warned_of(olga: Operator, in_review: int) -> None:
    olga.post("/admin/customers/alice/rate", service="1", rate="0.5")
    messages = said(olga.text("/admin/customers/alice"))
    assert "Service 1: 0.50 is below its cost 1.00." in messages


def test_a_ledger_is_exported_with_its_running_balance(olga: Operator, order_id: int) -> None:
    accounts.fund("alice", MICROS, '=HYPERLINK("x")')
    answer = olga.client.get("/admin/customers/alice/ledger.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ledger-alice.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(r["kind"], r["amount"], r["balance"], r["order"]) for r in rows] == [
        ("deposit", "100.00", "100.00", ""),
        ("charge", "-0.50", "99.50", str(order_id)),
        ("deposit", "1.00", "100.50", ""),
    ]
    assert rows[2]["note"] == '\'=HYPERLINK("x")'
