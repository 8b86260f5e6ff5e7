"""Secrets that are asked for on a real terminal, or read from a pipe."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.apps import ROOT
from support.faulty import KEY, FaultyProvider

pytestmark = pytest.mark.server

PATIENT_S = 60
ASKED_FOR_KEY = "The key: "
ASKED_FOR_PASSWORD = "The password: "
ONCE_MORE = "Once more: "
GOOD = "correct horse battery"


class Terminal:
    """A command at a terminal of its own, on a database of its own."""

    def __init__(self, database: Path, args: list[str], typed_ahead: str = "") -> None:
        self._screen, self._keyboard = pty.openpty()
        self.type(typed_ahead)
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flask", *args],
            cwd=ROOT,
            env={**os.environ, "PANEL_DATABASE": f"sqlite:///{database}"},
            stdin=self._keyboard, stdout=self._keyboard, stderr=self._keyboard,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # it controls
        )  # fmt: skip

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENT_S
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._screen], [], [], 0.2)[0]:
                self.shown += os.read(self._screen, 4096).decode().replace("\r\n", "\n")
            else:
                assert self.process.poll() is None or text in self.shown, self.shown

    def end(self) -> int:
        """Wait for the command's end: its exit code."""
        code = self.process.wait(PATIENT_S)
        while select.select([self._screen], [], [], 0)[0]:
            self.shown += os.read(self._screen, 4096).decode().replace("\r\n", "\n")
        return code

    def shows_what_is_typed(self) -> bool:
        return bool(termios.tcgetattr(self._keyboard)[3] & termios.ECHO)

    def left(self) -> bytes:
        """What the shell would read next."""
        os.set_blocking(self._keyboard, False)
        try:
            return os.read(self._keyboard, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._screen)
        os.close(self._keyboard)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal(panel_file: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def start(*args: str, ahead: str = "") -> Terminal:
        opened.append(Terminal(panel_file, list(args), ahead))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_a_key_is_asked_for_and_not_shown(
    terminal: Open, faulty: FaultyProvider, panel_file: Path
) -> None:
    at = terminal("provider", "add", "up", faulty.url)
    at.read_until(ASKED_FOR_KEY)
    assert not at.shows_what_is_typed()
    at.type(f"{KEY}\n")
    assert at.end() == 0
    assert at.shown == (
        "The next line is taken as the key: paste nothing else. In a script or a block to paste, "
        "use --key-env.\nThe key: \n"
        "Provider up is added.\nOur balance there: 12.5000 USD\n"
    )
    assert at.shows_what_is_typed()


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        ("flask provider import up --markup 25%\n", "1 line was typed ahead"),
        ("flask provider import up\nflask provider list\nls\n", "3 lines were typed ahead"),
        ("half a line", "1 line was typed ahead"),
        (f"{'x' * 70}\n" * 200, "lines were typed ahead"),
    ],
    ids=["a line", "three lines", "half a line", "many lines"],
)
def test_nothing_that_was_typed_ahead_becomes_a_key(
    terminal: Open, faulty: FaultyProvider, ahead: str, told: str
) -> None:
    at = terminal("provider", "add", "up", faulty.url, ahead=ahead[:4000])
    at.read_until(ASKED_FOR_KEY)
    assert f"{told} and dropped: give what is missing again, after this.\n" in at.shown
    at.type(f"{KEY}\n")
    assert at.end() == 0
    assert [request["key"] for request in faulty.requests] == [KEY]
    assert at.left() == b""


@pytest.mark.parametrize(
    "pasted",
    [
        "flask provider import up --markup 25%\nflask provider list\n",
        f"{KEY}\nflask provider list\n",
        f"{KEY}\nflask provider l",
    ],
    ids=["two commands", "a key and a command", "a key and half a command"],
)
def test_several_lines_that_come_after_the_question_are_no_key(
    terminal: Open, faulty: FaultyProvider, pasted: str
) -> None:
    at = terminal("provider", "add", "up", faulty.url)
    at.read_until(ASKED_FOR_KEY)
    at.type(pasted)
    assert at.end() == 2
    assert (
        "Error: several lines were pasted, and the key is one: none of them was taken, and "
        "nothing was done\n"
    ) in at.shown
    assert faulty.requests == []
    assert at.left() == b""
    assert at.shows_what_is_typed()


def test_a_command_that_is_pasted_as_the_key_is_not_sent(
    terminal: Open, faulty: FaultyProvider
) -> None:
    at = terminal("provider", "add", "up", faulty.url)
    at.read_until(ASKED_FOR_KEY)
    at.type("flask provider list\n")
    assert at.end() == 2
    assert "the key must be printable characters without blanks" in at.shown
    assert faulty.requests == []


def test_nothing_is_asked_for_with_a_variable(
    terminal: Open, faulty: FaultyProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", KEY)
    args = ("provider", "add", "up", faulty.url, "--key-env", "UPSTREAM_KEY")
    at = terminal(*args, ahead="echo next\n")
    assert at.end() == 0
    assert "The key" not in at.shown
    assert at.left() == b"echo next\n"  # the next command is the shell's


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
def test_a_question_can_be_left(terminal: Open, faulty: FaultyProvider, key: str) -> None:
    at = terminal("provider", "add", "up", faulty.url)
    at.read_until(ASKED_FOR_KEY)
    at.type(key)
    assert at.end() == 1
    assert at.shown.endswith("\nAborted!\n")
    assert "Traceback" not in at.shown
    assert at.shows_what_is_typed()
    assert faulty.requests == []


# Passwords, which are asked for twice


def test_a_password_is_asked_for_twice_until_both_are_the_same(
    terminal: Open, panel_file: Path
) -> None:
    at = terminal("operator", "add", "olga", ahead="flask operator list\n")
    at.read_until(ASKED_FOR_PASSWORD)
    assert "1 line was typed ahead and dropped" in at.shown
    for typed, then in ((GOOD, ONCE_MORE), ("another horse battery", "The two are not the same.")):
        at.type(f"{typed}\n")
        at.read_until(then)
    at.shown = at.shown.partition("The two are not the same.")[2]
    at.read_until(ASKED_FOR_PASSWORD)
    at.type(f"{GOOD}\n")
    at.read_until(ONCE_MORE)
    at.type(f"{GOOD}\n")
    assert at.end() == 0
    assert at.shown.endswith("Operator olga is added and can sign in at /admin.\n")
    assert GOOD not in at.shown


def test_lines_that_are_pasted_are_no_password(terminal: Open) -> None:
    at = terminal("operator", "add", "olga")
    at.read_until(ASKED_FOR_PASSWORD)
    at.type("flask operator list\nflask operator list\n")
    assert at.end() == 2
    assert "several lines were pasted, and the password is one" in at.shown


# A pipe


@pytest.mark.parametrize("piped", [f"{KEY}\n", KEY, f"{KEY}\nflask provider list\n"])
def test_one_line_is_read_from_a_pipe(
    panel_file: Path, faulty: FaultyProvider, piped: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "provider", "add", "up", faulty.url],
        cwd=ROOT, env={**os.environ, "PANEL_DATABASE": f"sqlite:///{panel_file}"},
        input=piped, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [request["key"] for request in faulty.requests] == [KEY]
    assert re.search("12.5000 USD", done.stdout)
