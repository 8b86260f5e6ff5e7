"""What a redirect says of the request that met it."""

import pytest

from upstream.provider import ProviderMoved, RedirectedUnclear
from upstream.redirects import read_redirect

HERE = "http://panel.example/api/v2"


@pytest.mark.parametrize(
    ("status", "location", "address"),
    [
        (301, "https://panel.example/api/v2", "https://panel.example/api/v2"),
        (301, "http://www.panel.example/api/v2", "http://www.panel.example/api/v2"),
        (301, "http://panel.example:8080/api/v2", "http://panel.example:8080/api/v2"),
        (301, "//new.example/api/v2", "http://new.example/api/v2"),
        (301, "/api/v2/", "http://panel.example/api/v2/"),
        (308, "/api/v3", "http://panel.example/api/v3"),
        (307, "v3", "http://panel.example/api/v3"),
        (302, "https://new.example", "https://new.example/"),
        (303, "http://new.example/login", "http://new.example/login"),
        (302, "https://panel.example/api/v2", "https://panel.example/api/v2"),
    ],
)
def test_a_panel_that_moved_names_its_address(status: int, location: str, address: str) -> None:
    error = read_redirect(HERE, status, location)
    assert isinstance(error, ProviderMoved)
    assert error.address == address
    assert address in str(error)


@pytest.mark.parametrize(
    ("status", "location"),
    [
        # The very same address.
        (301, HERE),
        (308, "HTTP://PANEL.EXAMPLE:80/api/v2"),
        (307, "/api/v2?again=1"),
        # A page of the same server, which may come after the work.
        (302, "/login"),
        (303, "/orders/5"),
        # No address.
        (301, None),
        (301, ""),
        (301, "mailto:me@panel.example"),
        (301, "https://new.example:port/"),
        (301, "https://new.ex\x1b[31mample/"),
    ],
)
def test_any_other_redirect_leaves_it_unknown(status: int, location: str | None) -> None:
    assert isinstance(read_redirect(HERE, status, location), RedirectedUnclear)
