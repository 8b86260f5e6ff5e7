"""A form that is sent twice makes what it makes once."""

import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.apps import Server
from support.clock import Clock
from support.dashboard import PASSWORD, Operator, lines, said
from support.servers import operate

from database.connection import database
from models import Account, LedgerEntry, Order, Service, SubmittedForm
from panel import accounts, ledger, pricing, services, submitted
from panel.money import MICROS
from panel.orders.place import OrderRequest, place_order

SERVICE = {
    "name": "New", "category": "Social", "type": "Default", "rate_micros": "5", "min": "1",
    "max": "9",
}  # fmt: skip


@pytest.fixture
def subscription(cast: SimpleNamespace) -> int:
    """Bob's subscription, which is fulfilled by hand."""
    posts = services.add(
        name="Likes", category="Posts", rate_micros=MICROS, min=1, max=90, type="Subscriptions"
    )
    bob = accounts.get("bob").id
    offer = pricing.find_offer(accounts.caller(bob), posts)
    assert offer is not None
    wanted = OrderRequest("", details={"username": "bob", "min": 20, "max": 50, "delay": 5})
    return place_order(bob, offer, wanted)


FORMS: dict[str, tuple[str, dict[str, str], type[Any], str]] = {
    "deposit": (
        "customers/alice/fund", {"amount": "25", "note": "invoice 17"}, LedgerEntry,
        "This deposit or withdrawal was entered already, as entry {} of the ledger.",
    ),
    "withdrawal": (
        "customers/alice/fund", {"amount": "-25"}, LedgerEntry,
        "This deposit or withdrawal was entered already, as entry {} of the ledger.",
    ),
    "customer": (
        "customers", {"name": "carol", "balance": "5"}, Account,
        "This customer was added already; the key was shown then.",
    ),
    "post": (
        "orders/1/post", {"quantity": "25"}, Order, "This post was charged already, as order {}.",
    ),
    "service": (
        "services/add", SERVICE, Service, "This service was added already, as service {}.",
    ),
}  # fmt: skip
each_form = pytest.mark.parametrize("form", FORMS)


def token_of(olga: Operator, path: str, page: str) -> str:
    """The token of a form on a page."""
    found = re.search(
        rf'action="{re.escape(path)}"[^>]*>.*?name="form_token" value="([0-9a-f]+)"',
        olga.text(page), re.S,
    )  # fmt: skip
    assert found is not None, (path, page)
    return found[1]


PAGES = {
    "customers/alice/fund": "/admin/customers/alice",
    "customers/alice/rotate-key": "/admin/customers/alice",
    "customers": "/admin/customers",
    "orders/1/post": "/admin/orders/1",
    "services/add": "/admin/services/add",
}


@each_form
def test_what_is_sent_twice_is_made_once(form: str, olga: Operator, subscription: int) -> None:
    path, fields, table, text = FORMS[form]
    token = token_of(olga, f"/admin/{path}", PAGES[path])
    before = table.select().count()
    olga.post(f"/admin/{path}", **fields, form_token=token)
    made = table.select().order_by(table.id.desc()).get()
    money = ledger.listing()
    second = olga.post(f"/admin/{path}", **fields, form_token=token)
    assert table.select().count() == before + 1
    assert ledger.listing() == money
    assert list(ledger.check()) == []
    page = olga.text(second.headers["Location"].partition("#")[0])
    assert said(page)[-1] == text.format(made.id)
    assert lines()[-1][2] == f"refused: {text.format(made.id)[0].lower()}{text[1:-1]}".format(
        made.id
    )


@each_form
def test_two_forms_make_two(form: str, olga: Operator, subscription: int) -> None:
    path, fields, table, _ = FORMS[form]
    before = table.select().count()
    for name in ("carol", "dave"):
        token = token_of(olga, f"/admin/{path}", PAGES[path])
        sent = {**fields, "name": name} if form == "customer" else fields
        olga.post(f"/admin/{path}", **sent, form_token=token)
    assert table.select().count() == before + 2


def test_a_second_deposit_shows_the_entry_of_the_first(olga: Operator) -> None:
    token = token_of(olga, "/admin/customers/alice/fund", "/admin/customers/alice")
    answers = [
        olga.post("/admin/customers/alice/fund", amount="25", form_token=token) for _ in range(2)
    ]
    entry = ledger.last_entry(accounts.get("alice").id)
    assert answers[1].headers["Location"] == f"/admin/customers/alice#entry-{entry}"
    page = olga.text("/admin/customers/alice")
    assert f'<tr id="entry-{entry}">' in page
    assert said(page) == [
        "25.00 USD deposited.",
        f"This deposit or withdrawal was entered already, as entry {entry} of the ledger.",
    ]


