"""The list of services: searched, narrowed, and in pages; and what was done with each."""

from types import SimpleNamespace

import pytest
from support.apps import listed
from support.trouble import add_up

from database.connection import database
from models import AuditLine, Service
from panel import paging, services
from panel.operations import providers
from panel.operations import services as operations
from panel.operations.audit import Actor
from panel.providers import pending, registry, sources
from panel.providers.changes import describe
from panel.providers.pending import PendingKind
from panel.service_queries import ONLY, ServiceFilter, last_changes, service_page

OLGA = Actor("olga", "10.0.0.9")


@pytest.fixture
def up(cast: SimpleNamespace) -> SimpleNamespace:
    """1 is bought at up and at spare, and held; 2 at spare, below its cost; 4 is disabled."""
    up = add_up(cast)
    spare = registry.add("spare", "https://spare.example/api/v2", "key", 60, "USD").id
    sources.set_source(1, spare, listed("4711", 1), 2)
    sources.set_source(2, spare, listed("x-9", 20_000), 1)
    services.edit(3, name="Пакет 100% real_")
    services.edit(4, category="Other")
    pending.add(up.id, PendingKind.RISE, "900000", "90000000", up.source)
    return up


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ServiceFilter(), [1, 2, 3, 4]),
        (ServiceFilter(text="FOLLOW"), [1]),
        (ServiceFilter(text="video views"), [2]),
        (ServiceFilter(text="2"), [2]),
        (ServiceFilter(text="4711"), [1]),
        (ServiceFilter(text="X-9 video"), [2]),
        (ServiceFilter(text="пакет"), [3]),
        (ServiceFilter(text="%"), [3]),
        (ServiceFilter(text="100%"), [3]),
        (ServiceFilter(text="_"), [3]),
        (ServiceFilter(text="  "), [1, 2, 3, 4]),
        (ServiceFilter(text="nothing"), []),
        (ServiceFilter(category="Video"), [2, 3]),
        (ServiceFilter(category="Video", text="пакет"), [3]),
        (ServiceFilter(only="enabled"), [1, 2, 3]),
        (ServiceFilter(only="disabled"), [4]),
        (ServiceFilter(only="held"), [1]),
        (ServiceFilter(only="below"), [2]),
        (ServiceFilter(only="by hand"), [3, 4]),
        (ServiceFilter(only="by hand", category="Video"), [3]),
        (ServiceFilter(only="nonsense"), [1, 2, 3, 4]),
        (ServiceFilter(provider="spare"), [1, 2]),
        (ServiceFilter(provider="up"), [1]),
        (ServiceFilter(provider="nobody"), []),
        (ServiceFilter(provider="spare", only="below"), [2]),
    ],
    ids=str,
)
def test_services_are_found(up: SimpleNamespace, wanted: ServiceFilter, found: list[int]) -> None:
    assert [row["id"] for row in service_page(wanted).rows] == found


def test_every_choice_of_the_page_is_known(up: SimpleNamespace) -> None:
    everything = len(service_page().rows)
    assert all(len(service_page(ServiceFilter(only=only)).rows) < everything for only in ONLY)


@pytest.mark.parametrize("text", ["", "many"])
def test_pages_follow_each_other_in_the_order_of_the_catalogue(
    up: SimpleNamespace, text: str
) -> None:
    Service.insert_many(
        {"name": f"Many {n}", "category": "Social", "type": "Default", "rate_micros": 1,
         "min": 1, "max": 1, "sort_order": 10**9 - n} for n in range(120)
    ).execute()  # fmt: skip
    seen, after = [], None
    while True:
        page = service_page(ServiceFilter(text=text), after)
        assert len(page.rows) <= paging.PAGE
        seen += [row["id"] for row in page.rows]
        if (after := page.next) is None:
            break
    ordered = [row.id for row in services.listing() if text in row.name.lower()]
    assert seen == ordered


def test_what_was_done_with_a_service_is_told_newest_first(up: SimpleNamespace) -> None:
    operations.edit(OLGA, 1, {"name": "Fans"})
    operations.disable(OLGA, 2)
    operations.mark_up(OLGA, [1, 2], 250_000)
    operations.fix_rates(OLGA, [2])
    operations.disable(OLGA, 4)
    told = {n: [line["act"] for line in last_changes(n)] for n in (1, 2, 3, 4)}
    assert told == {
        1: ["services 1, 2: markup 25%", "service 1: set name Fans"],
        2: ["services 2: fixed rate", "services 1, 2: markup 25%", "service 2: disable"],
        3: [],
        4: ["service 4: disable"],
    }
    assert len(last_changes(2, limit=1)) == 1


def test_the_last_changes_are_no_walk_through_the_whole_audit(up: SimpleNamespace) -> None:
    query = (
        AuditLine.select()
        .where(AuditLine.id > 5, AuditLine.act.startswith("service"))
        .order_by(AuditLine.id.desc())
    )
    sql, values = query.sql()
    plan = database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
    assert [row[3] for row in plan] == ["SEARCH t1 USING INTEGER PRIMARY KEY (rowid>?)"]


def test_what_an_import_changed_is_told_of_each_service(up: SimpleNamespace) -> None:
    listings = [listed("7", 900_000), listed("9", 1000)]
    wanted = providers.Import(markup_ppm=500_000)
    preview = providers.preview_import("up", listings, wanted)
    told = [describe(change) for change in preview if change.service_id == 1]
    assert "rate 5.00 → 1.35" in told
    assert last_changes(1) == []
    providers.import_services(OLGA, "up", listings, wanted)
    providers.import_services(OLGA, "up", listings, wanted)
    (line,) = last_changes(1)
    assert line["act"] == f"service 1: import from up, service 7: {', '.join(told)}"
    (new,) = (service.id for service in services.listing() if service.id > 4)
    assert last_changes(new) == []
