"""Pings to a service that tells a person when they stay away: a dead machine cannot."""

import logging
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError

from panel import __version__

log = logging.getLogger("panel.worker")

EVERY_S = 60
LATE_S = 120
"""A loop or a lane that did not turn for so long, beside the time of one request, hangs."""
ANSWER_S = 10
REDIRECTS = 3


def fail_address(address: str) -> str:
    """The address that tells that something is wrong: `/fail` behind its path."""
    parts = urlsplit(address)
    return parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl()


class Pinger:
    """Fetches an address while all is well, and another one when it is not.

    problem: what is wrong, or "". The address is a secret, and is not logged.
    """

    def __init__(self, address: str, problem: Callable[[], str], every_s: float = EVERY_S) -> None:
        self._address = address
        self._problem = problem
        self._every_s = every_s
        self._http = urllib3.PoolManager(headers={"User-Agent": f"smm-panel/{__version__}"})
        self._told_problem = ""
        self._told_failure = ""

    def turn(self, stop: threading.Event) -> float:
        """Ping once; after how many seconds again. Nothing is sent once `stop` is set."""
        problem = self._problem()
        if problem != self._told_problem:
            self._told_problem = problem
            log.warning("the ping tells: %s", problem or "all is well again")
        if not stop.is_set():
            self._ping(fail_address(self._address) if problem else self._address)
        return self._every_s

    def _ping(self, address: str) -> None:
        failure = self._fetch(address)
        if failure and failure != self._told_failure:
            log.warning("the ping was not taken: %s", failure)
        elif self._told_failure and not failure:
            log.info("the ping is taken again")
        self._told_failure = failure

    def _fetch(self, address: str) -> str:
        """Fetch an address; why it was not answered well, or "", without the address."""
        retries = urllib3.Retry(
            total=None, connect=0, read=0, status=0, other=0, redirect=REDIRECTS
        )
        try:
            answer = self._http.request(
                "GET", address, timeout=ANSWER_S, retries=retries, preload_content=False
            )
        except MaxRetryError as error:
            return type(error.reason or error).__name__
        except (HTTPError, ValueError) as error:
            return type(error).__name__
        answer.close()
        return "" if answer.status < 400 else f"HTTP {answer.status}"
