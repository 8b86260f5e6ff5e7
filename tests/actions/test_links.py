"""Links: what is dropped, what is restored, and what is refused before it is charged."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.parameters import parse_link
from panel.errors import RequestRejected

WORDS = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Z"], exclude_characters="\ufffd"),
    min_size=1,
    max_size=2048,
)


@given(st.text(st.sampled_from("ab1/?=&#%+:,;'\"\u00fc\u4f8b~"), min_size=1, max_size=2048))
def test_a_link_is_read_as_it_is(text: str) -> None:
    assert parse_link(text) == text


@pytest.mark.parametrize(
    "link",
    [
        "https://t.me/x",
        "https://t.me/+AbC",
        "t.me/x",
        "@somebody",
        "https://\u4f8b\u3048.jp/p?q=a+b%20c&x=1,2#'\";--",
        "https://a.example/%20%E2%80%8B?x=%2B",
        "https://a.example/share?url=https://b.example/",
        "https://a.example/share?text=seehttps://b.example/",
        "https://archive.example/web/2020/https://b.example/",
        "https://a.example/x#https://b.example/",
        "https://a.example/1,2;3|4",
        "https://a.example/share?u=https://a.example/x",
        "https://a.example/@41.40338,2.17403,17z/a.example",
        "https://a.example/maps,a.example.org/x",
        "a.example",
        "https://emoji.example/\u2764\ufe0f",
    ],
)
def test_one_link_keeps_every_character(link: str) -> None:
    assert parse_link(link) == link


@pytest.mark.parametrize("before", ["", " ", "\t", "\u00a0", "\u3000 ", "\r\n"])
@pytest.mark.parametrize("after", ["", " ", "  \t", "\u2003", "\n", "\r\n", "\u2028"])
def test_blanks_around_a_link_are_dropped(before: str, after: str) -> None:
    assert parse_link(f"{before}https://t.me/x?a=1{after}") == "https://t.me/x?a=1"


def test_blanks_around_a_link_do_not_count_in_its_length() -> None:
    assert parse_link(" " + "x" * 2048 + "\n") == "x" * 2048


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("https://t.me/ AbC", "https://t.me/+AbC"),
        ("http://t.me/ AbC-d_1", "http://t.me/+AbC-d_1"),
        ("HTTPS://T.ME/ AbC", "HTTPS://T.ME/+AbC"),
        ("t.me/ AbC", "t.me/+AbC"),
        ("www.t.me/ AbC/7", "www.t.me/+AbC/7"),
        (" https://t.me/ AbC ", "https://t.me/+AbC"),
        ("https://t.me/ 491701234567?text=x", "https://t.me/+491701234567?text=x"),
        ("https://telegram.me/ AbC", "https://telegram.me/+AbC"),
        ("https://telegram.dog/ AbC", "https://telegram.dog/+AbC"),
        ("https://wa.me/ 491701234567", "https://wa.me/+491701234567"),
        ("https://api.whatsapp.com/send?phone= 4917&text=x",
         "https://api.whatsapp.com/send?phone=+4917&text=x"),
        ("https://www.google.com/maps/place/Some Fine Caf\u00e9/@48.8,2.2,17z",
         "https://www.google.com/maps/place/Some+Fine+Caf\u00e9/@48.8,2.2,17z"),
        ("https://google.co.uk/maps/search/fine cafe/", "https://google.co.uk/maps/search/fine+cafe/"),
    ],
)  # fmt: skip
def test_a_plus_that_a_form_lost_is_restored(sent: str, meant: str) -> None:
    assert parse_link(sent) == meant


@pytest.mark.parametrize(
    "link",
    [
        "https://t.me/a b",
        "https://t.me/ AbC and more",
        "https://t.me/  AbC",
        "https://t.me/\u00a0AbC",
        "https://t.me/x/ AbC",
        "https://a.example/ AbC",
        "https://nott.me/ AbC",
        "https://a.example/t.me/ AbC",
        "https://wa.me/ somebody",
        "https://a.example/p?q=a b",
        "https://www.google.com/maps/place/Cafe please",
        "https:// t.me/x",
        "my link: https://t.me/x",
    ],
)
def test_any_other_blank_inside_is_refused(link: str) -> None:
    with pytest.raises(RequestRejected, match="Incorrect link"):
        parse_link(link)


@pytest.mark.parametrize(
    "link",
    [
        "https://t.me/a https://t.me/b",
        "https://t.me/ AbC https://t.me/ DeF",
        "https://www.google.com/maps/place/Cafe https://b.example/",
        "https://t.me/a,https://t.me/b",
        "https://t.me/a;http://t.me/b",
        "https://t.me/a|https://t.me/b",
        "https://t.me/a, https://t.me/b",
        "https://t.me/a\nhttps://t.me/b",
        "https://t.me/aHTTPS://t.me/b",
        "https://v.example/watch?v=1,https://v.example/watch?v=2",
        "@somebody,https://t.me/b",
        "@somebody,@else",
        "https://www.instagram.com/user/https://www.instagram.com/user2/",
        "https://www.instagram.com/user/https://instagram.com/user2/",
        "https://t.me/a/https://t.me/b",
        "https://www.instagram.com/p/abc/?igsh=xyz==https://www.instagram.com/p/def/",
        "https://t.me/a,t.me/b",
        "t.me/a,t.me/b",
        "t.me/a;www.t.me/b",
        "https://t.me/a(https://t.me/b)",
        "https://t.me/a+https://t.me/b",
    ],
)
def test_two_links_in_one_are_refused(link: str) -> None:
    with pytest.raises(RequestRejected, match="Incorrect link"):
        parse_link(link)


@pytest.mark.parametrize("word", ["null", "undefined", "None", " NaN "])
def test_what_programs_write_for_no_link_is_none(word: str) -> None:
    with pytest.raises(RequestRejected, match="Incorrect link"):
        parse_link(word)


def invisible() -> list[str]:
    """The characters without a width, with their names in the test's id."""
    return [chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Cf"]


def test_a_character_without_width_is_refused_wherever_it_stands() -> None:
    assert {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"} <= set(invisible())
    for character in [*invisible(), "\u115f", "\u3164", "\u2800", "\u034f"]:
        for link in (
            f"{character}https://t.me/x",
            f"https://t.me/{character}x",
            f"t.me/x{character}",
        ):
            with pytest.raises(RequestRejected, match="Incorrect link"):
                parse_link(link)


@given(
    st.text(max_size=20),
    st.characters(categories=["Cc", "Cs"]) | st.just("\ufffd"),
    WORDS.map(lambda text: text[:20]),
)
def test_a_link_holds_no_control_character_and_nothing_but_unicode(
    before: str, wrong: str, after: str
) -> None:
    with pytest.raises(RequestRejected, match="Incorrect link"):
        parse_link("x" + before + wrong + after)


@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\u00a0 ", "x" * 2049, "a\0", "a\nb", "\x85", "a\x0b"]
)
def test_what_is_empty_or_long_or_holds_controls_is_no_link(text: str) -> None:
    with pytest.raises(RequestRejected, match="Incorrect link"):
        parse_link(text)
