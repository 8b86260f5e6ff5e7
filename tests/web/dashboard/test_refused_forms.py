"""A form that is refused is shown again with what was typed, and says beside the field why."""

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from support.dashboard import Operator, said
from support.faulty import KEY, Fault, FaultyProvider, says
from support.orders import new_order
from support.trouble import add_up

from models import Order, Provider
from panel import services
from panel.providers import registry, sources

SERVICE = {
    "name": "Fans", "category": "Social", "type": "Default", "rate_micros": "5.00",
    "min": "10", "max": "1000", "sort_order": "7", "refill": "y", "cancel": "y", "dripfeed": "y",
    "one_per_link": "y", "description": "First line\r\nSecond", "source": "", "source_theirs": "",
    "second": "", "second_theirs": "",
}  # fmt: skip
ADDED = {name: value for name, value in SERVICE.items() if name != "sort_order"}
PROVIDER = {
    "name": "new", "url": "https://new.example/api/v2", "requests_per_minute": "77",
    "currency": "EUR", "exchange": "1.08",
}  # fmt: skip
EDIT = {"name": "up", "url": "https://up.example/api/v2", "requests_per_minute": "77"}
SECRET = "a-secret-key-that-is-typed"


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    return add_up(cast)


def field_of(page: str, name: str) -> str:
    """The field of this name as the page has it."""
    (found,) = re.findall(rf'<(?:input|select|textarea)[^>]*\bname="{name}"[^>]*>', page)
    return found


def typed(page: str, name: str) -> str | None:
    """What stands in a field; None for a box that is not ticked."""
    start = field_of(page, name)
    rest = page[page.rindex(start) + len(start) :]
    if start.startswith("<select"):
        chosen = re.search(r'<option selected value="([^"]*)"', rest[: rest.index("</select>")])
        return unescape(chosen[1]) if chosen else ""
    if start.startswith("<textarea"):
        return unescape(rest[: rest.index("</textarea>")]).removeprefix("\r\n")
    value = re.search(r'\bvalue="([^"]*)"', start)
    if 'type="checkbox"' in start:
        return "y" if " checked" in start else None
    return unescape(value[1]) if value else ""


def error_of(page: str, name: str) -> str:
    """What is said beside a field, as whoever reads the page aloud is told it."""
    field = field_of(page, name)
    if 'aria-invalid="true"' not in field:
        return ""
    described = re.search(r'aria-describedby="([^"]*)"', field)
    assert described is not None
    texts = [
        re.search(rf'<(?:small|p) id="{part}"[^>]*>(.*?)</(?:small|p)>', page)
        for part in described[1].split()
    ]
    assert all(texts)
    return unescape(texts[-1][1])  # type: ignore[index]


