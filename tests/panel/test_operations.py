"""An operation is the same one by command and in the dashboard, and is audited the same way."""

import ast
import json
import re
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pyotp
import pytest
from flask import Flask
from support.apps import ROOT, make_app
from support.catalogue import listing
from support.commands import all_but_the_audit, audit
from support.dashboard import PASSWORD, Operator, place, put_in_review
from support.databases import copy_open
from support.faulty import KEY, Call, Fault, FaultyProvider, says

from database import transactions
from database.connection import close_database, database
from database.driver import sqlite3
from models import Order, Provider, Refill, Source
from panel import accounts, operators, pricing, services
from panel.errors import OperatorError, ProviderFailed
from panel.money import MICROS
from panel.operations import customers, orders, providers
from panel.operations import services as service_operations
from panel.operations import words as word_operations
from panel.operations.audit import Actor, audited
from panel.orders import cancels, dispatch, lookup, refills, status_sync, transition
from panel.orders.place import OrderRequest, place_order
from panel.orders.refusal import Refusal
from panel.orders.status_sync import ProviderStatus
from panel.providers import pending, registry, words
from panel.providers.changes import CatalogueChange, Kind
from panel.providers.listing import Listing
from panel.providers.pending import PendingKind
from panel.providers.policy import USUAL
from panel.providers.registry import ProviderAccount
from panel.sign_in import totp

OLGA = Actor("olga", "10.0.0.9")


@pytest.fixture
def filled(cast: SimpleNamespace) -> SimpleNamespace:
    """Orders 1 in review, 2 pending, 3 to cancel, 4 to refill, 5 a subscription by hand.

    The refill of 4 waits since a restore.

    6 is a subscription at the provider; 7 and 8 were refused with "Limit".
    Service 1 is bought from the sandbox, at a cost that waits to be confirmed; another sandbox
    is called spare, and waits to be confirmed as a whole. The provider dear is far away.
    """
    operators.add("olga", PASSWORD)
    operators.add("tina", PASSWORD)
    secret = totp.new_secret()
    totp.turn_on(operators.get("tina").id, secret, pyotp.TOTP(secret).now())
    put_in_review(cast)
    for _ in range(3):
        place(cast, "bob")
    Order.update(dispatch_state="sent", provider_order=Order.id).where(Order.id > 1).execute()
    transition.change(3, status="In progress")
    transition.change(4, status="Completed")
    bob = accounts.get("bob").id
    cancels.request(bob, [3])
    refills.request(bob, [4])
    posts = services.add(
        name="Likes", category="Posts", rate_micros=1, min=1, max=90, type="Subscriptions"
    )
    offer = pricing.find_offer(accounts.caller(bob), posts)
    assert offer is not None
    wanted = OrderRequest("", details={"username": "bob", "min": 20, "max": 50, "delay": 5})
    for _ in range(2):
        place_order(bob, offer, wanted)
    sandbox = registry.get("sandbox").id
    Order.update(dispatch_state="sent", provider=sandbox, provider_order="s6").where(
        Order.id == 6
    ).execute()
    for order_id in (place(cast, "bob"), place(cast, "bob")):
        dispatch.claim(sandbox)
        dispatch.record_rejected(order_id, "Limit", Refusal.UNKNOWN, 7200)
    spare = registry.add("spare", registry.SANDBOX_URL, "", 60).id
    words.teach("spare", "Done!", "Completed")
    registry.add("dear", "https://p.example/api/v2", KEY, 60, "EUR")
    other = registry.add("other", "https://o.example/api/v2", "an-old-key", 60).id
    registry.stop(other, "it redirects", registry.SANDBOX_URL)
    source = Source.get(Source.service == 1)
    pending.add(source.provider_id, PendingKind.FALL, "1000000", "1", source.id)
    pending.add(spare, PendingKind.LOSS, "9", "1")
    Refill.update(restored=True).where(Refill.order == 4).execute()
    return cast


SERVICE = {
    "name": "Followers", "category": "Social", "type": "Default", "rate_micros": "5.00",
    "min": "10", "max": "1000", "sort_order": "", "refill": "y", "cancel": "y",
}  # fmt: skip
ADDED = {"name": "New", "category": "Social", "type": "Default", "rate_micros": "5", "min": "1",
         "max": "9"}  # fmt: skip

