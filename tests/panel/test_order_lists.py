"""The list of orders: what each filter finds, to its end, and by which index it is read."""

import random
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from support.clock import Clock
from support.dashboard import place
from support.orders import account_id, new_order
from support.plans import plans

from database import link_index, numbers
from database.clock import now
from database.compiled_query import rows
from database.transactions import immediate
from models import Cancel, Order, Refill
from panel import accounts, order_lists, paging
from panel.order_lists import OrderFilter, Totals
from panel.orders import cancels, refills, transition
from panel.orders import link_index as links
from panel.providers import registry


def all_pages(wanted: OrderFilter, size: int | None = None) -> list[int]:
    """What a filter finds, page by page, each of which begins before the end of the last."""
    found, before = [], None
    while True:
        page = order_lists.order_page(wanted, before, size)
        found += [row["id"] for row in page.rows]
        if page.next is None:
            return found
        assert before is None or page.next < before
        before = page.next


def index_all() -> None:
    while links.index_next():
        pass


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages, scans and blocks so small that a few orders fill many of them."""
    monkeypatch.setattr(paging, "PAGE", 2)
    monkeypatch.setattr(order_lists, "SCAN", 3)
    monkeypatch.setattr(order_lists, "BLOCKS", 2)
    monkeypatch.setattr(order_lists, "PART", 2)
    monkeypatch.setattr(link_index, "BLOCK", 4)
    monkeypatch.setattr(links, "BLOCK", 4)
    monkeypatch.setattr(links, "BATCH", 8)


STATUSES = ("Processing", "In progress", "Completed", "Partial", "Canceled")


@pytest.fixture
def many(cast: SimpleNamespace, clock: Clock) -> list[dict[str, Any]]:
    """Orders of two customers and services in every state, with every mark, in no order."""
    chance = random.Random(5)
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    for number in range(1, 41):
        clock.move(minutes=9 * 60)
        name = chance.choice(["alice", "bob"])
        service, quantity = chance.choice([(cast.followers, 100), (cast.views, 200)])
        link = f"https://T.me/{name}/{number % 7}"
        order_id = new_order(service, quantity, link=link, name=name)
        if status := chance.choice(["", *STATUSES]):
            remains = 10 if status == "Partial" else None
            transition.change(order_id, status=status, remains=remains)
        values: dict[str, Any] = {
            "warning": chance.choice(["odd", "", ""]),
            "held_because": chance.choice(["word", "", ""]),
            "provider": chance.choice([provider.id, None]),
            "provider_order": f"70{number}",
            "dispatch_state": chance.choice(["review", "", ""]),
        }
        if values["provider"] and not values["dispatch_state"] and number % 3:
            values["dispatch_state"] = "sent"
        Order.update(values).where(Order.id == order_id).execute()
        for table in chance.choices([Cancel, Refill], k=chance.choice([0, 0, 1])):
            answer = chance.choice(["pending", "rejected"])
            table.insert(order=order_id, status=answer).execute()
    return rows(Order.select().order_by(Order.id.desc()).dicts())


def waiting(order_id: int) -> bool:
    return any(
        table.select().where(table.order == order_id, table.status == "pending").exists()
        for table in (Cancel, Refill)
    )


def is_warned(row: dict[str, Any]) -> bool:
    """Whether the overview counts an order's warning."""
    is_recent = row["created_at"] >= now() - 7 * 86400
    is_followed = row["dispatch_state"] == "sent" and row["held_because"] == ""
    return row["warning"] != "" and is_followed and (row["status"] in OPEN or is_recent)


OPEN = ("Pending", "Processing", "In progress")

TESTS: dict[str, Callable[[dict[str, Any], Any], bool]] = {
    "status": lambda row, value: row["status"] == value,
    "account_id": lambda row, value: row["account"] == value,
    "service_id": lambda row, value: row["service"] == value,
    "provider_id": lambda row, value: row["provider"] == value,
    "since": lambda row, value: row["created_at"] >= value,
    "until": lambda row, value: row["created_at"] < value,
    "text": lambda row, value: value.lower() in row["link"].lower(),
    "review": lambda row, _: row["dispatch_state"] == "review" and row["status"] in OPEN,
    "held": lambda row, _: row["held_because"] != "",
    "warning": lambda row, _: row["warning"] != "",
    "warned": lambda row, _: is_warned(row),
    "requests": lambda row, _: waiting(row["id"]),
}

BEGIN = 1_800_000_000 // 86400 * 86400
"""The day on which the tests' clock stands still."""

