"""Service types: what each needs, charges, keeps on the order and passes on (contract's table)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from support.apps import make_app
from support.commands import shown
from support.recorder import Lane, Recorder, http_lane

from actions import parameters
from database.connection import close_database
from models import Order
from panel import accounts, ledger, service_types, services
from panel.errors import OperatorError
from panel.money import MICROS, parse
from panel.orders import subscriptions

Sent = dict[str, Any]
Shop = SimpleNamespace

LINK = "https://a.example/p?x=1&y=%20z#here"
WHERE = {"link": LINK}
FIVE_HUNDRED = {"link": LINK, "quantity": "500"}


class Case(NamedTuple):
    """An order of one type: what is sent, and what becomes of it at 2.00 per 1000 or package.

    kept: what the order keeps as its parameters, as `flask order show --json` shows it.
    received: what the provider gets, beside its service.
    """

    type: str
    sent: Sent
    quantity: int
    charge: str
    kept: Sent
    received: Sent


def counted(type: str, quantity: int, charge: str, **details: str) -> Case:
    """A case of a type that takes a quantity: details are kept and passed on as they are sent."""
    sent = {"link": LINK, "quantity": str(quantity), **details}
    return Case(type, sent, quantity, charge, details, sent)


CASES = [
    counted("Default", 500, "1.000000"),
    counted("SEO", 10, "0.020000", keywords="first\nsecond, third"),
    Case("Package", WHERE, 1, "2.000000", {}, WHERE),
    Case(
        "Custom Comments",
        WHERE | {"comments": "Great!\r\n\r\nLovely, really\n \t\n Top "},
        3,
        "0.006000",
        {"comments": "Great!\nLovely, really\n Top "},
        WHERE | {"comments": "Great!\nLovely, really\n Top "},
    ),
    Case(
        "Custom Comments Package",
        WHERE | {"comments": "\nonly one\r\n"},
        1,
        "2.000000",
        {"comments": "only one"},
        WHERE | {"comments": "only one"},
    ),
    Case(
        "Comment Replies",
        WHERE | {"username": "somebody", "comments": "yes\nno\n"},
        2,
        "0.004000",
        {"username": "somebody", "comments": "yes\nno"},
        WHERE | {"username": "somebody", "comments": "yes\nno"},
    ),
    counted("Comment Likes", 333, "0.666000", username="the author"),
    counted("Mentions", 25, "0.050000", usernames="first\nsecond"),
    counted("Mentions with Hashtags", 25, "0.050000", usernames="a\nb", hashtags="one\ntwo"),
    Case(
        "Mentions Custom List",
        WHERE | {"usernames": "a\nb\n\nc\nd"},
        4,
        "0.008000",
        {"usernames": "a\nb\nc\nd"},
        WHERE | {"usernames": "a\nb\nc\nd"},
    ),
    counted("Mentions Hashtag", 500, "1.000000", hashtag="#müde"),
    counted("Mentions User Followers", 500, "1.000000", username="https://a.example/somebody"),
    counted("Mentions Media Likers", 500, "1.000000", media="https://a.example/p/1"),
    counted("Poll", 500, "1.000000", answer_number="2")._replace(kept={"answer_number": 2}),
    counted("Invites from Groups", 500, "1.000000", groups="https://a.example/g\nother"),
    counted(
        "Web Traffic", 500, "1.000000", country="US", device="5", type_of_traffic="3"
    )._replace(kept={"country": "US", "device": 5, "type_of_traffic": 3}),
    Case(
        "Subscriptions",
        {"username": "somebody", "min": "10", "max": "20", "delay": "0"},
        0,
        "0.000000",
        {"username": "somebody", "min": 10, "max": 20, "delay": 0},
        {"username": "somebody", "min": "10", "max": "20", "delay": "0"},
    ),
]
GOOD = {case.type: case.sent for case in CASES}

WRONG_LINES = ["\n", " \r\n\t\r\n", "good\nnot \x07 good", "\x00"]
WRONG_TEXTS = [" ", "two\nlines", "bell \x07", "x" * 2049]
WRONG = {
    "link": [" ", "https://a.example/\nx", "a b", "a\u200bb", "x" * 2049, "\ufffd"],
    "quantity": ["abc", "1.5", "-5", "+5", " 5", "1e3", "٣", "0x10"],
    "keywords": WRONG_LINES,
    "comments": WRONG_LINES,
    "usernames": WRONG_LINES,
    "hashtags": WRONG_LINES,
    "groups": WRONG_LINES,
    "username": WRONG_TEXTS,
    "hashtag": WRONG_TEXTS,
    "media": WRONG_TEXTS,
    "country": WRONG_TEXTS,
    "answer_number": ["0", "-1", "two", "1.0", "1001"],
    "device": ["0", "6", "phone", "1.5"],
    "type_of_traffic": ["0", "4", "blank"],
    "min": ["-1", "ten", "1.5", "1" * 11],
    "max": ["-1", "ten", "1.5", "1" * 11],
    "delay": ["-1", "soon", "0.5", "527041"],
}
"""For each parameter, texts that no order may have there."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A service of every type, at 2.00, from 2 to 1000; Alice has 1000.00."""
    app = make_app(tmp_path_factory.mktemp("types") / "panel.db")
    shop = Shop(app=app, client=app.test_client(), runner=app.test_cli_runner())
    shop.key = accounts.add("alice", 1000 * MICROS)
    shop.services = {kind: service(kind) for kind in service_types.SERVICE_TYPES}
    shop.drip = {kind: service(kind, dripfeed=True) for kind in ("Default", "Web Traffic")}
    yield shop
    close_database()


