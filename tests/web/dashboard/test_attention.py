"""What waits for an operator, in the dashboard: told first, and settled by its forms."""

import re
from types import SimpleNamespace

import pytest
from support.apps import listed
from support.dashboard import Operator, lines, said
from support.faulty import KEY, FaultyProvider
from support.orders import balance, new_order
from support.trouble import (
    add_up,
    cancel_by_hand,
    change,
    in_review,
    provider,
    refill_without_number,
    refused,
    restored,
    says,
    sent,
    subscription,
)

from models import Alert, Heartbeat, Order, Provider, Service, Source
from panel import heartbeat, services
from panel.money import MICROS, ONE_PPT
from panel.orders import lookup
from panel.orders.refusal import Refusal
from panel.providers import pending, registry, sources
from panel.providers.pending import PendingKind

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def up(cast: SimpleNamespace, olga: Operator) -> SimpleNamespace:
    """The provider `up`; asked for after the operator, who needs the cast, too."""
    return add_up(cast)


def box(page: str) -> list[tuple[str, str]]:
    """The lines of what waits: the address of each line's page, and its text."""
    _, _, after = page.partition('<ul class="lines waiting">')
    inside, _, _ = after.partition("</ul>")
    found = re.findall(r'<li><span class="told"><a href="([^"]+)">(.*?)</li>', inside, re.S)
    return [(href, re.sub(r"<[^>]+>", "", text)) for href, text in found]


def test_the_overview_begins_with_what_waits(olga: Operator, up: SimpleNamespace) -> None:
    page = olga.text("/admin")
    assert "Nothing waits for you." in page
    in_review(up)
    refused(up, "Daily limit reached")
    says(sent(up, "500"), word="Success")
    change(PendingKind.FALL, "900000", "0")(up)
    provider(stopped_because="it redirects", moved_to="https://new.example/")(up)
    page = olga.text("/admin")
    assert page.index("Needs you") < page.index("Revenue")
    found = box(page)
    assert [href for href, _ in found] == [
        "/admin/providers/up", "/admin/services/1", "/admin/orders/1",
        "/admin/providers/up#words", "/admin/providers/up#words",
    ]  # fmt: skip
    for (_, text), told in zip(
        found,
        ("it redirects", "0.90 → 0.00", "no whole answer", "“Daily limit reached”", "“Success”"),
        strict=True,
    ):
        assert told in text
        assert "flask " in text
    assert found == box(olga.text("/admin/attention"))


def alerts_of(page: str) -> list[tuple[str, str]]:
    """The alerts on a page: the address of each one's page, or "", and its text."""
    _, _, after = page.partition('<ul class="lines alerts">')
    inside, _, _ = after.partition("</ul>")
    found = re.findall(r'<li><span class="told">(?:<a href="([^"]+)">)?(.*?)</li>', inside, re.S)
    return [(href, " ".join(re.sub(r"<[^>]+>", "", text).split())) for href, text in found]


ALERTS = [
    # In the order of the page: kind, subject, text; its page, and what is told of it.
    ("worker", "", "The worker was not seen.\nsystemctl status panel-worker", "", "not seen"),
    ("disk", "", "The disk is nearly full.\ndf -h", "", "nearly full"),
    ("ledger", "", "The ledger is wrong.\nflask ledger check", "", "is wrong"),
    ("backup", "", "There is no backup.\nsystemctl start panel-backup", "", "no backup"),
    ("balance", "up", "up has 1 USD left.\nflask x", "/admin/providers/up", "1 USD left"),
    ("unreachable", "up", "up fails.\nflask x", "/admin/providers/up", "up fails"),
    ("below cost", "others", "9 services: x.\nflask service list", "", "9 services"),
    ("price", "service 1", f"It costs {SCRIPT}.\nx", "/admin/services/1", "&lt;script&gt;alert"),
]


@pytest.mark.parametrize("path", ["/admin", "/admin/attention"])
def test_alerts_that_stand_are_on_top_of_what_waits(
    olga: Operator, up: SimpleNamespace, path: str
) -> None:
    for kind, subject, text, *_ in reversed(ALERTS):
        Alert.create(kind=kind, subject=subject, text=text, began_at=86_400)
    Alert.create(kind="disk", subject="", text="It was full.", ended_at=1)
    Alert.create(kind="review", subject="up", text="told as an item")
    in_review(up)
    page = olga.text(path)
    found = alerts_of(page)
    assert [href for href, _ in found] == [href for *_, href, _ in ALERTS]
    for (_, told), (kind, _, text, _, expected) in zip(found, ALERTS, strict=True):
        assert expected in told
        assert kind in told
        assert "Since 1970-01-02 00:00 UTC." in told
        assert text.partition("\n")[2] in told
    assert "told as an item" not in page
    assert SCRIPT not in page
    assert len(box(page)) == 1
    assert page.index("lines alerts") < page.index("lines waiting")


