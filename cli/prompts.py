"""Secrets: from the environment, from a pipe, or asked for, where what was typed ahead is dropped.

Whoever pastes several lines into a terminal sends all of them at once. What follows a command that
asks for a key is no key, so it is dropped before the question, and said to be.
"""

import os
import select
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import click

from panel.errors import OperatorError

QUIET_S = 0.1
"""A paste is over when nothing has come for so long."""
MOST_READS = 1000
"""Who sends without an end is not waited for."""


class Secret(NamedTuple):
    """What is asked for.

    name: such as "key".
    instead: what a script does, as a sentence.
    repeated: whether it is asked for twice, since nobody sees what is typed.
    """

    name: str
    instead: str
    repeated: bool = False


def read_secret(secret: Secret, variable: str | None = None) -> str:
    """One line of the standard input; from a terminal without showing it.

    :param variable: the environment variable that has it instead.
    :raises OperatorError: for several lines at a terminal, of which any may be the secret; or if
        the variable is not set.
    :raises click.Abort: at Ctrl-C, or at the end of the input.
    """
    if variable is not None:
        if not os.environ.get(variable):
            raise OperatorError(f"the environment variable {variable} is not set")
        return os.environ[variable]
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return _ask(secret)
    except (KeyboardInterrupt, EOFError, OSError):  # an OSError: the terminal is gone
        click.echo(err=True)
        raise click.Abort from None


def _ask(secret: Secret) -> str:
    descriptor = sys.stdin.fileno()
    with _unseen(descriptor):
        if ahead := _drain(descriptor):
            _say(
                f"{_lines(ahead)} typed ahead and dropped: give what is missing again, after this."
            )
        _say(f"The next line is taken as the {secret.name}: paste nothing else. {secret.instead}")
        while True:
            first = _line(descriptor, secret, f"The {secret.name}: ")
            if not secret.repeated or first == _line(descriptor, secret, "Once more: "):
                return first
            _say("The two are not the same.")


def _line(descriptor: int, secret: Secret, question: str) -> str:
    """A line that is typed after the question, alone.

    :raises EOFError: if the input ends.
    :raises OperatorError: if more follows it at once, as only a paste of several lines has it.
    """
    click.echo(question, nl=False, err=True)
    line = os.read(descriptor, 4096)
    click.echo(err=True)
    if not line:
        raise EOFError
    if _drain(descriptor).strip():
        raise OperatorError(
            f"several lines were pasted, and the {secret.name} is one: none of them was taken, "
            "and nothing was done"
        )
    return line.decode(errors="replace").rstrip("\r\n")


@contextmanager
def _unseen(descriptor: int) -> Iterator[None]:
    """Do not show what is typed, within the block."""
    before = termios.tcgetattr(descriptor)
    attributes = termios.tcgetattr(descriptor)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _drain(descriptor: int) -> bytes:
    """All that waits at a terminal, or comes before it is quiet; also a line without its end."""
    lines = termios.tcgetattr(descriptor)
    attributes = termios.tcgetattr(descriptor)
    attributes[3] &= ~termios.ICANON
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 0, 0
    termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
    found = []
    try:
        for _ in range(MOST_READS):
            if not select.select([descriptor], [], [], QUIET_S)[0]:
                break
            found.append(os.read(descriptor, 4096))
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, lines)
    return b"".join(found)


def _lines(text: bytes) -> str:
    count = len(text.splitlines())
    return "1 line was" if count == 1 else f"{count} lines were"


def _say(text: str) -> None:
    click.echo(text, err=True)
