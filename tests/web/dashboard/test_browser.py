"""The pages in a real Chromium: the operator's way through them, and what they look like.

PANEL_SCREENSHOTS names a folder that keeps the screenshots of each page for a person to look at.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)
from support.apps import Server

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PASSWORD = "a good password"
PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1280, height=900)
QUOTED = """Followers "best" & 'cheap' <b>now</b>"""
SCRIPT = "https://t.me/x?<script>document.title='taken'</script>"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install chromium"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel with an operator and a service with quotes in its name, for all these tests."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    server.flask("operator", "add", "olga", input=f"{PASSWORD}\n")
    added = server.flask(
        "service", "add", "--name", QUOTED, "--category", "Social", "--rate", "5",
        "--min", "10", "--max", "1000", "--cancel", "--refill",
    )  # fmt: skip
    server.start()
    yield SimpleNamespace(
        server=server, service=added.stdout.strip(), at=f"http://127.0.0.1:{server.port}"
    )
    server.kill()


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    """A browser's page in which nothing may be wrong: no console error, no other host."""
    context = browser.new_context(viewport=DESK, base_url=shop.at)
    context.set_default_timeout(10_000)
    page = context.new_page()
    wrong: list[str] = []
    host = urlsplit(shop.at).netloc
    page.on("console", lambda m: None if _may_be_said(m) else wrong.append(m.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda r: None if urlsplit(r.url).netloc == host else wrong.append(f"asked {r.url}"),
    )
    page.on("dialog", lambda dialog: dialog.accept())
    yield page
    context.close()
    assert wrong == []


def _may_be_said(message: ConsoleMessage) -> bool:
    """Chromium itself reports a refused sign-in as an error."""
    refused = "(FORBIDDEN)" in message.text and message.location["url"].endswith("/sign-in")
    return message.type not in ("error", "warning") or refused


def sign_in(page: Page, screenshot: Path | None = None) -> None:
    page.goto("/admin")
    if screenshot is not None:
        page.screenshot(path=screenshot)
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
    page.get_by_label("With selected orders").select_option("cancel")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".message.done")).to_contain_text("done with 1 of 1")
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
    shop.server.flask("provider", "add", "sandbox", "sandbox:")
    shop.server.flask("provider", "import", "sandbox", "--markup", "25%", "--round", "0.01")
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
    page: Page, shop: SimpleNamespace, tmp_path: Path
) -> None:
    folder = Path(os.environ.get("PANEL_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    sign_in(page, folder / "sign-in-light.png")
    key = add_customer(page, "bob")
    fund(page, "100")
    numbers = [order(shop, key) for _ in range(3)]
    shop.server.flask("order", "set", str(numbers[1]), "--status", "Partial", "--remains", "40")
    shop.server.flask("provider", "add", "sandbox", "sandbox:", check=False)
    for name, path in PAGES.items():
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESK)
        page.goto(path.format(order=numbers[0], service=shop.service))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.screenshot(path=folder / f"{name}-light.png", full_page=True)
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=folder / f"{name}-dark.png", full_page=True)
        page.set_viewport_size(PHONE)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{name} is {wide} wide on a phone"
        page.screenshot(path=folder / f"{name}-phone.png", full_page=True)


def test_a_page_is_walked_through_by_keyboard_alone(page: Page) -> None:
    sign_in(page)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Today")).to_be_focused()
