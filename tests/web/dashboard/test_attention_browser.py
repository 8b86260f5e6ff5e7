"""What waits for an operator, settled in a real Chromium, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect
from support import trouble
from support.apps import Server
from support.browser import DESK, PHONE, flawless_page, keep_picture
from support.dashboard import PASSWORD

from database.connection import close_database
from database.migrate import open_database
from panel import accounts, operators, services
from panel.money import MICROS
from panel.orders.refusal import Refusal
from panel.providers.pending import PendingKind

LONG = "https://a-long-name-of-a-panel-that-moved.example/with/a/path/api/v2"


def fill(path: Path) -> None:
    """One of everything that can wait, at one provider."""
    open_database(path)
    operators.add("olga", PASSWORD)
    accounts.add("alice", 100 * MICROS)
    numbers = [
        services.add(
            name=name, category="All", rate_micros=5 * MICROS, min=10, max=1000, refill=True
        )
        for name in ("Followers", "Views")
    ]
    up = trouble.add_up(SimpleNamespace(followers=numbers[0], views=numbers[1]))
    trouble.in_review(up)  # order 1
    trouble.refused(up, "Daily limit reached for this service")  # order 2
    trouble.says(trouble.sent(up, "500"), word="Success")  # order 3
    trouble.says(trouble.sent(up, "501"), status="Canceled", word="Canceled", remains=0)
    trouble.refused(up, "Insufficient wallet", Refusal.FUNDS)  # order 5
    trouble.says(trouble.subscription(up), status="Active", children=("901",))  # order 6
    trouble.change(PendingKind.NAME, "Instagram Followers | Real", "TikTok Views")(up)
    trouble.change(PendingKind.RISE, "900000", "90000000")(up)
    trouble.provider(stopped_because=f"it redirects to {LONG}", moved_to=LONG)(up)
    close_database()


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a panel where much waits for its operator."""
    folder = tmp_path_factory.mktemp("waiting")
    fill(folder / "panel.db")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.kill()


@pytest.fixture
def page(browser: Browser, at: str) -> Iterator[Page]:
    """A page that is signed in, and in which nothing may be wrong."""
    with flawless_page(browser, at) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("/admin")
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        yield page


PAGES = {
    "overview": "/admin", "attention": "/admin/attention", "provider": "/admin/providers/up",
    "service": "/admin/services/1", "services": "/admin/services", "orders": "/admin/orders",
    **{f"order-{number}": f"/admin/orders/{number}" for number in range(1, 7)},
}  # fmt: skip


def test_what_waits_fits_a_phone_and_a_desk(page: Page) -> None:
    for name, path in PAGES.items():
        page.set_viewport_size(DESK)
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        keep_picture(page, f"waiting-{name}")
        page.set_viewport_size(PHONE)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{name} is {wide} wide on a phone"
        keep_picture(page, f"waiting-{name}-phone")


def box(page: Page) -> str:
    return page.get_by_role("region", name="Needs you").inner_text()


def test_what_waits_is_settled_from_the_overview(page: Page) -> None:
    """In the order of the box: the provider, its service, its words."""
    page.goto("/admin")
    waiting = box(page)
    for told in (LONG, "TikTok Views", "for funds at up", "Daily limit", "“Success”", "901"):
        assert told in waiting

    page.get_by_role("link", name="up", exact=True).first.click()
    page.get_by_role("button", name="Resume at its new address").click()
    expect(page.locator(".message.error")).to_contain_text(
        "up is not changed"
    )  # it is asked first
    page.get_by_role("button", name="Resume at its present address").click()
    expect(page.locator(".message.done")).to_contain_text("Provider up is resumed")

    success = page.locator("#words li").filter(has_text="Success")
    success.get_by_role("combobox").select_option("Completed")
    success.get_by_role("button", name="Teach").click()
    expect(page.locator(".message.done")).to_contain_text("means Completed. Orders that waited: 1")
    limit = page.locator("#words li").filter(has_text="Daily limit")
    limit.get_by_role("combobox").select_option("cancel")
    limit.get_by_role("button", name="Teach").click()
    expect(page.locator("#words")).to_contain_text("daily limit reached for this service")

    page.goto("/admin")
    page.get_by_role("link", name="Service 1", exact=True).click()
    page.get_by_role("button", name="Confirm: take it over").click()
    expect(page.locator(".message.done").last).to_contain_text("Services confirmed: 1")

    page.goto("/admin")
    waiting = box(page)
    for settled in (LONG, "TikTok Views", "Daily limit"):
        assert settled not in waiting
    assert "order 1" in waiting
