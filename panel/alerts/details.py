"""Cutting customers' data and keys out of what a provider said, before it leaves the machine.

Whole words are cut, for what is left of a link may still tell whose it is. What looks like a
plain word stays, and may be a user's name: nothing tells it from one.
"""

import html
import re
import unicodedata
from collections.abc import Collection
from urllib.parse import unquote

CUT = "\N{HORIZONTAL ELLIPSIS}"

MAX_WORD = 200
"""A word with more characters is none."""

_AROUND = "\"'“”«»()[]{}<>,;:!?.*|\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
"""What stands around a word and is no part of it."""

_LINK = re.compile(
    r"""
      (?<![a-z0-9]) [a-z][a-z0-9+.-]* : (?=\S)       # a scheme, as in tg://, mailto:
    | :// | ^//
    | (?:[^\W_](?:[\w-]*[^\W_])?\.)+                 # a domain, of any script
      (?:[^\W\d_]{2,24}|xn--[a-z0-9-]+) (?![\w-]|\.\w)
    | (?<![\d.]) \d{1,3}(?:\.\d{1,3}){3} [:/?#]      # an address, with a port or a path
    | [0-9a-f]*:[0-9a-f.]*:[0-9a-f:.]* \]? [/?#]
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ERROR_CODE = re.compile(r"(^|\.)errors?\.", re.IGNORECASE)
"""In a word with dots that is no domain, such as neworder.error.link."""

_SECRET = re.compile(
    r"\b(key|token|secret|password)([\"']?\s*[=:]\s*[\"']?)[^\s\"']+", re.IGNORECASE
)
_PHONE = re.compile(r"(?<![\w.,])\+?\(?\d(?:[ ()./-]{0,2}\d){6,16}(?!\w)")
_NO_PHONE = re.compile(
    r"\d{4}[-/.]\d\d[-/.]\d\d.*|\d\d[-/.]\d\d[-/.]\d{4}.*|\d+\.\d+|\d{1,3}(\.\d{1,3}){3}"
)
"""Days, decimal numbers and network addresses."""


def without_details(text: str, ours: Collection[str] = ()) -> str:
    """A text without links, addresses, names after @, phone numbers and keys.

    :param ours: words that stay, such as a provider's name, which may look like a domain.
    """
    text = _SECRET.sub(rf"\1\2{CUT}", text)
    text = re.sub(r"\S+", lambda found: _word(found[0], ours), text)
    return _PHONE.sub(_number, text)


def _word(word: str, ours: Collection[str]) -> str:
    core = word.strip(_AROUND)
    if not core or core in ours:
        return word
    if len(core) > MAX_WORD:
        return CUT
    plain = _decoded(core)
    if _is_link(plain) or any(map(_is_key, re.findall(r"[A-Za-z0-9_+/=-]{8,}", plain))):
        return word.replace(core, CUT, 1)
    if "@" in plain and len(plain) > 1:
        return word.replace(core, f"@{CUT}", 1)
    return word


def _decoded(word: str) -> str:
    """A word without the escapes of HTML, JSON and addresses, and in plain letters."""
    word = re.sub(
        r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), html.unescape(word)
    )
    word = word.replace("\\", "")
    for _ in range(3):
        word = unquote(word)
    return unicodedata.normalize("NFKC", word).replace("\N{IDEOGRAPHIC FULL STOP}", ".")


def _is_link(word: str) -> bool:
    found = _LINK.search(word)
    return found is not None and not (_ERROR_CODE.search(word) and not re.search("[:/@]", word))


# Keys


def _is_key(word: str) -> bool:
    """Whether a word looks like a key: letters mixed with digits, or very long."""
    if re.fullmatch(r"[A-Za-z0-9+/]{10,}={1,2}", word) or re.match(r"eyJ\w{5}", word):
        return True
    if len(word) >= 16 and re.search(r"\d", word) and re.search(r"[A-Za-z]", word):
        return True
    if len(word) >= 24 and re.search(r"[+/=]", word) and _mixes_cases(word, 3):
        return True
    return any(map(_is_key_part, re.split(r"[_+/=-]+", word)))


def _is_key_part(part: str) -> bool:
    if part.isalpha():
        return _is_long_word(part)
    digits = sum(map(str.isdigit, part))
    if digits == len(part):
        return False  # a number
    is_hex = re.fullmatch(r"[0-9a-f]{8,}|[0-9A-F]{8,}", part) is not None
    letters = len(part) - digits
    turns = len(re.findall(r"(?<=\d)[A-Za-z]|(?<=[A-Za-z])\d", part))
    least = 8 if turns >= 2 else 12
    return is_hex or (len(part) >= least and min(digits, letters) >= 2)


def _is_long_word(part: str) -> bool:
    if re.search(r"(Error|Exception|Timeout|Warning|Pool)$", part):
        return False  # Python's own names
    return len(part) >= 20 or (len(part) >= 8 and _mixes_cases(part, 3))


def _mixes_cases(word: str, times: int) -> bool:
    return len(re.findall(r"(?<=[a-z])[A-Z]", word)) >= times


# Phone numbers


def _number(found: re.Match[str]) -> str:
    """A number, or what is left of it if it is one of a phone."""
    text = found[0]
    digits = len(re.sub(r"\D", "", text))
    if _NO_PHONE.fullmatch(text):
        return text
    separators = len(re.findall(r"\d\D+(?=\d)", text))
    if text.startswith("+") or (digits >= 10 and not separators):
        return CUT
    is_phone = digits >= 9 and (separators >= 2 or (separators and text.startswith(("0", "("))))
    return CUT if is_phone else text