PACK = {"name": "Pack", "category": "Video", "type": "Package", "rate_micros": "3.9", "min": "1",
        "max": "1", "cancel": "y"}  # fmt: skip

BOTH = [
    ("user add carol --balance 25.5", ("customers", {"name": "carol", "balance": "25.5"}),
     ["customer carol: add, deposit 25.50 USD"]),
    ("user suspend bob", ("customers/bob/suspend", {}), ["customer bob: suspend"]),
    ("user activate mallory", ("customers/mallory/activate", {}), ["customer mallory: activate"]),
    ("user rotate-key bob", ("customers/bob/rotate-key", {}), ["customer bob: rotate the key"]),
    ("user fund bob 25.50 --note:invoice 17",
     ("customers/bob/fund", {"amount": "25.50", "note": "invoice 17"}),
     ["customer bob: deposit 25.50 USD (invoice 17)"]),
    ("user fund bob -1", ("customers/bob/fund", {"amount": "-1"}),
     ["customer bob: withdraw 1.00 USD"]),
    ("user discount bob 12.5%", ("customers/bob/discount", {"percent": "12.5"}),
     ["customer bob: discount 12.5%"]),
    ("user rate bob 1 4", ("customers/bob/rate", {"service": "1", "rate": "4"}),
     ["customer bob: service 1 at 4.00"]),
    ("user rate bob 1 none", ("customers/bob/rate", {"service": "1", "rate": ""}),
     ["customer bob: service 1 at the usual rate"]),
    ("user dialect bob perfectpanel", ("customers/bob/dialect", {"dialect": "perfectpanel"}),
     ["customer bob: dialect perfectpanel"]),
    ("user dialect bob default", ("customers/bob/dialect", {"dialect": "default"}),
     ["customer bob: dialect default"]),
    ("service add --name New --category Social --rate 5 --min 1 --max 9",
     ("services/add", ADDED), ["service New: add > done: it is service 6"]),
    ("service edit 1 --rate 4.5 --min 20 --position 7 --no-refill",
     ("services/1", {**SERVICE, "rate_micros": "4.5", "min": "20", "sort_order": "7",
                     "refill": ""}),
     ["service 1: set rate 4.50, min 20, refill no, position 7"]),
    ("service edit 1 --rate 5.5 --dripfeed --one-per-link --description Quick",
     ("services/1", {**SERVICE, "rate_micros": "5.5", "dripfeed": "y", "one_per_link": "y",
                     "description": " Quick\r\n"}),
     ["service 1: set rate 5.50, dripfeed yes, one_per_link yes, description 'Quick'"]),
    ("service add --name New --category Social --rate 5 --min 1 --max 9 --description Quick "
     "--source spare 2 --second-source sandbox 1",
     ("services/add", {**ADDED, "description": "Quick", "source": "spare", "source_theirs": "2",
                       "second": "sandbox", "second_theirs": "1"}),
     ["service New: add, source spare, service 2, second source sandbox, service 1"
      " > done: it is service 6"]),
    ("service source 3 spare 2",
     ("services/3", {**PACK, "source": "spare", "source_theirs": "2"}),
     ["service 3: source spare, service 2"]),
    ("service source 1 spare 2 --second",
     ("services/1", {**SERVICE, "second": "spare", "second_theirs": "2"}),
     ["service 1: second source spare, service 2"]),
    ("service source 1 --remove", ("services/1/source/remove", {"rank": "1"}),
     ["service 1: no source"]),
    ("service source 1 --remove", ("services/1", {**SERVICE, "source": "", "source_theirs": ""}),
     ["service 1: no source"]),
    ("service markup none --id 1 --id 2",
     ("services/act", {"service": ["1", "2"], "act": "fix"}), ["services 1, 2: fixed rate"]),
    ("service disable 1", ("services/act", {"service": "1", "act": "disable"}),
     ["service 1: disable"]),
    ("service enable 4", ("services/act", {"service": "4", "act": "enable"}),
     ["service 4: enable"]),
    ("service move 3 --before 1", ("services/3/move", {"before": "1"}),
     ["service 3: move before 1"]),
    ("service move 1", ("services/1/move", {"before": ""}), ["service 1: move to the end"]),
    ("service markup 25% --id 1 --id 2",
     ("services/act", {"service": ["1", "2"], "act": "markup", "markup": "25"}),
     ["services 1, 2: markup 25%"]),
    ("service markup 25% --id 1 --round 0.01",
     ("services/act", {"service": "1", "act": "markup", "markup": "25", "step": "0.01"}),
     ["services 1: markup 25%, step 0.01"]),
    ("order set 2 --status Partial --remains 40 --start-count 5",
     ("orders/2/change", {"status": "Partial", "remains": "40", "start_count": "5"}),
     ["order 2: set status Partial, start count 5, remains 40 > done: refunded 0.20 USD"]),
    ("order set 2 --status Completed",
     ("orders/act", {"order": "2", "act": "completed", "confirmed": "1"}),
     ["order 2: set status Completed"]),
    ("order set 2 --status Canceled",
     ("orders/act", {"order": "2", "act": "cancel", "confirmed": "1"}),
     ["order 2: set status Canceled > done: refunded 0.50 USD"]),
    ("order resend 1", ("orders/act", {"order": "1", "act": "resend", "confirmed": "1"}),
     ["order 1: resend"]),
    ("order fail 1", ("orders/act", {"order": "1", "act": "fail", "confirmed": "1"}),
     ["order 1: fail > done: refunded 0.50 USD"]),
    ("order attach 1 4711", ("orders/1/attach", {"provider_order": "4711"}),
     ["order 1: attach 4711"]),
    ("refill set 1 --status completed", ("refills/1", {"status": "completed"}),
     ["refill 1: set completed"]),
    ("cancel accept 1", ("cancels/1/accept", {}),
     ["cancel request 1: accept > done: refunded 0.50 USD"]),
    ("cancel reject 1", ("cancels/1/reject", {}), ["cancel request 1: reject"]),
    ("provider add new sandbox:",
     ("providers", {"name": "new", "url": "sandbox:", "requests_per_minute": "120"}),
     ["provider new: add sandbox:"]),
    ("provider add new http://127.0.0.1:9/api/v2 --unchecked",
     ("providers", {"name": "new", "url": "http://127.0.0.1:9/api/v2", "key": KEY,
                    "requests_per_minute": "120", "unchecked": "y"}),
     ["provider new: add http://127.0.0.1:9/api/v2, unchecked"]),
    ("provider balance spare", ("providers/spare/test", {}), ["provider spare: test"]),
    ("provider import spare --category Telegram --id 1 --markup 25%",
     ("providers/spare/import",
      {"act": "import", "categories": "Telegram", "ids": "1", "markup": "25"}),
     ["provider spare: import Telegram, 1 at 25%"]),
    ("provider import spare --markup 25% --dry-run",
     ("providers/spare/import", {"act": "preview", "markup": "25"}), []),
    ("provider sync spare", ("providers/spare/sync", {}), ["provider spare: sync"]),
    ("provider confirm spare", ("providers/spare/confirm", {}), ["provider spare: confirm"]),
    ("provider exchange dear 1.0825", ("providers/dear/exchange", {"rate": "1.0825"}),
     ["provider dear: exchange 1.0825"]),
    ("provider exchange dear 1.0825 --currency eur",
     ("providers/dear/exchange", {"rate": "1.0825", "currency": "eur"}),
     ["provider dear: exchange EUR 1.0825"]),
    ("provider currency dear usd", ("providers/dear/currency", {"currency": "usd"}),
     ["provider dear: currency USD"]),
    ("provider edit spare --name extra --requests-per-minute 90",
     ("providers/spare/edit", {"name": "extra", "url": "sandbox:", "requests_per_minute": "90"}),
     ["provider spare: edit name extra, 90 requests per minute"]),
    ("provider edit dear --url https://p.example/api/v3 --unchecked",
     ("providers/dear/edit", {"name": "dear", "url": "https://p.example/api/v3",
                              "requests_per_minute": "60", "unchecked": "y"}),
     ["provider dear: edit address https://p.example/api/v3, unchecked"]),
    ("provider edit other --key --unchecked",
     ("providers/other/edit", {"name": "other", "url": "https://o.example/api/v2", "key": KEY,
                               "requests_per_minute": "60", "unchecked": "y"}),
     ["provider other: edit another key, unchecked"]),
    ("provider pause spare", ("providers/spare/pause", {}), ["provider spare: pause"]),
    ("provider resume dear", ("providers/dear/resume", {}), ["provider dear: resume"]),
    ("provider resume other --url sandbox:", ("providers/other/resume", {"url": "sandbox:"}),
     ["provider other: resume at sandbox:"]),
    ("provider word dear Success Completed",
     ("providers/dear/words", {"word": "Success", "meaning": "Completed"}),
     ["provider dear: word 'Success' means Completed"]),
    ("provider word spare DONE! --forget", ("providers/spare/words/forget", {"word": "DONE!"}),
     ["provider spare: forget the word 'DONE!'"]),
    ("service confirm 1", ("services/act", {"service": "1", "act": "confirm"}),
     ["services 1: confirm"]),
    ("order post 5 25", ("orders/5/post", {"quantity": "25"}),
     ["order 5: charge a post of 25 > done: charged 0.000001 USD, as order 9"]),
    ("order post 6 25 --theirs 901", ("orders/6/post", {"quantity": "25", "theirs": "901"}),
     ["order 6: charge a post of 25, the provider's 901 > "
      "done: charged 0.000001 USD, as order 9"]),
    ("order set 2 3 --status Completed",
     ("orders/act", {"order": ["2", "3"], "act": "completed", "confirmed": "bulk"}),
     ["order 2: set status Completed", "order 3: set status Completed"]),
    ("order resend --with-word Limit",
     ("orders/act", {"order": ["7", "8"], "act": "resend", "confirmed": "bulk"}),
     ["order 7: resend", "order 8: resend"]),
    ("order fail 7 8", ("orders/act", {"order": ["7", "8"], "act": "fail", "confirmed": "bulk"}),
     ["order 7: fail > done: refunded 0.50 USD", "order 8: fail > done: refunded 0.50 USD"]),
    ("restored release 4", ("orders/act", {"order": "4", "act": "release", "confirmed": "1"}),
     ["order 4: release after a restore"]),
    ("restored release --all", ("restored/release", {}), ["order 4: release after a restore"]),
    ("provider remove spare", ("providers/spare/remove", {}), ["provider spare: remove"]),
]  # fmt: skip
"""A command, the form that does the same, and the audit's lines of both: the act, and behind > its
outcome where that says more than that it is done.
"""

