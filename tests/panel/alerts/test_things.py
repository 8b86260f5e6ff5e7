"""Which of the things that an alert is about are new: a table of cases."""

import pytest

from panel.alerts import things
from panel.alerts.things import Seen, Thing

NOW, KEPT_S = 1_800_000_000, 3600

ONE = {"a": Seen(7, 1)}
CASES: dict[str, tuple[dict[str, Seen], list[Thing], dict[str, Seen], int]] = {
    "the first of all": ({}, [Thing("a", 7)], ONE, 1),
    "the same": (ONE, [Thing("a", 7)], ONE, 0),
    "another": (ONE, [Thing("a", 7), Thing("b")], {**ONE, "b": Seen(0, 1)}, 1),
    "one that stands for several": (
        ONE, [Thing("a", 7), Thing("b", 9, 3)], {**ONE, "b": Seen(9, 3)}, 3,
    ),
    "it grows": ({"a": Seen(7, 2)}, [Thing("a", 7, 5)], {"a": Seen(7, 5)}, 3),
    "it shrinks": ({"a": Seen(7, 5)}, [Thing("a", 7, 2)], {"a": Seen(7, 2)}, 0),
    "one goes and a newer comes": ({"a": Seen(7, 2)}, [Thing("a", 8, 2)], {"a": Seen(8, 2)}, 1),
    "several go and a newer comes": ({"a": Seen(7, 5)}, [Thing("a", 8, 2)], {"a": Seen(8, 2)}, 1),
    "the newest goes": ({"a": Seen(7, 2)}, [Thing("a", 5, 1)], {"a": Seen(5, 1)}, 0),
    "one goes": (ONE, [], {"a": Seen(7, 1, NOW)}, 0),
    "it is gone for a while": (
        {"a": Seen(7, 1, NOW - KEPT_S + 1)}, [], {"a": Seen(7, 1, NOW - KEPT_S + 1)}, 0,
    ),
    "it is gone for long": ({"a": Seen(7, 1, NOW - KEPT_S)}, [], {}, 0),
    "it comes back": ({"a": Seen(7, 1, NOW - 60)}, [Thing("a", 7)], ONE, 0),
    "another takes its place": (
        ONE, [Thing("b", 7)], {"b": Seen(7, 1), "a": Seen(7, 1, NOW)}, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("known", "found", "after", "arrived"), CASES.values(), ids=list(CASES))
def test_what_is_new_is_counted(
    known: dict[str, Seen], found: list[Thing], after: dict[str, Seen], arrived: int
) -> None:
    assert things.follow(known, found, NOW, KEPT_S) == (after, arrived)
    assert things.read(things.write(after)) == after


def test_a_key_tells_nothing_of_what_it_was_made_from() -> None:
    text = "flask provider word up 'https://t.me/customer \udcff'"
    assert things.key(text) == things.key(text) != things.key("flask")
    assert "customer" not in things.key(text)
