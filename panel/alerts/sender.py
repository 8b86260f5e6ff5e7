"""A program that sends one message by Apprise, and says why it was not taken.

It reads a JSON object from the standard input: address, title, body, type and limit_s; and
writes one with `problem`, "" where the message was taken. Run by notify.py, in a process of its
own.
"""

import contextlib
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Iterator


class Failures(logging.Handler):
    """Keeps what a service answered, as far as it is a number: the rest may hold the address."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Find the number of an HTTP or SMTP answer."""
        if found := re.search(r"error[ =:]+(\d{3})\b", record.getMessage()):
            self.status = found[1]


def send(address: str, title: str, body: str, type: str) -> str:
    """Send the message; why it was not taken, or ""."""
    import apprise

    failures = Failures()
    log = logging.getLogger("apprise")
    log.propagate = False
    log.addHandler(failures)
    asset = apprise.AppriseAsset(
        app_id="SMM panel", storage_mode=apprise.PersistentStoreMode.MEMORY, async_mode=False
    )
    target = apprise.Apprise(asset=asset)
    if not target.add(address) or len(target) != 1:
        return "Apprise cannot use it: unknown, or a part of it is missing"
    kind = apprise.NotifyType(type)
    if target.notify(body, title, kind, body_format=apprise.NotifyFormat.TEXT):
        return ""
    return f"refused with {failures.status}" if failures.status else "refused, or not reached"


@contextlib.contextmanager
def nothing_printed() -> Iterator[None]:
    """Let nothing but our own answer be written: an address may stand in anything."""
    answer = os.dup(1)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            os.dup2(answer, 1)
            os.close(answer)


def main() -> None:
    """Send what the standard input says."""
    request = json.load(sys.stdin)
    signal.alarm(request["limit_s"] + 5)  # if nobody waits for the answer any more
    with nothing_printed():
        try:
            problem = send(request["address"], request["title"], request["body"], request["type"])
        except Exception as error:
            problem = f"an error in Apprise ({type(error).__name__})"
    print(json.dumps({"problem": problem}), flush=True)
    os._exit(0)  # not after what Apprise may still wait for


if __name__ == "__main__":
    main()
