"""Where a service is bought."""

import pytest
from support.apps import listed

from models import Source
from panel import services
from panel.errors import OperatorError
from panel.providers import sources


def test_a_second_source_needs_a_first(upstream: int) -> None:
    number = services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    with pytest.raises(OperatorError, match="no first source"):
        sources.set_source(number, upstream, listed("7", 1), 2)
    assert Source.select().count() == 0
