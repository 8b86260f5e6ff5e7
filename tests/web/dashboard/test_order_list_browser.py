"""The list of orders in a real Chromium: found, copied, exported, and acted on in bulk."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from support.apps import Server, add_cast
from support.browser import DESK, TIMEOUT_MS, flawless_page, keep_picture
from support.dashboard import PASSWORD
from support.orders import account_id, balance, new_order

from database.connection import close_database
from database.migrate import open_database
from models import Order
from panel import accounts, ledger, operators, order_lists
from panel.money import MICROS, format_exact
from panel.orders import link_index, lookup, transition
from panel.providers import registry

PHONE_OF_390: ViewportSize = {"width": 390, "height": 844}
WARNING = "the charge 0.93 EUR is not taken as the cost"
WANTED = "https://www.instagram.com/p/C8xYzAbCdEf/?igsh=MzRlODBiNWFlZA=="


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A panel with 150 orders, of which 60 are bob's; half of them are in the index of links."""
    path = tmp_path / "panel.db"
    open_database(path)
    try:
        service = add_cast().followers
        for name in ("alice", "bob"):
            accounts.fund(name, 1000 * MICROS)
        provider = registry.add("upstream", "http://127.0.0.1:9/api/v2", "k" * 30, 60)
        for number in range(1, 151):
            name = "bob" if number % 5 in (1, 2) else "alice"
            link = WANTED if number == 17 else f"https://t.me/{name}/{number}"
            order_id = new_order(service, link=link, name=name)
            if number % 7 == 0 and name == "alice":
                transition.change(order_id, status="Partial", remains=40)
        Order.update(warning=WARNING, provider=provider.id, provider_order="X-1").where(
            Order.id == 17
        ).execute()
        Order.update(link="javascript:alert(1)").where(Order.id == 149).execute()
        while link_index.index_next():
            pass
        operators.add("olga", PASSWORD)
    finally:
        close_database()
    server = Server(tmp_path, {"PANEL_DATABASE": f"sqlite:///{path}"})
    server.start()
    yield SimpleNamespace(at=f"http://127.0.0.1:{server.port}", path=path)
    server.kill()


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    with flawless_page(
        browser,
        shop.at,
        # Chromium itself reports the page that refuses a wrong word as an error.
        may_be_said=lambda message: (
            message.type not in ("error", "warning") or "(UNPROCESSABLE ENTITY)" in message.text
        ),
        permissions=["clipboard-read", "clipboard-write"],
    ) as page:
        sign_in(page)
        yield page


def sign_in(page: Page) -> None:
    page.goto("/admin/orders")
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Orders", level=1)).to_be_visible()


def numbers(page: Page) -> list[int]:
    """The orders of the page, from the top."""
    page.locator("table.orders tbody th").first.wait_for()
    return [int(text) for text in page.locator("table.orders tbody th").all_inner_texts()]


def search(page: Page, text: str) -> None:
    page.get_by_label("Order number, provider's number, or a part of the link").fill(text)
    with page.expect_navigation():
        page.get_by_role("button", name="Search").click()


def test_an_order_is_found_by_a_part_of_its_link_which_is_copied_and_opened(
    page: Page,
) -> None:
    search(page, "c8XYZabcd")
    assert numbers(page) == [17]
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="17"))
    expect(row).to_contain_text("upstream")
    expect(row).to_contain_text("X-1")
    page.get_by_role("button", name="Copy the link of order 17").press("Enter")
    expect(page.get_by_role("button", name="Copy the link of order 17")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == WANTED
    opened = row.get_by_role("link", name=WANTED)
    expect(opened).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(opened).to_have_attribute("href", WANTED)
    warning = row.get_by_text(WARNING)
    expect(warning).to_be_hidden()
    row.locator("summary").press("Enter")
    expect(warning).to_be_visible()


def test_a_link_that_is_a_script_leads_nowhere(page: Page) -> None:
    search(page, "javascript:")
    assert numbers(page) == [149]
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="149"))
    expect(row).to_contain_text("javascript:alert(1)")
    expect(row.get_by_role("link", name="javascript")).to_have_count(0)


def test_filters_combine_and_pages_go_to_the_end(page: Page) -> None:
    page.get_by_label("Customer").fill("bob")
    search(page, "t.me/bob")
    first = numbers(page)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    assert first + numbers(page) == [n for n in range(150, 0, -1) if n % 5 in (1, 2) and n != 17]
    page.get_by_label("With any warning").check()
    search(page, "")
    assert numbers(page) == [17]
    expect(page.locator(".totals")).to_contain_text("0.50")
    search(page, "ab")
    expect(page.get_by_text("A part of a link needs 3 characters or more")).to_be_visible()


