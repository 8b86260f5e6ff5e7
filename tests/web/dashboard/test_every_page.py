"""Every page of the dashboard in a real Chromium, on a panel where everything has happened.

PANEL_SCREENSHOTS names a folder that keeps a picture of each page, on a desk and on a phone, light
and dark, for a person to look at.
"""

import re
import shutil
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from support.apps import Server
from support.browser import DESK, LARGE_PHONE, PHONE, TABLET, flawless_page, keep_picture
from support.dashboard import PASSWORD
from support.every_state import VIEWER, Panel
from support.pages import BEFORE_SIGN_IN, LOOKS, NO_PAGES, PAGES, SEEN_ON_THE_WAY, Look, endpoints
from support.steps import OLGA

from database.connection import close_database
from database.migrate import open_database
from panel import operators

SECOND = "otto"
"""An operator who signs in with one-time passwords."""

SCREENS = {"desk": DESK, "tablet": TABLET, "phone": LARGE_PHONE, "small": PHONE}
THEMES: dict[str, Literal["light", "dark"]] = {
    "desk": "light", "tablet": "dark", "phone": "dark", "small": "light",
}  # fmt: skip
"""Which colors are looked at where: they are the same on every screen."""

look_at = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.name)
look_at_some = pytest.mark.parametrize(
    "look",
    [look for looks in PAGES.values() for look in looks[:5]],
    ids=lambda look: look.name,
)
look_at_empty = pytest.mark.parametrize(
    "look", [look for look in LOOKS if look.empty], ids=lambda look: look.name
)


@cache
def script(name: str) -> str:
    return (Path(__file__).parents[2] / "support" / f"{name}.js").read_text()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, every_state_file: Path) -> Iterator[str]:
    """The address of the panel in which everything has happened; nothing here changes it."""
    yield from serve(tmp_path_factory.mktemp("full"), every_state_file)


@pytest.fixture(scope="module")
def served_empty(tmp_path_factory: pytest.TempPathFactory, empty_file: Path) -> Iterator[str]:
    """The address of a panel with operators, and nothing else."""
    path = tmp_path_factory.mktemp("nothing") / "panel.db"
    shutil.copy(empty_file, path)
    open_database(path)
    for name in (OLGA.name, SECOND):
        operators.add(name, PASSWORD)
    close_database()
    yield from serve(tmp_path_factory.mktemp("empty"), path)


def serve(folder: Path, database: Path) -> Iterator[str]:
    shutil.copy(database, folder / "panel.db")
    server = Server(folder, {"PANEL_DATABASE": f"sqlite:///{folder / 'panel.db'}"})
    server.start()
    yield f"http://127.0.0.1:{server.port}"
    server.kill()


def sign_in(page: Page, name: str = OLGA.name) -> None:
    page.goto("/admin/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture(scope="module")
def page(browser: Browser, served: str) -> Iterator[Page]:
    """The operator's page; at the end, no error was told on any, and no other host was asked."""
    yield from signed_in(browser, served)


@pytest.fixture(scope="module")
def viewers_page(browser: Browser, served: str) -> Iterator[Page]:
    yield from signed_in(browser, served, VIEWER)


@pytest.fixture(scope="module")
def empty_page(browser: Browser, served_empty: str) -> Iterator[Page]:
    yield from signed_in(browser, served_empty)


def signed_in(browser: Browser, at: str, name: str = OLGA.name) -> Iterator[Page]:
    with flawless_page(browser, at) as page:
        sign_in(page, name)
        expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
        yield page


def assert_fit(page: Page, name: str) -> None:
    """The page as it stands is right on every screen, light and dark, and for the keyboard."""
    found: dict[str, str] = {}
    for screen, size in SCREENS.items():
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=THEMES[screen], reduced_motion="reduce")
        for fault in page.evaluate(script("page_checks"), screen not in ("desk", "tablet")):
            found.setdefault(fault, f"{screen}, {THEMES[screen]}: {fault}")
        if screen in ("desk", "phone"):
            keep_pictures(page, f"{name}-{screen}")
    page.set_viewport_size(DESK)
    page.keyboard.press("Tab")
    assert_none([*found.values(), *page.evaluate(script("focus_checks"))])