@pytest.mark.parametrize("token", ["", "\0", "a\0b", "\0" * 80, "\u202e", "x" * 500])
def test_a_token_that_the_panel_did_not_make_breaks_nothing(token: str, olga: Operator) -> None:
    olga.post("/admin/customers/alice/fund", amount="25", form_token=token)
    assert said(olga.text("/admin/customers/alice")) == ["25.00 USD deposited."]
    assert lines()[-1][2] == "done"


def test_a_key_is_replaced_once_so_that_the_one_that_is_shown_works(olga: Operator) -> None:
    token = token_of(olga, "/admin/customers/alice/rotate-key", "/admin/customers/alice")
    first = olga.post("/admin/customers/alice/rotate-key", form_token=token)
    found = re.search(r'id="key">([0-9a-f]{48})<', first.text)
    assert found is not None
    olga.post("/admin/customers/alice/rotate-key", form_token=token)
    assert accounts.find(found[1]) is not None
    assert said(olga.text("/admin/customers/alice")) == [
        "The key was replaced already, and the new one was shown then."
    ]


def test_a_form_that_was_refused_can_be_corrected_and_sent_again(olga: Operator) -> None:
    token = token_of(olga, "/admin/customers/alice/fund", "/admin/customers/alice")
    fields = {"note": "invoice 17", "form_token": token}
    refused = olga.post("/admin/customers/alice/fund", amount="-1000", **fields)
    assert refused.status_code == 200
    for typed in ('value="-1000"', 'value="invoice 17"', f'name="form_token" value="{token}"'):
        assert typed in refused.text
    olga.post("/admin/customers/alice/fund", amount="-100", **fields)
    assert accounts.get("alice").balance_micros == 0


def test_a_customer_who_was_refused_is_added_with_the_same_form(olga: Operator) -> None:
    token = token_of(olga, "/admin/customers", "/admin/customers")
    refused = olga.post("/admin/customers", name="alice", balance="5", form_token=token)
    assert refused.status_code == 200
    assert 'value="alice"' in refused.text
    assert 'value="5"' in refused.text
    assert olga.post("/admin/customers", name="carol", form_token=token).status_code == 200


def test_tokens_are_forgotten_after_their_time(olga: Operator, clock: Clock) -> None:
    form = {"amount": "1"}
    olga.post("/admin/customers/alice/fund", **form, form_token="a" * 32)
    clock.seconds += submitted.KEPT_S + 1
    accounts.fund("alice", MICROS, form_token="b" * 32)
    assert [row.token for row in SubmittedForm.select()] == ["b" * 32]


def test_what_no_form_asks_for_leaves_no_token(cast: SimpleNamespace) -> None:
    accounts.fund("alice", MICROS)
    accounts.fund("alice", MICROS)
    assert SubmittedForm.select().count() == 0
    assert accounts.get("alice").balance_micros == 102 * MICROS


def test_every_form_whose_repetition_makes_something_twice_has_a_token(
    olga: Operator, subscription: int, app: Flask
) -> None:
    for path, page in PAGES.items():
        first, second = (token_of(olga, f"/admin/{path}", page) for _ in range(2))
        assert first != second


# Two at once


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    """A panel of several processes, with an operator and a customer."""
    server = Server(tmp_path, {"PANEL_DATABASE": f"sqlite:///{tmp_path / 'panel.db'}"})
    operate(server, "operator", "add", "olga", input=f"{PASSWORD}\n")
    operate(server, "user", "add", "alice")
    server.start()
    yield server
    server.kill()


class Signed:
    """A browser that is signed in over HTTP."""

    def __init__(self, server: Server) -> None:
        self.at = f"http://127.0.0.1:{server.port}"
        self.jar = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        csrf = self.find("csrf_token", self.get("/admin/sign-in"))
        self.post("/admin/sign-in", csrf_token=csrf, name="olga", password=PASSWORD)

    def get(self, path: str) -> str:
        with self.opener.open(self.at + path) as answer:
            return answer.read().decode()

    def post(self, path: str, **fields: str) -> str:
        data = urllib.parse.urlencode(fields).encode()
        with self.opener.open(self.at + path, data) as answer:
            return answer.read().decode()

    @staticmethod
    def find(name: str, page: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]+)"', page)
        assert found is not None
        return found[1]