COMMAND_ONLY = {
    "operator add otto": ["operator otto: add"],
    "operator password olga": ["operator olga: new password"],
    "operator remove olga": ["operator olga: remove"],
    "operator add vera --role viewer": ["operator vera: add as viewer"],
    "operator role olga viewer": ["operator olga: role viewer"],
    "operator sign-out olga": ["operator olga: end all sessions"],
    "operator unlock olga": ["operator olga: unlock"],
    "operator totp off tina": ["operator tina: one-time passwords off"],
}
"""What a command does alone, or a form that asks for the own password besides."""

READING = {
    "attention", "audit list", "cancel list", "doctor", "ledger check", "ledger list",
    "notify list",
    "operator list", "operator sessions", "order list",
    "order review", "order show", "provider list", "provider services", "provider show",
    "provider words", "refill list", "report", "restored list", "service list",
    "service show", "user list", "user show",
}  # fmt: skip
NO_OPERATION = {
    "backup", "restore", "moved", "replica-check", "init-db", "worker", "demo", "notify failed",
    "notify test", "sandbox", "test-server", "version",
}  # fmt: skip
"""What is no operation on what the panel holds; the demo does several, and has a test."""


def split(line: str) -> list[str]:
    """The words of a command; what follows a colon of --note belongs to it."""
    command, _, note = line.partition(" --note:")
    return [*command.split(), *(["--note", note] if note else [])]


