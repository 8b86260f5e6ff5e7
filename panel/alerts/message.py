"""The message about what is wrong, as a person reads it."""

import socket
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from panel.alerts.book import News, Report
from panel.alerts.details import without_details
from panel.alerts.kinds import Condition
from panel.alerts.words import commands, sentence
from panel.attention.items import moment
from panel.called import as_called
from settings import Settings

MAX_LINES = 25
"""The most things that one message tells of."""


class Type(StrEnum):
    """What a message means, in Apprise's words."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"
    INFO = "info"


class Message(NamedTuple):
    """A message: its title, its text, and what it means."""

    title: str
    body: str
    type: Type = Type.INFO


def write(settings: Settings, told: Iterable[Report]) -> Message:
    """One message about all of these: what is new, what lasts, what is over."""
    of_news: dict[News, list[Report]] = {news: [] for news in News}
    for report in told:
        of_news[report.news].append(report)
    parts: list[str] = []
    left = MAX_LINES
    for news, reports in of_news.items():
        shown, left = reports[:left], left - len(reports[:left])
        lines = [_told(report) for report in shown]
        if len(reports) > len(shown):
            lines.append(f"- and {len(reports) - len(shown)} more: flask notify list")
        if lines:
            parts.append("\n".join([*_HEADS[news], *lines]))
    if settings.public_url:
        parts.append(f"{settings.public_url}/admin/attention")
    body = as_called(settings.command, "\n\n".join(parts))
    return Message(title(settings, _summary(of_news)), body, _type(of_news))


def _type(of_news: dict[News, list[Report]]) -> Type:
    """What a message means: the worst of what it tells."""
    if of_news[News.BEGUN] or of_news[News.BACK]:
        return Type.FAILURE
    if of_news[News.MORE]:
        return Type.WARNING
    return Type.INFO if of_news[News.LASTING] else Type.SUCCESS


def write_unrecorded(settings: Settings, wrong: list[Condition], why: str) -> Message:
    """The message that the database cannot be written, with all else that is wrong."""
    lines = [f"- The database cannot be written: {without_details(why)}.", "    df -h"]
    lines += [f"- {sentence(condition.text)}" for condition in wrong[:MAX_LINES]]
    body = as_called(settings.command, "\n".join(lines))
    return Message(title(settings, "the database cannot be written"), body, Type.FAILURE)


_HEADS: dict[News, list[str]] = {
    News.BEGUN: [],
    News.MORE: ["More of the same:"],
    News.BACK: ["Back again:"],
    News.LASTING: ["Still so:"],
    News.OVER: ["Over:"],
}


def title(settings: Settings, text: str) -> str:
    """A message's title: which panel it comes from, and what it is about."""
    return f"{settings.name} ({socket.gethostname()}): {text}"


def _summary(of_news: dict[News, list[Report]]) -> str:
    names = {
        News.BEGUN: "new", News.MORE: "growing", News.BACK: "back", News.LASTING: "lasting",
        News.OVER: "over",
    }  # fmt: skip
    counts = [f"{len(some)} {names[news]}" for news, some in of_news.items() if some]
    alerts = sum(map(len, of_news.values()))
    return f"{', '.join(counts)} alert{'' if alerts == 1 else 's'}"


def _told(report: Report) -> str:
    alert, news, more = report
    text = sentence(alert.text)
    if news is News.OVER:
        until = moment(alert.ended_at or alert.began_at)
        gaps = ", with gaps" if alert.returns else ""
        return f"- From {moment(alert.began_at)} to {until} UTC{gaps}: {text}"
    if news is News.MORE:
        text = f"{more} more: {text}"
    elif news is not News.BEGUN:
        text = f"Since {moment(alert.since)} UTC: {text}"
    return "\n".join([f"- {text}", *(f"    {command}" for command in commands(alert.text))])
