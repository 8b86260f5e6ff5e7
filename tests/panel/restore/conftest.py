"""What a test opens is closed after it."""

from collections.abc import Iterator

import pytest

from database.connection import close_database


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_database()
