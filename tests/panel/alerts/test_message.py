"""The message about what is wrong, without a database."""

import pytest

import settings
from panel.alerts import events, message
from panel.alerts.book import Alert, News, Report
from panel.alerts.message import MAX_LINES, Type

OURS = settings.read({})


def reports(*news: News) -> list[Report]:
    alert = Alert(1, "balance", "up", "up has 1 USD.\nfix", 86_400, 90_000)
    return [Report(alert, one, 2 if one is News.MORE else 0) for one in news]


@pytest.mark.parametrize(
    ("news", "type"),
    [
        ([News.BEGUN], Type.FAILURE),
        ([News.BACK], Type.FAILURE),
        ([News.MORE], Type.WARNING),
        ([News.LASTING], Type.INFO),
        ([News.OVER], Type.SUCCESS),
        ([News.OVER, News.LASTING], Type.INFO),
        ([News.OVER, News.BEGUN, News.LASTING], Type.FAILURE),
        ([News.OVER, News.MORE], Type.WARNING),
    ],
)
def test_a_message_says_what_it_means(news: list[News], type: Type) -> None:
    assert message.write(OURS, reports(*news)).type is type


def test_tests_and_failed_units_say_what_they_mean() -> None:
    assert events.trial_message(OURS).type is Type.INFO
    assert events.unit_message(OURS, "panel.service").type is Type.FAILURE
    assert message.write_unrecorded(OURS, [], "the disk is full").type is Type.FAILURE


def test_each_kind_of_news_has_its_part_and_its_words() -> None:
    told = message.write(OURS, reports(*News))
    assert told.title.endswith("): 1 new, 1 growing, 1 back, 1 lasting, 1 over alerts")
    assert told.body.split("\n\n") == [
        "- up has 1 USD.\n    fix",
        "More of the same:\n- 2 more: up has 1 USD.\n    fix",
        "Back again:\n- Since 1970-01-02 00:00 UTC: up has 1 USD.\n    fix",
        "Still so:\n- Since 1970-01-02 00:00 UTC: up has 1 USD.\n    fix",
        "Over:\n- From 1970-01-02 00:00 to 1970-01-02 01:00 UTC: up has 1 USD.",
    ]


def test_a_message_about_very_much_says_how_much_more_there_is() -> None:
    told = message.write(OURS, reports(*[News.BEGUN] * (MAX_LINES + 3)))
    assert told.body.count("- up has") == MAX_LINES
    assert told.body.endswith("- and 3 more: flask notify list")
