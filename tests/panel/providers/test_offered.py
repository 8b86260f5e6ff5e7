"""A provider's catalogue is searched, with what of it is imported."""

from types import SimpleNamespace

import pytest
from support.apps import listed

from models import Provider
from panel.providers import registry, sources
from panel.providers.listing import Listing
from panel.providers.offered import Search, categories, offered, search

LISTINGS = [
    Listing("1", "Instagram Followers", "Instagram", "Default", 900_000, 1, 9, True, True),
    Listing("12", "Подписчики", "Instagram", "Default", 1_000_000, 1, 9, False, False),
    Listing("3", "Views 12K a day", "Video", "Default", 3_300, 1, 9, False, False),
    Listing("4", "Hugs", "Video", "Hugs", 1, 1, 9, False, False),
]


@pytest.fixture
def row(cast: SimpleNamespace) -> Provider:
    """A provider in euros at 1.10, of which service 3 is bought twice."""
    row = registry.add("up", "https://up.example/api/v2", "key", 60, "EUR", 11 * 10**11)
    sources.set_source(cast.followers, row.id, listed("3", 1), 1)
    sources.set_source(cast.views, row.id, listed("3", 1), 1)
    other = registry.add("other", "https://o.example/api/v2", "key", 60, "USD")
    sources.set_source(cast.followers, other.id, listed("1", 1), 2)
    return row


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Search(), ["1", "12", "3", "4"]),
        (Search("followers"), ["1"]),
        (Search("INSTAGRAM  followers"), ["1"]),
        (Search("ПОДПИСЧИКИ"), ["12"]),
        (Search("12"), ["12", "3"]),
        (Search("", "Video"), ["3", "4"]),
        (Search("12", "Video"), ["3"]),
        (Search("", "", "imported"), ["3"]),
        (Search("", "", "new"), ["1", "12", "4"]),
        (Search("", "", "nonsense"), ["1", "12", "3", "4"]),
        (Search("followers views"), []),
        (Search("%"), []),
    ],
)
def test_all_words_are_in_number_name_or_category(
    row: Provider, wanted: Search, found: list[str]
) -> None:
    catalogue = offered(row, LISTINGS, "USD")
    assert [item.listing.service for item in search(catalogue, wanted)] == found


def test_our_cost_and_our_numbers_stand_beside(row: Provider) -> None:
    catalogue = offered(row, LISTINGS, "USD")
    assert [item.cost_micros for item in catalogue] == [990_000, 1_100_000, 3_630, 2]
    assert [item.ours for item in catalogue] == [(), (), (1, 2), ()]
    assert [item.is_supported for item in catalogue] == [True, True, True, False]
    Provider.update(exchange_ppt=None).execute()
    unknown = offered(registry.get("up"), LISTINGS, "USD")
    assert {item.cost_micros for item in unknown} == {None}


def test_categories_are_counted_in_the_order_of_the_catalogue() -> None:
    assert categories(LISTINGS) == {"Instagram": 2, "Video": 2}
    assert list(categories(reversed(LISTINGS))) == ["Video", "Instagram"]


def test_a_large_catalogue_is_one_query(row: Provider, caplog: pytest.LogCaptureFixture) -> None:
    many = [LISTINGS[0]._replace(service=str(n)) for n in range(20_000)]
    with caplog.at_level("DEBUG", "peewee"):
        found = search(offered(row, many, "USD"), Search("instagram 1999"))
    assert len(found) == 12
    assert len([record for record in caplog.records if record.name == "peewee"]) == 1
