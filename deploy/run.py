"""What `make run` does: server and worker side by side, which end together and leave nothing.

It ends them when it is stopped, and when make is: also by a signal that make tells nobody of.
"""

import contextlib
import ctypes
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
LOOK_EVERY_S = 0.2
PR_SET_PDEATHSIG = 1
WORKER_PAUSE_S = 2
"""How long after its end the worker is started again."""
MAX_PORT = 65535
PATIENCE_S = 60
"""What is not over so long after it was told to end is killed."""

SERVER = ["gunicorn", "-c", "gunicorn.conf.py", "app:create_app()"]
WORKER = ["flask", "worker"]
DEMO = ["flask", "demo", "--quiet"]


class Parent:
    """The process that started this one: make, as a rule."""

    def __init__(self) -> None:
        self._pid = os.getppid()
        self._caught = _caught_signals(self._pid)

    def is_ending(self) -> bool:
        """Whether it has ended, or is about to.

        make waits for what it has started when it was interrupted, and has told it nothing, for a
        terminal does so. It is seen by this: it does not catch that signal any more.
        """
        if os.getppid() != self._pid:
            return True
        return bool(self._caught & ~_caught_signals(self._pid, self._caught))


def _caught_signals(pid: int, otherwise: int = 0) -> int:
    """The signals of ENDINGS that a process catches, as bits.

    :param otherwise: what to tell where the system does not.
    """
    try:
        if os.path.isdir("/proc/self"):
            with open(f"/proc/{pid}/status") as status:
                (mask,) = [line.split()[1] for line in status if line.startswith("SigCgt:")]
        else:
            ps = ["ps", "-o", "caught=", "-p", str(pid)]
            mask = subprocess.check_output(ps, text=True, stderr=subprocess.DEVNULL)  # noqa: S603
        return int(mask, 16) & sum(1 << number - 1 for number in ENDINGS)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return otherwise


class Runner:
    """The processes, and whether they are to end."""

    def __init__(self) -> None:
        self._parent = Parent()
        self._is_told = False
        for number in ENDINGS:
            signal.signal(number, self._obey)

    def _obey(self, number: int, frame: FrameType | None) -> None:
        self._is_told = True

    def is_over(self) -> bool:
        """Whether everything is to end."""
        self._is_told = self._is_told or self._parent.is_ending()
        return self._is_told

    def start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        """Start one of the panel's programs.

        Ctrl-C reaches it, too, and would end it in the middle of a request: only this process
        tells it to end.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS[:1] + ENDINGS[2:])
        try:
            command = [sys.executable, "-m", *arguments]
            return subprocess.Popen(command, preexec_fn=_end_with_parent)  # noqa: S603
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)

    def run(self, arguments: list[str]) -> int:
        """Run a program to its end, or until everything is to end: its exit code."""
        process = self.start(arguments)
        while process.poll() is None and not self.is_over():
            time.sleep(LOOK_EVERY_S)
        end([process])
        return process.returncode

    def serve(self) -> int:
        """Run server and worker until the server ends, or everything is to: the exit code."""
        server, worker, worker_at = self.start(SERVER), self.start(WORKER), 0.0
        while server.poll() is None and not self.is_over():
            if worker.poll() is not None and not worker_at:
                say(f"the worker has ended ({worker.returncode}) and is started again")
                worker_at = time.monotonic() + WORKER_PAUSE_S
            if worker_at and time.monotonic() >= worker_at:
                worker, worker_at = self.start(WORKER), 0.0
            time.sleep(LOOK_EVERY_S)
        code = 0 if server.returncode is None else server.returncode
        end([server, worker])
        return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    """Have the kernel tell this process to end when its parent is killed; only Linux does."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Tell processes to end, and wait until they have."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + PATIENCE_S
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def what_is_no_number() -> str:
    """Which of the server's own variables cannot be used, and what to write; '' if all can."""
    processes = os.environ.get("WEB_CONCURRENCY", "2")
    if not re.fullmatch("[1-9][0-9]{0,2}", processes):
        return f"WEB_CONCURRENCY is {processes!r}: write a number of worker processes such as 2"
    port = os.environ.get("PORT", "8000")
    is_port = re.fullmatch("[0-9]{1,5}", port) and int(port) <= MAX_PORT
    if not os.environ.get("BIND") and not is_port:
        return f"PORT is {port!r}: write a port such as 8001: make run PORT=8001"
    return ""


def why_no_port() -> str:
    """Why the server could not listen, and what to do; '' if it can."""
    from gunicorn.util import is_ipv6, parse_address

    bind = runpy.run_path("gunicorn.conf.py")["bind"]
    advice = "choose another port: make run PORT=8001"
    if "BIND" in os.environ:
        advice = "choose another BIND, or none: make run BIND= PORT=8001"
    try:
        for address in map(parse_address, bind.split(",")):
            if not isinstance(address, tuple):
                continue  # a socket of the file system, or one that is open already
            family = socket.AF_INET6 if is_ipv6(address[0]) else socket.AF_INET
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen(1)
    except OSError as error:
        return f"{bind}: {(error.strerror or str(error)).lower()}: {advice}"
    except (RuntimeError, OverflowError) as error:
        return f"{bind}: {error}: {advice}"
    return ""


def say(text: str) -> None:
    """Write one line to stderr."""
    print(f"make run: {text}", file=sys.stderr)


def main() -> int:
    """Serve, and return the exit code."""
    runner = Runner()
    if why := what_is_no_number() or why_no_port():
        say(why)
        return 2
    if code := runner.run(DEMO):
        return 0 if runner.is_over() else code
    return 0 if runner.is_over() else runner.serve()


if __name__ == "__main__":
    sys.exit(main())
