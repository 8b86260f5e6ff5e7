"""Requests and orders in doubt in a real Chromium: found from the navigation, and settled."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from support.apps import Server, add_cast, listed
from support.browser import DESK, PHONE, flawless_page, keep_picture
from support.dashboard import PASSWORD
from support.orders import account_id, new_order

from database.connection import close_database
from database.migrate import open_database
from models import Order
from panel import operators, services
from panel.money import MICROS
from panel.orders import cancels, dispatch, lookup, refills, transition
from panel.orders.exchanges import Exchange
from panel.providers import registry, sources

PHONE_OF_390: ViewportSize = {"width": 390, "height": 844}
HOSTILE = "https://evil.example/?<script>document.title='taken'</script>" + "x" * 300


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """A panel with requests that wait, and orders in doubt; no worker changes it."""
    path = tmp_path / "panel.db"
    open_database(path)
    try:
        found = furnish()
    finally:
        close_database()
    server = Server(tmp_path, {"PANEL_DATABASE": f"sqlite:///{path}"})
    server.start()
    found.at, found.path = f"http://127.0.0.1:{server.port}", path
    yield found
    server.kill()


def furnish() -> SimpleNamespace:
    service = add_cast().followers
    operators.add("olga", PASSWORD)
    operators.add("vera", PASSWORD, operators.Role.VIEWER)
    wanted = []
    for _ in range(3):
        number = new_order(service)
        transition.change(number, status="In progress", remains=40)
        wanted += cancels.request(account_id(), [number])
    completed = new_order(service)
    transition.change(completed, status="Completed")
    refills.request(account_id(), [completed])
    provider = registry.add("upstream", "http://127.0.0.1:9/api/v2", "k" * 30, 60)
    sources.set_source(service, provider.id, listed("1", MICROS), 1)
    comments = services.add(
        name="Comments", category="Social", type="Custom Comments", rate_micros=MICROS, min=1,
        max=5000,
    )  # fmt: skip
    answer = Exchange(provider.id, "add", {}, 502, "<html>\u202eBad Gateway</html>")
    doubtful = []
    for _ in range(4):
        number = new_order(service, link=HOSTILE)
        assert dispatch.claim(provider.id) is not None
        dispatch.mark_in_doubt(number, "HTTP 502", answer=answer)
        doubtful.append(number)
    return SimpleNamespace(cancels=wanted, doubtful=doubtful, comments=comments)


@pytest.fixture
def page(browser: Browser, shop: SimpleNamespace) -> Iterator[Page]:
    with flawless_page(
        browser, shop.at, permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        yield page


def sign_in(page: Page, name: str = "olga") -> None:
    page.goto("/admin")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def stored(shop: SimpleNamespace, order_id: int) -> Any:
    """An order as the panel has it."""
    open_database(shop.path)
    try:
        return lookup.get(order_id)
    finally:
        close_database()


def row_of(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def test_a_cancel_request_is_found_from_the_navigation_and_accepted(
    page: Page, shop: SimpleNamespace
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page)
    page.get_by_role("link", name="Requests , 4 wait for you").click()
    expect(page.get_by_role("heading", name="Requests", level=1)).to_be_visible()
    row = row_of(page, "Cancel request 1 pending")
    expect(row).to_contain_text("alice")
    keep_picture(page, "requests")
    row.get_by_role("button", name="Accept: refund 0.20 USD").click()
    expect(page.locator(".message.done")).to_have_text(
        "Cancel request 1 is accepted: order 1 is Canceled."
    )
    expect(page.get_by_role("link", name="Requests , 3 wait for you")).to_be_visible()
    expect(row_of(page, "Cancel request 1 pending")).to_have_count(0)
    order = stored(shop, 1)
    assert (order.status, order.refunded_micros) == ("Canceled", 200_000)


def test_a_question_that_is_not_answered_changes_nothing(
    page: Page, shop: SimpleNamespace
) -> None:
    asked: list[str] = []

    def refuse(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", refuse)
    sign_in(page)
    page.goto("/admin/requests")
    page.get_by_role("button", name="Accept: refund").first.click()
    page.goto(f"/admin/orders/{shop.doubtful[0]}")
    page.get_by_role("button", name="Give up and refund 0.50 USD").click()
    assert asked[0] == "Cancel order 1 and pay back 0.20 USD?"
    assert asked[1].startswith("Give up and refund 0.50 USD? The order ends as Canceled.")
    assert stored(shop, 1).status == "In progress"
    assert stored(shop, shop.doubtful[0]).dispatch_state == "review"


def test_several_are_rejected_at_once(page: Page, shop: SimpleNamespace) -> None:
    sign_in(page)
    page.goto("/admin/requests?kind=cancel")
    page.get_by_label("Select all on this page").check()
    page.get_by_label("With the selected requests").select_option("reject")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Reject: the orders go on: 3 cancel requests?"
    )
    page.get_by_role("button", name="Reject: the orders go on (3)").click()
    expect(page.get_by_role("status").last).to_contain_text("Done with 3 of 3 requests.")
    page.get_by_role("link", name="Back to the requests").click()
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()


WAYS = [
    ("attach", "sent", "Pending", 0),
    ("resend", "waiting", "Pending", 0),
    ("fail", "failed", "Canceled", 500_000),
]


@pytest.mark.parametrize(("way", "state", "status", "refunded"), WAYS, ids=[w[0] for w in WAYS])
def test_an_order_in_doubt_is_resolved(
    way: str, state: str, status: str, refunded: int, page: Page, shop: SimpleNamespace
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page)
    order_id = shop.doubtful[1]
    page.goto(f"/admin/orders/{order_id}")
    box = page.get_by_role("region", name="In doubt: does upstream have it?")
    expect(box).to_contain_text("\\u202eBad Gateway")
    keep_picture(page, "order-in-doubt")
    if way == "attach":
        box.get_by_label("upstream's number of the order").fill("4711")
        box.get_by_role("button", name="Attach this number").click()
    elif way == "resend":
        box.get_by_role("button", name="Send again to upstream (costs about 0.10 USD)").click()
    else:
        box.get_by_role("button", name="Give up and refund 0.50 USD").click()
    expect(page.locator(".message.done")).to_be_visible()
    expect(box).to_have_count(0)
    expect(page.get_by_role("list").filter(has_text="olga:")).to_contain_text("olga")
    order = stored(shop, order_id)
    assert (order.dispatch_state, order.status) == (state, status)
    assert order.refunded_micros == refunded
    if way == "attach":
        page.get_by_role("link", name="4711").click()
        expect(page.get_by_role("link", name=str(order_id), exact=True)).to_be_visible()


def test_a_request_and_a_doubt_are_settled_by_keyboard_alone(
    page: Page, shop: SimpleNamespace
) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    sign_in(page)
    press_to(page, page.get_by_role("link", name=re.compile("^Requests")))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Requests", level=1)).to_be_visible()
    press_to(page, page.get_by_role("button", name="Reject").first)
    page.keyboard.press("Enter")
    expect(page.locator(".message.done")).to_contain_text("Cancel request 1 is rejected")

    page.goto(f"/admin/orders/{shop.doubtful[2]}")
    press_to(page, page.get_by_label("upstream's number of the order"))
    page.keyboard.type("4712")
    page.keyboard.press("Enter")
    expect(page.locator(".message.done")).to_contain_text("is the provider's order 4712")
    assert stored(shop, shop.doubtful[2]).provider_order == "4712"


def press_to(page: Page, wanted: Locator) -> None:
    """Go to an element with the tabulator, and see that it shows so."""
    expect(wanted).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            expect(wanted).to_be_in_viewport()
            assert wanted.evaluate("element => getComputedStyle(element).outlineStyle") != "none"
            return
    raise AssertionError("it cannot be reached by the keyboard")


def test_a_viewer_sees_requests_and_doubts_and_has_nothing_to_press(
    page: Page, shop: SimpleNamespace
) -> None:
    sign_in(page, "vera")
    for path, text in (
        ("/admin/requests", "Cancel request 1"),
        (f"/admin/orders/{shop.doubtful[0]}", "In doubt: does upstream have it?"),
    ):
        page.goto(path)
        expect(page.get_by_text(text).first).to_be_visible()
        pressed = page.locator("main button").all_inner_texts()
        assert set(pressed) <= {"Show", "Copy"}, path


def test_the_link_is_copied_and_hostile_content_does_nothing(
    page: Page, shop: SimpleNamespace
) -> None:
    sign_in(page)
    for size in (DESK, PHONE_OF_390, PHONE):
        page.set_viewport_size(size)
        for path in (f"/admin/orders/{shop.doubtful[0]}", "/admin/requests?show=all"):
            page.goto(path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], (path, wide)
    page.goto(f"/admin/orders/{shop.doubtful[0]}")
    copy = page.get_by_role("button", name="Copy the link")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == HOSTILE
    link = page.get_by_role("link", name="https://evil.example/").first
    assert link.get_attribute("rel") == "noopener noreferrer"
    assert page.title() != "taken"


def test_a_thousand_comments_are_folded_and_copied_whole(
    page: Page, shop: SimpleNamespace
) -> None:
    comments = "\n".join(f"Comment {n} \u202e<b>bold</b>" for n in range(1_000))
    open_database(shop.path)
    order_id = new_order(1)
    Order.update(parameters=json.dumps({"comments": comments})).where(
        Order.id == order_id
    ).execute()
    close_database()
    sign_in(page)
    page.set_viewport_size(PHONE_OF_390)
    page.goto(f"/admin/orders/{order_id}")
    expect(page.get_by_role("region", name="Comments")).to_be_hidden()
    page.get_by_text("Comments: 1,000 lines").click()
    expect(page.get_by_role("region", name="Comments")).to_be_visible()
    copy = page.get_by_role("button", name="Copy comments")
    copy.click()
    expect(copy).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == comments
    keep_picture(page, "order-of-comments")