VALUES: dict[str, list[Any]] = {
    "status": ["", "", "Pending", "Completed", "Canceled"],
    "account_id": [None, None, 1, 2],
    "service_id": [None, None, 1, 2],
    "provider_id": [None, None, 1],
    "since": [None, None, BEGIN + 86400 * 3],
    "until": [None, None, BEGIN + 86400 * 10],
    "text": ["", "", "T.ME/ALICE/", "/3", "me/bob", "no such link"],
    "only": [(), (), ("held",), ("review",), ("warning",), ("requests",), ("held", "warning"),
             ("warned",), ("warned", "warning"), ("review", "requests"),
             ("review", "requests", "held", "warning"), order_lists.ONLY],
}  # fmt: skip


def meets(row: dict[str, Any], wanted: OrderFilter) -> bool:
    given = {name: value for name, value in wanted._asdict().items() if value not in (None, "")}
    marks = given.pop("only")
    return all(TESTS[name](row, value) for name, value in given.items()) and all(
        TESTS[name](row, None) for name in marks
    )


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("indexed", [False, True], ids=["not indexed", "indexed"])
def test_filters_combine_and_are_paged_to_their_end(
    indexed: bool, many: list[dict[str, Any]]
) -> None:
    chance = random.Random(8)
    if indexed:
        index_all()
    found_some = 0
    for _ in range(250):
        chosen = {name: chance.choice(values) for name, values in VALUES.items()}
        if chosen["text"] and len(chosen["text"]) < 3:
            chosen["text"] = ""
        wanted = OrderFilter(**chosen)
        expected = [row for row in many if meets(row, wanted)]
        numbers = [row["id"] for row in expected]
        assert all_pages(wanted) == numbers, wanted
        assert [row["id"] for row in order_lists.every(wanted)] == numbers, wanted
        found_some += len(numbers) > 1
    assert found_some > 40


@pytest.mark.parametrize("indexed", [False, True], ids=["not indexed", "indexed"])
def test_totals_are_of_all_that_is_found_where_all_is_looked_at(
    indexed: bool, many: list[dict[str, Any]]
) -> None:
    chance = random.Random(9)
    if indexed:
        index_all()
    for _ in range(150):
        wanted = OrderFilter(**{name: chance.choice(values) for name, values in VALUES.items()})
        if order_lists.is_too_short(wanted.text):
            continue
        expected = sums(row for row in many if meets(row, wanted))
        for size in (50, 3):
            page = order_lists.order_page(wanted, size=size)
            assert order_lists.totals(wanted, page, size) == expected
        assert order_lists.totals(wanted) == expected


def sums(rows: Iterable[dict[str, Any]]) -> Totals:
    found = list(rows)
    amounts = [
        sum(row[name] for row in found)
        for name in ("charge_micros", "refunded_micros", "cost_micros")
    ]
    return Totals(len(found), *amounts)


@pytest.mark.usefixtures("small")
def test_totals_of_more_than_is_looked_at_say_down_to_where(many: list[dict[str, Any]]) -> None:
    wanted = OrderFilter(account_id=1)
    totals = order_lists.totals(wanted)
    newest = [row for row in many if row["account"] == 1][: order_lists.SCAN]
    assert totals == sums(newest)._replace(first=newest[-1]["id"])