def run(app: Flask, line: str) -> None:
    """Do something by command."""
    with app.app_context():  # the flask command pushes it too
        typed = KEY if line.startswith("provider") else PASSWORD
        result = app.test_cli_runner().invoke(args=split(line), input=f"{typed}\n")
    assert result.exit_code == 0, result.output


def lines_of(who: str, where: str, acts: list[str]) -> list[tuple[str, str, str, str]]:
    """The lines of the audit that these acts leave."""
    parts = [act.partition(" > ") for act in acts]
    return [(who, where, act, outcome or "done") for act, _, outcome in parts]


def state() -> list[str]:
    """All that the database holds but the audit; new keys, the present time, and who entered a
    deposit made alike.
    """
    lines = (line.replace("'(command line)'", "'olga'") for line in all_but_the_audit())
    texts = (re.sub(r"X'[0-9A-F]{64}'", "a key", line) for line in lines)
    return [re.sub(r"\b1[6-9]\d{8}\b", "now", text) for text in texts]


@pytest.mark.parametrize(("command", "form", "acts"), BOTH, ids=[row[0] for row in BOTH])
def test_a_command_and_the_dashboard_do_and_audit_the_same(
    command: str,
    form: tuple[str, dict[str, Any]],
    acts: list[str],
    filled: SimpleNamespace,
    app: Flask,
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy.db"
    copy_open(copy)
    run(app, command)
    assert audit() == lines_of("(command line)", "", acts)
    by_command = state()

    close_database()
    olga = Operator(make_app(copy).test_client())
    path, fields = form
    assert olga.post(f"/admin/{path}", **fields).status_code in (200, 302)
    assert audit() == lines_of("olga", "127.0.0.1", acts)
    assert state() == by_command


@pytest.mark.parametrize(("command", "acts"), COMMAND_ONLY.items(), ids=list(COMMAND_ONLY))
def test_what_only_a_command_does_is_audited_too(
    command: str, acts: list[str], filled: SimpleNamespace, app: Flask
) -> None:
    run(app, command)
    assert audit() == lines_of("(command line)", "", acts)


def test_a_word_is_taught_and_forgotten_with_a_line_of_the_audit(
    filled: SimpleNamespace,
) -> None:
    status_sync.apply_statuses({2: ProviderStatus(word="Success")}, 15)
    taught = word_operations.teach(OLGA, "sandbox", "Success", "completed")
    assert (taught.word.meaning, taught.orders) == ("Completed", 1)
    assert lookup.get(2).poll_at == 0
    assert word_operations.teach(OLGA, "sandbox", "limit", "cancel").orders == 2
    assert [lookup.get(order_id).status for order_id in (7, 8)] == ["Canceled"] * 2
    word_operations.forget(OLGA, "sandbox", "Success")
    with pytest.raises(OperatorError):
        word_operations.forget(OLGA, "sandbox", "Success")
    assert [(act, outcome) for _, _, act, outcome in audit()] == [
        ("provider sandbox: word 'Success' means completed", "done"),
        ("provider sandbox: word 'limit' means cancel", "done"),
        ("provider sandbox: forget the word 'Success'", "done"),
        ("provider sandbox: forget the word 'Success'",
         "refused: nothing was taught of 'Success' at sandbox"),
    ]  # fmt: skip


def test_every_command_is_known_to_change_something_or_not(app: Flask) -> None:
    tested = {" ".join(split(line)[:2]) for line in [row[0] for row in BOTH] + [*COMMAND_ONLY]}
    there = set()
    for name, command in app.cli.commands.items():
        subcommands = command.commands if isinstance(command, click.Group) else {"": None}
        there |= {f"{name} {sub}".strip() for sub in subcommands}
    assert there - NO_OPERATION == tested | READING
    assert tested & READING == set()


@pytest.mark.parametrize("line", ["order list", "order review", "user show bob", "report",
                                  "service show 1", "provider services spare"])  # fmt: skip
def test_what_only_reads_leaves_no_line(line: str, filled: SimpleNamespace, app: Flask) -> None:
    run(app, line)
    assert audit() == []


def test_the_demo_is_audited(app: Flask) -> None:
    run(app, "demo")
    assert [act for _, _, act, outcome in audit() if outcome == "done"] == [
        "provider sandbox: add sandbox:",
        "provider sandbox: import everything at 25%",
        "customer demo: add, deposit 100.00 USD",
    ]


# The audit


@pytest.mark.parametrize(
    ("operation", "act", "why"),
    [
        (lambda: customers.fund(OLGA, "bob", -1000 * MICROS), "customer bob: withdraw 1000.00 USD",
         "bob has only 99.50"),
        (lambda: customers.fund(OLGA, "nobody", MICROS, "gift"),
         "customer nobody: deposit 1.00 USD (gift)", "there is no user nobody"),
        (lambda: orders.change(OLGA, 4, remains=1), "order 4: set remains 1",
         "there is no order 4"),
        (lambda: orders.refund(OLGA, 4), "order 4: refund", "there is no order 4"),
        (lambda: providers.test(OLGA, "nobody", _unasked, "USD"), "provider nobody: test",
         "there is no provider nobody"),
        (lambda: providers.sync(OLGA, "sandbox", lambda row: [], USUAL),
         "provider sandbox: sync",
         "the provider answered with an empty catalogue; nothing was changed"),
    ],
    ids=["overdrawn", "nobody", "no order", "no order to refund", "no provider", "no catalogue"],
)  # fmt: skip
def test_what_is_refused_is_audited_with_the_reason_and_changes_nothing(
    operation: Callable[[], Any], act: str, why: str, cast: SimpleNamespace
) -> None:
    place(cast, "bob")
    registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    before = state()
    with pytest.raises(OperatorError, match=re.escape(why)):
        operation()
    assert audit() == [("olga", "10.0.0.9", act, f"refused: {why}")]
    assert state() == before


def test_a_line_of_the_audit_is_one_line(cast: SimpleNamespace) -> None:
    with pytest.raises(OperatorError, match="the note must be"):
        customers.fund(OLGA, "bob", MICROS, "first\nsecond\x1b[31m\u202e")
    assert [act for _, _, act, _ in audit()] == [
        "customer bob: deposit 1.00 USD (first second [31m )"
    ]


def _unasked(row: Provider) -> ProviderAccount:
    raise AssertionError("a provider that does not exist was asked")


def test_the_line_is_on_disk_before_the_act_begins(app: Flask) -> None:
    with pytest.raises(ZeroDivisionError), audited(OLGA, "a try"):
        assert audit() == [("olga", "10.0.0.9", "a try", "begun")]
        assert not database.in_transaction()
        raise ZeroDivisionError
    # Nobody knows what came of it, and the line does not pretend to.
    assert audit() == [("olga", "10.0.0.9", "a try", "begun")]


@pytest.mark.parametrize("refused", [False, True])
def test_an_act_is_not_told_as_failed_because_its_outcome_cannot_be_written(
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    refused: bool,
) -> None:
    monkeypatch.setattr(transactions, "WAIT_S", 0.2)
    told = pytest.raises(OperatorError, match="too late") if refused else nullcontext()
    with (
        closing(sqlite3.connect(database.database, isolation_level=None)) as other,
        told,
        audited(OLGA, "customer alice: deposit 5.00 USD"),
    ):
        other.execute("BEGIN IMMEDIATE")
        if refused:
            raise OperatorError("too late")
    assert audit()[-1][2:] == ("customer alice: deposit 5.00 USD", "begun")
    assert "the outcome of audit line 1 cannot be written" in caplog.text


def test_a_provider_that_does_not_answer_is_a_failure_and_no_refusal(app: Flask) -> None:
    registry.add("sandbox", registry.SANDBOX_URL, "", 60)

    def ask(row: Provider) -> ProviderAccount:
        assert not database.in_transaction()
        raise ProviderFailed(row.name, "HTTP 502")

    with pytest.raises(ProviderFailed, match="sandbox: HTTP 502"):
        providers.test(OLGA, "sandbox", ask, "USD")
    assert audit()[-1] == (
        "olga",
        "10.0.0.9",
        "provider sandbox: test",
        "failed: sandbox: HTTP 502",
    )
    assert registry.get("sandbox").balance == ""


def test_no_provider_is_asked_inside_a_transaction(cast: SimpleNamespace) -> None:
    registry.add("sandbox", registry.SANDBOX_URL, "", 60)

    def catalogue(row: Provider) -> list[Listing]:
        assert not database.in_transaction()
        return [listing()]

    def account(row: Provider) -> ProviderAccount:
        assert not database.in_transaction()
        return ProviderAccount("1.00 USD", False)

    assert providers.test(OLGA, "sandbox", account, "USD") == "1.00 USD"
    assert service_operations.set_source(OLGA, 1, "sandbox", "7", catalogue) == listing()
    assert providers.sync(OLGA, "sandbox", catalogue, USUAL) == [
        CatalogueChange(1, "7", "Followers", Kind.MAX, 1000, 5000),
        CatalogueChange(1, "7", "Followers", Kind.CANCEL, True, False),
    ]


@pytest.mark.parametrize("url", [f"https://user:{KEY}@p.example/", f"https://p.example/?key={KEY}",
                                 KEY])  # fmt: skip
def test_a_key_that_was_pasted_into_the_address_is_not_audited(url: str, app: Flask) -> None:
    with pytest.raises(OperatorError):
        providers.add(OLGA, "dear", url, KEY, 60, ask=None, ours="USD")
    ((_, _, act, outcome),) = audit()
    assert act == "provider dear: add, unchecked"
    assert outcome.startswith("refused: the address")


def test_no_secret_is_audited(filled: SimpleNamespace, app: Flask) -> None:
    key = customers.add(OLGA, "carol")
    new = customers.rotate_key(OLGA, "carol")
    providers.add(OLGA, "far", "https://p.example/api/v2", KEY, 60, ask=None, ours="USD")
    run(app, "operator password olga")
    for secret in (key, new, KEY, PASSWORD):
        assert secret not in str(audit())


# Testing a provider


def tells_of_keys(call: Call) -> list[bytes]:
    """A balance, from a panel that takes an order under one idempotency key once."""
    call.start("200 OK", [("Content-Type", "application/json"), ("X-Idempotent-Add", "1")])
    return [json.dumps({"balance": "7.01", "currency": "EUR"}).encode()]


@pytest.mark.parametrize("door", ["command", "dashboard"])
@pytest.mark.parametrize("known", [True, False])
def test_a_test_records_the_balance_and_whether_the_provider_knows_idempotency_keys(
    known: bool,
    door: str,
    app: Flask,
    faulty: FaultyProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operators.add("olga", PASSWORD)
    registry.add("dear", faulty.url, KEY, 60)
    answer = tells_of_keys if known else says({"balance": "7.01", "currency": "EUR"})
    faulty.plan("balance", Fault(answer))
    if door == "command":
        run(app, "provider balance dear")
    else:
        Operator(app.test_client()).post("/admin/providers/dear/test")
    row = registry.get("dear")
    assert (row.balance, row.idempotent) == ("7.01 EUR", known)


# Rounding


@pytest.mark.parametrize(("step", "rate"), [("", 1_406_250), ("0.01", 1_410_000)])
@pytest.mark.parametrize("door", ["command", "dashboard"])
def test_the_same_import_gives_the_same_rate(
    door: str,
    step: str,
    rate: int,
    app: Flask,
    faulty: FaultyProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operators.add("olga", PASSWORD)
    registry.add("dear", faulty.url, KEY, 60)
    faulty.services[0]["rate"] = "1.125"
    if door == "command":
        run(app, f"provider import dear --id 1 --markup 25% {f'--round {step}' if step else ''}")
    else:
        fields = {"act": "import", "ids": "1", "markup": "25", "step": step}
        Operator(app.test_client()).post("/admin/providers/dear/import", **fields)
    assert services.get(1).rate_micros == rate


# No way around


def writing(path: Path) -> set[str]:
    """The functions of a module that begin a transaction, by themselves or by another of them."""
    functions = [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    calls = {
        function.name: {
            ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)
        }
        for function in functions
    }
    found = {"immediate", "group_commit", "write_if_free"}
    while more := {name for name, called in calls.items() if called & found} - found:
        found |= more
    return found & calls.keys()


def changed_by(source: str) -> set[str]:
    """The functions of panel that a source calls by their module, and that change something."""
    tree = ast.parse(source)
    modules = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("panel")
        for alias in node.names
    }
    return {
        f"{modules[node.value.id]}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id in modules and node.attr in CHANGING.get(modules[node.value.id], ())
    }


CHANGING = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): writing(path)
    for path in (ROOT / "panel").rglob("*.py")
    if path.parent.name != "operations"
}


def test_the_functions_that_change_something_are_known() -> None:
    assert {"add", "fund", "set_status", "rotate_key"} <= CHANGING["panel.accounts"]
    assert {"change"} <= CHANGING["panel.orders.transition"]
    assert {"add", "remove", "record_account"} <= CHANGING["panel.providers.registry"]
    assert {"begin", "end", "note_seen"} <= CHANGING["panel.sign_in.sessions"]
    assert CHANGING["panel.queries"] == set()
    source = "from panel import accounts as a\na.fund('alice', 1)\na.get('alice')\n"
    assert changed_by(source) == {"panel.accounts.fund"}


@pytest.mark.parametrize("folder", ["cli", "web"])
def test_a_door_changes_something_by_an_operation_alone(folder: str) -> None:
    found = {
        str(path.relative_to(ROOT)): changed
        for path in (ROOT / folder).rglob("*.py")
        if (changed := changed_by(path.read_text()))
    }
    assert found == {}
