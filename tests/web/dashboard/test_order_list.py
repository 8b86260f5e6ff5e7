"""The list of orders: filtered, searched, exported, and acted on in bulk after a question."""

import csv
import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from support.apps import listed
from support.clock import Clock
from support.dashboard import Operator, lines, place, said
from support.orders import account_id, balance, new_order
from support.plans import plans

from database.compiled_query import rows
from database.unavailable import NoTurnError
from models import Cancel, Order, Refill, Service
from panel import accounts, ledger, operators, order_lists
from panel.money import MICROS, parse
from panel.operations.audit import Actor
from panel.operators import Role
from panel.orders import cancels, dispatch, forecast, lookup, parts, refills, transition
from panel.providers import registry, sources
from web.dashboard import bulk
from web.dashboard.order_acts import ACTS


def shown(page: str) -> list[int]:
    """The orders of a page that can be selected."""
    return [int(n) for n in re.findall(r'name="order" value="(\d+)"', page)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [4, 3, 2, 1]),
        ("status=Canceled", [2]),
        ("status=Pending", [4, 3, 1]),
        ("customer=bob", [3]),
        ("service=2", []),
        ("provider=1", [4]),
        ("status=Pending&customer=alice", [4, 1]),
        ("status=Canceled&customer=alice&service=1", [2]),
        ("customer=alice&provider=1", [4]),
        ("status=Canceled&customer=bob", []),
        ("from=1970-01-02&to=1970-01-02", [1]),
        ("from=1970-01-03", [4, 3, 2]),
        ("to=1970-01-01", []),
        ("from=1970-01-02&to=1970-01-02&status=Pending&customer=alice", [1]),
        ("q=3", [3]),
        ("q=4711", [4]),
        ("q=https://t.me/two", [2]),
        ("q=https://t.me/t", [3, 2]),
        ("q=T.ME/T", [3, 2]),
        ("q=me/thr", [3]),
        ("q=https://t.me/t&customer=bob", [3]),
        ("q=%25", []),
        ("before=3", [2, 1]),
        ("only=requests", [3, 1]),
        ("only=requests&customer=alice", [1]),
        ("only=warning", [4, 1]),
        ("only=held", [1]),
        ("only=review", []),
        ("only=warning&only=held", [1]),
        ("only=warning&only=", [4, 1]),
        ("only=warning&q=elsewhere", [4]),
    ],
)
def test_orders_are_found(
    query: str, found: list[int], olga: Operator, cast: SimpleNamespace
) -> None:
    for name, link in (("alice", "https://t.me/one"), ("alice", "https://t.me/two"),
                       ("bob", "https://t.me/three")):  # fmt: skip
        place(cast, name, link)
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    last = place(cast, "alice", "http://elsewhere.example")
    dispatch.claim(provider.id)
    dispatch.record_accepted(last, "4711", 0)
    transition.change(2, status="Canceled")
    for number in (1, 3):
        Cancel.create(order=number, status="pending")
    Order.update(warning="odd").where(Order.id.in_([1, 4])).execute()
    Order.update(held_because="word").where(Order.id == 1).execute()
    Order.update(created_at=86400).where(Order.id == 1).execute()
    assert shown(olga.text(f"/admin/orders?{query}")) == found


@pytest.mark.parametrize("query", ["customer=nobody", "from=tomorrow", "to=2026-02-30"])
def test_a_filter_that_makes_no_sense_is_told(query: str, olga: Operator, order_id: int) -> None:
    page = olga.text(f"/admin/orders?{query}")
    assert len(said(page)) == 1
    assert shown(page) == []


@pytest.mark.parametrize("query", ["q=ab", "q=%22", "q=7"])
def test_a_text_too_short_for_links_is_told(query: str, olga: Operator, order_id: int) -> None:
    assert "A part of a link needs 3 characters or more" in olga.text(f"/admin/orders?{query}")
    assert "needs 3 characters" not in olga.text("/admin/orders?q=abc")