def keep_pictures(page: Page, name: str) -> None:
    page.emulate_media(color_scheme="light")
    keep_picture(page, f"{name}-light")
    page.emulate_media(color_scheme="dark")
    keep_picture(page, f"{name}-dark")


def assert_none(faults: list[str]) -> None:
    if faults:
        pytest.fail("\n".join(faults), pytrace=False)


def open_page(page: Page, look: Look, panel: Panel) -> None:
    answer = page.goto(look.path(panel))
    assert answer is not None
    assert answer.status == 200
    assert page.title() not in ("taken", "")


def test_every_page_is_looked_at(app: Flask) -> None:
    """A new page has its place in support/pages.py, or a reason there why it is none."""
    known = {*PAGES, *BEFORE_SIGN_IN, *SEEN_ON_THE_WAY, *NO_PAGES}
    assert set(endpoints(app)) == known


@look_at
def test_a_page_is_fit_for_every_screen_and_for_the_keyboard(
    page: Page, every_state_panel: Panel, look: Look
) -> None:
    open_page(page, look, every_state_panel)
    assert_fit(page, look.name)


@look_at_some
def test_a_viewer_sees_the_same_page_and_can_change_nothing(
    viewers_page: Page, every_state_panel: Panel, look: Look
) -> None:
    open_page(viewers_page, look, every_state_panel)
    viewers_page.set_viewport_size(LARGE_PHONE)
    assert_none(viewers_page.evaluate(script("page_checks"), True))
    own = ("/admin/sign-out", "/admin/sessions", "/admin/account")
    sent = viewers_page.locator("form[method=post]").evaluate_all(
        "forms => forms.map(form => new URL(form.action).pathname)"
    )
    assert [path for path in sent if not path.startswith(own)] == []


@look_at_empty
def test_a_page_says_something_where_there_is_nothing(
    empty_page: Page, every_state_panel: Panel, look: Look
) -> None:
    open_page(empty_page, look, every_state_panel)
    assert_fit(empty_page, f"empty-{look.name}")
    assert len(empty_page.locator("main").inner_text().split()) > 3


@pytest.mark.parametrize("look", BEFORE_SIGN_IN.values(), ids=lambda look: look.name)
def test_what_strangers_see_is_fit_too(
    browser: Browser, served: str, every_state_panel: Panel, look: Look
) -> None:
    with flawless_page(browser, served) as page:
        open_page(page, look, every_state_panel)
        assert_fit(page, look.name)


def test_the_pages_of_one_time_passwords_are_fit_too(browser: Browser, served_empty: str) -> None:
    """From setting them up to signing in with them: no address alone leads to these pages."""
    with flawless_page(browser, served_empty) as page:
        sign_in(page, SECOND)
        page.goto("/admin/account")
        page.get_by_label("Present password").first.fill(PASSWORD)
        page.get_by_role("button", name="Set up").click()
        expect(page.locator("#secret")).to_be_visible()
        assert_fit(page, "totp")
        app = pyotp.TOTP(page.locator("#secret").inner_text().replace(" ", ""))
        page.get_by_label("Code that the app shows").fill(app.at(int(time.time())))
        page.get_by_role("button", name="Turn on").click()
        expect(page.locator("#codes")).to_be_visible()
        assert_fit(page, "recovery-codes")
        page.goto("/admin/account")
        assert_fit(page, "account-with-codes")
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, SECOND)
        expect(page).to_have_url(re.compile("/admin/sign-in/code"))
        assert_fit(page, "sign-in-code")


def test_where_everything_is_wrong_the_charts_still_begin_within_two_screens_of_a_phone(
    page: Page,
) -> None:
    page.goto("/admin")
    page.set_viewport_size(LARGE_PHONE)
    chart = page.locator(".chart").first.bounding_box()
    page.set_viewport_size(DESK)
    assert chart is not None
    assert chart["y"] < 2 * LARGE_PHONE["height"]


def test_what_is_not_there_has_a_page(browser: Browser, served: str) -> None:
    with flawless_page(browser, served, may_be_said=_says_not_found) as page:
        sign_in(page)
        page.goto("/admin/orders/999999")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
        assert_fit(page, "not-found")


def _says_not_found(message: ConsoleMessage) -> bool:
    """Chromium itself reports an answer of 404 as an error."""
    return "(NOT FOUND)" in message.text or message.type not in ("error", "warning")
