"""An operator's day in a real Chromium, on a panel where everything has happened.

Each task is done as a person would do it, by what stands on the pages. That each page fits every
screen, light and dark, is in test_every_page.py.
"""

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect
from support.apps import Server
from support.browser import LARGE_PHONE, flawless_page
from support.dashboard import PASSWORD
from support.every_state import (
    ALICE,
    CAMPAIGN,
    HOSTILE,
    LONG_NAME,
    NORTH,
    PART_OF_A_LINK,
    Panel,
)
from support.faulty import KEY, FaultyProvider
from support.servers import at_the_desk
from support.steps import OLGA

from panel import ledger, money

NEW_KEY, WRONG_KEY = "r0tated" * 6, "wr0ng" * 8
MOST_TABS = 400


class Desk(NamedTuple):
    """The panel that is worked at; each test takes other orders."""

    server: Server
    panel: Panel

    @property
    def at(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def order(self, case: str) -> int:
        return self.panel.orders[case]

    def row(self, order_id: int) -> dict[str, Any]:
        """What the database has of an order."""
        columns = ("status", "dispatch_state", "provider_order", "refunded_micros")
        sql = f"SELECT {', '.join(columns)} FROM orders WHERE id = ?"
        return dict(zip(columns, self.server.rows(sql, order_id)[0], strict=True))

    def balance(self, name: str) -> int:
        sql = "SELECT balance_micros FROM accounts WHERE name = ?"
        return self.server.rows(sql, name)[0][0]

    def audited(self) -> list[tuple[str, str, str]]:
        """The newest lines of the audit: who, what, and what came of it."""
        sql = "SELECT operator, act, outcome FROM audit_lines ORDER BY id DESC LIMIT 200"
        return self.server.rows(sql)


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, every_state_file: Path, every_state_panel: Panel
) -> Iterator[Desk]:
    """A panel for these tests, whose books are right when all is done."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(every_state_file, folder / "panel.db")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    server.start()
    yield Desk(server, every_state_panel)
    server.stop()
    with at_the_desk(server):
        assert list(ledger.check()) == []
    assert "Traceback" not in server.log.read_text()


def _may_be_said(message: ConsoleMessage) -> bool:
    """Chromium itself reports a form that was refused as an error."""
    return "(UNPROCESSABLE" in message.text or message.type not in ("error", "warning")


@pytest.fixture
def page(browser: Browser, desk: Desk) -> Iterator[Page]:
    """The operator's page; what the operator is asked once more is confirmed."""
    with flawless_page(browser, desk.at, may_be_said=_may_be_said) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("/admin")
        page.get_by_label("Name").fill(OLGA.name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(heading(page)).to_have_text("Overview")
        yield page


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def go_to(page: Page, name: str) -> None:
    """Open a section by the navigation."""
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name=name).click()
    expect(heading(page)).to_have_text(name)


def row_of(page: Page, order_id: int) -> Locator:
    """The row of a table that has a link to this order."""
    link = page.get_by_role("link", name=str(order_id), exact=True)
    return page.get_by_role("row").filter(has=link)


def waiting(page: Page) -> int:
    """How many requests the navigation says that wait."""
    return int(page.locator("nav .badge").inner_text())


def shown(micros: int) -> str:
    """An amount with the decimals that cards and buttons have."""
    return money.format_fixed(micros, 2)


# Requests


def test_a_cancel_request_is_found_and_accepted(page: Page, desk: Desk) -> None:
    order_id = desk.order("sent: cancel request")
    before, waited = desk.balance(ALICE), waiting(page)
    go_to(page, "Requests")
    row = row_of(page, order_id)
    expect(row).to_contain_text(f"order {desk.row(order_id)['provider_order']}")
    row.get_by_role("button", name="Accept: refund 0.20 USD").click()

    expect(page.locator(".message.done")).to_contain_text(f"order {order_id} is Canceled")
    expect(row).to_have_count(0)
    assert waiting(page) == waited - 1
    assert desk.row(order_id)["refunded_micros"] == 200_000
    assert desk.balance(ALICE) == before + 200_000
    (done,) = [line for line in desk.audited() if line[1].endswith(": accept")][:1]
    assert done[0] == OLGA.name
    assert done[2].startswith("done")


def test_a_request_is_answered_on_a_phone(page: Page, desk: Desk) -> None:
    order_id = desk.order("by hand: refill pending")
    page.set_viewport_size(LARGE_PHONE)
    page.emulate_media(color_scheme="dark")
    go_to(page, "Requests")
    row_of(page, order_id).get_by_role("button", name="Reject").click()
    expect(page.locator(".message.done")).to_contain_text("is rejected")
    expect(row_of(page, order_id)).to_have_count(0)
    sql = "SELECT status FROM refills WHERE order_id = ?"
    assert desk.server.rows(sql, order_id) == [("rejected",)]


# Providers


