"""flask user: keys, funds, discounts and own rates."""

import hashlib
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from support.commands import Call, FlaskCommand, bad, good, read
from support.faulty import FaultyProvider

from cli import users
from models import LedgerEntry
from panel import accounts, pricing


@pytest.mark.parametrize("line", ["user add carol --balance 3", "user rotate-key alice"])
def test_a_key_is_printed_once_and_only_its_hash_is_kept(
    cast: SimpleNamespace, call: Call, tmp_path: Path, line: str
) -> None:
    result = call(line)
    assert result.exit_code == 0
    assert re.fullmatch(r"[0-9a-f]{48}\n", result.stdout)
    assert "shown only now" in result.stderr
    key = result.stdout.strip()
    name = line.split()[2]
    caller = accounts.find(key)
    assert caller is not None and caller.id == accounts.get(name).id

    for again in ("user list", f"user show {name}", "ledger list", "user list --json"):
        assert key not in call(again).output
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert hashlib.sha256(key.encode()).digest() in kept
    for form in (key.encode(), bytes.fromhex(key), key.encode("utf-16-le")):
        assert form not in kept


def test_a_rotated_key_replaces_the_old_one(cast: SimpleNamespace, call: Call) -> None:
    new = call("user rotate-key alice").stdout.strip()
    newer = call("user rotate-key alice").stdout.strip()
    assert len({cast.alice, new, newer}) == 3
    assert accounts.find(cast.alice) is None
    assert accounts.find(new) is None
    assert accounts.find(newer) is not None


def test_a_first_balance_is_a_deposit(call: Call) -> None:
    assert call("user add carol --balance 25.5").exit_code == 0
    assert call("user add dave").exit_code == 0
    assert [(row["user"], row["kind"], row["amount"]) for row in read(call, "ledger list")] == [
        ("carol", "deposit", "25.50")
    ]
    assert read(call, "user show dave")["balance"] == "0.00"


def test_a_deposit_keeps_its_note(filled: SimpleNamespace, call: Call) -> None:
    call("user fund alice -0.25 --note 'invoice 17, paid back'")
    (entry,) = read(call, "ledger list alice --limit 1")
    assert {**entry, "created": ""} == {
        "id": 9, "user": "alice", "kind": "withdrawal", "amount": "-0.25", "balance": "92.25",
        "order": None, "note": "invoice 17, paid back", "created": "",
        "by": "(command line)",
    }  # fmt: skip


@pytest.mark.parametrize("note", ["x" * 501, "a\x1b[31mb", "a\nb", "a\u202eb", "\ufeff"])
def test_a_note_that_the_ledger_cannot_keep_is_refused(
    filled: SimpleNamespace, call: Call, note: str
) -> None:
    refused = call(f"user fund alice 1 --note {shlex.quote(note)}")
    assert refused.exit_code == 2
    assert "the note must be at most 500 printable characters" in refused.stderr
    assert len(read(call, "ledger list alice --limit 1")[0]["note"]) <= 500
    assert call(f"user fund alice 1 --note '{'ж' * 500}'").exit_code == 0


@pytest.mark.parametrize(
    ("percent", "shown"),
    [
        ("5", "5.00%"),
        ("5%", "5.00%"),
        ("12.5%", "12.50%"),
        ("0.0001%", "0.0001%"),
        ("100", "100.00%"),
    ],
)
def test_a_discount_is_given_and_taken_away(
    flask: FlaskCommand, cast: SimpleNamespace, percent: str, shown: str
) -> None:
    assert good(flask("user", "discount", "alice", percent)) == f"alice now gets {shown} off.\n"
    assert json.loads(good(flask("user", "show", "alice", "--json")))["discount"] == shown
    assert good(flask("user", "discount", "alice", "0")) == "alice now gets 0.00% off.\n"


