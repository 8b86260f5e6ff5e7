"""The reference page in a real Chromium: by keyboard, on a phone, in the dark, with many services.

PANEL_SCREENSHOTS names a folder that keeps the screenshots for a person to look at.
"""

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, expect
from support.apps import Server
from support.browser import DESK, PHONE, flawless_page, keep_picture
from support.servers import operate

import models
from database import transactions
from database.connection import close_database
from database.migrate import open_database

MANY = 10_000
LONG = "W" * 300
NASTY = """"><script>document.title='taken'</script> & "best" 'cheap'"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A panel with 10,000 services, the first with a nasty name, and a customer with funds."""
    folder = tmp_path_factory.mktemp("panel")
    server = Server(
        folder,
        {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}", "PANEL_NAME": "Ann's Panel"},
    )
    server.start()
    key = operate(server, "user", "add", "alice", "--balance", "10").strip()
    open_database(folder / "panel.db", "OFF")
    with transactions.immediate():
        models.Service.insert_many(services()).execute()
    close_database()
    yield SimpleNamespace(server=server, key=key, at=f"http://127.0.0.1:{server.port}")
    server.kill()


def services() -> Iterator[dict[str, object]]:
    kinds = {1: "Default", 2: "Custom Comments", 3: "Package"}
    for number in range(1, MANY + 1):
        yield {
            "name": NASTY
            if number == 1
            else LONG
            if number == 4
            else f"Telegram followers, kind {number}",
            "category": LONG if number == 4 else f"Category {number % 200}",
            "type": kinds.get(number, "Default"),
            "rate_micros": 10**12 - 1 if number == 4 else 900_000 + number * 1250,
            "min": 10,
            "max": 10**9 if number == 4 else 100_000,
            "refill": number % 2,
            "cancel": 1,
            "dripfeed": number not in (2, 3) and number % 3 == 0,
            "created_at": 1,
        }


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    """The page, in which nothing may be wrong: no console error, no other host."""
    permissions = ["clipboard-read", "clipboard-write"]
    with flawless_page(browser, shop.at, permissions=permissions) as page:
        page.goto("/")
        expect(page.locator("#search.live")).to_be_attached()
        yield page
        assert page.title() == "Ann's Panel · API"


def test_services_are_found_while_typing_and_turned_by_pages(page: Page) -> None:
    count, rows = page.locator("#count"), page.locator("#rows tr")
    expect(count).to_have_text("10,000 services")
    expect(rows).to_have_count(25)
    expect(rows.first).to_contain_text(NASTY)

    field = page.get_by_label("Number, name, category or type")
    field.fill("kind category 199")
    expect(count).to_have_text("59 of 10,000 services found")
    next_page = page.get_by_role("button", name="Next")
    next_page.click()
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    expect(next_page).to_be_focused()
    next_page.press("Enter")
    expect(page.get_by_text("Page 3 of 3")).to_be_visible()
    expect(page.get_by_role("button", name="Previous")).to_be_focused()

    field.fill("10000")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("13.40 per 1000")
    expect(rows).to_contain_text("10 \u2013 100,000")
    field.fill("package")
    expect(rows).to_contain_text("0.90375 a package")
    field.fill("nothing of that name")
    expect(count).to_have_text("0 of 10,000 services found")
    field.fill("")
    expect(count).to_have_text("10,000 services")


def test_without_scripts_everything_is_there(browser: Browser, shop: SimpleNamespace) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=shop.at, viewport=PHONE)
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Number, name, category or type").fill("category 199")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#count")).to_have_text("59 services found")
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Page 2 of 3")).to_be_visible()
    balance = page.locator("#action-balance")
    for language in ("curl", "Python", "PHP", "Node"):
        expect(balance.get_by_text(language, exact=True)).to_be_visible()
    page.get_by_label("Your API key").fill(shop.key)
    page.get_by_role("button", name="Send the call").click()
    expect(page.locator("body")).to_contain_text('"currency":"USD"')
    assert page.url == f"{shop.at}/api/v2"
    context.close()