def test_what_is_found_is_exported_and_read_back(
    page: Page, shop: SimpleNamespace, tmp_path: Path
) -> None:
    page.get_by_label("Customer").fill("alice")
    page.get_by_label("Status").select_option("Partial")
    search(page, "")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of what is found").click()
    name = download.value.suggested_filename
    assert re.fullmatch(r"orders-\d{4}-\d\d-\d\d\.csv", name)
    download.value.save_as(tmp_path / name)
    with (tmp_path / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    open_database(shop.path)
    try:
        wanted = order_lists.OrderFilter(account_id=account_id(), status="Partial")
        stored = list(order_lists.every(wanted))
    finally:
        close_database()
    assert [int(row["order"]) for row in rows] == [row["id"] for row in stored]
    assert [row["link"] for row in rows] == [row["link"] for row in stored]
    for amount in ("charge", "refunded", "cost"):
        assert [row[amount] for row in rows] == [
            format_exact(row[f"{amount}_micros"]) for row in stored
        ]
    assert len(rows) > 10


def choose(page: Page, act: str) -> None:
    page.get_by_label("What to do").select_option(act)


def test_sixty_orders_are_canceled_with_the_typed_word(page: Page, shop: SimpleNamespace) -> None:
    page.get_by_label("Customer").fill("bob")
    search(page, "")
    assert len(numbers(page)) == 50
    choose(page, "cancel")
    page.get_by_role("button", name="With all found").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Cancel, refund what remains: 60 orders?"
    )
    expect(page.get_by_text("At most 30.00 USD is paid back")).to_be_visible()
    go = page.get_by_role("button", name="Cancel, refund what remains (60 orders)")
    go.click()  # the browser asks for the word
    expect(page.get_by_label("Type cancel to go on")).to_be_focused()
    page.get_by_label("Type cancel to go on").fill("cancle")
    go.click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was done.")
    page.get_by_label("Type cancel to go on").fill("cancel")
    go.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("done with 60 of 60")
    expect(page.get_by_text("30.00 USD was paid back")).to_be_visible()
    expect(page.get_by_role("cell", name="done Canceled")).to_have_count(60)
    open_database(shop.path)
    try:
        bobs = [n for n in range(1, 151) if n % 5 in (1, 2)]
        assert {order.status for order in lookup.get_many(bobs)} == {"Canceled"}
        assert balance("bob") == 1100 * MICROS
        assert list(ledger.check()) == []
    finally:
        close_database()
    page.get_by_role("link", name="Back to the orders").click()
    expect(page.get_by_text("Nothing can be done with the orders of this page.")).to_be_visible()


def test_the_bar_stays_in_view_and_tells_how_many_are_selected_and_their_sum(
    page: Page,
) -> None:
    chosen = page.locator(".chosen")
    expect(chosen).to_have_text("None selected")
    page.get_by_label("Select order 150").check()
    page.get_by_label("Select order 140").check()  # partial: 0.20 of 0.50 was paid back
    expect(chosen).to_have_text("2 selected, 0.80 USD")
    expect(chosen).to_be_in_viewport()
    page.evaluate("window.scrollTo(0, 900)")
    expect(chosen).to_be_in_viewport()
    page.get_by_label("Select order 150").uncheck()
    cancel = page.locator("#act option[value=cancel]")
    expect(cancel).to_be_disabled()  # the one that is left is partial, which is final
    page.get_by_label("Select all on this page").check()
    expect(chosen).to_contain_text("50 selected")
    expect(cancel).to_be_enabled()
    page.get_by_label("Select all on this page").uncheck()
    expect(chosen).to_have_text("None selected")


def test_a_bulk_act_is_done_by_keyboard_alone(page: Page, shop: SimpleNamespace) -> None:
    search(page, "t.me/bob/146")
    press_to(page, "Select order 146")
    page.keyboard.press("Space")
    expect(page.get_by_label("Select order 146")).to_be_checked()
    press_to(page, "Select all on this page")
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    expect(page.locator(".chosen")).to_have_text("1 selected, 0.50 USD")
    press_to(page, "What to do")
    page.keyboard.type("Cancel, refund w")
    press_to(page, "With selected")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(": 1 order?")
    press_to(page, "Cancel, refund what remains (1 order)")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("done with 1 of 1")


LABEL = """() => {
    const at = document.activeElement;
    const label = at.labels && at.labels.length ? at.labels[0].textContent : at.textContent;
    return (at.getAttribute("aria-label") || label).trim();
}"""


def press_to(page: Page, label: str) -> None:
    """Press Tab until what has this label is focused."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(LABEL) == label:
            return
    pytest.fail(f"Tab does not lead to {label}")


def test_acts_work_without_scripts(browser: Browser, shop: SimpleNamespace) -> None:
    context = browser.new_context(viewport=DESK, base_url=shop.at, java_script_enabled=False)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    sign_in(page)
    expect(page.get_by_label("Select all on this page")).to_be_hidden()
    page.get_by_label("Select order 150").check()
    choose(page, "completed")
    page.get_by_role("button", name="With selected").click()
    page.get_by_role("button", name="Set Completed (1 order)").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Set Completed: done with 1 of 1")
    context.close()


def test_a_bulk_act_without_a_choice_is_not_sent_and_keeps_the_ticks(page: Page) -> None:
    page.goto("/admin/orders")
    page.get_by_label("Select order 150").check()
    page.get_by_role("button", name="With selected").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Orders")
    expect(page.get_by_label("What to do")).to_be_focused()
    expect(page.get_by_label("Select order 150")).to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_and_its_acts_fit_a_phone(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size(PHONE_OF_390)
    page.goto("/admin/orders")
    fits(page, f"order-list-{scheme}-phone")
    box = page.locator("table.orders .tick label").first.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 44
    page.get_by_label("Select order 150").check()
    bar = page.locator(".bulk").bounding_box()
    assert bar is not None
    assert bar["height"] < PHONE_OF_390["height"] / 4
    expect(page.locator(".chosen")).to_be_in_viewport()
    choose(page, "cancel")
    page.get_by_role("button", name="With selected").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(": 1 order?")
    fits(page, f"order-list-ask-{scheme}-phone")
    page.get_by_role("button", name="Cancel, refund what remains (1 order)").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("done with 1 of 1")
    fits(page, f"order-list-done-{scheme}-phone")


def fits(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE_OF_390["width"]
    keep_picture(page, name)