@pytest.mark.parametrize("path", ["/admin", "/admin/attention"])
def test_with_only_the_worker_dead_it_is_not_said_that_nothing_waits(
    olga: Operator, up: SimpleNamespace, path: str
) -> None:
    heartbeat.record_alive()
    assert "Nothing waits for you." in olga.text(path)
    Heartbeat.update(seen_at=Heartbeat.seen_at - 61).execute()
    page = olga.text(path)
    assert "Nothing waits for you." not in page
    assert [told[:27] for _, told in alerts_of(page)] == ["worker The worker was not s"]


def test_what_fails_is_told_once(olga: Operator, up: SimpleNamespace) -> None:
    provider(failing_because="status: HTTP 502", failing_since=86_400)(up)
    for kind in ("unreachable", "waiting", "prices old"):
        Alert.create(kind=kind, subject="up", text="up fails.")
        Alert.create(kind=kind, subject="other", text="other fails.")
    page = olga.text("/admin/attention")
    assert len(box(page)) == 1
    assert [href for href, _ in alerts_of(page)] == ["/admin/providers/other"] * 3


def test_the_overview_shows_the_first_alerts_and_leads_to_the_others(
    olga: Operator, up: SimpleNamespace
) -> None:
    for number in range(11):
        Alert.create(kind="price", subject=f"service {number}", text="It costs more.")
    page = olga.text("/admin")
    assert len(alerts_of(page)) == 10
    assert '<a href="/admin/attention">Show all that waits for you</a>' in page
    assert len(alerts_of(olga.text("/admin/attention"))) == 11


def test_every_line_leads_to_a_page_that_begins_with_it(
    olga: Operator, up: SimpleNamespace
) -> None:
    says(sent(up, "500"), status="Partial", word="Partial")
    says(subscription(up), status="Active", children=("901",))
    refused(up, "Insufficient wallet", Refusal.FUNDS)
    change(PendingKind.MOVED, "", "50")(up)
    change(PendingKind.NAME, "Followers", "Views")(up)
    for href, _ in box(olga.text("/admin")):
        assert "Needs you" in olga.text(href.partition("#")[0]), href


def test_the_overview_shows_a_few_of_each_kind_and_leads_to_the_rest(
    olga: Operator, up: SimpleNamespace
) -> None:
    for number in range(500, 506):
        says(sent(up, str(number)), status="Partial", word="Partial")
    page = olga.text("/admin")
    assert len(box(page)) == 5
    assert '<a href="/admin/attention">Show all that waits for you</a>' in page
    assert len(box(olga.text("/admin/attention"))) == 6


def test_requests_of_customers_that_wait_are_on_their_orders_page(
    olga: Operator, up: SimpleNamespace
) -> None:
    refill_without_number(up)
    cancel_by_hand(up)
    overview = olga.text("/admin")
    for number in (1, 2):
        assert f'<a href="/admin/orders/{number}#requests">' in overview
    assert box(overview) == []  # they are listed once
    assert "gave no number" in olga.text("/admin/orders/1")
    assert "/admin/cancels/1/accept" in olga.text("/admin/orders/2")


def test_what_waits_since_a_restore_is_released_on_its_order_or_all_at_once(
    olga: Operator, up: SimpleNamespace
) -> None:
    restored(up)
    assert [href for href, _ in box(olga.text("/admin"))] == ["/admin/restored"]
    page = olga.text("/admin/restored")
    assert "/admin/orders/1" in page and "/admin/orders/2" in page
    order = olga.text("/admin/orders/1")
    assert "Needs you" in order
    assert 'value="release"' in order
    olga.post("/admin/orders/act", order=1, act="release", confirmed="1")
    assert 'value="release"' not in olga.text("/admin/orders/1")
    olga.post("/admin/restored/release")
    assert "Nothing waits since a restore." in olga.text("/admin/restored")
    assert "Nothing waits for you." in olga.text("/admin/attention")


def test_what_a_provider_says_is_only_text(olga: Operator, up: SimpleNamespace) -> None:
    says(sent(up, "500"), word=SCRIPT)
    refused(up, SCRIPT)
    change(PendingKind.NAME, "Followers", SCRIPT)(up)
    provider(stopped_because=SCRIPT)(up)
    pages = ("", "/attention", "/orders/1", "/orders/2", "/services/1", "/providers/up", "/orders")
    for path in pages:
        page = olga.text(f"/admin{path}")
        assert SCRIPT not in page, path
    assert "&lt;script&gt;" in olga.text("/admin/providers/up")