CASES: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a service without a name": ("services/1", {**SERVICE, "name": ""}, "name", "is required"),
    "a name that cannot be": ("services/1", {**SERVICE, "name": "a\tb"}, "name", "printable"),
    "a rate that is none": (
        "services/1", {**SERVICE, "rate_micros": "much"}, "rate_micros", "much",
    ),
    "a rate beyond all": (
        "services/1", {**SERVICE, "rate_micros": "2000000"}, "rate_micros", "from 0 to 1000000",
    ),
    "nothing for something": (
        "services/1",
        {**SERVICE, "rate_micros": "0", "source": "up", "source_theirs": "7"}, "rate_micros",
        "is not sold at 0",
    ),
    "a minimum that is no number": ("services/1", {**SERVICE, "min": "few"}, "min", "Not a valid"),
    "a maximum below": ("services/1", {**SERVICE, "max": "9"}, "max", "max from min to"),
    "a minimum of 0": ("services/1", {**SERVICE, "min": "0"}, "min", "min must be 1 or more"),
    "a position below 0": ("services/1", {**SERVICE, "sort_order": "-1"}, "sort_order", "from 0"),
    "a drip-feed of packages": (
        "services/1", {**SERVICE, "type": "Package"}, "dripfeed", "have no drip-feed",
    ),
    "one per link without links": (
        "services/1", {**SERVICE, "type": "Subscriptions", "dripfeed": ""}, "one_per_link",
        "have no link",
    ),
    "a long description": (
        "services/1", {**SERVICE, "description": "x" * 10_001}, "description", "at most 10000",
    ),
    "an odd description": (
        "services/1", {**SERVICE, "description": "a\x07b"}, "description", "printable",
    ),
    "a source without a number": (
        "services/1", {**SERVICE, "source": "up"}, "source_theirs", "is required",
    ),
    "a number without a source": (
        "services/1", {**SERVICE, "second_theirs": "7"}, "second_theirs", "needs a provider",
    ),
    "a provider that does not answer": (
        "services/1", {**SERVICE, "source": "dead", "source_theirs": "7"}, "source", "dead: ",
    ),
    "a second that does not answer": (
        "services/1", {**SERVICE, "source": "up", "source_theirs": "7", "second": "dead",
                       "second_theirs": "7"}, "second", "dead: ",
    ),
    "a service that is not there": (
        "services/1", {**SERVICE, "source": "box", "source_theirs": "99"}, "source_theirs",
        "box has no service 99",
    ),
    "a second source alone": (
        "services/2", {**SERVICE, "second": "box", "second_theirs": "2"}, "source",
        "no first source",
    ),
    "a new service without a name": ("services/add", {**ADDED, "name": ""}, "name", "required"),
    "a new service at no rate": (
        "services/add", {**ADDED, "rate_micros": ""}, "rate_micros", "is required",
    ),
    "a new service from nobody": (
        "services/add", {**ADDED, "source": "dead", "source_theirs": "7"}, "source", "dead: ",
    ),
    "a place that is no number": ("services/1/move", {"before": "x"}, "before", "Not a valid"),
    "a markup that is none": (
        "services/act", {"service": "1", "act": "markup", "markup": "lots", "step": "0.01"},
        "markup", "lots",
    ),
    "a markup of one service": (
        "services/act",
        {"service": "1", "act": "markup", "markup": "", "step": "0.01", "on": "service"},
        "markup", "is required",
    ),
    "a provider without a name": ("providers", {**PROVIDER, "name": ""}, "name", "is required"),
    "a provider's odd name": ("providers", {**PROVIDER, "name": "a b"}, "name", "cannot be used"),
    "a provider's taken name": ("providers", {**PROVIDER, "name": "up"}, "name", "already"),
    "a provider's odd address": ("providers", {**PROVIDER, "url": "new.example"}, "url", "cannot"),
    "a provider without a key": ("providers", PROVIDER, "key", "must be printable"),
    "a provider's limit": (
        "providers", {**PROVIDER, "requests_per_minute": "0"}, "requests_per_minute", "from 1",
    ),
    "a rate of exchange": ("providers", {**PROVIDER, "exchange": "x"}, "exchange", "x"),
    "another name": ("providers/up/edit", {**EDIT, "name": "box"}, "name", "already"),
    "another address": (
        "providers/up/edit", {**EDIT, "url": "https://far.example/"}, "url", "the same panel",
    ),
    "another host without its key": (
        "providers/up/edit", {**EDIT, "url": "https://far.example/", "same_panel": "y"}, "key",
        "give the key again: the address is another host",
    ),
    "another address that does not answer": (
        "providers/dead/edit",
        {**EDIT, "name": "dead", "url": "http://127.0.0.1:9/other"}, "url", "is not changed",
    ),
    "another limit": (
        "providers/up/edit", {**EDIT, "requests_per_minute": "x"}, "requests_per_minute", "valid",
    ),
    "no rate of exchange": (
        "providers/up/exchange", {"rate": "", "currency": "INR"}, "rate", "is required",
    ),
    "no currency": ("providers/up/currency", {"currency": " "}, "currency", "is required"),
    "no word": ("providers/up/words", {"word": "", "meaning": "wait"}, "word", "is required"),
    "no meaning": ("providers/up/words", {"word": "Gone", "meaning": ""}, "meaning", "required"),
}  # fmt: skip


def refused(olga: Operator, path: str, fields: dict[str, Any]) -> tuple[str, str]:
    """Send a form that is refused: the page, and the only one of its forms with a wrong field."""
    answer = olga.post(path, **fields)
    assert answer.status_code == 200
    assert said(answer.text)
    (form,) = [form for form in answer.text.split("<form") if "aria-invalid" in form]
    return answer.text, form