@pytest.mark.server
def test_a_form_that_two_processes_get_at_once_is_one_deposit(served: Server) -> None:
    browser = Signed(served)
    failed: list[BaseException] = []
    for round_ in range(3):
        page = browser.get("/admin/customers/alice")
        csrf, token = (browser.find(name, page) for name in ("csrf_token", "form_token"))
        ready = threading.Barrier(8)

        def send(ready: threading.Barrier = ready, csrf: str = csrf, token: str = token) -> None:
            ready.wait()
            try:
                browser.post(
                    "/admin/customers/alice/fund", csrf_token=csrf, form_token=token, amount="7"
                )
            except BaseException as error:
                failed.append(error)

        senders = [threading.Thread(target=send) for _ in range(8)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert failed == []
        entries = served.rows("SELECT amount_micros FROM ledger_entries")
        assert entries == [(7 * MICROS,)] * (round_ + 1)
    assert "consistent" in operate(served, "ledger", "check")


# A large amount is asked for once more


@pytest.mark.parametrize(
    ("path", "fields", "shown"),
    [
        ("customers/alice/fund", {"amount": "500.01"}, ["500.01 USD", "600.01 USD"]),
        ("customers/alice/fund", {"amount": "12345", "note": "wire <7>"},
         ["12345.00 USD", "12445.00 USD", "wire &lt;7&gt;"]),
        ("customers", {"name": "carol", "balance": "501"}, ["501.00 USD", "carol"]),
    ],
    ids=["just above", "with a note", "a first deposit"],
)  # fmt: skip
def test_a_large_deposit_is_entered_only_when_it_was_asked_for_again(
    path: str, fields: dict[str, str], shown: list[str], olga: Operator
) -> None:
    token = token_of(olga, f"/admin/{path}", PAGES[path])
    before = ledger.listing()
    asked = olga.post(f"/admin/{path}", **fields, form_token=token)
    assert (asked.status_code, ledger.listing()) == (200, before)
    for text in shown:
        assert text in asked.text
    assert f'name="form_token" value="{token}"' in asked.text
    assert lines() == []
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    assert hidden["sure"] == hidden.get("amount", hidden.get("balance"))
    sent = {name: hidden[name] for name in hidden if name not in ("csrf_token", "back")}
    sent["note"] = fields.get("note", "")
    for _ in range(2):
        olga.post(f"/admin/{path}", **sent)
    assert len(ledger.listing()) == len(before) + 1


def test_a_large_withdrawal_is_asked_for_too(olga: Operator) -> None:
    accounts.fund("alice", 900 * MICROS)
    asked = olga.post("/admin/customers/alice/fund", amount="-600")
    assert "Is this withdrawal right?" in asked.text
    assert accounts.get("alice").balance_micros == 1000 * MICROS
    olga.post("/admin/customers/alice/fund", amount="-600", sure="-600.00")
    assert accounts.get("alice").balance_micros == 400 * MICROS


def test_to_be_sure_of_another_amount_is_not_to_be_sure(olga: Operator) -> None:
    asked = olga.post("/admin/customers/alice/fund", amount="6000", sure="600.00")
    assert "Is this deposit right?" in asked.text
    assert accounts.get("alice").balance_micros == 100 * MICROS


@pytest.mark.parametrize("amount", ["500", "-100", "0.000001"])
def test_an_amount_up_to_the_setting_is_not_asked_for_again(amount: str, olga: Operator) -> None:
    assert olga.post("/admin/customers/alice/fund", amount=amount).status_code == 302


def test_what_cannot_be_withdrawn_is_refused_without_asking(olga: Operator) -> None:
    refused = olga.post("/admin/customers/alice/fund", amount="-600")
    assert refused.status_code == 200
    assert "alice has only 100.00" in refused.text


def test_who_entered_an_amount_stands_in_the_ledger(olga: Operator, app: Flask) -> None:
    olga.post("/admin/customers/alice/fund", amount="5", note="invoice 17")
    with app.app_context():
        app.test_cli_runner().invoke(args=["user", "fund", "alice", "5", "--note", "invoice 17"])
    names = database.execute_sql(
        "SELECT kind, amount_micros, note, operator FROM ledger_entries ORDER BY id DESC LIMIT 2"
    ).fetchall()
    assert names == [
        ("deposit", 5 * MICROS, "invoice 17", "(command line)"),
        ("deposit", 5 * MICROS, "invoice 17", "olga"),
    ]
    assert [(act, outcome) for _, act, outcome in lines()] == [
        ("customer alice: deposit 5.00 USD (invoice 17)", "done")
    ] * 2