def test_a_providers_key_is_changed(page: Page, desk: Desk, faulty_server: FaultyProvider) -> None:
    """The provider gave us another one: the old one is refused there, and so is a mistyped one."""
    faulty_server.renew()
    faulty_server.keys = {NEW_KEY}
    go_to(page, "Providers")
    page.get_by_role("link", name=NORTH, exact=True).click()
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator(".message.error")).to_contain_text("Invalid API key")

    save_key(page, WRONG_KEY)
    expect(page.locator(".message.error")).to_contain_text("Invalid API key")
    assert stored_key(desk) == KEY

    save_key(page, NEW_KEY)
    expect(page.locator(".message.done")).to_be_visible()
    assert stored_key(desk) == NEW_KEY
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator(".message.done")).to_contain_text("12.5000 USD")
    seen = page.content() + str(desk.audited()) + desk.server.log.read_text()
    assert not [key for key in (KEY, NEW_KEY, WRONG_KEY) if key in seen]
    faulty_server.renew()


def save_key(page: Page, key: str) -> None:
    page.get_by_label("Another API key").fill(key)
    page.get_by_role("button", name="Save").click()


def stored_key(desk: Desk) -> str:
    return desk.server.rows("SELECT key FROM providers WHERE name = ?", NORTH)[0][0]


# Orders in doubt


def open_from_overview(page: Page, order_id: int) -> None:
    """From what needs a person to the orders in review, and to one of them."""
    page.goto("/admin")
    page.get_by_role("link", name="in review").click()
    page.get_by_role("link", name=str(order_id), exact=True).click()
    expect(heading(page)).to_contain_text(f"Order {order_id}")


def test_an_order_in_doubt_is_attached_to_the_providers(page: Page, desk: Desk) -> None:
    order_id = desk.order("review")
    open_from_overview(page, order_id)
    told = page.get_by_role("region", name="In doubt")
    expect(told).to_contain_text("no whole answer (ReadTimeoutError)")
    told.get_by_label("number of the order").fill("880017")
    told.get_by_role("button", name="Attach").click()
    expect(page.locator(".message.done")).to_contain_text("880017")
    expect(told).to_have_count(0)
    row = desk.row(order_id)
    assert (row["dispatch_state"], row["provider_order"]) == ("sent", "880017")
    expect(page.get_by_role("region", name="History")).to_contain_text(f"{OLGA.name}")


def test_an_order_in_doubt_is_given_up(page: Page, desk: Desk) -> None:
    order_id = desk.order("review: of the other customer")
    before = desk.balance(LONG_NAME)
    open_from_overview(page, order_id)
    button = page.get_by_role("region", name="In doubt").get_by_role("button", name="Give up")
    amount = re.search(r"refund ([\d.]+) USD", button.inner_text())
    button.click()
    expect(page.locator(".message.done")).to_be_visible()
    expect(heading(page)).to_contain_text("Canceled")
    paid = desk.balance(LONG_NAME) - before
    assert paid == desk.row(order_id)["refunded_micros"] > 0
    assert amount is not None
    assert amount[1] in (shown(paid), money.format_exact(paid))


# Many orders at once


def test_sixty_orders_are_canceled_with_a_typed_word(page: Page, desk: Desk) -> None:
    before, lines = desk.balance(ALICE), len(desk.audited())
    find(page, CAMPAIGN)
    page.get_by_role("link", name="100", exact=True).click()
    boxes = page.locator("tbody input[name=order]")
    expect(boxes).to_have_count(80)
    chosen = [int(boxes.nth(n).get_attribute("value") or "") for n in range(60)]
    for n in range(60):
        boxes.nth(n).check()
    expect(page.get_by_role("group", name="Bulk act")).to_contain_text("60 selected")
    page.get_by_label("What to do").select_option("cancel")
    page.get_by_role("button", name="With selected").click()

    expect(heading(page)).to_contain_text("60 orders?")
    asked = page.get_by_role("region", name="What will be done")
    told = re.search(r"At most ([\d.]+) USD", asked.inner_text())
    page.get_by_label("Type cancel").fill("yes")
    asked.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was done")
    assert desk.balance(ALICE) == before

    page.get_by_label("Type cancel").fill("cancel")
    asked.get_by_role("button").click()
    expect(heading(page)).to_contain_text("done with 60 of 60")
    expect(page.locator("tbody tr")).to_have_count(60)
    rows = [desk.row(order_id) for order_id in chosen]
    assert {row["status"] for row in rows} == {"Canceled"}
    paid = sum(row["refunded_micros"] for row in rows)
    assert desk.balance(ALICE) == before + paid
    assert told is not None
    assert told[1] == shown(paid)
    acts = [line for line in desk.audited() if "set status Canceled" in line[1]]
    assert len(acts) >= 60 > lines - len(desk.audited())
    page.get_by_role("link", name="Back to the orders").click()
    expect(page.locator("tbody tr").filter(has_text="In progress")).to_have_count(20)