# Words


def test_a_status_is_taught_on_the_providers_page_once(
    olga: Operator, up: SimpleNamespace
) -> None:
    for number in ("500", "501"):
        says(sent(up, number), word="Success")
    page = olga.text("/admin/providers/up")
    assert "<q>Success</q>" in page
    assert "of 2 orders" in page
    olga.post("/admin/providers/up/words", word="Success", meaning="Completed")
    page = olga.text("/admin/providers/up")
    assert said(page) == ["&#39;Success&#39; of up means Completed. Orders that waited: 2."]
    assert "<q>success</q> means Completed" in page
    says(1, word="Success")
    assert lookup.get(1).status == "Completed"
    olga.post("/admin/providers/up/words/forget", word="success")
    assert "means Completed" not in olga.text("/admin/providers/up")


def test_a_refusal_is_taught_on_the_orders_page(olga: Operator, up: SimpleNamespace) -> None:
    order_id = refused(up, "Daily limit reached")
    page = olga.text(f"/admin/orders/{order_id}")
    assert '<q class="any">Daily limit reached</q>' in page
    assert "canceled and paid back" in page
    assert "<option>wait</option><option>cancel</option>" in page
    back = f"/admin/orders/{order_id}"
    olga.post("/admin/providers/up/words", word="Daily limit reached", meaning="cancel", back=back)
    assert lookup.get(order_id).status == "Canceled"
    assert balance() == 100 * MICROS
    assert "Needs you" not in olga.text(f"/admin/orders/{order_id}")


@pytest.mark.parametrize(
    ("word", "meaning", "told"),
    [("", "Completed", "is required"), ("Success", "Done", "there is no meaning")],
)
def test_a_word_without_a_meaning_is_refused(
    olga: Operator, up: SimpleNamespace, word: str, meaning: str, told: str
) -> None:
    answer = olga.post("/admin/providers/up/words", word=word, meaning=meaning)
    assert answer.status_code == 200
    (message,) = said(answer.text)
    assert told in message


# Orders


@pytest.mark.parametrize(("act", "status"), [("resend", "Pending"), ("fail", "Canceled")])
@pytest.mark.parametrize("refusal", [Refusal.UNKNOWN, Refusal.FUNDS])
def test_an_order_that_was_refused_is_sent_again_or_given_up(
    olga: Operator, up: SimpleNamespace, refusal: Refusal, act: str, status: str
) -> None:
    order_id = refused(up, "Daily limit reached", refusal)
    assert f'name="act" value="{act}"' in olga.text(f"/admin/orders/{order_id}")
    olga.post("/admin/orders/act", order=order_id, act=act, confirmed="1")
    order = lookup.get(order_id)
    assert (order.status, order.held_because) == (status, "")


def test_a_post_that_could_not_be_charged_is_charged_by_hand(
    olga: Operator, up: SimpleNamespace
) -> None:
    order_id = subscription(up)
    says(order_id, status="Active", children=("901",))
    assert "901: its quantity is not known" in olga.text(f"/admin/orders/{order_id}")
    olga.post(f"/admin/orders/{order_id}/post", quantity="30", theirs="901")
    (post,) = lookup.parts_of(order_id)
    assert (post.quantity, post.provider_order) == (30, "901")
    answer = olga.post(f"/admin/orders/{order_id}/post", quantity="99", theirs="902")
    assert any("99 is not from 20 to 50" in text for text in said(answer.text))


def test_held_orders_are_marked_in_the_list(olga: Operator, up: SimpleNamespace) -> None:
    new_order(up.views)
    assert "s-held" not in olga.text("/admin/orders")
    refused(up, "Daily limit reached")
    assert olga.text("/admin/orders").count("s-held") == 1
    links = [olga.text(f"/admin/orders?only={only}") for only in ("held", "warning")]
    assert [page.count('name="order"') for page in links] == [1, 1]


# Services


def test_a_service_shows_both_figures_and_is_confirmed(
    olga: Operator, up: SimpleNamespace
) -> None:
    change(PendingKind.RISE, "900000", "90000000")(up)
    page = olga.text("/admin/services/1")
    assert ">0.90</td>" in page
    assert ">90.00</td>" in page
    assert "Nobody can order this service" in page
    assert "s-held" in olga.text("/admin/services")
    olga.post("/admin/services/act", service="1", act="confirm")
    assert pending.listing() == []
    assert not Service.get_by_id(1).held
    assert "Services confirmed: 1." in said(olga.text("/admin/services"))
    assert "Needs you" not in olga.text("/admin/services/1")