def test_totals_of_a_status_and_days_are_exact_however_many_orders_there_are(
    many: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    monkeypatch.setattr(order_lists, "SCAN", 1)
    day = BEGIN + 5 * 86400
    for wanted in (
        OrderFilter(),
        OrderFilter(status="Completed"),
        OrderFilter(since=day),
        OrderFilter(status="Canceled", since=day - 4 * 86400, until=day + 4 * 86400),
    ):
        found = sums(row for row in many if meets(row, wanted))
        assert order_lists.totals(wanted) == found._replace(runs=None)
        assert found.orders


def run_of(whole: int) -> None:
    """A run of a drip-feed, which costs 7 millionths."""
    (row,) = rows(Order.select().where(Order.id == whole).dicts())
    del row["id"]
    row |= {"parent": whole, "part": 1, "charge_micros": 0, "cost_micros": 7}
    Order.insert(row).execute()


def test_parts_of_drip_feeds_are_no_orders_of_their_own_in_the_totals(
    cast: SimpleNamespace,
) -> None:
    run_of(place(cast, "alice"))
    for wanted in (
        OrderFilter(account_id=account_id()),
        OrderFilter(text="t.me/x"),
        OrderFilter(),
        OrderFilter(status="Pending", since=1),
    ):
        page = order_lists.order_page(wanted)
        for found in (
            order_lists.totals(wanted),
            order_lists.totals(wanted, page, 50),
            order_lists.totals(wanted, page, 1),
        ):
            assert found == Totals(1, 500_000, 0, 7, runs=1)
            assert found.orders + 1 == len(list(order_lists.every(wanted)))


# The search


LINKS = [
    "https://www.instagram.com/p/C8xYzAbCdEf/",
    'https://example.com/search?q=100%25_"quoted"*',
    "https://t.me/x?<script>alert('1')</script>",
    "https://example.com/a-b^c(d)AND OR NOT NEAR:links",
    "https://example.com/Ünïcode/日本語",
    "http://a.b/" + "x" * 2000 + "/the-end",
]


@pytest.fixture(params=[False, True], ids=["not indexed", "indexed"])
def linked(request: pytest.FixtureRequest, cast: SimpleNamespace) -> None:
    """An order for each of LINKS, and enough others for a block to be complete."""
    accounts.fund("alice", 10**9)
    for link in LINKS:
        place(cast, "alice", link)
    for number in range(link_index.BLOCK):
        place(cast, "alice", f"https://other.example/{number}")
    if request.param:
        index_all()
        assert link_index.last_block() == 0


@pytest.mark.usefixtures("linked")
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C8xYzAbCdEf", [1]),
        ("c8XyZaBcDeF", [1]),
        ("8xY", [1]),
        ("instagram.com/p/C8", [1]),
        (LINKS[0], [1]),
        ("C8xYzAbCdEg", []),
        ('_"quoted"*', [2]),
        ('"quoted"', [2]),
        ("%25_", [2]),
        ("100%", [2]),
        ("***", []),
        ("___", []),
        ("%%%", []),
        ("'1')</script>", [3]),
        ("<SCRIPT>", [3]),
        ("^c(d)AND", [4]),
        ("OR NOT NEAR:links", [4]),
        ("AND OR", [4]),
        ("links:", []),
        ("Ünïcode", [5]),
        ("ünïcode", []),
        ("日本語", [5]),
        ("x/the-end", [6]),
        ("x" * 1500, [6]),
        (LINKS[5], [6]),
        ("example.com/", [5, 4, 2]),
        ("exampel", []),
        ("other.example/63", [70]),
        ("\x00\x00\x00", []),
        ("a\x00b.c", []),
    ],
)
def test_a_part_of_a_link_is_found_whatever_is_in_it(text: str, found: list[int]) -> None:
    assert all_pages(OrderFilter(text=text)) == found


@pytest.mark.usefixtures("linked")
@pytest.mark.parametrize("text", ["a", ".b", "日本", "%", '"', "//"])
def test_a_text_of_less_than_three_characters_is_no_part_of_a_link(text: str) -> None:
    assert order_lists.is_too_short(text)
    assert all_pages(OrderFilter(text=text)) == []


def test_an_orders_number_and_its_providers_come_before_links_that_have_them(
    cast: SimpleNamespace,
) -> None:
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60)
    for number in range(1, 131):
        place(cast, "alice", f"https://t.me/{number}/1120")
    Order.update(provider=provider.id, provider_order="112").where(Order.id == 5).execute()
    for _ in range(2):
        found = all_pages(OrderFilter(text="112"), size=50)
        assert found == [112, 5, *(n for n in range(130, 0, -1) if n not in (112, 5))]
        assert all_pages(OrderFilter(text="112", status="Completed")) == []
        totals = order_lists.totals(OrderFilter(text="112"))
        assert totals == Totals(130, 130 * 500_000, 0, 0)
        index_all()


def test_the_index_has_whole_blocks_alone_and_each_once(
    small: None, cast: SimpleNamespace
) -> None:
    assert not links.index_next()
    assert links.first_unindexed() == 0
    for count, last in ((3, -1), (1, 0), (19, 4), (1, 5)):
        for number in range(count):
            place(cast, "alice", f"https://t.me/{number}")
        index_all()
        assert link_index.last_block() == last
        assert link_index.blocks_with("t.me", 0, 99, 99) == list(range(last, -1, -1))


def test_the_index_passes_over_numbers_that_no_order_has(
    small: None, cast: SimpleNamespace
) -> None:
    """As after a restore, when numbers jump."""
    first = place(cast, "alice", "https://t.me/before")
    with immediate():
        numbers.raise_to({"orders": 10_000_000})
    after = [place(cast, "alice", f"https://t.me/after/{n}") for n in range(9)]
    assert after[0] == 10_000_001
    found = [*after[::-1], first]
    assert [n for n in all_pages(OrderFilter(text="t.me/")) if n in found] == found
    index_all()
    assert link_index.blocks_with("t.me/", 0, 2**40, 99) == [2_500_001, 2_500_000, 0]
    assert [n for n in all_pages(OrderFilter(text="t.me/")) if n in found] == found