def service(type: str, **fields: Any) -> int:
    return services.add(
        name=type, category="All", rate_micros=2 * MICROS, min=2, max=1000, type=type, **fields
    )


def add(shop: Shop, type: str, sent: Sent, service: int | None = None) -> tuple[int, Any]:
    form = {"key": shop.key, "action": "add", "service": service or shop.services[type], **sent}
    response = shop.client.post("/api/v2", data=form)
    return response.status_code, response.json


def placed(shop: Shop, type: str, sent: Sent, service: int | None = None) -> dict[str, Any]:
    """Place an order that must be taken, and give what the operator sees of it."""
    status, answer = add(shop, type, sent, service)
    assert status == 200, answer
    return shown(shop.runner, answer["order"])


def refusals(shop: Shop, type: str, requests: list[Sent], service: int | None = None) -> set[Any]:
    """The different answers to these, all of which must leave everything as it is."""
    before = (Order.select().count(), accounts.get("alice").balance_micros)
    answers = {(s, json.dumps(a)) for s, a in (add(shop, type, r, service) for r in requests)}
    assert (Order.select().count(), accounts.get("alice").balance_micros) == before
    return answers


def refused(text: str, status: int = 422) -> set[Any]:
    return {(status, json.dumps({"error": text}))}


def by_type(case: Case) -> str:
    return case.type


def test_every_type_of_the_contract_is_sold() -> None:
    assert [case.type for case in CASES] == list(service_types.SERVICE_TYPES)
    assert len(CASES) == 17


@pytest.mark.parametrize("case", CASES, ids=by_type)
def test_an_order_is_taken_charged_and_kept(shop: Shop, case: Case) -> None:
    before_micros = accounts.get("alice").balance_micros
    order = placed(shop, case.type, case.sent)

    told = {name: order[name] for name in ("quantity", "remains", "link", "parameters", "runs")}
    assert told == {
        "quantity": case.quantity,
        "remains": case.quantity,
        "link": case.sent.get("link", ""),
        "parameters": case.kept,
        "runs": None,
    }
    form = {"key": shop.key, "action": "status", "order": order["id"]}
    state = shop.client.post("/api/v2", data=form).json
    assert (state["charge"], state["remains"]) == (case.charge, case.quantity)
    assert before_micros - accounts.get("alice").balance_micros == parse(case.charge)
    assert list(ledger.check()) == []