def test_the_form_places_an_order_with_the_visitors_key(page: Page, shop: SimpleNamespace) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Your API key").fill(shop.key)
    page.get_by_label("Action", exact=True).select_option("add")
    page.get_by_label("service", exact=True).fill("2")
    expect(page.get_by_label("Service type", exact=True)).to_have_value("Custom Comments")
    expect(page.get_by_label("quantity", exact=True)).to_be_hidden()
    page.get_by_label("service", exact=True).fill("1")
    page.get_by_label("link", exact=True).fill("https://x.test/?a=1&b=<script>")
    page.get_by_label("quantity", exact=True).fill("500")
    page.get_by_role("button", name="Send the call").press("Enter")

    expect(page.locator("#result-status")).to_contain_text(re.compile(r"^HTTP 200 after \d+ ms$"))
    order = json.loads(page.locator("#result-answer").inner_text())["order"]
    expect(page.locator("#result-request")).to_have_text(
        f"POST {shop.at}/api/v2\nContent-Type: application/x-www-form-urlencoded\n\n"
        "key=YOUR_KEY&action=add&service=1"
        "&link=https%3A%2F%2Fx.test%2F%3Fa%3D1%26b%3D%3Cscript%3E&quantity=500"
    )
    status, answer = shop.server.call(shop.key, "status", order=order)
    assert (status, answer["charge"]) == (200, "0.450625")

    assert asked == [f"{shop.at}/api/v2"]
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    assert shop.key not in page.content()
    page.reload()
    expect(page.get_by_label("Your API key")).to_have_value("")


def test_the_form_shows_a_refusal(browser: Browser, shop: SimpleNamespace) -> None:
    # A refusal's status is a line on the console of any browser, hence a page of its own.
    page = browser.new_page(base_url=shop.at)
    page.goto("/")
    page.get_by_label("Your API key").fill("not a key")
    page.get_by_role("button", name="Send the call").click()
    expect(page.locator("#result-status")).to_contain_text("HTTP 401")
    expect(page.locator("#result-answer")).to_contain_text('"error": "Invalid API key"')
    page.close()


def test_the_page_is_walked_through_by_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    copy = page.get_by_role("button", name="Copy the endpoint")
    expect(copy).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#copied")).to_have_text("Copied the endpoint.")
    assert page.evaluate("navigator.clipboard.readText()").endswith("/api/v2")

    balance = page.locator("#action-balance")
    balance.get_by_role("tab", name="curl").focus()
    for key, language in [
        ("ArrowRight", "Python"), ("ArrowRight", "PHP"), ("End", "Node"),
        ("ArrowRight", "curl"), ("ArrowLeft", "Node"), ("Home", "curl"), ("ArrowRight", "Python"),
    ]:  # fmt: skip
        page.keyboard.press(key)
        tab = balance.get_by_role("tab", name=language)
        expect(tab).to_be_focused()
        expect(tab).to_have_attribute("aria-selected", "true")
    expect(balance.get_by_role("tabpanel")).to_have_count(1)
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert page.evaluate(outline) == "3px"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#copied")).to_have_text("Copied the Python request, balance.")
    assert "urlencode(form)" in page.evaluate("navigator.clipboard.readText()")
    other = page.locator("#action-add").get_by_role("tab", name="Python")
    expect(other).to_have_attribute("aria-selected", "true")

    page.locator("#type-poll summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#type-poll").get_by_text("answer_number", exact=True)).to_be_visible()


def test_every_control_has_a_name_and_every_id_is_there_once(page: Page) -> None:
    nameless = page.evaluate("""() => {
      const named = (e) => e.labels?.length || e.textContent.trim() || e.ariaLabel;
      return [...document.querySelectorAll("a, button, input, select, textarea, [role=tab]")]
        .filter((e) => !named(e)).map((e) => e.outerHTML);
    }""")
    twice = page.evaluate("""() => {
      const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
      return ids.filter((id, at) => ids.indexOf(id) !== at);
    }""")
    lost = page.evaluate("""() =>
      [...document.querySelectorAll("[aria-controls], [aria-labelledby], [aria-describedby]")]
        .flatMap((e) => ["controls", "labelledby", "describedby"]
          .map((n) => e.getAttribute(`aria-${n}`)))
        .concat([...document.querySelectorAll('a[href^="#"]')].map((a) => a.hash.slice(1)))
        .filter((id) => id && !document.getElementById(id))
    """)
    assert (nameless, twice, lost) == ([], [], [])


def test_the_page_fits_a_phone_and_a_desk_in_light_and_dark(
    page: Page, shop: SimpleNamespace
) -> None:
    page.get_by_label("Your API key").fill(shop.key)
    page.get_by_role("button", name="Send the call").click()
    expect(page.locator("#result-status")).to_contain_text("HTTP 200")
    page.locator("#type-web-traffic summary").click()
    backgrounds = set()
    for size, viewport in (("desk", DESK), ("phone", PHONE)):
        page.set_viewport_size(viewport)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            keep_picture(page, f"reference-{size}-{scheme}")
            backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= viewport["width"], f"{wide} wide on a {size}"
    assert len(backgrounds) == 2
    for width in (600, 820, 900):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_every_type_and_answer_fits_too(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    for action in ("add", "status", "cancel"):
        page.get_by_label("Action", exact=True).select_option(action)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    wider = page.evaluate("""() => [...document.querySelectorAll("main *")]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 0.5)
      .map((e) => e.outerHTML.slice(0, 80))""")
    assert wider == []