def test_what_a_bulk_act_is_for_is_at_most_so_many(many: list[dict[str, Any]]) -> None:
    alices = [row["id"] for row in many if row["account"] == 1]
    for limit, is_all in ((len(alices), True), (len(alices) - 1, False), (500, True), (1, False)):
        found = order_lists.numbers(OrderFilter(account_id=1), limit)
        assert found == (alices[:limit], is_all)


# Plans


INDEXES = {
    "orders_by_status": OrderFilter(status="Completed"),
    "orders_by_account": OrderFilter(account_id=1, status="Completed"),
    "orders_by_service": OrderFilter(service_id=1),
    "orders_of_provider": OrderFilter(provider_id=1, status="Completed"),
    "orders_by_time": OrderFilter(since=1, until=2),
    "orders_by_provider": OrderFilter(text="4711"),
    "orders_held": OrderFilter(only=("held",)),
    "orders_in_doubt": OrderFilter(only=("review",), status="Pending"),
    "cancels_by_status": OrderFilter(only=("requests",), account_id=1),
    "orders_with_warning": OrderFilter(only=("warning",), status="Pending", account_id=1),
    "orders_with_warning ": OrderFilter(only=("warned",), status="Pending", account_id=1),
}


@pytest.mark.parametrize("index", INDEXES)
def test_a_list_of_orders_is_read_by_an_index(
    index: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = INDEXES[index]
    found = plans(monkeypatch, lambda: order_lists.order_page(wanted, before=100))
    steps = [step for plan in found for step in plan]
    assert any(f"INDEX {index.strip()} " in f"{step} " for step in steps), steps
    assert not walks(steps), steps


@pytest.mark.parametrize("index", INDEXES)
def test_totals_are_read_by_the_same_index_or_from_the_sums_by_the_hour(
    index: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = INDEXES[index]
    asked = plans(monkeypatch, lambda: order_lists.totals(wanted))
    steps = [step for plan in asked for step in plan]
    if wanted._replace(status="", since=None, until=None) == OrderFilter():
        from_sums = ("SCAN t1", "SEARCH t1 USING PRIMARY KEY (hour>? AND hour<?)")
        assert steps[0] in from_sums
        assert not walks(steps[1:]), steps
    else:
        assert any(f"INDEX {index.strip()} " in f"{step} " for step in steps), steps
        assert not walks(steps), steps


def walks(steps: list[str]) -> list[str]:
    """The steps that go through all orders, or through those that one condition leaves."""
    return [
        step
        for step in steps
        if (step.startswith("SCAN t") and "INDEX" not in step) or "TEMP B-TREE" in step
    ]


CONDITIONS = {
    "status": "Completed", "account_id": 1, "service_id": 1, "provider_id": 1, "only": ("review",),
}  # fmt: skip


@pytest.mark.parametrize("text", ["", "t.me/x"])
@pytest.mark.parametrize("name", CONDITIONS)
def test_of_several_conditions_one_is_looked_up_and_the_others_are_checked(
    name: str, text: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = OrderFilter(**{**CONDITIONS, "text": text})  # type: ignore[arg-type]
    chosen = OrderFilter(**{name: CONDITIONS[name]})  # type: ignore[arg-type]
    for these in (wanted, chosen._replace(text=text)):
        found = plans(monkeypatch, lambda these=these: order_lists.order_page(these, before=100))  # type: ignore[misc]
        assert found
        assert not walks([step for plan in found for step in plan])


def test_the_search_reads_links_by_number_alone(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plans(monkeypatch, lambda: order_lists.order_page(OrderFilter(text="t.me/x")))
    steps = [step for plan in found for step in plan]
    assert any("VIRTUAL TABLE INDEX" in step and "order_links" in step for step in steps), steps
    assert not any("SCAN t1" in step for step in steps), steps


def test_a_request_that_was_answered_does_not_wait(cast: SimpleNamespace) -> None:
    first, second, third = (place(cast, "alice") for _ in range(3))
    for number in (first, second):
        transition.change(number, status="In progress")
    transition.change(third, status="Completed")
    cancels.request(account_id(), [first, second])
    refills.request(account_id(), [third])
    requests = OrderFilter(only=("requests",))
    assert all_pages(requests) == [third, second, first]
    cancels.reject(1)
    refills.set_status(1, "completed")
    assert all_pages(requests) == [second]


def test_the_runs_among_many_orders_are_not_counted_where_the_sums_are_kept(
    cast: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_lists, "SCAN", 3)
    whole = place(cast, "alice")
    run_of(whole)
    assert order_lists.totals(OrderFilter()).runs == 1
    for _ in range(2):
        place(cast, "alice")
    assert order_lists.totals(OrderFilter()).runs is None
    assert order_lists.totals(OrderFilter(status="Completed")).runs == 0
