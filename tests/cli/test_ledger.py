"""flask ledger."""

from types import SimpleNamespace

import pytest
from support.commands import Call
from support.ledger import CONSISTENT, tamper
from support.orders import everything


def test_the_ledger_is_right(filled: SimpleNamespace, call: Call) -> None:
    for line in ("cancel accept 1", "order set 3 --status Partial --remains 1", "ledger check"):
        result = call(line)
        assert result.exit_code == 0
    assert (result.stdout, result.stderr) == (CONSISTENT, "")


def test_an_empty_ledger_is_right(call: Call) -> None:
    assert call("ledger check").stdout == CONSISTENT


WRONG_BALANCE = "account {}: balance {}, its entries sum to {}, the last one left {}"

WRONG_ORDER = "order {}: charge {}, refunded {}; entered for its account: {} and {}"


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("UPDATE accounts SET balance_micros = balance_micros + 1 WHERE name = 'alice'",
         [WRONG_BALANCE.format("alice", "92.500001", "92.50", "92.50")]),
        ("UPDATE accounts SET balance_micros = 0 WHERE name = 'mallory'",
         [WRONG_BALANCE.format("mallory", "0.00", "100.00", "100.00")]),
        ("UPDATE ledger_entries SET amount_micros = 99999999 WHERE id = 1",
         [WRONG_BALANCE.format("alice", "92.50", "92.499999", "92.50")]),
        ("UPDATE ledger_entries SET balance_micros = 1 WHERE id = 8",
         [WRONG_BALANCE.format("bob", "99.95", "99.95", "0.000001")]),
        ("DELETE FROM ledger_entries WHERE id = 2",
         [WRONG_BALANCE.format("bob", "99.95", "-0.05", "99.95")]),
        ("DELETE FROM ledger_entries WHERE id = 3",
         [WRONG_BALANCE.format("poor", "0.000001", "0.00", "0.00")]),
        ("DELETE FROM ledger_entries WHERE id = 8",
         [WRONG_BALANCE.format("bob", "99.95", "100.00", "100.00"),
          WRONG_ORDER.format(4, "0.05", "0.00", "0.00", "0.00")]),
        ("UPDATE orders SET charge_micros = 1 WHERE id = 1",
         [WRONG_ORDER.format(1, "0.000001", "0.00", "-2.50", "0.00")]),
        ("UPDATE orders SET refunded_micros = 1, status = 'Partial' WHERE id = 1",
         [WRONG_ORDER.format(1, "2.50", "0.000001", "-2.50", "0.00")]),
        ("UPDATE orders SET account_id = 2 WHERE id = 1",
         [WRONG_ORDER.format(1, "2.50", "0.00", "0.00", "0.00")]),
        ("INSERT INTO ledger_entries VALUES (99, 1, 'refund', 5, 92500000, 1, '', 0, '')",
         [WRONG_BALANCE.format("alice", "92.50", "92.500005", "92.50"),
          WRONG_ORDER.format(1, "2.50", "0.00", "-2.50", "0.000005")]),
        ("INSERT INTO orders (id, account_id, service_id, link, quantity, charge_micros, "
         "status, remains, created_at, updated_at) "
         "VALUES (99, 1, 1, 'l', 1, 0, 'Pending', 1, 0, 0)",
         [WRONG_ORDER.format(99, "0.00", "0.00", "0.00", "0.00")]),
    ],
)  # fmt: skip
def test_a_ledger_that_was_tampered_with_is_told_row_by_row(
    filled: SimpleNamespace, call: Call, sql: str, rows: list[str]
) -> None:
    tamper(sql)
    before = everything()
    result = call("ledger check")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == rows
    assert everything() == before