# Finding and exporting


def find(page: Page, text: str) -> None:
    go_to(page, "Orders")
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Search").click()


@pytest.mark.parametrize(
    "text", [PART_OF_A_LINK, PART_OF_A_LINK.upper(), "hay/needle", "00/stack"]
)
def test_an_order_is_found_by_a_part_of_its_link(page: Page, desk: Desk, text: str) -> None:
    find(page, text)
    expect(page.locator("tbody tr")).to_have_count(1)
    row = row_of(page, desk.order("needle"))
    link = row.get_by_role("link", name=PART_OF_A_LINK)
    expect(link).to_have_attribute("href", f"https://t.me/hay/{PART_OF_A_LINK}/stack")
    expect(link).to_have_attribute("rel", re.compile("noopener"))


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_link_is_found_shown_as_it_is_and_harmless(
    page: Page, desk: Desk, number: int
) -> None:
    link, order_id = HOSTILE[number], desk.order(f"hostile: {number}")
    find(page, link[:300])
    row = row_of(page, order_id)
    expect(row).to_contain_text(link)
    opened = row.locator("td.link a")
    assert opened.count() == (1 if link.startswith("https://") else 0)
    row.get_by_role("link", name=str(order_id), exact=True).click()
    expect(page.get_by_role("region", name="What was ordered")).to_contain_text(link)
    assert page.title() != "taken"


def test_a_link_is_copied_as_it_is(page: Page, desk: Desk) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    order_id = desk.order("hostile: 0")
    find(page, str(order_id))
    button = row_of(page, order_id).get_by_role("button", name="Copy")
    button.click()
    expect(button).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == HOSTILE[0]


def test_what_is_found_is_exported_and_read_back(page: Page, desk: Desk, tmp_path: Path) -> None:
    go_to(page, "Orders")
    page.get_by_label("Customer").fill(LONG_NAME)
    page.get_by_role("button", name="Search").click()
    total = page.get_by_label("Totals of what is found").get_by_role("definition").first
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    download.value.save_as(tmp_path / "orders.csv")
    with (tmp_path / "orders.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    sql = """
        SELECT orders.id, link, charge_micros, refunded_micros, quantity, orders.status
        FROM orders JOIN accounts ON accounts.id = account_id WHERE name = ?
        ORDER BY orders.id DESC
    """
    stored = desk.server.rows(sql, LONG_NAME)
    assert [int(row["order"]) for row in rows] == [order[0] for order in stored]
    expect(total).to_have_text(str(len(stored)))
    for row, (_, link, charge, refunded, quantity, status) in zip(rows, stored, strict=True):
        assert row["link"].removeprefix("'") == link
        assert row["link"][0] not in "=+-@"  # no spreadsheet takes it for a formula
        assert money.parse(row["charge"]) == charge
        assert money.parse(row["refunded"]) == refunded
        assert (row["quantity"], row["status"]) == (str(quantity), status)
        assert row["customer"] == LONG_NAME


# The keyboard alone


def active(page: Page) -> str:
    """What the focused element is called."""
    return page.evaluate(
        """() => {
            const item = document.activeElement;
            const labels = [...(item.labels ?? [])].map((label) => label.textContent);
            return (item.ariaLabel || labels.join(" ") || item.textContent).trim();
        }"""
    )


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called so is focused; and see that it is."""
    passed = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        passed.append(active(page))
        if passed[-1].startswith(name):
            style = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(style) != "none", f"{name} does not show its focus"
            return
    raise AssertionError(f"{name} is not among {passed}")


def test_an_order_is_canceled_with_the_keyboard_alone(browser: Browser, desk: Desk) -> None:
    """Signing in, finding the order, canceling it, and signing out."""
    order_id = desk.order("sent: cancel request of a pending one")
    with flawless_page(browser, desk.at) as page:
        page.on("dialog", lambda dialog: dialog.accept())  # as Enter does
        page.goto("/admin")
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type(OLGA.name)
        tab_to(page, "Password")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(heading(page)).to_have_text("Overview")

        tab_to(page, "Orders")
        page.keyboard.press("Enter")
        expect(heading(page)).to_have_text("Orders")
        tab_to(page, "Order number")
        page.keyboard.type(str(order_id))
        page.keyboard.press("Enter")
        expect(row_of(page, order_id)).to_have_count(1)
        tab_to(page, f"{order_id}")
        page.keyboard.press("Enter")
        expect(heading(page)).to_contain_text(f"Order {order_id}")
        tab_to(page, "Cancel and refund")
        page.keyboard.press("Space")
        expect(page.locator(".message.done")).to_be_visible()
        expect(heading(page)).to_contain_text("Canceled")
        assert desk.row(order_id)["refunded_micros"] == 500_000

        tab_to(page, "Sign out")
        page.keyboard.press("Enter")
        expect(heading(page)).to_have_text("Sign in")
