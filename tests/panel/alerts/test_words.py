"""What a message may say: no customers' data, no keys, no addresses of ours."""

import pytest

from panel.alerts import notify
from panel.alerts.words import MAX_TEXT, condition_text, without_details

CUT = "\N{HORIZONTAL ELLIPSIS}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("bad link https://t.me/secret?x=1 today", f"bad link https://t.me/{CUT} today"),
        ("bad link instagram.com/someone.", f"bad link instagram.com/{CUT}"),
        ("no such user @some_body", f"no such user @{CUT}"),
        ("ask help@panel.example", f"ask @{CUT}"),
        ("Invalid key 0123456789abcdef0123456789", f"Invalid key {CUT}"),
        ("up has 3.00 USD left, 5 of 7 orders wait", "up has 3.00 USD left, 5 of 7 orders wait"),
        ("since 2026-11-25 07:00 UTC: HTTP 502", "since 2026-11-25 07:00 UTC: HTTP 502"),
        ("No space on device; a/b and 1/2", "No space on device; a/b and 1/2"),
    ],
)
def test_what_a_provider_says_is_told_without_details(said: str, told: str) -> None:
    assert without_details(said) == told


def test_a_command_that_would_repeat_them_is_told_by_where_it_stands() -> None:
    text = condition_text("It said “x”.", ("flask provider word up 'bad https://t.me/secret'",))
    assert text == "It said “x”.\nflask attention"
    assert condition_text("It waits.", ("flask order show 7",)) == "It waits.\nflask order show 7"


def test_a_long_text_is_cut() -> None:
    assert len(condition_text("word " * 1000)) <= MAX_TEXT


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("json://user:pass@host.example:8080/token?x=y", "json://host.example:8080"),
        ("json://127.0.0.1:9000/a", "json://127.0.0.1:9000"),
        ("jsons://[::1]/a", "jsons://[::1]"),
        ("json://localhost/a", "json://localhost"),
        ("mailto://me:secret@mail.example", "mailto://mail.example"),
        ("mailtos://me:se@cret@mail.example", "mailtos://mail.example"),
        ("mailtos://_?user=me&pass=secret", f"mailtos://{CUT}"),
        ("tgram://123456:AAbb-cc/1", f"tgram://{CUT}"),
        ("tgram://token.with.dots/1", f"tgram://{CUT}"),
        ("ntfy://secrettopic", f"ntfy://{CUT}"),
        ("discord://4174216298/JHMHI8qBe7bk", f"discord://{CUT}"),
    ],
)
def test_an_address_is_shown_by_scheme_and_host_alone(address: str, shown: str) -> None:
    assert notify.label(address) == shown
