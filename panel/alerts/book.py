"""What becomes of what is wrong: what begins, comes back and ends, and what is told of it.

Nothing here reads or writes anything.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from panel import attention
from panel.alerts import things
from panel.alerts.kinds import Condition, Kind, Look
from panel.alerts.things import Known, Thing
from panel.alerts.words import sentence, with_commands

DAY_S = 86400


class Pace(NamedTuple):
    """How often things are done, in seconds.

    every_s: how often it is looked what is wrong. settle_s: how long something must be wrong
    before it is told, so that what begins together is one message. again_s: after how long it is
    told again.
    gone_s: how long something must be gone before its end is told; twice as long each time that it
    came back, up to longest_gone_s. returns_s: what comes back within this time goes on.
    back_s: after how long, since it was told, it is told that it came back; twice as long with
    each further return, up to longest_back_s. more_s: after how long it is told of what is new
    under it.
    first_pause_s, longest_pause_s: the pauses of an address that takes nothing.
    """

    every_s: int = 60
    settle_s: int = 15
    again_s: int = DAY_S
    gone_s: int = 600
    longest_gone_s: int = 4 * 3600
    returns_s: int = 6 * 3600
    back_s: int = 3600
    longest_back_s: int = 4 * 3600
    more_s: int = 3600
    first_pause_s: int = 60
    longest_pause_s: int = 3600


class Alert(NamedTuple):
    """A row of the table `alerts`.

    arrivals: how many things came to it since it began.
    """

    id: int
    kind: str
    subject: str
    text: str
    began_at: int
    ended_at: int | None = None
    returns: int = 0
    returned_at: int | None = None
    things: Known = MappingProxyType({})
    arrivals: int = 0

    @property
    def since(self) -> int:
        """Since when it stands: when it came back last, or when it began."""
        return self.began_at if self.returned_at is None else self.returned_at


class Telling(NamedTuple):
    """What an address was told of an alert, and when; and how many arrivals it had then."""

    told_at: int
    end_told_at: int | None = None
    arrivals: int = 0


class News(StrEnum):
    """What is to be told of an alert."""

    BEGUN = "begun"
    MORE = "more"
    BACK = "back"
    LASTING = "lasting"
    OVER = "over"


class Report(NamedTuple):
    """What an address is told of an alert; more: how many things came since it was last told."""

    alert: Alert
    news: News
    more: int = 0


class Changes(NamedTuple):
    """What changes in the table: by alerts' numbers, but for what begins.

    things: what is known of an alert's things, and how many came since it began.
    """

    begun: list[Condition]
    returned: list[int]
    ended: list[int]
    texts: dict[int, str]
    things: Mapping[int, tuple[Known, int]] = MappingProxyType({})


# Many things at once

MANY = 10
"""So many services of one kind are told of singly; what comes on top is one alert."""
SHOWN = 3
MORE = "others"
"""The subject of the alert about all others."""
FOLDED: dict[str, str] = {
    attention.Kind.SERVICE: "flask attention",
    Kind.BELOW_COST: "flask service list",
    Kind.VANISHED: "flask service list",
    Kind.PRICE: "flask service list",
}
"""The kinds that many services may have at once, and the command that lists them."""


def fold(
    conditions: Iterable[Condition], standing: Collection[tuple[str, str]]
) -> list[Condition]:
    """Conditions, those that too many services have at once as one.

    What is told of singly stays so, and what is told of together too, until none is left: else
    each that moved from one to the other would be news.

    :param standing: kind and subject of the alerts that are open.
    """
    found: list[Condition] = []
    of_kind: dict[str, list[Condition]] = {}
    for condition in conditions:
        target = of_kind.setdefault(condition.kind, []) if condition.kind in FOLDED else found
        target.append(condition)
    for kind, same in of_kind.items():
        singly = [one for one in same if (kind, one.subject) in standing]
        others = [one for one in same if (kind, one.subject) not in standing]
        if others and (len(same) > MANY or (kind, MORE) in standing):
            others = [_together(kind, others)]
        found += [*singly, *others]
    return found


def _together(kind: str, conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]._replace(subject=MORE, things=_things(conditions[0]))
    shown = " ".join(sentence(one.text) for one in conditions[:SHOWN])
    more = len(conditions) - SHOWN
    text = f"{len(conditions)} services: {shown}" + (f" And {more} more." if more > 0 else "")
    found = tuple(thing for one in conditions for thing in _things(one))
    return Condition(kind, MORE, with_commands(text, FOLDED[kind]), found)


def _things(condition: Condition) -> tuple[Thing, ...]:
    return condition.things or (Thing(condition.subject),)


# What changes


def changes(known: Iterable[Alert], look: Look, moment: int, pace: Pace) -> Changes:
    """What is to be written, so that the table says what is wrong now.

    :param known: the alerts that are open, or that ended of late.
    """
    latest = {(alert.kind, alert.subject): alert for alert in sorted(known)}
    standing = {key for key, alert in latest.items() if alert.ended_at is None}
    wrong = {(one.kind, one.subject): one for one in fold(look.conditions, standing)}
    found = Changes([], [], [], {}, new_things := {})
    for key, condition in wrong.items():
        alert = latest.get(key)
        if alert is None or _is_long_over(alert, moment, pace):
            found.begun.append(condition)
            continue
        if alert.ended_at is not None:
            found.returned.append(alert.id)
        if alert.text != condition.text:
            found.texts[alert.id] = condition.text
        known_now, arrived = things.follow(alert.things, condition.things, moment, pace.returns_s)
        if known_now != alert.things:
            new_things[alert.id] = (known_now, alert.arrivals + arrived)
    for key in sorted(latest.keys() - wrong.keys()):
        if _ends(latest[key], look, moment, pace):
            found.ended.append(latest[key].id)
    return found


def _ends(alert: Alert, look: Look, moment: int, pace: Pace) -> bool:
    """Whether something that is not wrong now ends at this moment."""
    lingers = (alert.kind, alert.subject) in look.lingering
    if alert.ended_at is None:
        return not lingers and alert.kind not in look.unknown
    return lingers and not _is_long_over(alert, moment, pace)  # it was not over until now


def _is_long_over(alert: Alert, moment: int, pace: Pace) -> bool:
    return alert.ended_at is not None and alert.ended_at < moment - pace.returns_s


# What is told


def gone_s(returns: int, pace: Pace) -> int:
    """How long something must be gone that has come back so often, before its end is told."""
    return min(pace.gone_s * 2 ** min(returns, 10), pace.longest_gone_s)


def news(
    alert: Alert, telling: Telling | None, moment: int, pace: Pace, is_new_address: bool = False
) -> News | None:
    """What an address is to be told of an alert now; None: nothing.

    :param telling: what it was told of it before.
    :param is_new_address: whether it never was told anything: then what is over is none of its
        concern.
    """
    if alert.ended_at is None:
        return _news_of_open(alert, telling, moment, pace)
    if moment - alert.ended_at < gone_s(alert.returns, pace):
        return None
    if telling is not None:
        return News.OVER if telling.end_told_at is None else None
    # It could not be told in time: that it was is told all the same.
    lasted = alert.ended_at - alert.began_at > pace.settle_s
    recent = alert.ended_at > moment - pace.again_s
    return News.OVER if lasted and recent and not is_new_address else None


def _news_of_open(alert: Alert, telling: Telling | None, moment: int, pace: Pace) -> News | None:
    if telling is None:
        return News.BEGUN if alert.began_at <= moment - pace.settle_s else None
    if telling.end_told_at is not None:
        return News.BEGUN  # it came back after its end was told
    is_back = alert.returned_at is not None and alert.returned_at > telling.told_at
    if is_back and telling.told_at <= moment - back_s(alert.returns, pace):
        return News.BACK
    if alert.arrivals > telling.arrivals and telling.told_at <= moment - pace.more_s:
        return News.MORE
    return News.LASTING if telling.told_at <= moment - pace.again_s else None


def back_s(returns: int, pace: Pace) -> int:
    """How long after the last message it is told that something came back, for the so-many-th
    time: it may have gone and come back meanwhile.
    """
    return min(pace.back_s * 2 ** min(max(returns - 1, 0), 10), pace.longest_back_s)


def pause_s(failures: int, pace: Pace) -> int:
    """How long an address rests that has failed so many times in a row."""
    return min(pace.first_pause_s * 2 ** min(failures - 1, 20), pace.longest_pause_s)
