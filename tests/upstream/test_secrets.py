"""A provider's key is hidden in every form, and what only looks like one stays."""

import html
import json
from collections.abc import Callable
from time import process_time
from urllib.parse import quote, quote_plus

import pytest

from upstream.secrets import HIDDEN, hide, hide_in_address, hide_in_data

KEYS = [
    "Zk9/aB3+dE7/fG1hI5jK9lM2",
    "0123456789abcdef0123456789abcdef",
    "ab&cd<ef>\"gh'12345678",
    "back\\slash%and=equals~",
    "s3cr3tkey12345",
    "4821",
    "with a blank in it",
    "Schlüssel😀é-1234",
]

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "small letters": str.lower,
    "other capitals": str.swapcase,
    "an address": quote,
    "a part of an address": lambda key: quote(key, ""),
    "a form": quote_plus,
    "an address in small letters": lambda key: quote(key, "").lower(),
    "an address in an address": lambda key: quote(quote(key, ""), ""),
    "a form in a form": lambda key: quote_plus(quote_plus(key)),
    "every byte": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "JSON": lambda key: json.dumps(key)[1:-1],
    "JSON of PHP": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda key: json.dumps(json.dumps(key)[1:-1].replace("/", "\\/"))[1:-1],
    "JSON without signs": lambda key: "".join(c if c.isalnum() else _json(c) for c in key),
    "JSON of escapes": lambda key: "".join(map(_json, key)),
    "JSON of escapes in capitals": lambda key: "".join(_json(c, "X") for c in key),
    "JSON of some escapes": lambda key: "".join(c if c in "aZ/k3" else _json(c) for c in key),
    "an address in JSON": lambda key: quote(key, "").replace("%", "\\u0025"),
    "HTML": html.escape,
    "HTML in HTML": lambda key: html.escape(html.escape(key)),
    "HTML in JSON": lambda key: html.escape(key).replace("&", "\\u0026"),
    "HTML of numbers": lambda key: "".join(f"&#{ord(c)};" for c in key),
    "HTML of hexadecimals": lambda key: "".join(f"&#x{ord(c):04X};" for c in key),
    "HTML of names": lambda key: key.replace("/", "&sol;").replace("+", "&plus;"),
}  # fmt: skip


def _json(character: str, letter: str = "x") -> str:
    utf_16 = character.encode("utf-16-be")
    return "".join(
        f"\\u{utf_16[at] * 256 + utf_16[at + 1]:04{letter}}" for at in range(0, len(utf_16), 2)
    )


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("around", ["{}", '{{"error": "Account {} is frozen"}}', "?key={}&x=1"])
def test_no_form_of_a_key_is_left(form: str, key: str, around: str) -> None:
    assert hide(around.format(FORMS[form](key)), key) == around.format(HIDDEN)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_found_twice_and_beside_itself(form: str) -> None:
    written = FORMS[form](KEYS[0])
    assert hide(f"{written}{written} {written}", KEYS[0]) == "[key][key] [key]"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Account Zk9/aB3+dE7/fG1hI5jK9lM3 is frozen", KEYS[0]),
        ("Zk9/aB3+dE7/fG1hI5jK9lM", KEYS[0]),
        ("Incorrect link", ""),
        ("a key of abc", "abc"),  # nobody has such a key
        ("abcd", "a.cd"),
        ("order 48210", "4821 "),
    ],
)
def test_what_is_no_key_stays(text: str, key: str) -> None:
    assert hide(text, key) == text


@pytest.mark.parametrize(
    "text",
    ["1" * 10**6, "Account is frozen. " * 50_000, KEYS[0][:-1] * 40_000, "%5" * 500_000,
     "\\u00" * 250_000, "&#0" * 300_000, "&" + "amp;" * 250_000, "\\" * 10**6],
    ids=lambda text: text[:9],
)  # fmt: skip
@pytest.mark.parametrize("key", [KEYS[0], "5ecre7" * 30, "/+%&" * 20])
def test_a_long_answer_is_searched_fast(text: str, key: str) -> None:
    hide("", key)
    begun = process_time()
    assert hide(text, key) == text
    assert process_time() - begun < 2


@pytest.mark.parametrize(
    ("address", "key", "shown"),
    [
        (f"https://b.example/{KEYS[0]}/v2", KEYS[0], "https://b.example/KEY/v2"),
        ("https://b.example/Zk9%2FaB3%2BdE7%2FfG1hI5jK9lM2", KEYS[0], "https://b.example/KEY"),
        ("https://0123456789ABCDEF0123456789abcdef.a/", KEYS[1], "https://KEY.a/"),
        ("https://test.example/api/TEST/?key=test", "test", "https://test.example/api/KEY/?key=KEY"),
        ("//4821.example:4821/4821", "4821", "//4821.example:4821/KEY"),
        ("/4821/v2", "4821", "/KEY/v2"),
        ("4821", "4821", "KEY"),
        ("", "4821", ""),
    ],
)  # fmt: skip
def test_an_address_keeps_its_host(address: str, key: str, shown: str) -> None:
    assert hide_in_address(address, key) == shown


def test_data_is_only_changed_by_what_cannot_be_chance() -> None:
    key = KEYS[0]
    answer = {"order": "4821", key: [key.lower(), None, True, {"a": [quote(key, "")]}], "b": "c"}
    assert hide_in_data(answer, "4821") is answer
    hidden = {"order": "4821", HIDDEN: [HIDDEN, None, True, {"a": [HIDDEN]}], "b": "c"}
    assert hide_in_data(answer, key) == hidden
