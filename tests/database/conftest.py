"""A place for a database file; what a test opens there is closed after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from database.connection import close_database


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_database()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "panel.db"
