"""flask report."""

import csv
import io
import json
from typing import Any

import pytest
from support.commands import FlaskCommand, bad, good
from support.faulty import FaultyProvider

from models import Order, Provider
from panel import ledger
from panel.orders import dispatch, status_sync
from panel.orders.status_sync import ProviderStatus


@pytest.fixture
def earned(reviewed: int) -> int:
    """The order of 1970-01-02, of which half was delivered."""
    dispatch.attach(reviewed, "4711")
    status_sync.apply_statuses({reviewed: ProviderStatus("Partial", 5, 50)}, 15)
    Order.update(created_at=86_400).execute()
    return reviewed


SUMS = {"orders": 1, "revenue": "0.50", "refunds": "0.25", "cost": "0.045", "profit": "0.205"}


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ([], [{"service": "1 Followers", **SUMS}]),
        (["--by", "service"], [{"service": "1 Followers", **SUMS}]),
        (["--by", "user"], [{"user": "alice", **SUMS}]),
        (["--by", "provider"], [{"provider": "upstream", **SUMS}]),
        (["--by", "day"], [{"day": "1970-01-02", **SUMS}]),
        (["--by", "day", "--since", "1970-01-02"], [{"day": "1970-01-02", **SUMS}]),
        (["--by", "day", "--since", "1970-01-03"], []),
    ],
    ids=str,
)
def test_what_was_earned_is_reported(
    flask: FlaskCommand, earned: int, options: list[str], rows: list[dict[str, Any]]
) -> None:
    assert json.loads(good(flask("report", *options, "--json"))) == rows
    read = list(csv.DictReader(io.StringIO(good(flask("report", *options, "--csv")))))
    assert read == [{name: str(value) for name, value in row.items()} for row in rows]
    table = good(flask("report", *options))
    if not rows:
        assert table == "No orders in that time.\n"
        return
    assert table.splitlines()[-1].split() == ["total", "1", "0.50", "0.25", "0.045", "0.205"]
    assert next(iter(rows[0].values())) in table


def test_a_name_that_a_spreadsheet_would_run_is_harmless_in_csv(
    flask: FlaskCommand, upstream: FaultyProvider, earned: int
) -> None:
    Provider.update(name="=1+1").where(Provider.name == "upstream").execute()
    (row,) = csv.DictReader(io.StringIO(good(flask("report", "--by", "provider", "--csv"))))
    assert row["provider"] == "'=1+1"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--json", "--csv"], "Give --json or --csv, not both."),
        (["--by", "week"], "there is no 'week', only"),
        (["--since", "yesterday"], "'yesterday' is no day such as"),
        (["--since", "2026-13-01"], "is no day such as"),
        (["now"], "more than the command takes"),
    ],
    ids=str,
)
def test_a_report_that_cannot_be_is_refused(
    flask: FlaskCommand, options: list[str], text: str
) -> None:
    assert text in bad(flask("report", *options))


def test_the_books_are_right_after_all_of_it(flask: FlaskCommand, earned: int) -> None:
    assert list(ledger.check()) == []