def test_an_own_rate_is_given_and_taken_away(flask: FlaskCommand, cast: SimpleNamespace) -> None:
    number = cast.followers
    assert good(flask("user", "rate", "alice", number, "0.95")) == (
        f"alice now pays 0.95 for service {number}.\n"
    )
    assert json.loads(good(flask("user", "show", "alice", "--json")))["rates"] == {
        str(number): "0.95"
    }
    assert f"{number}: 0.95" in good(flask("user", "show", "alice"))
    assert good(flask("user", "rate", "alice", number, "none")) == (
        f"alice pays the usual rate of service {number} again.\n"
    )
    assert json.loads(good(flask("user", "show", "alice", "--json")))["rates"] == {}


def test_a_price_below_the_cost_is_a_warning(
    flask: FlaskCommand, cast: SimpleNamespace, upstream: FaultyProvider
) -> None:
    good(flask("service", "source", cast.followers, "upstream", "1"))
    low = flask("user", "rate", "alice", cast.followers, "0.89")
    assert (low.exit_code, low.stderr) == (
        0, f"Service {cast.followers}: 0.89 is below its cost 0.90.\n"
    )  # fmt: skip
    good(flask("user", "rate", "alice", cast.followers, "0.90"))
    good(flask("user", "discount", "bob", "82%"))
    low = flask("user", "discount", "bob", "82.1%")
    assert (low.exit_code, low.stderr) == (
        0, f"Service {cast.followers}: 0.895 is below its cost 0.90.\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["discount", "nobody", "5"], "there is no user nobody"),
        (["discount", "alice", "101"], "from 0 to 100 percent"),
        (["discount", "alice", "five"], "'five' is not a percentage"),
        (["discount", "alice", "5.00001"], "more than 4 decimals"),
        (["discount", "alice"], "the argument PERCENT is missing"),
        (["rate", "nobody", "1", "0.95"], "there is no user nobody"),
        (["rate", "alice", "99", "0.95"], "there is no service 99"),
        (["rate", "alice", "99", "none"], "there is no service 99"),
        (["rate", "alice", "1", "cheap"], "'cheap' is not an amount"),
        (["rate", "alice", "1", "0.0000001"], "is not an amount"),
        (["rate", "alice", "1", "1000001"], "the rate must be from 0 to 1000000"),
        (["rate", "alice", "1"], "the argument RATE is missing"),
        (["rate", "alice", "x", "1"], "'x' is not a whole number"),
    ],
    ids=str,
)
def test_what_cannot_be_a_price_changes_nothing(
    flask: FlaskCommand, cast: SimpleNamespace, args: list[str], text: str
) -> None:
    assert text in bad(flask("user", *args))
    alice = accounts.get("alice")
    assert (alice.discount_ppm, pricing.account_rates(alice.id)) == (0, {})


# A large amount is asked for once more


@pytest.mark.parametrize(
    ("line", "kind", "micros"),
    [
        ("user fund alice 500.01", "deposit", 500_010_000),
        ("user fund alice 900 --yes", "deposit", 900_000_000),
        ("user add carol --balance 1000", "deposit", 1_000_000_000),
    ],
)
def test_a_script_is_not_asked_about_a_large_amount(
    filled: SimpleNamespace, call: Call, line: str, kind: str, micros: int
) -> None:
    assert call(line).exit_code == 0
    newest = LedgerEntry.select().order_by(LedgerEntry.id.desc()).first()
    assert (newest.kind, newest.amount_micros) == (kind, micros)


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_who_sits_at_a_terminal_is_asked(
    filled: SimpleNamespace, app: Flask, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(users, "_can_be_asked", lambda: True)
    with app.app_context():
        result = app.test_cli_runner().invoke(
            args=["user", "fund", "alice", "700"], input=f"{answer}\n"
        )
    asked = "alice: deposit 700.00 USD; the balance will be 792.50 USD. Is that right? [y/N]: "
    assert asked in result.output
    is_entered = accounts.get("alice").balance_micros == 792_500_000
    assert (is_entered, result.exit_code) == ((True, 0) if answer == "y" else (False, 1))
    assert ("nothing was entered" in result.output) is not is_entered


@pytest.mark.parametrize("amount", ["500", "-90", "0.01"])
def test_what_is_not_above_the_setting_is_entered_at_once(
    filled: SimpleNamespace, call: Call, amount: str
) -> None:
    assert call(f"user fund alice {amount}").exit_code == 0
