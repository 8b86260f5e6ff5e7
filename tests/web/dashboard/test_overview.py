"""The dashboard's overview."""

import re
from types import SimpleNamespace
from typing import Any

from support.dashboard import Operator, place, put_in_review
from support.orders import account_id

import models
from database.clock import now
from panel import heartbeat
from panel.money import MICROS
from panel.orders import cancels, transition
from panel.providers import registry
from panel.sign_in import sessions

THINGS = re.compile(r'<li><a href="([^"]+)"><strong>([^<]+)</strong> ([^<]+)</a></li>')


def needs(olga: Operator) -> list[tuple[str, str, str]]:
    """The figures of what needs an operator: page, how much, of what."""
    return THINGS.findall(olga.text("/admin"))


def test_the_overview_shows_what_needs_a_person(olga: Operator, in_review: int) -> None:
    models.Source.update(cost_micros=9 * MICROS).execute()
    page = olga.text("/admin")
    assert f'<a href="/admin/orders/{in_review}">Order {in_review}</a>' in page
    assert "HTTP 502" in page
    assert "5.00 &lt; 9.00" in page
    assert "Not running: never seen" in page
    heartbeat.record_alive()
    assert "Running, last seen" in olga.text("/admin")


def test_the_figure_of_warnings_leads_to_the_orders_that_it_counts(
    olga: Operator, cast: SimpleNamespace
) -> None:
    provider = registry.add("sandbox", registry.SANDBOX_URL, "", 60).id
    sent = {"warning": "odd", "dispatch_state": "sent", "provider": provider}
    old = {"created_at": 86_400}
    states: list[dict[str, Any]] = [
        {**sent, **old},
        {**sent, **old, "status": "Completed"},
        {**sent, "status": "Completed"},
        {**sent, "held_because": "word"},
        {**sent, "dispatch_state": "review"},
        {**sent, "warning": ""},
    ]
    for values in states:
        number = place(cast, "alice")
        models.Order.update(provider_order=str(number), **values).where(
            models.Order.id == number
        ).execute()
    counted = next(need for need in needs(olga) if need[2] == "warnings")
    page = olga.text(counted[0])
    assert counted[1] == "2"
    assert re.findall(r'name="order" value="(\d+)"', page) == ["3", "1"]
    assert 'value="warned" checked> With a warning, open or of 7 days' in page


def test_the_first_figures_count_what_needs_a_person_and_leave_zeros_out(
    olga: Operator, cast: SimpleNamespace
) -> None:
    assert needs(olga) == []
    assert "Nothing waits for you." in olga.text("/admin")

    put_in_review(cast)
    held, warned = place(cast, "alice"), place(cast, "alice")
    provider = registry.get("sandbox").id
    models.Order.update(held_because="status", provider=provider).where(
        models.Order.id == held
    ).execute()
    models.Order.update(
        warning="odd", dispatch_state="sent", provider=provider, provider_order="7"
    ).where(models.Order.id == warned).execute()
    models.Service.update(held=True).where(models.Service.id == cast.views).execute()
    models.Source.update(cost_micros=9 * MICROS).execute()
    registry.add("poor", "https://poor.example/api/v2", "k" * 20, 60)
    models.Provider.update(balance="0.50 USD").where(models.Provider.name == "poor").execute()
    models.Heartbeat.insert(name=heartbeat.WORKER, seen_at=now() - 3600).execute()
    assert needs(olga) == [
        ("/admin#worker", "Worker", "not running"),
        ("/admin/orders?only=review", "1", "in review"),
        ("/admin/orders?only=held", "1", "order held"),
        ("/admin/orders?only=warned", "1", "warning"),
        ("/admin/services?only=held", "1", "service held"),
        ("/admin/services?only=below", "1", "service below cost"),
        ("/admin/providers/poor", "0.50 USD", "left at poor"),
    ]

    asked = place(cast, "alice")
    transition.change(asked, status="In progress", remains=40)
    cancels.request(account_id("alice"), [asked])
    assert ("/admin/requests", "1", "request") in needs(olga)

    held_too = place(cast, "alice")
    models.Order.update(held_because="word").where(models.Order.id == held_too).execute()
    assert ("/admin/orders?only=held", "2", "orders held") in needs(olga)


def test_what_is_zero_is_left_out_of_the_figures(olga: Operator) -> None:
    empty = olga.text("/admin")
    for heading in ("Revenue", "Refunds", "Profit"):
        assert f"<dt>{heading}</dt>" not in empty
    for heading in ("Orders by status", "Warnings", "Sold below cost"):
        assert f"<h2>{heading}</h2>" not in empty


def test_the_figures_of_the_period_lead_to_its_orders(olga: Operator, order_id: int) -> None:
    page = olga.text("/admin?range=today")
    assert '<dd><data value="0.50" title="0.50">0.50</data> <small>USD</small></dd>' in page
    (address,) = re.findall(r'href="(/admin/orders\?status=Pending&amp;from=[0-9-]+)"', page)
    assert f"/admin/orders/{order_id}" in olga.text(address.replace("&amp;", "&"))


def test_a_page_that_refreshes_itself_keeps_no_session_alive(olga: Operator) -> None:
    def seen_at() -> int:
        (session,) = models.OperatorSession.select()
        return session.seen_at

    before = now() - 3600
    models.OperatorSession.update(seen_at=before).execute()
    by_itself = {"X-Requested-With": "refresh"}
    assert olga.client.get("/admin", headers=by_itself).status_code == 200
    assert seen_at() == before
    olga.text("/admin")
    assert seen_at() > before

    models.OperatorSession.update(seen_at=now() - sessions.IDLE_S - 1).execute()
    assert olga.client.get("/admin", headers=by_itself).status_code == 302