@pytest.mark.parametrize(
    ("type", "name"),
    [(case.type, name) for case in CASES for name in case.sent],
    ids=lambda value: value,
)
def test_a_needed_parameter_cannot_be_left_out(shop: Shop, type: str, name: str) -> None:
    rest = {n: value for n, value in GOOD[type].items() if n != name}

    assert refusals(shop, type, [rest]) == refused("Incorrect request")
    empty = "Incorrect link" if name == "link" else "Incorrect request"
    assert refusals(shop, type, [rest | {name: ""}]) == refused(empty)


@pytest.mark.parametrize(
    ("type", "name"),
    [(case.type, name) for case in CASES for name in case.sent],
    ids=lambda value: value,
)
def test_a_wrong_parameter_is_named(shop: Shop, type: str, name: str) -> None:
    requests = [GOOD[type] | {name: wrong} for wrong in WRONG[name]]

    assert refusals(shop, type, requests) == refused(f"Incorrect {name}")


@pytest.mark.parametrize("type", [kind for kind in GOOD if len(GOOD[kind]) > 1])
def test_a_missing_parameter_is_told_before_a_wrong_one(shop: Shop, type: str) -> None:
    *wrong, _missing = GOOD[type]
    request = {name: WRONG[name][0] for name in wrong}

    assert refusals(shop, type, [request]) == refused("Incorrect request")


@pytest.mark.parametrize("type", [t for t in GOOD if "quantity" not in GOOD[t]])
def test_a_type_without_a_quantity_ignores_one(shop: Shop, type: str) -> None:
    (case,) = [case for case in CASES if case.type == type]
    for quantity in ("777", "abc", "-1"):
        order = placed(shop, type, case.sent | {"quantity": quantity})
        assert (order["quantity"], order["parameters"]) == (case.quantity, case.kept)


CHARGE_OF = {2: "0.004", 3: "0.006", 1000: "2.00"}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one\ntwo", 2),
        ("one\r\ntwo", 2),
        ("one\r\ntwo\nthree", 3),
        ("\n\none\n\n\ntwo\n", 2),
        ("one\r\n\r\ntwo\r\n", 2),
        ("one\n   \ntwo", 2),
        ("one\n\t\ntwo", 2),
        ("one, two, three\nfour", 2),
        ("same\nsame\nsame", 3),
        ("one\u2028still one\ntwo\x20", 2),
        ("a\n" * 1000, 1000),
    ],
    ids=[
        "LF", "CRLF", "both", "blank lines", "blank lines with CRLF", "a line of spaces",
        "a line of a tab", "commas", "repeated", "another script's line end", "a thousand",
    ],
)  # fmt: skip
@pytest.mark.parametrize("type", ["Custom Comments", "Comment Replies", "Mentions Custom List"])
def test_lines_are_counted_and_charged(shop: Shop, type: str, text: str, count: int) -> None:
    name = "usernames" if type == "Mentions Custom List" else "comments"
    order = placed(shop, type, GOOD[type] | {name: text})

    assert (order["quantity"], order["charge"]) == (count, CHARGE_OF[count])


QUANTITY_TOO_LITTLE = "Quantity less than minimal 2"
QUANTITY_TOO_MUCH = "Quantity more than maximum 1000"