@pytest.mark.parametrize(("path", "fields", "field", "told"), CASES.values(), ids=CASES)
def test_what_was_typed_stays_and_the_field_says_why(
    path: str,
    fields: dict[str, Any],
    field: str,
    told: str,
    olga: Operator,
    up: SimpleNamespace,
) -> None:
    registry.add("dead", "http://127.0.0.1:9/api/v2", KEY, 60, "USD")
    registry.add("box", registry.SANDBOX_URL, "", 60)
    _, page = refused(olga, f"/admin/{path}", fields)
    assert told in error_of(page, field)
    for name, value in fields.items():
        if name in ("service", "act", "on", "key"):
            continue
        shown = typed(page, name)
        assert (shown or "").replace("\r\n", "\n").strip() == value.replace("\r\n", "\n").strip()
    assert page.count('aria-invalid="true"') == 1, "other fields are not blamed"


# An order of 500, of which 100 remain; one in doubt; a drip-feed since a restore; a subscription.
CHANGE = {"status": "Partial", "start_count": "1234", "remains": "70"}
OF_ORDERS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "remains above the quantity": ("1/change", {**CHANGE, "remains": "700"}, "remains", "to the"),
    "Partial of nothing": ("1/change", {**CHANGE, "remains": "0"}, "remains", "paid back"),
    "remains that are no number": ("1/change", {**CHANGE, "remains": "x"}, "remains", "valid"),
    "a start count below 0": (
        "1/change", {**CHANGE, "start_count": "-1"}, "start_count", "must be from 0",
    ),
    "a number that cannot be": (
        "2/attach", {"provider_order": "1 2"}, "provider_order", "cannot be a provider's",
    ),
    "no number": ("2/attach", {"provider_order": ""}, "provider_order", "cannot be a provider's"),
    "another order's number": (
        "2/attach", {"provider_order": "4711"}, "provider_order", "belongs to order 1",
    ),
    "another order's number of a run": (
        "3/attach-part", {"provider_order": "4711", "part": "1"}, "provider_order", "to order 1",
    ),
    "a post too large": ("4/post", {"quantity": "99", "theirs": "77"}, "quantity", "from 1 to 9"),
    "a post of another order": (
        "4/post", {"quantity": "9", "theirs": "4711"}, "theirs", "number of order 1",
    ),
    "a post of no size": ("4/post", {"quantity": "", "theirs": "77"}, "quantity", "is required"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "fields", "field", "told"), OF_ORDERS.values(), ids=OF_ORDERS)
def test_what_was_typed_of_an_order_stays_and_the_field_says_why(
    path: str,
    fields: dict[str, Any],
    field: str,
    told: str,
    olga: Operator,
    up: SimpleNamespace,
    cast: SimpleNamespace,
) -> None:
    provider = registry.get("up").id
    numbers = [new_order(cast.followers, 500) for _ in range(4)]
    columns: list[dict[str, Any]] = [
        {"dispatch_state": "sent", "provider_order": "4711", "status": "In progress"},
        {"dispatch_state": "review"},
        {"dispatch_state": "parts", "runs": 2, "interval": 1, "restored": True},
        {"dispatch_state": "sent", "provider_order": "4712", "quantity": 0, "remains": 0,
         "status": "Active", "held_because": "posts", "charge_micros": 0,
         "parameters": '{"username": "u", "min": 1, "max": 9}'},
    ]  # fmt: skip
    for number, values in zip(numbers, columns, strict=True):
        Order.update(provider=provider, **values).where(Order.id == number).execute()
    order, _, act = path.partition("/")
    number = numbers[int(order) - 1]
    told = re.sub(r"order 1$", f"order {numbers[0]}", told)
    page, form = refused(olga, f"/admin/orders/{number}/{act}", fields)
    assert told in error_of(form, field)
    assert [typed(form, name) for name in fields] == list(fields.values())
    assert form.count('aria-invalid="true"') == 1
    if act == "change":  # its fold is open
        assert '<details class="listed" open><summary>Set status' in page
    assert "aria-invalid" not in olga.text(f"/admin/orders/{number}")


def test_a_form_that_is_right_blames_no_field(olga: Operator, up: SimpleNamespace) -> None:
    for path in ("services/1", "services/add", "services", "providers", "providers/up"):
        assert "aria-invalid" not in olga.text(f"/admin/{path}")


