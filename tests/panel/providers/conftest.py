"""Two providers, and a service of one of them with a fixed rate."""

from typing import Any

import pytest
from support.catalogue import UPSTREAM_KEY, import_from, listing

from panel import services
from panel.money import MICROS
from panel.providers import registry


@pytest.fixture
def upstream(app: Any) -> int:
    return registry.add("upstream", "https://panel.example/api/v2", UPSTREAM_KEY, 600).id


@pytest.fixture
def elsewhere(app: Any) -> int:
    return registry.add("elsewhere", "https://other.example/api/v2", "k" * 32, 600).id


@pytest.fixture
def fixed(upstream: int) -> int:
    """A service whose rate was set by hand: 1.00 at a cost of 0.80."""
    import_from(upstream, listing())
    services.edit(1, rate_micros=MICROS)
    return upstream