@pytest.mark.parametrize(
    ("type", "sent", "text"),
    [
        ("Default", {"quantity": "1"}, QUANTITY_TOO_LITTLE),
        ("Default", {"quantity": "0"}, QUANTITY_TOO_LITTLE),
        ("Default", {"quantity": "1001"}, QUANTITY_TOO_MUCH),
        ("Default", {"quantity": "9" * 5000}, QUANTITY_TOO_MUCH),
        ("Poll", {"quantity": "1001"}, QUANTITY_TOO_MUCH),
        ("Mentions", {"quantity": "1", "usernames": "a\nb\nc"}, QUANTITY_TOO_LITTLE),
        ("Custom Comments", {"comments": "one,two,three\n\n"}, QUANTITY_TOO_LITTLE),
        ("Custom Comments", {"comments": "a\n" * 1001}, QUANTITY_TOO_MUCH),
        ("Comment Replies", {"comments": "one\n"}, QUANTITY_TOO_LITTLE),
        ("Mentions Custom List", {"usernames": "one"}, QUANTITY_TOO_LITTLE),
        ("Mentions Custom List", {"usernames": "a\r\n" * 1001}, QUANTITY_TOO_MUCH),
        ("Subscriptions", {"min": "1"}, QUANTITY_TOO_LITTLE),
        ("Subscriptions", {"min": "0", "max": "0"}, QUANTITY_TOO_LITTLE),
        ("Subscriptions", {"max": "1001"}, QUANTITY_TOO_MUCH),
        ("Subscriptions", {"min": "1", "max": "1001"}, QUANTITY_TOO_LITTLE),
        ("Subscriptions", {"min": "21", "max": "20"}, "Incorrect max"),
    ],
)
def test_a_quantity_outside_the_range_is_refused(
    shop: Shop, type: str, sent: Sent, text: str
) -> None:
    assert refusals(shop, type, [GOOD[type] | sent]) == refused(text)


@pytest.mark.parametrize("type", [case.type for case in CASES if case.charge == "2.000000"])
def test_a_package_costs_its_rate_however_many_lines(shop: Shop, type: str) -> None:
    order = placed(shop, type, GOOD[type] | {"comments": "a\n" * 5000})

    assert (order["quantity"], order["charge"]) == (1, "2.00")


@pytest.mark.parametrize("type", ["Default", "Web Traffic"])
@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"quantity": "1", "runs": "500"}, QUANTITY_TOO_LITTLE),
        ({"quantity": "101", "runs": "10"}, QUANTITY_TOO_MUCH),
        ({"quantity": "2", "runs": "501"}, QUANTITY_TOO_MUCH),
        ({"quantity": "1001", "runs": "1"}, QUANTITY_TOO_MUCH),
        ({"runs": "0"}, "Incorrect request"),
        ({"runs": "undefined"}, "Incorrect request"),
        ({"runs": "-1"}, "Incorrect runs"),
        ({"runs": "2.0"}, "Incorrect runs"),
        ({"runs": "10001"}, "Incorrect runs"),
        ({"interval": "0"}, "Incorrect request"),
        ({"interval": "null"}, "Incorrect request"),
        ({"interval": "00"}, "Incorrect interval"),
        ({"interval": "often"}, "Incorrect interval"),
        ({"interval": "527041"}, "Incorrect interval"),
        ({"interval": ""}, "Incorrect request"),
        ({"runs": ""}, "Incorrect request"),
        ({"quantity": "many"}, "Incorrect quantity"),
    ],
)
def test_a_drip_feed_that_cannot_be_is_refused(
    shop: Shop, type: str, sent: Sent, text: str
) -> None:
    request = GOOD[type] | {"quantity": "100", "runs": "10", "interval": "60"} | sent

    assert refusals(shop, type, [request], shop.drip[type]) == refused(text)


@pytest.mark.parametrize("type", ["Default", "Web Traffic"])
@pytest.mark.parametrize(
    ("quantity", "runs", "whole", "charge"),
    [(100, 10, 1000, "2.00"), (2, 500, 1000, "2.00"), (7, 3, 21, "0.042")],
    ids=["up to the maximum", "each run at the minimum", "between"],
)
def test_a_drip_feed_is_charged_for_all_its_runs(
    shop: Shop, type: str, quantity: int, runs: int, whole: int, charge: str
) -> None:
    sent = GOOD[type] | {"quantity": quantity, "runs": runs, "interval": 45}
    order = placed(shop, type, sent, shop.drip[type])

    assert (order["quantity"], order["remains"], order["charge"]) == (whole, whole, charge)
    assert (order["runs"], order["interval"]) == (runs, 45)