@pytest.mark.parametrize("path", ["providers", "providers/up/edit"])
def test_a_key_that_was_typed_is_not_sent_back(
    path: str, olga: Operator, up: SimpleNamespace, faulty: FaultyProvider
) -> None:
    Provider.update(url=faulty.url).where(Provider.name == "up").execute()
    fields = {**PROVIDER, **EDIT, "url": faulty.url, "key": SECRET}
    if path == "providers":
        fields["name"] = "new"
    answer = olga.post(f"/admin/{path}", **fields)
    assert answer.status_code == 200
    assert "Invalid API key" in answer.text
    assert SECRET not in answer.text
    assert Provider.select().where(Provider.key == SECRET).count() == 0


def test_ticks_and_filters_stay_when_a_bulk_act_is_refused(
    olga: Operator, up: SimpleNamespace
) -> None:
    fields = {"service": ["1", "3"], "act": "markup", "markup": "lots"}
    page = olga.post("/admin/services/act?only=enabled", **fields).text
    ticked = re.findall(r'name="service" value="(\d+)" checked', page)
    assert ticked == ["1", "3"]
    assert '<option value="enabled" selected>' in page
    assert "/admin/services/4" not in page  # which is disabled
    assert 'action="/admin/services/act?only=enabled"' in page
    page = olga.post("/admin/services/act", act="enable").text
    assert said(page) == ["Select services first."]


def test_what_is_shown_again_leads_back_to_its_page(olga: Operator, up: SimpleNamespace) -> None:
    page = olga.post("/admin/services/1", **{**SERVICE, "name": ""}, back="/admin/services/1").text
    assert set(re.findall(r'name="back" value="([^"]*)"', page)) == {"/admin/services/1"}
    page = olga.post("/admin/providers/up/edit", **{**EDIT, "name": ""}).text
    assert set(re.findall(r'name="back" value="([^"]*)"', page)) == {"/admin/providers/up"}


# What is right is done


def test_a_service_is_edited_in_all_its_fields(olga: Operator, up: SimpleNamespace) -> None:
    registry.add("box", registry.SANDBOX_URL, "", 60)
    fields = {**SERVICE, "source": "box", "source_theirs": "1", "second": "box",
              "second_theirs": "3"}  # fmt: skip
    assert olga.post("/admin/services/1", **fields).status_code == 302
    service = services.get(1)
    assert (service.name, service.dripfeed, service.one_per_link) == ("Fans", True, True)
    assert service.description == "First line\nSecond"
    bought = [(s["provider_name"], s["provider_service"]) for s in sources.sources(1)]
    assert bought == [("box", "1"), ("box", "3")]


def test_a_provider_that_is_down_hinders_no_other_change(
    olga: Operator, up: SimpleNamespace
) -> None:
    """Only a source that changes is asked for its cost."""
    fields = {**SERVICE, "source": "up", "source_theirs": "7"}
    assert olga.post("/admin/services/1", **fields).status_code == 302
    assert services.get(1).name == "Fans"
    assert sources.sources(1)[0]["cost_micros"] == 900_000


def test_a_provider_is_edited_on_its_page(
    olga: Operator, up: SimpleNamespace, faulty: FaultyProvider
) -> None:
    Provider.update(url=faulty.url, key="old").where(Provider.name == "up").execute()
    fields = {"name": "dear", "url": faulty.url, "requests_per_minute": "90", "key": KEY}
    answer = olga.post("/admin/providers/up/edit", **fields, back="/admin/providers/up")
    assert answer.headers["Location"].endswith("/admin/providers/dear")
    row = registry.get("dear")
    assert (row.key, row.requests_per_minute, row.balance) == (KEY, 90, "12.5000 USD")
    page = olga.text("/admin/providers/dear")
    assert "Provider dear is changed. It answers. Our balance there: 12.5000 USD" in page
    assert KEY not in page


def test_an_empty_key_keeps_the_key(olga: Operator, up: SimpleNamespace) -> None:
    before = registry.get("up").key
    olga.post("/admin/providers/up/edit", **{**EDIT, "key": ""})
    row = registry.get("up")
    assert (row.key, row.requests_per_minute) == (before, 77)


