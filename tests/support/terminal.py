"""A person's terminals: one to paste into, and one for each panel that keeps running."""

import fcntl
import os
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE_S = 180
MARK = "--- pasted ---"
STARTED = "the worker is ready"
MAKE = 'make() { command make --no-print-directory -o setup "$@"; }\n'
"""make, where everything that it would install is there."""


def _take_the_terminal() -> None:
    """Make the standard input the terminal that a hidden prompt opens as /dev/tty."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A shell that is pasted into: what reads the terminal gets the lines that follow.

    The shell ends with the first command that fails. What is printed is what a person sees,
    errors and warnings included, but without an echo and prompts.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._typist, screen = os.openpty()
        state = termios.tcgetattr(screen)
        state[3] &= ~termios.ECHO
        termios.tcsetattr(screen, termios.TCSANOW, state)
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-s"],
            cwd=folder, env=dict(environ), stdin=screen, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_take_the_terminal,
        )  # fmt: skip
        os.close(screen)
        self.paste("set -euo pipefail; shopt -s expand_aliases")

    def paste(self, lines: str, then: str = "", may_fail: bool = False) -> str:
        """Paste lines; what is printed.

        :param then: what is typed when they are pasted.
        """
        if may_fail:
            self.paste("set +e")
        self._write(f"{lines.rstrip()}\n{then}")
        printed = self._printed_until_mark(lines)
        if may_fail:
            self.paste("set -e")
        return printed

    def value(self, name: str) -> str:
        """What a variable of the shell holds."""
        return self.paste(f'printf "%s" "${name}"')

    def _write(self, text: str) -> None:
        os.write(self._typist, f"{text}printf '\\n%s\\n' '{MARK}'\n".encode())

    def _printed_until_mark(self, lines: str) -> str:
        assert self._shell.stdout is not None
        end, printed = f"\n{MARK}\n".encode(), b""
        deadline = time.monotonic() + PATIENCE_S
        while not printed.endswith(end):
            ready, _, _ = select.select([self._shell.stdout], [], [], 0.2)
            more = os.read(self._shell.stdout.fileno(), 65536) if ready else b""
            printed += more
            is_over = not more and self._shell.poll() is not None
            if is_over or time.monotonic() > deadline:
                why = "failed" if is_over else "swallowed what followed, or hangs"
                raise AssertionError(f"what was pasted {why}:\n{lines}\n\n{printed.decode()}")
        return printed.removesuffix(end).decode()

    def close(self) -> None:
        """Close the window, and with it all that was started in it."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGHUP)
        _end(self._shell)
        os.close(self._typist)


class ServingTerminal:
    """A terminal in which `make run` was pasted, and which is left alone then."""

    def __init__(self, lines: str, folder: Path, environ: Mapping[str, str], log: Path) -> None:
        self.port = int(re.findall(r"PORT=(\d+)", lines)[0])
        self._log = log
        with log.open("wb") as output:
            self._shell = subprocess.Popen(
                ["bash", "-euc", MAKE + lines],
                cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while not (STARTED in self.printed() and self._answers()):
            is_over = self._shell.poll() is not None or time.monotonic() > deadline
            assert not is_over, self.printed()
            time.sleep(0.05)

    def printed(self) -> str:
        """All that was printed."""
        return self._log.read_text()

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status == 200
        except (URLError, ConnectionError):
            return False

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        with suppress(ProcessLookupError):
            os.killpg(self._shell.pid, signal.SIGINT)

    def close(self) -> None:
        """Close the window, when all has ended that was interrupted."""
        _end(self._shell)


def _end(shell: subprocess.Popen[bytes]) -> None:
    """Wait for a shell's end, and end what is left of it and of what was started from it."""
    with suppress(subprocess.TimeoutExpired):
        shell.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    if shell.stdout is not None:
        shell.stdout.close()