@pytest.mark.parametrize("type", [case.type for case in CASES])
@pytest.mark.parametrize("drip", [{"runs": "3", "interval": "60"}, {"runs": "x"}], ids=str)
def test_without_drip_feed_runs_and_interval_are_ignored(
    shop: Shop, type: str, drip: Sent
) -> None:
    (case,) = [case for case in CASES if case.type == type]
    order = placed(shop, type, case.sent | drip)

    assert (order["runs"], order["interval"], order["quantity"]) == (None, None, case.quantity)
    assert order["parameters"] == case.kept


@pytest.mark.parametrize("type", ["Default", "Web Traffic"])
@pytest.mark.parametrize(
    "drip",
    [
        {"runs": "0", "interval": "0"},
        {"runs": "undefined", "interval": "undefined"},
        {"runs": "null", "interval": "null"},
        {"runs": "NULL", "interval": ""},
        {"runs": "None", "interval": "NaN"},
        {"runs": "0"},
        {"interval": "0"},
        {"runs": "1", "interval": "0"},
        {"runs": "1", "interval": "60"},
        {"runs": "1", "interval": "whenever"},
        {"runs": "1"},
        {"runs": "01"},
    ],
    ids=str,
)
def test_a_drip_feed_that_is_switched_off_is_an_ordinary_order(
    shop: Shop, type: str, drip: Sent
) -> None:
    order = placed(shop, type, GOOD[type] | drip, shop.drip[type])

    assert (order["quantity"], order["charge"]) == (500, "1.00")
    assert (order["runs"], order["interval"]) == (None, None)


@pytest.mark.parametrize("sent", [{"url": LINK}, {"url": LINK, "link": ""}], ids=str)
def test_a_url_stands_for_the_link(shop: Shop, sent: Sent) -> None:
    assert placed(shop, "Default", {"quantity": "500", **sent})["link"] == LINK


def test_a_link_wins_over_a_url_and_both_are_judged_alike(shop: Shop) -> None:
    assert placed(shop, "Default", FIVE_HUNDRED | {"url": "https://b.example/"})["link"] == LINK
    wrong = [{"quantity": "5", "url": text} for text in WRONG["link"]]
    assert refusals(shop, "Default", wrong) == refused("Incorrect link")


def test_a_url_is_a_parameter_of_a_retry(shop: Shop) -> None:
    sent = {"quantity": "5", "idempotency_key": "by-url"}
    first = placed(shop, "Default", {**sent, "url": LINK})
    assert placed(shop, "Default", {**sent, "url": LINK})["id"] == first["id"]
    other = refusals(shop, "Default", [{**sent, "url": "https://b.example/"}])
    assert other == refused("Idempotency key was used with other parameters")


