"""What leaves the machine in a message: plain, short, and without customers' data and keys."""

import re

MAX_TEXT = 500
"""The most characters of the sentence about one thing."""

CUT = "\N{HORIZONTAL ELLIPSIS}"

_LINK = re.compile(r"((?:https?://)?(?:[\w-]+\.)+[a-z]{2,})(?::\d+)?[/?#][^\s\"'”»,;)]*", re.I)
_NAME = re.compile(r"(?<![\w.])@[\w.]+|[\w.+-]+@[\w-]+\.[\w.-]+")
_KEY = re.compile(r"\b(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{20,}\b")


def without_details(text: str) -> str:
    """A text without what a provider's words may repeat: links but their host, names, keys."""
    text = _LINK.sub(rf"\1/{CUT}", text)
    return _KEY.sub(CUT, _NAME.sub(f"@{CUT}", text))


def condition_text(text: str, commands: tuple[str, ...] = ()) -> str:
    """What an operator is told of one thing: a sentence, and the commands that settle it.

    A command that would repeat what the sentence must not is told by where it stands.
    """
    told = without_details(text)
    if len(told) > MAX_TEXT:
        told = told[: MAX_TEXT - 1].rstrip() + CUT
    plain = [command for command in commands if without_details(command) == command]
    if len(plain) < len(commands):
        plain = ["flask attention"]
    return "\n".join((told, *plain))


def sentence(text: str) -> str:
    """The sentence of a condition's text, without what to do."""
    return text.partition("\n")[0]


def commands(text: str) -> list[str]:
    """What to do, of a condition's text."""
    return text.split("\n")[1:]
