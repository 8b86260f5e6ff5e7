"""The catalogue of services."""

from types import SimpleNamespace

from panel import services


def test_a_new_service_stands_at_the_end(cast: SimpleNamespace) -> None:
    services.move(cast.hidden, cast.followers)
    new = services.add(name="New", category="Video", rate_micros=1, min=1, max=1)
    assert [service.id for service in services.listing()][-1] == new