def test_only_types_with_runs_can_offer_drip_feed(shop: Shop) -> None:
    fields = ["--name", "x", "--category", "x", "--rate", "1", "--min", "1", "--max", "9"]
    for kind in set(GOOD) - {"Default", "Web Traffic"}:
        args = ["service", "add", *fields, "--dripfeed", "--type", kind]
        result = shop.runner.invoke(args=args)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"Error: services of type {kind} have no drip-feed\n"


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("1", {"google_keyword": "panel"}, {"google_keyword": "panel"}),
        ("2", {"referring_url": "https://b.example/"}, {"referring_url": "https://b.example/"}),
        ("3", {}, {}),
        ("3", {"google_keyword": "no", "referring_url": "no"}, {}),
        ("1", {"google_keyword": "yes", "referring_url": "no"}, {"google_keyword": "yes"}),
    ],
    ids=["keyword", "referrer", "blank", "blank with both", "keyword with a referrer"],
)
def test_traffic_keeps_what_its_kind_needs(shop: Shop, kind: str, given: Sent, kept: Sent) -> None:
    sent = GOOD["Web Traffic"] | {"type_of_traffic": kind, **given}
    order = placed(shop, "Web Traffic", sent)

    common = {"country": "US", "device": 5, "type_of_traffic": int(kind)}
    assert order["parameters"] == common | kept


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"type_of_traffic": "1"}, "Incorrect request"),
        ({"type_of_traffic": "1", "referring_url": "https://b.example/"}, "Incorrect request"),
        ({"type_of_traffic": "1", "google_keyword": ""}, "Incorrect request"),
        ({"type_of_traffic": "1", "google_keyword": "a\nb"}, "Incorrect google_keyword"),
        ({"type_of_traffic": "2"}, "Incorrect request"),
        ({"type_of_traffic": "2", "google_keyword": "panel"}, "Incorrect request"),
        ({"type_of_traffic": "2", "referring_url": " "}, "Incorrect referring_url"),
    ],
)
def test_traffic_without_what_its_kind_needs_is_refused(
    shop: Shop, given: Sent, text: str
) -> None:
    assert refusals(shop, "Web Traffic", [GOOD["Web Traffic"] | given]) == refused(text)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"posts": "10"}, {"posts": 10}),
        ({"old_posts": "0"}, {"old_posts": 0}),
        ({"posts": "1", "old_posts": "5"}, {"posts": 1, "old_posts": 5}),
        ({"expiry": "31/12/2099"}, {"expiry": "31/12/2099"}),
        ({"expiry": "1/2/2099"}, {"expiry": "1/2/2099"}),
        ({"posts": "", "old_posts": "", "expiry": ""}, {}),
        ({"posts": "undefined", "old_posts": "null", "expiry": "None"}, {}),
        ({"posts": "0", "old_posts": "5"}, {"posts": 0, "old_posts": 5}),
        (
            {"posts": "0", "old_posts": "5", "expiry": "1/2/2099"},
            {"posts": 0, "old_posts": 5, "expiry": "1/2/2099"},
        ),
        ({"posts": "0", "expiry": "1/2/2099"}, {"expiry": "1/2/2099"}),
        (
            {"posts": "0", "old_posts": "0", "expiry": "1/2/2099"},
            {"old_posts": 0, "expiry": "1/2/2099"},
        ),
        ({"min": "20", "max": "20"}, {"min": 20}),
        ({"min": "2", "max": "1000", "delay": "527040"}, {"min": 2, "max": 1000, "delay": 527040}),
    ],
    ids=str,
)
def test_a_subscription_keeps_its_limits(shop: Shop, given: Sent, kept: Sent) -> None:
    order = placed(shop, "Subscriptions", GOOD["Subscriptions"] | given)

    assert (order["status"], order["quantity"], order["charge"]) == ("Active", 0, "0.00")
    assert order["parameters"] == {
        "username": "somebody", "min": 10, "max": 20, "delay": 0, **kept,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"posts": "0"}, "Incorrect posts"),
        ({"posts": "0", "old_posts": "0"}, "Incorrect posts"),
        ({"posts": "0", "old_posts": "", "expiry": "undefined"}, "Incorrect posts"),
        ({"posts": "all"}, "Incorrect posts"),
        ({"posts": "-1"}, "Incorrect posts"),
        ({"old_posts": "-1"}, "Incorrect old_posts"),
        ({"old_posts": "1.5"}, "Incorrect old_posts"),
        ({"expiry": "31/02/2099"}, "Incorrect expiry"),
        ({"expiry": "2099-12-31"}, "Incorrect expiry"),
        ({"expiry": "12/31/2099"}, "Incorrect expiry"),
        ({"expiry": "31/12/99"}, "Incorrect expiry"),
        ({"expiry": "00/01/2099"}, "Incorrect expiry"),
        ({"expiry": "01/01/0000"}, "Incorrect expiry"),
        ({"expiry": "31/12/2001"}, "Incorrect expiry"),
        ({"expiry": "soon"}, "Incorrect expiry"),
    ],
    ids=str,
)
def test_a_subscription_with_wrong_limits_is_refused(shop: Shop, given: Sent, text: str) -> None:
    assert refusals(shop, "Subscriptions", [GOOD["Subscriptions"] | given]) == refused(text)


