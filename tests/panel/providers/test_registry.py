"""Our accounts at providers."""

import pytest
from support.apps import listed
from support.catalogue import UPSTREAM_KEY, import_from, listing
from support.orders import everything

from panel import services
from panel.errors import OperatorError
from panel.providers import registry, sources


def test_a_removed_provider_takes_its_services_with_it_and_its_key(
    upstream: int, elsewhere: int
) -> None:
    import_from(upstream, listing(), listing("8"))
    import_from(elsewhere, listing("9"))
    sources.set_source(3, upstream, listed("7", 1), 2)
    assert registry.remove("upstream") == 2
    assert [service.active for service in services.listing()] == [False, False, True]
    assert [source["source_rank"] for source in sources.sources(3)] == [1]
    assert UPSTREAM_KEY not in "\n".join(everything())
    with pytest.raises(OperatorError, match="no provider upstream"):
        registry.get("upstream")
    assert registry.add("upstream", "https://panel.example/api/v2", "new", 60).id == upstream
