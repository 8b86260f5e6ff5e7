"""A real Chromium, pages in which nothing may go wrong, and pictures of them."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from support.servers import required_program

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE: ViewportSize = {"width": 360, "height": 740}
LARGE_PHONE: ViewportSize = {"width": 390, "height": 844}
TABLET: ViewportSize = {"width": 1024, "height": 768}
DESK: ViewportSize = {"width": 1280, "height": 900}
TIMEOUT_MS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, as long as the block lasts."""
    path = shutil.which("chromium-browser") or required_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        expect.set_options(timeout=TIMEOUT_MS)
        yield browser
        browser.close()


def _is_fine(message: ConsoleMessage) -> bool:
    return message.type not in ("error", "warning")


@contextmanager
def flawless_page(
    browser: Browser,
    url: str,
    *,
    may_be_said: Callable[[ConsoleMessage], bool] = _is_fine,
    permissions: Sequence[str] = (),
) -> Iterator[Page]:
    """A page on a desk's screen; at the end, no error was told and no other host was asked.

    :param may_be_said: whether a message on the console is none of these errors.
    """
    context = browser.new_context(viewport=DESK, base_url=url)
    context.grant_permissions(permissions)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    wrong: list[str] = []

    def note_message(message: ConsoleMessage) -> None:
        if not may_be_said(message):
            wrong.append(f"{page.url}: {message.text}")

    def note_request(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(url).netloc:
            wrong.append(f"{page.url}: asked {request.url}")

    page.on("console", note_message)
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("request", note_request)
    yield page
    context.close()
    assert wrong == [], "\n".join(wrong)


def keep_picture(page: Page, name: str, full_page: bool = True) -> None:
    """Take a picture of the page, where PANEL_SCREENSHOTS names a folder for it.

    :param full_page: False for what is seen of it without scrolling.
    """
    if folder := os.environ.get("PANEL_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=full_page)
