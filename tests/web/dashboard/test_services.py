"""The dashboard's services."""

from types import SimpleNamespace

import pytest
from support.apps import listed
from support.dashboard import Operator, lines

from models import Source
from panel import accounts, pricing, service_queries, services
from panel.money import MICROS
from panel.providers import import_services, price_sync, registry
from panel.providers.policy import USUAL

SERVICE = {
    "name": "Followers", "category": "Social", "type": "Default", "rate_micros": "5.00",
    "min": "10", "max": "1000", "sort_order": "", "refill": "y", "cancel": "y",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "act"),
    [
        ({"name": '"More" <b>\'s'}, 'set name "More" <b>\'s'),
        ({"rate_micros": "4.5"}, "set rate 4.50"),
        ({"min": "20", "max": "30"}, "set min 20, max 30"),
        ({"sort_order": "7"}, "set position 7"),
    ],
    ids=["name", "rate", "range", "position"],
)
def test_a_service_is_edited_in_what_was_changed_alone(
    changed: dict[str, str], act: str, olga: Operator, cast: SimpleNamespace
) -> None:
    before = services.get(cast.followers).__data__
    olga.post(f"/admin/services/{cast.followers}", **{**SERVICE, **changed})
    after = services.get(cast.followers).__data__
    different = {name for name in after if after[name] != before[name]}
    assert different == set(changed)
    assert lines() == [("olga", f"service {cast.followers}: {act}", "done")]


def test_a_form_that_changes_nothing_changes_nothing(
    olga: Operator, cast: SimpleNamespace
) -> None:
    olga.post(f"/admin/services/{cast.followers}", **SERVICE)
    assert lines() == []
    assert "Nothing was changed" in olga.text(f"/admin/services/{cast.followers}")


def test_a_rate_below_the_cost_is_warned_of(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    Source.update(cost_micros=MICROS).where(Source.service == cast.followers).execute()
    page = f"/admin/services/{cast.followers}"
    warning = f"Service {cast.followers} is sold at 0.99, below its cost of 1.00."
    olga.post(page, **{**SERVICE, "rate_micros": "0.99"})
    assert warning in olga.text(page)
    olga.post(page, **{**SERVICE, "rate_micros": "1"})
    assert "below its cost" not in olga.text(page)


def test_a_service_keeps_its_markup_when_its_name_is_edited(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    import_services.mark_up([cast.followers], 4 * MICROS)
    olga.post(f"/admin/services/{cast.followers}", **{**SERVICE, "name": "Fans"})
    service = services.get(cast.followers)
    assert (service.name, service.markup_ppm) == ("Fans", 4 * MICROS)


def test_a_service_is_added(olga: Operator) -> None:
    fields = {**SERVICE, "name": "New", "refill": "y"}
    answer = olga.post("/admin/services/add", **fields)
    number = int(answer.headers["Location"].rpartition("/")[2])
    service = services.get(number)
    assert (service.name, service.rate_micros, service.refill) == ("New", 5 * MICROS, True)
    assert lines() == [("olga", "service New: add", f"done: it is service {number}")]


def test_why_a_sync_disabled_a_service_is_shown_in_words(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    price_sync.sync_prices(registry.get("sandbox").id, [listed("99", MICROS)], USUAL)
    for path in ("/admin/services", f"/admin/services/{cast.followers}"):
        assert "the provider no longer offers it as it was" in olga.text(path), path
        assert "vanished" not in olga.text(path), path


def test_a_rate_that_follows_its_cost_says_how(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    path = f"/admin/services/{cast.followers}"
    assert "The rate was set by hand and does not follow the cost." in olga.text(path)
    import_services.mark_up([cast.followers], 250_000)
    assert "The rate is the cost plus 25%." in olga.text(path)
    import_services.mark_up([cast.followers], 250_000, 10_000)
    assert "The rate is the cost plus 25%, rounded up to a multiple of 0.01." in olga.text(path)


@pytest.mark.parametrize(("act", "active"), [("enable", True), ("disable", False)])
def test_services_are_enabled_and_disabled_together(
    act: str, active: bool, olga: Operator, cast: SimpleNamespace
) -> None:
    chosen = [cast.followers, cast.hidden]
    olga.post("/admin/services/act", service=chosen, act=act)
    assert [services.get(number).active for number in chosen] == [active, active]
    assert [act for _, act, _ in lines()] == [f"service {number}: {act}" for number in chosen]


def test_services_are_marked_up_together(
    olga: Operator, cast: SimpleNamespace, in_review: int
) -> None:
    chosen = [cast.followers, cast.views]
    page = olga.post(
        "/admin/services/act", service=chosen, act="markup", markup="25%", step="0.1"
    ).text
    marked, left = (services.get(number) for number in chosen)
    assert (marked.rate_micros, marked.markup_ppm) == (1_300_000, 250_000)
    assert (left.rate_micros, left.markup_ppm) == (15_000, None)
    assert "Done: 1 of 2." in page
    assert "rate 5.00 → 1.30" in page
    assert "skipped: it is not bought from a provider" in page
    assert [line[1] for line in lines()] == ["services 1, 2: markup 25%, step 0.10"]


@pytest.mark.parametrize(
    ("moves", "after"),
    [
        ([(3, 1)], [3, 1, 2, 4]),
        ([(1, None)], [2, 3, 4, 1]),
        ([(1, 1)], [1, 2, 3, 4]),
        ([(4, 2), (1, 3)], [4, 2, 1, 3]),
    ],
    ids=["up", "to the end", "before itself", "twice"],
)
def test_services_are_moved_for_the_pages_and_for_the_api(
    moves: list[tuple[int, int | None]], after: list[int], olga: Operator, cast: SimpleNamespace
) -> None:
    services.edit(cast.hidden, active=True)
    for number, before in moves:
        olga.post(f"/admin/services/{number}/move", before="" if before is None else before)
    caller = accounts.find(cast.alice)
    assert caller is not None
    assert [offer.id for offer in pricing.offers(caller)] == after
    assert [row["id"] for row in service_queries.service_page().rows] == after
    assert len(lines()) == len(moves)
