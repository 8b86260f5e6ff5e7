"""The ledger, and the only place that changes a balance."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from database.clock import now
from database.compiled_query import CompiledQuery, param, rows
from database.connection import database
from models import Account, LedgerEntry
from panel.errors import NOT_ENOUGH_FUNDS, RequestRejected
from panel.money import format_exact

_MOVE = CompiledQuery(
    lambda: (
        Account.update(balance_micros=Account.balance_micros + param("amount"))
        .where(Account.id == param("account_id"), Account.balance_micros + param("amount") >= 0)
        .returning(Account.balance_micros)
    )
)
_ENTER = CompiledQuery(
    lambda: LedgerEntry.insert(
        account=param("account_id"),
        kind=param("kind"),
        amount_micros=param("amount"),
        balance_micros=param("balance"),
        order=param("order_id"),
        note=param("note"),
        operator=param("operator"),
        created_at=param("now"),
    )
)


def post(
    account_id: int,
    kind: str,
    amount_micros: int,
    *,
    order_id: int | None = None,
    note: str = "",
    operator: str = "",
) -> int:
    """Change a balance and write down why; to be called inside immediate().

    :param kind: deposit, withdrawal, charge or refund.
    :param amount_micros: signed; what the balance goes up by.
    :param operator: who entered it, where somebody did.
    :returns: the new balance, in micros.
    :raises RequestRejected: Not enough funds on balance, if it would go below zero.
    """
    row = _MOVE.row(account_id=account_id, amount=amount_micros)
    if row is None:
        raise RequestRejected(NOT_ENOUGH_FUNDS)
    (balance_micros,) = row
    _ENTER.run(
        account_id=account_id,
        kind=kind,
        amount=amount_micros,
        balance=balance_micros,
        order_id=order_id,
        note=note,
        operator=operator,
        now=now(),
    )
    return balance_micros


def last_entry(account_id: int) -> int:
    """The number of an account's newest entry, which must have one."""
    query = LedgerEntry.select(LedgerEntry.id).where(LedgerEntry.account == account_id)
    return query.order_by(LedgerEntry.id.desc()).limit(1).scalar()


def listing(account_id: int | None = None, limit: int | None = None) -> list[dict[str, Any]]:
    """The newest entries, of one account or of all, each with its account's name."""
    query = (
        LedgerEntry.select(LedgerEntry, Account.name.alias("account_name"))
        .join(Account)
        .order_by(LedgerEntry.id.desc())
        .limit(limit)
    )
    if account_id is not None:
        query = query.where(LedgerEntry.account == account_id)
    return rows(query.dicts())


def check(execute: Callable[[str], Iterable[Any]] = database.execute_sql) -> Iterator[str]:
    """Prove the books; give a line for each row that is wrong.

    Every balance is the sum of its entries and the balance of the last; every order has one
    entry for its charge and one for its refund, of the right amount and account.

    :param execute: runs a query; that of another connection checks a copy.
    """
    for name, balance, total, last in execute(_WRONG_BALANCES):
        yield (
            f"account {name}: balance {format_exact(balance)}, its entries sum to "
            f"{format_exact(total)}, the last one left {format_exact(last)}"
        )
    for order_id, charge, refund, entered_charge, entered_refund in execute(_WRONG_ORDERS):
        yield (
            f"order {order_id}: charge {format_exact(charge)}, refunded {format_exact(refund)}; "
            f"entered for its account: {format_exact(entered_charge)} and "
            f"{format_exact(entered_refund)}"
        )


_WRONG_BALANCES = """
WITH totals AS (
    SELECT account_id, SUM(amount_micros) AS total, MAX(id) AS last_id
    FROM ledger_entries GROUP BY account_id
)
SELECT name, accounts.balance_micros, COALESCE(total, 0), COALESCE(last.balance_micros, 0)
FROM accounts
LEFT JOIN totals ON totals.account_id = accounts.id
LEFT JOIN ledger_entries AS last ON last.id = totals.last_id
WHERE accounts.balance_micros <> COALESCE(total, 0)
    OR accounts.balance_micros <> COALESCE(last.balance_micros, 0)
ORDER BY accounts.id
"""
_WRONG_ORDERS = """
WITH entered AS (
    SELECT orders.id, charge_micros, refunded_micros,
        COALESCE(charge.amount_micros, 0) AS charge, COALESCE(refund.amount_micros, 0) AS refund,
        charge.id AS charge_id
    FROM orders
    LEFT JOIN ledger_entries AS charge ON charge.order_id = orders.id
        AND charge.kind = 'charge' AND charge.account_id = orders.account_id
    LEFT JOIN ledger_entries AS refund ON refund.order_id = orders.id
        AND refund.kind = 'refund' AND refund.account_id = orders.account_id
)
SELECT id, charge_micros, refunded_micros, charge, refund
FROM entered
WHERE charge_id IS NULL OR charge <> -charge_micros OR refund <> refunded_micros
ORDER BY id
"""
