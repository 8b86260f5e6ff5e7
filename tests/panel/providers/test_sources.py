"""Where a service is bought."""

import pytest
from support.apps import listed

from models import Source
from panel import services
from panel.errors import OperatorError
from panel.providers import sources
from panel.services import MAX_RATE_MICROS


def test_a_second_source_needs_a_first(upstream: int) -> None:
    number = services.add(name="Mine", category="Social", rate_micros=1, min=1, max=10)
    with pytest.raises(OperatorError, match="no first source"):
        sources.set_source(number, upstream, listed("7", 1), 2)
    assert Source.select().count() == 0


def test_a_source_of_an_absurd_rate_is_refused(upstream: int) -> None:
    too_dear = listed("7", MAX_RATE_MICROS + 1)
    with pytest.raises(OperatorError, match=r"the provider's rate, 1000000\.000001, is too high"):
        sources.set_source(1, upstream, too_dear, 1)
    assert sources.sources(1) == []