def test_a_service_that_changed_is_disabled_beside_its_confirmation(
    olga: Operator, up: SimpleNamespace
) -> None:
    change(PendingKind.NAME, "Followers", "Views")(up)
    page = olga.text("/admin/services/1")
    assert page.index('value="confirm"') < page.index('value="disable"') < page.index("<h2>Edit")
    assert box(olga.text("/admin")) != []
    olga.post("/admin/services/act", service="1", act="disable")
    assert box(olga.text("/admin")) == []
    assert 'value="disable"' not in olga.text("/admin/services/1")


def test_a_held_service_that_is_enabled_is_said_to_be_held_still(
    olga: Operator, up: SimpleNamespace
) -> None:
    change(PendingKind.RISE, "900000", "90000000")(up)
    why = (
        "still held, and not sold until you settle what waits (flask service confirm 1): up: not "
        "sold from there until you confirm it: cost 0.90 → 90.00"
    )
    page = olga.post("/admin/services/act", service=["1", "2"], act="enable").text
    assert "Done: 2 of 2." in page
    assert why in page
    olga.post("/admin/services/act", service="1", act="enable")
    assert said(olga.text("/admin/services")) == ["Service 1: enabled", f"Service 1: {why}"]


def test_many_services_that_changed_are_confirmed_on_their_providers_page(
    olga: Operator, up: SimpleNamespace
) -> None:
    assert "confirm-services" not in olga.text("/admin/providers/up")
    for n in range(6):
        number = services.add(name=f"S{n}", category="C", rate_micros=MICROS, min=1, max=9)
        sources.set_source(number, up.id, listed(f"s{n}", 900_000), 1)
        source = Source.get(Source.service == number).id
        pending.add(up.id, PendingKind.NAME, f"Their {n}", f"Other {n}", source)
    ((href, text),) = box(olga.text("/admin"))
    assert href == "/admin/providers/up"
    assert "6 services changed at up" in text
    page = olga.text(href)
    assert box(page) == [(href, text)]
    assert "/admin/providers/up/confirm-services" in page
    report = olga.post("/admin/providers/up/confirm-services").text
    assert report.count("their name") == 6
    assert "Our own names and categories of these 6 services stay as they are" in report
    assert pending.listing() == []
    olga.post("/admin/providers/up/confirm-services")
    assert said(olga.text("/admin/providers/up")) == ["no services were given"]


def test_whoever_confirms_a_name_is_told_that_ours_stays(
    olga: Operator, up: SimpleNamespace
) -> None:
    change(PendingKind.NAME, "Followers", "Views")(up)
    olga.post("/admin/services/act", service="1", act="confirm")
    told = said(olga.text("/admin/services"))[-1]
    assert told.startswith("Services confirmed: 1. Our own name and category of service 1 stay")


NOT_SOLD = "nothing is sold from there until this is settled"
NAMED = "Their new {kind} is taken for the same service still; our own {kind}"


@pytest.mark.parametrize(
    ("kind", "before", "after", "told"),
    [
        (PendingKind.NAME, "Followers", "Views", NAMED.format(kind="name")),
        (PendingKind.CATEGORY, "Instagram", "TikTok", NAMED.format(kind="category")),
        (
            PendingKind.FALL,
            "900000",
            "90000",
            "The new cost 0.09 is taken over; the rate 5.00 was",
        ),
        (PendingKind.RISE, "900000", "9000000", "The new cost 9.00 is taken over; the rate 5.00"),
        (PendingKind.CHARGE, "900000", "3600000", "The warning ends; the cost and the rate stay"),
    ],
)
def test_a_services_page_says_what_confirming_does(
    olga: Operator, up: SimpleNamespace, kind: PendingKind, before: str, after: str, told: str
) -> None:
    change(kind, before, after)(up)
    page = olga.text("/admin/services/1")
    assert f"If you confirm: {told}" in page
    is_cost = kind in pending.OF_COST
    assert ("is taken over" in page) == is_cost
    Service.update(markup_ppm=250_000).execute()
    assert ("and the rate, which is 5.00, follows it" in olga.text("/admin/services/1")) == is_cost
    Source.update(source_rank=2).execute()
    assert (
        "of the second source is taken over; the rate 5.00 stays" in olga.text("/admin/services/1")
    ) == is_cost


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("USD", "INR", f"INR now, USD before (like ours); {NOT_SOLD}"),
        ("INR", "USD", f"USD now (like ours), INR before; {NOT_SOLD}"),
        ("", "INR", "INR"),
    ],
)
def test_a_provider_that_changed_its_currency_shows_both(
    olga: Operator, up: SimpleNamespace, before: str, after: str, told: str
) -> None:
    provider(currency=before or after)(up)
    change(PendingKind.CURRENCY, before, after)(up)
    _, _, row = olga.text("/admin/providers/up").partition("<dt>Currency</dt><dd>")
    assert re.sub(r"<[^>]+>", "", row.partition("</dd>")[0]) == told


