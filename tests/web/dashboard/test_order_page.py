"""An order's page: all that is known of it, and acts that do what they say."""

import json
import re
from html import unescape
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.dashboard import PASSWORD, Operator
from support.orders import account_id, new_order, offer_of

from actions.add import DETAILS
from database.compiled_query import rows
from database.transactions import immediate
from models import IdempotencyKey, Order, Provider, Service
from panel import money, operators, services
from panel.errors import OperatorError
from panel.operations import orders as operations
from panel.operations.audit import Actor
from panel.orders import cancels, dispatch, exchanges, forecast, lookup, parts, transition
from panel.orders.exchanges import Exchange
from panel.orders.place import OrderRequest, place_order
from panel.orders.state import FOLLOWS
from panel.service_types import SERVICE_TYPES
from web.dashboard import order_view
from web.dashboard.order_acts import ACTS

OLGA = Actor("olga")


def buttons(page: str) -> dict[str, str]:
    """The acts that a page offers, by name, with the labels of their buttons."""
    found = re.findall(r'name="act" value="([^"]+)">.*?<button[^>]*>(.*?)</button>', page, re.S)
    return {name: unescape(label) for name, label in found}


def facts(page: str) -> dict[str, str]:
    """The facts of a page, without its tags."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd[^>]*>(.*?)</dd>", page, re.S)
    return {name: unescape(re.sub(r"<[^>]+>", "", text)).strip() for name, text in found}


# The acts


STATES: list[tuple[str, dict[str, Any]]] = [
    (f"{status}, {remains} remain, {state or 'by hand'}",
     {"status": status, "remains": remains, "dispatch_state": state})
    for (status, remains), state in product(
        [("Pending", 100), ("Processing", 100), ("Processing", 1), ("In progress", 33),
         ("In progress", 0), ("Completed", 0), ("Completed", 33), ("Partial", 33),
         ("Canceled", 100)],
        ("", "waiting", "sent", "review", "failed"),
    )
]  # fmt: skip
STATES += [
    (f"held for {held}", {"dispatch_state": "waiting", "held_because": held, "held_text": "x"})
    for held in dispatch.REFUSED
]
STATES += [
    ("restored", {"dispatch_state": "review", "restored": True, "provider_order": None}),
    ("restored, with their number", {"dispatch_state": "review", "restored": True}),
    ("doubtful before", {"dispatch_state": "waiting", "may_be_at_provider": True}),
]


@pytest.fixture
def odd(cast: SimpleNamespace) -> Any:
    """Make orders of 100 for 0.333333, so that no share of it is round, in some state."""
    provider = Provider.create(
        name="up", url="http://127.0.0.1:9/", key="k" * 20, requests_per_minute=60
    )

    def make(columns: dict[str, Any]) -> int:
        number = new_order(cast.followers)
        given = {"provider": provider, "provider_order": str(number), "charge_micros": 333_333}
        Order.update({**given, **columns}).where(Order.id == number).execute()
        return number

    return make


def done(act: str, order_id: int) -> int | None:
    """What an act pays back in the end; None where it is refused."""
    before = lookup.get(order_id).refunded_micros
    try:
        ACTS[act].operation(OLGA, order_id)
    except OperatorError:
        return None
    return lookup.get(order_id).refunded_micros - before


@pytest.mark.parametrize("columns", [row[1] for row in STATES], ids=[row[0] for row in STATES])
def test_each_act_that_is_offered_does_what_its_button_says(
    columns: dict[str, Any], odd: Any, app: Flask
) -> None:
    for act in forecast.CHANGES:
        order_id = odd(columns)
        order = lookup.get(order_id)
        with app.test_request_context():
            offers = order_view.offers(order, order_view.provider_of(order))
        paid = done(act, order_id)
        if act not in offers:
            # Refused; or another button does the same, or the form by hand.
            replaced = {"refund": "cancel", "cancel": "fail", "partial": "cancel"}
            is_same = act in replaced and {replaced[act], "fail"} & offers.keys()
            changes_nothing = paid == 0 and lookup.get(order_id).status == order.status
            assert paid is None or is_same or changes_nothing, act
            continue
        assert paid is not None, act
        told = re.search(r"([0-9.]+) USD", offers[act].label) if act != "resend" else None
        assert paid == (money.parse(told[1]) if told else 0), offers[act].label
        assert offers[act].is_dangerous or not paid
        assert not offers[act].is_dangerous or act not in ("processing", "in-progress")


def test_an_end_that_is_final_offers_nothing(odd: Any, olga: Operator) -> None:
    for status in ("Partial", "Canceled"):
        order_id = odd({"status": status, "remains": 40, "refunded_micros": 1})
        page = olga.text(f"/admin/orders/{order_id}")
        assert buttons(page) == {}
        assert f"The order is {status}, which is final." in page


def test_acts_are_named_by_what_they_do_with_the_amount(odd: Any, olga: Operator) -> None:
    order_id = odd({"status": "In progress", "remains": 40, "dispatch_state": "sent",
                    "cost_micros": 90_000})  # fmt: skip
    page = olga.text(f"/admin/orders/{order_id}")
    assert buttons(page) == {
        "processing": "Set Processing",
        "completed": "Set Completed",
        "cancel": "Cancel and refund 0.133333 USD",
        "partial": "Set Partial and refund 0.133333 USD",
        "refund": "Refund everything: 0.333333 USD",
    }
    dangerous = page.partition('class="card danger-zone"')[2].partition("</section>")[0]
    assert set(buttons(dangerous)) == {"cancel", "partial", "refund"}
    assert dangerous.count("data-confirm=") == 3
    assert "up is not told: what it delivers from now on is for nothing, at a cost" in dangerous
    assert "though 60 of 100 were delivered" in dangerous


@pytest.mark.parametrize("act", ["cancel", "refund", "partial", "completed"])
def test_a_button_of_one_order_acts_at_once(act: str, odd: Any, olga: Operator) -> None:
    order_id = odd({"status": "In progress", "remains": 40, "dispatch_state": "sent"})
    answer = olga.post("/admin/orders/act", order=order_id, act=act, confirmed="1",
                       back=f"/admin/orders/{order_id}")  # fmt: skip
    assert answer.location == f"/admin/orders/{order_id}"
    assert lookup.get(order_id).status == {"completed": "Completed", "partial": "Partial"}.get(
        act, "Canceled"
    )


# An order in doubt


def test_an_order_in_doubt_says_what_is_known_and_what_each_choice_means(
    olga: Operator, in_review: int
) -> None:
    answer = Exchange(1, "add", {}, 502, "<html>Bad \u202eGateway</html>")
    with immediate():
        event = transition.Event("unknown", "HTTP 502", answer)
        transition.apply_change(lookup.get(in_review), {}, event)
    page = olga.text(f"/admin/orders/{in_review}")
    told = facts(page)
    assert told["Provider"] == "sandbox"
    assert told["Tries so far"].startswith("1, the last at ")
    assert "as service 1" in told["Sent"] and "https://t.me/x" in page
    assert told["Came back"].startswith("HTTP 502")
    assert "&lt;html&gt;Bad \\u202eGateway&lt;/html&gt;" in page
    assert "has not said that it takes an order under one key once" in told["Sent twice"]
    assert buttons(page)["resend"] == "Send again to sandbox (costs about 0.10 USD)"
    assert buttons(page)["fail"] == "Give up and refund 0.50 USD"
    assert "cancel" not in buttons(page)  # which is the same
    for meaning in (
        "Nothing is paid back, and its cost of 0.10 USD is booked.",
        "it is bought and delivered twice, for about another 0.10 USD",
        "If they have it after all, they deliver it for nothing: it costs about 0.10 USD.",
    ):
        assert meaning in page
    Provider.update(idempotent=True).execute()
    assert "takes an order under one key once: to send it" in olga.text(
        f"/admin/orders/{in_review}"
    )


def test_what_else_an_order_in_doubt_is_held_for_is_told(olga: Operator, in_review: int) -> None:
    Order.update(held_because="status", held_text="Foo, remains 7", restored=True,
                 known_before="at old under the number 9").execute()  # fmt: skip
    transition.change(in_review, status="In progress")
    Order.update(restored=True, known_before="at old under the number 9").execute()
    told = facts(olga.text(f"/admin/orders/{in_review}"))
    assert told["Before the restore"] == "at old under the number 9"
    assert "restored from a copy" in told["Restored"]


def test_an_order_whose_customer_asked_to_cancel_it_is_not_sent_again(
    olga: Operator, in_review: int
) -> None:
    Service.update(cancel=True).execute()
    cancels.request(account_id(), [in_review])
    page = olga.text(f"/admin/orders/{in_review}")
    assert "asked to cancel it, so it is not sent again" in page
    assert "It is not sent again, because its customer asked to cancel it." in page
    assert "resend" not in buttons(page)
    assert "fail" in buttons(page)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("In progress", "It is In progress, so it counts as begun, and is not sent again."),
        ("Completed", "It is Completed: there is nothing to send."),
    ],
)
def test_an_order_in_doubt_that_was_set_by_hand_says_why_it_is_not_sent_again(
    status: str, why: str, olga: Operator, in_review: int
) -> None:
    assert why not in olga.text(f"/admin/orders/{in_review}")
    transition.change(in_review, status=status)
    page = olga.text(f"/admin/orders/{in_review}")
    choice = page.partition('<h3 id="not-have-it">')[2].partition("</section>")[0]
    assert why in choice
    assert "resend" not in buttons(page)


@pytest.mark.parametrize("held", ["refusal", "funds", "cost", "word", "status", "posts"])
def test_a_held_order_says_why_and_what_can_be_done(held: str, odd: Any, olga: Operator) -> None:
    is_refused = held in dispatch.REFUSED
    order_id = odd({
        "dispatch_state": "waiting" if is_refused else "sent", "held_because": held,
        "held_text": "their <b>words</b>",
    })  # fmt: skip
    page = olga.text(f"/admin/orders/{order_id}")
    assert "their &lt;b&gt;words&lt;/b&gt;" in page
    assert {"resend", "fail"} <= buttons(page).keys() or not is_refused
    assert ('name="meaning"' in page) == (held in ("refusal", "word"))


# What was ordered


def test_every_parameter_has_a_label_of_its_own() -> None:
    assert order_view.LABELS.keys() == DETAILS.keys() - {"link", "quantity", "runs", "interval"}
    assert len(set(order_view.LABELS.values())) == len(order_view.LABELS)
    for of_type, name in order_view.LABELS_OF_TYPE:
        assert name in SERVICE_TYPES[of_type].parameters


def ordered_of(type: str, olga: Operator, **details: Any) -> tuple[int, str]:
    service = services.add(
        name="Such", category="Things", type=type, rate_micros=1, min=1, max=10**6
    )
    quantity = 100 if SERVICE_TYPES[type].charged == "quantity" else None
    wanted = OrderRequest("https://a.example/", quantity, details=details)
    order_id = place_order(account_id(), offer_of(service), wanted, "req-1")
    return order_id, olga.text(f"/admin/orders/{order_id}")


@pytest.mark.parametrize(
    ("type", "details", "told"),
    [
        ("Poll", {"answer_number": 2}, {"Answer of the poll": "2"}),
        ("Mentions Hashtag", {"hashtag": "cats"}, {"Hashtag": "cats"}),
        ("Comment Likes", {"username": "ann"}, {"Author of the comment": "ann"}),
        ("Mentions User Followers", {"username": "https://x.y/z"}, {"Followers of": "https://x.y/z"}),
        ("Web Traffic", {"country": "US", "device": 5, "type_of_traffic": 2,
                         "referring_url": "https://r.example/"},
         {"Country": "US", "Device": "5 desktop and mobile", "Referrer": "https://r.example/",
          "Type of traffic": "2 from a referrer"}),
    ],
)  # fmt: skip
def test_what_was_ordered_is_told_in_the_trades_words(
    type: str, details: dict[str, Any], told: dict[str, str], olga: Operator
) -> None:
    _, page = ordered_of(type, olga, **details)
    assert told.items() <= facts(page).items()
    assert facts(page)["Request"] == "req-1"


def test_a_list_is_folded_counted_and_can_be_copied(olga: Operator) -> None:
    comments = "\n".join(f"Comment {n}" for n in range(1_000))
    _, page = ordered_of("Custom Comments", olga, comments=comments)
    assert "<summary>Comments: 1,000 lines</summary>" in page
    assert f'class="raw" tabindex="0" role="region" aria-label="Comments">{comments}</pre>' in page
    assert re.search(r'data-copy="(ordered-\d+)"', page)[1] in page  # type: ignore[index]


def test_a_longer_list_is_cut_and_downloaded_whole(olga: Operator) -> None:
    comments = "\n".join(f"Comment {n}: {'x' * 90}" for n in range(20_000))
    order_id, page = ordered_of("Custom Comments", olga, comments=comments)
    assert len(page) < 100_000
    assert "Download all 20,000 lines" in page
    assert 'data-copy="ordered-' not in page  # not a part of it as though it were all
    file = olga.client.get(f"/admin/orders/{order_id}/ordered/comments.txt")
    assert file.text == comments
    assert (file.mimetype, file.headers["Content-Disposition"]) == (
        "text/plain", f'attachment; filename="order-{order_id}-comments.txt"',
    )  # fmt: skip
    for name in ("usernames", "..", "comments.txt"):
        missing = olga.client.get(f"/admin/orders/{order_id}/ordered/{name}.txt")
        assert missing.status_code == 404


def test_the_idempotency_key_is_told(olga: Operator, order_id: int) -> None:
    IdempotencyKey.create(
        account=account_id(), key="retry-<1>", parameters_hash=bytes(32), order=order_id
    )
    assert facts(olga.text(f"/admin/orders/{order_id}"))["Idempotency key"] == "retry-<1>"


def test_the_providers_number_is_a_link_to_the_search(odd: Any, olga: Operator) -> None:
    order_id = odd({"dispatch_state": "sent", "provider_order": "a&b=<7>"})
    page = olga.text(f"/admin/orders/{order_id}")
    (link,) = re.findall(r'<a href="([^"]+)" class="any" id="their-number">', page)
    assert unescape(link) == "/admin/orders?q=a%26b%3D%3C7%3E"
    assert f"/admin/orders/{order_id}" in olga.text(unescape(link))


# Runs and posts


def test_a_drip_feed_lists_its_runs_ten_at_a_time(
    odd: Any, olga: Operator, cast: SimpleNamespace
) -> None:
    whole = odd({"runs": 25, "interval": 60, "dispatch_state": "parts", "quantity": 250,
                 "remains": 250})  # fmt: skip
    runs = [
        odd({"parent": whole, "part": n, "quantity": 10, "remains": 0 if n < 9 else 10,
             "status": "Completed" if n < 9 else "In progress", "dispatch_state": "sent"})
        for n in range(1, 26)
    ]  # fmt: skip
    page = olga.text(f"/admin/orders/{whole}")
    shown = re.findall(r'<th scope="row"><a href="/admin/orders/(\d+)"', page)
    assert [int(n) for n in shown] == runs[:-11:-1]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    assert "25 of 25: 8 Completed, 17 In progress. Together 250, of which 170 remain" in text
    assert "250: 25 runs of 10" in text
    second = olga.text(f"/admin/orders/{whole}?before={shown[-1]}")
    assert f'href="/admin/orders/{runs[5]}"' in second
    part = olga.text(f"/admin/orders/{runs[2]}")
    assert f'Run 3 of the drip-feed <a href="/admin/orders/{whole}">order {whole}</a>' in part


def test_the_whole_of_a_drip_feed_costs_what_its_runs_cost(odd: Any, olga: Operator) -> None:
    whole = odd({"runs": 2, "interval": 60, "dispatch_state": "parts"})
    for part in (1, 2):
        odd({"parent": whole, "part": part, "charge_micros": 0, "cost_micros": 100_000})
    page = olga.text(f"/admin/orders/{whole}")
    assert "<dt>Charge</dt><dd>0.333333 USD</dd>" in page
    assert "<dt>Cost</dt><dd>0.20 USD</dd>" in page
    assert "<dt>Profit</dt><dd>0.133333 USD</dd>" in page


def test_posts_of_a_subscription_have_their_charges(odd: Any, olga: Operator) -> None:
    whole = odd({
        "quantity": 0, "remains": 0, "status": "Active", "dispatch_state": "sent",
        "charge_micros": 0, "parameters": '{"username": "u", "min": 1, "max": 9}',
    })  # fmt: skip
    post = odd({"parent": whole, "status": "Completed", "remains": 0, "cost_micros": 1000})
    page = olga.text(f"/admin/orders/{whole}")
    assert f'href="/admin/orders/{post}"' in page
    assert "0.333333" in page
    assert buttons(page) == {"completed": "Set Completed", "cancel": "Cancel, refund nothing"}
    assert f'A post of the subscription <a href="/admin/orders/{whole}">' in olga.text(
        f"/admin/orders/{post}"
    )


def words_of(page: str, act: str) -> str:
    """What the page says beside an act's button."""
    return unescape(page.partition(f'<p id="says-{act}">')[2].partition("</p>")[0])