def test_no_more_than_the_old_posts_are_charged_where_only_those_were_ordered(shop: Shop) -> None:
    sent = GOOD["Subscriptions"] | {"posts": "0", "old_posts": "2"}
    order = placed(shop, "Subscriptions", sent)
    before_micros = accounts.get("alice").balance_micros

    for _ in range(2):
        subscriptions.add_post(order["id"], 10)
    with pytest.raises(OperatorError, match="more posts than were ordered"):
        subscriptions.add_post(order["id"], 10)
    assert before_micros - accounts.get("alice").balance_micros == 2 * parse("0.02")


def test_a_subscription_may_end_today_but_not_yesterday(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LateOnFriday(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "LateOnFriday":
            return cls(2027, 1, 15, 23, 59, 59, tzinfo=UTC)

    monkeypatch.setattr(parameters, "datetime", LateOnFriday)

    order = placed(shop, "Subscriptions", GOOD["Subscriptions"] | {"expiry": "15/01/2027"})
    assert order["parameters"]["expiry"] == "15/01/2027"
    yesterday = GOOD["Subscriptions"] | {"expiry": "14/01/2027"}
    assert refusals(shop, "Subscriptions", [yesterday]) == refused("Incorrect expiry")


def test_a_service_that_does_not_exist_is_judged_as_one_of_type_default(shop: Shop) -> None:
    assert refusals(shop, "", [{}], 999) == refused("Incorrect request")
    assert refusals(shop, "", [WHERE], 999) == refused("Incorrect request")
    wrong = WHERE | {"quantity": "x"}
    assert refusals(shop, "", [wrong], 999) == refused("Incorrect quantity")
    assert refusals(shop, "", [FIVE_HUNDRED], 999) == refused("Incorrect service ID", 404)


@pytest.fixture(scope="module")
def lane(shop: Shop, recorder_server: Recorder) -> Lane:
    """A provider of every service, with drip-feed where there is one."""
    lane = http_lane(recorder_server.url)
    for service in (*shop.services.values(), *shop.drip.values()):
        lane.sells(service, dripfeed=True)
    return lane


@pytest.mark.parametrize("case", CASES, ids=by_type)
def test_the_provider_gets_what_the_type_needs_and_nothing_else(
    shop: Shop, recorder: Recorder, lane: Lane, case: Case
) -> None:
    recorder.first = 1000 * CASES.index(case) + 700  # no two orders have one number
    order = placed(shop, case.type, case.sent | {"quantity": case.sent.get("quantity", "5")})
    lane.send()

    assert recorder.adds == [{"service": f"9{shop.services[case.type]}", **case.received}]
    assert shown(shop.runner, order["id"])["provider_order"] == str(recorder.first)


@pytest.mark.parametrize("type", ["Default", "Web Traffic"])
def test_the_provider_gets_one_runs_quantity_with_runs_and_interval(
    shop: Shop, recorder: Recorder, lane: Lane, type: str
) -> None:
    sent = GOOD[type] | {"quantity": "100", "runs": "7", "interval": "45"}
    placed(shop, type, sent, shop.drip[type])
    lane.send()

    assert recorder.adds == [{"service": f"9{shop.drip[type]}", **sent}]


def test_the_provider_gets_the_optional_parameters_that_were_sent(
    shop: Shop, recorder: Recorder, lane: Lane
) -> None:
    limits = {"posts": "4", "old_posts": "2", "expiry": "31/12/2099"}
    placed(shop, "Subscriptions", GOOD["Subscriptions"] | limits)
    traffic = {"type_of_traffic": "1", "google_keyword": "ein Wort", "referring_url": "not this"}
    placed(shop, "Web Traffic", GOOD["Web Traffic"] | traffic)
    lane.send()

    del traffic["referring_url"]
    assert recorder.adds == [
        {"service": f"9{shop.services['Subscriptions']}", **GOOD["Subscriptions"], **limits},
        {"service": f"9{shop.services['Web Traffic']}", **GOOD["Web Traffic"], **traffic},
    ]
