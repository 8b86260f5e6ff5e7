"""What the access log has of a request's path: everything but what may be a key."""

from types import SimpleNamespace
from urllib.parse import quote

import pytest
from flask import Flask
from support.apps import ROOT

from api.logs import logged_path

KEY = "0123456789abcdef" * 3
ENCODED = "".join(f"%{ord(letter):02X}" for letter in KEY)


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        (f"/{KEY}", "/..."),
        (f"/api/v2/{KEY}", "/api/v2/..."),
        (f"/api/v2/key={KEY}/", "/api/v2/key=.../"),
        (f"/api/v2/{ENCODED}", "/api/v2/..."),
        (f"/api/v2/{ENCODED.lower()}x", "/api/v2/..."),
        (f"/api/v2/{quote(ENCODED)}", "/api/v2/..."),
        (f"/{KEY[:20]}", "/..."),
        (f"/{KEY[:19]}", f"/{KEY[:19]}"),
        ("/abcdefghijklmnopqrstuvwxyz", "/..."),
        (f"/admin/{KEY}", "/admin/..."),
        ("/admin/customers/averylongcustomersname", "/admin/customers/averylongcustomersname"),
        ("/-", "/-"),
    ],
)
def test_a_word_that_may_be_a_key_is_cut(path: str, logged: str) -> None:
    assert logged_path(path) == logged


def test_every_path_of_the_panel_stays_readable(app: Flask, cast: SimpleNamespace) -> None:
    rules = {rule.rule.replace("<", "").replace(">", "") for rule in app.url_map.iter_rules()}
    folder = ROOT / "web"
    static = {f"/{file.relative_to(folder)}" for file in folder.glob("static/**/*.*")}
    assert len(rules) > 40
    assert len(static) > 5
    for path in rules | static:
        assert logged_path(path) == path