def test_the_list_of_providers_says_how_each_is(olga: Operator, up: SimpleNamespace) -> None:
    registry.add("slow", "https://slow.example/api/v2", "key", 60)
    Provider.update(failing_because="status: HTTP 502", failing_since=86_400).where(
        Provider.name == "slow"
    ).execute()
    olga.post("/admin/providers/up/pause")
    page = olga.text("/admin/providers")
    assert "s-paused" in page
    assert "s-failing" in page
    assert "since 1970-01-02 00:00 UTC" in page
    assert "s-working" not in page
    olga.post("/admin/providers/up/resume")
    assert "s-working" in olga.text("/admin/providers")


# The catalogue


@pytest.fixture
def shop(up: SimpleNamespace, faulty: FaultyProvider) -> FaultyProvider:
    """The provider up, which answers, with many services."""
    Provider.update(url=faulty.url, key=KEY).where(Provider.name == "up").execute()
    base = faulty.services[0]
    faulty.services = [
        {**base, "service": n, "name": f"Likes no. {n}", "category": f"Kind {n % 3}"}
        for n in range(1, 1001)
    ]
    return faulty


def test_a_catalogue_is_searched_in_pages_and_the_provider_asked_once(
    olga: Operator, shop: FaultyProvider
) -> None:
    at = "/admin/providers/up/catalogue"
    page = olga.text(at)
    assert "1000 of 1000 services" in page
    assert page.count('name="tick"') == 200
    seen = set(re.findall(r'name="tick" value="(\d+)"', page))
    while following := re.search(r'<a rel="next" href="([^"]+)"', page):
        page = olga.text(unescape(following[1]))
        seen |= set(re.findall(r'name="tick" value="(\d+)"', page))
    assert len(seen) == 1000
    page = olga.text(f"{at}?q=likes+99&category=Kind+0")
    assert re.findall(r'name="tick" value="(\d+)"', page) == [
        "99", "399", "699", "990", "993", "996", "999",
    ]  # fmt: skip
    assert "No such services." in olga.text(f"{at}?q=nothing")
    assert len(shop.sent("services")) == 1
    olga.post(f"{at}/again")
    olga.text(at)
    assert len(shop.sent("services")) == 2


def test_what_is_ticked_is_previewed_and_imported(olga: Operator, shop: FaultyProvider) -> None:
    count = len(services.listing())
    at = "/admin/providers/up/import"
    chosen = {"tick": ["41", "42"], "on": "catalogue", "markup": "30", "step": "0.01"}
    page = olga.post(at, act="preview", **chosen).text
    assert page.count("added at") == 2
    assert typed(page, "ids") == "41, 42"
    assert len(services.listing()) == count
    done = olga.post(at, act="import", ids="41, 42", markup="30", step="0.01").text
    assert done.count("added at") == 2
    names = {service.name for service in services.listing()[count:]}
    assert names == {"Likes no. 41", "Likes no. 42"}
    assert "/admin/services/5" in olga.text("/admin/providers/up/catalogue?q=41")
    only = olga.text("/admin/providers/up/catalogue?only=imported")
    assert re.findall(r'name="tick" value="(\d+)"', only) == ["7", "41", "42"]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"markup": "30"}, "Select services first."),
        ({"tick": ["41", "43"], "markup": ""}, "Markup in percent: is required"),
    ],
)
def test_a_choice_that_is_refused_keeps_its_ticks(
    chosen: dict[str, Any], told: str, olga: Operator, shop: FaultyProvider
) -> None:
    answer = olga.post(
        "/admin/providers/up/import?q=likes+4", act="preview", on="catalogue", **chosen
    )
    assert answer.status_code == 200
    assert told in said(answer.text)
    ticked = re.findall(r'name="tick" value="(\d+)" checked', answer.text)
    assert ticked == chosen.get("tick", [])
    assert typed(answer.text, "markup") == chosen["markup"]
    assert typed(answer.text, "q") == "likes 4"


def test_a_provider_that_does_not_list_is_said(olga: Operator, shop: FaultyProvider) -> None:
    shop.plan("services", Fault(says({"error": "Maintenance"}, 503)))
    page = olga.text("/admin/providers/up/catalogue")
    assert said(page) == ["up: HTTP 503"]
    assert "The provider did not list its services." in page
    assert "1000 of 1000 services" in olga.text("/admin/providers/up/catalogue")