def test_a_service_of_which_nothing_waits_is_not_confirmed(
    olga: Operator, up: SimpleNamespace
) -> None:
    olga.post("/admin/services/act", service="1", act="confirm")
    assert said(olga.text("/admin/services")) == ["nothing of service 1 waits to be confirmed"]


def test_a_change_of_the_whole_provider_is_settled_on_its_page(
    olga: Operator, up: SimpleNamespace
) -> None:
    change(PendingKind.MOVED, "", "50")(up)
    assert "settle it on the provider's page" in olga.text("/admin/services/1")
    assert "/admin/providers/up/confirm" in olga.text("/admin/providers/up")


# Providers


def test_a_provider_that_moved_is_resumed_at_its_new_address(
    olga: Operator, up: SimpleNamespace, faulty: FaultyProvider
) -> None:
    provider(stopped_because="it redirects", moved_to=faulty.url, key=KEY)(up)
    page = olga.text("/admin/providers/up")
    assert "Resume at its new address" in page
    assert f'name="url" value="{faulty.url}"' in page
    assert "s-stopped" in page
    assert "s-stopped" in olga.text("/admin")
    olga.post("/admin/providers/up/resume", url="https://elsewhere.example/api")
    assert "did not redirect to that host" in str(said(olga.text("/admin/providers/up")))
    assert faulty.requests == []
    olga.post("/admin/providers/up/resume", url=faulty.url)
    row = registry.get("up")
    assert (row.url, row.stopped_because, row.moved_to) == (faulty.url, "", "")
    assert [request["key"] for request in faulty.requests] == [KEY]
    assert "Provider up is resumed." in said(olga.text("/admin/providers/up"))


def test_orders_that_wait_for_funds_are_sent_by_hand(olga: Operator, up: SimpleNamespace) -> None:
    refused(up, "Insufficient wallet", Refusal.FUNDS)
    before = Order.get_by_id(1).send_at
    page = olga.text("/admin/providers/up")
    assert "Send now what waits for funds" in page
    olga.post("/admin/providers/up/resume")
    assert Order.get_by_id(1).send_at < before
    (message,) = said(olga.text("/admin/providers/up"))
    assert message == "Provider up is resumed. Orders for funds that are sent now: 1."


def test_a_rate_of_exchange_is_given_and_its_costs_follow(
    olga: Operator, up: SimpleNamespace
) -> None:
    provider(currency="INR", exchange_ppt=ONE_PPT // 80, exchange_at=1)(up)
    page = olga.text("/admin/providers/up")
    assert "0.0125 USD for 1 INR" in page
    assert '<strong class="low">old</strong>' in page
    report = olga.post("/admin/providers/up/exchange", rate="0.025").text
    assert "cost 0.90 → 1.80" in report
    assert registry.get("up").exchange_ppt == ONE_PPT // 40
    assert "Needs you" not in olga.text("/admin/providers/up")


@pytest.mark.parametrize(
    ("rate", "told"),
    [("", "Rate of exchange: is required"), ("much", "is not a rate"), ("0", "above 0")],
)
def test_a_rate_that_cannot_be_is_refused(
    olga: Operator, up: SimpleNamespace, rate: str, told: str
) -> None:
    provider(currency="INR")(up)
    answer = olga.post("/admin/providers/up/exchange", rate=rate)
    assert answer.status_code == 200
    assert any(told in text for text in said(answer.text))
    assert Provider.get_by_id(up.id).exchange_ppt is None
    assert lines() == []


def test_a_currency_is_named_where_the_provider_does_not(
    olga: Operator, up: SimpleNamespace
) -> None:
    provider(currency="")(up)
    assert "does not name the currency" in olga.text("/admin/providers/up")
    olga.post("/admin/providers/up/currency", currency=" usd ")
    assert registry.get("up").currency == "USD"
    assert "Needs you" not in olga.text("/admin/providers/up")


def test_the_sandbox_has_no_form_for_a_currency(olga: Operator) -> None:
    registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    page = olga.text("/admin/providers/sandbox")
    assert "/exchange" not in page
    assert "like ours" in page
