"""The text of an alert as it leaves the machine: what is wrong, and what settles it."""

from collections.abc import Collection

from panel.alerts.details import CUT, without_details

MAX_TEXT = 500
"""The most characters of the sentence about one thing."""


def condition_text(text: str, commands: tuple[str, ...] = (), ours: Collection[str] = ()) -> str:
    """What an operator is told of one thing: a sentence, and the commands that settle it.

    A command that would repeat what the sentence must not is told by where it stands.

    :param ours: words that are no customer's data whatever they look like: providers' names.
    """
    plain = [command for command in commands if without_details(command, ours) == command]
    if len(plain) < len(commands):
        plain = ["flask attention"]
    return with_commands(without_details(text, ours), *plain)


def with_commands(told: str, *commands: str) -> str:
    """A condition's text of a sentence that may be told as it is."""
    if len(told) > MAX_TEXT:
        told = told[: MAX_TEXT - 1].rstrip() + CUT
    return "\n".join((told, *commands))


def sentence(text: str) -> str:
    """The sentence of a condition's text, without what to do."""
    return text.partition("\n")[0]


def commands(text: str) -> list[str]:
    """What to do, of a condition's text."""
    return text.split("\n")[1:]
