"""The pictures of the README, taken of a tidy panel.

PANEL_SCREENSHOTS names a folder that keeps them, under the names that they have in docs/.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from support import tidy_panel
from support.apps import Server
from support.browser import LARGE_PHONE, flawless_page, keep_picture
from support.dashboard import PASSWORD
from support.servers import at_the_desk
from support.steps import OLGA
from support.tidy_panel import Tidy

from panel import heartbeat

MOST_BYTES = 150_000
WIDE: ViewportSize = {"width": 1280, "height": 800}
SHORT: ViewportSize = {"width": 1280, "height": 560}


class Picture(NamedTuple):
    """A page, the screen that it is seen on, and what it is scrolled to."""

    path: str
    heading: str
    screen: ViewportSize = WIDE
    begins: str = "header"


PICTURES = {
    "dashboard": Picture("/admin?range=30", "Overview"),
    "orders": Picture("/admin/orders?customer=resell24", "Orders", SHORT, ".totals"),
    "order": Picture("/admin/orders/{review}", "Order"),
    "phone": Picture("/admin/orders", "Orders", LARGE_PHONE),
}
"""By their names in docs/."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Tidy]]:
    """A panel after a month of sales, whose worker was seen just now."""
    folder = tmp_path_factory.mktemp("tidy")
    environ = {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}", "PANEL_LOW_BALANCE": "10"}
    server = Server(folder, environ)
    tidy = tidy_panel.build(server.database)
    server.start()
    yield server, tidy
    server.kill()


@pytest.fixture
def page(browser: Browser, shop: tuple[Server, Tidy]) -> Iterator[Page]:
    """A page that is signed in."""
    server, _ = shop
    with at_the_desk(server):
        heartbeat.record_alive()
    with flawless_page(browser, f"http://127.0.0.1:{server.port}") as page:
        page.goto("/admin")
        page.get_by_label("Name").fill(OLGA.name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        yield page


@pytest.mark.parametrize("name", PICTURES)
def test_a_page_of_a_tidy_panel_is_worth_a_picture(
    page: Page, shop: tuple[Server, Tidy], name: str
) -> None:
    picture = PICTURES[name]
    page.set_viewport_size(picture.screen)
    page.goto(picture.path.format(**shop[1].orders))
    expect(page.get_by_role("heading", level=1)).to_contain_text(picture.heading)
    page.wait_for_load_state("networkidle")
    expect(page.locator(".message.error")).to_have_count(0)
    page.locator(picture.begins).evaluate("begin => begin.scrollIntoView()")
    keep_picture(page, name, full_page=False)
    assert len(page.screenshot()) <= MOST_BYTES
