"""A real browser."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, for all tests of a module."""
    from support.browser import chromium  # only where it is needed: it is slow to import

    with chromium() as browser:
        yield browser
