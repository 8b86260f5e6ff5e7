"""Signing in and out in a real Chromium: sessions, one-time passwords, and a viewer's pages."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyotp
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    ViewportSize,
    expect,
)
from support.apps import Server
from support.browser import DESK, TIMEOUT_MS, flawless_page, keep_picture
from support.servers import at_the_desk, operate

from models import Operator

PASSWORD = "a good password"
NARROW: ViewportSize = {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel with operators, a viewer, a provider with services, and an order."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    for name in ("olga", "otto", "emma"):
        operate(server, "operator", "add", name, input=f"{PASSWORD}\n")
    operate(server, "operator", "add", "vera", "--role", "viewer", input=f"{PASSWORD}\n")
    operate(server, "provider", "add", "sandbox", "sandbox:")
    operate(server, "provider", "import", "sandbox", "--markup", "25%")
    key = operate(server, "user", "add", "alice", "--balance", "10").strip()
    server.start()
    order = server.call(key, "add", service=1, link="https://t.me/x", quantity=100)[1]["order"]
    yield SimpleNamespace(server=server, order=order, at=f"http://127.0.0.1:{server.port}")
    server.kill()


def _may_be_said(message: ConsoleMessage) -> bool:
    """Chromium itself reports a refused sign-in as an error."""
    refused = "(FORBIDDEN)" in message.text and "/sign-in" in message.location["url"]
    return message.type not in ("error", "warning") or refused


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    """A browser's page in which nothing may be wrong: no console error, no other host."""
    with flawless_page(browser, shop.at, may_be_said=_may_be_said) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        yield page


@pytest.fixture
def elsewhere(browser: Browser, shop: SimpleNamespace) -> Iterator[BrowserContext]:
    """Another browser."""
    context = browser.new_context(viewport=DESK, base_url=shop.at)
    context.set_default_timeout(TIMEOUT_MS)
    yield context
    context.close()


def fill_in(page: Page, name: str) -> None:
    """The first step of a sign-in."""
    page.goto("/admin")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def sign_in(page: Page, name: str) -> None:
    fill_in(page, name)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def keep_pictures(page: Page, name: str) -> None:
    """The page light, dark, and on a narrow screen, which it must fit."""
    for scheme in ("light", "dark"):
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        keep_picture(page, f"{name}-{scheme}")
    page.set_viewport_size(NARROW)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= NARROW["width"], f"{name} is {wide} wide"
    keep_picture(page, f"{name}-narrow")
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")


def test_a_copied_cookie_is_dead_after_the_sign_out(
    page: Page, elsewhere: BrowserContext, shop: SimpleNamespace
) -> None:
    sign_in(page, "olga")
    for cookie in page.context.cookies():
        elsewhere.add_cookies(
            [{"name": cookie["name"], "value": cookie["value"], "url": f"{shop.at}/admin/"}]
        )
    thief = elsewhere.new_page()
    thief.goto("/admin/customers")
    expect(thief.get_by_role("heading", name="Customers")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    thief.goto("/admin/customers")
    expect(thief.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_session_in_another_browser_is_ended_from_the_page(
    page: Page, elsewhere: BrowserContext
) -> None:
    other = elsewhere.new_page()
    sign_in(other, "otto")
    sign_in(page, "otto")
    page.get_by_role("link", name="otto").click()
    expect(page.get_by_role("row")).to_have_count(3)
    keep_pictures(page, "sessions")
    page.get_by_role("button", name="End session on").click()
    expect(page.get_by_text("The session is ended.")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(2)
    other.goto("/admin")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


def next_code(shop: SimpleNamespace, name: str, secret: str) -> str:
    """The app's code, after the one that was used last: time is made to pass by the database."""
    with at_the_desk(shop.server):
        Operator.update(totp_step=0).where(Operator.name == name).execute()
    return pyotp.TOTP(secret).at(int(time.time()))


def test_one_time_passwords_are_set_up_and_asked_for(
    page: Page, elsewhere: BrowserContext, shop: SimpleNamespace
) -> None:
    sign_in(page, "emma")
    page.get_by_role("link", name="emma").click()
    page.get_by_role("link", name="Password and one-time passwords").click()
    keep_pictures(page, "account-off")
    page.locator("#begin-present").fill(PASSWORD)
    page.get_by_role("button", name="Set up").click()
    secret = page.locator("#secret").inner_text().replace(" ", "")
    box = page.locator("svg.qr").bounding_box()
    assert box is not None and box["width"] > 150 and abs(box["width"] - box["height"]) < 2
    keep_pictures(page, "totp")
    page.get_by_label("Code that the app shows").fill(pyotp.TOTP(secret).at(int(time.time())))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    keep_pictures(page, "recovery-codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 recovery codes left")).to_be_visible()
    keep_pictures(page, "account-on")

    other = elsewhere.new_page()
    fill_in(other, "emma")
    expect(other.get_by_label("Code")).to_be_focused()
    keep_pictures(other, "code")
    other.get_by_label("Code").fill("000000")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("alert")).to_contain_text("wrong")
    keep_pictures(other, "code-wrong")
    other.get_by_label("Code").fill(next_code(shop, "emma", secret))
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Overview")).to_be_visible()
    other.get_by_role("button", name="Sign out").click()

    fill_in(other, "emma")
    other.get_by_label("Code").fill(codes[0])
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Overview")).to_be_visible()


VIEWED = {
    "overview": "/admin",
    "orders": "/admin/orders",
    "order": "/admin/orders/{order}",
    "customers": "/admin/customers",
    "customer": "/admin/customers/alice",
    "services": "/admin/services",
    "service": "/admin/services/1",
    "service-add": "/admin/services/add",
    "providers": "/admin/providers",
    "provider": "/admin/providers/sandbox",
    "import": "/admin/providers/sandbox/import",
}


def test_a_viewer_finds_nothing_to_press_but_a_search(page: Page, shop: SimpleNamespace) -> None:
    sign_in(page, "vera")
    for name, path in VIEWED.items():
        page.goto(path.format(order=shop.order))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        submit = page.get_by_role("button").and_(page.locator(":not([type=button])"))
        assert set(submit.all_inner_texts()) <= {"Sign out", "Search", "Show"}, name
        assert page.locator("main form:not([role=search])").count() == 0, name
        keep_pictures(page, f"viewer-{name}")


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a panel that shows its services to customers alone."""
    folder = tmp_path_factory.mktemp("closed")
    server = _closed_server(folder)
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.kill()


def _closed_server(folder: Path) -> Server:
    return Server(
        folder,
        {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}", "PANEL_PUBLIC_SERVICES": "no"},
    )


def test_the_reference_without_services_works_and_says_so(browser: Browser, closed: str) -> None:
    with flawless_page(browser, closed) as page:
        page.goto("/")
        expect(page.get_by_text("shown to customers only")).to_be_visible()
        expect(page.get_by_role("search")).to_have_count(0)
        page.get_by_label("Action", exact=True).select_option("services")
        expect(page.locator("[data-tabs] [role=tab]").first).to_be_visible()
        expect(page.get_by_text(f"{closed}/api/v2").first).to_be_visible()
        keep_pictures(page, "reference-closed")
