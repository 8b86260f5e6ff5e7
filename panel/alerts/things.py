"""The things that one alert is about, such as orders in review: which of them are new to it.

Nothing here reads or writes anything but texts.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Thing(NamedTuple):
    """One thing that an alert is about, or several that are one line.

    key: by what it is known again; never a customer's data, for it is stored.
    newest: a number that is higher when something is new about it, such as the highest order's.
    size: how many stand for it.
    """

    key: str
    newest: int = 0
    size: int = 1


class Seen(NamedTuple):
    """What was seen of a thing, and when it was gone; 0: it is there."""

    newest: int
    size: int
    gone_at: int = 0


Known = Mapping[str, Seen]
"""What is known of an alert's things, by their keys."""


def key(text: str) -> str:
    """A key that tells nothing of what it was made from."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def follow(known: Known, things: Iterable[Thing], moment: int, kept_s: int) -> tuple[Known, int]:
    """What is known of the things now, and how many of them are new.

    :param kept_s: what comes back within this time is not new.
    """
    found: dict[str, Seen] = {}
    arrived = 0
    for thing in things:
        arrived += _arrived(known.get(thing.key), thing)
        found[thing.key] = Seen(thing.newest, thing.size)
    for name, seen in known.items():
        gone_at = seen.gone_at or moment
        if name not in found and gone_at > moment - kept_s:
            found[name] = seen._replace(gone_at=gone_at)
    return found, arrived


def _arrived(seen: Seen | None, thing: Thing) -> int:
    """How much of a thing is new."""
    if seen is None:
        return thing.size
    return max(thing.size - seen.size, int(thing.newest > seen.newest), 0)


def write(known: Known) -> str:
    """What is known, as the table keeps it."""
    return json.dumps(known, separators=(",", ":"))


def read(text: str) -> Known:
    """What the table keeps."""
    return {name: Seen(*seen) for name, seen in json.loads(text).items()}
