"""The overview in a real Chromium: it refreshes itself and leaves the reader in place."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect
from support.apps import Server
from support.browser import flawless_page
from support.servers import operate

PASSWORD = "a good password"
PHONE_SCREEN = 844
"""The height of a usual phone's screen, at 390 wide."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel with an operator, a customer, and a provider without a worker."""
    folder = tmp_path_factory.mktemp("shop")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    operate(server, "operator", "add", "olga", input=f"{PASSWORD}\n")
    key = operate(server, "user", "add", "alice", "--balance", "100").strip()
    operate(server, "provider", "add", "sandbox", "sandbox:")
    service = operate(
        server, "service", "add", "--name", "Views", "--category", "Video", "--rate", "5",
        "--min", "1", "--max", "1000",
    ).strip()  # fmt: skip
    server.start()
    yield SimpleNamespace(
        server=server, key=key, service=service, at=f"http://127.0.0.1:{server.port}"
    )
    server.kill()


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    """The overview, with a clock that the test turns."""
    with flawless_page(browser, shop.at) as page:
        page.clock.install()
        page.goto("/admin")
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator(".refreshing")).to_be_visible()  # its script has begun
        yield page


def order(shop: SimpleNamespace) -> None:
    status, answer = shop.server.call(
        shop.key, "add", service=shop.service, link="https://a.example/1", quantity=10
    )
    assert status == 200, answer


def orders(page: Page) -> int:
    return int(page.locator("#figures dd").first.inner_text())


def refreshed(page: Page) -> None:
    """Let half a minute pass, and wait for what was asked then."""
    with page.expect_response(lambda response: response.request.resource_type == "fetch"):
        page.clock.fast_forward(31_000)


def test_it_shows_what_happened_without_being_loaded_again(
    page: Page, shop: SimpleNamespace
) -> None:
    before = orders(page)
    page.evaluate("window.sameDocument = true")
    order(shop)
    refreshed(page)
    expect(page.locator("#figures dd").first).to_have_text(str(before + 1))
    assert page.evaluate("window.sameDocument") is True
    expect(page.locator(".chart canvas")).to_have_count(2)
    assert sum(page.evaluate("figures.orders")) == before + 1


def test_a_refresh_leaves_the_reader_in_place(page: Page, shop: SimpleNamespace) -> None:
    order(shop)
    page.set_viewport_size({"width": 390, "height": 500})
    page.locator("#chart-table summary").click()
    link = page.locator("#statuses a").first
    link.focus()
    link.evaluate("item => item.scrollIntoView({block: 'center'})")
    before = link.bounding_box()
    order(shop)
    refreshed(page)
    ((placed,),) = shop.server.rows("SELECT count(*) FROM orders")
    expect(page.locator("#figures dd").first).to_have_text(str(placed))
    expect(link).to_be_focused()
    expect(page.locator("#chart-table")).to_have_attribute("open", "")
    after = link.bounding_box()
    assert before is not None and after is not None
    assert abs(after["y"] - before["y"]) < 2


def test_it_can_be_paused_and_resumed(page: Page, shop: SimpleNamespace) -> None:
    before = orders(page)
    page.get_by_role("button", name="Pause").click()
    order(shop)
    page.clock.fast_forward(120_000)
    assert orders(page) == before
    page.get_by_role("button", name="Resume").click()
    page.clock.fast_forward(1_000)
    expect(page.locator("#figures dd").first).to_have_text(str(before + 1))


def test_it_says_that_it_is_old_when_the_session_is_over(
    page: Page, shop: SimpleNamespace
) -> None:
    operate(shop.server, "operator", "sign-out", "olga")
    refreshed(page)
    expect(page.locator(".refreshing")).to_contain_text("you are signed out")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_a_phone_shows_the_charts_within_two_screens(page: Page, shop: SimpleNamespace) -> None:
    page.set_viewport_size({"width": 390, "height": PHONE_SCREEN})
    chart = page.locator(".chart").first.bounding_box()
    assert chart is not None
    assert chart["y"] < 2 * PHONE_SCREEN
