"""The page of requests: what waits is shown with what decides on it, and answered."""

import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from peewee import OperationalError
from support.dashboard import PASSWORD, Operator, lines, said
from support.databases import refusing_writes
from support.orders import account_id, balance, new_order

from models import Cancel, Order, Provider, Refill
from panel import ledger, operators, request_queries
from panel.money import MICROS
from panel.orders import cancels, lookup, refills, transition
from panel.orders.cancels import CancelAnswer
from panel.orders.exchanges import Exchange
from web.dashboard import bulk, requests


def asked(service: int, kind: str = "cancel", name: str = "alice", **order: Any) -> int:
    """A request about an order of 100 for 0.50, of which 40 remain or nothing."""
    number = new_order(service, name=name)
    is_cancel = kind == "cancel"
    if is_cancel:
        transition.change(number, status="In progress", remains=40)
    else:
        transition.change(number, status="Completed")
    if order:
        Order.update(order).where(Order.id == number).execute()
    ask = cancels.request if is_cancel else refills.request
    (request,) = ask(account_id(name), [number])
    return int(str(request))


def listed(page: str) -> list[str]:
    return re.findall(r'name="request" value="([^"]+)"', page)


def text(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def badge(page: str) -> str:
    """What the navigation says of requests, as a screen reader reads it."""
    link = page.partition('href="/admin/requests"')[2].partition("</a>")[0]
    link = re.sub(r'<span[^>]*aria-hidden="true">.*?</span>', "", link)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", link.partition(">")[2])).strip()


def test_the_panels_own_request_for_a_run_is_not_listed(
    olga: Operator, cast: SimpleNamespace
) -> None:
    request = asked(cast.followers)
    whole = Cancel.get_by_id(request).order_id
    run = new_order(cast.followers)
    Order.update(parent=whole, part=1).where(Order.id == run).execute()
    Cancel.create(order=run, status="pending")
    page = olga.text("/admin/requests")
    assert listed(page) == [f"cancel-{request}"]
    assert badge(page) == "Requests , 1 waits for you"


def test_each_page_counts_what_waits_in_a_sentence(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert badge(olga.text("/admin/orders")) == "Requests"
    asked(cast.followers)
    assert badge(olga.text("/admin/orders")) == "Requests , 1 waits for you"
    asked(cast.followers, "refill")
    page = olga.text("/admin/audit")
    assert badge(page) == "Requests , 2 wait for you"
    assert '<span class="badge" aria-hidden="true">2</span>' in page
    monkeypatch.setattr(request_queries, "MOST_COUNTED", 1)
    monkeypatch.setattr(requests, "MOST_COUNTED", 1)
    page = olga.text("/admin")
    assert badge(page) == "Requests , more than 1 wait for you"
    assert 'aria-hidden="true">1+</span>' in page


def test_nobody_counts_before_the_sign_in(
    olga: Operator, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted() -> int:
        raise AssertionError("it was counted")

    monkeypatch.setattr(request_queries, "waiting_count", counted)
    olga.post("/admin/sign-out")
    assert client.get("/admin/sign-in").status_code == 200


def test_a_count_that_fails_is_left_out(olga: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> int:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(request_queries, "waiting_count", broken)
    assert badge(olga.text("/admin/orders")) == "Requests"


def test_a_request_is_shown_with_all_that_decides_on_it(
    olga: Operator, cast: SimpleNamespace
) -> None:
    provider = Provider.create(
        name="up", url="http://127.0.0.1:9/", key="k" * 20, requests_per_minute=60
    )
    at_up: dict[str, Any] = {
        "dispatch_state": "sent",
        "provider": provider,
        "provider_order": "4711",
    }
    cancel = asked(cast.followers, **at_up)
    answer = Exchange(provider.id, "cancel", {}, 200, '{"cancel": <1>}')
    cancels.record_answers({cancel: CancelAnswer(True, "", answer)})
    refill = asked(cast.followers, "refill", **{**at_up, "provider_order": "4712"})
    for _ in range(2):
        refills.record_unnumbered(refill, "no number: <ok>", 0)
    page = olga.text("/admin/requests")
    told = text(page)
    for words in (
        "Cancel request 1 pending", "alice", "40 remain", "https://a.example/",
        "up , order 4711", "Passed on to up, which took it", '{"cancel": <1>}',
        "Accept: refund 0.20 USD", "Refill 1 pending", "no number: <ok>",
        "Ask the provider again", "up has given no number for it.",
    ):  # fmt: skip
        assert words in told, words
    assert listed(page) == ["cancel-1", "refill-1"]
    assert '<a href="/admin/orders?q=4711">4711</a>' in page
    assert "<1>" not in page and "<ok>" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["cancel-1", "refill-1", "cancel-2"]),
        ("kind=cancel", ["cancel-1", "cancel-2"]),
        ("kind=refill", ["refill-1"]),
        ("order=newest", ["cancel-2", "refill-1", "cancel-1"]),
        ("show=open", ["cancel-1", "refill-1", "refill-2", "cancel-2"]),
        ("show=all&kind=cancel", ["cancel-2", "cancel-1"]),
        ("show=all&kind=cancel&order=oldest", ["cancel-1", "cancel-2"]),
        ("show=nonsense&kind=nonsense&order=nonsense&after=x-y",
         ["cancel-1", "refill-1", "cancel-2"]),
        ("after=1-0", ["refill-1", "cancel-2"]),
    ],
)  # fmt: skip
def test_requests_are_filtered_and_ordered(
    query: str, found: list[str], olga: Operator, cast: SimpleNamespace
) -> None:
    asked(cast.followers)
    asked(cast.followers, "refill", "bob")
    at_provider = asked(cast.followers, "refill")
    Refill.update(status="in progress", provider_refill="5").where(
        Refill.id == at_provider
    ).execute()
    asked(cast.followers)
    done = asked(cast.followers)
    cancels.reject(done)
    for table, number, at in ((Cancel, 1, 1), (Refill, 1, 2), (Refill, 2, 3), (Cancel, 2, 4)):
        table.update(created_at=at).where(table.id == number).execute()
    assert listed(olga.text(f"/admin/requests?{query}")) == found


def test_pages_of_requests_lead_through_all_of_them(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_queries.request_page, "__defaults__", (None, None, False, 3))
    for _ in range(8):
        asked(cast.followers)
    seen, path = [], "/admin/requests?kind=cancel"
    for _ in range(5):
        page = olga.text(path)
        seen += listed(page)
        links = re.findall(r'rel="next" href="([^"]+)"', page)
        if not links:
            break
        path = unescape(links[0])
    assert seen == [f"cancel-{number}" for number in range(1, 9)]


@pytest.mark.parametrize(("answer", "status"), [("accept", "Canceled"), ("reject", "In progress")])
def test_a_cancel_request_is_answered_from_the_page(
    answer: str, status: str, olga: Operator, cast: SimpleNamespace
) -> None:
    cancel = asked(cast.followers)
    before = balance()
    back = olga.post(f"/admin/cancels/{cancel}/{answer}", back="/admin/requests?kind=cancel")
    assert back.location == "/admin/requests?kind=cancel"
    (order,) = Order.select()
    assert order.status == status
    assert balance() - before == (200_000 if answer == "accept" else 0)
    page = olga.text("/admin/requests")
    assert said(page) == [f"Cancel request {cancel} is {answer}ed: order {order.id} is {status}."]
    assert listed(page) == []
    (line,) = lines()
    assert line[:2] == ("olga", f"cancel request {cancel}: {answer}")
    assert line[2].startswith("done")


@pytest.mark.parametrize("status", ["in progress", "completed", "rejected", "error"])
def test_a_refill_is_moved_on_from_the_page(
    status: str, olga: Operator, cast: SimpleNamespace
) -> None:
    refill = asked(cast.followers, "refill")
    assert f'name="status" value="{status}"' in olga.text("/admin/requests")
    olga.post(f"/admin/refills/{refill}", status=status)
    assert Refill.get_by_id(refill).status == status


def test_a_refill_is_asked_for_again(olga: Operator, cast: SimpleNamespace) -> None:
    provider = Provider.create(
        name="up", url="http://127.0.0.1:9/", key="k" * 20, requests_per_minute=60
    )
    refill = asked(cast.followers, "refill", dispatch_state="sent", provider=provider,
                   provider_order="1")  # fmt: skip
    for _ in range(2):
        refills.record_unnumbered(refill, "odd", 0)
    assert refills.next_for_provider(provider.id) is None
    olga.post(f"/admin/refills/{refill}", status="pending")
    assert refills.next_for_provider(provider.id) == (refill, "1")
    assert "Nothing waits for you." in olga.text("/admin/requests")


# Several at once


def test_several_are_answered_after_a_question(olga: Operator, cast: SimpleNamespace) -> None:
    wanted = [asked(cast.followers) for _ in range(3)]
    other, refill = asked(cast.followers), asked(cast.followers, "refill")
    cancels.reject(wanted[2])
    before = balance()
    names = [*(f"cancel-{n}" for n in wanted), f"refill-{refill}", "cancel-999", "cancel-x"]
    page = olga.post("/admin/requests/act", act="accept", request=names)
    assert page.status_code == 200
    told = text(page.text)
    assert "Accept: cancel the orders: 2 cancel requests?" in told
    assert "2 orders will be canceled, and at most 0.40 USD is paid back" in told
    for why in ("it was rejected already", "it is a refill", "there is no such request"):
        assert why in told
    assert balance() == before
    page = olga.post("/admin/requests/act", act="accept", request=names, confirmed="bulk")
    assert "Done with 2 of 6 requests. 0.40 USD was paid back." in text(page.text)
    assert balance() - before == 400_000
    assert Cancel.get_by_id(other).status == "pending"
    assert [act for _, act, _ in lines()] == [
        f"cancel request {wanted[0]}: accept", f"cancel request {wanted[1]}: accept",
    ]  # fmt: skip


def test_the_question_warns_of_providers_and_marks_orders_in_doubt(
    olga: Operator, cast: SimpleNamespace
) -> None:
    doubtful = asked(cast.followers, dispatch_state="review")
    restored = asked(cast.followers, restored=True, held_because="word")
    names = [f"cancel-{doubtful}", f"cancel-{restored}"]
    told = text(olga.post("/admin/requests/act", act="accept", request=names).text)
    assert (
        "is not told by this: the customer is not charged for what it delivers from now on, but "
        "you may be."
    ) in told
    assert "In progress review alice" in told
    assert "In progress held restored alice" in told


@pytest.mark.parametrize(
    ("act", "kind", "status"),
    [
        ("reject", "cancel", "rejected"),
        ("refill-in-progress", "refill", "in progress"),
        ("refill-completed", "refill", "completed"),
        ("refill-rejected", "refill", "rejected"),
        ("refill-error", "refill", "error"),
    ],
)
def test_each_answer_can_be_given_to_several(
    act: str, kind: str, status: str, olga: Operator, cast: SimpleNamespace
) -> None:
    wanted = [asked(cast.followers, kind) for _ in range(2)]
    names = [f"{kind}-{number}" for number in wanted]
    olga.post("/admin/requests/act", act=act, request=names, confirmed="bulk")
    table = Cancel if kind == "cancel" else Refill
    assert {table.get_by_id(number).status for number in wanted} == {status}
    assert list(ledger.check()) == []


@pytest.mark.parametrize("limit", ["WORD_ABOVE_ORDERS", "WORD_ABOVE_MICROS"])
def test_many_or_much_need_a_word(
    limit: str, olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"cancel-{asked(cast.followers)}" for _ in range(2)]
    ask = {"act": "accept", "request": names}
    assert 'name="word"' not in olga.post("/admin/requests/act", **ask).text
    monkeypatch.setattr(requests, limit, 1 if limit.endswith("ORDERS") else 399_999)
    assert "Type <strong>accept</strong>" in olga.post("/admin/requests/act", **ask).text
    for word in ("", "reject", "accep"):
        refused = olga.post("/admin/requests/act", **ask, confirmed="bulk", word=word)
        assert refused.status_code == 422
        assert "Nothing was done." in refused.text
    assert lines() == []
    olga.post("/admin/requests/act", **ask, confirmed="bulk", word=" Accept ")
    assert {cancel.status for cancel in Cancel.select()} == {"accepted"}


def test_the_limits_are_those_of_orders(olga: Operator, cast: SimpleNamespace) -> None:
    assert (bulk.WORD_ABOVE_ORDERS, bulk.WORD_ABOVE_MICROS) == (50, 100 * MICROS)
    names = [f"cancel-{asked(cast.followers)}" for _ in range(51)]
    few = olga.post("/admin/requests/act", act="reject", request=names[:50])
    many = olga.post("/admin/requests/act", act="reject", request=names)
    assert ['name="word"' in page.text for page in (few, many)] == [False, True]


def test_what_was_answered_meanwhile_is_told_and_stops_no_other(
    olga: Operator, cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"cancel-{asked(cast.followers)}" for _ in range(2)]
    answer = requests._question

    def answered_meanwhile(name: str, selected: list[str]) -> requests.Question:
        question = answer(name, selected)
        cancels.reject(1)
        return question

    monkeypatch.setattr(requests, "_question", answered_meanwhile)
    page = olga.post("/admin/requests/act", act="accept", request=names, confirmed="bulk")
    told = text(page.text)
    assert "Done with 1 of 2 requests. 0.20 USD was paid back." in told
    assert "cancel request 1 was rejected already" in told


@pytest.mark.parametrize(
    "fields",
    [{}, {"act": "accept"}, {"act": "nonsense", "request": "cancel-1"},
     {"act": "accept", "request": [f"cancel-{n}" for n in range(300)]}],
)  # fmt: skip
def test_an_answer_to_nothing_or_to_too_many_does_nothing(
    fields: dict[str, object], olga: Operator, cast: SimpleNamespace
) -> None:
    asked(cast.followers)
    olga.post("/admin/requests/act", **fields, confirmed="bulk")
    assert len(said(olga.text("/admin/requests"))) == 1
    assert lines() == []


def test_a_request_that_cannot_be_accepted_says_why(olga: Operator, cast: SimpleNamespace) -> None:
    cancel = asked(cast.followers)
    Order.update(status="Completed", remains=0).execute()
    page = olga.text("/admin/requests")
    assert "It cannot be accepted: Canceled needs the remains that are to be paid back." in page
    assert re.search(r'<button class="danger" disabled>', page)
    olga.post(f"/admin/cancels/{cancel}/accept")
    assert Cancel.get_by_id(cancel).status == "pending"


def test_the_database_that_cannot_be_written_is_told(
    olga: Operator, cast: SimpleNamespace
) -> None:
    cancel = asked(cast.followers)
    with refusing_writes():
        page = olga.post("/admin/requests/act", act="accept", request=f"cancel-{cancel}",
                         confirmed="bulk")  # fmt: skip
    assert page.status_code == 503
    assert lookup.get(1).status == "In progress"


def test_a_viewer_sees_requests_and_answers_none(
    client: FlaskClient, cast: SimpleNamespace
) -> None:
    cancel, refill = asked(cast.followers), asked(cast.followers, "refill")
    operators.add("vera", PASSWORD, operators.Role.VIEWER)
    vera = Operator(client, "vera")
    page = vera.text("/admin/requests")
    assert f"Cancel request {cancel}" in page
    assert f"Refill {refill}" in page
    assert listed(page) == []
    main = page.partition("<main")[2].partition("</main>")[0]
    assert re.findall(r'<form method="post"', main) == []
    for path, fields in (
        (f"/admin/cancels/{cancel}/accept", {}),
        (f"/admin/refills/{refill}", {"status": "completed"}),
        ("/admin/requests/act", {"act": "accept", "request": f"cancel-{cancel}",
                                 "confirmed": "bulk"}),
    ):  # fmt: skip
        assert vera.post(path, **fields).status_code == 403
    assert Cancel.get_by_id(cancel).status == "pending"
    assert Refill.get_by_id(refill).status == "pending"
