"""The tables `alerts` and `alert_tellings`, which this module alone writes."""

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

from peewee import fn

from database.clock import AHEAD_S, now
from database.compiled_query import rows
from database.transactions import immediate
from models import Alert, AlertTelling
from panel.alerts import book, kinds, things
from panel.alerts.book import Changes, News, Pace, Report, Telling

KEPT_S = 90 * 86400
"""What ended longer ago is forgotten."""

_COLUMNS = (
    Alert.id,
    Alert.kind,
    Alert.subject,
    Alert.text,
    Alert.began_at,
    Alert.ended_at,
    Alert.returns,
    Alert.returned_at,
    Alert.things,
    Alert.arrivals,
)


class Standing(NamedTuple):
    """An alert that is open, for an operator; told_at is None while nobody took it.

    since: when it came back last, or when it began.
    """

    kind: str
    subject: str
    text: str
    since: int
    told_at: int | None


def known(pace: Pace) -> list[book.Alert]:
    """The alerts that are open, and those that ended of late: they may come back, or be told."""
    since = now() - max(pace.returns_s, pace.again_s, 2 * pace.longest_gone_s)
    query = Alert.select(*_COLUMNS).where(Alert.ended_at.is_null() | (Alert.ended_at >= since))
    return [_read(*row) for row in rows(query.tuples())]


def _read(*row: Any) -> book.Alert:
    alert = book.Alert(*row)
    return alert._replace(things=things.read(row[book.Alert._fields.index("things")]))


def rename_provider(before: str, after: str) -> None:
    """Keep what stands about a provider under its new name; to be called inside immediate().

    Else each alert would be over, and another begin.
    """
    other = Alert.alias()
    there = other.select(other.kind).where(other.subject == after, other.ended_at.is_null())
    Alert.update(subject=after).where(
        Alert.subject == before,
        Alert.kind.not_in(kinds.NOT_OF_PROVIDERS),
        Alert.ended_at.is_null(False) | Alert.kind.not_in(there),
    ).execute()


def standing() -> list[Standing]:
    """The alerts that are open, the oldest first."""
    since = fn.COALESCE(Alert.returned_at, Alert.began_at)
    columns = (Alert.kind, Alert.subject, Alert.text, since, Alert.told_at)
    query = Alert.select(*columns).where(Alert.ended_at.is_null()).order_by(since, Alert.id)
    return [Standing(*row) for row in rows(query.tuples())]


_TIMES = (Alert.began_at, Alert.returned_at, Alert.ended_at, Alert.told_at, Alert.end_told_at)
_TELLING_TIMES = (AlertTelling.told_at, AlertTelling.end_told_at)


def correct_times() -> None:
    """Take times in the future back to now: the clock was ahead, and they would silence alerts.

    What was told in the future is told again.
    """
    latest = now() + AHEAD_S
    for table, times in ((Alert, _TIMES), (AlertTelling, _TELLING_TIMES)):
        for time in times:
            if not table.select().where(time > latest).exists():
                continue
            is_telling = time is AlertTelling.told_at
            with immediate():
                table.update({time: 0 if is_telling else now()}).where(time > latest).execute()


def write(changes: Changes) -> None:
    """Bring the table to what is wrong now."""
    if not any(changes):
        return
    with immediate():
        for condition in changes.begun:
            known_now, _ = things.follow({}, condition.things, now(), 0)
            Alert.create(
                kind=condition.kind, subject=condition.subject, text=condition.text,
                things=things.write(known_now),
            )  # fmt: skip
        for number in changes.returned:
            Alert.update(
                ended_at=None, end_told_at=None, returns=Alert.returns + 1, returned_at=now()
            ).where(Alert.id == number).execute()
        for number, text in changes.texts.items():
            Alert.update(text=text).where(Alert.id == number).execute()
        for number, (known_now, arrivals) in changes.things.items():
            Alert.update(things=things.write(known_now), arrivals=arrivals).where(
                Alert.id == number
            ).execute()
        if changes.ended:
            Alert.update(ended_at=now()).where(Alert.id.in_(changes.ended)).execute()
            Alert.delete().where(Alert.ended_at < now() - KEPT_S).execute()


def address_hash(address: str) -> bytes:
    """By what an address is known in the tables, which hold none."""
    return hashlib.sha256(address.encode()).digest()


def tellings(address: str) -> dict[int, Telling]:
    """What an address was told, by alert."""
    columns = (
        AlertTelling.alert, AlertTelling.told_at, AlertTelling.end_told_at, AlertTelling.arrivals,
    )  # fmt: skip
    query = AlertTelling.select(*columns).where(AlertTelling.address_hash == address_hash(address))
    return {number: Telling(*times) for number, *times in rows(query.tuples())}


def write_told(address: str, told: Iterable[Report]) -> None:
    """Record what an address has just taken."""
    with immediate():
        for alert, news, _ in told:
            values: dict[str, int | None]
            if news is News.OVER:
                values = {"end_told_at": now()}
            else:
                values = {"told_at": now(), "end_told_at": None}
            Alert.update(**values).where(Alert.id == alert.id).execute()
            values["arrivals"] = alert.arrivals
            AlertTelling.insert(
                alert=alert.id, address_hash=address_hash(address), **{"told_at": now(), **values}
            ).on_conflict(
                conflict_target=[AlertTelling.alert, AlertTelling.address_hash], update=values
            ).execute()


def write_event(kind: str, subject: str, text: str, was_told: bool) -> None:
    """Record something that happened, and has no end of its own."""
    told_at = now() if was_told else None
    with immediate():
        Alert.create(
            kind=kind, subject=subject, text=text, told_at=told_at, ended_at=now(),
            end_told_at=told_at,
        )  # fmt: skip


def last_told(kind: str, subject: str) -> int | None:
    """When it was last told of something; None if it never was."""
    query = Alert.select(Alert.told_at).where(Alert.kind == kind, Alert.subject == subject)
    row = query.order_by(Alert.id.desc()).limit(1).tuples().first()
    return row[0] if row else None