def test_a_drip_feed_warns_of_its_provider_while_a_run_may_be_there(
    odd: Any, olga: Operator
) -> None:
    whole = odd({"runs": 3, "interval": 60, "dispatch_state": "parts", "provider_order": None})

    def told() -> tuple[str, str]:
        page = olga.text(f"/admin/orders/{whole}")
        return words_of(page, "cancel"), words_of(page, "completed")

    for text in told():  # none was sent yet
        assert "up is" not in text
        assert text.endswith(" No further run is sent.")
    run = odd({"parent": whole, "part": 1, "dispatch_state": "waiting", "charge_micros": 0})
    assert "up is not told: what it delivers from now on is for nothing." in told()[0]
    assert "up is asked about it no more." in told()[1]
    transition.change(run, status="Completed")
    assert not any("up is" in text for text in told())
    Order.update(restored=True).where(Order.id == whole).execute()  # there may be one more
    assert "up is not told" in told()[0]


def test_a_subscription_says_what_its_posts_are_charged_and_what_becomes_of_them(
    odd: Any, olga: Operator
) -> None:
    whole = odd({
        "quantity": 0, "remains": 0, "status": "Active", "dispatch_state": "sent",
        "charge_micros": 0, "parameters": '{"username": "u", "min": 1, "max": 9}',
    })  # fmt: skip
    page = olga.text(f"/admin/orders/{whole}")
    assert words_of(page, "completed") == (
        "The order ends. No post of it was charged. up is asked about it no more."
    )
    for status in ("Completed", "In progress", "Pending"):
        odd({"parent": whole, "status": status, "charge_micros": 750_000})
    page = olga.text(f"/admin/orders/{whole}")
    posts = (
        "Its 3 posts stay charged at 2.25 USD. 2 of them are still open: they go on as orders of "
        "their own."
    )
    assert words_of(page, "completed") == f"The order ends. {posts} up is asked about it no more."
    assert words_of(page, "cancel") == (
        f"The order ends as Canceled. Nothing is paid back. {posts} up is not told: posts that it "
        "finds from now on are for nothing."
    )
    assert "0.00 USD" not in words_of(page, "completed")


