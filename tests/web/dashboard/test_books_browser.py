"""Money, reports and the audit in a real Chromium."""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect
from support.apps import Server
from support.browser import PHONE, flawless_page, keep_picture
from support.dashboard import PASSWORD
from support.servers import operate


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel with an operator, a customer and some orders."""
    folder = tmp_path_factory.mktemp("books")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    operate(server, "operator", "add", "olga", input=f"{PASSWORD}\n")
    key = operate(server, "user", "add", "alice", "--balance", "100").strip()
    service = operate(
        server, "service", "add", "--name", "Views", "--category", "Video", "--rate", "5",
        "--min", "1", "--max", "1000",
    ).strip()  # fmt: skip
    server.start()
    for number in range(3):
        link = f"https://a.example/{number}"
        server.call(key, "add", service=service, link=link, quantity=100)
    operate(server, "order", "set", "1", "--status", "Partial", "--remains", "40")
    yield SimpleNamespace(server=server, at=f"http://127.0.0.1:{server.port}")
    server.kill()


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    with flawless_page(browser, shop.at) as page:
        page.goto("/admin")
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        yield page


def deposits(shop: SimpleNamespace) -> list[int]:
    rows = shop.server.rows("SELECT amount_micros FROM ledger_entries WHERE kind = 'deposit'")
    return [amount for (amount,) in rows][1:]


def test_a_double_click_is_one_deposit(shop: SimpleNamespace, page: Page) -> None:
    before = len(deposits(shop))
    page.goto("/admin/customers/alice")
    page.get_by_label("Amount").fill("25")
    page.get_by_label("Note").fill("invoice 17")
    page.get_by_role("button", name="Add entry").dblclick()
    expect(page.locator("table.ledger tbody tr").first).to_contain_text("invoice 17")
    page.goto("/admin/customers/alice")
    expect(page.locator("table.ledger tbody tr", has_text="invoice 17")).to_have_count(1)
    assert deposits(shop)[before:] == [25_000_000]


def test_a_form_that_is_sent_again_after_going_back_is_one_deposit(
    shop: SimpleNamespace, page: Page
) -> None:
    before = len(deposits(shop))
    page.goto("/admin/customers/alice")
    token = page.locator('form[action$="/fund"] input[name="form_token"]').input_value()
    page.get_by_label("Amount").fill("3")
    page.get_by_role("button", name="Add entry").click()
    expect(page.get_by_text("3.00 USD deposited.")).to_be_visible()
    page.go_back()
    # As a browser that shows the page as it was, with the form as it was sent.
    hidden = page.locator('form[action$="/fund"] input[name="form_token"]')
    hidden.evaluate("(input, token) => { input.value = token; }", token)
    page.get_by_label("Amount").fill("3")
    page.get_by_role("button", name="Add entry").click()
    expect(page.get_by_text("was entered already, as entry")).to_be_visible()
    assert re.search(r"#entry-\d+$", page.url)
    assert deposits(shop)[before:] == [3_000_000]


def test_a_large_deposit_is_asked_for_once_more(shop: SimpleNamespace, page: Page) -> None:
    before = len(deposits(shop))
    page.goto("/admin/customers/alice")
    page.get_by_label("Amount").fill("1234.5")
    page.get_by_label("Note").fill("wire 9")
    page.get_by_role("button", name="Add entry").press("Enter")
    expect(page.get_by_role("heading", name="Is this deposit right?")).to_be_visible()
    keep_picture(page, "deposit-asked-again")
    assert len(deposits(shop)) == before
    page.get_by_role("link", name="Enter nothing").click()
    assert len(deposits(shop)) == before
    page.get_by_label("Amount").fill("1234.5")
    page.get_by_role("button", name="Add entry").click()
    page.get_by_role("button", name="Deposit 1234.50 USD").click()
    expect(page.get_by_text("1234.50 USD deposited.")).to_be_visible()
    assert deposits(shop)[before:] == [1_234_500_000]


def test_what_was_typed_stays_where_it_is_refused(page: Page) -> None:
    page.goto("/admin/customers")
    page.get_by_label("Name", exact=True).fill("alice")
    page.get_by_label("First deposit").fill("7")
    page.get_by_role("button", name="Add customer").click()
    expect(page.get_by_text("there is a user alice already").first).to_be_visible()
    expect(page.get_by_label("First deposit")).to_have_value("7")


@pytest.mark.parametrize("by", ["service", "customer", "provider", "day"])
def test_a_report_has_its_charts_and_its_table(by: str, page: Page) -> None:
    page.goto("/admin")
    page.get_by_role("navigation", name="Dashboard").get_by_role("link", name="Reports").click()
    page.get_by_label("By", exact=True).select_option(label=by)
    page.get_by_role("button", name="Report").click()
    expect(page.locator(".chart canvas")).to_have_count(2)
    expect(page.locator("table.report tbody tr")).to_have_count(1)
    expect(page.locator("table.report tfoot")).to_contain_text("1.30")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    text = download.value.path().read_text()
    assert text.splitlines()[0] == f"{by},orders,revenue,refunds,cost,profit"
    assert text.splitlines()[1].endswith(",3,1.50,0.20,0.00,1.30")
    keep_picture(page, f"report-by-{by}")


def test_the_audit_is_narrowed_by_its_form(page: Page) -> None:
    page.goto("/admin/audit")
    page.get_by_label("About").select_option(label="Orders")
    page.get_by_label("Text in it").fill("refunded")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("done: refunded 0.20 USD")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("tbody tr").nth(5)).to_be_visible()


@pytest.mark.parametrize(
    "path",
    ["customers", "customers/alice", "reports?by=user", "ledger", "audit", "panel", "operators"],
)
def test_no_page_of_the_books_scrolls_sideways_on_a_phone(path: str, page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"/admin/{path}")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
