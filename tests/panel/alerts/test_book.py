"""What is written and told of what is wrong: tables of cases, without a database."""

from itertools import pairwise
from typing import Any

import pytest

from panel import attention
from panel.alerts import book
from panel.alerts.book import MANY, MORE, Alert, Changes, News, Pace, Telling
from panel.alerts.kinds import Condition, Kind, Look
from panel.alerts.things import Seen, Thing

PACE = Pace()
NOW = 1_800_000_000
MINUTE, HOUR, DAY = 60, 3600, 86400

LOW = Condition("balance", "up", "up has 3.00 USD")


def alert(began_s: int, ended_s: int | None = None, returns: int = 0, **columns: Any) -> Alert:
    """An alert that began, and ended, so many seconds ago."""
    ended_at = None if ended_s is None else NOW - ended_s
    plain = Alert(1, "balance", "up", LOW.text, NOW - began_s, ended_at, returns)
    return plain._replace(**columns)


def back(returned_s: int, returns: int = 1) -> Alert:
    """An alert that began days ago, and came back so many seconds ago."""
    return alert(5 * DAY, None, returns, returned_at=NOW - returned_s)


def told(told_s: int, end_told_s: int | None = None, arrivals: int = 0) -> Telling:
    return Telling(NOW - told_s, None if end_told_s is None else NOW - end_told_s, arrivals)


NOTHING = None
TOLD: dict[str, tuple[Alert, Telling | None, News | None]] = {
    "it has only just begun": (alert(14), None, NOTHING),
    "it has begun": (alert(15), None, News.BEGUN),
    "it could not be told for a day": (alert(DAY), None, News.BEGUN),
    "it was told": (alert(HOUR), told(HOUR - 20), NOTHING),
    "it was told nearly a day ago": (alert(5 * DAY), told(DAY - 1), NOTHING),
    "it was told a day ago": (alert(5 * DAY), told(DAY), News.LASTING),
    "it has ended just now": (alert(HOUR, 0), told(HOUR), NOTHING),
    "it has been gone for nearly ten minutes": (alert(HOUR, 599), told(HOUR), NOTHING),
    "it has been gone for ten minutes": (alert(HOUR, 600), told(HOUR), News.OVER),
    "its end was told": (alert(DAY, HOUR), told(DAY, HOUR - 600), NOTHING),
    "it came back less than an hour after it was told": (
        back(9 * MINUTE),
        told(59 * MINUTE),
        NOTHING,
    ),
    "it came back, and was told an hour ago": (back(9 * MINUTE), told(HOUR), News.BACK),
    "that it came back was told": (back(2 * HOUR), told(HOUR), NOTHING),
    "it came back twice": (back(9 * MINUTE, 2), told(2 * HOUR - 1), NOTHING),
    "it came back twice, and was told two hours ago": (back(0, 2), told(2 * HOUR), News.BACK),
    "it comes back all the time": (back(0, 50), told(4 * HOUR - 1), NOTHING),
    "it came back all the time": (back(0, 50), told(4 * HOUR), News.BACK),
    "it came back, and that was told a day ago": (back(2 * DAY), told(DAY), News.LASTING),
    "things came under it since it was told": (
        alert(DAY, arrivals=3),
        told(HOUR, arrivals=1),
        News.MORE,
    ),
    "they came less than an hour after it was told": (
        alert(DAY, arrivals=3),
        told(HOUR - 1, arrivals=1),
        NOTHING,
    ),
    "they were told": (alert(DAY, arrivals=3), told(2 * HOUR, arrivals=3), NOTHING),
    "things came, and it came back many times": (
        alert(DAY, None, 9, returned_at=NOW, arrivals=1),
        told(HOUR),
        News.MORE,
    ),
    "it came back after its end was told": (back(0), told(HOUR, 60), News.BEGUN),
    "it flaps, and has been gone for ten minutes": (alert(HOUR, 600, 1), told(HOUR), NOTHING),
    "it flaps, and has been gone for twenty": (alert(HOUR, 1200, 1), told(HOUR), News.OVER),
    "it flaps all the time": (alert(DAY, 4 * HOUR - 1, 20), told(DAY), NOTHING),
    "it flapped all the time": (alert(DAY, 4 * HOUR, 20), told(DAY), News.OVER),
    "it lasted for an hour and could not be told": (alert(2 * HOUR, HOUR), None, News.OVER),
    "it lasted for a moment": (alert(HOUR + 10, HOUR), None, NOTHING),
    "it ended long ago, untold": (alert(3 * DAY, DAY), None, NOTHING),
}


