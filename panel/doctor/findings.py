"""One thing that the doctor looked at, and whether it is as it should be."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """Whether something is as it should be; WARN: it may be meant so."""

    OK = "ok"
    WARN = "warn"
    WRONG = "wrong"


class Finding(NamedTuple):
    """One thing that was looked at."""

    mark: Mark
    name: str
    text: str


def found(name: str, wrong: Iterable[str], fine: str) -> Finding:
    """What is wrong with something, or that it is fine."""
    problems = list(wrong)
    if not problems:
        return Finding(Mark.OK, name, fine)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Finding(Mark.WRONG, name, problems[0] + more)
