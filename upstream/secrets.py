"""A provider's key is hidden in what the provider says, in whatever form it is repeated there.

Panels repeat a request in their errors: as it came, as JSON or HTML writes it, as a part of an
address. What people read is kept for ever, so no form of a key may come into it.
"""

import re
from functools import lru_cache
from html.entities import html5
from typing import Any

HIDDEN = "[key]"

SHORTEST = 4
"""A shorter key is no secret, and would be found in any word."""

CERTAIN = 16
"""Where so many characters are like the key, they are the key. A shorter one may be a part of an
order's number, an amount or a service's name by chance: it is hidden only in what people read."""

_IN_HOST = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//[^/?#]*", re.IGNORECASE)
"""The beginning of an address, up to its path."""

_BACKSLASHES = r"\\\\{0,2}"
_PERCENTS = tuple(rf"{percent}(?:25){{0,2}}" for percent in ("%", _BACKSLASHES + "u0025"))
_AMPERSANDS = tuple(rf"{sign}(?:amp;){{0,2}}" for sign in ("&", _BACKSLASHES + "u0026"))
"""What leads the escapes of JSON, of an address and of HTML, which may be escaped themselves."""

_HTML_NAMES = tuple(name.rstrip(";") for name in html5 if name.endswith(";"))


def hide(text: str, key: str, instead: str = HIDDEN) -> str:
    """A text for people, without the key."""
    return text if len(key) < SHORTEST else _any_form(key).sub(instead, text)


def hide_in_address(address: str, key: str) -> str:
    """An address without the key, but for a short one in its host, which has to be found."""
    host = _IN_HOST.match(address) if len(key) < CERTAIN else None
    end = host.end() if host else 0
    return address[:end] + hide(address[end:], key, "KEY")


def hide_in_data(value: Any, key: str) -> Any:
    """Decoded JSON without the key, as far as it cannot stand there by chance.

    :raises RecursionError: for what is nested too deep.
    """
    return value if len(key) < CERTAIN else _without(value, key)


def _without(value: Any, key: str) -> Any:
    if isinstance(value, str):
        # No form of a key is shorter than it, and most values are.
        return value if len(value) < len(key) else hide(value, key)
    if isinstance(value, list):
        return [_without(item, key) for item in value]
    if isinstance(value, dict):
        return {_without(name, key): _without(item, key) for name, item in value.items()}
    return value


@lru_cache(maxsize=100)
def _any_form(key: str) -> re.Pattern[str]:
    """What finds a key, each of its characters in any form.

    Every alternative begins with a character as it is, and no flag is set: so a long text is
    searched fast.
    """
    characters = {character: _forms(character) for character in set(key)}
    return re.compile("".join(characters[character] for character in key))


def _forms(character: str) -> str:
    forms = {form for c in (character, character.lower(), character.upper()) for form in _each(c)}
    if character == " ":
        forms |= {r"\+", "%2[bB]"}
    if not character.isalnum():
        forms.add(_BACKSLASHES + re.escape(character))
    return f"(?:{'|'.join(sorted(forms, key=len, reverse=True))})"


def _each(character: str) -> list[str]:
    """A character as it is, and in the escapes of JSON, of an address and of HTML."""
    if len(character) != 1:  # what has capitals of two letters is in no key
        return []
    utf_8 = character.encode("utf-8", "surrogatepass")
    utf_16 = character.encode("utf-16-be", "surrogatepass")
    units = [utf_16[at : at + 2].hex() for at in range(0, len(utf_16), 2)]
    return [
        re.escape(character),
        "".join(rf"{_BACKSLASHES}u{_in_any_case(unit)}" for unit in units),
        *("".join(sign + _in_any_case(f"{byte:02x}") for byte in utf_8) for sign in _PERCENTS),
        *(sign + _html(character) for sign in _AMPERSANDS),
    ]


def _html(character: str) -> str:
    code = ord(character)
    named = [re.escape(name) for name in _HTML_NAMES if html5[name + ";"] == character]
    hexadecimal = _in_any_case(f"{code:x}")
    return f"(?:{'|'.join([f'#0{{0,6}}{code}', f'#[xX]0{{0,6}}{hexadecimal}', *named])});?"


def _in_any_case(hexadecimal: str) -> str:
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in hexadecimal)