@pytest.mark.parametrize(("row", "telling", "news"), TOLD.values(), ids=list(TOLD))
def test_an_address_is_told_what_is_news_to_it(
    row: Alert, telling: Telling | None, news: News | None
) -> None:
    assert book.news(row, telling, NOW, PACE) is news


def test_a_new_address_is_told_what_is_wrong_and_not_what_was() -> None:
    assert book.news(alert(HOUR), None, NOW, PACE, is_new_address=True) is News.BEGUN
    assert book.news(alert(2 * HOUR, HOUR), None, NOW, PACE, is_new_address=True) is None


def day_of(wrong_minutes: int, gone_minutes: int) -> list[tuple[int, News]]:
    """A day of something that comes and goes, looked at each minute: when what was told of it."""
    row, telling, messages = alert(DAY), told(2 * HOUR), []
    for minute in range(24 * 60):
        moment = NOW + minute * MINUTE
        is_wrong = minute % (wrong_minutes + gone_minutes) < wrong_minutes
        if is_wrong and row.ended_at is not None:
            row = row._replace(ended_at=None, returns=row.returns + 1, returned_at=moment)
        elif not is_wrong and row.ended_at is None:
            row = row._replace(ended_at=moment)
        if news := book.news(row, telling, moment, PACE):
            messages.append((minute, news))
            is_over = news is News.OVER
            telling = Telling(telling.told_at, moment) if is_over else Telling(moment)
    return messages


FLAPS = [(1, 1), (5, 5), (1, 12), (1, 9), (15, 15), (60, 5), (5, 60), (5, 81), (61, 11), (180, 30)]


@pytest.mark.parametrize(("wrong_minutes", "gone_minutes"), FLAPS)
def test_something_that_flaps_for_a_day_is_told_a_few_times(
    wrong_minutes: int, gone_minutes: int
) -> None:
    messages = day_of(wrong_minutes, gone_minutes)
    ends = [minute for minute, news in messages if news is News.OVER]
    assert len(messages) <= 8 + len(ends)
    assert len(ends) <= 4
    begins = [minute for minute, news in messages if news is not News.OVER]
    assert len(begins) >= 4
    for one, next_one in pairwise(begins):
        assert next_one - one >= 60 or any(one < minute < next_one for minute in ends)


def test_a_second_failure_after_a_repair_is_told_within_the_hour() -> None:
    """It fails, is told, is repaired, and fails for good before its end was told."""
    row = alert(10 * MINUTE, None, 1, returned_at=NOW)
    told_at = [
        minute
        for minute in range(24 * 60)
        if book.news(row, told(9 * MINUTE), NOW + minute * MINUTE, PACE)
    ]
    assert told_at[0] == 51


def look(*conditions: Condition, unknown: frozenset[str] = frozenset()) -> Look:
    return Look(list(conditions), unknown)


def lingers(*conditions: Condition) -> Look:
    return look(*conditions)._replace(lingering=frozenset({("balance", "up")}))


def seen(**of_key: Seen) -> dict[str, Seen]:
    return of_key


