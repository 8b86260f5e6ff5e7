"""The dashboard's customers."""

import csv
import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from support.clock import Clock
from support.dashboard import Operator, lines, place, said

from panel import account_queries, accounts, ledger, paging, pricing
from panel.money import MICROS
from panel.orders import transition


def test_a_customer_is_added_and_its_key_shown_once(olga: Operator) -> None:
    answer = olga.post("/admin/customers", name="carol", balance="25.5")
    found = re.search(r'id="key">([0-9a-f]{48})<', answer.text)
    assert found is not None
    caller = accounts.find(found[1])
    assert caller is not None
    assert caller.balance_micros == 25_500_000
    assert found[1] not in olga.text("/admin/customers/carol")
    assert found[1] not in str(lines())
    assert lines() == [("olga", "customer carol: add, deposit 25.50 USD", "done")]


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
        (
            "fund",
            {"amount": "-40"},
            "withdraw 40.00 USD",
            lambda a: a.balance_micros == 60 * MICROS,
        ),
        (
            "fund",
            {"amount": "0.000001", "note": "a gift"},
            "deposit 0.000001 USD (a gift)",
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
        ("fund", {"amount": "1e3", "note": "first"}, "not an amount"),
        ("fund", {"amount": ""}, "is required"),
        ("fund", {"amount": "1", "note": "x" * 501}, "at most 500 printable"),
        ("fund", {"amount": "1", "note": "a\u202eb"}, "at most 500 printable"),
        ("discount", {"percent": "101"}, "from 0 to 100"),
        ("dialect", {"dialect": "klingon"}, "Not a valid choice"),
        ("rate", {"service": "99", "rate": "1"}, "no service 99"),
        ("rate", {"service": "9" * 19, "rate": "1"}, f"no service {'9' * 19}"),
        ("rate", {"service": "-1" + "0" * 30, "rate": "1"}, "no service -1000"),
    ],
    ids=[
        "overdrawn",
        "no number",
        "nothing",
        "a long note",
        "a note that turns around",
        "too much",
        "no dialect",
        "no such service",
        "a number that is too large",
        "one below zero",
    ],
)
def test_what_cannot_be_done_with_a_customer_is_told(
    path: str, fields: dict[str, str], why: str, olga: Operator
) -> None:
    refused = olga.post(f"/admin/customers/alice/{path}", **fields)
    assert accounts.get("alice").balance_micros == 100 * MICROS
    messages = said(refused.text)
    for typed in filter(None, fields.values()):
        assert f'value="{typed}"' in refused.text or typed == "klingon"
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


def rows_of(page: str) -> list[list[str]]:
    """The texts of each row of a page's first table."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.S)
    return [
        [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<t[hd].*?</t[hd]>", row)]
        for row in rows
    ]


def test_the_list_tells_what_each_customer_ordered_and_spent(
    olga: Operator, cast: SimpleNamespace
) -> None:
    place(cast, "alice")
    transition.change(place(cast, "alice"), status="Partial", remains=50)
    found = {row[0]: row for row in rows_of(olga.text("/admin/customers"))}
    assert found["alice"][2:5] == ["99.250000", "2", "0.75"]
    assert found["alice"][5].startswith("20")
    assert found["bob"][3:6] == ["0", "0.00", "never"]
    tiles = re.findall(r"<dt>(\w[\w ]*)</dt><dd>(.*?)</dd>", olga.text("/admin/customers/alice"))
    shown = {name: re.sub(r"<[^>]+>", "", value) for name, value in tiles}
    assert (shown["Orders"], shown["Spent"]) == ("2", "0.75 USD")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=LIC", ["alice"]),
        ("q=o", ["mallory", "poor", "bob"]),
        ("q=%25", []),
        ("q=_", []),
        ("sort=balance", ["mallory", "alice", "bob"]),
        ("sort=orders", ["bob", "alice"]),
        ("sort=spent", ["bob", "alice"]),
        ("sort=last", ["alice", "bob"]),
        ("sort=nothing", ["mallory", "poor", "bob", "alice"]),
    ],
)
def test_customers_are_found_by_a_part_of_the_name_and_sorted(
    clock: Clock, query: str, names: list[str], olga: Operator, cast: SimpleNamespace
) -> None:
    for name in ("bob", "bob", "alice"):
        place(cast, name)
        clock.move(seconds=1)
    found = [row[0] for row in rows_of(olga.text(f"/admin/customers?{query}"))]
    assert found[: len(names)] == names
    assert len(found) == (len(names) if query.startswith("q=") else 4)


@pytest.mark.parametrize("sort", account_queries.SORTS)
def test_every_sorting_is_paged_to_its_end(
    sort: str, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    place(cast, "bob")
    found: list[str] = []
    before = None
    while True:
        page = account_queries.account_page("", before, sort)
        found += [row["name"] for row in page.rows]
        before = page.next
        if before is None:
            break
    assert sorted(found) == ["alice", "bob", "mallory", "poor"]
