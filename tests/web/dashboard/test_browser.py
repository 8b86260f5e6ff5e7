"""The pages in a real Chromium: the operator's way through them, and what they look like.

PANEL_SCREENSHOTS names a folder that keeps the screenshots of each page for a person to look at.
"""

import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    expect,
)
from support.apps import Server
from support.browser import DESK, PHONE, flawless_page, keep_picture
from support.servers import operate

PASSWORD = "a good password"
QUOTED = """Followers "best" & 'cheap' <b>now</b>"""
SCRIPT = "https://t.me/x?<script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel with an operator, a provider and a service with quotes in its name."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    operate(server, "operator", "add", "olga", input=f"{PASSWORD}\n")
    operate(server, "provider", "add", "sandbox", "sandbox:")
    service = operate(
        server, "service", "add", "--name", QUOTED, "--category", "Social", "--rate", "5",
        "--min", "10", "--max", "1000", "--cancel", "--refill",
    )  # fmt: skip
    server.start()
    yield SimpleNamespace(
        server=server, service=service.strip(), at=f"http://127.0.0.1:{server.port}"
    )
    server.kill()


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    """A browser's page in which nothing may be wrong: no console error, no other host."""
    with flawless_page(browser, shop.at, may_be_said=_may_be_said) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        yield page


def _may_be_said(message: ConsoleMessage) -> bool:
    """Chromium itself reports a refused sign-in as an error."""
    refused = "(FORBIDDEN)" in message.text and message.location["url"].endswith("/sign-in")
    return message.type not in ("error", "warning") or refused


def sign_in(page: Page) -> None:
    page.goto("/admin")
    keep_picture(page, "sign-in-light")
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def add_customer(page: Page, name: str) -> str:
    """Add a customer on its page, and read the key that is shown."""
    page.get_by_role("link", name="Customers").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Add customer").click()
    key = page.locator("#key").inner_text()
    page.get_by_role("link", name=f"Continue to {name}").click()
    return key


def fund(page: Page, amount: str) -> None:
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Add entry").click()
    expect(page.locator(".message.done")).to_be_visible()


def order(shop: SimpleNamespace, key: str, link: str = SCRIPT) -> int:
    status, answer = shop.server.call(key, "add", service=shop.service, link=link, quantity=100)
    assert status == 200, answer
    return answer["order"]


def test_a_customer_is_added_funded_served_and_paid_back(
    page: Page, shop: SimpleNamespace
) -> None:
    sign_in(page)
    key = add_customer(page, "alice")
    fund(page, "10")
    order_id = order(shop, key)

    page.get_by_role("link", name="Orders").first.click()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=str(order_id)))
    expect(row).to_contain_text("alice")
    expect(row).to_contain_text(SCRIPT)
    row.get_by_role("checkbox").check()
    page.get_by_label("What to do").select_option("cancel")
    page.get_by_role("button", name="With selected").click()
    expect(page.get_by_text("At most 0.50 USD is paid back")).to_be_visible()
    page.get_by_role("button", name="Cancel, refund what remains").click()
    expect(page.locator(".message.done")).to_contain_text("done with 1 of 1")
    page.get_by_role("link", name="Back to the orders").click()
    expect(row).to_contain_text("Canceled")

    page.get_by_role("link", name="alice").click()
    first = page.get_by_role("table").locator("tbody tr").first
    expect(first).to_contain_text("refund")
    expect(first).to_contain_text("0.50")
    expect(first).to_contain_text("10.00")

    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="Today").click()
    expect(page.locator(".chart canvas")).to_have_count(2)
    figures = page.evaluate("JSON.parse(document.getElementById('chart-data').textContent)")
    assert sum(figures["orders"]) == 1
    assert sum(figures["refunds"]) == 0.5
    assert page.title() != "taken"


def test_a_wrong_password_lets_nobody_in(page: Page, browser: Browser) -> None:
    page.goto("/admin/orders")
    page.get_by_label("Name").fill("olga")
    page.get_by_label("Password").fill("a bad password")
    with page.expect_response(lambda response: response.status == 403):
        page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Wrong name or password.")
    expect(page.get_by_role("link", name="Orders")).to_have_count(0)


def test_services_are_put_in_order_with_the_keyboard_and_by_dragging(
    page: Page, shop: SimpleNamespace
) -> None:
    operate(shop.server, "provider", "import", "sandbox", "--markup", "25%", "--round", "0.01")
    sign_in(page)
    page.get_by_role("link", name="Services").click()
    first, second, third, *others = numbers(page)
    handle = page.get_by_role("button", name=f"Move service {third}:")
    handle.focus()
    with page.expect_response(re.compile("/move$")):
        handle.press("ArrowUp")
    page.reload()
    assert numbers(page) == [first, third, second, *others]

    with page.expect_response(re.compile("/move$")):
        page.get_by_role("button", name=f"Move service {second}:").drag_to(
            page.get_by_role("button", name=f"Move service {first}:"),
            target_position={"x": 5, "y": 2},
        )
    page.reload()
    assert numbers(page) == [second, first, third, *others]

    # The last of a page goes behind the one before it, and not to the catalogue's end alone.
    last = page.get_by_role("button", name=f"Move service {others[-2]}:")
    last.focus()
    with page.expect_response(re.compile(f"/{others[-1]}/move$")):
        last.press("ArrowDown")
    page.reload()
    assert numbers(page) == [second, first, third, *others[:-2], others[-1], others[-2]]


def numbers(page: Page) -> list[str]:
    """The numbers of the services on the page, from the top."""
    page.locator("tbody th").first.wait_for()  # the page is there when its rows are
    return page.locator("tbody th").all_inner_texts()


PAGES = {
    "overview": "/admin?range=today",
    "overview-30": "/admin?range=30",
    "orders": "/admin/orders",
    "order": "/admin/orders/{order}",
    "customers": "/admin/customers",
    "customer": "/admin/customers/bob",
    "services": "/admin/services",
    "service": "/admin/services/{service}",
    "service-add": "/admin/services/add",
    "providers": "/admin/providers",
    "provider": "/admin/providers/sandbox",
    "import": "/admin/providers/sandbox/import",
    "audit": "/admin/audit",
}


def test_every_page_fits_a_phone_and_a_desk_in_light_and_dark(
    page: Page, shop: SimpleNamespace
) -> None:
    sign_in(page)
    key = add_customer(page, "bob")
    fund(page, "100")
    numbers = [order(shop, key) for _ in range(3)]
    operate(shop.server, "order", "set", str(numbers[1]), "--status", "Partial", "--remains", "40")
    for name, path in PAGES.items():
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESK)
        page.goto(path.format(order=numbers[0], service=shop.service))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        keep_picture(page, f"{name}-light")
        page.emulate_media(color_scheme="dark")
        keep_picture(page, f"{name}-dark")
        page.set_viewport_size(PHONE)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{name} is {wide} wide on a phone"
        keep_picture(page, f"{name}-phone")


def test_a_page_is_walked_through_by_keyboard_alone(page: Page) -> None:
    sign_in(page)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Pause")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Today")).to_be_focused()