NO_CHANGE = Changes([], [], [], {})
CHANGES: dict[str, tuple[list[Alert], Look, Changes]] = {
    "nothing was and is wrong": ([], look(), NO_CHANGE),
    "something begins": ([], look(LOW), NO_CHANGE._replace(begun=[LOW])),
    "it lasts": ([alert(HOUR)], look(LOW), NO_CHANGE),
    "it has another text": (
        [alert(HOUR, text="up has 4.00 USD")], look(LOW),
        NO_CHANGE._replace(texts={1: LOW.text}),
    ),
    "it ends": ([alert(HOUR)], look(), NO_CHANGE._replace(ended=[1])),
    "it stays away": ([alert(HOUR, MINUTE)], look(), NO_CHANGE),
    "it comes back": ([alert(DAY, 6 * HOUR)], look(LOW), NO_CHANGE._replace(returned=[1])),
    "it comes back much later": (
        [alert(DAY, 6 * HOUR + 1)], look(LOW), NO_CHANGE._replace(begun=[LOW]),
    ),
    "the last of its kind comes back": (
        [alert(DAY, 5 * HOUR), alert(HOUR, 60, id=2)], look(LOW),
        NO_CHANGE._replace(returned=[2]),
    ),
    "another subject": (
        [alert(HOUR)], look(LOW, LOW._replace(subject="dear")),
        NO_CHANGE._replace(begun=[LOW._replace(subject="dear")]),
    ),
    "another thing comes under it": (
        [alert(HOUR, things=seen(a=Seen(0, 1)), arrivals=4)],
        look(LOW._replace(things=(Thing("a"), Thing("b")))),
        NO_CHANGE._replace(things={1: (seen(a=Seen(0, 1), b=Seen(0, 1)), 5)}),
    ),
    "it lingers": ([alert(HOUR)], lingers(), NO_CHANGE),
    "it was over and lingers again": (
        [alert(HOUR, MINUTE)], lingers(), NO_CHANGE._replace(ended=[1]),
    ),
    "it was over for long and lingers": ([alert(DAY, 6 * HOUR + 1)], lingers(), NO_CHANGE),
    "it lingered and is wrong again": (
        [alert(HOUR, 0)], lingers(LOW), NO_CHANGE._replace(returned=[1]),
    ),
    "it only lingers": ([], lingers(), NO_CHANGE),
    "it is not known whether it lasts": (
        [alert(HOUR)], look(unknown=frozenset({"balance"})), NO_CHANGE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("known", "found", "expected"), CHANGES.values(), ids=list(CHANGES))
def test_the_table_follows_what_is_wrong(
    known: list[Alert], found: Look, expected: Changes
) -> None:
    assert book.changes(known, found, NOW, PACE) == expected


def below(*numbers: int) -> list[Condition]:
    return [Condition(Kind.BELOW_COST, f"service {n}", f"Service {n}.\nfix {n}") for n in numbers]


def subjects(conditions: list[Condition]) -> list[str]:
    return [condition.subject.removeprefix("service ") for condition in conditions]


FOLDS: dict[str, tuple[list[Condition], list[str], list[str]]] = {
    "a few": (below(1, 2), [], ["1", "2"]),
    "as many as are told singly": (below(*range(MANY)), [], [str(n) for n in range(MANY)]),
    "one more": (below(*range(MANY + 1)), [], [MORE]),
    "some are told singly already": (
        below(*range(MANY + 3)), ["1", "2"], ["1", "2", MORE],
    ),
    "the others become few": (below(1, 2, 3), ["1", MORE], ["1", MORE]),
    "one of the others is left": (below(7), [MORE], [MORE]),
    "the others are gone": (below(1), ["1", MORE], ["1"]),
}  # fmt: skip


@pytest.mark.parametrize(("found", "standing", "expected"), FOLDS.values(), ids=list(FOLDS))
def test_many_services_are_one_alert(
    found: list[Condition], standing: list[str], expected: list[str]
) -> None:
    keys = {(Kind.BELOW_COST, MORE if n == MORE else f"service {n}") for n in standing}
    assert subjects(book.fold(found, keys)) == expected


def test_an_alert_about_many_says_how_many_and_where_they_are_listed() -> None:
    (one,) = book.fold(below(*range(1, 31)), set())
    assert (
        one.text
        == "30 services: Service 1. Service 2. Service 3. And 27 more.\nflask service list"
    )


def test_many_services_that_are_one_alert_are_things_of_it() -> None:
    (one,) = book.fold(below(*range(MANY + 1)), set())
    assert [thing.key for thing in one.things] == [f"service {n}" for n in range(MANY + 1)]
    (last,) = book.fold(below(7), {(Kind.BELOW_COST, MORE)})
    assert last.things == (Thing("service 7"),)


def test_what_is_no_services_is_never_folded() -> None:
    many = [Condition(attention.Kind.STOPPED, str(n), "x") for n in range(50)]
    assert book.fold(many, set()) == many


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 60), (2, 120), (3, 240), (7, 3600), (10**6, 3600)]
)
def test_the_pauses_of_an_address_that_fails_grow(failures: int, seconds: int) -> None:
    assert book.pause_s(failures, PACE) == seconds
