"""An alert's text, and how an address may be shown."""

import pytest

from panel.alerts import notify
from panel.alerts.words import MAX_TEXT, condition_text

CUT = "\N{HORIZONTAL ELLIPSIS}"


def test_a_command_that_would_repeat_them_is_told_by_where_it_stands() -> None:
    text = condition_text("It said “x”.", ("flask provider word up 'bad https://t.me/secret'",))
    assert text == "It said “x”.\nflask attention"
    assert condition_text("It waits.", ("flask order show 7",)) == "It waits.\nflask order show 7"


def test_a_providers_name_stays_whatever_it_looks_like() -> None:
    told = "smm.example says smm.example/john", ("flask provider balance smm.example",)
    assert condition_text(*told, ours=("smm.example",)) == (
        f"smm.example says {CUT}\nflask provider balance smm.example"
    )
    assert condition_text(*told) == f"{CUT} says {CUT}\nflask attention"


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