def cells(page: str, label: str) -> list[str]:
    """The texts of a column."""
    found = re.findall(rf'<td data-label="{re.escape(label)}"[^>]*>(.*?)</td>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in found]


def test_a_charge_and_its_refund_have_the_same_decimals(
    olga: Operator, cast: SimpleNamespace
) -> None:
    for charge, refunded in ((1_800_000, 1_800_000), (1_234_500, 0), (300_000, 100_001)):
        number, status = place(cast, "alice"), "Canceled" if refunded else "Pending"
        Order.update(charge_micros=charge, refunded_micros=refunded, status=status).where(
            Order.id == number
        ).execute()
    assert cells(olga.text("/admin/orders"), "Charge") == [
        "0.300000 0.100001 refunded", "1.234500", "1.800000 1.800000 refunded",
    ]  # fmt: skip


def test_a_row_has_remains_provider_profit_and_warning(
    olga: Operator, cast: SimpleNamespace
) -> None:
    provider = registry.add("a.panel", registry.SANDBOX_URL, "", 60)
    first = place(cast, "alice")
    place(cast, "alice")
    transition.change(first, status="Partial", remains=40)
    Order.update(
        provider=provider.id, provider_order="X-77", cost_micros=350_001, warning='"odd" <b>'
    ).where(Order.id == first).execute()
    page = olga.text("/admin/orders")
    assert cells(page, "Remains") == ["100", "40"]
    assert cells(page, "Provider") == ["", "a.panel X-77"]
    assert cells(page, "Charge") == ["0.50", "0.50 0.20 refunded"]
    assert cells(page, "Profit") == ["0.500000", "-0.050001"]
    assert cells(page, "Warning") == [
        "", f"⚠ Warning of order {first} &#34;odd&#34; &lt;b&gt;"
    ]  # fmt: skip
    assert '<summary title="&#34;odd&#34; &lt;b&gt;">' in page
    assert re.search(r'<a [^>]*href="/admin/providers/a.panel"[^>]*>a.panel</a>', page)


@pytest.mark.parametrize(
    ("link", "opens"),
    [
        ("https://t.me/x?a=1&b=2", True),
        ("HTTP://t.me/x", True),
        ("javascript:alert(1)", False),
        ("JavaScript://t.me/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("@name", False),
        ("t.me/x", False),
        (" https://t.me", False),
    ],
)
def test_a_link_of_the_web_alone_is_opened_and_every_one_copied(
    link: str, opens: bool, olga: Operator, order_id: int
) -> None:
    Order.update(link=link).where(Order.id == order_id).execute()
    page = olga.text("/admin/orders")
    found = re.findall(rf'<a id="link-{order_id}"([^>]*)>', page)
    assert len(found) == opens
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', page)).lower()
    for attributes in found:
        assert 'rel="noopener noreferrer nofollow"' in attributes
        assert 'target="_blank"' in attributes
    assert f'data-copy="link-{order_id}"' in page


def tiles(page: str) -> list[str]:
    box = page.partition('class="tiles"')[2].partition("</dl>")[0]
    return re.findall(r"<dd[^>]*>(?:<data[^>]*>)?([^<]*)", box)


def test_the_totals_are_of_all_that_is_found_not_of_the_page(
    olga: Operator, cast: SimpleNamespace
) -> None:
    for _ in range(3):
        place(cast, "alice")
    transition.change(place(cast, "bob"), status="Partial", remains=40)
    Order.update(cost_micros=100_001).where(Order.id == 1).execute()
    for query in ("", "?service=1", "?q=t.me/x", "?from=2001-01-01"):
        page = olga.text(f"/admin/orders{query}")
        if query != "?from=2001-01-01" and query:  # the sums by the hour follow the triggers
            assert tiles(page) == ["4", "2.00", "0.20", "0.10", "1.70"], query
        assert tiles(page)[:3] == ["4", "2.00", "0.20"], query
    assert tiles(olga.text("/admin/orders?customer=bob")) == ["1", "0.50", "0.20", "0.00", "0.30"]
    assert tiles(olga.text("/admin/orders?before=2")) == []


def test_the_runs_of_drip_feeds_are_told_beside_the_orders(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = place(cast, "alice")
    (row,) = rows(Order.select().where(Order.id == whole).dicts())
    del row["id"]
    for part in (1, 2):
        run = {"parent": whole, "part": part, "charge_micros": 0}
        Order.insert({**row, **run}).execute()
        for query in ("", "?service=1", "?status=Pending"):
            told = plain(olga.text(f"/admin/orders{query}"))
            many = "" if part == 1 else "s"
            assert f"Orders 1 and {part} run{many} of drip-feeds Charge" in told
            assert len(exported(olga, query)) == 1 + part
    monkeypatch.setattr(order_lists, "SCAN", 0)
    page = plain(olga.text("/admin/orders"))
    assert "Orders 1 Charge" in page
    assert "Runs of drip-feeds are listed, too, and are not counted." in page


def test_totals_of_a_part_say_of_which_part(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        place(cast, "alice")
    monkeypatch.setattr(order_lists, "SCAN", 3)
    page = olga.text("/admin/orders?customer=alice")
    assert tiles(page)[0] == "3"
    assert "down to order 3; older orders are not summed up" in page
    assert "Next page" in page


def test_the_filter_stays_on_the_next_page_and_with_other_sizes(
    olga: Operator, cast: SimpleNamespace
) -> None:
    for _ in range(51):
        place(cast, "alice", "https://t.me/a&b")
    Order.update(warning="odd", held_because="word").execute()
    query = "q=me%2Fa%26b&customer=alice&only=held&only=warning"
    page = olga.text(f"/admin/orders?{query}&rows=50")
    assert len(shown(page)) == 50
    links = [
        link.replace("&amp;", "&") for link in re.findall(r'href="(/admin/orders\?[^"]+)"', page)
    ]
    follow = next(link for link in links if "before=" in link)
    assert shown(olga.text(follow)) == [1]
    assert f"{query}&rows=50" in follow
    larger = next(link for link in links if "rows=100" in link)
    assert len(shown(olga.text(larger))) == 51
    assert f"/admin/orders.csv?{query}".replace("&", "&amp;") in page


@pytest.mark.parametrize("query", ["endpoint=x", "_external=1", "_anchor=x", "rows=7", "rows=x"])
def test_what_an_address_says_besides_changes_nothing(
    query: str, olga: Operator, cast: SimpleNamespace
) -> None:
    for _ in range(51):
        place(cast, "alice")
    page = olga.text(f"/admin/orders?{query}")
    assert len(shown(page)) == 50
    assert 'rel="next" href="/admin/orders?' in page


# The export


def exported(olga: Operator, query: str = "") -> list[dict[str, str]]:
    answer = olga.client.get(f"/admin/orders.csv{query}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_an_export_is_read_back_exactly(
    clock: Clock, olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_lists, "PART", 2)
    provider = registry.add("a-panel", registry.SANDBOX_URL, "", 60)
    links = [
        'https://t.me/x?a="1",2', "=HYPERLINK(1)", "+1", "-1", "@name", "https://t.me/ü\U0001f600",
        "https://t.me/7",
    ]  # fmt: skip
    for link in links:
        place(cast, "alice", link)
    transition.change(1, status="Partial", remains=33, start_count=7)
    Order.update(
        provider=provider.id, provider_order="-5", cost_micros=1, dispatch_state="sent",
        warning="=1+1", held_because="word", held_text="@what",
    ).where(Order.id == 1).execute()  # fmt: skip
    rows = exported(olga)
    assert [int(row["order"]) for row in rows] == [7, 6, 5, 4, 3, 2, 1]
    assert rows[-1] == {
        "order": "1", "status": "Partial", "customer": "alice", "service": "1",
        "service name": "Followers", "link": links[0], "quantity": "100", "start count": "7",
        "remains": "33", "charge": "0.50", "refunded": "0.165", "cost": "0.000001",
        "profit": "0.334999", "provider": "a-panel", "provider's order": "'-5",
        "dispatch state": "sent", "held because": "word", "provider's words": "'@what",
        "warning": "'=1+1", "placed (UTC)": "2027-01-15 08:00:00",
        "updated (UTC)": "2027-01-15 08:00:00",
    }  # fmt: skip
    assert [row["link"] for row in rows[::-1]] == [
        links[0], "'=HYPERLINK(1)", "'+1", "'-1", "'@name", *links[5:],
    ]  # fmt: skip
    for row in rows:
        amounts = {n: parse(row[n]) for n in ("charge", "refunded", "cost")}
        order = lookup.get(int(row["order"]))
        assert list(amounts.values()) == [
            order.charge_micros, order.refunded_micros, order.cost_micros,
        ]  # fmt: skip


def test_an_export_has_what_the_filter_finds(olga: Operator, cast: SimpleNamespace) -> None:
    for name in ("alice", "bob", "alice"):
        place(cast, name, f"https://t.me/{name}")
    transition.change(3, status="Canceled")
    assert [row["order"] for row in exported(olga, "?customer=alice")] == ["3", "1"]
    assert [row["order"] for row in exported(olga, "?q=me/ali&status=Canceled")] == ["3"]
    assert exported(olga, "?q=nowhere") == []
    assert olga.client.get("/admin/orders.csv?customer=nobody").status_code == 404
    assert olga.client.get("/admin/orders.csv?service=Followers").status_code == 404


def test_an_export_is_named_after_the_day(clock: Clock, olga: Operator, order_id: int) -> None:
    answer = olga.client.get("/admin/orders.csv")
    disposition = answer.headers["Content-Disposition"]
    assert disposition == 'attachment; filename="orders-2027-01-15.csv"'


def test_an_export_is_read_in_parts_and_holds_no_transaction(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that is changed while the client reads is as it is when its part is read."""
    monkeypatch.setattr(order_lists, "PART", 1)
    for _ in range(3):
        place(cast, "alice")
    answer = olga.client.get("/admin/orders.csv", buffered=False)
    parts = answer.iter_encoded()
    first = next(parts)
    transition.change(1, status="Canceled")
    rest = b"".join(parts)
    assert b"Canceled" not in first
    assert rest.count(b"Canceled") == 1


def test_a_viewer_exports_and_acts_on_nothing(olga: Operator, order_id: int, app: Any) -> None:
    operators.add("vera", "a good password", Role.VIEWER)
    vera = Operator(app.test_client(), "vera")
    page = vera.text("/admin/orders")
    assert shown(page) == []
    assert "With selected" not in page
    assert "CSV of what is found" in page
    assert len(exported(vera)) == 1
    for fields in ({"order": order_id}, {"all": "1"}):
        answer = vera.post("/admin/orders/act", act="cancel", confirmed="bulk", **fields)
        assert answer.status_code == 403
    assert lookup.get(order_id).status == "Pending"


# Acts


def ask(olga: Operator, act: str, numbers: list[int], **fields: Any) -> str:
    answer = olga.post("/admin/orders/act", act=act, order=numbers, **fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def plain(page: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


def test_an_act_is_asked_for_with_its_count_and_sum_and_then_told_for_each_order(
    olga: Operator, cast: SimpleNamespace
) -> None:
    numbers = [place(cast, name) for name in ("alice", "bob", "alice", "alice")]
    transition.change(numbers[1], status="In progress", remains=40)
    transition.change(numbers[2], status="Canceled")
    before = [balance("alice"), balance("bob")]
    page = ask(olga, "cancel", [*numbers, 999])
    assert "Cancel, refund what remains: 3 orders?" in page
    assert "At most 1.20 USD is paid back" in plain(page)
    assert "with 3 orders of 2 customers" in plain(page)
    assert f"order {numbers[2]} is Canceled already" in page
    assert "999: there is no such order" in page
    assert 'name="word"' not in page
    assert lines() == []
    assert [lookup.get(n).status for n in numbers] == [
        "Pending", "In progress", "Canceled", "Pending",
    ]  # fmt: skip

    # What was not counted is not confirmed either, even where it can be done by then.
    confirmed = [int(n) for n in re.findall(r'name="order" value="(\d+)"', page)]
    assert confirmed == [numbers[0], numbers[1], numbers[3]]
    page = ask(olga, "cancel", [*numbers, 999], confirmed="bulk")
    assert "done with 3 of 5" in page
    assert "1.20 USD was paid back" in plain(page)
    assert cells(page, "Paid back") == ["0.50", "0.20", "", "0.50", ""]
    assert cells(page, "Outcome") == [
        "done Canceled", "done Canceled", "not done", "done Canceled", "not done",
    ]  # fmt: skip
    assert cells(page, "Why")[2] == "nothing to do: it is Canceled already"
    assert cells(page, "Why")[4] == "there is no order 999"
    assert [balance("alice"), balance("bob")] == [
        before[0] + 1_000_000, before[1] + 200_000,
    ]  # fmt: skip
    assert list(ledger.check()) == []


def test_more_than_was_told_is_paid_back_only_after_another_question(
    olga: Operator, cast: SimpleNamespace
) -> None:
    numbers = [place(cast, "alice") for _ in range(3)]
    for number in numbers:
        transition.change(number, status="In progress", remains=1)
    told = re.search(r'name="sum" value="(\d+)"', ask(olga, "cancel", numbers))
    assert told is not None
    for number in numbers:
        transition.change(number, remains=100)
    fields = {"act": "cancel", "order": numbers, "confirmed": "bulk"}
    again = olga.post("/admin/orders/act", **fields, sum=told[1])
    assert again.status_code == 422
    assert "more would be paid back now than you were told" in again.text
    assert "At most 1.50 USD is paid back" in plain(again.text)
    assert lines() == []
    page = olga.post("/admin/orders/act", **fields, sum="1500000").text
    assert "done with 3 of 3" in page


def test_a_refund_that_somebody_else_caused_meanwhile_is_not_claimed(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = place(cast, "alice")

    def interrupted() -> Actor:
        transition.change(number, status="Canceled")
        return Actor("olga")

    monkeypatch.setattr(bulk, "actor", interrupted)
    page = ask(olga, "refund", [number], confirmed="bulk")
    assert "was paid back" not in plain(page)
    assert cells(page, "Paid back") == ["0.00"]
    assert lookup.get(number).refunded_micros == lookup.get(number).charge_micros


@pytest.mark.parametrize(
    "act", ["cancel", "refund", "partial", "processing", "completed", "resend", "fail", "release"]
)
def test_a_confirmation_sent_twice_does_nothing_twice(
    act: str, olga: Operator, cast: SimpleNamespace
) -> None:
    numbers = [place(cast, "alice") for _ in range(3)]
    Order.update(dispatch_state="review", restored=act == "release").execute()
    first = ask(olga, act, numbers, confirmed="bulk")
    assert "done with 3 of 3" in first
    money, rows = balance(), [lookup.get(n) for n in numbers]
    second = ask(olga, act, numbers, confirmed="bulk")
    assert "done with 0 of 3" in second
    assert "Nothing was changed, and nothing was paid back" in second
    assert balance() == money
    assert [lookup.get(n) for n in numbers] == rows
    assert list(ledger.check()) == []


def test_a_reloaded_confirmation_sends_no_order_again(
    olga: Operator, cast: SimpleNamespace
) -> None:
    number = place(cast, "alice")
    Order.update(dispatch_state="review").execute()
    asked = ask(olga, "resend", [number])
    found = re.search(r'name="form_token" value="([0-9a-f]+)"', asked)
    assert found is not None
    assert "done with 1 of 1" in ask(
        olga, "resend", [number], confirmed="bulk", form_token=found[1]
    )
    Order.update(dispatch_state="review").execute()  # it is in doubt once more
    again = olga.post(
        "/admin/orders/act", act="resend", order=[number], confirmed="bulk", form_token=found[1]
    )
    assert again.headers["Location"] == "/admin/orders"
    assert "This was done already with each of the orders" in olga.text("/admin/orders")
    assert lookup.get(number).dispatch_state == "review"
    assert f'value="{found[1]}"' not in ask(olga, "resend", [number])


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("service=Followers", "is not the number of a service"),
        ("provider=up", "is not the number of a provider"),
        ("customer=ali", "There is no customer ali."),
        ("status=Nonsense", "There is no status"),
        ("only=nonsense", "There is no filter &#39;nonsense"),
        ("from=2026-02-02&to=2026-02-01", "The range ends before it begins."),
    ],
)
def test_a_filter_that_means_nothing_finds_no_orders_to_act_on(
    query: str, why: str, olga: Operator, order_id: int
) -> None:
    page = olga.text(f"/admin/orders?{query}")
    assert why in " ".join(said(page))
    assert why in page.partition('<p class="card soft">')[2].partition("</p>")[0]
    assert "No orders found" not in page
    assert shown(page) == []
    answer = olga.post("/admin/orders/act", act="cancel", all="1", filter=query)
    assert answer.status_code == 404
    assert Order.get_by_id(order_id).status == "Pending"


@pytest.mark.parametrize("act", list(ACTS))
def test_an_act_that_no_selected_order_allows_is_explained_and_not_offered(
    act: str, olga: Operator, order_id: int
) -> None:
    transition.change(order_id, status="Canceled")
    page = ask(olga, act, [order_id])
    assert "This can be done with none of the selected orders" in page
    assert 'name="confirmed"' not in page
    assert f'<a href="/admin/orders/{order_id}"' in page


def test_the_acts_that_are_offered_are_those_that_some_order_allows(
    olga: Operator, cast: SimpleNamespace
) -> None:
    place(cast, "alice")
    place(cast, "alice")
    transition.change(1, status="Completed")

    def offered() -> list[str]:
        return re.findall(r'<option value="([a-z-]+)">', olga.text("/admin/orders?customer=alice"))

    assert offered() == ["processing", "in-progress", "completed", "cancel", "refund", "partial"]
    transition.change(2, status="Canceled")
    assert offered() == ["refund"]
    transition.change(1, status="Canceled", remains=100)
    assert offered() == []
    assert "Nothing can be done with the orders of this page." in olga.text("/admin/orders")


def test_there_is_a_forecast_of_each_act() -> None:
    assert forecast.CHANGES.keys() == ACTS.keys()


def changed(act: str, number: int, olga: Operator) -> dict[str, int] | str:
    """What an act did with an order, or why it was refused."""
    before = lookup.get(number)
    page = ask(olga, act, [number], confirmed="bulk")
    after = lookup.get(number)
    refund = after.refunded_micros - before.refunded_micros
    done = "done with 1 of 1" in page
    return {"refunded": refund} if done else "refused"


@pytest.mark.parametrize("act", list(ACTS))
@pytest.mark.parametrize(
    "status", ["Pending", "Processing", "In progress", "Completed", "Partial"]
)
@pytest.mark.parametrize(
    "columns",
    [{}, {"remains": 40}, {"dispatch_state": "review"},
     {"dispatch_state": "waiting", "held_because": "funds"},
     {"dispatch_state": "review", "restored": 1}],
    ids=["plain", "begun", "in review", "held", "restored"],
)  # fmt: skip
def test_what_is_forecast_is_what_is_done(
    act: str, status: str, columns: dict[str, Any], olga: Operator, cast: SimpleNamespace
) -> None:
    number = place(cast, "alice")
    if status != "Pending":
        transition.change(number, status=status, remains=10 if status == "Partial" else None)
    if columns and status != "Partial":
        Order.update(columns).where(Order.id == number).execute()
    (expected,) = forecast.forecast(act, [number])
    outcome = changed(act, number, olga)
    if expected.why_not:
        assert outcome == "refused"
    else:
        assert outcome == {"refunded": expected.refund_micros}


@pytest.fixture
def rich(cast: SimpleNamespace) -> None:
    accounts.fund("alice", 10_000 * MICROS)


@pytest.fixture
def there(cast: SimpleNamespace) -> list[int]:
    """Orders of 100 at 1.00 per 1000 there: two in doubt, two sent, one waiting, one held."""
    provider = registry.add("up", registry.SANDBOX_URL, "", 60)
    sources.set_source(cast.followers, provider.id, listed("1", MICROS), 1)
    states: list[dict[str, Any]] = [
        {"dispatch_state": "review"},
        {"dispatch_state": "review", "restored": True},
        {"dispatch_state": "sent", "cost_micros": 70_000},
        {"dispatch_state": "sent", "cost_micros": 70_000},
        {"dispatch_state": "waiting"},
        {"dispatch_state": "waiting", "held_because": "refusal"},
    ]
    numbers = []
    for columns in states:
        numbers.append(place(cast, "alice"))
        columns["provider_order"] = str(numbers[-1])
        Order.update(columns).where(Order.id == numbers[-1]).execute()
    return numbers


@pytest.mark.parametrize(
    ("act", "chosen", "told"),
    [
        ("resend", [0, 1, 5],
         "A provider may have 2 of these 3 orders already. What it has is bought and delivered "
         "twice, for about another 0.20 USD."),
        ("resend", [0],
         "A provider may have this order already. What it has is bought and delivered twice, for "
         "about another 0.10 USD."),
        ("resend", [5], ""),
        ("fail", [0, 1, 5],
         "A provider has 2 of these 3 orders, or may have. It is not told: what it delivers from "
         "now on is for nothing, at a cost of up to 0.20 USD."),
        ("fail", [5], ""),
        ("cancel", [2, 3],
         "A provider has each of these 2 orders, or may have. It is not told: what it delivers "
         "from now on is for nothing, at a cost of up to 0.14 USD."),
        ("partial", [0, 2, 4],
         "A provider has 2 of these 3 orders, or may have. It is not told: what it delivers from "
         "now on is for nothing, at a cost of up to 0.17 USD."),
        ("cancel", [4], ""),
        ("completed", [2, 3, 4],
         "A provider has 2 of these 3 orders. It is asked about them no more."),
        ("processing", [0, 2], ""),
    ],
)  # fmt: skip
def test_a_question_says_what_becomes_of_the_orders_at_their_providers(
    act: str, chosen: list[int], told: str, olga: Operator, there: list[int]
) -> None:
    page = ask(olga, act, [there[n] for n in chosen])
    assert said(page) == ([told] if told else [])


def test_a_question_marks_the_orders_in_doubt_held_and_restored(
    olga: Operator, there: list[int]
) -> None:
    assert cells(ask(olga, "fail", there), "Status") == [
        "Pending review", "Pending review restored", "Pending held",
    ]  # fmt: skip


def test_the_runs_of_many_drip_feeds_are_looked_up_by_their_index(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    wholes = [place(cast, "alice") for _ in range(3)]
    up = registry.add("up", registry.SANDBOX_URL, "", 60)
    Order.update(provider=up.id, dispatch_state="parts", runs=2, interval=1).execute()
    run = place(cast, "alice")
    Order.update(parent=wholes[1], part=1, dispatch_state="waiting", provider=up.id).where(
        Order.id == run
    ).execute()
    assert parts.with_open_parts(wholes) == {wholes[1]}
    (plan,) = plans(monkeypatch, lambda: parts.with_open_parts(wholes))
    assert "orders_by_parent" in plan[0]


def test_links_of_a_page_that_answers_a_form_open_in_a_new_tab_but_back(
    olga: Operator, cast: SimpleNamespace
) -> None:
    """Whoever comes back to such a page is asked by the browser to send the form again."""
    numbers = [place(cast, "alice"), place(cast, "alice")]
    transition.change(numbers[1], status="Canceled")
    pages = [ask(olga, "cancel", numbers), ask(olga, "cancel", numbers, confirmed="bulk")]
    place(cast, "alice")
    transition.change(3, status="In progress")
    (request,) = cancels.request(account_id(), [3])
    for confirmed in ({}, {"confirmed": "bulk"}):
        fields = {"act": "accept", "request": f"cancel-{request}", **confirmed}
        pages.append(olga.post("/admin/requests/act", **fields).text)
    for page in pages:
        links = re.findall(r"<a ([^>]*)>(.*?)</a>", page.partition("<main")[2])
        orders = [link for link in links if 'href="/admin/orders/' in link[0]]
        assert orders
        for attributes, text in orders:
            assert 'target="_blank" rel="noopener"' in attributes
            assert ", opens in a new tab" in text
        (back,) = [link for link in links if link not in orders]
        assert back[1].startswith("Back")
        assert "target" not in back[0]


def test_above_a_count_a_word_must_be_typed(
    olga: Operator, cast: SimpleNamespace, rich: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [place(cast, "alice") for _ in range(bulk.WORD_ABOVE_ORDERS + 1)]
    assert 'name="word"' not in ask(olga, "cancel", numbers[:-1])
    assert 'name="word"' in ask(olga, "cancel", numbers)
    for typed in ({}, {"word": ""}, {"word": "refund"}, {"word": "cancel it"}):
        answer = olga.post(
            "/admin/orders/act", act="cancel", order=numbers, confirmed="bulk", **typed
        )
        assert answer.status_code == 422
        assert "Nothing was done. Type the word cancel:" in answer.text
    assert lines() == []
    page = ask(olga, "cancel", numbers, confirmed="bulk", word=" Cancel ")
    assert f"done with {len(numbers)} of {len(numbers)}" in page
    assert {lookup.get(n).status for n in numbers} == {"Canceled"}


@pytest.mark.parametrize("act", ["cancel", "refund", "fail", "resend", "completed"])
def test_above_a_sum_a_word_must_be_typed(
    act: str, olga: Operator, cast: SimpleNamespace, rich: None
) -> None:
    raise_rate(cast, 200 * MICROS)  # 100 followers are 20.00
    numbers = [place(cast, "alice") for _ in range(6)]
    Order.update(dispatch_state="review").execute()
    assert 'name="word"' not in ask(olga, act, numbers[:5])
    assert 'name="word"' in ask(olga, act, numbers)
    # What is not possible does not count.
    transition.change(numbers[5], status="Canceled")
    assert 'name="word"' not in ask(olga, act, numbers)


def raise_rate(cast: SimpleNamespace, rate_micros: int) -> None:
    Service.update(rate_micros=rate_micros).where(Service.id == cast.followers).execute()


def test_one_order_is_acted_on_at_once_where_its_page_has_asked(
    olga: Operator, cast: SimpleNamespace, rich: None
) -> None:
    raise_rate(cast, 2000 * MICROS)
    number = place(cast, "alice")
    answer = olga.post(
        "/admin/orders/act", act="cancel", order=number, confirmed="1", back="/admin/orders/1"
    )
    assert (answer.status_code, answer.location) == (302, "/admin/orders/1")
    assert said(olga.text("/admin/orders/1")) == [
        f"Cancel, refund what remains: done with order {number}."
    ]
    # From the list the same order asks for the word, and so do several that claim to be one.
    other = [place(cast, "alice") for _ in range(2)]
    assert 'name="word"' in ask(olga, "cancel", other[:1])
    answer = olga.post("/admin/orders/act", act="cancel", order=other, confirmed="1")
    assert answer.status_code == 422
    assert lookup.get(other[0]).status == "Pending"


@pytest.mark.parametrize(
    "fields", [{}, {"act": "cancel"}, {"act": "delete", "order": "1"}, {"order": "1"},
               {"act": "cancel", "all": "1", "filter": "q=nowhere"}]
)  # fmt: skip
def test_an_act_without_orders_or_unknown_does_nothing(
    fields: dict[str, str], olga: Operator, order_id: int
) -> None:
    answer = olga.post("/admin/orders/act", confirmed="1", **fields)
    assert said(answer.text) == ["Select orders and an action first."]
    assert lines() == []
    assert lookup.get(order_id).status == "Pending"


def test_ticks_act_and_filter_stay_where_one_is_missing(
    olga: Operator, cast: SimpleNamespace
) -> None:
    for _ in range(60):
        place(cast, "alice")
    Order.update(warning="odd", held_because="word").where(Order.id < 55).execute()
    page = olga.text("/admin/orders?only=held&only=warning&before=54&endpoint=x")
    found = re.search(r'<form method="post" action="([^"]+)" id="orders-form">', page)
    assert found is not None
    at = found[1].replace("&amp;", "&")
    page = olga.post(at, order=["5", "4"]).text
    assert re.findall(r'name="order" value="(\d+)"[^>]* checked', page) == ["5", "4"]
    assert shown(page)[0] == 53
    assert page.count('name="only" value="held" checked') == 1
    assert 'name="filter" value="only=held&amp;only=warning"' in page
    assert f'action="{found[1]}"' in page
    page = olga.post(at, act="cancel").text
    assert '<option value="cancel" selected>' in page


@pytest.mark.parametrize("query", ["customer=nobody", "foo=bar", "only=warning&foo="])
def test_a_filter_that_makes_no_sense_selects_nothing(
    query: str, olga: Operator, order_id: int
) -> None:
    answer = olga.post("/admin/orders/act", act="cancel", all="1", filter=query)
    assert answer.status_code == 404
    assert lines() == []


def test_all_that_is_found_can_be_selected_not_the_page_alone(
    olga: Operator, cast: SimpleNamespace, rich: None
) -> None:
    for _ in range(60):
        place(cast, "alice", "https://t.me/wanted")
        place(cast, "alice", "https://t.me/other")
    page = olga.text("/admin/orders?q=me/want&customer=alice")
    carried = re.search(r'name="filter" value="([^"]*)"', page)
    assert carried is not None
    assert len(shown(page)) == 50
    asked = ask(olga, "cancel", [1], all="1", filter=carried[1].replace("&amp;", "&"))
    assert "Cancel, refund what remains: 60 orders?" in asked
    assert shown(asked) == list(range(119, 0, -2))
    done = ask(olga, "cancel", shown(asked), confirmed="bulk", word="cancel")
    assert "done with 60 of 60" in done
    assert {row.status for row in lookup.get_many(range(2, 121, 2))} == {"Pending"}


def test_more_than_can_be_acted_on_at_once_is_told(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [place(cast, "alice") for _ in range(4)]
    monkeypatch.setattr(bulk, "MOST", 3)
    page = ask(olga, "cancel", [], all="1", filter="")
    assert shown(page) == numbers[:0:-1]
    assert "These are the newest 3 of them; do the rest afterwards." in page
    answer = olga.post("/admin/orders/act", act="cancel", order=numbers)
    assert answer.status_code == 302
    assert said(olga.text("/admin/orders")) == ["Select at most 3 orders at once."]


def test_five_hundred_orders_are_told_one_by_one(
    olga: Operator, cast: SimpleNamespace, rich: None
) -> None:
    numbers = [new_order(cast.followers, 10) for _ in range(bulk.MOST)]
    done = ask(olga, "processing", numbers, confirmed="bulk", word="processing")
    assert f"done with {bulk.MOST} of {bulk.MOST}" in done
    assert len(cells(done, "Outcome")) == bulk.MOST
    assert len(lines()) == bulk.MOST


def test_where_the_database_fails_midway_the_rest_is_told_as_not_tried(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [place(cast, "alice") for _ in range(4)]
    real = ACTS["cancel"].operation

    def failing(actor: Any, order_id: int) -> Any:
        if order_id == numbers[2]:
            raise NoTurnError("too many others wait")
        return real(actor, order_id)

    monkeypatch.setitem(ACTS, "cancel", ACTS["cancel"]._replace(operation=failing))
    page = ask(olga, "cancel", numbers, confirmed="bulk")
    assert "done with 2 of 4" in page
    assert [text.partition(":")[0] for text in cells(page, "Why")[2:]] == ["not tried"] * 2


def test_a_refill_that_waits_since_a_restore_can_be_released_in_bulk(
    olga: Operator, cast: SimpleNamespace
) -> None:
    number = place(cast, "alice")
    transition.change(number, status="Completed")
    refills.request(account_id(), [number])
    Refill.update(restored=True).execute()
    page = ask(olga, "release", [number])
    assert "Release after the restore: 1 order?" in page
    assert "done with 1 of 1" in ask(olga, "release", [number], confirmed="bulk")
