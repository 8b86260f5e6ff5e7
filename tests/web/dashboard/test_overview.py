"""The dashboard's overview."""

from support.dashboard import Operator

import models
from panel import heartbeat
from panel.money import MICROS


def test_the_overview_shows_what_needs_a_person(olga: Operator, in_review: int) -> None:
    models.Source.update(cost_micros=9 * MICROS).execute()
    page = olga.text("/admin")
    assert f'<a href="/admin/orders/{in_review}">Order {in_review}</a>' in page
    assert "HTTP 502" in page
    assert "5.00 &lt; 9.00" in page
    assert "Not running: never seen" in page
    heartbeat.record_alive()
    assert "Running, last seen" in olga.text("/admin")
