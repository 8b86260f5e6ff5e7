"""Services and providers in a real Chromium, as an operator works with them."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect
from support.apps import Server
from support.browser import PHONE, flawless_page, keep_picture
from support.faulty import KEY, FaultyProvider
from support.servers import operate

PASSWORD = "a good password"
ROTATED = "a-rotated-key"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel that buys at `up`, which lists 1000 services."""
    folder = tmp_path_factory.mktemp("trade")
    provider = FaultyProvider()
    base = provider.services[0]
    provider.services = [
        {**base, "service": n, "name": f"Likes no. {n}", "category": f"Kind {n % 4}"}
        for n in range(1, 1001)
    ]
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    operate(server, "operator", "add", "olga", input=f"{PASSWORD}\n")
    operate(server, "provider", "add", "up", provider.url, "--key-env", "K", K=KEY)
    operate(server, "provider", "import", "up", "--id", "1", "--id", "2", "--markup", "50%")
    server.start()
    yield SimpleNamespace(server=server, provider=provider, at=f"http://127.0.0.1:{server.port}")
    server.kill()
    provider.close()


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    """A browser that is signed in, and in which nothing may go wrong."""
    with flawless_page(browser, shop.at) as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto("/admin")
        page.get_by_label("Name").fill("olga")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        yield page


def messages(page: Page) -> list[str]:
    return page.locator(".message").all_inner_texts()


def test_a_key_is_rotated(page: Page, shop: SimpleNamespace) -> None:
    page.goto("/admin/providers")
    page.get_by_role("link", name="up", exact=True).click()
    key = page.get_by_label("Another API key")
    assert key.input_value() == ""
    key.fill("a-wrong-key")
    page.get_by_role("button", name="Save").click()
    expect(key).to_have_attribute("aria-invalid", "true")
    assert messages(page) == ["up is not changed: Invalid API key. Check the key."]
    keep_picture(page, "provider-refused")

    shop.provider.keys = {KEY, ROTATED}
    key.fill(ROTATED)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message.done")).to_contain_text("Provider up is changed. It answers.")
    shop.provider.keys = {ROTATED}
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator(".message.done")).to_contain_text("up answers")
    assert ROTATED not in page.content()


def test_a_service_that_is_refused_keeps_what_was_typed(page: Page, shop: SimpleNamespace) -> None:
    page.goto("/admin/services/2")
    page.get_by_label("Name", exact=True).fill("Better likes")
    page.get_by_label("Description").fill("First line\nSecond line")
    page.get_by_label("Only one open order per link").check()
    page.get_by_label("Source", exact=True).select_option("up")
    number = page.get_by_label("Its number of the service").first
    number.fill("4711")
    page.get_by_role("button", name="Save").click()
    expect(number).to_have_attribute("aria-invalid", "true")
    assert messages(page) == ["up has no service 4711"]
    assert page.get_by_label("Name", exact=True).input_value() == "Better likes"
    assert page.get_by_label("Description").input_value() == "First line\nSecond line"
    assert page.get_by_label("Only one open order per link").is_checked()
    keep_picture(page, "service-refused")
    number.fill("7")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message.done")).to_have_text("Service 2 is changed.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Better likes")
    page.goto("/?q=better")
    page.get_by_text("Description", exact=True).click()
    expect(page.locator("details.about")).to_contain_text("Second line")


def test_the_catalogue_is_searched_and_imported_from_by_keyboard_alone(
    page: Page, shop: SimpleNamespace
) -> None:
    page.goto("/admin/providers/up/catalogue")
    page.get_by_label("Words of number, name or category").focus()
    page.keyboard.type("likes 77")
    page.keyboard.press("Enter")
    expect(page.get_by_text("19 of 1000 services")).to_be_visible()
    keep_picture(page, "catalogue")
    for number in ("770", "777"):
        page.get_by_label(f"Select their service {number}", exact=True).focus()
        page.keyboard.press("Space")
    page.get_by_label("Markup in percent").focus()
    page.keyboard.type("lots")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Markup in percent")).to_have_attribute("aria-invalid", "true")
    assert page.get_by_label("Select their service 770", exact=True).is_checked()
    page.get_by_label("Markup in percent").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Preview")).to_be_visible()
    page.get_by_role("button", name="Import 2 services", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    assert shop.server.rows("SELECT name FROM services ORDER BY id DESC LIMIT 2") == [
        ("Likes no. 777",), ("Likes no. 770",),
    ]  # fmt: skip
    page.goto("/admin/providers/up/catalogue?q=777")
    expect(page.get_by_role("row").filter(has_text="no. 777").get_by_role("link")).to_be_visible()


def test_a_provider_is_paused_and_resumed(page: Page, shop: SimpleNamespace) -> None:
    page.goto("/admin/providers/up")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("is paused since")).to_be_visible()
    page.goto("/admin/providers")
    expect(page.locator(".s-paused")).to_be_visible()
    page.goto("/admin/providers/up")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".message.done")).to_have_text("Provider up is resumed.")


def test_bulk_acts_tell_what_came_of_each_service(page: Page, shop: SimpleNamespace) -> None:
    page.goto("/admin/services")
    page.get_by_label("Select all on this page").check()
    bar = page.locator(".bar.staying")
    expect(bar).to_be_in_viewport()
    bar.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("Done: ")).to_be_visible()
    assert shop.server.rows("SELECT SUM(active) FROM services") == [(0,)]
    page.get_by_role("link", name="Back to the services").click()
    page.get_by_label("Select all on this page").check()
    bar.get_by_role("button", name="Enable").click()
    expect(page.get_by_text("Done: ")).to_be_visible()
    page.get_by_role("link", name="Back to the services").click()
    page.get_by_label("Select all on this page").check()
    bar.get_by_text("Mark up", exact=True).first.click()
    bar.get_by_label("Markup in percent").fill("30")
    bar.get_by_role("button", name="Mark up").click()
    expect(page.get_by_text("Done: ")).to_be_visible()
    expect(page.locator("table.cards tbody tr").first).to_contain_text("rate")
    keep_picture(page, "service-results")
    page.get_by_role("link", name="Back to the services").click()
    expect(page.get_by_role("heading", name="Services")).to_be_visible()


def test_no_page_is_wider_than_a_phone(page: Page, shop: SimpleNamespace) -> None:
    page.set_viewport_size(PHONE)
    for path in ("services", "services/1", "services/add", "providers", "providers/up",
                 "providers/up/catalogue", "providers/up/import"):  # fmt: skip
        page.goto(f"/admin/{path}")
        wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wider <= 0, path
        keep_picture(page, f"trade-{path.replace('/', '-')}-phone")