def test_sums_of_very_many_parts_are_of_the_newest(
    odd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = odd({"quantity": 0, "remains": 0, "status": "Active"})
    for _ in range(5):
        odd({"parent": whole})
    monkeypatch.setattr(parts, "MOST_SUMMED", 5)
    assert parts.part_sums(whole)[:2] == (5, False)
    monkeypatch.setattr(parts, "MOST_SUMMED", 3)
    assert parts.part_sums(whole)[:2] == (3, True)


def test_a_huge_orders_page_stays_bounded(odd: Any, olga: Operator) -> None:
    comments = "\n".join(["word " * 20] * 1_000)
    whole = odd({
        "runs": 10_000, "interval": 1, "dispatch_state": "parts",
        "parameters": json.dumps({"comments": comments}),
    })  # fmt: skip
    (row,) = rows(Order.select().where(Order.id == whole).dicts())
    row |= {"id": None, "parent": whole, "part": 1, "parameters": "{}", "runs": None,
            "interval": None, "provider_order": None}  # fmt: skip
    del row["id"]
    for _ in range(4):
        Order.insert_many([row] * 250).execute()
    for number in range(400):
        with immediate():
            long = Exchange(1, "status", {"orders": "7"}, 200, "x" * 5_000)
            event = transition.Event("warning", f"{number} " + "w" * 600, long)
            transition.apply_change(lookup.get(whole), {}, event)
    for _ in range(120):
        operations.change(OLGA, whole, start_count=1)
    page = olga.text(f"/admin/orders/{whole}")
    assert page.count("<li><time>") == 300
    assert "older ones are not shown" in page
    assert page.count("What was sent and answered") == exchanges.MOST_OF_AN_ORDER
    assert len(page) < 600_000


# Hostile content


HOSTILE = "\u202e<script>alert(1)</script>" + "x" * 400


def test_hostile_content_is_harmless(odd: Any, olga: Operator) -> None:
    order_id = odd({
        "link": f"https://evil.example/?{HOSTILE}", "provider_order": HOSTILE[:64],
        "dispatch_state": "sent", "warning": HOSTILE, "held_because": "status",
        "held_text": HOSTILE, "known_before": HOSTILE, "request_id": HOSTILE,
        "parameters": json.dumps({"comments": f"{HOSTILE}\n{HOSTILE}", "username": HOSTILE,
                                  "never <heard> of": HOSTILE}),
    })  # fmt: skip
    with immediate():
        exchange = Exchange(1, "add<b>", {"<i>": HOSTILE}, 200, HOSTILE)
        event = transition.Event("warning", HOSTILE, exchange)
        transition.apply_change(lookup.get(order_id), {}, event)
    page = olga.text(f"/admin/orders/{order_id}")
    for tag in ("<script>alert", "<b>", "<i>", "never <heard>"):
        assert tag not in page
    assert "\\u202e&lt;script&gt;alert(1)" in page  # of the exchange, written out


@pytest.mark.parametrize(
    ("link", "is_open"),
    [
        ("https://t.me/x", True),
        ("HTTP://t.me/x", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("@somebody", False),
        (' https://t.me/" onclick="x', False),
    ],
)
def test_only_a_link_of_the_web_can_be_opened(
    link: str, is_open: bool, odd: Any, olga: Operator
) -> None:
    order_id = odd({"link": link})
    page = olga.text(f"/admin/orders/{order_id}")
    shown = page.partition("<dt>Link</dt>")[2].partition("</dd>")[0]
    assert ('target="_blank" rel="noopener noreferrer"' in shown) == is_open
    assert 'data-copy="link-text"' in shown
    assert 'onclick="' not in shown


# The story


def test_the_story_says_each_thing_once_and_who_did_it(olga: Operator, in_review: int) -> None:
    olga.post("/admin/orders/act", order=in_review, act="resend", confirmed="1")
    Order.update(dispatch_state="review").where(Order.id == in_review).execute()
    olga.post(f"/admin/orders/{in_review}/attach", provider_order="77")
    operations.refund(Actor("(command line)"), in_review)
    olga.post("/admin/orders/act", order=in_review, act="completed", confirmed="1")
    page = olga.text(f"/admin/orders/{in_review}")
    story = page.partition('<ol class="story">')[2].partition("</ol>")[0]
    told = re.sub(r"<time>.*?</time>|<details.*?</details>|<[^>]+>", "", story, flags=re.S)
    lines = [re.sub(r"\s+", " ", line).strip() for line in unescape(told).split("\n") if line]
    acts = [line for line in lines if line.startswith("operator")]
    assert [act.removesuffix(": refunded 0.50 USD") for act in acts] == [
        "operator olga: resend",
        "operator olga: attach 77",
        "operator (command line): refund",
        f"operator olga: set status Completed: refused: order {in_review} is Canceled, which is "
        "final",
    ]
    assert "sending worker: as service 1" in lines
    assert "sent worker: the provider's number is 77" in lines


def test_a_viewer_sees_all_of_it_and_can_press_nothing(
    cast: SimpleNamespace, client: Any, in_review: int
) -> None:
    operators.add("vera", PASSWORD, operators.Role.VIEWER)
    vera = Operator(client, "vera")
    page = vera.text(f"/admin/orders/{in_review}")
    for text in ("In doubt: does sandbox have it?", "Tries so far", "HTTP 502", "as service 1"):
        assert text in page
    assert buttons(page) == {}
    assert "Attach" not in page
    main = page.partition("<main")[2].partition("</main>")[0]
    assert re.findall(r"<button(?! type=\"button\" class=\"quiet\" hidden)", main) == []
    denied = vera.post("/admin/orders/act", order=in_review, act="fail", confirmed="1")
    assert denied.status_code == 403
    assert lookup.get(in_review).dispatch_state == "review"


def test_every_status_can_be_left_or_is_said_to_be_final(odd: Any, olga: Operator) -> None:
    for status, follows in FOLLOWS.items():
        of_subscription = {"quantity": 0, "remains": 0} if status in ("Active", "Paused") else {}
        order_id = odd({"status": status, **of_subscription})
        page = olga.text(f"/admin/orders/{order_id}")
        assert ("which is final" in page) == (not follows)


def test_an_order_that_is_not_there_is_not_found(olga: Operator) -> None:
    assert olga.client.get("/admin/orders/999").status_code == 404
